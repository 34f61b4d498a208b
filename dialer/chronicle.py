"""Everything that is written down beside the ledger: what agents said, who opted out, who called in, agents' hours.

The engine and the floor tell and go on; one task writes in the order it was told, and offers again what the store would
not take. Nothing is dropped while the process lives; the ledger itself never depends on this queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from accounts import dispositions, floor, journal, suppression
from accounts.async_store import AsyncStore
from accounts.dispositions import Reach, Said
from accounts.errors import NotFoundError, StoreError
from accounts.model import Claim, Refusal
from agent_gateway.disposition import Recorded
from agent_gateway.floor_events import Disposed, StateInterval
from compliance.facts import SuppressionKind
from dialer.listeners import FinishedAttempt
from domain.clock import Clock
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.telephony import InboundBegan, InboundEnded, RecordingMode
from recordings.catalogue import CatalogueRow
from reports.attempt_lines import AttemptLine, AttemptLog, BlockedLine, Line, RecordingLine

_log = structlog.get_logger(__name__)

AGAIN_S: Final = 1.0
INTERVALS_EVERY_S: Final = 1.0
"""Agents' hours are for reports: those of a second are written at once, and a crash may lose them."""
NOT_FOUND_TRIES: Final = 10
"""A disposition may overtake the outcome it belongs to by a moment, not by more."""


@dataclass(frozen=True, slots=True)
class _Write:
    what: str
    operation: Callable[[Connection], object]


