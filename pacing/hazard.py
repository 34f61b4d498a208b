"""How long talks and wrap-ups last, learned as they happen, with those still going on counted as "at least so long".

Time is cut into bins; in each, ends and seconds spent at risk are counted, and their ratio is the hazard: the
occurrence/exposure estimate, which for fine bins is Kaplan and Meier's. Old experience fades with every new end. A
lognormal curve fitted to the same data, worth a fixed number of calls, fills the bins nothing is known about.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from pacing.forecast import ELAPSED_BINS, Floats, elapsed_bin_start

HALF_LIFE_ENDS: Final = 1000.0
PRIOR_ENDS: Final = 50.0
_FIT_FROM: Final = 30.0
"""The prior curve is refitted once it rests on this many ends."""
EDGES: Final[Floats] = np.array([elapsed_bin_start(row) for row in range(ELAPSED_BINS + 1)])
_KEEP: Final = 0.5 ** (1.0 / HALF_LIFE_ENDS)
_SQRT2: Final = math.sqrt(2.0)


@dataclass(slots=True)
class DurationEstimator:
    """Hazard of one kind of duration (talk, or wrap-up).

    Attributes:
        prior_mean, prior_cv: lognormal belief before anything is known, seconds and ratio.
    """

    prior_mean: float
    prior_cv: float
    ends: Floats = field(default_factory=lambda: np.zeros(ELAPSED_BINS))
    at_risk: Floats = field(default_factory=lambda: np.zeros(ELAPSED_BINS))
    weight: float = 0.0
    log_sum: float = 0.0
    log_squares: float = 0.0
    seconds: float = 0.0
    fresh: list[float] = field(default_factory=list)
    """Durations not yet worked in; that is done in batches, before anything is read."""

    def ended(self, duration: float) -> None:
        """One such span ended after `duration` seconds."""
        self.fresh.append(min(max(duration, 0.0), float(EDGES[-1])))

    def settle(self) -> None:
        """Work in what has ended since the last time; older experience fades by as much."""
        if not self.fresh:
            return
        durations = np.array(self.fresh)
        self.fresh.clear()
        keep = _KEEP ** len(durations)
        rows = np.minimum(np.searchsorted(EDGES, durations, side="right") - 1, ELAPSED_BINS - 1)
        self.ends = self.ends * keep + np.bincount(rows, minlength=ELAPSED_BINS)
        self.at_risk = self.at_risk * keep + exposure(durations)
        logs = np.log(np.maximum(durations, 0.5))
        self.weight = self.weight * keep + len(durations)
        self.log_sum = self.log_sum * keep + float(logs.sum())
        self.log_squares = self.log_squares * keep + float((logs * logs).sum())
        self.seconds = self.seconds * keep + float(durations.sum())

    def mean(self) -> float:
        """Mean duration in seconds."""
        self.settle()
        return (self.seconds + PRIOR_ENDS * 0.2 * self.prior_mean) / (self.weight + PRIOR_ENDS * 0.2)

    def cumulative_hazard(self, going_on: Iterable[float] = ()) -> Floats:
        """Integrated hazard at each of EDGES. `going_on` are the elapsed times of spans not ended yet."""
        self.settle()
        mu, sigma = self._curve()
        survival = np.array([0.5 * math.erfc((math.log(max(t, 1e-9)) - mu) / (sigma * _SQRT2)) for t in EDGES])
        prior_risk = 0.5 * (survival[:-1] + survival[1:]) * np.diff(EDGES)
        prior_ends = survival[:-1] - survival[1:]
        at_risk = self.at_risk + exposure(np.array(list(going_on)))
        # Where even the prior expects nobody, its hazard is taken as that of the last bin it reaches.
        hazard = (self.ends + PRIOR_ENDS * prior_ends + 1e-9) / (at_risk + PRIOR_ENDS * prior_risk + 1e-6)
        return np.concatenate(([0.0], np.cumsum(hazard * np.diff(EDGES))))

    def _curve(self) -> tuple[float, float]:
        """Location and scale of the lognormal that stands in for missing data."""
        if self.weight < _FIT_FROM:
            variance = math.log(1.0 + self.prior_cv**2)
            return math.log(self.prior_mean) - variance / 2.0, math.sqrt(variance)
        mu = self.log_sum / self.weight
        variance = max(self.log_squares / self.weight - mu * mu, 0.01)
        return mu, math.sqrt(variance)


def exposure(elapsed: Floats) -> Floats:
    """Seconds that spans of these lengths have spent in each bin, together."""
    spent: Floats = np.clip(elapsed[:, None] - EDGES[:-1], 0.0, np.diff(EDGES)).sum(axis=0)
    return spent


def survival_at(cumulative: Floats, times: Floats) -> Floats:
    """Chance that a span lasts longer than each of `times`, from its cumulative hazard."""
    return np.exp(-np.interp(times, EDGES, cumulative))
