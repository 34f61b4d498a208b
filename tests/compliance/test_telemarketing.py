"""Solicitation in the United States: every state's hours at their edges, consent, registries, subject caps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

pytestmark = pytest.mark.unit

Ask = Callable[..., dict[str, Any]]

ET, CT, MT, PT = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"

# State, number, ZIP, zone, hours of weekday, Saturday, Sunday, and of Thanksgiving; None: closed all day.
STATES = [
    ("AL", "+12055550147", "35203", CT, (8, 20), (8, 20), None, None),
    ("AR", "+15015550147", "72201", CT, (8, 21), (8, 21), (8, 21), (8, 21)),
    ("CA", "+12135550147", "90012", PT, (8, 21), (8, 21), (8, 21), (8, 21)),
    ("CO", "+13035550147", "80202", MT, (8, 21), (8, 21), (8, 21), (8, 21)),
    ("CT", "+18605550147", "06103", ET, (9, 20), (9, 20), (9, 20), (9, 20)),
    ("FL", "+13055550147", "33130", ET, (8, 20), (8, 20), (8, 20), (8, 20)),
    ("GA", "+14045550147", "30303", ET, (8, 21), (8, 21), (8, 21), (8, 21)),
    ("IL", "+13125550147", "60601", CT, (9, 21), (9, 21), (9, 21), (9, 21)),
    ("IN", "+13175550147", "46204", ET, (8, 21), (8, 21), (8, 21), (8, 21)),
    ("KY", "+15025550147", "40202", ET, (10, 21), (10, 21), (10, 21), (10, 21)),
    ("LA", "+15045550147", "70112", CT, (8, 20), (8, 20), None, None),
    ("MD", "+14105550147", "21202", ET, (8, 20), (8, 20), (8, 20), (8, 20)),
    ("MA", "+16175550147", "02108", ET, (8, 20), (8, 20), (8, 20), (8, 20)),
    ("MI", "+13135550147", "48226", ET, (9, 21), (9, 21), (9, 21), (9, 21)),
    ("MN", "+16125550147", "55401", CT, (9, 21), (9, 21), (9, 21), (9, 21)),
    ("MS", "+16015550147", "39201", CT, (8, 20), (8, 20), None, (8, 20)),
    ("NE", "+14025550147", "68102", CT, (8, 21), (8, 21), (8, 21), (8, 21)),
    ("NV", "+17025550147", "89101", PT, (9, 20), (9, 20), (9, 20), (9, 20)),
    ("NM", "+15055550147", "87102", MT, (9, 21), (9, 21), (9, 21), (9, 21)),
    ("NY", "+12125550147", "10001", ET, (8, 21), (8, 21), (8, 21), (8, 21)),
    ("OK", "+14055550147", "73102", CT, (8, 20), (8, 20), (8, 20), (8, 20)),
    ("OR", "+15035550147", "97204", PT, (8, 20), (8, 20), (8, 20), (8, 20)),
    ("PA", "+12155550147", "19103", ET, (8, 21), (8, 21), (8, 21), None),
    ("RI", "+14015550147", "02903", ET, (9, 18), (10, 17), None, None),
    ("SC", "+18035550147", "29201", ET, (8, 21), (8, 21), (8, 21), (8, 21)),
    ("TX", "+17135550147", "77002", CT, (9, 21), (9, 21), (12, 21), (9, 21)),
    ("VA", "+18045550147", "23219", ET, (8, 21), (8, 21), (8, 21), (8, 21)),
    ("WA", "+12065550147", "98101", PT, (8, 20), (8, 20), (8, 20), (8, 20)),
    ("WV", "+13045550147", "25301", ET, (8, 21), (8, 21), (8, 21), (8, 21)),
    ("WY", "+13075550147", "82001", MT, (8, 20), (8, 20), (8, 20), (8, 20)),
]
DAYS = {
    "weekday": date(2026, 11, 18),
    "saturday": date(2026, 11, 21),
    "sunday": date(2026, 11, 22),
    "thanksgiving": date(2026, 11, 26),
}


def _solicit(ask: Ask, e164: str, code: str, state: str, instant: datetime, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "now": instant.isoformat(),
        "purpose": "telemarketing",
        "creditor": "SELLER-1",
        "debt": None,
        "number": {"e164": e164},
        "addresses": [{"zip": code, "state": state}],
        "registries": {"national_dnc_file_date": (instant - timedelta(days=10)).date().isoformat()},
    }
    return ask(**(given | more))


def _at(zone: str, day: date, hour: int, second: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(zone)).astimezone(UTC) + timedelta(
        seconds=second
    )


def _consent(instant: datetime) -> list[dict[str, Any]]:
    given_at = (instant - timedelta(days=20)).isoformat()
    return [{"kind": "written_marketing", "given_to": "creditor", "given_at": given_at}]


def _edges() -> list[Any]:
    found = []
    for state, number, code, zone, *hours in STATES:
        for (name, day), span in zip(DAYS.items(), hours, strict=True):
            if span is None:
                found.append(pytest.param(number, code, state, _at(zone, day, 12), "CALL_DAY", id=f"{state} {name}"))
                continue
            opens, closes = _at(zone, day, span[0]), _at(zone, day, span[1])
            edges = [(opens, -1, "CALL_WINDOW"), (opens, 0, None), (closes, -1, None), (closes, 0, "CALL_WINDOW")]
            for at, shift, expected in edges:
                instant = at + timedelta(seconds=shift)
                found.append(
                    pytest.param(number, code, state, instant, expected, id=f"{state} {name} {instant:%H%M%S}")
                )
    return found


@pytest.mark.parametrize(("number", "code", "state", "instant", "expected"), _edges())
def test_each_state_keeps_its_hours_to_the_second(
    ask: Ask, number: str, code: str, state: str, instant: datetime, expected: str | None
) -> None:
    found = _solicit(ask, number, code, state, instant, consents=_consent(instant))
    assert found["codes"] == ([] if expected is None else [expected] * len(found["codes"]))
    assert found["outcome"] == ("allow" if expected is None else "block")


def test_utah_is_closed_on_sunday_and_pioneer_day_but_for_express_consent(ask: Ask) -> None:
    for day in (date(2026, 11, 22), date(2026, 7, 24)):
        instant = _at(MT, day, 14)
        assert "CALL_DAY" in _solicit(ask, "+18015550147", "84101", "UT", instant)["codes"]
        assert _solicit(ask, "+18015550147", "84101", "UT", instant, consents=_consent(instant))["codes"] == []


def test_a_revoked_consent_lifts_nothing(ask: Ask) -> None:
    instant = _at(MT, date(2026, 11, 22), 14)
    consent = _consent(instant)[0] | {"revoked_at": instant.isoformat()}
    assert "CALL_DAY" in _solicit(ask, "+18015550147", "84101", "UT", instant, consents=[consent])["codes"]


@pytest.mark.parametrize(
    ("number", "code", "state", "zone", "hour"),
    [
        ("+13125550147", "60601", "IL", CT, 8),
        ("+16053320123", "57104", "SD", CT, 8),
    ],
)
def test_rules_on_automated_calls_leave_a_manual_call_alone(
    ask: Ask, number: str, code: str, state: str, zone: str, hour: int
) -> None:
    instant = _at(zone, date(2026, 11, 18), hour)
    line = {"e164": number, "line_type": "fixed", "exchange_zip": code}
    automated = _solicit(ask, number, code, state, instant, consents=_consent(instant), number=line)
    assert automated["codes"] == ["CALL_WINDOW"]
    assert _solicit(ask, number, code, state, instant, number=line, mode="manual")["codes"] == []


@pytest.mark.parametrize(("day", "code"), [(date(2026, 11, 20), None), (date(2026, 11, 21), "CALL_DAY")])
def test_south_dakota_takes_automated_calls_on_weekdays_alone(ask: Ask, day: date, code: str | None) -> None:
    instant = _at(CT, day, 11)
    line = {"e164": "+16053320123", "line_type": "fixed", "exchange_zip": "57104"}
    found = _solicit(ask, "", "57104", "SD", instant, number=line, consents=_consent(instant))
    assert found["codes"] == ([code] if code else [])


def test_nebraska_takes_recorded_calls_on_sunday_from_one_to_nine(ask: Ask) -> None:
    for hour, second, codes in ((13, -1, ["CALL_WINDOW"]), (13, 0, []), (21, -1, [])):
        instant = _at(CT, date(2026, 11, 22), hour, second)
        found = _solicit(ask, "+14025550147", "68102", "NE", instant, voice="prerecorded", consents=_consent(instant))
        assert found["codes"] == codes


def test_pennsylvania_closes_on_its_own_holidays_but_for_a_relationship(ask: Ask) -> None:
    closed = [
        date(2026, 1, 1),
        date(2026, 1, 19),
        date(2026, 2, 16),
        date(2026, 4, 3),
        date(2026, 5, 25),
        date(2026, 6, 14),
        date(2026, 7, 4),
        date(2026, 9, 7),
        date(2026, 10, 12),
        date(2026, 11, 3),
        date(2026, 11, 11),
        date(2026, 11, 26),
        date(2026, 12, 25),
    ]
    for day in closed:
        instant = _at(ET, day, 12)
        consents = _consent(instant)
        assert _solicit(ask, "+12155550147", "19103", "PA", instant, consents=consents)["codes"] == ["CALL_DAY"], day
        known = {"last_purchase_at": (instant - timedelta(days=100)).isoformat()}
        assert not _solicit(ask, "+12155550147", "19103", "PA", instant, consents=consents, relationship=known)["codes"]
    juneteenth = _at(ET, date(2026, 6, 19), 12)
    assert _solicit(ask, "+12155550147", "19103", "PA", juneteenth, consents=_consent(juneteenth))["codes"] == []


def test_rhode_island_keeps_state_holidays_too(ask: Ask) -> None:
    victory_day = _at(ET, date(2026, 8, 10), 12)
    assert "CALL_DAY" in _solicit(ask, "+14015550147", "02903", "RI", victory_day)["codes"]


@pytest.mark.parametrize(
    ("number", "code", "state", "needs_subject"),
    [  # number, ZIP, state, by subject
        ("+13055550147", "33130", "FL", True),
        ("+14055550147", "73102", "OK", True),
        ("+14105550147", "21202", "MD", True),
        ("+15035550147", "97204", "OR", False),
    ],
)
def test_three_calls_in_24_hours_and_not_a_second_longer(
    ask: Ask, number: str, code: str, state: str, needs_subject: bool
) -> None:
    instant = datetime(2026, 11, 20, 19, tzinfo=UTC)
    ages = [timedelta(hours=24), timedelta(hours=20), timedelta(hours=4)]
    events = [
        {"at": (instant - age).isoformat(), "result": "no_answer", "subject": "solar", "number": "+12125550100"}
        for age in ages
    ]
    ask_it = {"subject": "solar", "consents": _consent(instant)}
    assert _solicit(ask, number, code, state, instant, history=events, **ask_it)["codes"] == []
    events[0]["at"] = (instant - ages[0] + timedelta(seconds=1)).isoformat()
    found = _solicit(ask, number, code, state, instant, history=events, **ask_it)
    assert found["codes"] == ["FREQUENCY"]
    assert found["retry_at"] == (instant + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    other = [event | {"subject": "roof"} for event in events]
    expected = [] if needs_subject else ["FREQUENCY"]
    assert _solicit(ask, number, code, state, instant, history=other, **ask_it)["codes"] == expected


def test_oregon_counts_texts_and_a_relationship_of_18_months_lifts_it(ask: Ask) -> None:
    instant = datetime(2026, 11, 20, 20, tzinfo=UTC)
    sms = {"at": "2026-11-20T16:00:00Z", "result": "sent", "channel": "sms"}
    asked = {"history": [sms] * 3, "consents": _consent(instant)}
    call = ("+15035550147", "97204", "OR", instant)
    assert _solicit(ask, *call, **asked)["codes"] == ["FREQUENCY"]
    for bought, codes in (("2025-05-20T20:00:00Z", ["FREQUENCY"]), ("2025-05-20T20:00:01Z", [])):
        assert _solicit(ask, *call, relationship={"last_purchase_at": bought}, **asked)["codes"] == codes
    for asked_at, codes in (("2026-08-20T20:00:00Z", ["FREQUENCY"]), ("2026-08-20T20:00:01Z", [])):
        assert _solicit(ask, *call, relationship={"last_inquiry_at": asked_at}, **asked)["codes"] == codes


def test_maine_lets_a_device_call_a_number_once_in_eight_hours(ask: Ask) -> None:
    instant = datetime(2026, 11, 20, 20, tzinfo=UTC)
    call = ("+12075550147", "04101", "ME", instant)
    for ago, codes in ((timedelta(hours=8), []), (timedelta(hours=8) - timedelta(seconds=1), ["FREQUENCY"])):
        history = [{"at": (instant - ago).isoformat(), "result": "no_answer"}]
        assert _solicit(ask, *call, history=history, consents=_consent(instant))["codes"] == codes
        assert _solicit(ask, *call, history=history, mode="manual")["codes"] == []


def test_an_area_code_brings_its_state_wherever_the_address_is(ask: Ask) -> None:
    instant = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
    florida = _solicit(ask, "+13055550147", "30303", "GA", instant, consents=_consent(instant))
    assert florida["rules"] == ["US-FL-1"]
    assert _solicit(ask, "+14045550147", "30303", "GA", instant, consents=_consent(instant))["codes"] == []


@pytest.mark.parametrize("mode", ["predictive", "power", "progressive"])
def test_automated_solicitation_needs_written_consent(ask: Ask, mode: str) -> None:
    instant = _at(ET, date(2026, 11, 18), 12)
    call = ("+14045550147", "30303", "GA", instant)
    assert _solicit(ask, *call, mode=mode)["codes"] == ["CONSENT"]
    assert _solicit(ask, *call, mode=mode, consents=_consent(instant))["codes"] == []
    other = [_consent(instant)[0] | {"kind": "prerecorded"}]
    assert _solicit(ask, *call, mode=mode, consents=other)["codes"] == ["CONSENT"]


@pytest.mark.parametrize("mode", ["preview", "manual"])
def test_a_manual_solicitation_needs_none_except_in_connecticut(ask: Ask, mode: str) -> None:
    instant = _at(ET, date(2026, 11, 18), 12)
    assert _solicit(ask, "+14045550147", "30303", "GA", instant, mode=mode)["codes"] == []
    assert _solicit(ask, "+18605550147", "06103", "CT", instant, mode=mode)["codes"] == ["CONSENT"]


def test_a_recorded_solicitation_needs_written_consent_in_every_mode(ask: Ask) -> None:
    instant = _at(ET, date(2026, 11, 18), 12)
    call = ("+14045550147", "30303", "GA", instant)
    assert _solicit(ask, *call, mode="manual", voice="prerecorded")["codes"] == ["CONSENT"]
    assert "NO_PRERECORDED_FALLBACK" in _solicit(ask, *call, mode="manual")["flags"]


@pytest.mark.parametrize(
    ("file_date", "codes", "retry_at"),
    [
        ("2026-10-20", [], None),
        ("2026-10-19", ["REGISTRY_STALE"], None),
        (None, ["REGISTRY_STALE"], None),
        ("2026-11-20", [], None),
        ("2026-12-01", ["REGISTRY_STALE"], "2026-11-30T13:00:00Z"),  # one dated ahead has its day
    ],
)
def test_the_registry_file_is_at_most_31_days_old(
    ask: Ask, file_date: str | None, codes: list[str], retry_at: str | None
) -> None:
    instant = datetime(2026, 11, 20, 15, tzinfo=UTC)
    registries = {"national_dnc_file_date": file_date} if file_date else {}
    found = _solicit(ask, "+14045550147", "30303", "GA", instant, consents=_consent(instant), registries=registries)
    assert found["codes"] == codes
    assert found["retry_at"] == retry_at


def test_the_national_registry_binds_but_for_permission_or_a_relationship(ask: Ask) -> None:
    instant = datetime(2026, 11, 20, 15, tzinfo=UTC)
    listed = [{"kind": "national_dnc", "number": "+14045550147"}]
    call = ("+14045550147", "30303", "GA", instant)
    assert _solicit(ask, *call, mode="manual", suppressions=listed)["codes"] == ["NATIONAL_DNC"]
    assert _solicit(ask, *call, suppressions=listed, consents=_consent(instant))["codes"] == []
    bought = {"last_purchase_at": "2025-05-21T15:00:00Z"}
    assert _solicit(ask, *call, mode="manual", suppressions=listed, relationship=bought)["codes"] == []
    long_ago = {"last_purchase_at": "2025-05-20T15:00:00Z"}
    assert _solicit(ask, *call, mode="manual", suppressions=listed, relationship=long_ago)["codes"] == ["NATIONAL_DNC"]


def test_the_internal_list_binds_in_spite_of_consent_and_relationship(ask: Ask) -> None:
    instant = datetime(2026, 11, 20, 15, tzinfo=UTC)
    asked = {
        "suppressions": [{"kind": "internal_dnc", "number": "+14045550147", "since": "2019-01-01T00:00:00Z"}],
        "relationship": {"last_purchase_at": "2026-11-01T15:00:00Z"},
        "consents": _consent(instant),
    }
    assert _solicit(ask, "+14045550147", "30303", "GA", instant, **asked)["codes"] == ["INTERNAL_DNC"]


def test_debt_calls_do_not_heed_the_national_registry(ask: Ask) -> None:
    listed = [{"kind": "national_dnc", "number": "+14045550147"}]
    assert ask(now="2026-11-20T15:00:00Z", suppressions=listed)["codes"] == []


def test_an_emergency_stops_solicitation_there_and_while_it_lasts(ask: Ask) -> None:
    emergency = [{"state": "LA", "from": "2026-09-08T11:00:00Z", "until": "2026-09-14T15:00:00Z"}]
    for at, codes in (("2026-09-08T17:00:00Z", ["CALL_DAY"]), ("2026-09-14T15:00:00Z", [])):
        instant = datetime.fromisoformat(at)
        found = _solicit(ask, "+15045550147", "70112", "LA", instant, emergencies=emergency, consents=_consent(instant))
        assert found["codes"] == codes
    before = datetime(2026, 9, 14, 14, 59, 59, tzinfo=UTC)
    found = _solicit(ask, "+15045550147", "70112", "LA", before, emergencies=emergency, consents=_consent(before))
    assert found["retry_at"] == "2026-09-14T15:00:00Z"
    assert (
        _solicit(ask, "+14045550147", "30303", "GA", before, emergencies=emergency, consents=_consent(before))["codes"]
        == []
    )
    debt = ask(
        now="2026-09-10T17:00:00Z",
        number={"e164": "+15045550147"},
        addresses=[{"zip": "70112", "state": "LA"}],
        emergencies=emergency,
    )
    assert debt["codes"] == []
