"""What an agent may say became of a call, as data, and the check of what was said. Pure.

A disposition is the agent's word; the attempt's outcome follows from it, and so may a suppression. A call for which
nothing was said in time is a `conversation` with no suppression: the cautious reading for frequency caps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.money import Money
from domain.outcomes import Outcome
from domain.reasons import ReasonCode


class Need(StrEnum):
    """What has to be said along with a disposition."""

    PROMISE = "promise"
    """An amount and a day."""
    CALLBACK = "callback"
    """An instant at which the person asked to be called again."""


class Scope(StrEnum):
    """What a suppression reaches."""

    PHONE = "phone"
    PERSON = "person"
    DEBT = "debt"


@dataclass(frozen=True, slots=True)
class Suppression:
    """What may not be called any more, and for which reason."""

    code: ReasonCode
    scope: Scope


@dataclass(frozen=True, slots=True)
class Disposition:
    """One thing an agent may say about a call.

    Attributes:
        code: stable name in the store and the protocol.
        keys: what to press on the telephone: a digit, or `#` and a digit.
        letter: one letter on a keyboard, for those whose `keys` are two.
        label: what the agent reads.
        outcome: the attempt's outcome, or None to leave `conversation`.
        needs: what must be given along.
        suppression: what it forbids from now on.
        right_party: whether it was the person sought who answered; None where it does not tell.
    """

    code: str
    keys: str
    label: str
    letter: str | None = None
    outcome: Outcome | None = None
    needs: frozenset[Need] = frozenset()
    suppression: Suppression | None = None
    right_party: bool | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What was said along with a disposition; all optional until the disposition asks for it."""

    promise: Money | None = None
    promise_on: date | None = None
    callback_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A disposition that was accepted.

    Attributes:
        disposition: None when the agent said nothing in time.
        details: what came along.
        missing: what it needs and could not be given, because a telephone has twelve keys.
    """

    disposition: Disposition | None
    details: Details = field(default_factory=Details)
    missing: frozenset[Need] = frozenset()

    @property
    def outcome(self) -> Outcome:
        said = self.disposition.outcome if self.disposition is not None else None
        return said if said is not None else Outcome.CONVERSATION


class DispositionError(ValueError):
    """The disposition cannot be recorded as given; the message says what to do."""


_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,19}")
_KEYS: Final = re.compile(r"#?[0-9]")
_LETTER: Final = re.compile(r"[a-z]")
COMMAND_LETTERS: Final = frozenset("hlnpqr")
"""Letters the agent's terminal uses for itself: hang up, hold, note, pause, quit, ready."""
NOTE_LIMIT: Final = 2000
_PROMISE_LIMIT: Final = timedelta(days=366)
_CALLBACK_LIMIT: Final = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class DispositionSet:
    """The dispositions of a campaign; checked once, when it is made.

    Raises:
        DispositionError: a code, key or letter is malformed or used twice.
    """

    dispositions: tuple[Disposition, ...]

    def __post_init__(self) -> None:
        codes = [item.code for item in self.dispositions]
        keys = [item.keys for item in self.dispositions]
        letters = [item.letter for item in self.dispositions if item.letter is not None]
        for name, values, shape in (("code", codes, _CODE), ("key", keys, _KEYS), ("letter", letters, _LETTER)):
            wrong = [value for value in values if shape.fullmatch(value) is None]
            if wrong:
                raise DispositionError(f"disposition {name} {wrong[0]!r} is malformed; {shape.pattern} is expected")
            if len(set(values)) < len(values):
                raise DispositionError(f"a disposition {name} is used twice; each must be its own")
        taken = sorted(COMMAND_LETTERS & set(letters))
        if taken:
            raise DispositionError(f"letter {taken[0]!r} is a command of the agent's terminal; take another")

    def by_code(self, code: str) -> Disposition | None:
        return next((item for item in self.dispositions if item.code == code), None)

    def by_keys(self, keys: str) -> Disposition | None:
        return next((item for item in self.dispositions if item.keys == keys), None)

    def record(self, code: str, details: Details, now: datetime) -> Recorded:
        """Check what an agent said on a screen, where everything can be given.

        Raises:
            DispositionError: unknown code, something needed is missing, or a day or instant is out of range.
        """
        disposition = self.by_code(code)
        if disposition is None:
            raise DispositionError("unknown disposition; choose one of the campaign's")
        missing = disposition.needs - _given(details)
        if missing:
            raise DispositionError(f"{disposition.label} needs {' and '.join(_ASK[need] for need in sorted(missing))}")
        _check_ranges(details, now)
        return Recorded(disposition, _only_needed(disposition, details))

    def record_keys(self, keys: str) -> Recorded | None:
        """What an agent said by telephone keys, with what is missing noted; None if the keys mean nothing."""
        disposition = self.by_keys(keys)
        return None if disposition is None else Recorded(disposition, missing=disposition.needs)


