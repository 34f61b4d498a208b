"""What Asterisk wrote down of calls while no engine heard it: `calls.jsonl`, read after a gap, folded into endings.

The dialplan and Asterisk append a line when a call is answered, judged, treated, joined, parted and hung up (see
`asterisk_conf/cel_custom.conf`); none holds a telephone number. Lines may be doubled, out of order between channels,
cut short or damaged: a line that makes no sense is counted and skipped, and in no order do they say anything else. What
an ending is follows from `dialer.outcome`, the table that live calls go by. What the file cannot tell stays unknown.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import structlog
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from accounts.model import Ending
from dialer.call import CallRecord
from dialer.outcome import outcome_of
from dialer.switch_events import VERDICTS
from domain.clock import Clock
from domain.ids import AttemptId, attempt_of
from domain.outcomes import Outcome, Verdict

_log = structlog.get_logger(__name__)

FILE: Final = "calls.jsonl"
LONGEST_LINE: Final = 4096
BEFORE: Final = timedelta(seconds=5)
"""How much earlier than its attempt's id a line may be: two clocks' worth, on one machine."""
ROTATE_BYTES: Final = 8_000_000
TIDY_EVERY_S: Final = 60.0
KEPT_FOR: Final = timedelta(hours=24)
"""Longer than any call lasts and than an engine should be away. Nothing is removed before it has been read at start."""
_CHANNEL: Final = re.compile(rb'"uniqueid" ?: ?"([^"\\]{1,64})"')
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OPT_OUT_KEY: Final = "9"


@dataclass(frozen=True, slots=True)
class Told:
    """What the lines say of one attempt.

    Attributes:
        ending: how it ended; its outcome may be `unknown`.
        over: a hang-up was seen.
        opted_out: the person pressed the key for never being called again.
    """

    ending: Ending
    over: bool
    opted_out: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What a file says.

    Attributes:
        told: of each attempt asked for that the lines know.
        bad_lines: lines that made no sense.
    """

    told: Mapping[AttemptId, Told]
    bad_lines: int


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    eventtime: FiniteFloat
    eventtype: Annotated[str, Field(max_length=32)]
    uniqueid: Annotated[str, Field(max_length=64)]
    eventextra: Annotated[str, Field(max_length=1024)] = ""


class _Said(BaseModel):
    """What the dialplan gave to CELGenUserEvent."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    extra: Annotated[str, Field(max_length=32)] = ""


class _HangUp(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    hangupcause: Annotated[int, Field(ge=0, le=255)]


@dataclass(frozen=True, slots=True, order=True)
class _Event:
    """One line that makes sense. Ordered, so that lines in any order give the same."""

    at: float
    kind: str
    channel: str
    word: str = ""
    cause: int = 0


# --- pure ----------------------------------------------------------------------------------------------------------


def fold(lines: Iterable[bytes], wanted: Collection[AttemptId], offset: timedelta, now: datetime) -> Heard:
    """Lines to endings. Nothing in a line can raise.

    Args:
        lines: each with its line end; one without is taken for cut short.
        wanted: the attempts asked for; lines of other channels are passed over unread.
        offset: what is added to the machine's clock, by which Asterisk writes, for the calendar.
        now: on the calendar; what claims to be later makes no sense.
    """
    asked, bad = frozenset(wanted), 0
    events: dict[AttemptId, set[_Event]] = defaultdict(set)
    for line in lines:
        channel = _CHANNEL.search(line)
        if channel is None or not line.endswith(b"\n"):
            bad += 1
            continue
        attempt = attempt_of(channel[1].decode("ascii", "replace"))
        if attempt not in asked:
            continue
        try:
            event = _event(line, attempt)
            if not _birth(attempt) - BEFORE <= _instant(event.at, offset) <= now + BEFORE:
                raise ValueError("not of this call's time")
        except (ValueError, OverflowError):  # pydantic's ValidationError is a ValueError
            bad += 1
        else:
            events[attempt].add(event)
    return Heard({attempt: _told(sorted(found), offset) for attempt, found in events.items()}, bad)


def _event(line: bytes, attempt: AttemptId) -> _Event:
    read = _Line.model_validate_json(line)
    if attempt_of(read.uniqueid) != attempt:
        raise ValueError("two channels in one line")
    match read.eventtype:
        case "HANGUP":
            cause = _HangUp.model_validate_json(read.eventextra).hangupcause
            return _Event(read.eventtime, read.eventtype, read.uniqueid, cause=cause)
        case "VERDICT" | "TREATED" | "KEY":
            word = _Said.model_validate_json(read.eventextra).extra
            return _Event(read.eventtime, read.eventtype, read.uniqueid, word)
        case _:
            return _Event(read.eventtime, read.eventtype, read.uniqueid)


def _birth(attempt: AttemptId) -> datetime:
    """The instant in an attempt's id (UUID version 7), on the calendar."""
    return _EPOCH + timedelta(milliseconds=int(attempt[:12], 16))


