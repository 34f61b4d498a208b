"""The pages about agents say what the code says."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from agent_gateway.disposition import COLLECTIONS, Disposition
from agent_gateway.keypad import Command
from agent_gateway.protocol import Reply, Request

pytestmark = pytest.mark.unit

DOCS = Path(__file__).parents[3] / "docs"
PROTOCOL = (DOCS / "reference" / "agent-protocol.md").read_text(encoding="utf-8")
HOWTO = (DOCS / "howto" / "agent.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("message", [*get_args(Request), *get_args(Reply)])
def test_every_message_and_field_is_described(message: type[Request | Reply]) -> None:
    described = {name for name in message.model_fields if f"`{name}`" in PROTOCOL}
    assert set(message.model_fields) - described - {"type", "ref"} == set()
    (kind,) = get_args(message.model_fields["type"].annotation)
    assert f"| `{kind}` |" in PROTOCOL or f"| `{kind}`, " in PROTOCOL or f", `{kind}` |" in PROTOCOL


@pytest.mark.parametrize("disposition", COLLECTIONS.dispositions, ids=lambda item: item.code)
def test_every_disposition_is_in_the_agents_page(disposition: Disposition) -> None:
    key = f"`{disposition.letter}` (`{disposition.keys}`)" if disposition.letter else f"`{disposition.keys}`"
    assert f"| {key} | {disposition.label} |" in HOWTO


@pytest.mark.parametrize("command", Command)
def test_every_key_code_is_in_the_agents_page(command: Command) -> None:
    assert f"| `{command.value}` |" in HOWTO
