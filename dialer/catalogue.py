"""The catalogue of recordings on the account store: `recordings.catalogue.Catalogue` as rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, isfinite

from sqlalchemy.exc import SQLAlchemyError

from accounts import journal
from accounts.async_store import AsyncStore
from accounts.errors import StoreError
from accounts.journal import RecordingRow
from domain.clock import Clock
from domain.ids import AttemptId, RecordingId
from recordings.audio import Party
from recordings.catalogue import CatalogueError, CatalogueRow, FinishedCall
from recordings.check import Finding, FindingCode
from recordings.lifecycle import FINAL, RecordingState


class StoreCatalogue:
    """Reads and writes rows; tells of each row that was written."""

    def __init__(self, store: AsyncStore, clock: Clock, written: Callable[[CatalogueRow], None]) -> None:
        self._store = store
        self._clock = clock
        self._written = written

    async def find(self, attempt: AttemptId) -> CatalogueRow | None:
        try:
            row = await self._store.read(journal.find_recording, attempt)
        except StoreError as error:
            raise CatalogueError(str(error)) from error
        return None if row is None else _from_row(row)

    async def write(self, row: CatalogueRow) -> None:
        try:
            await self._store.write(journal.write_recording, _to_row(row))
        except StoreError as error:
            raise CatalogueError(str(error)) from error
        except SQLAlchemyError as error:  # not its text, which quotes values
            raise CatalogueError(f"the database refuses the row of a recording: {type(error).__name__}") from error
        self._written(row)

    async def owed(self) -> Sequence[FinishedCall]:
        final = frozenset(state.value for state in FINAL)
        try:
            rows = await self._store.read(journal.recordings_owed, final, self._clock.now())
        except StoreError as error:
            raise CatalogueError(str(error)) from error
        return [FinishedCall(row.attempt, row.bridged_s, row.announced) for row in rows]


def _to_row(row: CatalogueRow) -> RecordingRow:
    return RecordingRow(
        id=row.recording,
        attempt=row.attempt,
        state=row.state.value,
        object_key=row.key,
        sha256=row.sha256,
        seconds=row.seconds,
        size=row.size,
        channels=row.channels,
        announced=row.announced,
        bridged_s=row.bridged_s,
        made_at=row.made_at,
        findings=tuple(finding.code.value for finding in row.findings),
        # JSON knows no infinity: null is digital silence.
        level_dbfs={party.value: level if isfinite(level) else None for party, level in row.level_dbfs.items()},
        listening_key=row.listening_key,
    )


def _from_row(row: RecordingRow) -> CatalogueRow:
    return CatalogueRow(
        recording=RecordingId(row.id),
        attempt=row.attempt,
        state=RecordingState(row.state),
        key=row.object_key,
        sha256=row.sha256,
        seconds=row.seconds,
        size=row.size,
        channels=row.channels,
        announced=row.announced,
        bridged_s=row.bridged_s,
        made_at=row.made_at,
        findings=tuple(Finding(FindingCode(code), "") for code in row.findings),
        level_dbfs={Party(party): -inf if level is None else level for party, level in row.level_dbfs.items()},
        listening_key=row.listening_key,
    )
