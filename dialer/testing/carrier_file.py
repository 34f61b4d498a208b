"""What the test carrier saw, read back from `carrier.jsonl`.

The carrier appends one JSON object a line for each event of a channel: CHAN_START (an INVITE that passed
authentication has become a channel), INVITE (who was called, and the truth about the number), RINGING, ANSWER, MARK,
BEEP, PRESS, DTMF, HANGUP. Times are seconds of the machine's real clock with microseconds, whatever calendar the
dialer is given. Lines may be out of order between channels and the last may be cut short; the reader folds them into
one record per call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field

from dialer.testing.number_plan import BY_BEHAVIOUR, Behaviour
from domain.outcomes import Outcome

_SIP_USER: Final = re.compile(r"<?sips?:([^@;>\s]*)@|<?tel:([^;>\s]*)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Direction(StrEnum):
    """Who called."""

    FROM_DIALER = "from_dialer"
    TO_DIALER = "to_dialer"


class EndedBy(StrEnum):
    """Which side ended the call: BYE or CANCEL by the dialer, or the party (or a refusal by the network)."""

    DIALER = "dialer"
    PARTY = "party"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierCall:
    """One INVITE and what became of it, as the carrier saw it. Times are aware, UTC, of the machine's real clock.

    Attributes:
        channel: the carrier's own id of the call.
        call_id: SIP Call-ID; empty for a call to the dialer that was not answered.
        called: the number called, E.164.
        direction: who called.
        behaviour: the truth about the party.
        registered: whether the dialer was registered; a call without is refused with 403, whoever was called.
        nth: which call to this number it was, from 1.
        invited_at: the authenticated INVITE came, or (to the dialer) went.
        rang_at: the first 180 or 183 was sent.
        answered_at: the 200 was sent or received.
        marked_at: the marking tone began.
        beeped_at: the voicemail's beep ended.
        ended_at: BYE, CANCEL or the final refusal; None while it lives, or if the carrier was killed.
        ended_by: who ended it; None where `ended_at` is.
        cause: Q.850 cause of the end.
        tone_hz: the marking tone of a person who answers here.
        caller_id: the number in From.
        asserted: the number in P-Asserted-Identity, empty if there was none.
        pressed: digits the party sent.
        heard: digits the party received.
    """

    channel: str
    call_id: str
    called: str
    direction: Direction
    behaviour: Behaviour
    registered: bool
    nth: int
    invited_at: datetime
    rang_at: datetime | None
    answered_at: datetime | None
    marked_at: datetime | None
    beeped_at: datetime | None
    ended_at: datetime | None
    ended_by: EndedBy | None
    cause: int | None
    tone_hz: int | None
    caller_id: str
    asserted: str
    pressed: str
    heard: str

    @property
    def is_person(self) -> bool:
        """Whether a human being answers at this number."""
        return BY_BEHAVIOUR[self.behaviour].person

    @property
    def expected(self) -> frozenset[Outcome]:
        """The outcomes that agree with the truth."""
        if not self.registered:
            return frozenset({Outcome.CARRIER_BLOCKED})
        return BY_BEHAVIOUR[self.behaviour].expected


@dataclass(frozen=True, slots=True)
class CarrierFile:
    """A whole file.

    Attributes:
        calls: in the order of their INVITEs.
        bad_lines: lines that could not be understood, a last line without its end among them.
    """

    calls: tuple[CarrierCall, ...]
    bad_lines: int


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    eventtime: float
    eventtype: str
    uniqueid: str
    eventextra: str = ""


class _UserExtra(BaseModel):
    """What the dialplan gave to CELGenUserEvent."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    extra: str = ""


