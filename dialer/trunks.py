"""How many calls a trunk takes now: channels in use and calls per second. Pure arithmetic over a clock's seconds.

The engine asks `room(now)` before it plans, `take(now)` for each call it sends and `give_back()` when the call is gone.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    """The running tally of one trunk: a count of channels and a token bucket of one second's depth."""

    def __init__(self, limits: TrunkLimits, now: float) -> None:
        self.limits = limits
        self.in_use = 0
        self._depth = max(1.0, limits.calls_per_second)
        self._tokens = self._depth
        self._filled_at = now

    def room(self, now: float) -> int:
        """Calls that may be sent at `now` (monotonic seconds)."""
        self._fill(now)
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

    def _fill(self, now: float) -> None:
        self._tokens = min(self._depth, self._tokens + (now - self._filled_at) * self.limits.calls_per_second)
        self._filled_at = now
