"""The catalogue of recordings as this package needs it: one row a recording, kept by the account store.

`MemoryCatalogue` is the same thing in memory, for tests and the simulator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.ids import AttemptId, RecordingId
from recordings.audio import Party
from recordings.check import Finding
from recordings.lifecycle import FINAL, RecordingState


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One recording.

    Attributes:
        recording: its id.
        attempt: the attempt it belongs to; one row an attempt.
        state: `checked`, `defective`, `missing`, or `captured` while the raw audio waits for room on the disk.
        key: where the evidence lies in the object store; None when there is none.
        sha256: of the whole object, lower-case hex.
        seconds: length of the audio.
        size: bytes of the object.
        channels: 2 (left the customer, right the agent), 0 without audio.
        announced: whether both heard the announcement, which is then part of the recording; None when unknown.
        bridged_s: how long the two were bridged by the engine's clock; None when unknown.
        made_at: when the row's state was reached.
        findings: what is wrong; empty for `checked`.
        level_dbfs: loudest second of each party.
        listening_key: where the smaller copy for listening lies; never evidence.
    """

    recording: RecordingId
    attempt: AttemptId
    state: RecordingState
    key: str | None
    sha256: str | None
    seconds: float
    size: int
    channels: int
    announced: bool | None
    bridged_s: float | None
    made_at: datetime
    findings: tuple[Finding, ...] = ()
    level_dbfs: Mapping[Party, float] = field(default_factory=dict)
    listening_key: str | None = None


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """A call whose channel is gone (its hang-up was seen), as far as its recording is concerned.

    Attributes:
        attempt: its id; the name of the raw file.
        bridged_s: seconds it was bridged with agents, all bridges together; 0 if never; None when nobody knows.
        announced: whether both heard the announcement; None when nobody knows.
        voices: parties who must be heard.
        tones: marking tones in Hz where the parties send them.
    """

    attempt: AttemptId
    bridged_s: float | None
    announced: bool | None
    voices: frozenset[Party] = frozenset(Party)
    tones: Mapping[Party, float] = field(default_factory=dict)


class CatalogueError(Exception):
    """The catalogue could not be read or written now. The raw audio is kept and the recording finished later."""


class Catalogue(Protocol):
    """Durable rows about recordings. Every call may raise CatalogueError."""

    async def find(self, attempt: AttemptId) -> CatalogueRow | None:
        """The attempt's row, if it has one."""
        ...

    async def write(self, row: CatalogueRow) -> None:
        """Insert the row, or replace the attempt's row. Durable when this returns."""
        ...

    async def owed(self) -> Sequence[FinishedCall]:
        """Ended calls that were bridged under a recording mode and have no row in a final state (`lifecycle.FINAL`)."""
        ...


class MemoryCatalogue:
    """A catalogue that lives as long as the process."""

    def __init__(self, owed: Sequence[FinishedCall] = ()) -> None:
        self.rows: dict[AttemptId, CatalogueRow] = {}
        self._owed = tuple(owed)

    async def find(self, attempt: AttemptId) -> CatalogueRow | None:
        return self.rows.get(attempt)

    async def write(self, row: CatalogueRow) -> None:
        self.rows[row.attempt] = row

    async def owed(self) -> Sequence[FinishedCall]:
        done = {attempt for attempt, row in self.rows.items() if row.state in FINAL}
        return [call for call in self._owed if call.attempt not in done]
