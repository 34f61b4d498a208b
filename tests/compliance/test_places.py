"""Where numbers and addresses are: split and overlay codes, corrected zones, strictest of all places."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from phonenumbers import tzdata as library
from phonenumbers.geodata import GEOCODE_DATA

import compliance
from compliance.facts import Address, CalledNumber, LineType, StatedLocation
from compliance.locations import NumberClass, locate, number_class

pytestmark = pytest.mark.unit

Ask = Callable[..., dict[str, Any]]

ET, CT, MT, PT = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"
HST_AK = {"America/Anchorage", "America/Adak"}


def _zones(policy: compliance.Policy, e164: str, *addresses: Address, **line: Any) -> set[str]:
    number = CalledNumber(e164, **line)
    found = locate(policy.places, number, policy.places.of_number(e164), addresses, ())
    return {location.zone for location in found}


@pytest.mark.parametrize(
    ("code", "zones"),
    [
        ("208", {MT, PT}),
        ("986", {MT, PT}),
        ("219", {ET, CT}),
        ("270", {ET, CT}),
        ("364", {ET, CT}),
        ("423", {ET, CT}),
        ("574", {ET, CT}),
        ("606", {ET, CT}),
        ("812", {ET, CT}),
        ("930", {ET, CT}),
        ("850", {ET, CT}),
        ("448", {ET, CT}),
        ("906", {ET, CT}),
        ("308", {CT, MT}),
        ("605", {CT, MT}),
        ("620", {CT, MT}),
        ("701", {CT, MT}),
        ("785", {CT, MT}),
        ("541", {PT, MT}),
        ("458", {PT, MT}),
        ("775", {PT, MT}),
        ("907", HST_AK),
        ("928", {"America/Phoenix", MT}),
        ("480", {"America/Phoenix"}),
        ("808", {"Pacific/Honolulu"}),
        ("684", {"Pacific/Pago_Pago"}),
        ("671", {"Pacific/Guam"}),
        ("670", {"Pacific/Saipan"}),
        ("787", {"America/Puerto_Rico"}),
        ("915", {MT}),
        ("212", {ET}),
        ("879", {"America/St_Johns", "America/Goose_Bay"}),
        ("709", {"America/St_Johns", "America/Goose_Bay"}),
        ("250", {"America/Vancouver", "America/Edmonton"}),
        ("604", {"America/Vancouver"}),
        ("800", set()),
        ("888", set()),
    ],
)
def test_an_area_code_brings_all_its_zones(policy: compliance.Policy, code: str, zones: set[str]) -> None:
    assert _zones(policy, f"+1{code}5550147") == zones


def test_no_split_code_of_the_library_is_missed(policy: compliance.Policy) -> None:
    """A newer table may split another code; then its zones must be known here too."""
    same = policy.places.canonical
    for code, place in policy.places.area_codes.items():
        names = {z for p, zs in library.TIMEZONE_DATA.items() if p.startswith("1" + code) for z in zs}
        listed = {same(name) for name in names if "/" in name and name != "Etc/Unknown"}
        fixed = code in {"907", "709", "879", "684", "867"}
        assert fixed or listed <= set(place.zones), code


def test_every_american_area_code_has_its_state(policy: compliance.Policy) -> None:
    for code, place in policy.places.area_codes.items():
        described = GEOCODE_DATA.get(f"1{code}", {}).get("en", "")
        if place.country == "US" and ", " in described:
            assert place.states == (described.split(", ")[1],), code
        assert place.country != "US" or len(place.states) == 1


@pytest.mark.parametrize(
    ("zip_code", "zones"),
    [
        ("10001", {ET}),
        ("47708", {CT}),
        ("46204", {ET}),
        ("40202", {ET}),
        ("42101", {CT}),
        ("49801", {CT}),
        ("83814", {PT}),
        ("83702", {MT}),
        ("86515", {MT}),
        ("86045", {MT}),
        ("86040", {"America/Phoenix"}),
        ("86034", {"America/Phoenix"}),
        ("86033", {MT}),
        ("85001", {"America/Phoenix"}),
        ("89883", {MT}),
        ("79901", {MT}),
        ("97914", {MT}),
        ("32501", {CT}),
        ("32301", {ET}),
        ("96799", {"Pacific/Pago_Pago"}),
        ("96950", {"Pacific/Saipan"}),
        ("00901", {"America/Puerto_Rico"}),
        ("96910", {"Pacific/Guam"}),
        ("37402", {ET}),
        ("37201", {CT}),
    ],
)
def test_a_zip_code_has_one_zone(policy: compliance.Policy, zip_code: str, zones: set[str]) -> None:
    assert _zones(policy, "+18005550147", Address(zip=zip_code)) == zones


@pytest.mark.parametrize(
    ("address", "zones"),
    [
        (Address(state="TN"), {ET, CT}),
        (Address(state="AZ"), {"America/Phoenix", MT}),
        (Address(state="IN"), {ET, CT}),
        (Address(state="TX"), {CT, MT}),
        (Address(state="IN", city="Gary"), {CT}),
        (Address(state="TX", city="Nowhere At All"), {CT, MT}),
        (Address(state="TX", tz="Europe/Paris"), {"Europe/Paris"}),
        (Address(zip="99999", state="NV"), {PT, MT}),
        (Address(zip="99999"), set()),
        (Address(), set()),
        (Address(country="FR"), {"Europe/Paris"}),
        (Address(country="CA", state="ON"), {"America/Toronto", "America/Winnipeg", "America/Atikokan"}),
        (Address(country="CA", zip="A1C 5M3"), {"America/St_Johns"}),
        (Address(country="AU", state="QLD"), {"Australia/Brisbane"}),
        (Address(country="BR", state="SP"), {"America/Sao_Paulo"}),
        (Address(zip="10001", state="CA"), {ET, PT}),
        (Address(zip="10001-1234"), {ET}),
        (Address(country="CA", zip="T2P 1J9"), {"America/Edmonton"}),
        (Address(country="CA", zip="T2P1J9"), {"America/Edmonton"}),
        (Address(country="CA", zip="A0P1C0"), {"America/Goose_Bay"}),
        (Address(country="CA", zip="V6B 1A1"), {"America/Vancouver"}),
        (Address(country="CA", zip="A0P 1C0"), {"America/Goose_Bay"}),
        (Address(country="CA", zip="D1A 1A1"), set()),
        (Address(country="FR", state="IDF"), {"Europe/Paris"}),
        (Address(state="AA"), set()),
    ],
)
def test_an_address_stands_for_every_zone_it_may_have(
    policy: compliance.Policy, address: Address, zones: set[str]
) -> None:
    assert _zones(policy, "+18005550147", address) == zones


def test_only_a_fixed_line_whose_exchange_agrees_with_the_address_is_narrowed(policy: compliance.Policy) -> None:
    address, both = Address(zip="32301", state="FL"), {ET, CT}
    assert _zones(policy, "+18502220123", address, line_type=LineType.FIXED, exchange_zip="32301") == {ET}
    assert _zones(policy, "+18502220123", address, line_type=LineType.FIXED) == both
    assert _zones(policy, "+18502220123", address, line_type=LineType.MOBILE, exchange_zip="32301") == both
    assert _zones(policy, "+18502220123", address, line_type=LineType.VOIP, exchange_zip="32301") == both
    assert _zones(policy, "+18502220123", address, line_type=LineType.FIXED, exchange_zip="32501") == both
    assert _zones(policy, "+18502220123", line_type=LineType.FIXED, exchange_zip="32301") == both
    told = StatedLocation(zip="32301")  # where somebody is today says nothing of where the line ends
    number = CalledNumber("+18502220123", LineType.FIXED, exchange_zip="32301")
    place = policy.places.of_number(number.e164)
    assert {x.zone for x in locate(policy.places, number, place, (), (told,))} == both
    ported = datetime(2026, 11, 1, tzinfo=UTC).date()
    line = {"line_type": LineType.FIXED, "exchange_zip": "32301", "ported_at": ported}
    assert _zones(policy, "+18502220123", address, **line) == both


def _states(policy: compliance.Policy, number: CalledNumber, *addresses: Address) -> set[tuple[str, str | None]]:
    found = locate(policy.places, number, policy.places.of_number(number.e164), addresses, ())
    return {(location.zone, location.state) for location in found if location.basis == "number"}


def test_a_fixed_line_narrowed_by_its_exchange_is_in_the_state_of_the_exchange(policy: compliance.Policy) -> None:
    """Area code 902 serves two provinces on one clock."""
    island = Address(country="CA", zip="C1A 1A1")
    number = CalledNumber("+19025550147", LineType.FIXED, exchange_zip="C1A 1A1")
    halifax = "America/Halifax"
    assert _states(policy, replace(number, exchange_zip=None), island) == {(halifax, "NS"), (halifax, "PE")}
    assert _states(policy, number, island) == {(halifax, "PE")}


def test_each_zone_of_an_area_code_stands_for_the_provinces_that_keep_it(policy: compliance.Policy) -> None:
    found = _states(policy, CalledNumber("+18675550147"))
    assert {state for zone, state in found if zone == "America/Whitehorse"} == {"YT"}
    assert {state for zone, state in found if zone == "America/Iqaluit"} == {"NU"}
    assert {state for zone, state in found if zone == "America/Edmonton"} == {"NT"}


@pytest.mark.parametrize(
    ("e164", "country"),
    [("+17875550147", "US"), ("+12125550147", "US"), ("+14165550147", "CA"), ("+442079460123", "GB")],
)
def test_a_number_of_a_territory_is_in_the_united_states(policy: compliance.Policy, e164: str, country: str) -> None:
    found = locate(policy.places, CalledNumber(e164), policy.places.of_number(e164), (), ())
    assert {location.country for location in found} == {country}


@pytest.mark.parametrize("e164", ["+18005550147", "+448001234567", "+33800123456"])
def test_a_toll_free_number_is_nowhere(policy: compliance.Policy, e164: str) -> None:
    assert _zones(policy, e164) == set()


def test_an_address_is_one_place_for_each_zone_and_state(policy: compliance.Policy) -> None:
    number = CalledNumber("+18005550147")
    for address in (Address(zip="30303"), Address(state="GA"), Address(tz=ET, state="GA"), Address(zip="30303", tz=ET)):
        found = locate(policy.places, number, policy.places.of_number(number.e164), (address,), ())
        assert [(location.zone, location.state) for location in found] == [(ET, "GA")]


def test_a_stated_place_is_added_until_it_ends(ask: Ask, policy: compliance.Policy) -> None:
    number, address = CalledNumber("+12125550147"), Address(zip="10001")
    place = policy.places.of_number(number.e164)
    stated = (StatedLocation(state="CO"),)
    assert {x.zone for x in locate(policy.places, number, place, (address,), stated)} == {ET, MT}
    there = [{"tz": "America/Denver", "until": "2026-12-01T14:30:00Z"}]
    early = ask(now="2026-12-01T14:00:00Z", stated_locations=there)
    assert (early["codes"], early["retry_at"]) == (["CALL_WINDOW"], "2026-12-01T14:30:00Z")
    assert ask(now="2026-12-01T14:30:00Z", stated_locations=there)["codes"] == []


@pytest.mark.parametrize(
    ("e164", "kind"),
    [
        ("+12125550147", NumberClass.GEOGRAPHIC),
        ("+18005550147", NumberClass.TOLL_FREE),
        ("+19005550147", NumberClass.PREMIUM),
        ("+15005550147", NumberClass.PERSONAL),
        ("+15335550147", NumberClass.PERSONAL),
        ("+17105550147", NumberClass.GOVERNMENT),
        ("+1911", NumberClass.SERVICE),
        ("+1411", NumberClass.SERVICE),
        ("+19115550147", NumberClass.SERVICE),
        ("+19995550147", NumberClass.IMPOSSIBLE),
        ("+12121550147", NumberClass.IMPOSSIBLE),
        ("+12120550147", NumberClass.IMPOSSIBLE),
        ("+12129110147", NumberClass.IMPOSSIBLE),
        ("+1212555014", NumberClass.IMPOSSIBLE),
        ("+121255501477", NumberClass.IMPOSSIBLE),
        ("+11125550147", NumberClass.IMPOSSIBLE),
        ("+0123456789", NumberClass.IMPOSSIBLE),
        ("+9991234567", NumberClass.IMPOSSIBLE),
        ("+442079460123", NumberClass.GEOGRAPHIC),
        ("+447700900123", NumberClass.GEOGRAPHIC),
        ("+449098790123", NumberClass.PREMIUM),
        ("+4420", NumberClass.IMPOSSIBLE),
        ("+33199001234", NumberClass.GEOGRAPHIC),
        ("+448001234567", NumberClass.TOLL_FREE),
        ("+74951234567", NumberClass.GEOGRAPHIC),
        ("+72121234567", NumberClass.GEOGRAPHIC),
        ("+70001234567", NumberClass.GEOGRAPHIC),
        ("+44", NumberClass.IMPOSSIBLE),
        ("+1212555014x", NumberClass.IMPOSSIBLE),
        ("+12115550147", NumberClass.SERVICE),
        ("+1211", NumberClass.SERVICE),
        ("+19211", NumberClass.IMPOSSIBLE),
    ],
)
def test_every_number_has_a_class(policy: compliance.Policy, e164: str, kind: NumberClass) -> None:
    assert number_class(e164, policy.places.of_number(e164)) is kind


@pytest.mark.parametrize(
    ("e164", "codes"),
    [
        ("+17875550147", []),
        ("+13405550147", []),
        ("+16715550147", []),
        ("+16705550147", []),
        ("+16845550147", []),
        ("+14165550147", ["COUNTRY_ROUTE"]),
        ("+18765550147", ["COUNTRY_ROUTE"]),
        ("+18095550147", ["COUNTRY_ROUTE"]),
        ("+442079460123", ["COUNTRY_ROUTE"]),
        ("+525512345678", ["COUNTRY_ROUTE"]),
    ],
)
def test_an_american_campaign_calls_the_states_and_territories_alone(ask: Ask, e164: str, codes: list[str]) -> None:
    found = ask(now="2026-12-01T18:00:00Z", number={"e164": e164}, addresses=[])
    assert [code for code in found["codes"] if code != "CALL_WINDOW"] == codes
    assert found["retry_at"] is None or not codes


def test_a_routed_number_is_judged_by_no_window_but_keeps_its_suppressions(ask: Ask) -> None:
    stop = [{"kind": "internal_dnc", "number": "+442079460123"}]
    found = ask(now="2026-12-01T04:00:00Z", number={"e164": "+442079460123"}, suppressions=stop)
    assert found["codes"] == ["COUNTRY_ROUTE", "INTERNAL_DNC"]


@pytest.mark.parametrize(
    ("now", "outcome"),
    [
        ("2026-07-15T14:30:00Z", "block"),
        ("2026-07-15T15:00:00Z", "allow"),
        ("2026-12-01T14:59:59Z", "block"),
        ("2026-12-01T15:00:00Z", "allow"),
    ],
)
def test_arizona_stays_where_it_is_while_the_navajo_nation_changes(ask: Ask, now: str, outcome: str) -> None:
    """Tuba City by its ZIP is on Denver's clock; its area code brings Phoenix too."""
    found = ask(now=now, number={"e164": "+19282830123"}, addresses=[{"zip": "86045", "state": "AZ"}])
    assert found["outcome"] == outcome


