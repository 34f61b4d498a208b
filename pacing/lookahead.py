"""The chance that one more line, if a person answers it, meets no agent; and how many lines keep it under theta.

At u seconds from now the demand for agents is Z(u): agents still busy, plus persons in flight who will have come to
need one. All of these are independent yes-or-no events, so Z is Poisson-binomial. A person who needs an agent at u is
lost when Z(u), without that person, has reached the number of agents. Averaged over when a new line's person would
need one, that is q. For small teams the distribution is computed exactly, for large ones by a normal law corrected for
continuity and skewness, which above 30 agents is within 0.004 of exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pacing.forecast import Floats

Complexes = NDArray[np.complex128]

EXACT_UP_TO: Final = 30
"""Teams up to this size get the exact distribution."""
_NOISE: Final = 1e-7
"""Chances below this are rounding and folding noise: nought."""
_SQRT2: Final = math.sqrt(2.0)
_PHI0: Final = 1.0 / math.sqrt(2.0 * math.pi)


class Demand(Protocol):
    """Z(u) over the look-ahead grid."""

    def overrun(self) -> Floats:
        """P(Z(u) >= agents) at each u."""
        ...

    def add(self, chance: Floats, count: int = 1) -> None:
        """Add `count` more independent events of the same chance."""
        ...

    def copy(self) -> Demand:
        """An independent copy."""
        ...


@lru_cache(maxsize=256)
def _contour(agents: int) -> tuple[Complexes, Complexes]:
    """Points of a circle, and weights with which a generating function there sums to P(Z < agents).

    The circle has a radius below 1, so that what a transform of so few points folds back is damped to 1e-9. Only half
    of the circle is needed: the other half is its mirror image.
    """
    size = agents + 8
    radius = 1e-9 ** (1.0 / size)
    half = size // 2 + 1
    points = radius * np.exp(2j * np.pi * np.arange(half) / size)
    weights = (points[:, None] ** -np.arange(agents)[None, :]).sum(axis=1) / size
    mirrored = np.full(half, 2.0)
    mirrored[0] = 1.0
    if size % 2 == 0:
        mirrored[-1] = 1.0
    return points, weights * mirrored


@dataclass(slots=True)
class ExactDemand:
    """The generating function of Z on a circle, one row per u: exact, and cheap to extend."""

    agents: int
    transform: Complexes

    @classmethod
    def of(cls, agents: int, chances: Floats) -> ExactDemand:
        """Build from a [terms, u] array of chances."""
        points, _ = _contour(agents)
        factors = 1.0 + chances[:, :, None] * (points - 1.0)
        return cls(agents, np.multiply.reduce(factors, axis=0))

    def overrun(self) -> Floats:
        _, weights = _contour(self.agents)
        over: Floats = 1.0 - (self.transform @ weights).real
        return np.minimum(np.where(over < _NOISE, 0.0, over), 1.0)

    def add(self, chance: Floats, count: int = 1) -> None:
        points, _ = _contour(self.agents)
        factor = 1.0 + chance[:, None] * (points - 1.0)
        self.transform = self.transform * (factor if count == 1 else factor**count)

    def copy(self) -> ExactDemand:
        return ExactDemand(self.agents, self.transform)


@dataclass(slots=True)
class NormalDemand:
    """Mean, variance and third central moment of Z at each u."""

    agents: int
    mean: Floats
    variance: Floats
    third: Floats

    @classmethod
    def of(cls, agents: int, chances: Floats) -> NormalDemand:
        """Build from a [terms, u] array of chances."""
        spread = chances * (1.0 - chances)
        return cls(agents, chances.sum(axis=0), spread.sum(axis=0), (spread * (1.0 - 2.0 * chances)).sum(axis=0))

    def overrun(self) -> Floats:
        return tail(self.agents, self.mean, self.variance, self.third)

    def add(self, chance: Floats, count: int = 1) -> None:
        spread = chance * (1.0 - chance)
        self.mean = self.mean + count * chance
        self.variance = self.variance + count * spread
        self.third = self.third + count * spread * (1.0 - 2.0 * chance)

    def copy(self) -> NormalDemand:
        return NormalDemand(self.agents, self.mean, self.variance, self.third)


def tail(agents: int, mean: Floats, variance: Floats, third: Floats) -> Floats:
    """P(Z >= agents) by the normal law with continuity correction and one Edgeworth term for skewness."""
    spread = np.maximum(variance, 1e-9)
    z = (agents - 0.5 - mean) / np.sqrt(spread)
    upper = np.array([0.5 * math.erfc(x / _SQRT2) for x in z.tolist()])
    density = _PHI0 * np.exp(-0.5 * z * z)
    return np.clip(upper + third / spread**1.5 * (z * z - 1.0) * density / 6.0, 0.0, 1.0)


def demand(agents: int, chances: Floats) -> Demand:
    """Z for a team of this many agents, from a [terms, u] array of chances."""
    if agents <= EXACT_UP_TO:
        return ExactDemand.of(agents, chances)
    return NormalDemand.of(agents, chances)


def add_poisson(z: Demand, mean: Floats) -> None:
    """Add incoming calls that arrive at random: a Poisson number with this mean at each u.

    Split into many rare events, so that one rule adds every kind of demand.
    """
    most = float(mean.max(initial=0.0))
    if most > 0.0:
        pieces = max(4, math.ceil(most / 0.05))
        z.add(mean / pieces, pieces)


@dataclass(frozen=True, slots=True)
class Run:
    """Lines that may be added, alike: `chance` is [u] that one of them needs an agent within u."""

    count: int
    chance: Floats


@dataclass(frozen=True, slots=True)
class Room:
    """How many lines fit under theta.

    Attributes:
        lines: that many.
        q: chance to meet no agent of the last line added; of the first one refused when none was added.
        q_next: that chance for the first line refused (or for one more, when the limit was reached first).
    """

    lines: int
    q: float
    q_next: float


def fill(z: Demand, weight: Floats, runs: Sequence[Run], theta: float, limit: int) -> Room:
    """Add lines from `runs` in order while the next one's q is at most theta, at most `limit`."""
    lines = 0
    q_last = q = float(weight @ z.overrun())
    for run in runs:
        most = min(run.count, limit - lines)
        added, z, q_run = _fill_run(z, weight, run.chance, theta, most, q)
        lines += added
        q_last = q_run if added else q_last
        q = float(weight @ z.overrun())
        if added < most or lines >= limit:
            break
    return Room(lines, q_last if lines else q, q)


def _fill_run(
    z: Demand, weight: Floats, chance: Floats, theta: float, most: int, q: float
) -> tuple[int, Demand, float]:
    """Add up to `most` equal lines; returns how many, the demand with them, and q of the last one added.

    q never falls when a line is added, so the count is found by doubling and halving; each step adds to a copy.
    """
    if most <= 0 or not q <= theta:  # also when q is not a number
        return 0, z, q
    added, step, q_last = 1, 1, q
    z = z.copy()
    z.add(chance)
    while added < most and step > 0:
        step = min(step, most - added)
        trial = z.copy()
        trial.add(chance, step - 1)
        q_trial = float(weight @ trial.overrun())  # q of the last of the `step` lines
        if q_trial <= theta:
            added, q_last = added + step, q_trial
            trial.add(chance)
            z, step = trial, step * 2
        else:
            step //= 2
    return added, z, q_last
