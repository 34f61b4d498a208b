"""The policy in force: packs, tables and versions, loaded once; and the choice of rules for a kind of call.

Loading is the only part that reads files. A Policy never changes after it is loaded; what it remembers between calls
is only which rules apply to which kind of call, so that two decisions on the same facts are the same.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import zoneinfo
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Final

import tzdata  # type: ignore[import-untyped]

from compliance import walltime
from compliance.facts import Address, CalledNumber, CallFacts, Purpose, StatedLocation, Voice
from compliance.locations import US_TERRITORIES, Location, NumberPlace, Places, locate, number_class
from compliance.moment import Bound, Ground
from compliance.packs import (
    Known,
    Loosening,
    Pack,
    PolicyError,
    check_of,
    loosen,
    parse_pack,
    read_pack,
    refuse_repeated,
)
from compliance.rules import Call, Kind, Rule, holds
from compliance.tables import Holidays, load_holidays, load_places

MINIMUM_TZDATA: Final = "2026f"

_ROUTED_KINDS: Final = frozenset({Kind.NUMBER_CLASS, Kind.COUNTRY, Kind.SUPPRESSION, Kind.MEDIUM, Kind.WORKPLACE})
"""What is still asked of a number that belongs to another country's rules."""
_COUNTING: Final = frozenset({Kind.FREQUENCY, Kind.COOL_OFF, Kind.MIN_GAP, Kind.DAILY_CAP})
_NEEDS: Final = {
    Kind.SUPPRESSION: "suppressions",
    Kind.MEDIUM: "preferences",
    Kind.INCONVENIENT_TIME: "preferences",
    Kind.EMERGENCY: "emergencies",
    Kind.FREQUENCY: "history",
    Kind.COOL_OFF: "history",
    Kind.MIN_GAP: "history",
    Kind.RESERVED_AGENT: "history",
}
_MEMORY: Final = 100_000
_NOWHERE: Final = frozenset({"AA", "AE", "AP"})


@dataclass(frozen=True, slots=True)
class _CallKind:
    """All that decides which rules apply, and where, but for the number."""

    country: str
    purposes: frozenset[Purpose]
    place: NumberPlace
    call: Call
    addresses: tuple[Address, ...]
    stated: tuple[StatedLocation, ...]


