"""Collection in the United States: hours, counts, cool-off, consent, parties, holds, recorded voices, states."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.unit

Ask = Callable[..., dict[str, Any]]

NOW = "2026-11-20T15:00:00Z"
AT = datetime(2026, 11, 20, 15, tzinfo=UTC)


def _z(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _spread(n: int, result: str = "no_answer", **more: Any) -> list[dict[str, Any]]:
    """n events over the six days before NOW, at most two a day, none within four hours of NOW."""
    return [{"at": _z(AT - timedelta(hours=20 + 12 * i)), "result": result, **more} for i in range(n)]


def _place(zip_code: str, state: str, number: str) -> dict[str, Any]:
    return {"addresses": [{"zip": zip_code, "state": state}], "number": {"e164": number}}


GA = _place("30303", "GA", "+14045550147")
MA = _place("02108", "MA", "+16175550147")
WA = _place("98101", "WA", "+12065550147")
DC = _place("20001", "DC", "+12025550147")
NYC = _place("11201", "NY", "+17185550147")
WORK = {"use": "work", "line_type": "fixed"}


# --- hours -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "codes"),
    [
        ("2026-12-01T12:59:59Z", ["CALL_WINDOW"]),
        ("2026-12-01T13:00:00Z", []),
        ("2026-12-02T01:59:59Z", []),
        ("2026-12-02T02:00:00Z", ["CALL_WINDOW"]),
        ("2026-11-26T18:00:00Z", []),
        ("2026-11-22T18:00:00Z", []),
    ],
)
def test_the_window_is_half_open_and_knows_no_sunday_or_holiday(ask: Ask, now: str, codes: list[str]) -> None:
    assert ask(now=now)["codes"] == codes


@pytest.mark.parametrize(
    ("state", "zip_code", "number", "rule"),
    [
        ("FL", "33130", "+13055550147", "US-FL-D1"),
        ("CA", "90012", "+12135550147", "US-CA-D1"),
        ("MA", "02108", "+16175550147", "US-MA-D1H"),
        ("PA", "19103", "+12155550147", "US-PA-D1"),
        ("WV", "25301", "+13045550147", "US-WV-D1H"),
    ],
)
def test_creditors_are_bound_to_hours_where_a_state_says_so(
    ask: Ask, state: str, zip_code: str, number: str, rule: str
) -> None:
    found = ask(now="2026-11-21T06:30:00Z", purpose="debt_first_party", **_place(zip_code, state, number))
    assert rule in found["rules"]


def test_the_guard_closes_a_window_early(ask: Ask) -> None:
    guard = {"close_guard_seconds": 55}
    assert ask(now="2026-12-02T01:59:04Z", policy=guard)["codes"] == []
    late = ask(now="2026-12-02T01:59:05Z", policy=guard)
    assert (late["codes"], late["retry_at"]) == (["CALL_WINDOW"], "2026-12-02T13:00:00Z")


@pytest.mark.parametrize(
    ("given_to", "codes"), [("collector", []), ("creditor", ["CALL_WINDOW"])], ids=["direct", "not direct"]
)
def test_only_direct_consent_opens_other_hours(ask: Ask, given_to: str, codes: list[str]) -> None:
    consent = [{"kind": "hours", "given_to": given_to, "given_at": "2026-11-01T15:00:00Z"}]
    assert ask(now="2026-12-02T02:30:00Z", consents=consent)["codes"] == codes


@pytest.mark.parametrize(
    ("now", "codes"),
    [
        ("2026-11-20T21:59:59Z", []),
        ("2026-11-20T22:00:00Z", ["PREFERENCE"]),
        ("2026-11-20T23:59:59Z", ["PREFERENCE"]),
        ("2026-11-21T00:00:00Z", []),
        ("2026-11-21T22:30:00Z", []),
    ],
)
def test_an_inconvenient_time_is_kept_free_on_its_days(ask: Ask, now: str, codes: list[str]) -> None:
    stated = [{"kind": "inconvenient_time", "days": ["mon", "fri"], "from": "17:00", "to": "19:00"}]
    assert ask(now=now, preferences=stated)["codes"] == codes


def test_an_inconvenient_time_holds_in_every_zone_and_past_midnight(ask: Ask) -> None:
    stated = [{"kind": "inconvenient_time", "days": ["thu"], "from": "22:00", "to": "10:00"}]
    two = {"number": {"e164": "+19175550123"}, "addresses": [{"zip": "90012", "state": "CA"}]}
    found = ask(now="2026-11-20T16:30:00Z", preferences=stated, **two)
    assert found["codes"] == ["PREFERENCE"]
    assert found["retry_at"] == "2026-11-20T18:00:00Z"
    direct = [{"kind": "hours", "given_to": "collector", "given_at": "2026-11-01T15:00:00Z"}]
    assert ask(now="2026-11-20T16:30:00Z", preferences=stated, consents=direct, **two)["codes"] == []


def test_the_guard_is_kept_before_an_inconvenient_time(ask: Ask) -> None:
    stated = [{"kind": "inconvenient_time", "from": "17:00", "to": "19:00"}]
    guard = {"close_guard_seconds": 60}
    assert ask(now="2026-11-20T21:59:00Z", preferences=stated, policy=guard)["codes"] == ["PREFERENCE"]
    assert ask(now="2026-11-20T21:58:59Z", preferences=stated, policy=guard)["codes"] == []


# --- seven in seven --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "codes"), [(6, []), (7, ["FREQUENCY"])])
def test_the_eighth_call_in_seven_days_is_presumed_too_many(ask: Ask, n: int, codes: list[str]) -> None:
    found = ask(now=NOW, history=_spread(n))
    assert (found["codes"], found["counted"]) == (codes, True)


@pytest.mark.parametrize("result", ["busy", "sit", "failed"])
def test_calls_never_connected_do_not_count(ask: Ask, result: str) -> None:
    assert ask(now=NOW, history=[*_spread(6), *_spread(9, result)])["codes"] == []


@pytest.mark.parametrize(
    "result",
    [
        "no_answer",
        "carrier_blocked",
        "machine",
        "voicemail_left",
        "mailbox_full",
        "fax",
        "cancelled",
        "abandoned",
        "live_hangup",
        "third_party",
        "wrong_number",
        "unknown",
    ],
)
def test_every_other_outcome_counts(ask: Ask, result: str) -> None:
    assert ask(now=NOW, history=[*_spread(6), *_spread(1, result)])["codes"] == ["FREQUENCY"]


def test_inbound_calls_texts_other_debts_other_people_and_the_attorney_do_not_count(ask: Ask) -> None:
    others = [
        *_spread(7, "no_answer", direction="in"),
        *_spread(7, "sent", channel="sms"),
        *_spread(7, "no_answer", person="P2", number="+14045550100"),
        *_spread(7, "no_answer", party_role="attorney"),
        *_spread(7, "no_answer", under_consent=True),
    ]
    capped = {"daily_cap_person": 99, "daily_cap_debt": 99}
    assert ask(now=NOW, history=others, policy=capped)["codes"] == []
    assert ask(now=NOW, history=_spread(7, debts=["D2"]), policy=capped)["codes"] == []
    assert ask(now=NOW, history=_spread(7, debts=["D2", "D1"]), policy=capped)["codes"] == ["FREQUENCY"]


def test_it_counts_over_all_numbers(ask: Ask) -> None:
    assert ask(now=NOW, history=_spread(7, number="+14045550100"))["codes"] == ["FREQUENCY"]


def test_the_larger_of_dates_and_hours_counts(ask: Ask) -> None:
    seven = [{"at": f"2026-11-09T{hour}:00:00Z", "result": "no_answer"} for hour in range(14, 21)]
    for now, codes in (
        ("2026-11-15T20:00:00Z", ["FREQUENCY"]),
        ("2026-11-16T13:59:59Z", ["FREQUENCY"]),
        ("2026-11-16T14:00:00Z", []),
    ):
        found = ask(now=now, history=seven)
        assert found["codes"] == codes
    assert ask(now="2026-11-15T20:00:00Z", history=seven)["retry_at"] == "2026-11-16T14:00:00Z"


def test_when_clocks_go_back_the_dates_are_the_stricter(ask: Ask) -> None:
    """Seven dates are 169 hours then: at 23:45 a call of 00:30 six dates ago is more than 168 hours old."""
    seven = [{"at": f"2026-10-30T04:3{n}:00Z", "result": "no_answer"} for n in range(7)]
    open_late = [{"kind": "hours", "given_to": "collector", "given_at": "2026-10-01T15:00:00Z"}]
    found = ask(now="2026-11-06T04:45:00Z", history=seven, consents=open_late)
    assert found["codes"] == ["FREQUENCY"]
    assert found["retry_at"] == "2026-11-06T05:00:00Z"


def test_student_loans_under_one_account_are_one_debt(ask: Ask) -> None:
    loans = [event | {"debts": [f"L{i % 5}"], "account": "SL-1"} for i, event in enumerate(_spread(7))]
    mine = {"debt": "L9", "account": "SL-1", "history": loans}
    assert ask(now=NOW, debt_kind="student_loan", **mine)["codes"] == ["FREQUENCY"]
    assert ask(now=NOW, debt_kind="medical", **mine)["codes"] == []


@pytest.mark.parametrize("purpose", ["debt_first_party", "telemarketing"])
def test_creditors_and_sellers_are_not_bound_by_seven_in_seven(ask: Ask, purpose: str) -> None:
    history = [*_spread(9), {"at": "2026-11-18T16:00:00Z", "result": "conversation"}]
    found = ask(now=NOW, purpose=purpose, history=history)
    assert not {"US-FDC-10", "US-FDC-11"} & set(found["rules"])


# --- cool-off and consent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "codes"),
    [("2026-11-04T15:00:00Z", ["COOL_OFF"]), ("2026-11-10T01:59:00Z", ["COOL_OFF"]), ("2026-11-10T13:00:00Z", [])],
)
@pytest.mark.parametrize("direction", ["out", "in"])
def test_the_day_of_a_conversation_is_day_one_whoever_called(
    ask: Ask, now: str, codes: list[str], direction: str
) -> None:
    talk = [{"at": "2026-11-03T19:00:00Z", "result": "conversation", "direction": direction}]
    found = ask(now=now, history=talk)
    assert found["codes"] == codes
    assert found["retry_at"] in {None, "2026-11-10T13:00:00Z"}


def test_the_cool_off_is_of_the_debts_discussed_and_the_person(ask: Ask) -> None:
    at = {"at": "2026-11-18T19:00:00Z", "result": "conversation"}
    for more, codes in (
        ({"debts": ["D2"]}, []),
        ({"debts": ["D1", "D2"]}, ["COOL_OFF"]),
        ({"person": "P2"}, []),
        ({"party_role": "attorney"}, []),
        ({"channel": "sms"}, []),
        ({"result": "third_party"}, []),
        ({"result": "wrong_number"}, []),
        ({"under_consent": True}, ["COOL_OFF"]),
    ):
        assert ask(now=NOW, history=[at | more])["codes"] == codes, more


def _talk_and_consent(**consent: Any) -> dict[str, Any]:
    return {
        "history": [{"at": "2026-11-03T19:00:00Z", "result": "conversation"}],
        "consents": [{"kind": "call_back", "given_to": "collector", "given_at": "2026-11-03T19:05:00Z", **consent}],
    }


@pytest.mark.parametrize(
    ("now", "consent", "codes"),
    [
        ("2026-11-04T20:00:00Z", {}, []),
        ("2026-11-09T20:00:00Z", {}, []),
        ("2026-11-04T20:00:00Z", {"kind": "call_frequency"}, []),
        ("2026-11-04T20:00:00Z", {"given_to": "creditor"}, ["COOL_OFF"]),
        ("2026-11-04T20:00:00Z", {"until": "2026-11-04T20:00:00Z"}, ["COOL_OFF"]),
        ("2026-11-04T20:00:00Z", {"until": "2026-11-04T20:00:01Z"}, []),
        ("2026-11-04T20:00:00Z", {"revoked_at": "2026-11-04T20:00:00Z"}, ["COOL_OFF"]),
        ("2026-11-04T20:00:00Z", {"number": "+14045550100"}, ["COOL_OFF"]),
        ("2026-11-04T20:00:00Z", {"number": "+14045550147"}, []),
        ("2026-11-04T20:00:00Z", {"debt": "D2"}, ["COOL_OFF"]),
        ("2026-11-04T20:00:00Z", {"debt": "D1"}, []),
        ("2026-11-04T20:00:00Z", {"kind": "prerecorded"}, ["COOL_OFF"]),
        ("2026-11-04T20:00:00Z", {"given_at": "2026-11-04T20:00:01Z"}, ["COOL_OFF"]),
        ("2026-11-04T20:00:00Z", {"given_at": "2026-11-03T18:59:59Z"}, ["COOL_OFF"]),
    ],
)
def test_direct_consent_lifts_the_limits_while_it_lasts(
    ask: Ask, now: str, consent: dict[str, Any], codes: list[str]
) -> None:
    found = ask(now=now, **_talk_and_consent(**consent))
    assert found["codes"] == codes
    assert found["counted"] is bool(codes)


def test_direct_consent_ends_with_its_seventh_local_day(ask: Ask) -> None:
    history = [{"at": f"2026-11-0{day}T16:00:00Z", "result": "no_answer"} for day in range(3, 10)]
    consent = [{"kind": "call_frequency", "given_to": "collector", "given_at": "2026-11-03T17:00:00Z"}]
    assert ask(now="2026-11-10T01:30:00Z", history=history, consents=consent)["counted"] is False
    after = ask(now="2026-11-10T15:00:00Z", history=history, consents=consent)
    assert (after["codes"], after["counted"]) == (["FREQUENCY"], True)


def test_a_conversation_under_it_ends_direct_consent(ask: Ask) -> None:
    consent = [{"kind": "call_frequency", "given_to": "collector", "given_at": "2026-11-17T17:00:00Z"}]
    talk = [{"at": "2026-11-18T17:00:00Z", "result": "conversation", "under_consent": True}]
    assert ask(now=NOW, history=talk, consents=consent)["codes"] == ["COOL_OFF"]


def test_an_agreed_call_back_may_come_sooner_than_the_gap(ask: Ask) -> None:
    talk = [{"at": "2026-11-20T14:00:00Z", "result": "conversation"}]
    consent = {"given_to": "collector", "given_at": "2026-11-20T14:05:00Z"}
    assert ask(now=NOW, history=talk, consents=[consent | {"kind": "call_back"}])["codes"] == []
    assert ask(now=NOW, history=talk, consents=[consent | {"kind": "call_frequency"}])["codes"] == ["MIN_GAP"]


# --- own limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["debt_third_party", "debt_first_party"])
@pytest.mark.parametrize(("minutes", "codes"), [(239, ["MIN_GAP"]), (240, [])])
def test_the_gap_is_four_hours_unless_set(ask: Ask, purpose: str, minutes: int, codes: list[str]) -> None:
    last = [{"at": _z(AT - timedelta(minutes=minutes)), "result": "no_answer"}]
    found = ask(now="2026-11-20T15:00:00Z", purpose=purpose, history=last)
    assert found["codes"] == codes
    assert found["retry_at"] == ("2026-11-20T15:01:00Z" if codes else None)
    assert ask(now=NOW, purpose=purpose, history=last, policy={"min_gap_minutes": minutes})["codes"] == []


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ({}, ["MIN_GAP"]),
        ({"number": "+14045550100"}, ["MIN_GAP"]),
        ({"person": "P2"}, ["MIN_GAP"]),
        ({"person": "P2", "number": "+14045550100"}, []),
        ({"result": "busy"}, []),
        ({"result": "sit"}, []),
        ({"result": "failed"}, []),
        ({"direction": "in"}, []),
        ({"channel": "sms", "result": "sent"}, []),
        ({"debts": ["D2"]}, ["MIN_GAP"]),
    ],
)
def test_the_gap_is_to_the_same_number_or_person(ask: Ask, more: dict[str, Any], codes: list[str]) -> None:
    assert ask(now=NOW, history=[{"at": "2026-11-20T14:00:00Z", "result": "no_answer"} | more])["codes"] == codes


@pytest.mark.parametrize(
    ("events", "codes"),
    [
        ([{}, {}], ["DAILY_CAP"]),
        ([{}], []),
        ([{}, {"result": "busy"}], []),
        ([{}, {"debts": ["D2"]}], []),
        ([{}, {"debts": ["D2"]}, {"debts": ["D3"]}], ["DAILY_CAP"]),
        ([{}, {}, {"person": "P2", "number": "+14045550100"}], ["DAILY_CAP"]),
        ([{}, {"at": "2026-11-20T04:59:59Z"}], []),
        ([{}, {"at": "2026-11-20T05:00:00Z"}], ["DAILY_CAP"]),
    ],
)
def test_the_caps_of_a_day_are_two_per_debt_and_three_per_person(
    ask: Ask, events: list[dict[str, Any]], codes: list[str]
) -> None:
    history = [{"at": f"2026-11-20T1{i}:00:00Z", "result": "no_answer"} | more for i, more in enumerate(events)]
    assert ask(now=NOW, history=history, policy={"min_gap_minutes": 0})["codes"] == codes


# --- parties, holds, media -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("cease", "CEASE"),
        ("attorney", "ATTORNEY"),
        ("dispute", "DISPUTE"),
        ("bankruptcy", "BANKRUPTCY"),
        ("deceased", "DECEASED"),
        ("wrong_number", "WRONG_NUMBER"),
        ("litigator", "LITIGATOR"),
        ("refusal", "REFUSAL"),
        ("identity_theft", "IDENTITY_THEFT"),
        ("internal_dnc", "INTERNAL_DNC"),
    ],
)
@pytest.mark.parametrize("purpose", ["debt_third_party", "debt_first_party"])
def test_a_suppression_holds_by_every_key_it_has_and_while_it_lasts(
    ask: Ask, kind: str, code: str, purpose: str
) -> None:
    for keys, hit in (
        ({}, True),
        ({"person": "P1"}, True),
        ({"person": "P2"}, False),
        ({"debt": "D1"}, True),
        ({"debt": "D2"}, False),
        ({"account": "D1"}, True),
        ({"account": "A9"}, False),
        ({"number": "+14045550147"}, True),
        ({"number": "+14045550100"}, False),
        ({"person": "P1", "debt": "D2"}, False),
        ({"since": "2026-11-20T15:00:00Z"}, True),
        ({"since": "2026-11-20T15:00:01Z"}, False),
        ({"until": "2026-11-20T15:00:00Z"}, False),
    ):
        found = ask(now=NOW, purpose=purpose, suppressions=[{"kind": kind, **keys}])
        assert found["codes"] == ([code] if hit else []), keys
        assert found["retry_at"] is None
    ends = ask(now=NOW, purpose=purpose, suppressions=[{"kind": kind, "until": "2026-11-20T15:00:01Z"}])
    assert (ends["codes"], ends["retry_at"]) == ([code], "2026-11-20T15:00:01Z")


def test_a_legal_hold_keeps_records_and_does_not_stop_calls(ask: Ask) -> None:
    assert ask(now=NOW, suppressions=[{"kind": "legal_hold"}])["codes"] == []


def test_the_attorney_may_be_called_and_is_not_counted(ask: Ask) -> None:
    found = ask(now=NOW, person="ATTY", party_role="attorney", suppressions=[{"kind": "attorney", "debt": "D1"}])
    assert (found["codes"], found["counted"]) == ([], False)


def test_a_spouse_is_protected_like_the_consumer(ask: Ask) -> None:
    cease = [{"kind": "cease", "person": "P1", "debt": "D1"}]
    assert ask(now=NOW, person="S1", party_role="spouse", suppressions=cease)["codes"] == ["CEASE"]


def test_a_third_party_is_called_for_location_alone_and_once(ask: Ask) -> None:
    other = {"person": "N1", "party_role": "third_party"}
    assert ask(now=NOW, **other)["codes"] == ["THIRD_PARTY"]
    assert ask(now=NOW, purpose="location_info", **other)["codes"] == []
    for result, codes in (
        ("third_party", ["THIRD_PARTY"]),
        ("no_answer", []),
        ("busy", []),
        ("unknown", ["THIRD_PARTY"]),
    ):
        history = [{"at": "2026-01-20T15:00:00Z", "result": result}]
        assert ask(now=NOW, purpose="location_info", history=history, **other)["codes"] == codes, result
    asked = [{"kind": "call_back", "given_to": "collector", "given_at": "2026-11-19T15:00:00Z"}]
    history = [{"at": "2026-11-18T15:00:00Z", "result": "third_party"}]
    assert ask(now=NOW, purpose="location_info", history=history, consents=asked, **other)["codes"] == []


@pytest.mark.parametrize("medium", ["sms", "email", "letter"])
def test_a_request_about_another_medium_leaves_calls_alone(ask: Ask, medium: str) -> None:
    assert ask(now=NOW, preferences=[{"kind": "no_medium", "medium": medium}])["codes"] == []


def test_no_call_goes_to_work_after_a_request_and_home_is_free(ask: Ask) -> None:
    stated = [{"kind": "no_workplace"}]
    assert ask(now=NOW, number={"e164": "+16785550162", **WORK}, preferences=stated)["codes"] == ["WORKPLACE"]
    assert ask(now=NOW, preferences=stated)["codes"] == []


def test_a_workplace_of_which_nothing_is_known_is_called_once(ask: Ask) -> None:
    work = {"number": {"e164": "+16785550162", **WORK}}
    assert ask(now=NOW, **work)["codes"] == []
    assert ask(now=NOW, history=_spread(1), **work)["codes"] == ["WORKPLACE"]
    assert ask(now=NOW, history=_spread(1, number="+14045550147"), **work)["codes"] == []


# --- recorded voices and reserved agents -----------------------------------------------------------------------------

FIXED = {"number": {"e164": "+14045550147", "line_type": "fixed"}}
MOBILE = {"number": {"e164": "+14045550147", "line_type": "mobile"}}
GRANTED = [{"kind": "prerecorded", "given_to": "creditor", "given_at": "2026-01-10T17:00:00Z"}]


@pytest.mark.parametrize("line_type", ["mobile", "voip", "unknown"])
def test_a_recorded_voice_to_a_wireless_line_needs_consent(ask: Ask, line_type: str) -> None:
    line = {"number": {"e164": "+14045550147", "line_type": line_type}}
    assert ask(now=NOW, voice="prerecorded", **line)["codes"] == ["CONSENT"]
    assert ask(now=NOW, voice="prerecorded", consents=GRANTED, **line)["codes"] == []
    revoked = [GRANTED[0] | {"revoked_at": NOW}]
    assert ask(now=NOW, voice="prerecorded", consents=revoked, **line)["codes"] == ["CONSENT"]
    other = [GRANTED[0] | {"debt": "D2"}]
    assert ask(now=NOW, voice="prerecorded", consents=other, **line)["codes"] == ["CONSENT"]


@pytest.mark.parametrize(("ported", "codes"), [("2026-11-05", []), ("2026-11-04", ["CONSENT"])])
def test_a_number_ported_to_wireless_counts_as_a_landline_for_15_days(ask: Ask, ported: str, codes: list[str]) -> None:
    line = {"number": {"e164": "+14045550147", "line_type": "fixed", "ported_at": ported}}
    assert ask(now=NOW, voice="prerecorded", **line)["codes"] == codes


def _recorded(*days_ago: float, **more: Any) -> list[dict[str, Any]]:
    return [
        {"at": _z(AT - timedelta(days=days)), "result": "machine", "voice": "prerecorded", "debts": ["D7"], **more}
        for days in days_ago
    ]


def test_three_recorded_calls_to_a_landline_in_thirty_days(ask: Ask) -> None:
    for history, codes in (
        (_recorded(5, 10), []),
        (_recorded(5, 10, 29), ["FREQUENCY"]),
        (_recorded(5, 10, 30), []),
        (_recorded(5, 10, 29, number="+14045550100"), []),
        (_recorded(5, 10, 29, voice="live"), []),
        (_recorded(5, 10, 29, result="busy"), []),
        (_recorded(5, 10, 29, voice="live", result="abandoned", message_left=True), ["FREQUENCY"]),
    ):
        assert ask(now=NOW, voice="prerecorded", history=history, **FIXED)["codes"] == codes
    assert ask(now=NOW, voice="prerecorded", history=_recorded(5, 10, 29), consents=GRANTED, **FIXED)["codes"] == []


@pytest.mark.parametrize("mode", ["predictive", "power", "progressive"])
def test_where_the_message_may_not_be_played_an_agent_is_reserved(ask: Ask, mode: str) -> None:
    plays = {"policy": {"abandon_message": True}, "mode": mode}
    assert ask(now=NOW, **plays, **MOBILE)["codes"] == ["RESERVED_AGENT_REQUIRED"]
    assert ask(now=NOW, **plays, consents=GRANTED, **MOBILE)["codes"] == []
    reserved = ask(now=NOW, **plays, agent_guaranteed=True, **MOBILE)
    assert (reserved["codes"], "RESERVED_AGENT_ONLY" in reserved["flags"]) == ([], True)
    assert ask(now=NOW, mode=mode, **MOBILE)["codes"] == []
    landline = ask(now=NOW, **plays, history=_recorded(5, 10, 29), **FIXED)
    assert (landline["codes"], landline["retry_at"]) == (["RESERVED_AGENT_REQUIRED"], "2026-11-21T15:00:00Z")
    assert ask(now=NOW, **plays, history=_recorded(5, 10), **FIXED)["codes"] == []


@pytest.mark.parametrize("mode", ["preview", "manual"])
def test_preview_and_manual_calls_have_their_agent(ask: Ask, mode: str) -> None:
    assert ask(now=NOW, policy={"abandon_message": True}, mode=mode, **MOBILE)["codes"] == []


@pytest.mark.parametrize(
    ("consents", "line", "flagged"), [([], MOBILE, True), (GRANTED, MOBILE, False), ([], FIXED, False)]
)
def test_the_flag_says_where_no_message_may_be_played(
    ask: Ask, consents: list[Any], line: dict[str, Any], flagged: bool
) -> None:
    found = ask(now=NOW, consents=consents, **line)
    assert ("NO_PRERECORDED_FALLBACK" in found["flags"]) is flagged


@pytest.mark.parametrize(
    ("answer", "voice", "codes"),
    [
        ("yes", "live", ["REASSIGNED"]),
        ("no", "live", []),
        ("no_data", "live", []),
        ("no", "prerecorded", []),
        ("no_data", "prerecorded", ["REASSIGNED"]),
    ],
)
def test_a_reassigned_number_is_not_called(ask: Ask, answer: str, voice: str, codes: list[str]) -> None:
    registries = {"rnd": answer, "rnd_checked_at": "2026-11-19T15:00:00Z"}
    found = ask(now=NOW, voice=voice, registries=registries, consents=GRANTED, **MOBILE)
    assert found["codes"] == codes


def test_no_data_gives_no_message_either(ask: Ask) -> None:
    found = ask(now=NOW, registries={"rnd": "no_data"}, consents=GRANTED, **MOBILE)
    assert "NO_PRERECORDED_FALLBACK" in found["flags"]


def test_all_party_states_and_unknown_places_announce_the_recording(ask: Ask) -> None:
    california = ask(now="2026-11-20T18:00:00Z", **_place("90012", "CA", "+12135550147"))
    assert "ANNOUNCE_RECORDING" in california["flags"]
    assert "ANNOUNCE_RECORDING" not in ask(now=NOW)["flags"]
    nowhere = ask(now=NOW, number={"e164": "+18005550147"}, addresses=[])
    assert (nowhere["codes"], "ANNOUNCE_RECORDING" in nowhere["flags"]) == (["NO_LOCATION"], True)


def test_bunched_calls_are_flagged(ask: Ask) -> None:
    near = [{"at": f"2026-11-17T15:0{n}:00Z", "result": "no_answer"} for n in (0, 5)]
    assert "CONCENTRATION" in ask(now=NOW, history=near)["flags"]
    last = [{"at": "2026-11-20T14:55:00Z", "result": "no_answer"}]
    assert "CONCENTRATION" in ask(now=NOW, history=last, policy={"min_gap_minutes": 0})["flags"]
    near[1]["at"] = "2026-11-17T15:05:01Z"
    assert "CONCENTRATION" not in ask(now=NOW, history=near)["flags"]
    four = [{"at": f"2026-11-17T{hour}:00:00Z", "result": "no_answer"} for hour in (14, 16, 18, 20)]
    assert "CONCENTRATION" in ask(now=NOW, history=four)["flags"]
    assert "CONCENTRATION" not in ask(now=NOW, history=four[:3])["flags"]


# --- states ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["debt_third_party", "debt_first_party"])
def test_massachusetts_allows_two_calls_or_texts_in_seven_days(ask: Ask, purpose: str) -> None:
    for history, codes in (
        (_spread(1), []),
        (_spread(2), ["FREQUENCY"]),
        ([*_spread(1), *_spread(1, "sent", channel="sms")], ["FREQUENCY"]),
        ([*_spread(1), *_spread(1, "sent", channel="email")], []),
        (_spread(2, voicemail_service=False), []),
        (_spread(2, "machine", voicemail_service=False), ["FREQUENCY"]),
        (_spread(2, debts=["D2"]), []),
        (_spread(2, "busy"), []),
        (_spread(2, direction="in"), []),
        (_spread(2, number="+16175550100", number_use="work"), []),
        (_spread(2, under_consent=True), ["FREQUENCY"]),
    ):
        assert ask(now=NOW, purpose=purpose, history=history, **MA)["codes"] == codes, history


@pytest.mark.parametrize("purpose", ["debt_third_party", "debt_first_party"])
def test_massachusetts_allows_two_calls_in_thirty_days_at_work(ask: Ask, purpose: str) -> None:
    work = {"addresses": MA["addresses"], "number": {"e164": "+16175550199", **WORK}}
    far = [{"at": _z(AT - timedelta(days=days)), "result": "no_answer"} for days in (10, 29)]
    assert ask(now=NOW, purpose=purpose, history=far, **work)["codes"] == ["FREQUENCY"]
    assert ask(now=NOW, purpose=purpose, history=far[:1], **work)["codes"] == []
    far[1]["at"] = _z(AT - timedelta(days=30))
    assert ask(now=NOW, purpose=purpose, history=far, **work)["codes"] == []


def test_massachusetts_counts_calls_to_the_household(ask: Ask) -> None:
    other = {"purpose": "debt_first_party", "person": "H1", "party_role": "third_party"}
    assert ask(now=NOW, history=_spread(2), **other, **MA)["rules"] == ["US-MA-D3"]
    assert ask(now=NOW, history=_spread(1), **other, **MA)["codes"] == []


def test_washington_presumes_harassment_above_three_in_a_week(ask: Ask) -> None:
    for history, codes in (
        (_spread(2), []),
        (_spread(3), ["FREQUENCY"]),
        ([*_spread(2), *_spread(1, "sent", channel="email")], ["FREQUENCY"]),
        ([*_spread(2), *_spread(1, "sent", channel="letter")], ["FREQUENCY"]),
        (_spread(3, debts=["D2"]), ["FREQUENCY"]),
        ([*_spread(2), *_spread(1, person="S1", party_role="spouse")], ["FREQUENCY"]),
        ([*_spread(2), *_spread(1, direction="in")], []),
        ([*_spread(2), *_spread(1, under_consent=True)], []),
    ):
        assert ask(now="2026-11-20T18:00:00Z", history=history, **WA)["codes"] == codes, history
    assert ask(now="2026-11-20T18:00:00Z", purpose="debt_first_party", history=_spread(3), **WA)["codes"] == []


def test_washington_allows_one_call_a_week_at_work(ask: Ask) -> None:
    work = {"addresses": WA["addresses"], "number": {"e164": "+12065550199", **WORK}}
    assert ask(now="2026-11-20T18:00:00Z", history=_spread(1), **work)["codes"] == ["FREQUENCY"]
    assert ask(now="2026-11-20T18:00:00Z", **work)["codes"] == []


@pytest.mark.parametrize("purpose", ["debt_third_party", "debt_first_party"])
def test_the_district_allows_four_calls_per_account(ask: Ask, purpose: str) -> None:
    for more, n, codes in (
        ({}, 3, []),
        ({}, 4, ["FREQUENCY"]),
        ({"debt_kind": "mortgage"}, 4, []),
        ({"debt_kind": "vehicle"}, 4, []),
        ({"debt_kind": "medical"}, 4, ["FREQUENCY"]),
    ):
        assert ask(now=NOW, purpose=purpose, history=_spread(n), **more, **DC)["codes"] == codes, more
    same_account = _spread(4, debts=["D2"], account="A1")
    assert ask(now=NOW, purpose=purpose, account="A1", history=same_account, **DC)["codes"] == ["FREQUENCY"]
    assert ask(now=NOW, purpose=purpose, account="A2", history=same_account, **DC)["codes"] == []
    assert ask(now=NOW, purpose=purpose, history=_spread(4, under_consent=True), **DC)["codes"] == []


@pytest.mark.parametrize("purpose", ["debt_third_party", "debt_first_party"])
def test_new_york_city_allows_three_contacts_of_any_channel(ask: Ask, purpose: str) -> None:
    mail = _spread(1, "sent", channel="email")
    assert ask(now=NOW, purpose=purpose, history=[*_spread(1), *mail], **NYC)["codes"] == []
    assert ask(now=NOW, purpose=purpose, history=[*_spread(2), *mail], **NYC)["codes"] == ["FREQUENCY"]
    albany = _place("12207", "NY", "+12125550147")
    assert ask(now=NOW, purpose=purpose, history=[*_spread(2), *mail], **albany)["codes"] == []


def test_new_york_city_allowed_two_until_the_end_of_august(ask: Ask) -> None:
    history = [{"at": f"2026-08-{day}T15:00:00Z", "result": "no_answer"} for day in (28, 29)]
    assert ask(now="2026-08-31T15:00:00Z", history=history, **NYC)["codes"] == ["FREQUENCY"]
    assert ask(now="2026-09-01T15:00:00Z", history=history, **NYC)["codes"] == []
    assert ask(now="2026-08-31T15:00:00Z", history=history, **NYC)["retry_at"] == "2026-09-01T12:00:00Z"


@pytest.mark.parametrize("zip_code", ["10001", "10301", "10451", "11201", "11354"])
def test_every_borough_is_new_york_city(ask: Ask, zip_code: str) -> None:
    assert ask(now=NOW, history=_spread(3), **_place(zip_code, "NY", "+12125550147"))["codes"] == ["FREQUENCY"]


def test_the_city_is_known_by_name_too(ask: Ask) -> None:
    address = {"addresses": [{"city": "Brooklyn", "state": "NY"}]}
    assert ask(now=NOW, history=_spread(3), number={"e164": "+17185550147"}, **address)["codes"] == ["FREQUENCY"]


def test_medical_debt_in_nevada_waits_for_60_days_after_notice(ask: Ask) -> None:
    nevada = _place("89101", "NV", "+17025550147") | {"debt_kind": "medical", "now": "2026-11-20T18:00:00Z"}
    for sent, codes in (("2026-09-21T18:00:00Z", []), ("2026-09-22T18:00:00Z", ["COOL_OFF"])):
        history = [{"at": sent, "result": "sent", "channel": "letter"}]
        assert ask(history=history, **nevada)["codes"] == codes
    assert ask(**(nevada | {"debt_kind": "other"}))["codes"] == []


def test_west_virginia_counts_thirty_calls_and_ten_conversations_of_creditors(ask: Ask) -> None:
    virginia = _place("25301", "WV", "+13045550147") | {"purpose": "debt_first_party"}
    often = {"daily_cap_debt": 99, "daily_cap_person": 99}
    for n, result, codes in (
        (30, "no_answer", ["FREQUENCY"]),
        (29, "no_answer", []),
        (10, "conversation", ["FREQUENCY"]),
    ):
        history = [{"at": _z(AT - timedelta(hours=5 + n)), "result": result} for n in range(n)]
        assert ask(now=NOW, history=history, policy=often, **virginia)["codes"] == codes
