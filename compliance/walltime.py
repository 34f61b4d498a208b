"""Local wall time and instants: when does the clock on the wall in some zone next read what a rule asks for?

Everything is exact across changes of the clock. The zone data comes from the `tzdata` package, never from the machine.
"""

from __future__ import annotations

import calendar
import zoneinfo
from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


def use_packaged_tzdata() -> None:
    """Make zoneinfo read the packaged zone data alone. Call it before any zone is made."""
    zoneinfo.reset_tzpath(to=[])


@lru_cache(maxsize=1024)
def zone(name: str) -> zoneinfo.ZoneInfo:
    """The zone of an IANA name.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: no such zone.
    """
    return zoneinfo.ZoneInfo(name)


def wall(instant: datetime, zone_name: str) -> datetime:
    """What the clock on the wall reads in the zone: naive."""
    return instant.astimezone(zone(zone_name)).replace(tzinfo=None)


def until_wall(instant: datetime, zone_name: str, target: datetime) -> datetime:
    """How long it is sure that the wall in the zone has not reached `target`, seen from `instant`.

    The answer is the instant at which the wall reads `target`, or, if the clock is changed before that, the instant of
    the change: up to it the wall certainly is before `target`, and from it the caller looks again.

    Args:
        instant: aware; its wall time is before `target`.
        zone_name: IANA name.
        target: naive wall time.
    """
    here = zone(zone_name)
    local = instant.astimezone(here)
    reached = instant + (target - local.replace(tzinfo=None))
    offset = local.utcoffset()
    if reached.astimezone(here).utcoffset() == offset:
        return reached
    floor = instant.replace(microsecond=0)  # clocks are changed at whole seconds

    def changed(seconds: int) -> bool:
        return (floor + seconds * _SECOND).astimezone(here).utcoffset() != offset

    return floor + bisect_left(range((reached - floor) // _SECOND), True, key=changed) * _SECOND


def midnight(day: date) -> datetime:
    """The first wall time of a local day, naive."""
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001  # a reading of a wall clock has no zone


@lru_cache(maxsize=4096)
def beginning(day: date, zone_name: str) -> datetime:
    """The instant at which a local day begins; where the clock skips midnight, the instant of the change."""
    return midnight(day).replace(tzinfo=zone(zone_name)).astimezone(UTC)


def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later, or the last day of a shorter month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    _, last = calendar.monthrange(year, month + 1)
    return date(year, month + 1, min(day.day, last))
