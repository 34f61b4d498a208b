"""The abandonment count of one campaign by calendar day: what pacing spends and the brake reads.

Live answers are people who answered, abandoned ones included. A call is abandoned when its treatment began, even if a
late agent still took it. Days are the campaign's own local days; the 30-day window is that day and the 29 before it.
Where the law counts by 30 days, the brake leaves the day alone; pacing is steered so that each day ends in the target.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pacing.snapshot import WindowTally

WINDOW_DAYS = 30
CLOSING = time(21)
"""When calling ends at the latest on a campaign's day; what a day has left is spread until then."""


class AbandonmentTally:
    """Counts per local day.

    Args:
        target: highest share of live answers that may be abandoned.
        zone: IANA zone in which the campaign's days begin.
        days: counts (live answers, abandoned) that are already on record.
        day_binds: whether the brake acts on the single day too.
    """

    def __init__(
        self,
        target: float,
        zone: str,
        days: Mapping[date, tuple[int, int]] | None = None,
        *,
        day_binds: bool = True,
    ) -> None:
        self._target = target
        self._day_binds = day_binds
        self._zone = ZoneInfo(zone)
        self._days = dict(days or {})

    def retarget(self, target: float) -> None:
        """The campaign's target has changed."""
        self._target = target

    def add(self, now: datetime, *, abandoned: bool) -> None:
        """Count one live answer."""
        day = now.astimezone(self._zone).date()
        answered, lost = self._days.get(day, (0, 0))
        self._days[day] = (answered + 1, lost + abandoned)

    def today(self, now: datetime) -> tuple[int, int]:
        """Live answers and abandoned calls of the present day."""
        return self._days.get(now.astimezone(self._zone).date(), (0, 0))

    def windows(self, now: datetime) -> tuple[WindowTally, ...]:
        """The windows of the budget at `now`."""
        local = now.astimezone(self._zone)
        today = local.date()
        oldest = today - timedelta(days=WINDOW_DAYS - 1)
        recent = [counts for day, counts in self._days.items() if oldest <= day <= today]
        closing = datetime.combine(today, CLOSING, self._zone)
        remaining_s = max(0.0, (closing - local).total_seconds())
        day_answered, day_abandoned = self._days.get(today, (0, 0))
        return (
            WindowTally("day", self._target, day_answered, day_abandoned, self._day_binds, remaining_s),
            WindowTally(
                "30 days",
                self._target,
                sum(answered for answered, _ in recent),
                sum(abandoned for _, abandoned in recent),
                remaining_s=remaining_s,
            ),
        )
