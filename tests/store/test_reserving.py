"""Claim, reserve, end: the ledger's promises one at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

import compliance
from accounts import campaigns, endings, funnel, ledger
from accounts.entries import EntryState
from accounts.errors import ConflictError
from accounts.model import Ending, Refusal, RefusalCause, Reservation
from accounts.records import AddressRecord, PhoneRecord
from accounts.tables import decisions
from compliance.facts import CallFacts
from compliance.wire import facts_from_json
from domain.mode import Mode
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.reasons import ReasonCode

from .conftest import CALLER_ID, Answer, Floor, blocked

pytestmark = pytest.mark.store


def test_a_blocked_account_is_not_claimed_before_its_retry_instant(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims()
    due = floor.now.replace(hour=18)
    refusal = floor.reserve(held, lambda _facts: blocked(ReasonCode.CALL_WINDOW, due))
    assert isinstance(refusal, Refusal)
    assert refusal.retry_at == due
    floor.later(hours=2, minutes=59)
    assert floor.claims() == []
    floor.later(minutes=1)
    assert [again.entry for again in floor.claims()] == [held.entry]


def test_an_attempt_without_an_end_counts_as_unknown(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims()
    assert isinstance(floor.reserve(held), Reservation)
    floor.later(minutes=30)
    assert len(floor.store.write(endings.sweep, "e1", floor.now)) == 1
    floor.later(days=2)
    (held,) = floor.claims()
    seen: list[CallFacts] = []
    floor.reserve(held, lambda facts: seen.append(facts) or blocked(ReasonCode.COOL_OFF))  # type: ignore[func-returns-value]
    (facts,) = seen
    assert [event.result for event in facts.history] == ["unknown"]


def test_an_outcome_is_recorded_once(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims()
    made = floor.reserve(held)
    assert isinstance(made, Reservation)
    assert floor.store.write(endings.record_outcome, made.attempt, Ending(Outcome.BUSY), floor.now)
    assert not floor.store.write(endings.record_outcome, made.attempt, Ending(Outcome.SIT), floor.now)
    assert floor.claims() == []
    floor.later(minutes=5)
    assert len(floor.claims()) == 1


def test_the_daily_cap_of_a_caller_id_holds(floor: Floor) -> None:
    floor.store.write(campaigns.own_number, CALLER_ID, 1)
    floor.account(1)
    floor.account(2)
    first, second = floor.claims()
    assert isinstance(floor.reserve(first), Reservation)
    refusal = floor.reserve(second)
    assert isinstance(refusal, Refusal)
    assert refusal.cause is RefusalCause.CALLER_ID_CAP


def test_screening_moves_the_blocked_and_reserves_nothing(floor: Floor) -> None:
    for n in range(4):
        floor.account(n)
    held = floor.claims()
    due = floor.now.replace(hour=18)

    def only_even(facts: CallFacts) -> Answer:
        return Answer() if int(facts.number.e164) % 2 == 0 else blocked(ReasonCode.CALL_WINDOW, due)

    seen = floor.store.write(ledger.screen, held, floor.now, Mode.PROGRESSIVE, only_even, agent_guaranteed=False)
    assert [one.number.e164[-1] for one in seen.passed] == ["0", "2"]
    assert {refusal.retry_at for _held, refusal in seen.refused} == {due}
    again = floor.store.write(ledger.screen, held, floor.now, Mode.PROGRESSIVE, only_even, agent_guaranteed=False)
    assert {refusal.cause for _held, refusal in again.refused} == {RefusalCause.STALE_CLAIM}
    assert isinstance(floor.reserve(seen.passed[0]), Reservation)


def test_the_same_block_on_the_same_day_is_written_once(floor: Floor) -> None:
    floor.account(1)
    for hours in (1, 1, 24):
        (held,) = floor.claims()
        due = floor.now + timedelta(minutes=30)
        floor.reserve(held, lambda _facts, due=due: blocked(ReasonCode.MIN_GAP, due))  # type: ignore[misc]
        floor.later(hours=hours)
    count = select(func.count()).select_from(decisions)
    assert floor.store.read(lambda tx: tx.execute(count).scalar_one()) == 1
    (held,) = floor.claims()
    floor.reserve(held, lambda _facts: blocked(ReasonCode.MIN_GAP, floor.now))
    assert floor.store.read(lambda tx: tx.execute(count).scalar_one()) == 2


def test_a_decision_can_be_taken_again_from_what_was_written_down(floor: Floor) -> None:
    policy = compliance.load_policy()
    floor.account(1, address=AddressRecord(zip="10001", state="NY"))
    (held,) = floor.claims()
    made = floor.reserve(held, lambda facts: compliance.decide(facts, policy))
    assert isinstance(made, Reservation)
    row = floor.store.read(lambda tx: tx.execute(select(decisions).where(decisions.c.id == made.attempt)).one())
    again = compliance.decide(facts_from_json(row.facts), policy)
    assert (again.outcome, again.policy_hash, list(again.flags)) == (row.outcome, row.policy_hash, row.flags)


def test_a_number_blocked_for_good_gives_way_to_the_persons_next_phone(floor: Floor) -> None:
    second = PhoneRecord(PhoneNumber("+13105550001"))
    floor.account(1, phones=(PhoneRecord(PhoneNumber("+12125560001")), second))
    numbers = []
    for _ in range(2):
        (held,) = floor.claims()
        numbers.append(held.number)
        floor.reserve(held, lambda _facts: blocked(ReasonCode.INTERNAL_DNC))
    assert numbers == [PhoneNumber("+12125560001"), second.number]
    (row,) = floor.store.read(funnel.funnel, floor.campaign, floor.now).rows
    assert (row.state, row.reason) == (EntryState.PARKED, ReasonCode.INTERNAL_DNC)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("ratio", 50.0), ("ratio", float("nan")), ("target_abandonment", -0.1), ("connect_within_s", 61)],
)
def test_settings_that_nobody_can_work_by_are_refused(floor: Floor, setting: str, value: float) -> None:
    before = floor.store.read(campaigns.get, floor.campaign).settings
    with pytest.raises(ConflictError, match=f"campaign setting {setting}"):
        floor.store.write(campaigns.change, floor.campaign, replace(before, **{setting: value}))  # type: ignore[arg-type]
    assert floor.store.read(campaigns.get, floor.campaign).settings == before
