"""Agents' secrets: what a screen signs in with (a hash at rest) and what a telephone registers with.

One private file in the state directory. Asterisk needs a telephone's secret in clear, so the file is readable by the
engine's user alone; who an agent is and what the agent can do is in the account store.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from accounts import floor as agent_rows
from accounts.async_store import AsyncStore
from agent_gateway.credentials import hash_secret, new_secret
from agent_gateway.server import AgentRecord
from dialer.asterisk.settings import AgentPhone
from domain.ids import AgentId

NAME: Final = "agents.json"


@dataclass(frozen=True, slots=True)
class NewSecrets:
    """Shown once, when an agent is enrolled."""

    screen: str = field(repr=False)
    telephone: str = field(repr=False)


class AgentDirectory:
    """The secrets file of a state directory, with the store's agents behind it."""

    def __init__(self, state_dir: Path, store: AsyncStore | None = None) -> None:
        self._path = state_dir / NAME
        self._store = store
        self._entries: dict[str, dict[str, str]] = _read(self._path)

    def enrol(self, agent: AgentId) -> NewSecrets:
        """Give an agent new secrets; the former ones stop working."""
        made = NewSecrets(new_secret(), secrets.token_hex(12))
        self._entries[agent] = {"screen": hash_secret(made.screen), "telephone": made.telephone}
        part = self._path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(self._entries, indent=1), encoding="utf-8")
        part.replace(self._path)
        return made

    def telephones(self) -> tuple[AgentPhone, ...]:
        """What may register with Asterisk."""
        return tuple(AgentPhone(name, entry["telephone"]) for name, entry in sorted(self._entries.items()))

    async def find(self, agent: AgentId) -> AgentRecord | None:
        """Who may sign in at the gateway."""
        entry = self._entries.get(agent)
        if entry is None or self._store is None:
            return None
        for known in await self._store.read(agent_rows.everyone):
            if known.id == agent and known.enabled:
                return AgentRecord(agent, known.name, entry["screen"], known.skills)
        return None


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        entries: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return entries
