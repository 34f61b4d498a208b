"""How many calls a trunk takes now: channels in use, calls per second, and whether it works at all. Pure arithmetic.

The engine asks `room(now)` before it plans, `take(now)` for each call it sends and `give_back()` when the call is gone.
A carrier that answers 503 is overloaded, or thinks that we are too fast: `overloaded(now)` halves the calls per second,
and they grow back slowly. `dialer.trunk_watch` tells each trunk how it stands with its carrier.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

RECOVERY_S: Final = 120.0
"""From a standstill to the full rate, in a straight line, when no 503 comes."""
HALVE_AT_MOST_EVERY_S: Final = 1.0
"""Calls that were under way when the first 503 came are no news."""
SLOWEST_SHARE: Final = 1 / 32
"""Of the full rate: so much always goes out, or nobody would notice that the carrier is well again."""


@dataclass(frozen=True, slots=True)
class TrunkLimits:
    """What the carrier allows.

    Attributes:
        name: the trunk's name in settings and in the switch.
        channels: calls at once, in any state.
        calls_per_second: sustained rate of new calls; up to one second's worth may go at once.
    """

    name: str
    channels: int
    calls_per_second: float

    def __post_init__(self) -> None:
        if self.channels < 1 or self.calls_per_second <= 0:
            raise ValueError(f"trunk {self.name}: channels and calls_per_second must be positive")


class Trunk:
    """The running tally of one trunk: a count of channels and a token bucket of one second's depth.

    Attributes:
        in_use: channels in use.
        rate: calls per second allowed at the last look; below the limit after a 503.
        trouble: why the trunk cannot be used, in words with what to do; empty when it can, or nobody knows.
    """

    def __init__(self, limits: TrunkLimits, now: float) -> None:
        self.limits = limits
        self.in_use = 0
        self.rate = limits.calls_per_second
        self.trouble = ""
        self._tokens = self._depth
        self._looked_at = now
        self._halved_at = -HALVE_AT_MOST_EVERY_S

    @property
    def slowed(self) -> bool:
        """Whether it goes slower than its limit because the carrier said 503."""
        return self.rate < self.limits.calls_per_second

    def words(self) -> str:
        """What a person should know of it; empty when all is well."""
        if self.trouble:
            return f"trunk {self.limits.name}: {self.trouble}"
        if self.slowed:
            limit = self.limits.calls_per_second
            return f"trunk {self.limits.name}: the carrier said 503; {self.rate:.2g} of {limit:g} calls/s, growing back"
        return ""

    def room(self, now: float) -> int:
        """Calls that may be sent at `now` (monotonic seconds)."""
        self._look(now)
        if self.trouble:
            return 0
        return max(0, min(self.limits.channels - self.in_use, int(self._tokens)))

    def take(self, now: float) -> bool:
        """Account for one new call; False when there is no room, and then nothing is taken."""
        if self.room(now) < 1:
            return False
        self._tokens -= 1
        self.in_use += 1
        return True

    def give_back(self) -> None:
        """A call is gone."""
        self.in_use -= 1

    def overloaded(self, now: float) -> None:
        """The carrier answered 503."""
        self._look(now)
        if now - self._halved_at < HALVE_AT_MOST_EVERY_S:
            return
        self._halved_at = now
        self.rate = max(self.rate / 2, self.limits.calls_per_second * SLOWEST_SHARE)
        self._tokens = min(self._tokens, self._depth)

    @property
    def _depth(self) -> float:
        return max(1.0, self.rate)

    def _look(self, now: float) -> None:
        """Let time pass: tokens come at the rate of before, then the rate grows."""
        passed, limit = now - self._looked_at, self.limits.calls_per_second
        self._looked_at = now
        self._tokens += passed * self.rate
        self.rate = min(limit, self.rate + passed * limit / RECOVERY_S)
        self._tokens = min(self._depth, self._tokens)


def take_first(trunks: Iterable[Trunk], now: float) -> Trunk | None:
    """Account for one new call on the first trunk with room; None when there is none."""
    return next((trunk for trunk in trunks if trunk.take(now)), None)
