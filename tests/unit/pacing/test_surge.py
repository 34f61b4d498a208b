"""Persons who answer faster than expected are noticed within seconds, and nothing else is taken for that."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacing.forecast import AGE_BINS, RouteForecast
from pacing.surge import MOST, Surge

pytestmark = pytest.mark.unit

VERDICT_S = 1.5


def expecting(seconds_to_answer: float = 10.0) -> Surge:
    """Persons answer after 5 to 15 s, evenly."""
    answered_by = np.clip((np.arange(AGE_BINS) * 0.5 - seconds_to_answer / 2) / seconds_to_answer, 0.0, 1.0)
    nobody = np.zeros((AGE_BINS, 12))
    surge = Surge()
    surge.expect(RouteForecast(nobody, 1.0 - answered_by, np.ones(AGE_BINS), np.ones(AGE_BINS)), VERDICT_S)
    return surge


def play(surge: Surge, random: Random, dials_per_s: float, believed: float, chances: dict[float, float]) -> list[float]:
    """The factor at each half second; `chances` says from when on which chance is true."""
    answers: list[float] = []
    factors = []
    for tick in range(int(max(chances) * 2) + 120):
        now = 1000.0 + tick / 2
        true = chances[max(at for at in chances if at <= tick / 2)]
        for _ in range(sum(random.random() < dials_per_s / 20 for _ in range(10))):
            surge.dialed(now, believed)
            answers += [now + random.uniform(5, 15) + VERDICT_S] if random.random() < true else []
        for _ in [at for at in answers if at <= now]:
            surge.answered(now)
        answers = [at for at in answers if at > now]
        factors.append(surge.look(now))
    return factors


def test_without_ring_times_nothing_is_concluded() -> None:
    surge = Surge()
    surge.dialed(1.0, 0.1)
    surge.answered(2.0)
    assert surge.look(10.0) == 1.0


def test_a_clock_that_goes_back_or_jumps_is_survived() -> None:
    surge = expecting()
    for now in (100.0, 50.0, 1e7, 1e7 + 0.5):
        surge.dialed(now, 0.5)
        surge.answered(now)
        assert 1.0 <= surge.look(now) <= MOST


def test_a_steady_floor_shows_no_surge() -> None:
    factors = play(expecting(), Random(1), 6.0, 0.2, {0.0: 0.2, 900.0: 0.2})
    assert np.mean(factors) <= 1.02


def test_four_times_as_many_answers_show_within_seconds_on_a_large_floor() -> None:
    factors = play(expecting(), Random(2), 10.0, 0.1, {0.0: 0.1, 120.0: 0.4})
    noticed = next(i for i, factor in enumerate(factors) if i > 240 and factor > 1.3) / 2 - 120
    assert noticed <= 16.0  # the first answers to the new dials come after 6.5
    assert max(factors[240:]) == pytest.approx(3.5, rel=0.5)


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 1), st.integers(0, 3)), max_size=60))
def test_the_factor_is_a_number_within_its_bounds(steps: list[tuple[float, float, int]]) -> None:
    surge, now = expecting(), 0.0
    for passed, chance, answers in steps:
        now += passed
        surge.dialed(now, chance)
        for _ in range(answers):
            surge.answered(now)
        assert math.isfinite(surge.look(now))
        assert 1.0 <= surge.factor <= MOST
