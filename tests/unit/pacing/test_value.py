"""What a conversation is worth: balances that cannot be, chances learned from agents' words, orders they make."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacing.experience import Experience
from pacing.pool import best_first, worth
from pacing.settings import PacingSettings
from pacing.snapshot import Candidate
from pacing.value import CLASSES_KEPT, LEAST, Owed, PartyFacts, RightParty, recoveries

pytestmark = pytest.mark.unit

CENTS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=True, allow_infinity=True))
OWED = st.builds(Owed, CENTS, st.sampled_from(["USD", "CAD", ""]))
ODD_FIGURES = st.floats(allow_nan=True, allow_infinity=True)
CANDIDATES = st.lists(st.builds(Candidate, st.just(1), ODD_FIGURES, ODD_FIGURES), max_size=30)
CELL, DESK = PartyFacts(0, "mobile", "mobile"), PartyFacts(0, "work", "landline")


@given(st.lists(OWED, max_size=30))
def test_whatever_stands_as_a_balance_each_account_has_a_bounded_value(owed: list[Owed]) -> None:
    values = recoveries(owed)
    assert len(values) == len(owed)
    assert all(LEAST <= value <= 2.0 for value in values)


@given(st.lists(CENTS, min_size=2, max_size=20))
def test_balances_in_several_currencies_are_all_alike(cents: list[float]) -> None:
    owed = [Owed(one, "USD") for one in cents[1:]] + [Owed(cents[0], "")]
    assert recoveries(owed) == [1.0] * len(owed)


@pytest.mark.parametrize("nothing", [0, -500, math.nan, math.inf, -math.inf])
def test_a_balance_that_says_nothing_counts_least_and_changes_no_other(nothing: float) -> None:
    small, usual, large, odd = recoveries([Owed(100), Owed(10_000), Owed(1_000_000), Owed(nothing)])
    assert LEAST == odd <= small < usual == 1.0 < large < 2.0


def test_without_any_balance_all_are_alike() -> None:
    assert recoveries([Owed(0, "USD"), Owed(-1, "USD")]) == [1.0, 1.0]
    assert recoveries([]) == []


def test_a_balance_a_thousand_times_as_large_is_worth_twice_as_much_at_most() -> None:
    usual, slip = recoveries([Owed(50_000), Owed(50_000_000)])
    assert usual < slip <= 2.0 * usual


@given(CANDIDATES)
def test_an_order_holds_each_account_once_whatever_its_figures(candidates: list[Candidate]) -> None:
    forecast = Experience().forecast(1, PacingSettings(), [], [], {})
    for tables in (None, forecast):
        assert sorted(best_first(candidates, tables)) == list(range(len(candidates)))


def test_equals_stay_in_the_order_they_came_in() -> None:
    assert best_first([Candidate(1, 0.2)] * 5, None) == [0, 1, 2, 3, 4]


def test_an_answer_costs_its_talk_so_twice_the_chance_is_less_than_twice_the_worth() -> None:
    forecast = Experience().forecast(1, PacingSettings(), [], [], {})
    once, twice = worth(Candidate(1, 0.2), forecast), worth(Candidate(1, 0.4), forecast)
    assert once < twice < 2.0 * once


def test_until_anybody_was_spoken_to_all_numbers_are_alike() -> None:
    known = RightParty()
    assert known.chance(CELL) == known.chance(DESK) == 0.5


def test_what_agents_say_tells_classes_of_numbers_apart() -> None:
    known = RightParty()
    for i in range(200):
        known.learn(CELL, right=i % 10 != 0)
        known.learn(DESK, right=i % 10 == 0)
    assert known.chance(CELL) > 0.8
    assert known.chance(DESK) < 0.2
    assert 0.45 < known.chance(PartyFacts(3, "home", "landline")) < 0.55


@given(st.lists(st.tuples(st.sampled_from([CELL, DESK]), st.booleans()), max_size=200))
def test_a_chance_is_one_and_never_certain(calls: list[tuple[PartyFacts, bool]]) -> None:
    known = RightParty()
    for facts, right in calls:
        known.learn(facts, right=right)
    assert all(0.0 < known.chance(facts) < 1.0 for facts in (CELL, DESK))


def test_classes_made_up_by_a_list_do_not_fill_the_memory() -> None:
    known = RightParty()
    for i in range(CLASSES_KEPT + 50):
        known.learn(PartyFacts(0, f"use {i}", ""), right=True)
    assert len(known.classes) == CLASSES_KEPT
