"""Malformed facts: each is refused by line and field, nothing is guessed, and the other lines are answered."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

import compliance
from compliance.cases import answer, answer_json, answers, read_case
from compliance.facts import FactsError

pytestmark = pytest.mark.unit

GOOD: dict[str, Any] = {
    "id": "G",
    "now": "2026-11-20T15:00:00Z",
    "purpose": "debt_third_party",
    "number": {"e164": "+14045550147"},
    "addresses": [{"zip": "30303", "state": "GA"}],
}


def _with(**changes: Any) -> str:
    return json.dumps({key: value for key, value in (GOOD | changes).items() if value != "ABSENT"})


AT = "2026-11-10T15:00:00Z"
FIELDS = [
    (_with(id="ABSENT"), "id"),
    (_with(id=7), "id"),
    (_with(id=""), "id"),
    (_with(id=None), "id"),
    (_with(now="ABSENT"), "now"),
    (_with(now="2026-11-20T15:00:00"), "now"),
    (_with(now="2026-11-20 15:00"), "now"),
    (_with(now="2026-11-20"), "now"),
    (_with(now="2026-02-30T15:00:00Z"), "now"),
    (_with(now="2026-11-20T24:00:01Z"), "now"),
    (_with(now="2026-11-20T15:00:00+25:00"), "now"),
    (_with(now="9999-12-31T23:59:59-12:00"), "now"),
    (_with(now="0001-01-01T00:00:00+12:00"), "now"),
    (_with(now="tomorrow"), "now"),
    (_with(now=1763650800), "now"),
    (_with(now=None), "now"),
    (_with(purpose="ABSENT"), "purpose"),
    (_with(purpose="debt"), "purpose"),
    (_with(purpose=["debt_third_party"]), "purpose"),
    (_with(number="ABSENT"), "number"),
    (_with(number="+14045550147"), "number"),
    (_with(number={}), "number.e164"),
    (_with(number={"e164": "4045550147"}), "number.e164"),
    (_with(number={"e164": "+1 404 555 0147"}), "number.e164"),
    (_with(number={"e164": "+1404555O147"}), "number.e164"),
    (_with(number={"e164": "+١٤٠٤٥٥٥٠١٤٧"}), "number.e164"),
    (_with(number={"e164": "+14045550147\n"}), "number.e164"),
    (_with(number={"e164": "+14045550147", "line_type": "cell"}), "number.line_type"),
    (_with(number={"e164": "+14045550147", "use": "gym"}), "number.use"),
    (_with(number={"e164": "+14045550147", "ported_at": "2026-11-20T15:00:00Z"}), "number.ported_at"),
    (_with(number={"e164": "+14045550147", "ported_at": "2026-13-01"}), "number.ported_at"),
    (_with(number={"e164": "+14045550147", "carrier": "X"}), "number.carrier"),
    (_with(colour="red"), "colour"),
    (_with(mode="robot"), "mode"),
    (_with(voice="ai"), "voice"),
    (_with(agent_guaranteed="yes"), "agent_guaranteed"),
    (_with(agent_guaranteed=1), "agent_guaranteed"),
    (_with(campaign_country="USA"), "campaign_country"),
    (_with(campaign_country="us"), "campaign_country"),
    (_with(person=5), "person"),
    (_with(debt_kind="gambling"), "debt_kind"),
    (_with(party_role="neighbour"), "party_role"),
    (_with(addresses={}), "addresses"),
    (_with(addresses=["GA"]), "addresses[0]"),
    (_with(addresses=[{"zip": "30303"}, {"zip": "3030"}]), "addresses[1].zip"),
    (_with(addresses=[{"zip": 30303}]), "addresses[0].zip"),
    (_with(addresses=[{"state": "Georgia"}]), "addresses[0].state"),
    (_with(addresses=[{"state": "ga"}]), "addresses[0].state"),
    (_with(addresses=[{"state": "ON"}]), "addresses[0].state"),
    (_with(addresses=[{"state": "GA", "country": "CA"}]), "addresses[0].state"),
    (_with(addresses=[{"zip": "30303", "country": "CA"}]), "addresses[0].zip"),
    (_with(addresses=[{"country": "Canada"}]), "addresses[0].country"),
    (_with(addresses=[{"tz": "EST5"}]), "addresses[0].tz"),
    (_with(addresses=[{"tz": "America/Atlanta"}]), "addresses[0].tz"),
    (_with(addresses=[{"tz": "../etc/passwd"}]), "addresses[0].tz"),
    (_with(addresses=[{"street": "1 Main"}]), "addresses[0].street"),
    (_with(stated_locations=[{"city": "Denver"}]), "stated_locations[0].city"),
    (_with(stated_locations=[{"tz": "America/Denver", "until": "2026-12-01T00:00:00"}]), "stated_locations[0].until"),
    (_with(history={}), "history"),
    (_with(history=[{"result": "busy"}]), "history[0].at"),
    (_with(history=[{"at": AT}]), "history[0].result"),
    (_with(history=[{"at": AT, "result": "busy"}, {"at": AT, "result": "voicemail"}]), "history[1].result"),
    (_with(history=[{"at": "2026-11-10T15:00:00", "result": "busy"}]), "history[0].at"),
    (_with(history=[{"at": AT, "result": "busy", "direction": "both"}]), "history[0].direction"),
    (_with(history=[{"at": AT, "result": "busy", "channel": "fax"}]), "history[0].channel"),
    (_with(history=[{"at": AT, "result": "busy", "debts": "D1"}]), "history[0].debts"),
    (_with(history=[{"at": AT, "result": "busy", "debts": [1]}]), "history[0].debts[0]"),
    (_with(history=[{"at": AT, "result": "busy", "message_left": "no"}]), "history[0].message_left"),
    (_with(history=[{"at": AT, "result": "busy", "number": "404"}]), "history[0].number"),
    (_with(history=[{"at": AT, "result": "busy", "note": "x"}]), "history[0].note"),
    (_with(consents=[{"kind": "verbal", "given_to": "creditor", "given_at": AT}]), "consents[0].kind"),
    (_with(consents=[{"kind": "sms", "given_to": "bank", "given_at": AT}]), "consents[0].given_to"),
    (_with(consents=[{"kind": "sms", "given_to": "creditor"}]), "consents[0].given_at"),
    (_with(suppressions=[{"kind": "vip"}]), "suppressions[0].kind"),
    (_with(suppressions=[{}]), "suppressions[0].kind"),
    (_with(suppressions=[{"kind": "cease", "since": "2026-11-10"}]), "suppressions[0].since"),
    (_with(preferences=[{"kind": "inconvenient_time", "days": ["monday"]}]), "preferences[0].days[0]"),
    (_with(preferences=[{"kind": "inconvenient_time", "from": "25:00", "to": "26:00"}]), "preferences[0].from"),
    (_with(preferences=[{"kind": "inconvenient_time", "from": "5pm", "to": "19:00"}]), "preferences[0].from"),
    (_with(preferences=[{"kind": "inconvenient_time", "from": "17:00", "to": "24:01"}]), "preferences[0].to"),
    (_with(preferences=[{"kind": "inconvenient_time", "from": "17:00", "to": "17:00"}]), "preferences[0].to"),
    (_with(preferences=[{"kind": "no_medium", "medium": "pigeon"}]), "preferences[0].medium"),
    (_with(preferences=[{"kind": "no_medium"}]), "preferences[0].medium"),
    (_with(preferences=[{"kind": "no_workplace", "medium": "call"}]), "preferences[0].medium"),
    (_with(registries={"rnd": "maybe"}), "registries.rnd"),
    (_with(registries={"national_dnc_file_date": "20261101"}), "registries.national_dnc_file_date"),
    (_with(registries={"rnd_checked_at": "2026-11-01T00:00:00"}), "registries.rnd_checked_at"),
    (_with(relationship={"since": AT}), "relationship.since"),
    (_with(emergencies=[{"from": AT}]), "emergencies[0].state"),
    (_with(emergencies=[{"state": "LA", "starts_at": AT}]), "emergencies[0].starts_at"),
    (_with(policy={"min_gap_minutes": -1}), "policy.min_gap_minutes"),
    (_with(policy={"min_gap_minutes": 1.5}), "policy.min_gap_minutes"),
    (_with(policy={"min_gap_minutes": True}), "policy.min_gap_minutes"),
    (_with(policy={"max_per_week": 9}), "policy.max_per_week"),
    ('{"id": "G", "id": "H"}', "id"),
    ('{"id": "G", "now": NaN}', "line"),
    ("", "line"),
    ("not json", "line"),
    ("[]", "line"),
    ('"G"', "line"),
    ("null", "line"),
    ('{"id": "G"', "line"),
    ("[" * 100_000, "line"),
    ('{"id": "G", "now": ' + "1" * 5000 + "}", "line"),
]


@pytest.mark.parametrize(("line", "field"), FIELDS, ids=[f"{n}-{field}" for n, (_, field) in enumerate(FIELDS)])
def test_a_bad_line_is_refused_by_line_and_field(line: str, field: str, policy: compliance.Policy) -> None:
    decision = answer(read_case(line, 12), policy)
    assert decision.outcome == "block"
    assert [reason.code for reason in decision.reasons] == ["BAD_INPUT"]
    assert decision.reasons[0].detail.startswith(f"line 12: {field}: ")
    assert decision.retry_at is None


def test_bytes_that_are_no_utf8_are_refused(policy: compliance.Policy) -> None:
    decision = answer(read_case(b'{"id": "\xff"}', 3), policy)
    assert decision.reasons[0].detail == "line 3: line: UTF-8 text is expected"


def test_the_id_is_echoed_where_it_can_be_read(policy: compliance.Policy) -> None:
    assert answer(read_case(_with(colour="red"), 1), policy).id == "G"
    assert answer(read_case(_with(id=7), 1), policy).id is None
    assert answer(read_case("not json", 1), policy).id is None


def test_the_other_lines_are_still_answered_in_order(policy: compliance.Policy) -> None:
    found = list(answers([_with(id="A"), "", _with(id="B", colour="red"), _with(id="C")], policy))
    assert [decision.id for decision in found] == ["A", None, "B", "C"]
    assert [decision.outcome for decision in found] == ["allow", "block", "block", "allow"]
    assert found[2].reasons[0].detail.startswith("line 3: colour:")


@pytest.mark.parametrize("now", ["2026-11-20t15:00:00z", "2026-11-20T15:00:00.123456Z", "2026-11-20T10:00:00-05:00"])
def test_every_form_of_an_instant_is_understood(now: str, policy: compliance.Policy) -> None:
    assert answer(read_case(_with(now=now), 1), policy).allowed


def test_absent_values_of_a_contact_are_those_of_the_call() -> None:
    case = read_case(
        _with(
            person="P1",
            debt="D1",
            account="A1",
            creditor="C1",
            party_role="spouse",
            number={"e164": "+14045550147", "use": "work"},
            history=[
                {"at": AT, "result": "busy"},
                {"at": AT, "result": "busy", "person": "P2", "debts": ["D2", "D3"], "number": "+14045550100"},
                {"at": AT, "result": "busy", "debts": ["D1", "D2"]},
                {"at": AT, "result": "busy", "debts": ["D2"], "account": "A9"},
            ],
        ),
        1,
    )
    assert isinstance(case, compliance.CallFacts)
    one, two, three, four = case.history
    assert (one.person, one.debts, one.accounts, one.number, one.creditor) == (
        "P1",
        ("D1",),
        ("A1",),
        "+14045550147",
        "C1",
    )
    assert (one.party_role, one.number_use, one.voicemail_service) == ("spouse", "work", True)
    assert (two.party_role, two.number_use, two.accounts) == ("consumer", "home", ("D2", "D3"))
    assert (three.accounts, four.accounts) == (("A1",), ("A9",))


def test_the_account_is_the_debt_where_none_is_given() -> None:
    case = read_case(_with(debt="D1"), 1)
    assert isinstance(case, compliance.CallFacts)
    assert case.account == "D1"


def _case(**changes: Any) -> compliance.CallFacts:
    case = read_case(_with(**changes), 1)
    assert isinstance(case, compliance.CallFacts)
    return case


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"now": "1899-12-31T23:59:59Z"}, "now"),
        ({"now": "2201-01-01T00:00:00Z"}, "now"),
        ({"registries": {"national_dnc_file_date": "1899-12-31"}}, "registries.national_dnc_file_date"),
        ({"registries": {"national_dnc_file_date": "2201-01-01"}}, "registries.national_dnc_file_date"),
        ({"policy": {"min_gap_minutes": 10_000_001}}, "policy.min_gap_minutes"),
        ({"preferences": [{"kind": "inconvenient_time", "from": "24:00", "to": "08:00"}]}, "preferences[0].to"),
    ],
)
def test_what_lies_beyond_any_campaign_is_refused(
    changes: dict[str, Any], field: str, policy: compliance.Policy
) -> None:
    decision = answer(read_case(_with(**changes), 1), policy)
    assert decision.reasons[0].detail.startswith(f"line 1: {field}: ")


@pytest.mark.parametrize(
    "changes",
    [
        {"now": "1900-01-01T00:00:00Z"},
        {"now": "2200-12-31T23:59:59Z"},
        {"registries": {"national_dnc_file_date": "1900-01-01"}},
        {"registries": {"national_dnc_file_date": "2200-12-31"}},
        {"policy": {"min_gap_minutes": 10_000_000}},
        {"preferences": [{"kind": "inconvenient_time", "from": "23:59", "to": "24:00"}]},
    ],
)
def test_the_last_value_of_each_range_is_read(changes: dict[str, Any]) -> None:
    assert _case(**changes).id == "G"


def test_a_stated_time_is_read_in_minutes_and_is_the_whole_day_where_none_is_given() -> None:
    evening, every = _case(
        preferences=[
            {"kind": "inconvenient_time", "days": ["fri", "mon"], "from": "17:35", "to": "19:05"},
            {"kind": "inconvenient_time"},
        ]
    ).preferences
    assert (evening.start, evening.end, evening.weekdays) == (17 * 60 + 35, 19 * 60 + 5, {0, 4})
    assert (every.start, every.end, every.weekdays) == (0, 24 * 60, frozenset())


def test_a_contact_of_a_call_without_a_debt_is_about_none_and_relied_on_no_consent() -> None:
    (event,) = _case(history=[{"at": AT, "result": "busy"}]).history
    assert (event.debts, event.accounts) == ((), ())
    assert (event.under_consent, event.message_left, event.voicemail_service) == (False, False, True)


def test_the_field_that_is_given_twice_is_named(policy: compliance.Policy) -> None:
    twice = '{"id": "G", "person": "P1", "now": "x", "person": "P2"}'
    assert answer(read_case(twice, 4), policy).reasons[0].detail == "line 4: person: the field is given twice"


def test_a_refused_line_counts_for_nothing(policy: compliance.Policy) -> None:
    decision = answer(read_case("", 1), policy)
    assert (decision.counted, decision.under_consent, decision.flags, decision.policy) == (
        False,
        False,
        (),
        policy.name_for("*"),
    )


def test_facts_at_an_instant_without_an_offset_are_refused() -> None:
    with pytest.raises(FactsError, match="now: an instant with an offset"):
        replace(_case(), now=datetime(2026, 11, 20, 15))  # noqa: DTZ001


def test_the_answer_line_says_all_of_the_decision(policy: compliance.Policy) -> None:
    decision = answer(read_case(_with(now="2026-11-20T05:00:00.25Z"), 1), policy)
    shown = json.loads(answer_json(decision))
    assert shown["retry_at"] == "2026-11-20T13:00:00Z"
    assert (shown["id"], shown["outcome"], shown["counted"]) == ("G", "block", True)
    assert [reason["code"] for reason in shown["reasons"]] == ["CALL_WINDOW"]
    assert (shown["policy"], shown["tzdata"]) == (policy.name_for("US"), policy.tzdata)
