"""Claim, reserve, end: the ledger's promises one at a time."""

from __future__ import annotations

import pytest

from accounts import ledger
from accounts.model import Ending, Refusal, RefusalCause, Reservation
from compliance.facts import CallFacts
from domain.outcomes import Outcome
from domain.reasons import ReasonCode

from .conftest import Floor, blocked

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
    assert len(floor.store.write(ledger.sweep_unknown, "e1", floor.now)) == 1
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
    assert floor.store.write(ledger.record_outcome, made.attempt, Ending(Outcome.BUSY), floor.now)
    assert not floor.store.write(ledger.record_outcome, made.attempt, Ending(Outcome.SIT), floor.now)
    assert floor.claims() == []
    floor.later(minutes=5)
    assert len(floor.claims()) == 1


def test_the_daily_cap_of_a_caller_id_holds(floor: Floor) -> None:
    from accounts import campaigns

    from .conftest import CALLER_ID

    floor.store.write(campaigns.own_number, CALLER_ID, 1)
    floor.account(1)
    floor.account(2)
    first, second = floor.claims()
    assert isinstance(floor.reserve(first), Reservation)
    refusal = floor.reserve(second)
    assert isinstance(refusal, Refusal)
    assert refusal.cause is RefusalCause.CALLER_ID_CAP
