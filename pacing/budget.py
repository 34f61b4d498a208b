"""The budget of abandoned calls: theta moves so that what is spent meets what each window has left.

Spending is worth most when it has one price all day (utilisation is concave in the budget), so nothing is saved for
the evening and nothing is tapered. The price is theta, the accepted chance that a new line's person meets no agent.
After every live answer its base goes up a little when it was served and down a lot when it was abandoned, in such
proportion that it rests where the share of abandoned calls equals the aim; and what a decision uses is that base times
aim over target, so that a change of aim acts at once.

Two kinds of window set the aim. A window that is only steered is spread over the answers still to come in it. A window
that binds (invariant: used up means reserved agents only) is approached gently: falling back to one line per agent
costs far more than a lower theta does, so theta shrinks with the headroom. The slope comes from a dynamic programme
over the frontier of utilisation and abandonment; a headroom of three calls is within 0.2 points of its optimum.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pacing.snapshot import WindowTally

THETA_LOW: Final = 1e-4
THETA_HIGH: Final = 0.5
START_OF_TARGET: Final = 0.8
"""Theta starts at this share of the target."""
START_RELEASING: Final = 2.0
"""The same where ringing lines may be released: q then speaks of lines that would be given up before they can be lost,
and theta comes to rest about two and a half times as high."""
CAUTION: Final = 0.3
"""Standard deviations of a binomial window kept off its target: 1.64 for 95 %, times 0.18 because controlled days are
far less scattered than binomial ones. A tenth of a point of the target costs little utilisation."""
MARGIN: Final = 0.0012
"""Least distance kept from the target of a window."""
MOST_OF_TARGET: Final = 1.25
"""The aim never exceeds the target by more than this, whatever was saved before."""
HEADROOM_FULL: Final = 3.0
HEADROOM_SHIFT: Final = 0.15
LEAST_SHARE: Final = 0.02
RATE_HALF_LIFE_S: Final = 1800.0
LEAST_REMAINING: Final = 40.0
SLOWEST_TEAM: Final = 100
"""Theta moves the more slowly the larger the team, up to here: a thousand agents would take hours to find theirs."""
_LARGE_TEAMS: Final = ((100, 1.0), (300, 0.9), (500, 1.0 / 3.0))
"""Agents, and the share of the target worth spending: above 500 agents the rest buys next to nothing."""


@dataclass(slots=True)
class Budget:
    """Theta's base and what it is steered by.

    Attributes:
        target: highest share of live answers that may be abandoned.
        base: theta when the aim is the target itself.
        answers, watched_s: fading count of live answers, and of the agents' seconds in which they came.
    """

    target: float
    base: float = 0.0
    answers: float = 0.0
    watched_s: float = 0.0
    last_at: float = -math.inf

    def __post_init__(self) -> None:
        if self.base <= 0.0:
            self.base = max(START_OF_TARGET * self.target, THETA_LOW)

    def answered(self, *, abandoned: bool, tallies: Iterable[WindowTally], agents: int, now: float) -> None:
        """One live answer is resolved: move the base, and learn how fast answers come."""
        self._advance(now, agents)
        self.answers += 1.0
        gain = 0.6 * min(0.25, 1.5 / min(max(agents, 1), SLOWEST_TEAM))
        moved = math.log(self.base) + gain * (self.aim(tallies, agents) - float(abandoned))
        self.base = math.exp(min(max(moved, math.log(THETA_LOW)), math.log(THETA_HIGH)))

    def _advance(self, now: float, agents: int) -> None:
        if math.isfinite(self.last_at):
            passed = min(max(now - self.last_at, 0.0), 600.0)
            keep = 0.5 ** (passed / RATE_HALF_LIFE_S)
            self.answers *= keep
            self.watched_s = self.watched_s * keep + passed * agents
        self.last_at = max(self.last_at, now)

    def theta(self, tallies: Iterable[WindowTally], agents: int) -> float:
        """The accepted chance now."""
        if self.target <= 0.0:
            return 0.0
        return min(max(self.base * self.aim(tallies, agents) / self.target, THETA_LOW), THETA_HIGH)

    def aim(self, tallies: Iterable[WindowTally], agents: int) -> float:
        """Share of the coming answers that may be abandoned so that every window ends within its target."""
        rate = self.answers / self.watched_s * agents if self.watched_s > 60.0 * agents else 0.0
        share = team_share(agents)
        aims = [aim_of(tally, share, rate * tally.remaining_s) for tally in tallies]
        return min(aims, default=self.target * share)


def team_share(agents: int) -> float:
    """Share of the target that a team of this size should spend."""
    if agents <= _LARGE_TEAMS[0][0]:
        return 1.0
    for (low, at_low), (high, at_high) in itertools.pairwise(_LARGE_TEAMS):
        if agents <= high:
            return at_low + (at_high - at_low) * (agents - low) / (high - low)
    return _LARGE_TEAMS[-1][1]


def aim_of(tally: WindowTally, share: float, coming: float) -> float:
    """What one window leaves for the answers still to come in it (`coming`), of which `share` is to be spent."""
    coming = max(coming, LEAST_REMAINING)
    whole = tally.answered + coming
    target = tally.target
    within = target - max(MARGIN, CAUTION * math.sqrt(target * (1.0 - target) / whole))
    left = (min(within, share * target) * whole - tally.abandoned) / coming
    aim = min(max(left, 0.0), MOST_OF_TARGET * share * target)
    if tally.binds:
        headroom = target * tally.answered - tally.abandoned
        gentle = share * target * min((headroom + HEADROOM_SHIFT) / HEADROOM_FULL, 1.0)
        aim = max(min(aim, gentle), LEAST_SHARE * target)
    return aim
