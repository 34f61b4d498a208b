"""What a second reading of the rules, row by row, found missing: each of these was answered otherwise before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import compliance
from compliance.cases import answer, read_case
from compliance.facts import Address, CalledNumber
from compliance.locations import locate

pytestmark = pytest.mark.unit

Ask = Callable[..., dict[str, Any]]

NOW = "2026-11-20T15:00:00Z"
LINE = '{"id": "X", "now": "2026-11-20T15:00:00Z", "purpose": "telemarketing", "number": {"e164": "+14045550147"}, %s}'
FIXED = {"number": {"e164": "+14045550147", "line_type": "fixed"}}
MOBILE = {"number": {"e164": "+14045550147", "line_type": "mobile"}}


# --- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "zone", "state"),
    [
        (Address(country="PR"), "America/Puerto_Rico", "PR"),
        (Address(country="GU"), "Pacific/Guam", "GU"),
        (Address(country="VI", zip="00802"), "America/St_Thomas", "VI"),
        (Address(country="AS", state="AS"), "Pacific/Pago_Pago", "AS"),
        (Address(country="MP", city="Saipan"), "Pacific/Saipan", "MP"),
    ],
)
def test_a_territory_named_as_a_country_is_a_state_of_the_united_states(
    policy: compliance.Policy, address: Address, zone: str, state: str
) -> None:
    toll_free = CalledNumber("+18005550147")
    found = locate(policy.places, toll_free, policy.places.of_number(toll_free.e164), [address], ())
    assert {(place.zone, place.state, place.country) for place in found} == {(zone, state, "US")}


def test_rules_of_puerto_rico_bind_under_either_name(ask: Ask) -> None:
    work = {"e164": "+17877220123", "line_type": "fixed", "use": "work"}
    for address in ({"country": "PR"}, {"state": "PR"}):
        found = ask(now=NOW, number=work, addresses=[address], preferences=[{"kind": "no_workplace"}])
        assert "US-PR-D1" in found["rules"]


@pytest.mark.parametrize(
    ("zip_code", "zones"),
    [
        ("86003", {"America/Phoenix"}),  # Flagstaff, post-office boxes
        ("86502", {"America/Phoenix", "America/Denver"}),  # Chambers, at the border of the Navajo Nation
        ("79942", {"America/Denver"}),  # El Paso, post-office boxes
        ("83522", {"America/Los_Angeles"}),  # Cottonwood, north of the Salmon River
        ("67857", {"America/Denver"}),  # Kendall, Hamilton County
        ("57532", {"America/Chicago", "America/Denver"}),  # Fort Pierre keeps Central time in a Mountain county
        ("58838", {"America/Chicago", "America/Denver"}),  # Cartwright, at the border
        ("58535", {"America/Chicago", "America/Denver"}),  # Flasher, at the border
        ("96941", {"Pacific/Pohnpei"}),
        ("96944", {"Pacific/Kosrae"}),
    ],
)
def test_zip_codes_at_borders_keep_the_clock_of_their_place(
    policy: compliance.Policy, zip_code: str, zones: set[str]
) -> None:
    assert set(policy.places.zips[zip_code].zones) == zones


def test_a_place_stated_to_a_canadian_campaign_is_a_province(ask: Ask) -> None:
    call = {
        "purpose": "telemarketing",
        "campaign_country": "CA",
        "debt": None,
        "number": {"e164": "+14165550147"},
        "addresses": [{"state": "ON", "country": "CA", "tz": "America/Toronto"}],
        "consents": [{"kind": "written_marketing", "given_to": "creditor", "given_at": "2026-11-01T15:00:00Z"}],
        "registries": {"national_dnc_file_date": "2026-11-10"},
    }
    stated = [{"state": "AB"}]
    assert ask(now="2026-11-20T14:30:00Z", **call)["codes"] == []
    assert ask(now="2026-11-20T14:30:00Z", stated_locations=stated, **call)["codes"] == ["CALL_WINDOW"]
    assert ask(now="2026-11-20T15:00:00Z", stated_locations=stated, **call)["codes"] == []
    assert ask(now=NOW, stated_locations=[{"zip": "T2P 1J9"}], **call)["codes"] == []
    assert ask(now=NOW, stated_locations=[{"state": "CO"}], **call)["codes"] == ["CALL_WINDOW"]


def test_a_place_stated_to_an_american_campaign_may_lie_in_canada(ask: Ask) -> None:
    assert ask(now="2026-11-20T13:30:00Z", stated_locations=[{"state": "BC"}])["codes"] == ["CALL_WINDOW"]


@pytest.mark.parametrize("campaign", ["US", "CA", "AU", "BR"])
def test_a_stated_place_that_is_no_state_anywhere_near_is_refused(policy: compliance.Policy, campaign: str) -> None:
    text = LINE % f'"campaign_country": "{campaign}", "stated_locations": [{{"state": "XX"}}]'
    assert answer(read_case(text, 2), policy).reasons[0].detail.startswith("line 2: stated_locations[0].state: ")


@pytest.mark.parametrize("state", ["Louisiana", "la", "XX"])
def test_an_emergency_in_no_known_state_is_refused_rather_than_never_met(policy: compliance.Policy, state: str) -> None:
    text = LINE % f'"emergencies": [{{"state": "{state}"}}]'
    assert answer(read_case(text, 7), policy).reasons[0].detail.startswith("line 7: emergencies[0].state: ")


# --- hours -----------------------------------------------------------------------------------------------------------


def test_a_sunday_before_a_holiday_is_a_sunday_in_italy(ask: Ask) -> None:
    call = {
        "purpose": "telemarketing",
        "campaign_country": "IT",
        "debt": None,
        "number": {"e164": "+390612345678"},
        "addresses": [{"country": "IT", "tz": "Europe/Rome"}],
        "registries": {"national_dnc_file_date": "2027-10-20"},
    }
    assert ask(now="2027-10-31T11:00:00Z", **call)["codes"] == ["CALL_DAY"]  # 1 November is a Monday
    assert ask(now="2027-10-30T11:00:00Z", **call)["codes"] == []


# --- counts ----------------------------------------------------------------------------------------------------------


def test_washington_counts_the_debtor_when_the_spouse_is_called(ask: Ask) -> None:
    spouse = {
        "person": "S1",
        "party_role": "spouse",
        "addresses": [{"zip": "98101", "state": "WA"}],
        "number": {"e164": "+12065550147"},
    }
    calls = [
        {"at": f"2026-11-1{day}T18:00:00Z", "result": "no_answer", "person": "P1", "number": "+12065550100"}
        for day in (7, 8, 9)
    ]
    assert ask(now="2026-11-20T18:00:00Z", history=calls, **spouse)["rules"] == ["US-WA-D1"]
    attorney = [{**event, "party_role": "attorney"} for event in calls]
    assert ask(now="2026-11-20T18:00:00Z", history=attorney, **spouse)["codes"] == []
    assert (
        ask(now="2026-11-20T18:00:00Z", history=calls, **(spouse | {"person": "P2", "party_role": "consumer"}))["codes"]
        == []
    )


def test_the_cap_per_debt_counts_calls_to_whomever(ask: Ask) -> None:
    other = {"person": "P2", "number": "+14045550100", "result": "no_answer"}
    history = [{"at": f"2026-11-20T1{hour}:00:00Z", **other} for hour in (3, 4)]
    assert ask(now=NOW, history=history)["rules"] == ["US-FDC-14D"]
    assert ask(now=NOW, history=[{**event, "debts": ["D2"]} for event in history])["codes"] == []


def test_a_call_under_consent_counts_where_a_state_counts_it(ask: Ask) -> None:
    consent = [{"kind": "call_back", "given_to": "collector", "given_at": "2026-11-20T14:00:00Z"}]
    boston = {"addresses": [{"zip": "02108", "state": "MA"}], "number": {"e164": "+16175550147"}}
    assert ask(now=NOW, consents=consent, **boston)["counted"] is True
    assert ask(now=NOW, consents=consent)["counted"] is False
    attorney = {"person": "ATTY", "party_role": "attorney"}
    assert ask(now=NOW, **attorney, **boston)["counted"] is False


def test_the_cap_on_recorded_calls_binds_since_july_2023(ask: Ask) -> None:
    history = [
        {"at": f"2023-07-1{day}T15:00:00Z", "result": "machine", "voice": "prerecorded", "debts": ["D7"]}
        for day in (0, 2, 4)
    ]
    for now, codes in (("2023-07-19T15:00:00Z", []), ("2023-07-20T15:00:00Z", ["FREQUENCY"])):
        assert ask(now=now, voice="prerecorded", history=history, **FIXED)["codes"] == codes


# --- parties, consent ------------------------------------------------------------------------------------------------


def test_the_attorneys_own_office_is_not_the_consumers_workplace(ask: Ask) -> None:
    attorney = {
        "person": "ATTY",
        "party_role": "attorney",
        "number": {"e164": "+14045550188", "line_type": "fixed", "use": "work"},
        "preferences": [{"kind": "no_workplace"}],
    }
    assert ask(now=NOW, **attorney)["codes"] == []
    assert ask(now=NOW, purpose="debt_first_party", **attorney)["codes"] == []
    assert ask(now=NOW, **(attorney | {"party_role": "spouse"}))["codes"] == ["WORKPLACE"]


REVOKED = {"kind": "prerecorded", "given_to": "creditor", "given_at": "2026-01-10T17:00:00Z", "debt": "D2"} | {
    "revoked_at": "2026-12-01T15:00:00Z"
}
GRANTED = {"kind": "prerecorded", "given_to": "creditor", "given_at": "2026-01-10T17:00:00Z", "debt": "D1"}


@pytest.mark.parametrize(
    ("now", "consents", "codes"),
    [
        ("2027-01-30T15:00:00Z", [REVOKED, GRANTED], []),
        ("2027-01-31T15:00:00Z", [GRANTED], []),
        ("2027-01-31T15:00:00Z", [REVOKED, GRANTED], ["CONSENT"]),
        ("2027-01-31T15:00:00Z", [REVOKED, GRANTED | {"given_at": "2026-12-01T15:00:01Z"}], []),
        ("2027-01-31T15:00:00Z", [REVOKED | {"number": "+14045550199"}, GRANTED], []),
        ("2027-01-31T15:00:00Z", [REVOKED | {"revoked_at": "2027-01-31T15:00:01Z"}, GRANTED], []),
    ],
)
def test_from_the_end_of_january_2027_one_revocation_covers_unrelated_calls(
    ask: Ask, now: str, consents: list[dict[str, Any]], codes: list[str]
) -> None:
    assert ask(now=now, voice="prerecorded", consents=consents, **MOBILE)["codes"] == codes
    assert ask(now=now, consents=consents, **MOBILE)["codes"] == []


# --- the next instant ------------------------------------------------------------------------------------------------


def test_a_hold_of_years_ends_at_its_instant(ask: Ask) -> None:
    hold = [{"kind": "dispute", "debt": "D1", "until": "2031-03-04T17:30:00Z"}]
    assert ask(now=NOW, suppressions=hold)["retry_at"] == "2031-03-04T17:30:00Z"
    night = [{"kind": "dispute", "debt": "D1", "until": "2031-03-05T05:30:00Z"}]
    assert ask(now=NOW, suppressions=night)["retry_at"] == "2031-03-05T13:00:00Z"


def test_places_without_a_common_hour_are_given_up(ask: Ask) -> None:
    antipodes = [{"tz": "Europe/London"}, {"tz": "Pacific/Auckland"}]
    found = ask(now=NOW, number={"e164": "+18005550147"}, addresses=antipodes, policy={"close_guard_seconds": 7200})
    assert (found["outcome"], found["retry_at"]) == ("block", None)
