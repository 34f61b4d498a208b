"""The demo's accounts: invented people behind numbers of the test carrier, and forty who must not be called. Pure.

The behaviour of each number is the test carrier's (`dialer.testing.number_plan`). For the forty, `expected_code` says
which reason must keep them from being dialed; the demo compares.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dialer.testing.number_plan import Behaviour, number_for
from domain.outcomes import Outcome
from domain.reasons import ReasonCode


@dataclass(frozen=True, slots=True)
class Place:
    area_code: str
    zip: str
    city: str
    state: str


# Open at 15:00 UTC on a winter Tuesday: 9 or 10 in the morning there.
OPEN: Final = (
    Place("404", "30303", "Atlanta", "GA"),
    Place("614", "43215", "Columbus", "OH"),
    Place("312", "60601", "Chicago", "IL"),
    Place("615", "37203", "Nashville", "TN"),
    Place("919", "27601", "Raleigh", "NC"),
    Place("804", "23219", "Richmond", "VA"),
    Place("313", "48226", "Detroit", "MI"),
    Place("214", "75201", "Dallas", "TX"),
)
# Seven in the morning: before the window opens.
CLOSED: Final = (Place("213", "90012", "Los Angeles", "CA"), Place("206", "98101", "Seattle", "WA"))
NOWHERE: Final = Place("833", "", "", "")
"""Toll-free numbers of people whose address nobody knows."""

_NAMES: Final = (
    ("Ada", "Quill"), ("Ben", "Marsh"), ("Cora", "O'Neil"), ("Dev", "Rao"), ("Ella", "Smith-Jones"), ("Femi", "Ade"),
    ("Güler", "Şahin"), ("Hal", "Brook"), ("Ines", "Peña"), ("Jun", "王"), ("Kai", "Lund"), ("Lea", "Roth"),
)  # fmt: skip
_AWKWARD: Final = ("=HYPERLINK(1)", "<script>alert(1)</script>", 'Quo"ted, Comma', "Émile 🙂", "دينا", "Robert'); DROP")
"""Names that have broken other programs; they are people here."""


@dataclass(frozen=True, slots=True)
class SampleAccount:
    """One row of the sample file.

    Attributes:
        expected_code: why it must not be called; None for those who are dialed.
        history: past contacts, as days before the demo and outcome.
    """

    account: str
    person: str
    first_name: str
    last_name: str
    phone: str
    place: Place
    balance: str
    priority: int
    suppress: str = ""
    expected_code: ReasonCode | None = None
    history: tuple[tuple[float, Outcome], ...] = ()


PROGRESSIVE: Final[Mapping[Behaviour, int]] = {
    Behaviour.HUMAN: 66,
    Behaviour.SLOW_HUMAN: 6,
    Behaviour.HUMAN_HANGS_UP_EARLY: 6,
    Behaviour.HUMAN_HANGS_UP_LATE: 6,
    Behaviour.VOICEMAIL: 36,
    Behaviour.MAILBOX_FULL: 8,
    Behaviour.FAX: 4,
    Behaviour.FAX_CNG: 2,
    Behaviour.BUSY: 12,
    Behaviour.NO_ANSWER: 18,
    Behaviour.REJECTED: 5,
    Behaviour.BLOCKED: 2,
    Behaviour.SIT: 5,
    Behaviour.UNALLOCATED: 2,
    Behaviour.CONGESTED: 2,
}
POWER: Final[Mapping[Behaviour, int]] = {
    Behaviour.HUMAN: 42,
    Behaviour.VOICEMAIL: 10,
    Behaviour.NO_ANSWER: 4,
    Behaviour.BUSY: 4,
}
PREDICTIVE: Final[Mapping[Behaviour, int]] = {
    Behaviour.HUMAN: 24,
    Behaviour.VOICEMAIL: 10,
    Behaviour.NO_ANSWER: 18,
    Behaviour.BUSY: 6,
    Behaviour.SIT: 2,
}
_SEVEN_IN_SEVEN: Final = tuple((0.6 + 0.9 * day, Outcome.NO_ANSWER) for day in range(7))
"""Seven calls within seven days (12 CFR 1006.14(b)(2)(i)(A))."""
_SPOKE: Final = ((2.5, Outcome.CONVERSATION),)
"""A conversation less than seven days ago (12 CFR 1006.14(b)(2)(i)(B))."""


def progressive_accounts(seed: int) -> Sequence[SampleAccount]:
    """The list of the progressive campaign: 180 to be dialed and the 40, in mixed order."""
    made = [*_dialed("P", PROGRESSIVE, seed), *_blocked()]
    random.Random(seed).shuffle(made)  # noqa: S311  # a repeatable order, not a secret
    return made


def power_accounts(seed: int) -> Sequence[SampleAccount]:
    """The list of the power campaign: mostly people, so that two lines an agent must leave somebody waiting."""
    made = list(_dialed("W", POWER, seed + 1, first_number=300))
    return sorted(made, key=lambda account: -account.priority)


def predictive_accounts(seed: int) -> Sequence[SampleAccount]:
    """The list of the predictive campaign: two in five are people, so that lines have to be placed ahead of agents."""
    made = list(_dialed("F", PREDICTIVE, seed + 2, first_number=500))
    return sorted(made, key=lambda account: -account.priority)


def to_csv(accounts: Sequence[SampleAccount]) -> str:
    """The file as a client would send it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["account", "person_id", "first_name", "last_name", "phone", "phone_type", "zip", "city", "state", "balance"]
        + ["priority", "suppress", "expected_code"]
    )
    for each in accounts:
        place = each.place
        writer.writerow(
            [each.account, each.person, each.first_name, each.last_name, each.phone, "", place.zip, place.city]
            + [place.state, each.balance, each.priority, each.suppress, each.expected_code or ""]
        )
    return text.getvalue()


