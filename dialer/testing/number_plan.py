"""The test carrier's number plan: which number behaves how. One table, for the carrier, the demo, the tests, the docs.

A number is `+1 NPA NXX KK SS`. SS, the last two digits, selects a behaviour; the behaviour of a suffix that is in no
row is drawn from the carrier's probability profile. KK, the two digits before, selects the marking tone that the
party sends while it talks, so that a recording shows whom it holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.outcomes import Outcome
from domain.phone import PhoneNumber, PhoneNumberError


class Behaviour(StrEnum):
    """The truth about a number: what is at the other end of the line."""

    HUMAN = "human"
    HUMAN_HANGS_UP_EARLY = "human_hangs_up_early"
    HUMAN_HANGS_UP_LATE = "human_hangs_up_late"
    HUMAN_PATIENT = "human_patient"
    HUMAN_PRESSES_9 = "human_presses_9"
    SLOW_HUMAN = "slow_human"
    WORDY_HUMAN = "wordy_human"
    VOICEMAIL = "voicemail"
    TERSE_VOICEMAIL = "terse_voicemail"
    MAILBOX_FULL = "mailbox_full"
    FAX = "fax"
    FAX_CNG = "fax_cng"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    SIT = "sit"
    UNALLOCATED = "unallocated"
    CONGESTED = "congested"


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One behaviour.

    Attributes:
        behaviour: its name.
        suffix: the last two digits of the numbers that have it.
        sip: what a caller sees on the wire: provisional responses and the final one.
        does: what the party does, for people.
        expected: the outcomes that agree with this truth; an engine that writes another one is wrong.
        person: whether a human being answers.
    """

    behaviour: Behaviour
    suffix: str
    sip: str
    does: str
    expected: frozenset[Outcome]
    person: bool = False


# A person who is there may find no agent, and may have put the phone down before anything could happen.
_TALKS: Final = frozenset(
    {Outcome.CONVERSATION, Outcome.THIRD_PARTY, Outcome.WRONG_NUMBER, Outcome.ABANDONED, Outcome.LIVE_HANGUP}
)
# Whoever rings may be released by the engine before the carrier shows what the number is.
_RINGS: Final = frozenset({Outcome.CANCELLED})
_MACHINE: Final = frozenset({Outcome.MACHINE, Outcome.VOICEMAIL_LEFT}) | _RINGS
_FAX: Final = frozenset({Outcome.FAX}) | _RINGS

PLAN: Final[tuple[PlanRow, ...]] = (
    PlanRow(
        Behaviour.HUMAN,
        "01",
        "180, 200",
        "says hello, listens, speaks, sends the marking tone, hangs up after a drawn time",
        _TALKS | _RINGS,
        person=True,
    ),
    PlanRow(
        Behaviour.HUMAN_HANGS_UP_EARLY,
        "02",
        "180, 200",
        "says hello and hangs up 0.9 to 1.7 s after answering",
        frozenset({Outcome.LIVE_HANGUP}) | _RINGS,
        person=True,
    ),
    PlanRow(
        Behaviour.HUMAN_HANGS_UP_LATE,
        "03",
        "180, 200",
        "says hello and hangs up 2.5 to 3.5 s after answering",
        _TALKS | _RINGS,
        person=True,
    ),
    PlanRow(
        Behaviour.HUMAN_PATIENT,
        "04",
        "180, 200",
        "as human, but stays until the other side hangs up (180 s at most)",
        _TALKS | _RINGS,
        person=True,
    ),
    PlanRow(
        Behaviour.HUMAN_PRESSES_9,
        "05",
        "180, 200",
        "as human_patient, and presses 9 about 6 s after answering",
        _TALKS | _RINGS,
        person=True,
    ),
    PlanRow(
        Behaviour.SLOW_HUMAN,
        "06",
        "(6 s) 183, 200",
        "nothing for 6 s, ring-back tone as early media, then as human",
        _TALKS | _RINGS,
        person=True,
    ),
    PlanRow(
        Behaviour.WORDY_HUMAN,
        "07",
        "180, 200",
        "as human, but answers with a whole sentence: a detector that counts words takes it for a machine",
        _TALKS | _RINGS,
        person=True,
    ),
    PlanRow(
        Behaviour.VOICEMAIL,
        "11",
        "180, 200",
        "a greeting of 6 to 10 s, a beep, 20 s of recording silence, hangs up",
        _MACHINE,
    ),
    PlanRow(
        Behaviour.TERSE_VOICEMAIL,
        "13",
        "180, 200",
        "as voicemail, but the greeting is three words and a pause: a detector takes it for a person",
        _MACHINE,
    ),
    PlanRow(
        Behaviour.MAILBOX_FULL,
        "12",
        "180, 200",
        "announces that the mailbox is full, hangs up",
        frozenset({Outcome.MAILBOX_FULL, Outcome.MACHINE}) | _RINGS,
    ),
    PlanRow(
        Behaviour.FAX,
        "21",
        "180, 200",
        "answers as a fax: 1.8 s of silence, CED 2100 Hz for 3 s, V.21 preamble, twice; hangs up",
        _FAX,
    ),
    PlanRow(
        Behaviour.FAX_CNG,
        "22",
        "180, 200",
        "calling tone CNG, 1100 Hz, half a second every 3.5 s, four times; hangs up",
        _FAX,
    ),
    PlanRow(Behaviour.BUSY, "31", "486", "busy", frozenset({Outcome.BUSY})),
    PlanRow(
        Behaviour.NO_ANSWER,
        "32",
        "180, 480",
        "rings for 60 s, nobody answers",
        frozenset({Outcome.NO_ANSWER}) | _RINGS,
    ),
    PlanRow(
        Behaviour.REJECTED,
        "33",
        "180, 603",
        "rings, is declined by hand",
        frozenset({Outcome.CARRIER_BLOCKED}) | _RINGS,
    ),
    PlanRow(Behaviour.BLOCKED, "34", "403", "refused by the network", frozenset({Outcome.CARRIER_BLOCKED})),
    PlanRow(
        Behaviour.SIT,
        "41",
        "183, 404",
        "special information tones and an announcement as early media",
        frozenset({Outcome.SIT}) | _RINGS,
    ),
    PlanRow(Behaviour.UNALLOCATED, "42", "404", "unallocated number, refused at once", frozenset({Outcome.SIT})),
    PlanRow(Behaviour.CONGESTED, "43", "503", "no circuit; refused before anything rang", frozenset({Outcome.FAILED})),
)

