"""Builds the tables of places and holidays once, from the files beside this module and three packages' data."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

import phonenumbers
from dateutil.easter import easter
from dateutil.relativedelta import FR, MO, SA, SU, TH, TU, WE, relativedelta
from phonenumbers.tzdata import TIMEZONE_DATA

from compliance.locations import NumberClass, NumberPlace, Places, ZipPlace
from compliance.tables.postal import load_postal

_WEEKDAYS = {"mon": MO, "tue": TU, "wed": WE, "thu": TH, "fri": FR, "sat": SA, "sun": SU}


class TableError(ValueError):
    """A table that ships with the project is wrong; the message names the entry."""


def read_table(name: str) -> dict[str, Any]:
    """One TOML file of this package."""
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text("utf-8"))


@lru_cache(maxsize=1)
def load_places(keep_in: Path | None = None) -> Places:
    """All tables of places.

    Args:
        keep_in: folder in which what takes a second to make is kept for the next time; None: nowhere.
    """
    table = read_table("places.toml")
    corrections = table["corrections"]
    same: dict[str, str] = corrections["same"]
    states = {c: {s: tuple(z) for s, z in rows.items()} for c, rows in table["states"].items()}
    postal = load_postal(table, partial(_clean, same=same), keep_in)
    named = {(city["state"], alias): name for name, city in table["cities"].items() for alias in city["names"]}
    area_codes = _area_codes(table, same)
    prefixes = _prefixes(table, same)
    return Places(
        area_codes=area_codes,
        prefixes=prefixes,
        longest_prefix=max(map(len, prefixes)),
        zips=postal.zips,
        postcodes=_postcodes(table),
        cities=postal.cities,
        named_cities=named,
        states=states,
        countries=table["countries"],
        same=same,
    )


def _postcodes(table: Mapping[str, Any]) -> dict[str, dict[str, ZipPlace]]:
    """Places by the first characters of postal codes, longer ones beside the shorter ones they are cut out of."""
    return {
        country: {
            prefix: ZipPlace(tuple(place["zones"]), place["state"], None)
            for prefixes, place in rows.items()
            for prefix in prefixes.split()
        }
        for country, rows in table["postcodes"].items()
    }


def _clean(zones: Any, same: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted({same.get(zone, zone) for zone in zones if "/" in zone and zone != "Etc/Unknown"}))


def _area_codes(table: dict[str, Any], same: Mapping[str, str]) -> dict[str, NumberPlace]:
    """Area codes of +1: the union of their exchanges' zones, overlays like their parents, corrections last."""
    zones: dict[str, set[str]] = defaultdict(set)
    for prefix, names in TIMEZONE_DATA.items():
        if prefix.startswith("1") and len(prefix) >= 4:
            zones[prefix[1:4]].update(names)
    for overlay, parent in table["corrections"]["overlays"].items():
        zones[overlay] = zones[parent]
    for code, names in table["corrections"]["area_codes"].items():
        zones[code] = set(names)
    countries: dict[str, tuple[str, set[str]]] = {}
    for country in ("US", "CA"):
        for state, codes in table["area_codes"][country].items():
            for code in codes.split():
                countries.setdefault(code, (country, set()))[1].update(state.split())
    for country, codes in table["nanp"].items():
        for code in codes.split():
            countries[code] = (country, {country})
    found = {
        code: NumberPlace(
            NumberClass.GEOGRAPHIC, country, _clean(zones[code], same), tuple(sorted(names)), f"area code {code}"
        )
        for code, (country, names) in countries.items()
    }
    classes = {"toll_free": NumberClass.TOLL_FREE, "premium": NumberClass.PREMIUM, "personal": NumberClass.PERSONAL,
               "government": NumberClass.GOVERNMENT, "unplaced": NumberClass.UNPLACED}  # fmt: skip
    for name, kind in classes.items():
        for code in table["classes"][name].split():
            owner = "CA" if kind is NumberClass.UNPLACED else None  # the codes without a place are all Canada's
            found[code] = NumberPlace(kind, owner, (), (), f"{kind} {code}")
    return found


