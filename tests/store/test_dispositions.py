"""What an agent says of a call, and everything that follows from it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from accounts import endings, funnel
from accounts.dispositions import Reach, Said, record_disposition
from accounts.entries import EntryState
from accounts.errors import NotFoundError
from accounts.model import Ending, Reservation
from accounts.records import PhoneRecord
from accounts.tables import callbacks, list_entries, promises
from compliance.facts import CallFacts, PartyRole, Result, SuppressionKind
from domain.ids import AgentId, AttemptId, new_attempt_id
from domain.money import Money
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.reasons import ReasonCode

from .conftest import NOON, Answer, Floor

pytestmark = pytest.mark.store
ANN = AgentId("ann")


def talked(floor: Floor, n: int = 1) -> AttemptId:
    floor.account(n)
    (held,) = floor.claims()
    made = floor.reserve(held)
    assert isinstance(made, Reservation)
    floor.later(minutes=3)
    assert floor.store.write(endings.record_outcome, made.attempt, Ending(Outcome.CONVERSATION, agent=ANN), floor.now)
    return made.attempt


def say(floor: Floor, attempt: AttemptId, said: Said) -> None:
    floor.store.write(record_disposition, attempt, ANN, said, floor.now)


def states(floor: Floor) -> list[str]:
    return list(floor.store.read(lambda tx: tx.execute(select(list_entries.c.state)).scalars().all()))


def facts(floor: Floor) -> CallFacts:
    (held,) = floor.claims()
    seen: list[CallFacts] = []

    def look(found: CallFacts) -> Answer:
        seen.append(found)
        return Answer(allowed=False)

    floor.reserve(held, look)
    return seen[0]


def test_a_disposition_needs_an_attempt_that_ended(floor: Floor) -> None:
    with pytest.raises(NotFoundError):
        say(floor, new_attempt_id(NOON), Said("spoke"))


def test_a_conversation_is_the_end_of_it(floor: Floor) -> None:
    say(floor, talked(floor), Said("spoke"))
    assert states(floor) == [EntryState.REACHED]


def test_a_promise_is_kept_with_its_amount_and_day(floor: Floor) -> None:
    said = Said("promise", promise=Money(5_000), promise_on=date(2026, 12, 15))
    say(floor, talked(floor), said)
    row = floor.store.read(lambda tx: tx.execute(select(promises)).one())
    assert (row.amount_cents, row.due_on) == (5_000, date(2026, 12, 15))


def test_a_promised_call_comes_before_any_other_account(floor: Floor) -> None:
    attempt = talked(floor)
    floor.account(2, priority=1000)
    say(floor, attempt, Said("callback", callback_at=floor.now + timedelta(hours=1)))
    floor.later(hours=1)
    first = floor.claims(1)
    assert [held.attempts for held in first] == [1]
    floor.end(floor.reserve(first[0]), Outcome.BUSY)
    floor.later(minutes=5)
    assert [held.attempts for held in floor.claims()] == [0, 2]


def test_a_callback_makes_the_account_due_at_that_instant(floor: Floor) -> None:
    attempt = talked(floor)
    when = floor.now + timedelta(hours=2)
    say(floor, attempt, Said("callback", callback_at=when))
    assert floor.claims() == []
    floor.now = when
    assert len(floor.claims()) == 1
    assert floor.store.read(lambda tx: tx.execute(select(callbacks.c.due_at)).scalar_one()) == when


def test_a_third_party_makes_the_outcome_truer_and_the_phone_useless(floor: Floor) -> None:
    other = PhoneRecord(PhoneNumber("+13105550001"))
    floor.account(1, phones=(PhoneRecord(PhoneNumber("+12125560001")), other))
    (held,) = floor.claims()
    made = floor.reserve(held)
    assert isinstance(made, Reservation)
    floor.store.write(endings.record_outcome, made.attempt, Ending(Outcome.CONVERSATION), floor.now)
    say(floor, made.attempt, Said("third_party", Outcome.THIRD_PARTY, ReasonCode.THIRD_PARTY))
    floor.later(days=1)
    found = facts(floor)
    assert found.number.e164 == other.number.e164
    assert [(event.result, event.party_role) for event in found.history] == [
        (Result.THIRD_PARTY, PartyRole.THIRD_PARTY)
    ]


@pytest.mark.parametrize(
    ("code", "reach", "kind"),
    [
        (ReasonCode.INTERNAL_DNC, Reach.PHONE, SuppressionKind.INTERNAL_DNC),
        (ReasonCode.ATTORNEY, Reach.PERSON, SuppressionKind.ATTORNEY),
        (ReasonCode.DISPUTE, Reach.DEBT, SuppressionKind.DISPUTE),
        (ReasonCode.WRONG_NUMBER, Reach.PHONE, SuppressionKind.WRONG_NUMBER),
    ],
)
def test_what_forbids_calls_is_among_the_next_facts(
    floor: Floor, code: ReasonCode, reach: Reach, kind: SuppressionKind
) -> None:
    attempt = talked(floor)
    said = Said("stop", suppression=code, reach=reach, callback_at=floor.now + timedelta(hours=1))
    say(floor, attempt, said)
    floor.later(hours=1)
    (found,) = facts(floor).suppressions
    assert found.kind is kind
    assert (found.number is not None, found.person is not None, found.debt is not None) == (
        reach is Reach.PHONE,
        reach is Reach.PERSON or code is ReasonCode.WRONG_NUMBER,
        reach is Reach.DEBT,
    )


def test_a_wrong_number_goes_on_to_the_next_phone_or_ends(floor: Floor) -> None:
    said = Said("wrong_number", Outcome.WRONG_NUMBER, ReasonCode.WRONG_NUMBER)
    say(floor, talked(floor), said)
    (row,) = floor.store.read(funnel.funnel, floor.campaign, floor.now).rows
    assert (row.state, row.reason) == (EntryState.EXHAUSTED, "no_phone")
    floor.account(1, phones=(PhoneRecord(PhoneNumber("+13105550001")),))
    assert [held.number.e164 for held in floor.claims()] == ["+13105550001"]
