"""The agent's terminal on a real pseudo-terminal, against a real gateway."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import termios
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from agent_gateway.agent import AgentState
from dialer import agent_terminal
from dialer.agent_screen import Screen
from dialer.command_line import CommandError
from domain.clock import SystemClock
from domain.ids import AgentId

if TYPE_CHECKING:
    from conftest import Office

pytestmark = pytest.mark.unit


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The far end of a pseudo-terminal that is this process's standard input."""
    far, near = os.openpty()
    with os.fdopen(near, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield far
    os.close(far)


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("", []),
        ("r", ["r"]),
        ("\r", ["enter"]),
        ("\x7f", ["backspace"]),
        ("\x1b", ["escape"]),
        ("\x1b[A", []),
        ("50", ["5", "0"]),
    ],
)
def test_what_is_typed_becomes_keys(typed: str, keys: list[str]) -> None:
    assert agent_terminal.keys_of(typed) == keys


def test_without_a_terminal_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRDIAL_AGENT_SECRET", "x")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(CommandError, match="needs a terminal"):
        agent_terminal.agent("ann")


async def press_until(office: Office, keyboard: int, key: bytes, state: AgentState) -> None:
    """Press until the floor says so: a key pressed before the screen has the news means nothing, as for a person."""
    async with asyncio.timeout(10):
        while office.floor.agent(AgentId("ann")).state is not state:
            os.write(keyboard, key)
            await asyncio.sleep(0.05)


async def test_a_shift_at_the_keyboard(office: Office, keyboard: int) -> None:
    before = termios.tcgetattr(keyboard)
    working = asyncio.create_task(agent_terminal.work(Screen("ann"), office.client(), SystemClock()))
    await office.until_state(AgentState.PAUSED)
    await press_until(office, keyboard, b"r", AgentState.READY)
    await office.call(1)
    await press_until(office, keyboard, b"h", AgentState.WRAP_UP)
    await press_until(office, keyboard, b"4", AgentState.READY)
    await press_until(office, keyboard, b"qq", AgentState.OFFLINE)
    assert await working == "signed_out"
    assert termios.tcgetattr(keyboard) == before
