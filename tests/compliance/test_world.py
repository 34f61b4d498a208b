"""Other countries: hours at their edges, counts, waits, reserved agents, consent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

pytestmark = pytest.mark.unit

Ask = Callable[..., dict[str, Any]]

LETTER = {"at": "2026-10-20T16:00:00Z", "result": "sent", "channel": "letter"}
CAMPAIGNS: dict[str, dict[str, Any]] = {
    "ON": {"campaign_country": "CA", "number": {"e164": "+14165550147"}, "addresses": [{"state": "ON", "country": "CA", "tz": "America/Toronto"}], "history": [LETTER]},  # noqa: E501
    "QC": {"campaign_country": "CA", "number": {"e164": "+15145550147"}, "addresses": [{"state": "QC", "country": "CA", "tz": "America/Toronto"}]},  # noqa: E501
    "NB": {"campaign_country": "CA", "number": {"e164": "+15065550147"}, "addresses": [{"state": "NB", "country": "CA"}]},  # noqa: E501
    "AB": {"campaign_country": "CA", "number": {"e164": "+14035550147"}, "addresses": [{"state": "AB", "country": "CA"}]},  # noqa: E501
    "NL": {"campaign_country": "CA", "number": {"e164": "+17095790123", "line_type": "fixed", "exchange_zip": "A1C 5M3"}, "addresses": [{"state": "NL", "country": "CA", "zip": "A1C 5M3"}]},  # noqa: E501
    "GB": {"campaign_country": "GB", "number": {"e164": "+442079460123"}, "addresses": [{"country": "GB", "tz": "Europe/London"}]},  # noqa: E501
    "AU": {"campaign_country": "AU", "number": {"e164": "+61255501234"}, "addresses": [{"state": "NSW", "country": "AU", "tz": "Australia/Sydney"}]},  # noqa: E501
    "FR": {"campaign_country": "FR", "number": {"e164": "+33199001234"}, "addresses": [{"country": "FR", "tz": "Europe/Paris"}]},  # noqa: E501
    "DE": {"campaign_country": "DE", "number": {"e164": "+493023125001"}, "addresses": [{"country": "DE", "tz": "Europe/Berlin"}]},  # noqa: E501
    "ES": {"campaign_country": "ES", "number": {"e164": "+34910550123"}, "addresses": [{"country": "ES", "tz": "Europe/Madrid"}]},  # noqa: E501
    "IT": {"campaign_country": "IT", "number": {"e164": "+390612345678"}, "addresses": [{"country": "IT", "tz": "Europe/Rome"}]},  # noqa: E501
    "IN": {"campaign_country": "IN", "number": {"e164": "+912224567890"}, "addresses": [{"country": "IN", "tz": "Asia/Kolkata"}]},  # noqa: E501
    "SP": {"campaign_country": "BR", "number": {"e164": "+551130001234"}, "addresses": [{"state": "SP", "country": "BR", "tz": "America/Sao_Paulo"}]},  # noqa: E501
    "RJ": {"campaign_country": "BR", "number": {"e164": "+552130001234"}, "addresses": [{"state": "RJ", "country": "BR"}]},  # noqa: E501
    "AM": {"campaign_country": "BR", "number": {"e164": "+559230001234"}, "addresses": [{"state": "AM", "country": "BR", "tz": "America/Manaus"}]},  # noqa: E501
    "MX": {"campaign_country": "MX", "number": {"e164": "+525512345678"}, "addresses": [{"country": "MX", "tz": "America/Mexico_City"}]},  # noqa: E501
    "EC": {"campaign_country": "EC", "number": {"e164": "+59322345678"}, "addresses": [{"country": "EC", "tz": "America/Guayaquil"}]},  # noqa: E501
}  # fmt: skip
ZONES = {
    "ON": "America/Toronto", "QC": "America/Toronto", "NB": "America/Moncton", "AB": "America/Edmonton",
    "NL": "America/St_Johns", "GB": "Europe/London", "AU": "Australia/Sydney", "FR": "Europe/Paris",
    "DE": "Europe/Berlin", "ES": "Europe/Madrid", "IT": "Europe/Rome", "IN": "Asia/Kolkata",
    "SP": "America/Sao_Paulo", "RJ": "America/Sao_Paulo", "AM": "America/Manaus", "MX": "America/Mexico_City",
    "EC": "America/Guayaquil",
}  # fmt: skip

# Place, purpose, days (weekday, Saturday, Sunday, holiday) with hours; None: closed. 2026-11-24 is a Tuesday.
TUE, SAT, SUN = "2026-11-24", "2026-11-28", "2026-11-22"
DEBT, TM = "debt_third_party", "telemarketing"
HOURS: list[tuple[str, str, str, tuple[str, str] | None]] = [
    ("ON", TM, TUE, ("09:00", "21:30")), ("ON", TM, SAT, ("10:00", "18:00")), ("ON", TM, SUN, ("10:00", "18:00")),
    ("ON", DEBT, TUE, ("07:00", "21:00")), ("ON", DEBT, SAT, ("07:00", "21:00")), ("ON", DEBT, SUN, ("13:00", "17:00")),
    ("ON", DEBT, "2026-12-25", None),
    ("QC", DEBT, TUE, ("08:00", "20:00")), ("QC", DEBT, SAT, ("08:00", "20:00")), ("QC", DEBT, SUN, None),
    ("QC", DEBT, "2026-06-24", None), ("QC", DEBT, "2026-04-06", None), ("QC", DEBT, "2026-04-03", None),
    ("QC", DEBT, "2026-05-18", None), ("QC", DEBT, "2026-10-12", None), ("QC", DEBT, "2026-07-01", None),
    ("NB", DEBT, TUE, ("07:00", "21:00")), ("NB", DEBT, SUN, ("13:00", "17:00")), ("NB", DEBT, "2026-12-25", None),
    ("AB", DEBT, TUE, ("07:00", "22:00")), ("AB", DEBT, SUN, None),
    ("NL", DEBT, TUE, ("08:00", "22:00")),
    ("GB", DEBT, TUE, ("08:00", "21:00")), ("GB", DEBT, SAT, ("09:00", "17:00")), ("GB", DEBT, SUN, None),
    ("AU", TM, TUE, ("09:00", "20:00")), ("AU", TM, SAT, ("09:00", "17:00")), ("AU", TM, SUN, None),
    ("AU", TM, "2026-01-26", None),
    ("AU", DEBT, TUE, ("07:30", "21:00")), ("AU", DEBT, SAT, ("09:00", "21:00")), ("AU", DEBT, SUN, ("09:00", "21:00")),
    ("AU", DEBT, "2026-12-25", None),
    ("FR", TM, TUE, ("10:00", "13:00")), ("FR", TM, TUE, ("14:00", "20:00")), ("FR", TM, SAT, None),
    ("FR", TM, SUN, None), ("FR", TM, "2026-11-11", None),
    ("ES", TM, TUE, ("09:00", "21:00")), ("ES", TM, SAT, None), ("ES", TM, SUN, None), ("ES", TM, "2026-10-12", None),
    ("IT", TM, TUE, ("09:00", "20:00")), ("IT", TM, SAT, ("10:00", "19:00")), ("IT", TM, SUN, None),
    ("IT", TM, "2026-12-08", None), ("IT", TM, "2026-12-07", ("10:00", "19:00")),
    ("IN", DEBT, TUE, ("08:00", "19:00")), ("IN", DEBT, SUN, ("08:00", "19:00")), ("IN", TM, TUE, ("09:00", "21:00")),
    ("SP", DEBT, TUE, ("08:00", "20:00")), ("SP", DEBT, SAT, ("08:00", "14:00")), ("SP", DEBT, SUN, None),
    ("SP", DEBT, "2026-09-07", None),
    ("RJ", DEBT, TUE, ("09:00", "19:00")), ("RJ", DEBT, SAT, None),
    ("AM", DEBT, TUE, ("08:00", "19:00")), ("AM", DEBT, SAT, None),
    ("MX", DEBT, TUE, ("07:00", "22:00")),
    ("EC", DEBT, TUE, ("07:00", "20:00")), ("EC", DEBT, SAT, None),
]  # fmt: skip


def _call(place: str, purpose: str, instant: datetime, **more: Any) -> dict[str, Any]:
    given = CAMPAIGNS[place] | {"purpose": purpose, "now": instant.isoformat(), "creditor": "C1"}
    if purpose == TM:
        given["registries"] = {"national_dnc_file_date": (instant - timedelta(days=5)).date().isoformat()}
        given["consents"] = [
            {"kind": "written_marketing", "given_to": "creditor", "given_at": (instant - timedelta(days=9)).isoformat()}
        ]
    return given | more


def _local(place: str, day: str, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}:00").replace(tzinfo=ZoneInfo(ZONES[place])).astimezone(UTC)


@pytest.mark.parametrize(("place", "purpose", "day", "hours"), HOURS)
def test_each_country_keeps_its_hours_to_the_second(
    ask: Ask, place: str, purpose: str, day: str, hours: tuple[str, str] | None
) -> None:
    edges = [(_local(place, day, "12:00"), 0, ["CALL_DAY"])]
    if hours is not None:
        opens, closes = (_local(place, day, clock) for clock in hours)
        edges = [(opens, -1, ["CALL_WINDOW"]), (opens, 0, []), (closes, -1, []), (closes, 0, ["CALL_WINDOW"])]
    for at, shift, expected in edges:
        found = ask(**_call(place, purpose, at + timedelta(seconds=shift)))
        assert sorted(set(found["codes"])) == expected, found["reasons"]


NOON = {place: _local(place, TUE, "12:30" if place != "FR" else "15:00") for place in ZONES}


def _before(place: str, *spans: timedelta, result: str = "no_answer", **more: Any) -> list[dict[str, Any]]:
    return [{"at": (NOON[place] - span).isoformat(), "result": result, **more} for span in spans]


DAYS = timedelta(days=1)


def test_ontario_allows_three_contacts_after_the_first_conversation(ask: Ask) -> None:
    first = _before("ON", 14 * DAYS, result="conversation")
    two = _before("ON", 2 * DAYS, 4 * DAYS, result="voicemail_left")
    third = _before("ON", 6 * DAYS, result="conversation")
    for events, codes in (
        ([*first, *two, *third], ["FREQUENCY"]),
        ([*first, *two], []),
        ([*third, *two], []),
        ([*two, *_before("ON", 3 * DAYS, result="voicemail_left")], []),
        ([*first, *two, *_before("ON", 3 * DAYS)], []),
        ([*first, *two, *_before("ON", 3 * DAYS, result="conversation", direction="in")], []),
        ([*first, *two, *_before("ON", 3 * DAYS, result="sent", channel="letter")], []),
        ([*first, *two, *_before("ON", 3 * DAYS, result="sent", channel="sms")], ["FREQUENCY"]),
        ([*first, *two, *_before("ON", 3 * DAYS, result="conversation", creditor="C2")], []),
        ([*first, *two, *_before("ON", 3 * DAYS, result="conversation", under_consent=True)], []),
        ([*first, *two, *_before("ON", 7 * DAYS, result="conversation")], []),
    ):
        assert ask(**_call("ON", DEBT, NOON["ON"], history=[LETTER, *events]))["codes"] == codes, events


@pytest.mark.parametrize(("days", "codes"), [(5, ["COOL_OFF"]), (6, []), (None, ["COOL_OFF"])])
def test_ontario_waits_six_days_after_the_notice(ask: Ask, days: int | None, codes: list[str]) -> None:
    sent = _before("ON", days * DAYS, result="sent", channel="letter") if days else []
    assert ask(**_call("ON", DEBT, NOON["ON"], history=sent))["codes"] == codes


def test_canada_routes_american_numbers_and_keeps_its_list_fresh(ask: Ask) -> None:
    call = _call("ON", TM, NOON["ON"])
    assert "COUNTRY_ROUTE" in ask(**(call | {"number": {"e164": "+12125550147"}}))["codes"]
    for days, codes in ((31, []), (32, ["REGISTRY_STALE"])):
        file_date = (NOON["ON"] - days * DAYS).date().isoformat()
        assert ask(**(call | {"registries": {"national_dnc_file_date": file_date}}))["codes"] == codes
    listed = [{"kind": "national_dnc", "number": "+14165550147"}]
    assert ask(**(call | {"consents": [], "suppressions": listed}))["codes"] == ["NATIONAL_DNC"]
    assert ask(**(call | {"consents": [], "voice": "prerecorded"}))["codes"] == ["CONSENT"]
    assert ask(**(call | {"consents": []}))["codes"] == []


def test_western_canada_does_not_change_its_clocks_any_more(ask: Ask) -> None:
    vancouver = {"number": {"e164": "+16045550147"}, "addresses": [{"country": "CA", "tz": "America/Vancouver"}]}
    for now, codes in (("2026-12-01T16:00:00Z", []), ("2026-12-01T15:59:59Z", ["CALL_WINDOW"])):
        call = _call("ON", TM, datetime.fromisoformat(now)) | vancouver
        assert ask(**call)["codes"] == codes
    winnipeg = {"number": {"e164": "+12045550147"}, "addresses": [{"state": "MB", "country": "CA"}]}
    for now, codes in (("2026-12-02T02:29:59Z", []), ("2026-12-02T02:30:00Z", ["CALL_WINDOW"])):
        assert ask(**(_call("ON", TM, datetime.fromisoformat(now)) | winnipeg))["codes"] == codes


@pytest.mark.parametrize("purpose", [DEBT, "debt_first_party", TM])
def test_britain_redials_an_abandoned_number_after_72_hours_or_with_an_agent(ask: Ask, purpose: str) -> None:
    hours = timedelta(hours=1)
    for span, codes in ((72 * hours, []), (72 * hours - timedelta(seconds=1), ["RESERVED_AGENT_REQUIRED"])):
        history = _before("GB", span, result="abandoned")
        assert ask(**_call("GB", purpose, NOON["GB"], history=history))["codes"] == codes
    history = _before("GB", 48 * hours, result="abandoned")
    assert ask(**_call("GB", purpose, NOON["GB"], history=history, mode="preview"))["codes"] == []
    reserved = ask(**_call("GB", purpose, NOON["GB"], history=history, agent_guaranteed=True))
    assert (reserved["codes"], "RESERVED_AGENT_ONLY" in reserved["flags"]) == ([], True)
    other = _before("GB", 48 * hours, result="abandoned", number="+442079460999")
    assert ask(**_call("GB", purpose, NOON["GB"], history=other))["codes"] == []


def test_britain_redials_a_machine_the_next_day_or_with_an_agent(ask: Ask) -> None:
    for at, codes in ((timedelta(hours=5), ["RESERVED_AGENT_REQUIRED"]), (timedelta(hours=12, minutes=31), [])):
        history = _before("GB", at, result="machine")
        found = ask(**_call("GB", DEBT, NOON["GB"], history=history))
        assert found["codes"] == codes
    same_day = _before("GB", timedelta(hours=5), result="machine")
    assert ask(**_call("GB", DEBT, NOON["GB"], history=same_day, mode="manual"))["codes"] == []
    assert ask(**_call("GB", DEBT, NOON["GB"], history=same_day))["retry_at"] == "2026-11-25T08:00:00Z"


def test_britain_discloses_nothing_to_third_parties_and_asks_consent_for_recordings(ask: Ask) -> None:
    assert ask(**_call("GB", DEBT, NOON["GB"], party_role="third_party"))["codes"] == ["THIRD_PARTY"]
    recorded = _call("GB", TM, NOON["GB"], voice="prerecorded", consents=[])
    assert ask(**recorded)["codes"] == ["CONSENT"]


def test_australia_counts_contacts_made_three_a_week_and_ten_a_month(ask: Ask) -> None:
    week = _before("AU", DAYS, 2 * DAYS, 3 * DAYS, result="conversation")
    assert ask(**_call("AU", DEBT, NOON["AU"], history=week))["codes"] == ["FREQUENCY"]
    assert ask(**_call("AU", DEBT, NOON["AU"], history=week[:2]))["codes"] == []
    mixed = [*week[:1], *_before("AU", 2 * DAYS, result="sent", channel="letter"), *_before("AU", 3 * DAYS, result="sent", channel="sms")]  # noqa: E501  # fmt: skip
    assert ask(**_call("AU", DEBT, NOON["AU"], history=mixed))["codes"] == ["FREQUENCY"]
    rang = _before("AU", DAYS, 2 * DAYS, 3 * DAYS)
    assert ask(**_call("AU", DEBT, NOON["AU"], history=rang))["codes"] == []
    month = _before("AU", *[(3 + 2.3 * n) * DAYS for n in range(10)], result="conversation")
    assert "FREQUENCY" in ask(**_call("AU", DEBT, NOON["AU"], history=month))["codes"]
    assert ask(**_call("AU", DEBT, NOON["AU"], history=month[1:]))["codes"] in ([], ["FREQUENCY"])


def test_queensland_has_no_summer_time_and_mobiles_no_place(ask: Ask) -> None:
    brisbane = {"number": {"e164": "+61755501234"}, "addresses": [{"state": "QLD", "country": "AU"}]}
    for now, codes in (("2026-11-23T23:00:00Z", []), ("2026-11-23T22:59:59Z", ["CALL_WINDOW"])):
        assert ask(**(_call("AU", TM, datetime.fromisoformat(now)) | brisbane))["codes"] == codes
    mobile = _call("AU", TM, NOON["AU"]) | {"number": {"e164": "+61412345678"}}
    assert ask(**mobile)["codes"] == []
    assert ask(**(mobile | {"addresses": []}))["codes"] == ["NO_LOCATION"]


def test_france_counts_four_in_thirty_days_for_each_professional(ask: Ask) -> None:
    four = _before("FR", 5 * DAYS, 10 * DAYS, 15 * DAYS, 29 * DAYS)
    assert ask(**_call("FR", TM, NOON["FR"], history=four))["codes"] == ["FREQUENCY"]
    assert ask(**_call("FR", TM, NOON["FR"], history=four[:3]))["codes"] == []
    later = [*four[:3], *_before("FR", 30 * DAYS)]
    assert ask(**_call("FR", TM, NOON["FR"], history=later))["codes"] == []
    other = _before("FR", 5 * DAYS, 10 * DAYS, 15 * DAYS, 29 * DAYS, creditor="C2")
    assert ask(**_call("FR", TM, NOON["FR"], history=other))["codes"] == []


@pytest.mark.parametrize(("days", "codes"), [(59, ["REFUSAL"]), (60, [])])
def test_france_waits_sixty_days_after_a_refusal(ask: Ask, days: int, codes: list[str]) -> None:
    refused = [{"kind": "refusal", "person": "P1", "since": (NOON["FR"] - days * DAYS).isoformat()}]
    found = ask(**_call("FR", TM, NOON["FR"], suppressions=refused))
    assert found["codes"] == codes
    assert found["retry_at"] == ("2026-11-25T09:00:00Z" if codes else None)
    assert ask(**_call("FR", DEBT, NOON["FR"], suppressions=refused))["codes"] == []


def test_france_asks_consent_since_august_2026_and_consent_may_name_hours(ask: Ask) -> None:
    assert ask(**_call("FR", TM, NOON["FR"], consents=[]))["codes"] == ["CONSENT"]
    before = datetime(2026, 8, 10, 9, tzinfo=UTC)
    assert ask(**_call("FR", TM, before, consents=[]))["codes"] == []
    at_lunch = _local("FR", TUE, "13:30")
    call = _call("FR", TM, at_lunch)
    named = [*call["consents"], {"kind": "hours", "given_to": "creditor", "given_at": "2026-11-01T09:00:00Z"}]
    assert ask(**(call | {"consents": named}))["codes"] == []


@pytest.mark.parametrize("place", ["DE", "ES"])
def test_solicitation_in_germany_and_spain_needs_consent(ask: Ask, place: str) -> None:
    assert ask(**_call(place, TM, NOON[place], consents=[]))["codes"] == ["CONSENT"]
    assert ask(**_call(place, TM, NOON[place]))["codes"] == []


def test_italy_leaves_a_mute_call_alone_for_five_days_and_then_reserves_an_agent(ask: Ask) -> None:
    for span, mode, codes in (
        (4 * DAYS, "preview", ["FREQUENCY"]),
        (5 * DAYS, "preview", []),
        (5 * DAYS, "predictive", ["RESERVED_AGENT_REQUIRED"]),
        (50 * DAYS, "predictive", ["RESERVED_AGENT_REQUIRED"]),
    ):
        history = _before("IT", span, result="abandoned")
        assert ask(**_call("IT", TM, NOON["IT"], history=history, mode=mode))["codes"] == codes


def test_ecuador_allows_one_call_a_day(ask: Ask) -> None:
    today = _before("EC", timedelta(hours=5))
    assert "FREQUENCY" in ask(**_call("EC", DEBT, NOON["EC"], history=today))["codes"]
    yesterday = _before("EC", timedelta(hours=13))
    assert ask(**_call("EC", DEBT, NOON["EC"], history=yesterday))["codes"] == []


def test_a_country_without_rules_is_not_called(ask: Ask) -> None:
    japan = ask(now="2026-11-20T03:00:00Z", campaign_country="JP", number={"e164": "+81312345678"}, addresses=[])
    assert "COUNTRY_ROUTE" in japan["codes"]
    assert (japan["policy"], japan["retry_at"]) == ("jp-none", None)