def _instant(at: float, offset: timedelta) -> datetime:
    return _EPOCH + timedelta(seconds=at) + offset


def _told(events: Sequence[_Event], offset: timedelta) -> Told:
    """The events of one attempt, in order. Only the hang-up of its last INVITE is its end."""
    first = {event.kind: event for event in reversed(events)}
    latest = max(event.channel for event in events)
    last = next((e for e in reversed(events) if e.kind == "HANGUP" and e.channel == latest), None)
    verdict = VERDICTS.get(first["VERDICT"].word, Verdict.UNCERTAIN) if "VERDICT" in first else None
    record = CallRecord(
        answered_at=_at(first.get("ANSWER")),
        verdict=verdict,
        treated_at=_at(first.get("TREATED")),
        joined_at=_at(first.get("BRIDGE_ENTER")),
        talk_s=_bridged_s(events, last),
        ended_at=_at(last),
        cause=None if last is None else last.cause,
    )
    keys = {event.word for event in events if event.kind == "KEY"}
    return Told(_ending(record, offset), last is not None, _OPT_OUT_KEY in keys)


def _at(event: _Event | None) -> float | None:
    return None if event is None else event.at


def _bridged_s(events: Sequence[_Event], last: _Event | None) -> float:
    """Seconds in bridges; one that is not seen to end lasts until the hang-up."""
    total, since = 0.0, None
    for event in events:
        if event.kind == "BRIDGE_ENTER" and since is None:
            since = event.at
        elif event.kind == "BRIDGE_EXIT" and since is not None:
            total, since = total + event.at - since, None
    if since is not None and last is not None:
        total += max(0.0, last.at - since)
    return total


def _ending(record: CallRecord, offset: timedelta) -> Ending:
    outcome = outcome_of(record)
    if outcome is Outcome.FAILED:
        # Only a call that never rang has failed and does not count, and whether it rang the lines do not say.
        outcome = Outcome.UNKNOWN

    def calendar(at: float | None) -> datetime | None:
        return None if at is None else _instant(at, offset)

    return Ending(
        outcome=outcome,
        cause=record.cause,
        verdict=None if record.verdict is None else record.verdict.value,
        answered_at=calendar(record.answered_at),
        treated_at=calendar(record.treated_at),
        joined_at=calendar(record.joined_at),
        ended_at=calendar(record.ended_at),
        bridged_s=None if record.joined_at is None else round(record.talk_s, 3),
    )


# --- the files -----------------------------------------------------------------------------------------------------


class CallLines:
    """The lines of one Asterisk. `told` and `tidy` block.

    Args:
        folder: where Asterisk writes them.
        offset: of the calendar to the machine's clock; zero in production.
    """

    def __init__(self, folder: Path, offset: timedelta = timedelta(0)) -> None:
        self._folder = folder
        self._offset = offset

    def told(self, wanted: Collection[AttemptId], now: datetime) -> Mapping[AttemptId, Told]:
        """What the files say of attempts; what cannot be read says nothing."""
        if not wanted:
            return {}
        since = (min(map(_birth, wanted)) - self._offset - BEFORE).timestamp()
        found = fold(self._lines(since), wanted, self._offset, now)
        if found.bad_lines:
            _log.warning("lines of calls that made no sense were skipped", file=FILE, lines=found.bad_lines)
        return found.told

    async def keep_tidy(self, clock: Clock) -> None:
        """Tidy now and then until cancelled; not at once: what an earlier run left is to be read first."""
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            await asyncio.to_thread(self.tidy, clock.now())

    def tidy(self, now: datetime) -> None:
        """Put a full file aside and remove what nobody will ask for any more."""
        present = self._folder / FILE
        try:
            if present.exists() and present.stat().st_size >= ROTATE_BYTES:
                # Asterisk opens the file anew for each line.
                present.replace(self._folder / f"{FILE}.{now:%Y%m%d%H%M%S}")
            oldest = (now - self._offset - KEPT_FOR).timestamp()
            for file in self._folder.glob(f"{FILE}.*"):
                if file.stat().st_mtime < oldest:
                    file.unlink()
        except OSError as error:
            _log.warning("lines of calls cannot be tidied", file=FILE, error=error.strerror)

    def _lines(self, since: float) -> Iterator[bytes]:
        """Lines of all files that were written to since; torn and overlong ones as something that makes no sense."""
        for file in sorted(self._folder.glob(f"{FILE}*")):
            try:
                if file.stat().st_mtime >= since:
                    with file.open("rb") as stream:
                        yield from _split(stream)
            except OSError as error:
                _log.warning("lines of calls cannot be read", file=file.name, error=error.strerror)


def _split(stream: BinaryIO) -> Iterator[bytes]:
    """Lines of bounded length, whatever the file holds."""
    overlong = False
    while piece := stream.readline(LONGEST_LINE):
        ends = piece.endswith(b"\n")
        if ends and overlong:
            overlong = False
        elif ends or len(piece) < LONGEST_LINE:
            yield piece
        elif not overlong:
            overlong = True
            yield b""