class _Plan(BaseModel):
    """Who was called and the truth: event INVITE, or CALLER for a call to the dialer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    call_id: str
    called: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
    behaviour: Behaviour
    tone: int
    nth: int = 1
    caller: str = ""
    sender: str = Field(default="", alias="from")
    asserted: str = ""


class _Press(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    digit: str


class _HangupExtra(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    hangupcause: int = 0
    hangupsource: str = ""


class _DigitExtra(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    digit: str = ""


@dataclass(slots=True)
class _Gathered:
    """The events of one channel."""

    times: dict[str, datetime] = field(default_factory=dict)
    plan: _Plan | None = None
    direction: Direction = Direction.FROM_DIALER
    hangup: _HangupExtra | None = None
    pressed: str = ""
    heard: str = ""


def read_file(path: Path) -> CarrierFile:
    """Read what a carrier wrote; a file that is still being written may be read at any time.

    Raises:
        OSError: the file cannot be read.
    """
    return fold(path.read_bytes().splitlines(keepends=True))


def read_calls(path: Path) -> list[CarrierCall]:
    """The calls of a file in the order of their INVITEs; lines that cannot be understood are left out.

    Raises:
        OSError: the file cannot be read.
    """
    return list(read_file(path).calls)


def fold(lines: Iterable[bytes]) -> CarrierFile:
    """Event lines to calls. Nothing in a line can raise: what cannot be understood is counted."""
    channels: dict[str, _Gathered] = {}
    bad = 0
    for line in lines:
        try:
            if not line.endswith(b"\n"):
                raise ValueError("a line without its end")
            event = _Line.model_validate_json(line)
            _gather(channels.setdefault(event.uniqueid, _Gathered()), event)
        except (ValueError, OverflowError):  # pydantic's ValidationError is a ValueError
            bad += 1
    calls = [call for channel, gathered in channels.items() if (call := _call(channel, gathered)) is not None]
    return CarrierFile(tuple(sorted(calls, key=lambda call: (call.invited_at, call.channel))), bad)


def _gather(channel: _Gathered, event: _Line) -> None:
    at = _EPOCH + timedelta(microseconds=round(event.eventtime * 1_000_000))
    match event.eventtype:
        case "INVITE" | "CALLER":
            channel.plan = _Plan.model_validate(_facts(event))
            if event.eventtype == "CALLER":
                channel.direction = Direction.TO_DIALER
        case "HANGUP":
            channel.hangup = _HangupExtra.model_validate_json(event.eventextra)
        case "PRESS":
            channel.pressed += _Press.model_validate(_facts(event)).digit
        case "DTMF":
            channel.heard += _DigitExtra.model_validate_json(event.eventextra).digit
        case _:
            pass
    channel.times.setdefault(event.eventtype, at)


def _facts(event: _Line) -> dict[str, str]:
    """The name=value pairs of a user event, percent-decoded."""
    text = _UserExtra.model_validate_json(event.eventextra).extra
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True, strict_parsing=True).items()}


def _call(channel: str, gathered: _Gathered) -> CarrierCall | None:
    """The record of one channel; None where there is no plan: a call to the dialer that nobody answered."""
    plan, times, hangup = gathered.plan, gathered.times, gathered.hangup
    if plan is None:
        return None
    outward = gathered.direction is Direction.TO_DIALER
    return CarrierCall(
        channel=channel,
        call_id=plan.call_id,
        called="+" + plan.called,
        direction=gathered.direction,
        behaviour=plan.behaviour,
        registered="UNREGISTERED" not in times,
        nth=plan.nth,
        invited_at=times.get("CHAN_START", times["CALLER" if outward else "INVITE"]),
        rang_at=times.get("RINGING"),
        answered_at=times.get("ANSWER"),
        marked_at=times.get("MARK"),
        beeped_at=times.get("BEEP"),
        ended_at=times.get("HANGUP"),
        ended_by=_ended_by(hangup),
        cause=hangup.hangupcause if hangup is not None else None,
        tone_hz=plan.tone if BY_BEHAVIOUR[plan.behaviour].person else None,
        caller_id=f"+{plan.caller}" if outward else _sip_user(plan.sender),
        asserted=_sip_user(plan.asserted),
        pressed=gathered.pressed,
        heard=gathered.heard,
    )


def _ended_by(hangup: _HangupExtra | None) -> EndedBy | None:
    """Asterisk names the channel that the far side hung up; the dialplan's own Hangup has another source."""
    if hangup is None:
        return None
    return EndedBy.DIALER if hangup.hangupsource.startswith("PJSIP/") else EndedBy.PARTY


def _sip_user(header: str) -> str:
    found = _SIP_USER.search(header)
    return (found[1] or found[2] or "") if found else ""