class Policy:
    """Rules and tables of one moment in the project's life.

    Attributes:
        name: as `us-2026.11`, for the campaign's country see `name_for`.
        digest: SHA-256 over all packs and tables.
        loosened: what a customer's named people loosened; for the audit.
        tzdata: version of the time-zone data.
    """

    def __init__(self, packs: Sequence[Pack], places: Places, holidays: Holidays, tz_version: str) -> None:
        self.packs = tuple(packs)
        self.places = places
        self.holidays = holidays
        self.tzdata = tz_version
        self.digest = _digest(packs)
        self.countries: Mapping[str, Pack] = {
            pack.country: pack for pack in packs if pack.country != "*" and not pack.customer
        }
        self.loosened: tuple[Loosening, ...] = tuple(item for pack in packs for item in pack.loosened)
        rules = loosen((rule for pack in packs for rule in pack.rules), self.loosened)
        self.rules: tuple[Rule, ...] = tuple(sorted(rules, key=lambda rule: (rule.stage, rule.id)))
        self._grounds: dict[Hashable, Ground] = {}
        self._choices: dict[tuple[str, frozenset[Purpose], Call, bool], tuple[tuple[Rule, ...], tuple[Rule, ...]]] = {}

    def name_for(self, country: str) -> str:
        """Name of the rules for a campaign of the country, as `us-2026.11`."""
        if country == "*":
            return "base-" + next((pack.version for pack in self.packs if pack.country == "*"), "none")
        pack = self.countries.get(country)
        return f"{country.lower()}-{pack.version if pack is not None else 'none'}"

    def ground(self, facts: CallFacts, stated: tuple[StatedLocation, ...]) -> Ground:
        """Places and rules for this kind of call.

        Args:
            facts: the call.
            stated: the stated places in force at the instant judged.
        """
        number = facts.number
        place = self.places.of_number(number.e164)
        key = (  # all that decides which rules apply, and where; a plain tuple is the quickest to make and to hash
            facts.campaign_country,
            facts.purpose,
            facts.also,
            place,
            None if number.e164.startswith("+1") else number.e164,
            facts.voice,
            facts.mode,
            number.line_type,
            number.ported_at is not None,
            facts.party_role,
            number.use,
            facts.debt_kind,
            number.exchange_zip,
            facts.addresses,
            stated,
        )
        found = self._grounds.get(key)
        if found is None:
            if len(self._grounds) >= _MEMORY:
                self._grounds.clear()
            found = self._grounds[key] = self._lay(_kind_of(facts, place, stated), number)
        return found

    def _choose(self, key: _CallKind, *, routed: bool) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
        """Rules for this kind of call wherever it goes, and those that a recorded message on it would add."""
        name = (key.country, key.purposes, key.call, routed)
        found = self._choices.get(name)
        if found is None:
            candidates = [
                rule
                for rule in self.rules
                if rule.binds(key.purposes)
                and (rule.country == key.country or (rule.country == "*" and key.country not in rule.except_countries))
                and (not routed or rule.kind in _ROUTED_KINDS)
            ]
            recorded = replace(key.call, voice=Voice.PRERECORDED)
            chosen = tuple(rule for rule in candidates if holds(rule.when, key.call))
            spare = (
                rule for rule in candidates if rule.message_too and rule not in chosen and holds(rule.when, recorded)
            )
            found = self._choices[name] = (chosen, tuple(spare))
        return found

    def _lay(self, key: _CallKind, number: CalledNumber) -> Ground:
        kind = number_class(number.e164, key.place)
        locations = locate(self.places, number, key.place, key.addresses, key.stated)
        routed = not _at_home(key.place, key.country)
        chosen, spare = self._choose(key, routed=routed)
        everywhere = _first_of_each_zone(locations)
        states = {location.state for location in locations}
        rules, fallback = (
            [
                bound
                for rule in some
                if not (rule.states and rule.states.isdisjoint(states))
                and (bound := _bind(rule, locations, everywhere, key.country))
            ]
            for some in (chosen, spare)
        )
        announce = (
            not locations
            or any(location.state is None for location in locations)
            or any(bound.rule.kind is Kind.RECORDING for bound in rules)
        )
        decided = tuple(bound for bound in rules if bound.rule.kind not in {Kind.RECORDING, Kind.CONTENT})
        zones = tuple(dict.fromkeys(location.zone for location in locations))
        counting = [bound for bound in decided if bound.rule.kind in _COUNTING]
        always, at_times = any(not bound.dated for bound in counting), tuple(bound for bound in counting if bound.dated)
        return Ground(key.place, kind, routed, locations, zones, decided, tuple(fallback), announce, always, at_times)


def _kind_of(facts: CallFacts, place: NumberPlace, stated: tuple[StatedLocation, ...]) -> _CallKind:
    number = facts.number
    call = Call(
        facts.voice,
        facts.autodialled,
        number.line_type,
        number.ported_at is not None,
        facts.party_role,
        number.use,
        facts.debt_kind,
    )
    purposes = facts.also | {facts.purpose}
    return _CallKind(facts.campaign_country, purposes, place, call, facts.addresses, stated)


def _at_home(place: NumberPlace, campaign: str) -> bool:
    """Whether the number follows the campaign's rules; the shared ranges of +1 are at home in all of +1."""
    if place.country is None:
        return place.label == "a number that cannot exist" or campaign in {"US", "CA"} | US_TERRITORIES
    return place.country == campaign or (campaign == "US" and place.country in US_TERRITORIES)


def _first_of_each_zone(locations: Iterable[Location]) -> tuple[Location, ...]:
    by_zone: dict[str, Location] = {}
    for location in locations:
        by_zone.setdefault(location.zone, location)
    return tuple(by_zone.values())


