"""What a change of rules does: which rules differ, which calls are answered otherwise, what a list meets beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import compliance
from compliance.batch import decide_each, signature
from compliance.diff import RuleChange, changes, preflight, rule_changes
from compliance.facts import Address, CalledNumber, CallFacts, Purpose, Suppression, SuppressionKind

pytestmark = pytest.mark.unit

Bare = Callable[[str], compliance.Policy]

NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)
CALL = CallFacts(
    now=NOON,
    purpose=Purpose.DEBT_THIRD_PARTY,
    number=CalledNumber("+18005550147"),
    id="X",
    addresses=(Address(tz="America/New_York"),),
)
CEASED = replace(CALL, suppressions=(Suppression(SuppressionKind.CEASE),))

OFFICE = 'kind = "window"\nhours = { all = "08:00-18:00" }'
SHORT = 'kind = "window"\nhours = { all = "13:00-18:00" }'
LATE = 'kind = "window"\nhours = { all = "14:00-18:00" }'
NO_CEASE = 'kind = "suppression"\nsuppression = "cease"'


# --- rules -----------------------------------------------------------------------------------------------------------


def test_a_rule_that_came_went_or_changed_is_named(bare: Bare, policy: compliance.Policy) -> None:
    office, short = bare(OFFICE), bare(SHORT)
    base = compliance.Policy(office.packs[:1], policy.places, policy.holidays, policy.tzdata)
    assert rule_changes(base, office) == (RuleChange("R", "new"),)
    assert rule_changes(office, base) == (RuleChange("R", "gone"),)
    assert rule_changes(office, short) == (RuleChange("R", "changed: params"),)
    assert rule_changes(office, bare(f'{OFFICE}\nstates = ["NY"]')) == (RuleChange("R", "changed: states"),)
    assert rule_changes(office, bare(OFFICE)) == ()


# --- calls -----------------------------------------------------------------------------------------------------------


def test_a_call_that_is_answered_otherwise_says_how(bare: Bare) -> None:
    def told(facts: CallFacts, old: str, new: str) -> list[str]:
        return [change.what for change in changes([facts], bare(old), bare(new))]

    assert told(CALL, OFFICE, SHORT) == ["allow -> block"]
    assert told(CALL, SHORT, OFFICE) == ["block -> allow"]
    assert told(CALL, SHORT, LATE) == ["still block, other time or flags"]
    assert told(CALL, OFFICE, OFFICE) == []
    assert told(CEASED, SHORT, NO_CEASE) == ["still block, other time or flags"]  # both rules are called R


def test_a_call_that_another_rule_blocks_says_so(policy: compliance.Policy, bare: Bare) -> None:
    night = replace(CALL, now=datetime(2026, 11, 20, 11, tzinfo=UTC))
    assert [change.what for change in changes([night], policy, bare(OFFICE))] == ["still block, other reasons"]


# --- lists -----------------------------------------------------------------------------------------------------------


def test_a_list_is_counted_by_first_rule_by_every_rule_and_by_hour(policy: compliance.Policy) -> None:
    night = replace(CALL, now=datetime(2026, 11, 20, 11, tzinfo=UTC))
    east = replace(night, addresses=(Address(tz="America/St_Johns"),))  # opens at 11:30 UTC
    litigator = Suppression(SuppressionKind.LITIGATOR)
    calls = [CALL, CEASED, replace(CEASED, now=night.now), night, east, replace(CALL, suppressions=(litigator,))]
    found = preflight(calls, policy)
    assert (found.callable_now, found.held) == (1, 3)
    assert found.by_rule == (("US-FDC-01", 2), ("US-FDC-06", 2), ("BASE-LITIGATOR", 1))
    assert found.touched == (("US-FDC-01", 3), ("US-FDC-06", 2), ("BASE-LITIGATOR", 1))
    hour = datetime(2026, 11, 20, 11, tzinfo=UTC)
    assert found.next_callable == ((hour, 1), (hour + timedelta(hours=2), 1))


# --- batches ---------------------------------------------------------------------------------------------------------


def test_calls_within_an_area_share_a_decision_until_somebody_is_named(policy: compliance.Policy) -> None:
    other = replace(CALL, number=CalledNumber("+18005550148"), id="Y", person="P2")
    assert signature(CALL, policy) == signature(other, policy)
    assert signature(CEASED, policy) != signature(replace(other, suppressions=CEASED.suppressions), policy)


def test_two_numbers_of_one_foreign_place_may_differ_in_class(policy: compliance.Policy) -> None:
    abroad = replace(CALL, campaign_country="FR", addresses=(Address(country="FR", tz="Europe/Paris"),))
    calls = [replace(abroad, number=CalledNumber(e164)) for e164 in ("+33199001234", "+331990012345678")]
    found = [[reason.code for reason in decision.reasons] for _, decision in decide_each(calls, policy)]
    assert found == [[reason.code for reason in compliance.decide(facts, policy).reasons] for facts in calls]
    assert ["NUMBER_CLASS" in codes for codes in found] == [False, True]
