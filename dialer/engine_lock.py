"""Watches that this engine is still the only one of its name, and takes dialing away while that is not certain.

On PostgreSQL the lock of the name is lost with its connection, and another process may have taken it since. From the
moment it is not known to be held, no call is placed; calls that are up go on and their ends are written, since every
attempt of theirs is in the ledger. Dialing goes on when the lock is held again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

_log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 1.0
PATIENCE_S: Final = 2.0
"""A server that takes longer to answer has perhaps given the lock away."""
NO_ANSWER: Final = "the database server does not say whether this engine still has its name to itself; check the server"


class EngineLock:
    """The task that looks.

    Args:
        keep: looks whether the lock is held and takes it again if it can; empty, or why not. Blocks.

    Attributes:
        trouble: why no call may be placed as far as the engine's name is concerned; empty when it may.
    """

    def __init__(self, keep: Callable[[], str]) -> None:
        self.trouble = ""
        self._keep = keep

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            look = asyncio.create_task(asyncio.to_thread(self._keep))
            done, _ = await asyncio.wait({look}, timeout=PATIENCE_S)
            if not done:
                self._note(NO_ANSWER)
            self._note(await look)

    def _note(self, trouble: str) -> None:
        if trouble and not self.trouble:
            _log.error("this engine's name is not its own for certain; no call is placed", trouble=trouble)
        elif self.trouble and not trouble:
            _log.warning("this engine's name is its own again; dialing goes on")
        self.trouble = trouble
