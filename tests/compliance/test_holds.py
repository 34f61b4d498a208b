"""What keeps a whole campaign from dialing: no rules, expired rules, a stale registry; each also blocks every call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

import compliance
from compliance.facts import Address, CalledNumber, CallFacts, Purpose, Registries
from compliance.holds import holds

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 20)
DEBT, TM = Purpose.DEBT_THIRD_PARTY, Purpose.TELEMARKETING


def expiring(policy: compliance.Policy, last: date) -> compliance.Policy:
    packs = [replace(pack, expires=last) if pack.country == "US" else pack for pack in policy.packs]
    return compliance.Policy(packs, policy.places, policy.holidays, policy.tzdata)


def test_a_country_without_rules_holds_all_of_a_campaign(policy: compliance.Policy) -> None:
    assert holds(policy, "JP", DEBT, None, TODAY) == ("there are no rules for JP: nothing is dialed there",)


@pytest.mark.parametrize(("last", "held"), [(TODAY, False), (TODAY - timedelta(days=1), True)])
def test_rules_hold_from_the_day_after_their_last(policy: compliance.Policy, last: date, held: bool) -> None:
    found = holds(expiring(policy, last), "US", DEBT, None, TODAY)
    assert found == ((f"the rules of US (2026.11) expired on {last}; load newer ones",) if held else ())
    assert holds(expiring(policy, last), "CA", DEBT, None, TODAY) == ()


@pytest.mark.parametrize(
    ("file_date", "words"),
    [(None, "is not known"), (TODAY - timedelta(days=32), "is 32 days old"), (TODAY - timedelta(days=31), None)],
)
@pytest.mark.parametrize("country", ["US", "CA", "GB", "AU", "IT"])
def test_a_stale_registry_holds_solicitation(
    policy: compliance.Policy, country: str, file_date: date | None, words: str | None
) -> None:
    found = holds(policy, country, TM, file_date, TODAY)
    assert len(found) == (words is not None)
    assert all(str(words) in sentence for sentence in found)
    assert holds(policy, country, DEBT, file_date, TODAY) == ()


@pytest.mark.parametrize("days", [30, 31, 32, 33])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_what_is_held_is_blocked_call_by_call_too(policy: compliance.Policy, purpose: Purpose, days: int) -> None:
    file_date = TODAY - timedelta(days=days)
    facts = CallFacts(
        now=datetime.combine(TODAY, time(17), UTC),
        purpose=purpose,
        number=CalledNumber("+14045550147"),
        addresses=(Address(zip="30303", state="GA"),),
        registries=Registries(file_date),
    )
    held = bool(holds(policy, "US", purpose, file_date, TODAY))
    codes = {reason.code for reason in compliance.decide(facts, policy).reasons}
    assert held is ("REGISTRY_STALE" in codes)
