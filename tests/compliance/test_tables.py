"""The tables built from the libraries and our own files: days by rule, and where area codes and prefixes are."""

from __future__ import annotations

from datetime import date

import holidays as library
import pytest

import compliance
from compliance.locations import NumberClass
from compliance.tables import Holidays, loader

pytestmark = pytest.mark.unit


def days(year: int, *rules: str) -> set[date]:
    """The days of a year that a list of rules names."""
    listed = Holidays({"X": {"days": list(rules)}})
    every = (date.fromordinal(n) for n in range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()))
    return {day for day in every if listed.is_holiday("X", day)}


@pytest.mark.parametrize("wrong", ["", "first monday", "13-45", "1 mon", "1 xxx 09", "last xxx 05", "a day in May"])
def test_a_rule_for_a_day_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        days(2026, wrong)


@pytest.mark.parametrize(
    ("rule", "day"),
    [
        ("07-04", "2026-07-04"),
        ("1 mon 09", "2026-09-07"),
        ("1 tue 09", "2026-09-01"),
        ("3 mon 01", "2026-01-19"),
        ("4 thu 11", "2026-11-26"),
        ("5 sun 03", "2026-03-29"),
        ("last mon 05", "2026-05-25"),
        ("last sun 05", "2026-05-31"),
        ("last thu 12", "2026-12-31"),
        ("last wed 12", "2026-12-30"),
        ("last sat 02", "2026-02-28"),
        ("mon before 05-25", "2026-05-18"),
        ("sun before 05-25", "2026-05-24"),
        ("tue before 05-25", "2026-05-19"),
        ("election", "2026-11-03"),
        ("easter", "2026-04-05"),
        ("easter+1", "2026-04-06"),
        ("easter-2", "2026-04-03"),
    ],
)
def test_a_day_is_named_by_a_rule(rule: str, day: str) -> None:
    assert days(2026, rule) == {date.fromisoformat(day)}


@pytest.mark.parametrize(("year", "day"), [(2022, 8), (2028, 7), (2023, 7), (2032, 2)])
def test_an_election_is_on_the_tuesday_after_the_first_monday(year: int, day: int) -> None:
    assert days(year, "election") == {date(year, 11, day)}


@pytest.mark.parametrize(("year", "month", "day"), [(1961, 4, 2), (2025, 4, 20), (2027, 3, 28), (2038, 4, 25)])
def test_easter_falls_where_the_calendar_puts_it(year: int, month: int, day: int) -> None:
    assert days(year, "easter") == {date(year, month, day)}


def test_a_list_joins_the_days_of_a_library_with_its_own() -> None:
    listed = Holidays({"X": {"library": ["US", "US-RI"], "days": ["easter-2"]}})
    state = library.country_holidays("US", subdiv="RI", years=2026)
    given = {day for day in state if day.year == 2026}
    every = (date.fromordinal(date(2026, 1, 1).toordinal() + n) for n in range(365))
    assert {day for day in every if listed.is_holiday("X", day)} == given | {date(2026, 4, 3)}


def test_a_new_year_observed_in_the_old_one_is_a_holiday_of_the_old_one() -> None:
    listed = Holidays({"X": {"library": ["US"]}})
    assert listed.is_holiday("X", date(2027, 12, 31))  # 1 January 2028 is a Saturday
    assert not listed.is_holiday("X", date(2026, 12, 31))


def test_every_list_that_ships_can_be_worked_out(policy: compliance.Policy) -> None:
    for name in policy.holidays.names:
        assert policy.holidays.is_holiday(name, date(2026, 12, 25)), name


def test_a_list_with_a_rule_that_is_none_is_refused_when_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "read_table", lambda _name: {"X": {"days": ["12-25", "the first of May"]}})
    with pytest.raises(ValueError, match="the first of May"):
        loader.load_holidays.__wrapped__()


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("e164", "country", "states"),
    [
        ("+12125550147", "US", ("NY",)),
        ("+14165550147", "CA", ("ON",)),
        ("+19025550147", "CA", ("NS", "PE")),
        ("+18675550147", "CA", ("NT", "NU", "YT")),
        ("+17875550147", "PR", ("PR",)),
        ("+18765550147", "JM", ("JM",)),
        ("+551130001234", "BR", ("SP",)),
        ("+61255501234", "AU", ("ACT", "NSW")),
        ("+442079460123", "GB", ()),
        ("+70001234567", "RU", ()),
        ("+16005550147", "CA", ()),
        ("+18005550147", None, ()),
        ("+88212345678", None, ()),
    ],
)
def test_a_number_names_its_country_and_states(
    policy: compliance.Policy, e164: str, country: str | None, states: tuple[str, ...]
) -> None:
    place = policy.places.of_number(e164)
    assert (place.country, place.states) == (country, states)


@pytest.mark.parametrize(
    ("e164", "label"),
    [
        ("+12125550147", "area code 212"),
        ("+18005550147", "toll-free 800"),
        ("+19005550147", "premium 900"),
        ("+442079460123", "+44"),
        ("+1911", "a service code"),
        ("+0123", "a number that cannot exist"),
    ],
)
def test_a_range_of_numbers_is_named_to_a_reader(policy: compliance.Policy, e164: str, label: str) -> None:
    assert policy.places.of_number(e164).label == label


def test_an_overlay_is_where_its_parent_is_and_a_correction_where_it_says(policy: compliance.Policy) -> None:
    table = loader.read_table("places.toml")["corrections"]
    codes = policy.places.area_codes
    for overlay, parent in table["overlays"].items():
        assert codes[overlay].zones == codes[parent].zones
    for code, zones in table["area_codes"].items():
        assert set(codes[code].zones) == {policy.places.canonical(zone) for zone in zones}
    for prefix, zones in table["prefixes"].items():
        assert set(policy.places.prefixes[prefix].zones) == {policy.places.canonical(zone) for zone in zones}
        beneath = {other for other in policy.places.prefixes if other.startswith(prefix)}
        assert beneath <= table["prefixes"].keys()


def test_no_class_of_number_without_a_place_has_a_zone(policy: compliance.Policy) -> None:
    for code, place in policy.places.area_codes.items():
        assert bool(place.zones) is (place.kind is NumberClass.GEOGRAPHIC), code
        assert list(place.zones) == sorted(set(place.zones))


def test_no_prefix_of_another_country_is_longer_than_is_looked_for(policy: compliance.Policy) -> None:
    assert policy.places.longest_prefix == max(len(prefix) for prefix in policy.places.prefixes)


def test_every_country_that_can_be_dialled_has_a_prefix(policy: compliance.Policy) -> None:
    import phonenumbers

    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        region = phonenumbers.region_code_for_country_code(code)
        found = policy.places.prefixes.get(str(code))
        assert code == 1 or (found is None) is (region == "001"), code
        assert found is None or found.country == region


@pytest.mark.parametrize(
    ("e164", "zone"),
    [
        ("+34928123456", "Atlantic/Canary"),
        ("+34915551234", "Europe/Madrid"),
        ("+526641234567", "America/Tijuana"),
        ("+525512345678", "America/Mexico_City"),
    ],
)
def test_a_number_of_a_country_with_several_clocks_names_the_one_of_its_range(
    policy: compliance.Policy, e164: str, zone: str
) -> None:
    assert policy.places.of_number(e164).zones == (zone,)
