"""Where the called party may be: number, addresses and stated places to a set of (zone, state, city).

A call is lawful only if it is lawful in every one of them. A number brings all zones of its area code, however few of
them are likely; only a fixed line whose exchange agrees with an address narrows that. A toll-free number brings none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final

import phonenumbers

from compliance.facts import Address, CalledNumber, LineType, StatedLocation
from compliance.rules import Basis

US_TERRITORIES: Final = frozenset({"PR", "VI", "GU", "MP", "AS"})


class NumberClass(StrEnum):
    GEOGRAPHIC = "geographic"
    UNPLACED = "unplaced"
    """A real number of no place within its country."""
    TOLL_FREE = "toll-free"
    PREMIUM = "premium"
    PERSONAL = "personal"
    GOVERNMENT = "government"
    SERVICE = "service code"
    IMPOSSIBLE = "impossible"

    @property
    def may_be_dialled(self) -> bool:
        return self in {NumberClass.GEOGRAPHIC, NumberClass.UNPLACED, NumberClass.TOLL_FREE}


@dataclass(frozen=True, slots=True, eq=False)
class NumberPlace:
    """What a number says by itself. One object per area code, so that identity serves as its hash.

    Attributes:
        country: ISO alpha-2; None for the shared ranges of +1 (toll-free) and for numbers that cannot exist.
        label: how to name the range to a reader, as "area code 917".
    """

    kind: NumberClass
    country: str | None
    zones: tuple[str, ...]
    states: tuple[str, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Location:
    """One place the party may be in.

    Attributes:
        zone: IANA name.
        source: what says so, in words.
        state: None where unknown.
    """

    zone: str
    state: str | None
    city: str | None
    country: str
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True)
class ZipPlace:
    zones: tuple[str, ...]
    state: str
    city: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The tables, loaded once by `tables.load_places`."""

    area_codes: Mapping[str, NumberPlace]
    """NANP area code to its place."""
    prefixes: Mapping[str, NumberPlace]
    """Leading digits (with country code) of all other numbers."""
    longest_prefix: int
    zips: Mapping[str, ZipPlace]
    postcodes: Mapping[str, Mapping[str, ZipPlace]]
    """Country to leading characters of a postal code to its place."""
    cities: Mapping[tuple[str, str], tuple[str, ...]]
    """(state, lower-case city) of the United States to its zones."""
    named_cities: Mapping[tuple[str, str], str]
    """(state, lower-case name) to the city that has rules of its own."""
    states: Mapping[str, Mapping[str, tuple[str, ...]]]
    countries: Mapping[str, str]
    same: Mapping[str, str]

    def canonical(self, zone: str) -> str:
        """One name for zones that have shown the same clock since 2008."""
        return self.same.get(zone, zone)

    def of_number(self, e164: str) -> NumberPlace:
        """Class, country, zones and states of a number; never fails."""
        if e164.startswith("+1"):
            return self._north_american(e164)
        digits = e164[1:]
        for length in range(self.longest_prefix, 0, -1):
            found = self.prefixes.get(digits[:length])
            if found is not None:
                return found
        return _IMPOSSIBLE

    def _north_american(self, e164: str) -> NumberPlace:
        found = self.area_codes.get(e164[2:5])
        if found is None or _TEN_DIGITS.fullmatch(e164) is None:
            return _SERVICE if e164[3:5] == "11" else _IMPOSSIBLE
        if e164[6:8] == "11" and found.kind is NumberClass.GEOGRAPHIC:
            return _IMPOSSIBLE
        return found


_TEN_DIGITS: Final = re.compile(r"\+1\d{3}[2-9]\d{6}", re.ASCII)
_IMPOSSIBLE: Final = NumberPlace(NumberClass.IMPOSSIBLE, None, (), (), "a number that cannot exist")
_SERVICE: Final = NumberPlace(NumberClass.SERVICE, None, (), (), "a service code")


@lru_cache(maxsize=65536)
def foreign_class(e164: str) -> NumberClass:
    """Class of a number outside +1, by phonenumbers' metadata.

    A number is impossible when its length or shape is: ranges that are only unassigned are left alone, since the
    metadata is always some weeks old.
    """
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return NumberClass.IMPOSSIBLE
    if not phonenumbers.is_possible_number(number):
        return NumberClass.IMPOSSIBLE
    match phonenumbers.number_type(number):
        case phonenumbers.PhoneNumberType.PREMIUM_RATE:
            return NumberClass.PREMIUM
        case phonenumbers.PhoneNumberType.PERSONAL_NUMBER:
            return NumberClass.PERSONAL
        case phonenumbers.PhoneNumberType.TOLL_FREE:
            return NumberClass.TOLL_FREE
        case _:
            return NumberClass.GEOGRAPHIC


