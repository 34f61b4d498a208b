"""What a third reading of the rules found missing: places, ports, the end of January 2027, days without calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

import compliance
from compliance.facts import Address, CalledNumber
from compliance.locations import locate

pytestmark = pytest.mark.unit

Ask = Callable[..., dict[str, Any]]

NOW = "2026-11-20T15:00:00Z"
MOBILE = {"number": {"e164": "+14045550147", "line_type": "mobile"}}
FIXED = {"number": {"e164": "+14045550147", "line_type": "fixed"}}


def _zones(policy: compliance.Policy, **address: str) -> set[tuple[str, str | None]]:
    toll_free = CalledNumber("+18005550147")
    found = locate(policy.places, toll_free, policy.places.of_number(toll_free.e164), [Address(**address)], ())
    return {(place.zone, place.state) for place in found}


# --- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zip_code", "zones"),
    [
        ("37405", {"America/New_York"}),  # Chattanooga
        ("42757", {"America/New_York", "America/Chicago"}),  # Magnolia, at the border
        ("36867", {"America/Chicago", "America/New_York"}),  # Phenix City keeps Georgia's clock by custom
        ("36830", {"America/Chicago"}),  # Auburn does not
    ],
)
def test_zip_codes_keep_the_clock_of_their_place(policy: compliance.Policy, zip_code: str, zones: set[str]) -> None:
    assert set(policy.places.zips[zip_code].zones) == zones


@pytest.mark.parametrize(
    ("code", "zones", "state"),
    [
        ("M5V 2T6", {"America/Toronto"}, "ON"),
        ("p9n 1a1", {"America/Winnipeg"}, "ON"),
        ("P0T 1C0", {"America/Toronto", "America/Winnipeg", "America/Atikokan"}, "ON"),
        ("V6B1A1", {"America/Vancouver"}, "BC"),
        ("V1C 1A1", {"America/Edmonton"}, "BC"),
        ("V1J 1A1", {"America/Dawson_Creek"}, "BC"),
        ("H2X 1Y4", {"America/Toronto"}, "QC"),
        ("G4T 1A1", {"America/Halifax"}, "QC"),
        ("S4P 1A1", {"America/Regina"}, "SK"),
        ("X0A 0H0", {"America/Iqaluit", "America/Resolute"}, "NU"),
        ("X1A 1A1", {"America/Edmonton"}, "NT"),
        ("A1C 5M3", {"America/St_Johns"}, "NL"),
        ("A2V 1A1", {"America/Goose_Bay"}, "NL"),
    ],
)
def test_a_canadian_postal_code_alone_names_province_and_clock(
    policy: compliance.Policy, code: str, zones: set[str], state: str
) -> None:
    assert _zones(policy, zip=code, country="CA") == {(zone, state) for zone in zones}
    assert _zones(policy, zip=code, country="CA", state=state) == {(zone, state) for zone in zones}


def test_a_postal_code_of_no_known_beginning_says_nothing(policy: compliance.Policy) -> None:
    assert _zones(policy, zip="X2A 1A1", country="CA") == set()
    assert {zone for zone, _ in _zones(policy, zip="X2A 1A1", country="CA", state="BC")} == {
        "America/Vancouver",
        "America/Edmonton",
    }


def test_a_fixed_line_in_thunder_bay_keeps_the_clock_of_its_exchange(ask: Ask) -> None:
    call = {
        "purpose": "telemarketing",
        "campaign_country": "CA",
        "debt": None,
        "number": {"e164": "+18073450123", "line_type": "fixed", "exchange_zip": "P7B 1A1"},
        "consents": [{"kind": "written_marketing", "given_to": "creditor", "given_at": "2026-11-01T15:00:00Z"}],
        "registries": {"national_dnc_file_date": "2026-11-10"},
    }
    bay, kenora = {"zip": "P7B 1A1", "country": "CA"}, {"zip": "P9N 1A1", "country": "CA"}
    assert ask(now="2026-11-20T14:00:00Z", addresses=[bay], **call)["codes"] == []
    assert ask(now="2026-11-20T13:59:59Z", addresses=[bay], **call)["codes"] == ["CALL_WINDOW"]
    assert ask(now="2026-11-21T02:30:00Z", addresses=[kenora], **call)["codes"] == ["CALL_WINDOW"]


# --- recorded calls --------------------------------------------------------------------------------------------------

REVOKED = {"kind": "prerecorded", "given_to": "creditor", "given_at": "2026-01-10T17:00:00Z", "debt": "D2"} | {
    "revoked_at": "2026-12-01T15:00:00Z"
}
GRANTED = {"kind": "prerecorded", "given_to": "creditor", "given_at": "2026-01-10T17:00:00Z", "debt": "D1"}
THREE = [
    {"at": f"2027-01-1{day}T15:00:00Z", "result": "machine", "voice": "prerecorded", "debts": [f"D{day}"]}
    for day in (3, 4, 5)
]


@pytest.mark.parametrize(
    ("listed", "codes"),
    [
        ({"kind": "national_dnc", "number": "+14045550147"}, ["CONSENT"]),
        ({"kind": "internal_dnc", "number": "+14045550147"}, ["INTERNAL_DNC", "CONSENT"]),
        ({"kind": "national_dnc", "number": "+14045550147", "until": NOW}, []),
        ({"kind": "national_dnc", "number": "+14045550148"}, []),
    ],
)
def test_a_number_ported_lately_is_no_landline_where_it_is_on_a_do_not_call_list(
    ask: Ask, listed: dict[str, Any], codes: list[str]
) -> None:
    ported = {"number": {"e164": "+14045550147", "line_type": "fixed", "ported_at": "2026-11-10"}}
    assert ask(now=NOW, voice="prerecorded", **ported)["codes"] == []
    assert ask(now=NOW, voice="prerecorded", suppressions=[listed], **ported)["codes"] == codes


@pytest.mark.parametrize(
    ("now", "consents", "codes"),
    [
        ("2027-01-30T15:00:00Z", [REVOKED, GRANTED], []),
        ("2027-01-31T15:00:00Z", [GRANTED], []),
        ("2027-01-31T15:00:00Z", [REVOKED, GRANTED], ["FREQUENCY"]),
        ("2027-01-31T15:00:00Z", [REVOKED | {"number": "+14045550199"}, GRANTED], []),
        ("2027-01-31T15:00:00Z", [REVOKED, GRANTED | {"given_at": "2026-12-01T15:00:01Z"}], []),
        ("2027-01-31T15:00:00Z", [], ["FREQUENCY"]),
        ("2027-01-30T15:00:00Z", [], ["FREQUENCY"]),
    ],
)
def test_a_revocation_on_any_matter_brings_the_cap_on_landlines_back_from_the_end_of_january_2027(
    ask: Ask, now: str, consents: list[dict[str, Any]], codes: list[str]
) -> None:
    assert ask(now=now, voice="prerecorded", consents=consents, history=THREE, **FIXED)["codes"] == codes


@pytest.mark.parametrize(
    ("now", "codes"), [("2027-01-30T15:00:00Z", []), ("2027-01-31T15:00:00Z", ["RESERVED_AGENT_REQUIRED"])]
)
def test_the_message_on_an_abandoned_call_is_judged_by_the_rules_of_the_day(
    ask: Ask, now: str, codes: list[str]
) -> None:
    message = {"policy": {"abandon_message": True}}
    assert ask(now=now, consents=[REVOKED, GRANTED], **message, **MOBILE)["codes"] == codes


@pytest.mark.parametrize(("now", "counted"), [("2025-12-30T20:00:00Z", False), ("2026-01-02T20:00:00Z", True)])
def test_a_rule_of_another_year_does_not_make_a_call_count(ask: Ask, now: str, counted: bool) -> None:
    oregon = {
        "purpose": "telemarketing",
        "mode": "preview",
        "number": {"e164": "+15035550147"},
        "addresses": [{"zip": "97204", "state": "OR"}],
    }
    found = ask(now=now, registries={"national_dnc_file_date": now[:10]}, **oregon)
    assert (found["codes"], found["counted"]) == ([], counted)


# --- a recorded message on an abandoned call -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "codes"),
    [
        ({"result": "abandoned", "message_left": True}, ["FREQUENCY"]),
        ({"result": "abandoned"}, []),  # silence is no recorded call
        ({"result": "voicemail_left", "message_left": True}, []),  # the agent spoke
        ({"result": "voicemail_left", "voice": "prerecorded"}, ["FREQUENCY"]),
        ({"result": "no_answer", "voice": "prerecorded"}, ["FREQUENCY"]),
        ({"result": "busy", "voice": "prerecorded"}, []),
        ({"result": "abandoned", "message_left": True, "number": "+14045550199"}, []),
        ({"result": "abandoned", "message_left": True, "under_consent": True}, ["FREQUENCY"]),
        ({"result": "abandoned", "message_left": True, "direction": "in"}, []),
    ],
)
def test_the_message_played_on_an_abandoned_call_counts_as_a_recorded_call(
    ask: Ask, event: dict[str, Any], codes: list[str]
) -> None:
    history = [{"at": f"2026-11-0{day}T15:00:00Z", "debts": [f"D{day}"], **event} for day in (3, 4, 5)]
    assert ask(now=NOW, voice="prerecorded", history=history, **FIXED)["codes"] == codes
    assert ask(now=NOW, voice="prerecorded", history=history[1:], **FIXED)["codes"] == []


def test_the_message_played_on_an_abandoned_call_is_a_call_like_others_for_seven_in_seven(ask: Ask) -> None:
    for left in (True, False):
        abandoned = [
            {"at": f"2026-11-{day}T1{hour}:00:00Z", "result": "abandoned", "message_left": left}
            for day, hour in ((16, 4), (16, 9), (17, 4), (17, 9), (18, 4), (18, 9), (19, 4))
        ]
        assert ask(now=NOW, history=abandoned)["codes"] == ["FREQUENCY"]
        assert ask(now=NOW, history=abandoned[1:])["codes"] == []


# --- days ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "day", "closed"),
    [
        ("US-RI", date(2026, 11, 3), True),  # general election
        ("US-RI", date(2027, 11, 2), False),
        ("US-PA", date(2027, 11, 2), True),
        ("CA", date(2026, 5, 18), True),  # Victoria Day
        ("CA", date(2026, 10, 12), True),  # Thanksgiving
        ("CA", date(2026, 11, 11), True),
        ("CA", date(2026, 8, 3), False),  # a day of the provinces
        ("CA-BC", date(2026, 8, 3), True),
    ],
)
def test_a_list_of_holidays_holds_what_the_statute_names(
    policy: compliance.Policy, name: str, day: date, closed: bool
) -> None:
    assert policy.holidays.is_holiday(name, day) is closed


@pytest.mark.parametrize(
    ("state", "zone", "codes"),
    [("BC", "America/Vancouver", ["CALL_DAY"]), ("YT", "America/Whitehorse", []), ("ON", "America/Toronto", [])],
)
def test_a_province_keeps_its_own_holidays(ask: Ask, state: str, zone: str, codes: list[str]) -> None:
    found = ask(
        now="2026-08-03T19:00:00Z",
        campaign_country="CA",
        number={"e164": "+18005550147"},
        addresses=[{"state": state, "country": "CA", "tz": zone}],
        history=[{"at": "2026-07-01T15:00:00Z", "channel": "letter", "result": "sent"}],
    )
    assert found["codes"] == codes


# --- what lifts a rule, and what it binds ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "zip_code", "number"), [("FL", "33130", "+13055550147"), ("OR", "97204", "+15035550147")]
)
def test_an_agreed_call_back_does_not_lift_a_states_cap_on_solicitation(
    ask: Ask, state: str, zip_code: str, number: str
) -> None:
    found = ask(
        now="2026-11-20T20:00:00Z",
        purpose="telemarketing",
        mode="preview",
        number={"e164": number},
        addresses=[{"zip": zip_code, "state": state}],
        history=[
            {"at": f"2026-11-20T{hour}:00:00Z", "result": "no_answer", "under_consent": hour == 17}
            for hour in (15, 17, 19)
        ],
        consents=[{"kind": "call_back", "given_to": "collector", "given_at": "2026-11-20T14:00:00Z"}],
        registries={"national_dnc_file_date": "2026-11-10"},
    )
    assert (found["codes"], found["counted"]) == (["FREQUENCY"], True)


def test_the_british_message_on_an_abandoned_call_is_no_marketing(ask: Ask) -> None:
    call = {
        "now": "2026-11-20T15:00:00Z",
        "purpose": "telemarketing",
        "campaign_country": "GB",
        "number": {"e164": "+442079460123"},
        "addresses": [{"country": "GB"}],
        "registries": {"national_dnc_file_date": "2026-11-10"},
        "policy": {"abandon_message": True},
    }
    assert ask(**call)["codes"] == []
    assert "NO_PRERECORDED_FALLBACK" not in ask(**call)["flags"]
    assert ask(voice="prerecorded", **call)["codes"] == ["CONSENT"]


@pytest.mark.parametrize(
    ("unknown", "codes"),
    [
        ({}, ["CEASE"]),
        ({"person": None}, ["CEASE"]),
        ({"debt": None}, ["CEASE"]),
        ({"debt": None, "account": "A1"}, []),  # another account, as far as is known
        ({"person": None, "debt": "D2"}, []),
        ({"person": "P2"}, []),
    ],
)
def test_a_collection_call_for_nobody_or_nothing_named_may_be_the_suppressed_one(
    ask: Ask, unknown: dict[str, str | None], codes: list[str]
) -> None:
    cease = [{"kind": "cease", "person": "P1", "debt": "D1"}]
    assert ask(now=NOW, suppressions=cease, **unknown)["codes"] == codes