def past_contacts(
    accounts: Sequence[SampleAccount], now: datetime
) -> Iterator[tuple[SampleAccount, datetime, Outcome]]:
    """What happened before the demo."""
    for account in accounts:
        for days, outcome in account.history:
            yield account, now - timedelta(days=days), outcome


def expected_blocks(accounts: Sequence[SampleAccount]) -> dict[str, int]:
    """How many accounts each reason must keep from being dialed."""
    counts: dict[str, int] = {}
    for account in accounts:
        if account.expected_code is not None:
            counts[account.expected_code.value] = counts.get(account.expected_code.value, 0) + 1
    return counts


def _dialed(prefix: str, mix: Mapping[Behaviour, int], seed: int, *, first_number: int = 0) -> Iterator[SampleAccount]:
    """Accounts of a mix in a drawn order; `first_number` keeps the numbers of several lists apart."""
    chance = random.Random(seed)  # noqa: S311
    behaviours = [behaviour for behaviour, count in mix.items() for _ in range(count)]
    chance.shuffle(behaviours)
    for index, behaviour in enumerate(behaviours):
        place = OPEN[index % len(OPEN)]
        first, last = _NAMES[index % len(_NAMES)]
        if index % 30 == 7:  # a sprinkling
            last = _AWKWARD[index // 30 % len(_AWKWARD)]
        yield SampleAccount(
            account=f"{prefix}{index:04d}",
            person=f"{prefix}-{index:04d}",
            first_name=first,
            last_name=last,
            phone=number_for(behaviour, place.area_code, first_number + index // len(OPEN)).e164,
            place=place,
            balance=f"{chance.randint(40, 9000)}.{chance.randint(0, 99):02d}",
            priority=chance.randint(1, 100),
        )


def _blocked() -> Iterator[SampleAccount]:
    plan: tuple[tuple[int, ReasonCode, Sequence[Place], str, tuple[tuple[float, Outcome], ...]], ...] = (
        (10, ReasonCode.CALL_WINDOW, CLOSED, "", ()),
        (10, ReasonCode.INTERNAL_DNC, OPEN, "yes", ()),
        (8, ReasonCode.FREQUENCY, OPEN, "", _SEVEN_IN_SEVEN),
        (6, ReasonCode.COOL_OFF, OPEN, "", _SPOKE),
        (6, ReasonCode.NO_LOCATION, (NOWHERE,), "", ()),
    )
    index = 0
    for count, code, places, suppress, history in plan:
        for k in range(count):
            place = places[k % len(places)]
            first, last = _NAMES[index % len(_NAMES)]
            yield SampleAccount(
                account=f"B{index:04d}",
                person=f"B-{index:04d}",
                first_name=first,
                last_name=last,
                phone=number_for(Behaviour.HUMAN, place.area_code, 700 + index).e164,
                place=place,
                balance=f"{100 + index}.00",
                priority=50,
                suppress=suppress,
                expected_code=code,
                history=history,
            )
            index += 1
