"""Whether the picture of the floor can be trusted: how late events are, how silent the switch, how true the clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from domain.clock import Clock
from pacing.snapshot import Health

FORGOTTEN_AFTER_S: Final = 1.0
"""A late event says something about the picture for this long."""


class LinkHealth:
    """Measures with every event and every tick.

    Args:
        clock: the engine's.
        heard_at: when the switch last said anything, answers to pings included (`Clock.monotonic()`); None where the
            switch cannot fall silent.
    """

    def __init__(self, clock: Clock, heard_at: Callable[[], float] | None) -> None:
        self._clock = clock
        self._heard_at = heard_at
        self._apart: float | None = None
        self._jump_s = 0.0
        self._lag_s = 0.0
        self._lag_at = -math.inf

    def handled(self, at: float) -> None:
        """An event that happened at `at` is being handled now."""
        now = self._clock.monotonic()
        lag = max(0.0, now - at)
        if lag >= self._lag_s or now - self._lag_at > FORGOTTEN_AFTER_S:
            self._lag_s, self._lag_at = lag, now

    def tick(self) -> None:
        """Compare the calendar with the monotonic clock; a jump counts for the decisions of this one tick."""
        apart = self._clock.now().timestamp() - self._clock.monotonic()
        self._jump_s = 0.0 if self._apart is None else apart - self._apart
        self._apart = apart

    def health(self, *, link_up: bool) -> Health:
        """As pacing wants to know it."""
        now = self._clock.monotonic()
        return Health(
            link_up=link_up,
            quiet_s=0.0 if self._heard_at is None else max(0.0, now - self._heard_at()),
            queue_lag_s=self._lag_s if now - self._lag_at <= FORGOTTEN_AFTER_S else 0.0,
            clock_jump_s=self._jump_s,
        )
