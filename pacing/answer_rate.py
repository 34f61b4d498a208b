"""The share of dials that reach a person, now: it fades old dials, notices jumps, and says how sure it is.

Each dial counts at its outcome. Experience has a half-life of 500 dials or five minutes of dialing, whichever is more.
Two running tests watch for a jump, one up and one down: each adds up how much likelier the latest outcomes are at
twice (or half) the expected odds, and starts over when that falls below nought. When one is sure, what came since it
last started over replaces what was known before. Where accounts come with chances of their own, what is learned is by
how much these are out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

HALF_LIFE_DIALS: Final = 500.0
HALF_LIFE_S: Final = 300.0
JUMP_ODDS: Final = 2.0
JUMP_SCORE: Final = 8.0
"""Log-likelihood at which a jump is believed: about two false alarms in 100,000 dials, and 40 dials to notice that one
in four answers became one in ten."""
OLD_DIALS: Final = 10.0
"""What was known before a jump counts as so many dials after it."""
PRIOR_DIALS: Final = 50.0
FLOOR: Final = 0.005
CEILING: Final = 0.95
SURE_FROM: Final = 300
"""From this many outcomes on, the rate itself is used and not its upper bound."""


@dataclass(slots=True)
class Watch:
    """A running test for a jump by the factor `odds`, and what came since it last started over."""

    odds: float
    score: float = 0.0
    dials: float = 0.0
    reached: float = 0.0
    expected: float = 0.0

    def saw(self, person: bool, expected: float) -> bool:
        """One outcome; whether a jump is now believed."""
        odds = expected / (1.0 - expected) * self.odds
        after = odds / (1.0 + odds)
        self.score += math.log(after / expected if person else (1.0 - after) / (1.0 - expected))
        if self.score <= 0.0:
            self.restart()
            return False
        self.dials += 1.0
        self.reached += float(person)
        self.expected += expected
        return self.score > JUMP_SCORE

    def restart(self) -> None:
        """Forget what came."""
        self.score = self.dials = self.reached = self.expected = 0.0


@dataclass(slots=True)
class AnswerRate:
    """Chance that a dial reaches a person, as a fading average that starts from a prior.

    Attributes:
        prior: belief before anything is known; best the same list's rate at the same hour on past days.
        reached, dials: fading counts of persons reached and of dials.
        told_reached, told_expected: the same of dials whose account came with its own chance: how many reached a
            person, and how many were to by those chances.
        seen: outcomes counted since the start, never faded.
        gap_s: fading mean time between outcomes.
        jumps: how often a jump was believed.
    """

    prior: float = 0.25
    reached: float = field(init=False)
    dials: float = field(init=False, default=PRIOR_DIALS)
    told_reached: float = field(init=False)
    told_expected: float = field(init=False)
    seen: int = 0
    watches: tuple[Watch, Watch] = field(default_factory=lambda: (Watch(JUMP_ODDS), Watch(1.0 / JUMP_ODDS)))
    jumps: int = 0
    last_at: float = -math.inf
    gap_s: float = 1.0

    def __post_init__(self) -> None:
        self.reached = self.told_reached = self.told_expected = self.prior * PRIOR_DIALS

    def outcome(self, person: bool, now: float, told: float | None = None) -> None:
        """One dial is over. `told` is the chance its account came with, if it did."""
        if math.isfinite(self.last_at):
            self.gap_s += 0.01 * (min(max(now - self.last_at, 0.0), 60.0) - self.gap_s)
        self.last_at = max(self.last_at, now)
        expected = self.rate() if told is None else self.calibrated(told)
        keep = 0.5 ** (1.0 / max(HALF_LIFE_DIALS, HALF_LIFE_S / max(self.gap_s, 1e-3)))
        self.reached = self.reached * keep + float(person)
        self.dials = self.dials * keep + 1.0
        if told is not None:
            self.told_reached = self.told_reached * keep + float(person)
            self.told_expected = self.told_expected * keep + told
        self.seen += 1
        for watch in self.watches:
            if watch.saw(person, expected):
                self._jump(watch)
                break

    def _jump(self, watch: Watch) -> None:
        """Only what came since the watch last started over still counts, and a little of what was before."""
        before = self.rate()
        out_by = max(self.told_reached, 1e-6) / max(self.told_expected, 1e-6)
        self.dials = watch.dials + OLD_DIALS
        self.reached = watch.reached + OLD_DIALS * before
        self.told_reached = self.reached
        self.told_expected = (watch.expected + OLD_DIALS * before) / out_by
        self.jumps += 1
        for each in self.watches:
            each.restart()

    def rate(self) -> float:
        """Present chance that a dial reaches a person, kept off 0 and 1."""
        return min(max(self.reached / self.dials, FLOOR), CEILING)

    def calibrated(self, told: float) -> float:
        """An account's own chance, put right by how such chances have turned out of late."""
        return min(max(told * self.told_reached / max(self.told_expected, 1e-6), FLOOR), CEILING)

    def upper(self, z: float = 0.84) -> float:
        """Upper bound of the rate (80 % by default) while little is known; fades to the rate itself."""
        mean = self.rate()
        if self.seen >= SURE_FROM:
            return mean
        bound = mean + z * math.sqrt(mean * (1.0 - mean) / (PRIOR_DIALS / 2 + self.seen))
        return min(mean + (bound - mean) * (1.0 - self.seen / SURE_FROM), CEILING)
