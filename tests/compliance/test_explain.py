"""Sentences for officers: every rule that was asked, what it found, and what follows from all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

import compliance
from compliance.explain import conclusion, explain
from compliance.facts import (
    Address,
    CalledNumber,
    CallFacts,
    Consent,
    ConsentKind,
    GivenTo,
    HistoryEvent,
    LineType,
    Purpose,
    Reassigned,
    Registries,
    Result,
    Voice,
)
from domain.mode import Mode

pytestmark = pytest.mark.unit

NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)
DEBT = CallFacts(
    now=NOON,
    purpose=Purpose.DEBT_THIRD_PARTY,
    number=CalledNumber("+14045550147", LineType.FIXED),
    id="X",
    person="P1",
    debt="D1",
    addresses=(Address(zip="30303", state="GA"),),
)
SALE = replace(
    DEBT,
    purpose=Purpose.TELEMARKETING,
    mode=Mode.MANUAL,
    registries=Registries(date(2026, 11, 10), Reassigned.NO),
)


def event(days_ago: int, debt: str = "D1") -> HistoryEvent:
    return HistoryEvent(NOON - timedelta(days=days_ago), Result.NO_ANSWER, "P1", (debt,), (debt,), "+14045550147")


def sentences(facts: CallFacts, policy: compliance.Policy) -> dict[str, str]:
    return {sentence.rule: sentence.text for sentence in explain(facts, policy)}


CALLED = replace(DEBT, history=(event(1), event(2), event(3, "D2")))
RECORDED = replace(
    DEBT,
    number=CalledNumber("+14045550147", LineType.MOBILE),
    voice=Voice.PRERECORDED,
    consents=(Consent(ConsentKind.PRERECORDED, GivenTo.COLLECTOR, NOON - timedelta(days=1)),),
)


@pytest.mark.parametrize(
    ("facts", "rule", "found"),
    [
        (DEBT, "BASE-NUMBER", "the number is geographic"),
        (DEBT, "BASE-COUNTRY", "the number belongs to the campaign's country, US"),
        (DEBT, "US-FCC-11", "nothing of the kind is on record for this call"),
        (DEBT, "US-FCC-14", "the database answered nothing, it was not asked"),
        (SALE, "US-FCC-14", "the database answered no"),
        (SALE, "US-FCC-12F", "the file is of 2026-11-10"),
        (RECORDED, "US-FCC-02", "a consent in force covers the call"),
        (
            DEBT,
            "BASE-LOCATION",
            "known places: America/New_York (address 30303), America/New_York (area code 404)",
        ),
        (DEBT, "US-FDC-01", "Fri 12:00 in America/New_York (address 30303), hours 08:00-21:00"),
        (DEBT, "US-FDC-10", "0 in 7 days by date and 0 in 168 hours, the limit is 7"),
        (
            CALLED,
            "US-FDC-10",
            "2 in 7 days by date and 2 in 168 hours, the limit is 7, 1 other contacts do not count",
        ),
        (DEBT, "US-FDC-14G", "no call within the last 240 minutes"),
        (DEBT, "US-FDC-14D", "today's calls are below the campaign's cap"),
        (DEBT, "US-FDC-07", "nothing in the facts speaks against the call"),
    ],
)
def test_a_rule_that_permits_says_what_it_found(
    policy: compliance.Policy, facts: CallFacts, rule: str, found: str
) -> None:
    assert sentences(facts, policy)[rule].endswith(f" Permits: {found}.")


def test_a_rule_that_blocks_says_why(policy: compliance.Policy) -> None:
    night = replace(DEBT, now=datetime(2026, 11, 20, 11, tzinfo=UTC))
    found = sentences(night, policy)["US-FDC-01"]
    assert found.endswith(
        " Blocks: Fri 06:00 in America/New_York (address 30303); hours 08:00-21:00; opens Fri 20 Nov 08:00."
    )


def test_the_hours_of_every_place_are_told(policy: compliance.Policy) -> None:
    both = replace(DEBT, addresses=(*DEBT.addresses, Address(tz="America/Denver")))
    found = sentences(both, policy)["US-FDC-01"]
    assert "12:00 in America/New_York (address 30303), hours 08:00-21:00; " in found
    assert found.endswith("10:00 in America/Denver (address America/Denver), hours 08:00-21:00.")


def test_what_follows_names_the_versions_and_what_to_heed_or_wait_for(policy: compliance.Policy) -> None:
    versions = f"(rules {policy.name_for('US')}, time-zone data {policy.tzdata})"
    assert conclusion(DEBT, policy) == f"The call may be placed {versions}."
    bunched = replace(DEBT, policy=replace(DEBT.policy, min_gap_minutes=0), history=(event(0),))
    assert conclusion(bunched, policy) == f"The call may be placed {versions}. Heed: CONCENTRATION."
    night = replace(DEBT, now=datetime(2026, 11, 20, 11, tzinfo=UTC))
    assert conclusion(night, policy) == (
        f"The call must not be placed {versions}; by these facts alone it may be placed from 2026-11-20 13:00:00 UTC."
    )
    nowhere = replace(DEBT, number=CalledNumber("+18005550147"), addresses=())
    assert conclusion(nowhere, policy) == (
        f"The call must not be placed {versions}; only a person or a new fact can lift this."
    )