BY_BEHAVIOUR: Final = {row.behaviour: row for row in PLAN}
BY_SUFFIX: Final = {row.suffix: row.behaviour for row in PLAN}
PROFILE_SUFFIX: Final = "00"
"""The suffix that `profile_number` uses; every other suffix without a row is drawn from the profile as well."""

# What an ear or a detector could take for signalling: DTMF, CNG, CED, SIT, beep.
_SIGNALLING_HZ: Final = (697, 770, 852, 941, 1209, 1336, 1477, 1633, 1100, 2100, 914, 950, 985, 1371, 1400, 1777, 1800)
_TONE_STEP_HZ: Final = 20


def _marking_tones() -> tuple[int, ...]:
    candidates = (500 + _TONE_STEP_HZ * i for i in range(200))
    clear = (hz for hz in candidates if all(abs(hz - other) > 12 for other in _SIGNALLING_HZ))
    return tuple(hz for hz, _ in zip(clear, range(100), strict=False))


TONES_HZ: Final = _marking_tones()
"""One marking tone per value of KK: multiples of 20 Hz from 500 Hz up, away from every signalling tone."""

# Ordinary exchange codes, none of them N11, 555 or a test code: the numbers are valid and are dialled on loopback only.
_EXCHANGES: Final = tuple(f"{code}" for code in range(234, 990, 7) if code % 100 != 11 and code not in {555, 950, 958})


def number_for(behaviour: Behaviour | None, area_code: str, k: int) -> PhoneNumber:
    """The k-th number of an area code that behaves in a given way.

    Args:
        behaviour: a row of the plan; None for a number whose behaviour the probability profile draws.
        area_code: three digits of the North American plan.
        k: 0, 1, 2, ...; different k give different numbers, and the last two digits of k select the marking tone.

    Raises:
        ValueError: the area code is malformed, or k is beyond the numbers there are (some ten thousand).
    """
    if re.fullmatch(r"[2-9][0-9]{2}", area_code) is None:
        raise ValueError(f"area code {area_code!r}: three digits are expected, the first 2 to 9")
    block, tone = divmod(k, 100)
    if k < 0 or block >= len(_EXCHANGES):
        raise ValueError(f"k = {k}: 0 to {len(_EXCHANGES) * 100 - 1} are there; use another area code for more")
    suffix = PROFILE_SUFFIX if behaviour is None else BY_BEHAVIOUR[behaviour].suffix
    return PhoneNumber(f"+1{area_code}{_EXCHANGES[block]}{tone:02d}{suffix}")


def markdown_table() -> str:
    """The plan as the documentation shows it."""
    lines = [
        "| SS | behaviour | on the wire | what the party does | outcomes that agree |",
        "|---|---|---|---|---|",
    ]
    for row in PLAN:
        outcomes = ", ".join(outcome for outcome in Outcome if outcome in row.expected)
        lines.append(f"| {row.suffix} | `{row.behaviour}` | {row.sip} | {row.does} | {outcomes} |")
    lines.append("| other | drawn | | one of the above, by the weights of the profile | |")
    return "\n".join(lines) + "\n"


def fixed_behaviour(number: PhoneNumber) -> Behaviour | None:
    """The behaviour its suffix fixes, or None where the profile draws it."""
    return BY_SUFFIX.get(number.digits[-2:])


def tone_hz(number: PhoneNumber) -> int:
    """The marking tone of whoever answers at this number, in Hz."""
    if len(number.digits) < 4:
        raise PhoneNumberError("too short for the number plan")
    return TONES_HZ[int(number.digits[-4:-2])]