def number_class(e164: str, place: NumberPlace) -> NumberClass:
    """The class that decides whether the number may be dialled at all."""
    if e164.startswith("+1") or place.kind is NumberClass.IMPOSSIBLE:
        return place.kind
    return foreign_class(e164)


def locate(
    places: Places,
    number: CalledNumber,
    place: NumberPlace,
    addresses: Iterable[Address],
    stated: Iterable[StatedLocation],
) -> tuple[Location, ...]:
    """Every place the facts put the party in, without repetition, in a fixed order."""
    known = [location for address in addresses for location in _of_address(places, address, Basis.ADDRESS)]
    for statement in stated:
        address = Address(zip=statement.zip, state=statement.state, country=statement.country, tz=statement.tz)
        known.extend(_of_address(places, address, Basis.STATED))
    postal = {places.canonical(location.zone) for location in known if location.basis is Basis.ADDRESS}
    known.extend(_of_number(places, number, place, postal))
    return tuple(dict.fromkeys(known))


def _of_number(places: Places, number: CalledNumber, place: NumberPlace, postal: set[str]) -> Iterable[Location]:
    if place.country is None or number_class(number.e164, place) is NumberClass.TOLL_FREE:
        return
    states: tuple[str | None, ...] = place.states or (None,)
    zones, source = place.zones, place.label
    if number.line_type is LineType.FIXED and number.ported_at is None and number.exchange_zip is not None:
        exchange = _zip(places, number.exchange_zip, place.country)
        if exchange is not None and exchange.zones and postal.issuperset(exchange.zones):
            zones, source = exchange.zones, f"exchange {number.exchange_zip}"
            states = (exchange.state,) if exchange.state in place.states else states
    country = "US" if place.country in US_TERRITORIES else place.country
    table = places.states.get(country, {})
    for zone in zones:
        fitting = [state for state in states if zone in table.get(state or "", ())]
        for state in fitting or states:
            yield Location(zone, state, None, country, Basis.NUMBER, source)


def _zip(places: Places, code: str, country: str) -> ZipPlace | None:
    """Place of a ZIP code, or of a postal code by the longest leading characters that are known."""
    if country in US_TERRITORIES or country == "US":
        return places.zips.get(code[:5])
    known, plain = places.postcodes.get(country, {}), code.upper()
    return next((known[plain[:n]] for n in range(len(plain), 0, -1) if plain[:n] in known), None)


def _of_address(places: Places, address: Address, basis: Basis) -> Iterable[Location]:
    if address.country in US_TERRITORIES:
        address = replace(address, country="US", state=address.country)
    found = _zip(places, address.zip, address.country) if address.zip else None
    named = found.state if found is not None else None
    source = _source(address, basis)
    states = [state for state in dict.fromkeys((named, address.state)) if state is not None]
    if address.tz is not None:
        for state in states:
            city = _city(places, address, found, state)
            yield Location(address.tz, state, city, address.country, basis, source)
        if not states:
            yield Location(address.tz, None, None, address.country, basis, source)
        return
    for state in states:
        zones = found.zones if found is not None and state == named else _state_zones(places, address, state)
        for zone in zones:
            yield Location(zone, state, _city(places, address, found, state), address.country, basis, source)
    if not states and address.country in places.countries:
        yield Location(places.countries[address.country], None, None, address.country, basis, source)


def _state_zones(places: Places, address: Address, state: str) -> tuple[str, ...]:
    """Zones of the city where it is known in that state, else every zone of the state."""
    if address.country == "US" and address.city is not None:
        known = places.cities.get((state, address.city.strip().lower()))
        if known:
            return known
    zones = places.states.get(address.country, {}).get(state, ())
    if not zones and address.country in places.countries:
        return (places.countries[address.country],)
    return zones


def _city(places: Places, address: Address, found: ZipPlace | None, state: str | None) -> str | None:
    if found is not None and found.state == state:
        return found.city
    if address.city is None or state is None or address.country != "US":
        return None
    return places.named_cities.get((state, address.city.strip().lower()))


def _source(address: Address, basis: Basis) -> str:
    shown = address.zip or address.city or address.state or address.tz or address.country
    return f"{'address' if basis is Basis.ADDRESS else 'stated'} {shown}"
