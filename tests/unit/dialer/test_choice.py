"""Choosing by value: nobody is passed over for ever, no priority overruled, and claims stay in proportion to calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.model import Claim
from dialer.choice import PRIORITIES_KEPT, TURNS, Choice
from domain.ids import CampaignId, DebtId, PersonId, PhoneId
from domain.phone import PhoneNumber

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
SPARE = 2


def claim(entry: int, priority: int, worth: int) -> Claim:
    return Claim(
        entry=entry,
        campaign=CampaignId(1),
        person=PersonId(1),
        debt=DebtId(1),
        phone=PhoneId(1),
        number=PhoneNumber("+12125551000"),
        priority=priority,
        attempts=0,
        reserved_agent_only=False,
        engine="test",
        until=NOW,
        balance_cents=worth,
    )


def by_worth(held: Sequence[Claim]) -> Sequence[Claim]:
    return sorted(held, key=lambda one: (-one.priority, -one.balance_cents))


@dataclass
class List:
    """A list as `claim_onward` reads it, and what was done with it."""

    ready: dict[int, Claim]
    choice: Choice = field(default_factory=Choice)
    claimed: Counter[int] = field(default_factory=Counter)
    dialed: list[Claim] = field(default_factory=list)

    def claim_onward(self, n: int) -> list[Claim]:
        rows = sorted(self.ready.values(), key=lambda one: (-one.priority, one.entry))
        top = [one for one in rows if one.priority == rows[0].priority]
        place = self.choice.places.get(rows[0].priority, 0)
        behind = [one for one in top if one.entry > place]
        found = behind or top
        place = place if behind else 0
        below = rows[len(top) :] if place == 0 and len(found) < n else []
        return [*found, *below][:n]

    def dial(self, wanted: int) -> None:
        asked = 2 * wanted + SPARE
        held = self.choice.arrange(self.claim_onward(asked), by_worth)
        self.claimed.update(one.entry for one in held)
        self.dialed += held[:wanted]
        for one in held[:wanted]:
            del self.ready[one.entry]
        self.choice.dialed(held, held[wanted:], asked, enough=len(held) >= wanted)


def of(worths: Sequence[int], priorities: Sequence[int]) -> List:
    pairs = enumerate(zip(worths, priorities, strict=True), start=1)
    return List({entry: claim(entry, priority, worth) for entry, (worth, priority) in pairs})


ACCOUNTS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0, 0, 0, 5])), min_size=1, max_size=80)


@given(ACCOUNTS, st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_everybody_is_dialed_once_and_no_priority_overruled(accounts: list[tuple[int, int]], beats: list[int]) -> None:
    worths, priorities = zip(*accounts, strict=True)
    dialing = of(worths, priorities)
    following = cycle(beats)
    while dialing.ready:  # each beat dials somebody
        dialing.dial(next(following))
    assert sorted(one.entry for one in dialing.dialed) == list(range(1, len(accounts) + 1))
    assert [one.priority for one in dialing.dialed] == sorted(priorities, reverse=True)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 6))
def test_claims_stay_in_proportion_to_calls_and_no_account_is_claimed_over_and_over(
    worths: list[int], wanted: int
) -> None:
    dialing = of(worths, [0] * len(worths))
    while dialing.ready:
        dialing.dial(wanted)
    assert dialing.claimed.total() <= (2 + SPARE) * len(worths) + 2 * wanted + SPARE
    # Once a pass; in the passes in turn an account may also be claimed as one of those beside the wanted ones.
    assert max(dialing.claimed.values()) <= TURNS + 2 * wanted + SPARE


@given(st.integers(1, 4), st.integers(2, 40))
def test_the_worst_account_comes_up_although_better_ones_never_end(wanted: int, length: int) -> None:
    dialing = of([0] + [5] * length, [0] * (length + 1))
    following = length + 2
    beats = 0
    while 1 in dialing.ready:
        dialing.dial(wanted)
        for _ in range(wanted):  # those dialed are replaced by others worth more
            dialing.ready[following] = claim(following, 0, 9)
            following += 1
        beats += 1
        assert beats <= 4 * TURNS * (length + 1), "passed over for ever"
    assert 1 in {one.entry for one in dialing.dialed}


def test_the_worthiest_of_those_looked_at_goes_first() -> None:
    dialing = of([1, 7, 3, 9, 2, 8], [0] * 6)
    dialing.dial(1)
    dialing.dial(1)
    assert [one.balance_cents for one in dialing.dialed] == [9, 8]


def test_what_could_not_be_dialed_is_not_passed_over() -> None:
    choice, held = Choice(), [claim(1, 0, 1), claim(2, 0, 2)]
    choice.arrange(held, by_worth)
    choice.dialed(held, held, 4, enough=False)
    assert choice.places == {0: 0}


def test_a_list_with_a_priority_for_each_account_does_not_fill_the_memory() -> None:
    choice = Choice()
    for priority in range(PRIORITIES_KEPT + 20):
        choice.arrange([claim(1, priority, 1)], by_worth)
    assert len(choice.places) == PRIORITIES_KEPT
