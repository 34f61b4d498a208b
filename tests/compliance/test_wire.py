"""The audit row: equal facts give equal bytes, only what differs from the plain call is written, replay is exact."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

import compliance
from compliance import wire
from compliance.facts import (
    Address,
    CalledNumber,
    CallFacts,
    CampaignPolicy,
    Channel,
    Consent,
    ConsentKind,
    GivenTo,
    HistoryEvent,
    LineType,
    Preference,
    PreferenceKind,
    Purpose,
    Registries,
    Result,
)
from domain.mode import Mode

pytestmark = pytest.mark.unit

NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)
PLAIN = CallFacts(now=NOON, purpose=Purpose.DEBT_THIRD_PARTY, number=CalledNumber("+14045550147"), id="X")
FULL = replace(
    PLAIN,
    number=CalledNumber("+14045550147", LineType.FIXED, ported_at=date(2026, 11, 1)),
    also=frozenset({Purpose.TELEMARKETING, Purpose.INFORMATIONAL}),
    mode=Mode.PREVIEW,
    agent_guaranteed=True,
    addresses=(Address(zip="30303", state="GA"), Address(city="Zürich", country="CH")),
    history=(HistoryEvent(NOON - timedelta(days=1), Result.SENT, debts=("D1", "D2"), channel=Channel.SMS),),
    consents=(Consent(ConsentKind.SMS, GivenTo.CREDITOR, NOON, revoked_at=NOON + timedelta(days=1)),),
    preferences=(Preference(PreferenceKind.INCONVENIENT_TIME, frozenset({6, 0, 4}), 60, 120),),
    registries=Registries(date(2026, 11, 2)),
    policy=CampaignPolicy(min_gap_minutes=0, abandon_message=True),
)

PLAIN_ROW = '{"id":"X","now":"2026-11-20T17:00:00+00:00","number":{"e164":"+14045550147"},"purpose":"debt_third_party"}'


@pytest.mark.parametrize(
    "row",
    [
        "",
        "[]",
        "null",
        "3",
        '"x"',
        PLAIN_ROW.replace('"+14045550147"', "14045550147"),
        PLAIN_ROW.replace('"X"', "3"),
        PLAIN_ROW.replace('"X"', "[]"),
        PLAIN_ROW.replace("debt_third_party", "debt"),
        PLAIN_ROW.replace("2026-11-20T17", "2026-11-20T27"),
        PLAIN_ROW.replace('"id"', '"colour"'),
        PLAIN_ROW.replace('"purpose":"debt_third_party"', '"voice":"live"'),
        PLAIN_ROW.replace('"id":"X"', '"history":3'),
        PLAIN_ROW.replace('"id":"X"', '"abandonment_brake":"yes"'),
        PLAIN_ROW.replace('"id":"X"', '"policy":{"daily_cap_debt":"2"}'),
    ],
)
def test_a_text_that_is_no_row_is_refused(row: str) -> None:
    with pytest.raises(wire.WireError, match="not an audit row of CallFacts"):
        wire.facts_from_json(row)


def test_a_row_of_facts_is_none_of_a_decision(policy: compliance.Policy) -> None:
    with pytest.raises(wire.WireError, match="not an audit row of Decision"):
        wire.decision_from_json(wire.facts_json(PLAIN))
    with pytest.raises(wire.WireError, match="not an audit row of CallFacts"):
        wire.facts_from_json(wire.decision_json(compliance.decide(PLAIN, policy)))


def test_only_what_differs_from_the_plain_call_is_written_in_a_fixed_order() -> None:
    assert wire.facts_json(PLAIN) == PLAIN_ROW
    assert wire.facts_digest(PLAIN) == hashlib.sha256(PLAIN_ROW.encode()).hexdigest()


def test_every_kind_of_value_has_its_form() -> None:
    assert wire.facts_json(FULL) == (
        '{"addresses":[{"state":"GA","zip":"30303"},{"city":"Zürich","country":"CH"}],"agent_guaranteed":true,'
        '"also":["informational","telemarketing"],'
        '"consents":[{"given_at":"2026-11-20T17:00:00+00:00","given_to":"creditor","kind":"sms",'
        '"revoked_at":"2026-11-21T17:00:00+00:00"}],'
        '"history":[{"at":"2026-11-19T17:00:00+00:00","channel":"sms","debts":["D1","D2"],"result":"sent"}],"id":"X",'
        '"mode":"preview","now":"2026-11-20T17:00:00+00:00",'
        '"number":{"e164":"+14045550147","line_type":"fixed","ported_at":"2026-11-01"},'
        '"policy":{"abandon_message":true,"min_gap_minutes":0},'
        '"preferences":[{"end":120,"kind":"inconvenient_time","start":60,"weekdays":[0,4,6]}],'
        '"purpose":"debt_third_party","registries":{"national_dnc_file_date":"2026-11-02"}}'
    )


def test_an_instant_is_written_in_universal_time() -> None:
    there = replace(PLAIN, now=NOON.astimezone(timezone(timedelta(hours=-5))))
    assert wire.facts_json(there) == PLAIN_ROW


@pytest.mark.parametrize("facts", [PLAIN, FULL])
def test_a_row_read_again_is_the_same_facts_and_decision(facts: CallFacts, policy: compliance.Policy) -> None:
    again = wire.facts_from_json(wire.facts_json(facts))
    assert again == facts
    decision = compliance.decide(again, policy)
    assert wire.decision_from_json(wire.decision_json(decision)) == decision
