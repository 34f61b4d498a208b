"""The incumbent's dial level, against test vectors computed with its own arithmetic."""

from __future__ import annotations

import pytest

from pacing.simulation.vicidial import LevelInputs, LevelSettings, Method, calls_to_make, drop_limit_pct, new_level

pytestmark = pytest.mark.unit

HARD, AVERAGE, TAPERED = Method.HARD_LIMIT, Method.AVERAGE, Method.TAPERED


@pytest.mark.parametrize(
    ("method", "level", "difference", "target", "intensity", "maximum", "hhmm", "calls", "dropped", "expected"),
    [
        (HARD, 2.0, 3, 0, 0, 4, 1200, 40, 9.0, 2.300),  # 50 calls or fewer: no brake
        (HARD, 2.0, 3, 0, 0, 4, 1200, 400, 3.01, 1.0),
        (AVERAGE, 3.0, 4, 0, 0, 3, 1200, 400, 3.5, 1.5),
        (TAPERED, 3.0, 4, 0, 0, 3, 1200, 400, 3.5, 2.7),
        (TAPERED, 3.0, 4, 0, 0, 3, 1045, 400, 3.5, 3.0),
        (TAPERED, 3.0, 4, 0, 0, 3, 1530, 400, 3.5, 1.71),
        (AVERAGE, 2.5, -2, 0, 20, 5, 1200, 400, 1.0, 2.300),
        (AVERAGE, 2.5, 2, 0, 20, 5, 1200, 400, 1.0, 2.800),
        (AVERAGE, 2.5, 2, -4, -30, 5, 1200, 400, 1.0, 2.175),
    ],
)
def test_level_follows_the_original(
    method: Method,
    level: float,
    difference: float,
    target: int,
    intensity: int,
    maximum: float,
    hhmm: int,
    calls: int,
    dropped: float,
    expected: float,
) -> None:
    settings = LevelSettings(method, target_difference=target, intensity=intensity, maximum=maximum)
    seen = LevelInputs(level, difference, 20, hhmm, calls, dropped)
    assert new_level(settings, seen) == pytest.approx(expected, abs=1e-9)


def test_half_the_last_minute_dropped_halves_the_level() -> None:
    settings = LevelSettings(AVERAGE, target_difference=-2, maximum=5)
    seen = LevelInputs(2.5, 2, 20, 1200, 400, 1.0, calls_minute=25, dropped_minute_pct=51)
    assert new_level(settings, seen) == pytest.approx(1.25)


@pytest.mark.parametrize(("target", "percent"), [(0.0, 0.1), (0.03, 3.0), (0.05, 5.0)])
def test_the_drop_limit_is_the_campaigns_target(target: float, percent: float) -> None:
    assert drop_limit_pct(target) == percent


def test_a_team_below_the_threshold_dials_at_level_one() -> None:
    seen = LevelInputs(2.5, 2, 20, 1200, 400, 1.0, small_team=True)
    assert new_level(LevelSettings(AVERAGE, maximum=5), seen) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("available_only", "lines", "expected"), [(False, 12, 18), (True, 12, 13), (False, 40, 0), (True, 16, 9)]
)
def test_calls_of_a_pass_fill_up_to_level_times_agents(available_only: bool, lines: int, expected: int) -> None:
    assert calls_to_make(2.0, ready=5, talking=15 if available_only else 10, lines=lines,
                         available_only=available_only) == expected  # fmt: skip