@pytest.mark.parametrize(
    ("now", "zone_local"),
    [
        ("2027-03-14T12:00:00Z", "08:00 EDT"),
        ("2027-03-13T13:00:00Z", "08:00 EST"),
        ("2026-11-01T13:00:00Z", "08:00 EST"),
        ("2026-10-31T12:00:00Z", "08:00 EDT"),
        ("2028-03-12T12:00:00Z", "08:00 EDT"),
        ("2028-11-05T13:00:00Z", "08:00 EST"),
    ],
)
def test_opening_follows_the_clock_on_days_it_changes(ask: Ask, now: str, zone_local: str) -> None:
    before = datetime.fromisoformat(now).timestamp() - 1
    second_before = datetime.fromtimestamp(before, UTC).isoformat()
    assert ask(now=now)["outcome"] == "allow", zone_local
    assert ask(now=second_before)["retry_at"] == now


def test_the_tables_say_where_an_answer_comes_from(policy: compliance.Policy) -> None:
    found = locate(
        policy.places,
        CalledNumber("+19175550123"),
        policy.places.of_number("+19175550123"),
        (Address(zip="90012", state="CA"),),
        (StatedLocation(state="CO"),),
    )
    shown = json.dumps([location.source for location in found])
    assert shown == '["address 90012", "stated CO", "area code 917"]'
