"""What-if studies: ranges that could be true."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacing.simulation.study import interval, outlook, rate_interval, share_interval

pytestmark = pytest.mark.unit

shares = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=20)
rates = st.lists(st.floats(0.0, 1e6), min_size=3, max_size=20)


def report(**changes: object) -> dict[str, object]:
    plain = {"utilisation": 0.8, "idle_s_per_call": 10.0, "abandonment": 0.0, "answered": 100, "abandoned": 0}
    return {**plain, "agent_hours": 5.0, **changes}


@pytest.mark.parametrize("nobody", [None, math.inf])
def test_a_shift_that_served_nobody_leaves_the_wait_unsaid(nobody: float | None) -> None:
    found = outlook(3, [report(), report(), report(idle_s_per_call=nobody, answered=0, utilisation=0.0)])
    assert found.idle_s is None
    assert found.calls_per_hour.low > 0.0


def test_no_one_abandoned_is_as_sure_as_the_answers_it_was_seen_on() -> None:
    few, many = (outlook(3, [report(answered=n)] * 3).abandonment for n in (10, 1000))
    assert (few.mean, few.low) == (many.mean, many.low) == (0.0, 0.0)
    assert many.high < 0.002 < 0.1 < few.high


def test_a_floor_without_agents_or_answers_has_no_conversations() -> None:
    found = outlook(0, [report(answered=0, agent_hours=0.0)] * 3)
    assert (found.calls_per_hour.low, found.calls_per_hour.high) == (0.0, 0.0)
    assert found.abandonment.high == 1.0


@given(shares)
def test_a_range_of_shares_stays_between_nothing_and_all(values: list[float]) -> None:
    found = share_interval(values)
    assert 0.0 <= found.low <= found.mean * (1 + 1e-9)
    assert found.mean * (1 - 1e-9) <= found.high <= 1.0


@given(rates)
def test_a_range_of_rates_stays_finite_and_above_nothing(values: list[float]) -> None:
    found = rate_interval(values)
    assert 0.0 <= found.low <= found.mean <= found.high < math.inf


def test_shares_and_rates_that_scatter_little_have_students_interval() -> None:
    values = [0.80, 0.81, 0.82, 0.83]
    plain = interval(values)
    for found in (share_interval(values), rate_interval(values)):
        assert found.mean == plain.mean
        assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.002)


def test_the_interval_of_a_mean_is_students() -> None:
    found = interval([1.0, 2.0, 3.0, 4.0])
    assert found.mean == 2.5
    assert found.high - found.mean == pytest.approx(3.182 * 1.29099 / 2, rel=0.01)
