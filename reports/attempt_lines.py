"""The engine's own account of a run: `attempts.jsonl`, one JSON object a line, as written by the engine and read here.

Four kinds of line, told apart by `kind`:

* `run`, first: when the run began, and by how much its calendar was moved against the machine's clock.
* `attempt`: one attempt from reservation to end. A later line about the same attempt replaces the earlier one (an
  agent's disposition may come after the call).
* `recording`: what became of an attempt's recording; it is finished after the call. The later line replaces.
* `blocked`: an account that the gate did not let be called, and the code of the first reason.

All instants are calendar instants of the run (`domain.clock.Clock.now()`), RFC 3339 in UTC with six decimals. The file
holds whole telephone numbers: it is created with mode 0600 and is no log.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError

from domain.outcomes import Outcome, Verdict
from domain.reasons import ReasonCode
from domain.telephony import Treatment

_STRICT: Final = ConfigDict(extra="forbid", allow_inf_nan=False)


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Instant = Annotated[AwareDatetime, PlainSerializer(_rfc3339)]
_AttemptId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
_E164 = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
_Seconds = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """How to read the instants of the other lines.

    Attributes:
        started_at: calendar instant at which the run began.
        calendar_offset_s: calendar minus the machine's UTC clock; 0 where the calendar was not moved.
    """

    __pydantic_config__ = _STRICT
    started_at: Instant
    calendar_offset_s: float
    kind: Literal["run"] = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLine:
    """One attempt.

    Attributes:
        attempt: its id.
        account: the account as the import file names it.
        number: the number dialled.
        campaign: name of the campaign.
        trunk: name of the trunk that carried it last.
        sip_call_ids: Call-IDs of its INVITEs in order, as far as known; empty when unknown.
        failovers: further INVITEs sent on purpose, over another trunk, after the first was refused.
        reserved_at: the ledger row was durable.
        sent_at: the originate was given to the switch; None when it never was.
        rang_at: first 180 or 183.
        answered_at: the far end answered.
        verdict_at: machine detection had decided (or the answer itself decided, with detection off).
        verdict: what it decided.
        verdict_cause: in the detector's words; "off" without detection.
        treated_at: the treatment for want of an agent began.
        treatment: which one.
        joined_at: person and agent were in one bridge (the first time).
        parted_at: the (last) bridge ended.
        bridged_s: seconds in bridges, all together.
        ended_at: the channel was gone.
        outcome: what became of it.
        cause: Q.850 cause of the hang-up.
        sip_status: SIP status, where the carrier sent one.
        agent: who was joined (last).
        recording_expected: the campaign records and the two were joined.
    """

    __pydantic_config__ = _STRICT
    attempt: _AttemptId
    account: str
    number: _E164
    campaign: str
    reserved_at: Instant
    outcome: Outcome
    trunk: str = ""
    sip_call_ids: tuple[str, ...] = ()
    failovers: Annotated[int, Field(ge=0)] = 0
    sent_at: Instant | None = None
    rang_at: Instant | None = None
    answered_at: Instant | None = None
    verdict_at: Instant | None = None
    verdict: Verdict | None = None
    verdict_cause: str = ""
    treated_at: Instant | None = None
    treatment: Treatment | None = None
    joined_at: Instant | None = None
    parted_at: Instant | None = None
    bridged_s: _Seconds = 0.0
    ended_at: Instant | None = None
    cause: int | None = None
    sip_status: int | None = None
    agent: str | None = None
    recording_expected: bool = False
    kind: Literal["attempt"] = "attempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingLine:
    """What became of one attempt's recording.

    Attributes:
        attempt: whose.
        state: `checked`, `defective`, `missing` or `captured`.
        path: key in the object store; None when nothing was stored.
        seconds: length of the audio.
        sha256: of the stored object.
        findings: codes of what is wrong, empty when nothing is.
    """

    __pydantic_config__ = _STRICT
    attempt: _AttemptId
    state: str
    path: str | None
    seconds: _Seconds
    sha256: str | None
    findings: tuple[str, ...] = ()
    kind: Literal["recording"] = "recording"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedLine:
    """One account that was not called because the law or a policy says no.

    Attributes:
        account: as the import file names it.
        code: the first reason's code.
        at: when it was decided.
    """

    __pydantic_config__ = _STRICT
    account: str
    code: ReasonCode
    at: Instant
    kind: Literal["blocked"] = "blocked"


Line = RunLine | AttemptLine | RecordingLine | BlockedLine
_LINE: Final[TypeAdapter[Line]] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be read; never its content, which may be personal."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class AttemptFile:
    """A whole file.

    Attributes:
        run: the first `run` line; None when there is none.
        attempts: the last line of each attempt, in order of reservation.
        recordings: the last recording line of each attempt.
        blocked: every distinct (account, code).
        bad_lines: what could not be read.
    """

    run: RunLine | None
    attempts: tuple[AttemptLine, ...]
    recordings: dict[str, RecordingLine]
    blocked: tuple[BlockedLine, ...]
    bad_lines: tuple[BadLine, ...]

    @property
    def calendar_offset(self) -> timedelta:
        """What to subtract from an instant of this file to get the machine's clock."""
        return timedelta(seconds=self.run.calendar_offset_s if self.run else 0.0)


def to_json(line: Line) -> bytes:
    """One line of the file, with its newline."""
    return _LINE.dump_json(line) + b"\n"


class AttemptLog:
    """Appends lines to `attempts.jsonl`. Each line is one write, so that a crash tears the last one at most."""

    def __init__(self, path: Path) -> None:
        """Create or continue the file.

        Raises:
            OSError: it cannot be opened.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab", 0)

    def write(self, line: Line) -> None:
        """Append one line.

        Raises:
            OSError: the disk is full or fails.
        """
        self._file.write(to_json(line))

    def close(self) -> None:
        self._file.close()


def read_attempt_file(path: Path) -> AttemptFile:
    """Read a file, passing over lines that are damaged (they are counted and located).

    Raises:
        OSError: there is no such file or it cannot be read.
    """
    with path.open("rb") as file:
        return parse(file.readlines())


def parse(lines: Sequence[bytes]) -> AttemptFile:
    """Lines as they stand in the file; later lines about an attempt replace earlier ones."""
    run: RunLine | None = None
    attempts: dict[str, AttemptLine] = {}
    recordings: dict[str, RecordingLine] = {}
    blocked: dict[tuple[str, ReasonCode], BlockedLine] = {}
    bad: list[BadLine] = []
    for number, text in enumerate(lines, start=1):
        try:
            line = _LINE.validate_json(text)
        except ValidationError as error:
            bad.append(BadLine(number, _why(error)))
            continue
        match line:
            case RunLine():
                run = run or line
            case AttemptLine():
                attempts[line.attempt] = line
            case RecordingLine():
                recordings[line.attempt] = line
            case BlockedLine():
                blocked.setdefault((line.account, line.code), line)
    ordered = tuple(sorted(attempts.values(), key=lambda line: (line.reserved_at, line.attempt)))
    return AttemptFile(run, ordered, recordings, tuple(blocked.values()), tuple(bad))


def _why(error: ValidationError) -> str:
    """Which field, and what is wrong with it; without the value."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    return f"{field}: {first['type']}" if field else str(first["type"])
