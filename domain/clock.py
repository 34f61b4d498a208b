"""The one door to time. Code takes a Clock; nothing else in the project asks the system what time it is.

`now()` is the calendar (aware, UTC) that laws and records use. `monotonic()` is for measuring spans and never steps.
The two are apart on purpose: the demo moves the calendar to an hour at which calling is lawful and leaves seconds real.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """The calendar instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back, unaffected by calendar steps."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clocks, the calendar moved by a fixed offset (zero in production)."""

    offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic()

    @classmethod
    def starting_at(cls, instant: datetime) -> SystemClock:
        """A clock whose calendar reads `instant` now and then runs at the ordinary pace."""
        return cls(offset=instant - datetime.now(UTC))


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when told to; for tests and virtual time."""

    instant: datetime
    _seconds: float = field(default=0.0)

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Move both clocks forward.

        Raises:
            ValueError: if `seconds` is negative: monotonic time never goes back.
        """
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds} s")
        self._seconds += seconds
        self.instant += timedelta(seconds=seconds)