class Chronicle:
    """The engine's Journal and People, the floor's FloorJournal, and the log of a run.

    Args:
        log: where `attempts.jsonl` lines go; None keeps none.
    """

    def __init__(self, store: AsyncStore, clock: Clock, log: AttemptLog | None) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._queue: asyncio.Queue[_Write] = asyncio.Queue()
        self._intervals: list[floor.Interval] = []
        self._flush: asyncio.TimerHandle | None = None

    # --- told by the engine -----------------------------------------------------------------------------------------

    def attempt(self, finished: FinishedAttempt) -> None:
        if self._log is not None:
            self._write_line(self._attempt_line(finished))

    def blocked(self, held: Claim, refusal: Refusal) -> None:
        if self._log is not None and refusal.reasons:
            code = refusal.reasons[0].code
            self._write_line(BlockedLine(account=held.account, code=code, at=self._clock.now()))

    def disposed(self, disposed: Disposed) -> None:
        said = said_of(disposed.recorded)
        if said is not None:
            now = self._clock.now()
            self._tell(
                "disposition",
                lambda tx: dispositions.record_disposition(tx, disposed.attempt, disposed.agent, said, now),
            )

    def opted_out(self, number: PhoneNumber, how: str) -> None:
        now = self._clock.now()
        self._tell(
            "opt-out",
            lambda tx: suppression.suppress(tx, SuppressionKind.INTERNAL_DNC, now, number=number, source=how),
        )

    def called_in(self, began: InboundBegan, ended: InboundEnded) -> None:
        if began.caller is None:
            return
        caller, at = began.caller, self._calendar(began.at)
        self._tell("inbound contact", lambda tx: _record_inbound(tx, caller, at))
        if ended.opted_out:
            self.opted_out(caller, "inbound")

    def interval(self, interval: StateInterval) -> None:
        row = floor.Interval(
            agent=interval.agent,
            state=interval.state.value,
            began=interval.began,
            ended=interval.ended,
            reason=interval.reason,
            attempt=interval.attempt,
        )
        self._intervals.append(row)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(INTERVALS_EVERY_S, self._tell_intervals)

    def recorded(self, row: CatalogueRow) -> None:
        """A recording has been finished."""
        self._write_line(
            RecordingLine(
                attempt=row.attempt,
                state=row.state.value,
                path=row.key,
                seconds=row.seconds,
                sha256=row.sha256,
                findings=tuple(finding.code.value for finding in row.findings),
            )
        )

    # --- writing ----------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """What has been told and is not written yet."""
        return self._queue.qsize()

    async def drain(self) -> None:
        """Wait until everything told so far is written."""
        self._tell_intervals()
        await self._queue.join()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            write = await self._queue.get()
            try:
                await self._carry_out(write)
            finally:
                self._queue.task_done()

    async def _carry_out(self, write: _Write) -> None:
        not_found = 0
        while True:
            try:
                await self._store.write(write.operation)
            except NotFoundError as error:
                not_found += 1
                if not_found == NOT_FOUND_TRIES:
                    _log.error("nothing to attach to; given up", what=write.what, error=str(error))
                    return
            except StoreError as error:
                _log.error("cannot be written; tried again", what=write.what, error=str(error))
            except SQLAlchemyError as error:
                # Not its text: databases quote the values they refuse, and these are people's.
                _log.error("refused by the database; not tried again", what=write.what, error=type(error).__name__)
                return
            else:
                return
            await asyncio.sleep(AGAIN_S)

    def _tell_intervals(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if rows := tuple(self._intervals):
            self._intervals.clear()
            self._tell("agent intervals", lambda tx: floor.record_intervals(tx, rows))

    def _tell(self, what: str, operation: Callable[[Connection], object]) -> None:
        self._queue.put_nowait(_Write(what, operation))

    # --- lines of a run ---------------------------------------------------------------------------------------------

    def _attempt_line(self, finished: FinishedAttempt) -> AttemptLine:
        record, order = finished.record, finished.order
        at = self._calendar
        return AttemptLine(
            attempt=finished.attempt,
            account=finished.account,
            number=finished.number.e164,
            campaign=finished.campaign.name,
            trunk=order.trunk,
            failovers=len(record.refused),
            reserved_at=finished.reserved_at,
            outcome=finished.outcome,
            sent_at=_or_none(at, record.refused[0].sent_at if record.refused else record.sent_at),
            rang_at=_or_none(at, record.rang_at),
            answered_at=_or_none(at, record.answered_at),
            verdict_at=_or_none(at, record.judged_at),
            verdict=record.verdict,
            verdict_cause=record.verdict_cause,
            treated_at=_or_none(at, record.treated_at),
            treatment=record.treatment,
            joined_at=_or_none(at, record.joined_at),
            parted_at=_or_none(at, record.parted_at),
            bridged_s=record.talk_s,
            ended_at=_or_none(at, record.ended_at),
            cause=record.cause,
            sip_status=record.sip_status,
            agent=record.agent,
            recording_expected=record.joined_at is not None and order.recording is not RecordingMode.OFF,
        )

    def _write_line(self, line: Line) -> None:
        if self._log is not None:
            try:
                self._log.write(line)
            except OSError as error:
                _log.error("the log of the run cannot be written", error=error.strerror)

    def _calendar(self, monotonic: float) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic() - monotonic)


def said_of(recorded: Recorded) -> Said | None:
    """What the store is told of a disposition; None when the agent said nothing and nothing follows."""
    disposition, details = recorded.disposition, recorded.details
    if disposition is None:
        return None
    stop = disposition.suppression
    return Said(
        code=disposition.code,
        outcome=None if recorded.outcome is Outcome.CONVERSATION else recorded.outcome,
        suppression=None if stop is None else stop.code,
        reach=Reach.PHONE if stop is None else Reach(stop.scope.value),
        promise=details.promise,
        promise_on=details.promise_on,
        callback_at=details.callback_at,
        note=details.note,
    )


def _record_inbound(tx: Connection, caller: PhoneNumber, at: datetime) -> None:
    persons = journal.persons_at(tx, caller)
    for person in persons or (None,):
        contact = journal.Contact(at, Outcome.CONVERSATION.value, direction="in", number=caller, person=person)
        journal.record_contact(tx, contact)


def _or_none(convert: Callable[[float], datetime], monotonic: float | None) -> datetime | None:
    return None if monotonic is None else convert(monotonic)
