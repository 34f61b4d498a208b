"""Zones of places: from coordinates when an address is stored, and from a number where nothing better is known."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import phonenumbers
from phonenumbers import timezone

from domain.phone import PhoneNumber

if TYPE_CHECKING:
    from timezonefinder import TimezoneFinder


@lru_cache(maxsize=1)
def _finder() -> TimezoneFinder:
    from timezonefinder import (
        TimezoneFinder,
    )  # its tables cost a second and are needed only where there are coordinates

    return TimezoneFinder()


def zone_at(lat: float, lon: float) -> str | None:
    """The IANA zone at a place on land; None on the open sea."""
    found = _finder().timezone_at(lat=lat, lng=lon)
    return None if found is None or found.startswith("Etc/") else found


def zone_of(number: PhoneNumber) -> str | None:
    """The zone of a number's area where there is exactly one. Good for parts of the day, never for the law."""
    zones = timezone.time_zones_for_number(phonenumbers.parse(number.e164))
    return zones[0] if len(zones) == 1 and zones[0] != "Etc/Unknown" else None
