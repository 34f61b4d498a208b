"""Everything the store knows about a person reaches the gate, in the gate's own words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts import journal, permissions, suppression
from accounts.journal import Contact
from accounts.records import AddressRecord, PhoneRecord
from compliance import facts as law
from domain.mode import Mode
from domain.outcomes import Outcome
from domain.phone import PhoneNumber

from .conftest import NOON, Answer, Floor

pytestmark = pytest.mark.store


def facts(floor: Floor) -> law.CallFacts:
    (held,) = floor.claims(1)
    seen: list[law.CallFacts] = []

    def look(found: law.CallFacts) -> Answer:
        seen.append(found)
        return Answer(allowed=False, retry_at=floor.now)

    floor.reserve(held, look)
    return seen[0]


def test_a_new_account_has_its_own_facts_and_no_history(floor: Floor) -> None:
    phone = PhoneRecord(PhoneNumber("+12125560001"), "mobile", "work", "10001")
    stored = floor.account(1, phones=(phone,), address=AddressRecord("10001", "NY", "New York"), kind="medical")
    found = facts(floor)
    assert found == law.CallFacts(
        now=NOON,
        purpose=law.Purpose.DEBT_THIRD_PARTY,
        number=law.CalledNumber("+12125560001", law.LineType.MOBILE, law.NumberUse.WORK, "10001"),
        id=found.id,
        mode=Mode.PROGRESSIVE,
        agent_guaranteed=False,
        campaign=str(floor.campaign),
        creditor="Acme",
        person=str(stored.person),
        debt=str(stored.debt),
        debt_kind=law.DebtKind.MEDICAL,
        addresses=(law.Address("10001", "NY", "New York"),),
        policy=law.CampaignPolicy(close_guard_seconds=55),
    )


def test_what_a_person_allows_and_asks_for_is_told(floor: Floor) -> None:
    person = floor.account(1).person
    consent = law.Consent(law.ConsentKind.HOURS, law.GivenTo.COLLECTOR, NOON, number="+12125560001")
    wish = law.Preference(law.PreferenceKind.INCONVENIENT_TIME, frozenset({0, 6}), 540, 600)
    place = law.StatedLocation("90012", "CA", until=NOON + timedelta(days=9))
    row = floor.store.write(permissions.give_consent, person, consent)
    floor.store.write(permissions.record_preference, person, wish)
    floor.store.write(permissions.record_location, person, place)
    found = facts(floor)
    assert (found.consents, found.preferences, found.stated_locations) == ((consent,), (wish,), (place,))
    assert floor.store.write(permissions.revoke_consent, row, NOON)
    assert not floor.store.write(permissions.revoke_consent, row, NOON)
    floor.later(minutes=1)
    assert facts(floor).consents[0].revoked_at == NOON


def test_calls_about_another_debt_and_to_a_shared_number_are_in_the_history(floor: Floor) -> None:
    shared = (PhoneRecord(PhoneNumber("+12125550199")),)
    floor.account(1, reference="P1", priority=3)
    floor.account(2, reference="P2", priority=2, phones=shared)
    floor.account(3, reference="P1", priority=1, phones=shared)
    for _ in range(2):
        (held,) = floor.claims(1)
        floor.end(floor.reserve(held), Outcome.NO_ANSWER)
        floor.later(minutes=10)
    found = facts(floor)
    assert {event.number for event in found.history} == {"+12125560001"}
    assert len(found.history) == 1
    floor.later(minutes=1)
    assert found.person == "1"


def test_who_called_in_and_what_is_suppressed_is_told(floor: Floor) -> None:
    person = floor.account(1).person
    number = PhoneNumber("+12125560001")
    floor.store.write(journal.record_contact, Contact(NOON, "conversation", "in", number=number, person=person))
    kind = law.SuppressionKind.CEASE
    floor.store.write(suppression.suppress, kind, NOON, person=person, source="letter")
    found = facts(floor)
    (event,), (stop,) = found.history, found.suppressions
    assert (event.direction, event.result, event.person) == (law.Direction.IN, law.Result.CONVERSATION, str(person))
    assert (stop.kind, stop.person, stop.number) == (kind, str(person), None)


def test_history_older_than_any_counting_period_is_left_out(floor: Floor) -> None:
    person = floor.account(1).person
    for days in (61, 63):
        at = NOON - timedelta(days=days)
        floor.store.write(journal.record_contact, Contact(at, "no_answer", person=person))
    assert len(facts(floor).history) == 1
