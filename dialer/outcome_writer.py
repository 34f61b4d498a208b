"""Writes how each attempt ended, as often as it takes. Nothing is dropped; while one fails, nothing is dialed.

Calls end while others are being written: those are written together by the next transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from accounts import endings
from accounts.async_store import AsyncStore
from accounts.errors import StoreError
from accounts.model import Ending
from domain.clock import Clock
from domain.ids import AttemptId

_log = structlog.get_logger(__name__)

AGAIN_S: Final = 1.0
"""Pause before outcomes that the store would not take are offered again."""
TOGETHER_AT_MOST: Final = 32
"""Outcomes of one transaction: it should not keep reservations waiting for long."""


class OutcomeWriter:
    """The ledger's only source of ends of calls that the engine followed.

    Attributes:
        failing: whether the store has refused what is to be written now.
    """

    def __init__(self, store: AsyncStore, clock: Clock) -> None:
        self.failing = False
        self._store = store
        self._clock = clock
        self._unwritten: dict[AttemptId, Ending] = {}
        self._turn = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """Outcomes that are not written yet."""
        return len(self._unwritten)

    async def write(self, attempt: AttemptId, ending: Ending) -> None:
        """Return once it is durable."""
        self._unwritten[attempt] = ending
        async with self._turn:
            while attempt in self._unwritten:  # else whose turn was before has written it
                oldest = dict(list(self._unwritten.items())[:TOGETHER_AT_MOST])
                await self._write(oldest)
                for written in oldest:
                    del self._unwritten[written]

    async def _write(self, ended: Mapping[AttemptId, Ending]) -> None:
        while True:
            try:
                known = await self._store.write(endings.record_outcomes, ended, self._clock.now())
            except StoreError as error:
                self.failing = True
                _log.error("outcomes cannot be written; they are kept and tried again", error=str(error))
                await asyncio.sleep(AGAIN_S)
            except SQLAlchemyError as error:
                await self._write_without_details(ended, error)
                return
            else:
                break
        self.failing = False
        for attempt in ended.keys() - known.keys():
            _log.error("an attempt that is not in the ledger has ended", attempt=attempt)

    async def _write_without_details(self, ended: Mapping[AttemptId, Ending], refused: SQLAlchemyError) -> None:
        """The database refuses a value: the others must not suffer, and that one's outcome itself is written still."""
        if len(ended) > 1:
            for attempt, ending in ended.items():
                await self._write({attempt: ending})
            return
        ((attempt, ending),) = ended.items()
        if ending == (bare := Ending(ending.outcome)):
            raise refused
        # Not its text: databases quote the values they refuse.
        _log.error("refused by the database; written without details", attempt=attempt, error=type(refused).__name__)
        await self._write({attempt: bare})
