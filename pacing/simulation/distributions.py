"""Times drawn at random, as workload files describe them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Draw = Callable[[Random], float]


@dataclass(frozen=True, slots=True)
class Spread:
    """One distribution of times.

    Attributes:
        kind: lognormal, uniform, fixed, exponential or mixture.
        mean: mean in seconds (lognormal before truncation, exponential).
        cv: standard deviation over mean (lognormal).
        low, high: bounds (uniform); `high` also truncates a lognormal, by drawing again.
        parts: weights and components of a mixture.
    """

    kind: str
    mean: float = 0.0
    cv: float = 0.0
    low: float = 0.0
    high: float = math.inf
    parts: tuple[tuple[float, Spread], ...] = ()

    def sampler(self) -> Draw:
        """A function that draws from it."""
        match self.kind:
            case "lognormal":
                return _lognormal(self.mean, self.cv, self.high)
            case "uniform":
                low, span = self.low, self.high - self.low
                return lambda random: low + span * random.random()
            case "fixed":
                value = self.mean
                return lambda _random: value
            case "exponential":
                rate = 1.0 / self.mean if self.mean > 0 else math.inf
                return lambda random: random.expovariate(rate) if math.isfinite(rate) else 0.0
            case _:
                return _mixture(self.parts)


def _lognormal(mean: float, cv: float, high: float) -> Draw:
    if mean <= 0.0 or cv <= 0.0:
        value = min(mean, high)
        return lambda _random: value
    variance = math.log(1.0 + cv * cv)
    mu, sigma = math.log(mean) - variance / 2.0, math.sqrt(variance)

    def draw(random: Random) -> float:
        for _ in range(1000):
            value = math.exp(mu + sigma * random.gauss(0.0, 1.0))
            if value <= high:
                return value
        return high

    return draw


def _mixture(parts: tuple[tuple[float, Spread], ...]) -> Draw:
    draws = [part.sampler() for _, part in parts]
    total = sum(weight for weight, _ in parts)
    bounds: list[float] = []
    for weight, _ in parts:
        bounds.append((bounds[-1] if bounds else 0.0) + weight / total)

    def draw(random: Random) -> float:
        u = random.random()
        index = next((i for i, bound in enumerate(bounds) if u < bound), len(draws) - 1)
        return draws[index](random)

    return draw