_ASK: Final[Mapping[Need, str]] = {Need.PROMISE: "an amount and a day", Need.CALLBACK: "a day and time to call"}


def _given(details: Details) -> frozenset[Need]:
    promised = details.promise is not None and details.promise_on is not None
    return frozenset(
        need for need, there in ((Need.PROMISE, promised), (Need.CALLBACK, details.callback_at is not None)) if there
    )


def _check_ranges(details: Details, now: datetime) -> None:
    if details.promise is not None and details.promise.cents <= 0:
        raise DispositionError("a promised amount must be more than zero")
    # The agent's day may be a day behind or ahead of UTC.
    today = now.date()
    if details.promise_on is not None and not (
        today - timedelta(days=1) <= details.promise_on <= today + _PROMISE_LIMIT
    ):
        raise DispositionError("a promised day must lie between today and a year from now")
    if details.callback_at is not None:
        if details.callback_at.tzinfo is None:
            raise DispositionError("a callback needs a time with its zone")
        if not now <= details.callback_at <= now + _CALLBACK_LIMIT:
            raise DispositionError("a callback must lie between now and half a year from now")
    if len(details.note) > NOTE_LIMIT:
        raise DispositionError(f"a note has at most {NOTE_LIMIT} characters")


def _only_needed(disposition: Disposition, details: Details) -> Details:
    """Drop what does not belong to the disposition: a promise is not recorded along with a wrong number."""
    promised = Need.PROMISE in disposition.needs
    return Details(
        promise=details.promise if promised else None,
        promise_on=details.promise_on if promised else None,
        callback_at=details.callback_at if Need.CALLBACK in disposition.needs else None,
        note=details.note,
    )


def _stop(code: ReasonCode, scope: Scope) -> Suppression:
    return Suppression(code, scope)


COLLECTIONS: Final = DispositionSet(
    (
        Disposition("promise", "1", "Promise to pay", needs=frozenset({Need.PROMISE}), right_party=True),
        Disposition("paid", "2", "Paid, or says paid", right_party=True),
        Disposition("callback", "3", "Call back", needs=frozenset({Need.CALLBACK}), right_party=True),
        Disposition("spoke", "4", "Spoke, no result", right_party=True),
        Disposition("refuses", "5", "Refuses to pay", right_party=True),
        Disposition(
            "third_party",
            "6",
            "Someone else",
            outcome=Outcome.THIRD_PARTY,
            suppression=_stop(ReasonCode.THIRD_PARTY, Scope.PHONE),
            right_party=False,
        ),
        Disposition(
            "wrong_number",
            "7",
            "Wrong number",
            outcome=Outcome.WRONG_NUMBER,
            suppression=_stop(ReasonCode.WRONG_NUMBER, Scope.PHONE),
            right_party=False,
        ),
        Disposition("machine", "8", "Machine", outcome=Outcome.MACHINE),
        Disposition("do_not_call", "9", "Do not call", suppression=_stop(ReasonCode.INTERNAL_DNC, Scope.PHONE)),
        Disposition("silence", "0", "Nobody spoke"),
        Disposition(
            "attorney",
            "#1",
            "Has an attorney",
            "a",
            suppression=_stop(ReasonCode.ATTORNEY, Scope.PERSON),
            right_party=True,
        ),
        Disposition(
            "dispute",
            "#2",
            "Disputes the debt",
            "x",
            suppression=_stop(ReasonCode.DISPUTE, Scope.DEBT),
            right_party=True,
        ),
        Disposition(
            "deceased", "#3", "Deceased", "d", suppression=_stop(ReasonCode.DECEASED, Scope.PERSON), right_party=False
        ),
        Disposition(
            "bankruptcy",
            "#4",
            "Bankruptcy",
            "b",
            suppression=_stop(ReasonCode.BANKRUPTCY, Scope.PERSON),
            right_party=True,
        ),
        Disposition(
            "cease", "#5", "Cease contact", "c", suppression=_stop(ReasonCode.CEASE, Scope.PERSON), right_party=True
        ),
        Disposition(
            "identity_theft",
            "#6",
            "Identity theft",
            "i",
            suppression=_stop(ReasonCode.IDENTITY_THEFT, Scope.DEBT),
            right_party=True,
        ),
    )
)
"""The default set for collections. The nine commonest are one key each; what the law hangs on has a letter too."""