def _prefixes(table: dict[str, Any], same: Mapping[str, str]) -> dict[str, NumberPlace]:
    """Leading digits of every number outside +1; a correction also replaces everything beneath it."""
    corrected: dict[str, list[str]] = table["corrections"]["prefixes"]
    zones = {
        prefix: list(names)
        for prefix, names in TIMEZONE_DATA.items()
        if not prefix.startswith("1") and not any(prefix.startswith(fixed) for fixed in corrected)
    }
    zones.update(corrected)
    area_states: dict[str, list[str]] = defaultdict(list)
    for country in ("AU", "BR"):
        calling = str(phonenumbers.country_code_for_region(country))
        for state, codes in table["area_codes"][country].items():
            for code in codes.split():
                area_states[calling + code].append(state)
    for prefix in area_states:
        zones.setdefault(prefix, _longest(zones, prefix))
    return {
        prefix: NumberPlace(
            NumberClass.GEOGRAPHIC,
            _country(prefix),
            _clean(names, same),
            tuple(sorted(_longest(area_states, prefix))),
            f"+{prefix}",
        )
        for prefix, names in zones.items()
        if _country(prefix) is not None
    }


def _longest(table: Mapping[str, list[str]], prefix: str) -> list[str]:
    for length in range(len(prefix), 0, -1):
        if prefix[:length] in table:
            return table[prefix[:length]]
    return []


def _country(prefix: str) -> str | None:
    for length in (1, 2, 3):
        if len(prefix) >= length and int(prefix[:length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            region = phonenumbers.region_code_for_country_code(int(prefix[:length]))
            return region if len(region) == 2 else None
    return None


class Holidays:
    """Named lists of days; a year is worked out when first asked for."""

    def __init__(self, table: Mapping[str, Mapping[str, list[str]]]) -> None:
        self._table = table
        self._years: dict[tuple[str, int], frozenset[date]] = {}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._table)

    def is_holiday(self, name: str, day: date) -> bool:
        """Whether the day is on the list.

        Raises:
            KeyError: no list of that name; packs are checked for it when they are loaded.
        """
        key = (name, day.year)
        days = self._years.get(key)
        if days is None:
            days = self._years[key] = self._year(name, day.year)
        return day in days

    def _year(self, name: str, year: int) -> frozenset[date]:
        import holidays  # a quarter of a second, and many campaigns have no rule about holidays

        entry = self._table[name]
        days = {day for text in entry.get("days", []) if (day := _day_or_none(text, year)) is not None}
        for source in entry.get("library", []):
            country, _, subdivision = source.partition("-")
            listed = holidays.country_holidays(country, subdiv=subdivision or None, years=year)
            days.update(listed)
        return frozenset(days)


@lru_cache(maxsize=1)
def load_holidays() -> Holidays:
    """The lists of `holidays.toml`, every day of this file checked."""
    table = read_table("holidays.toml")
    for entry in table.values():
        for text in entry.get("days", []):
            _day_or_none(text, 2026)
    return Holidays(table)


def _day_or_none(text: str, year: int) -> date | None:
    """The day, or None in a year that does not have it."""
    plain = text.removesuffix(" even")
    return _day(plain, year) if plain == text or year % 2 == 0 else None


def _day(text: str, year: int) -> date:
    words = text.split()
    match words:
        case ["election"]:
            return _on(date(year, 11, 1), "mon", 1) + timedelta(days=1)
        case [rule] if rule.startswith("easter"):
            sunday: date = easter(year)
            return sunday + timedelta(days=int(rule.removeprefix("easter") or "0"))
        case [plain]:
            month, day = plain.split("-")
            return date(year, int(month), int(day))
        case ["last", weekday, month]:
            return _on(date(year, int(month), 1) + relativedelta(day=31), weekday, -1)
        case [weekday, "before", plain]:
            return _on(_day(plain, year) - timedelta(days=1), weekday, -1)
        case [nth, weekday, month]:
            return _on(date(year, int(month), 1), weekday, int(nth))
        case _:
            raise TableError(f"holidays.toml: {text!r} is not a rule for a day")


def _on(day: date, weekday: str, nth: int) -> date:
    """The nth such weekday from a day on, itself included; before it where nth is negative."""
    if weekday not in _WEEKDAYS:
        raise TableError(f"holidays.toml: {weekday!r} is no day of the week; there are {', '.join(_WEEKDAYS)}")
    found: date = day + relativedelta(weekday=_WEEKDAYS[weekday](nth))
    return found