def _bind(rule: Rule, locations: tuple[Location, ...], everywhere: tuple[Location, ...], country: str) -> Bound | None:
    """The rule tied to the places it speaks of, or None where it speaks of none of them."""
    dated = rule.effective_from is not None or rule.effective_to is not None
    if rule.kind is Kind.EMERGENCY:
        mine = tuple(x for x in locations if _speaks_of(rule, x, country))
    elif rule.states or rule.cities or rule.except_states:
        mine = _first_of_each_zone(x for x in locations if _speaks_of(rule, x, country))
    else:
        return Bound(rule, check_of(rule.kind), everywhere, _NEEDS.get(rule.kind), dated)
    return Bound(rule, check_of(rule.kind), mine, _NEEDS.get(rule.kind), dated) if mine else None


def _speaks_of(rule: Rule, location: Location, country: str) -> bool:
    if rule.except_states:
        return location.state not in rule.except_states
    return (
        location.country == country
        and (not rule.states or location.state in rule.states)
        and (not rule.cities or location.city in rule.cities)
        and location.basis in rule.basis
    )


def _digest(packs: Iterable[Pack]) -> str:
    """SHA-256 over the packs and the tables, in an order of its own."""
    digest = hashlib.sha256()
    for pack in sorted(packs, key=lambda pack: (pack.customer, pack.id)):
        digest.update(f"{pack.id} {pack.version} {pack.digest}\n".encode())
    tables = resources.files("compliance.tables")
    for name in ("places.toml", "holidays.toml"):
        digest.update(hashlib.sha256(tables.joinpath(name).read_bytes()).digest())
    for package in ("phonenumbers", "zipcodes", "holidays"):
        digest.update(f"{package} {importlib.metadata.version(package)}\n".encode())
    return digest.hexdigest()


def load_policy(
    directory: Path | None = None,
    *,
    customer: Iterable[Path] = (),
    minimum_tzdata: str = MINIMUM_TZDATA,
    keep_in: Path | None = None,
) -> Policy:
    """Load the packs that ship with the project, or those of another directory, and a customer's own.

    Args:
        directory: of the packs; None: those that ship.
        customer: files of rules that tighten.
        minimum_tzdata: refuse zone data older than this release of the IANA database.
        keep_in: folder in which tables that are slow to make are kept for the next start; None: nowhere.

    Raises:
        PolicyError: a pack is wrong (file and line), or the zone data is missing or too old.
    """
    walltime.use_packaged_tzdata()
    version = _tzdata_version(minimum_tzdata)
    places, holidays = load_places(keep_in), load_holidays()
    known = known_names(places, holidays)
    if directory is None:
        folder = resources.files("compliance.policies")
        files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda e: e.name)
        packs = [parse_pack(entry.read_text("utf-8"), f"policies/{entry.name}", known) for entry in files]
    else:
        packs = [read_pack(path, known) for path in sorted(directory.glob("*.toml"))]
        if not packs:
            raise PolicyError(f"{directory}: no packs (*.toml) are there")
    packs.extend(read_pack(path, known, customer=True) for path in customer)
    refuse_repeated(rule for pack in packs for rule in pack.rules)
    return Policy(packs, places, holidays, version)


def known_names(places: Places, holidays: Holidays) -> Known:
    """What rules may refer to."""
    states = {country: frozenset(table) for country, table in places.states.items()}
    cities = frozenset(places.named_cities.values())
    return Known(holidays.names, frozenset(zoneinfo.available_timezones()), states, cities)


def _tzdata_version(minimum: str) -> str:
    """Version of the packaged zone data.

    Raises:
        PolicyError: it is older than the minimum; dialing with it could be an hour wrong.
    """
    version: str = tzdata.IANA_VERSION
    for text in (version, minimum):
        if re.fullmatch(r"\d{4}[a-z]+", text) is None:
            raise PolicyError(f"time-zone data: {text!r} is not a release like 2026f")
    if (int(version[:4]), len(version), version) < (int(minimum[:4]), len(minimum), minimum):
        raise PolicyError(f"time-zone data {version} is older than {minimum}; upgrade the tzdata package")
    return version
