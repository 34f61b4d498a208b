"""The compiled twin of the incumbent's level, and who may load compiled code at all."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacing.simulation.compiled.rules import new_level as compiled_level
from pacing.simulation.vicidial import LevelInputs, LevelSettings, Method, new_level

pytestmark = pytest.mark.unit

METHODS = {Method.RATIO: 0, Method.HARD_LIMIT: 1, Method.TAPERED: 2, Method.AVERAGE: 3}


def of_compiled(levels: LevelSettings, seen: LevelInputs) -> float:
    rule = np.array(
        [0, 0, 0, METHODS[levels.method], levels.target_difference, levels.intensity, levels.maximum, levels.limit_pct,
         levels.latest_hhmm, 0.0]
    )  # fmt: skip
    return compiled_level(
        rule, seen.level, seen.difference, seen.agents, seen.hhmm, float(seen.calls_today), seen.dropped_today_pct,
        float(seen.calls_minute), seen.dropped_minute_pct,
    )  # fmt: skip


def test_the_engine_does_not_load_compiled_code() -> None:
    loads = "import sys, web.operations, dialer.cli, dialer.simulate_cli, dialer.engine, dialer.app\n"
    told = subprocess.run(
        [sys.executable, "-c", loads + "print(*sorted({'numba', 'llvmlite'} & set(sys.modules)))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.split() == []


@pytest.mark.parametrize(
    ("method", "level", "difference", "target", "intensity", "maximum", "hhmm", "calls", "dropped", "expected"),
    [
        ("hard", 2.0, 3, 0, 0, 4, 1200, 40, 9.0, 2.300),
        ("hard", 2.0, 3, 0, 0, 4, 1200, 400, 3.01, 1.0),
        ("average", 3.0, 4, 0, 0, 3, 1200, 400, 3.5, 1.5),
        ("tapered", 3.0, 4, 0, 0, 3, 1200, 400, 3.5, 2.7),
        ("tapered", 3.0, 4, 0, 0, 3, 1045, 400, 3.5, 3.0),
        ("tapered", 3.0, 4, 0, 0, 3, 1530, 400, 3.5, 1.71),
        ("average", 2.5, -2, 0, 20, 5, 1200, 400, 1.0, 2.300),
        ("average", 2.5, 2, 0, 20, 5, 1200, 400, 1.0, 2.800),
        ("average", 2.5, 2, -4, -30, 5, 1200, 400, 1.0, 2.175),
    ],
)
def test_the_compiled_level_follows_the_original(
    method: str, level: float, difference: float, target: int, intensity: int, maximum: float, hhmm: int, calls: int,
    dropped: float, expected: float,
) -> None:  # fmt: skip
    levels = LevelSettings(Method(method), target_difference=target, intensity=intensity, maximum=maximum)
    seen = LevelInputs(level, difference, 20, hhmm, calls, dropped)
    assert of_compiled(levels, seen) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(
    method=st.sampled_from(list(Method)),
    level=st.floats(1, 40).map(lambda x: round(x, 3)),
    difference=st.integers(-300, 300).map(lambda x: x / 15),
    agents=st.integers(1, 100),
    maximum=st.floats(1, 40).map(lambda x: round(x, 2)),
    minute=st.integers(0, 1439),
    counts=st.tuples(st.integers(0, 500), st.floats(0, 20), st.integers(0, 50), st.floats(0, 100)),
)
def test_the_compiled_level_is_the_plain_one(
    method: Method, level: float, difference: float, agents: int, maximum: float, minute: int,
    counts: tuple[int, float, int, float],
) -> None:  # fmt: skip
    levels = LevelSettings(method, maximum=maximum)
    seen = LevelInputs(level, difference, agents, minute // 60 * 100 + minute % 60, *counts)
    assert of_compiled(levels, seen) == pytest.approx(new_level(levels, seen), abs=1.1e-3)
