"""Writes how each attempt ended, as often as it takes. Nothing is dropped; while one fails, nothing is dialed."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from accounts import ledger
from accounts.async_store import AsyncStore
from accounts.errors import NotFoundError, StoreError
from accounts.model import Ending
from domain.clock import Clock
from domain.ids import AttemptId

_log = structlog.get_logger(__name__)

AGAIN_S: Final = 1.0
"""Pause before an outcome that the store would not take is offered again."""


class OutcomeWriter:
    """The ledger's only source of ends of calls that the engine followed.

    Attributes:
        waiting: outcomes that are not written yet.
        failing: those among them that the store has refused.
    """

    def __init__(self, store: AsyncStore, clock: Clock) -> None:
        self.waiting = 0
        self.failing = 0
        self._store = store
        self._clock = clock

    async def write(self, attempt: AttemptId, ending: Ending) -> None:
        """Return once it is durable."""
        self.waiting += 1
        refused = False
        try:
            while True:
                try:
                    await self._store.write(ledger.record_outcome, attempt, ending, self._clock.now())
                except NotFoundError:
                    _log.error("an attempt that is not in the ledger has ended", attempt=attempt)
                    return
                except StoreError as error:
                    self.failing += not refused
                    refused = True
                    _log.error("an outcome cannot be written; it is kept and tried again", error=str(error))
                    await asyncio.sleep(AGAIN_S)
                else:
                    return
        finally:
            self.waiting -= 1
            self.failing -= refused
