"""Abandonment: each regulator's own fraction, exact at the limit, and the budget that is left."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.abandonment import Counts, CountsError, Formula, is_abandoned, rang_long_enough, standing

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "wrong",
    [
        {"live": -1},
        {"live": 10, "abandoned": 11},
        {"abandoned": -1},
        {"passed": -1},
        {"agent_machines": 2, "agent_calls": 1},
    ],
)
def test_counts_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(CountsError):
        Counts(**wrong)


@pytest.mark.parametrize("limit", [Fraction(31, 1000), Fraction(-1), Fraction(2)])
def test_nobody_can_loosen_a_limit(limit: Fraction) -> None:
    with pytest.raises(CountsError, match="limit"):
        standing(Formula.US, Counts(live=100), limit)


@pytest.mark.parametrize(
    ("formula", "counts", "rate", "within"),
    [
        (Formula.US, Counts(live=1000, abandoned=30), Fraction(3, 100), True),
        (Formula.US, Counts(live=1000, abandoned=31), Fraction(31, 1000), False),
        (Formula.US_DEBT, Counts(live=1000, abandoned=30), Fraction(3, 100), True),
        (Formula.UK_AMD, Counts(abandoned=20, false_positives=12, passed=968), Fraction(32, 1000), False),
        (
            Formula.UK_NO_AMD,
            Counts(abandoned=40, passed=980, agent_machines=50, agent_calls=100),
            Fraction(2, 100),
            True,
        ),
        (Formula.CA, Counts(live=1000, abandoned=51), Fraction(51, 1000), False),
        (Formula.CA, Counts(live=1000, abandoned=50), Fraction(5, 100), True),
        (Formula.IT, Counts(live=100, abandoned=3), Fraction(3, 100), True),
        (Formula.US, Counts(), Fraction(0), True),
    ],
)
def test_each_regulator_has_its_own_fraction(formula: Formula, counts: Counts, rate: Fraction, within: bool) -> None:
    found = standing(formula, counts)
    assert (found.rate, found.within) == (rate, within)


@given(live=st.integers(0, 100_000), share=st.integers(0, 100))
def test_the_calls_left_are_exactly_those_that_fit(live: int, share: int) -> None:
    abandoned = live * share // 1000
    found = standing(Formula.US, Counts(live=live, abandoned=abandoned))
    left = found.calls_left
    assert left == 0 or standing(Formula.US, Counts(live=live + left, abandoned=abandoned + left)).within
    assert not standing(Formula.US, Counts(live=live + left + 1, abandoned=abandoned + left + 1)).within
    assert found.upper_bound >= float(found.rate)
    assert found.braked is (abandoned >= live * 3 // 100 + 1)


@pytest.mark.parametrize(
    ("agent_at", "hung_up_at", "abandoned"),
    [
        (12.0, None, False),
        (12.1, None, True),
        (None, 11.2, False),
        (None, 12.0, True),
        (None, None, True),
        (13.0, 11.9, False),
    ],
)
def test_two_seconds_run_from_the_end_of_the_greeting(
    agent_at: float | None, hung_up_at: float | None, abandoned: bool
) -> None:
    assert is_abandoned(10.0, agent_at, hung_up_at) is abandoned


@pytest.mark.parametrize(
    ("seconds", "rings", "enough"), [(14.0, 3, False), (15.0, 3, True), (14.0, 4, True), (14.99, 0, False)]
)
def test_an_unanswered_call_rings_fifteen_seconds_or_four_times(seconds: float, rings: int, enough: bool) -> None:
    assert rang_long_enough(seconds, rings) is enough
