"""The share of dials that reach a person, now: it fades old dials, notices jumps, and says how sure it is.

Each dial counts at its outcome. Experience has a half-life of 500 dials or five minutes of dialing, whichever is more;
when outcomes run away from what was expected (a cumulative sum beyond five standard deviations), all older dials
together count as 100 at most, and the half-life is that short for a minute. Where accounts come with chances of their
own, what is learned is by how much these are out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

HALF_LIFE_DIALS: Final = 500.0
HALF_LIFE_S: Final = 300.0
JUMP_HALF_LIFE_DIALS: Final = 100.0
JUMP_S: Final = 60.0
JUMP_SDS: Final = 5.0
PRIOR_DIALS: Final = 50.0
FLOOR: Final = 0.005
CEILING: Final = 0.95
SURE_FROM: Final = 300
"""From this many outcomes on, the rate itself is used and not its upper bound."""
_DRIFT_KEEP: Final = 0.5 ** (1.0 / 200.0)


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
    """

    prior: float = 0.25
    reached: float = field(init=False)
    dials: float = field(init=False, default=PRIOR_DIALS)
    told_reached: float = field(init=False)
    told_expected: float = field(init=False)
    seen: int = 0
    drift: float = 0.0
    spread: float = 0.0
    fast_until: float = -math.inf
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
        self._watch(float(person) - expected, expected, now)
        half_life = max(HALF_LIFE_DIALS, HALF_LIFE_S / max(self.gap_s, 1e-3))
        keep = 0.5 ** (1.0 / (JUMP_HALF_LIFE_DIALS if now < self.fast_until else half_life))
        self.reached = self.reached * keep + float(person)
        self.dials = self.dials * keep + 1.0
        if told is not None:
            self.told_reached = self.told_reached * keep + float(person)
            self.told_expected = self.told_expected * keep + told
        self.seen += 1

    def _watch(self, surprise: float, expected: float, now: float) -> None:
        self.drift = self.drift * _DRIFT_KEEP + surprise
        self.spread = self.spread * _DRIFT_KEEP**2 + expected * (1.0 - expected)
        if self.spread > 3.0 and abs(self.drift) > JUMP_SDS * math.sqrt(self.spread):
            self.fast_until = now + JUMP_S
            self.drift = self.spread = 0.0
            keep = min(1.0, JUMP_HALF_LIFE_DIALS / self.dials)
            self.reached *= keep
            self.dials *= keep
            self.told_reached *= keep
            self.told_expected *= keep

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
