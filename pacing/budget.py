"""The budget of abandoned calls: theta moves so that what is spent meets what the window has left.

Spending is worth most when it has one price all day (utilisation is concave in the budget), so nothing is saved for
the evening and nothing is tapered. The price is theta, the accepted chance that a new line's person meets no agent.
After every live answer theta goes up a little when it was served and down a lot when it was abandoned, in such
proportion that it rests where the share of abandoned calls equals the aim.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pacing.snapshot import WindowTally

THETA_LOW: Final = 1e-4
THETA_HIGH: Final = 0.5
START_OF_TARGET: Final = 0.8
"""Theta starts at this share of the target."""
CAUTION: Final = 0.10
"""Standard deviations of a binomial day kept off the target; the law's own control makes days far less scattered."""
MARGIN: Final = 0.0002
MOST_OF_TARGET: Final = 1.25
"""The aim never exceeds the target by more than this, whatever was saved before."""
RATE_HALF_LIFE_S: Final = 1800.0
LEAST_REMAINING: Final = 100.0


@dataclass(slots=True)
class Budget:
    """Theta and what it is steered by.

    Attributes:
        theta: accepted chance that a new line, if a person answers, meets no agent.
        target: highest share of live answers that may be abandoned.
    """

    target: float
    theta: float = 0.0
    answers: float = 0.0
    watched_s: float = 0.0
    last_at: float = -math.inf

    def __post_init__(self) -> None:
        if self.theta <= 0.0:
            self.theta = max(START_OF_TARGET * self.target, THETA_LOW)

    def answered(self, *, abandoned: bool, aim: float, agents: int, now: float) -> None:
        """One live answer is resolved: move theta, and learn how fast answers come."""
        self._advance(now)
        self.answers += 1.0
        gain = 0.6 * min(0.25, 1.5 / max(agents, 1))
        moved = math.log(self.theta) + gain * (aim - float(abandoned))
        self.theta = math.exp(min(max(moved, math.log(THETA_LOW)), math.log(THETA_HIGH)))

    def _advance(self, now: float) -> None:
        if math.isfinite(self.last_at):
            passed = min(max(now - self.last_at, 0.0), 600.0)
            keep = 0.5 ** (passed / RATE_HALF_LIFE_S)
            self.answers *= keep
            self.watched_s = self.watched_s * keep + passed
        self.last_at = max(self.last_at, now)

    def aim(self, tallies: Iterable[WindowTally]) -> float:
        """Share of the coming answers that may be abandoned so that every binding window ends within its target."""
        rate = self.answers / self.watched_s if self.watched_s > 60.0 else 0.0
        aims = [aim_of(tally, rate * tally.remaining_s) for tally in tallies if tally.binds]
        return min(aims, default=self.target)


def aim_of(tally: WindowTally, coming: float) -> float:
    """What one window leaves for the answers still to come in it.

    A small margin is kept: a fixed one, and one that shrinks as the window's count of answers grows.
    """
    target = tally.target
    coming = max(coming, LEAST_REMAINING)
    whole = tally.answered + coming
    within = target - max(MARGIN, CAUTION * math.sqrt(target * (1.0 - target) / whole))
    left = (within * whole - tally.abandoned) / coming
    return min(max(left, 0.0), MOST_OF_TARGET * target)
