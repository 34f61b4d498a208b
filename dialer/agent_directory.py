"""What agents' screens sign in with, as hashes in one private file of the state directory.

Who an agent is and what the agent can do is in the account store; what the agent's telephone registers with belongs to
Asterisk (`dialer.asterisk.installation`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from accounts import floor as agent_rows
from accounts.async_store import AsyncStore
from agent_gateway.credentials import hash_secret, new_secret
from agent_gateway.server import AgentRecord
from domain.ids import AgentId

NAME: Final = "agents.json"


class AgentDirectory:
    """The hashes of a state directory, with the store's agents behind them."""

    def __init__(self, state_dir: Path, store: AsyncStore | None = None) -> None:
        self._path = state_dir / NAME
        self._store = store

    def enrol(self, agent: AgentId) -> str:
        """Give an agent a new secret and return it; it is not kept in clear, and the former one stops working."""
        secret = new_secret()
        hashes = _read(self._path) | {agent: hash_secret(secret)}
        part = self._path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(hashes, indent=1), encoding="utf-8")
        part.replace(self._path)
        return secret

    async def find(self, agent: AgentId) -> AgentRecord | None:
        """Who may sign in at the gateway."""
        stored = _read(self._path).get(agent)  # a new secret holds at once
        if stored is None or self._store is None:
            return None
        for known in await self._store.read(agent_rows.everyone):
            if known.id == agent and known.enabled:
                return AgentRecord(agent, known.name, stored, known.skills)
        return None


def _read(path: Path) -> dict[str, str]:
    try:
        entries: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return entries
