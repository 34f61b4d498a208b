"""Abandonment: each regulator's own fraction, exact at the limit, and the budget that is left."""

from __future__ import annotations

from fractions import Fraction
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.abandonment import TERMS, Counts, CountsError, Formula, is_abandoned, rang_long_enough, standing

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "wrong",
    [
        {"live": -1},
        {"live": 10, "abandoned": 11},
        {"abandoned": -1},
        {"passed": -1},
        {"agent_machines": 2, "agent_calls": 1},
        {"agent_machines": 1},
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


def test_three_in_a_hundred_are_allowed_and_five_in_canada() -> None:
    assert {formula: standing(formula, Counts(live=1)).limit for formula in Formula} == {
        Formula.US: Fraction(3, 100),
        Formula.US_DEBT: Fraction(3, 100),
        Formula.UK_AMD: Fraction(3, 100),
        Formula.UK_NO_AMD: Fraction(3, 100),
        Formula.CA: Fraction(5, 100),
        Formula.IT: Fraction(3, 100),
    }
    assert {formula for formula in Formula if TERMS[formula].binding == "law"} == {Formula.US, Formula.CA, Formula.IT}


def test_a_campaign_may_have_passed_no_call_to_anybody() -> None:
    found = standing(Formula.US, Counts(abandoned=3, passed=0))
    assert (found.numerator, found.denominator) == (3, 3)


@pytest.mark.parametrize(
    ("formula", "counts", "numerator", "denominator"),
    [
        (Formula.US, Counts(live=1000, abandoned=20, false_positives=5), 25, 1005),
        (Formula.US, Counts(abandoned=20, passed=970, false_positives=10), 30, 1000),
        (Formula.US, Counts(abandoned=3, passed=0), 3, 3),
        (Formula.UK_AMD, Counts(live=1000, abandoned=20), 20, 1000),
        (Formula.UK_AMD, Counts(live=1000, abandoned=20, false_positives=5), 25, 1005),
        (Formula.UK_NO_AMD, Counts(live=100, abandoned=3), 3, 100),
        (Formula.UK_NO_AMD, Counts(live=100, abandoned=4, agent_machines=1, agent_calls=4), 3, 99),
        (Formula.IT, Counts(), 0, 0),
        (Formula.UK_AMD, Counts(), 0, 0),
        (Formula.UK_NO_AMD, Counts(), 0, 0),
    ],
)
def test_what_was_not_counted_is_nothing_and_what_was_is_set_against_its_own_calls(
    formula: Formula, counts: Counts, numerator: int, denominator: int
) -> None:
    found = standing(formula, counts)
    assert (found.numerator, found.denominator) == (numerator, denominator)


def test_a_campaign_may_allow_itself_no_abandoned_call_at_all() -> None:
    strict = standing(Formula.US, Counts(live=100), Fraction(0))
    assert (strict.calls_left, strict.within, strict.braked) == (0, True, False)
    assert not standing(Formula.US, Counts(live=100, abandoned=1), Fraction(0)).within


@given(live=st.integers(1, 5000), part=st.integers(0, 5000))
def test_the_bound_is_the_rate_at_which_so_few_abandoned_calls_would_be_one_in_twenty(live: int, part: int) -> None:
    """Wilson: the rate p whose normal deviate (p - share) / sqrt(p (1 - p) / n) is the one-sided 95 % point."""
    abandoned = min(live, part)
    bound = standing(Formula.US, Counts(live=live, abandoned=abandoned)).upper_bound
    deviate = NormalDist().inv_cdf(0.95)
    assert abandoned / live <= bound + 1e-12 <= 1 + 1e-12
    assert live * (bound - abandoned / live) ** 2 == pytest.approx(deviate**2 * bound * (1 - bound), abs=1e-9)


def test_nothing_is_known_of_the_rate_before_the_first_answer() -> None:
    assert standing(Formula.US, Counts()).upper_bound == 1
