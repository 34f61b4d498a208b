"""An agent's shift: when breaks and the end of work are near, so that nobody dials for an agent who will be gone.

Times are seconds since local midnight; a shift that runs past midnight ends above 86,400.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pacing.settings import SettingsError

_LONGEST: Final = 2 * 86_400.0


@dataclass(frozen=True, slots=True)
class Break:
    """A planned absence."""

    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Shift:
    """When an agent works.

    Attributes:
        begins, ends: of the shift.
        breaks: lunch and other planned absences, in order, within the shift.
    """

    begins: float
    ends: float
    breaks: tuple[Break, ...] = ()

    def __post_init__(self) -> None:
        marks = [self.begins, *(mark for one in self.breaks for mark in (one.begins, one.ends)), self.ends]
        if not all(math.isfinite(mark) and 0.0 <= mark <= _LONGEST for mark in marks):
            raise SettingsError("a shift's times must be seconds since midnight, at most two days of them")
        if any(later < earlier for earlier, later in pairwise(marks)):
            raise SettingsError("a shift's breaks must follow each other between its begin and its end")

    def leaves_at(self, second: float, now: float) -> float:
        """When the agent leaves next, on the clock of `now`; in a break or off shift, that is now.

        Args:
            second: the present second of the local day.
            now: the same instant on the monotonic clock.
        """
        if not self.begins <= second < self.ends or self._in_break(second) is not None:
            return now
        next_break = min((one.begins for one in self.breaks if one.begins > second), default=self.ends)
        return now + min(next_break, self.ends) - second

    def returns_at(self, second: float, now: float) -> float | None:
        """When a break that is going on ends; None when there is none."""
        going_on = self._in_break(second)
        return None if going_on is None else now + going_on.ends - second

    def _in_break(self, second: float) -> Break | None:
        return next((one for one in self.breaks if one.begins <= second < one.ends), None)
