"""Reserving and ending several calls in one transaction is the same as doing it for one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, select

from accounts import campaigns, endings, ledger
from accounts.model import Ending, Refusal, RefusalCause, Reservation, ReserveRequest
from accounts.records import PhoneRecord
from accounts.store import open_store
from accounts.tables import (
    attempt_outcomes,
    attempts,
    decisions,
    list_entries,
    numbers,
    open_attempts,
    owned_number_days,
    phones,
)
from compliance.facts import CallFacts
from domain.ids import AttemptId, new_attempt_id
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.reasons import ReasonCode

from .conftest import CALLER_ID, NOON, Answer, Floor, blocked

pytestmark = pytest.mark.store

TABLES: Final = (decisions, attempts, open_attempts, attempt_outcomes, list_entries, numbers, owned_number_days, phones)
RULINGS: Final = (Answer(), Answer(), Answer(), blocked(ReasonCode.CALL_WINDOW, NOON), blocked(ReasonCode.WRONG_NUMBER))


def everything(tx: Connection) -> dict[str, list[tuple[Any, ...]]]:
    def rows(table: Table) -> list[tuple[Any, ...]]:
        return sorted((tuple(row) for row in tx.execute(select(table))), key=repr)

    return {table.name: rows(table) for table in TABLES}


def requests_of(floor: Floor, held_at_most: int = 20) -> list[ReserveRequest]:
    made = (floor.request(held) for held in floor.claims(held_at_most))
    return [replace(request, attempt=AttemptId(f"{n:032x}")) for n, request in enumerate(made)]


def by_number(rulings: Sequence[Answer]) -> Callable[[CallFacts], Answer]:
    """A ruling that depends on the number, and on whether the person was called before."""
    return lambda facts: rulings[int(facts.number.e164[-2:]) % len(rulings)] if not facts.history else Answer()


def one_by_one(floor: Floor, decide: Callable[[CallFacts], Answer], ends: Sequence[Outcome]) -> list[object]:
    said: list[object] = [floor.store.write(ledger.reserve, one, decide) for one in requests_of(floor)]
    for answer, outcome in zip(said, ends, strict=False):
        if isinstance(answer, Reservation):
            floor.store.write(endings.record_outcome, answer.attempt, Ending(outcome), floor.now)
    return said


def together(floor: Floor, decide: Callable[[CallFacts], Answer], ends: Sequence[Outcome]) -> list[object]:
    said = list(floor.store.write(ledger.reserve_all, requests_of(floor), decide))
    ended = zip(said, ends, strict=False)
    over = {answer.attempt: Ending(outcome) for answer, outcome in ended if isinstance(answer, Reservation)}
    assert floor.store.write(endings.record_outcomes, over, floor.now) == dict.fromkeys(over, True)
    return said


@given(
    persons=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    shared_number=st.booleans(),
    cap=st.sampled_from([0, 1, 3, 10_000]),
    rulings=st.lists(st.sampled_from(RULINGS), min_size=1, max_size=5),
    ends=st.lists(st.sampled_from(Outcome), max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_several_at_once_end_as_one_after_the_other(
    persons: list[int], shared_number: bool, cap: int, rulings: list[Answer], ends: list[Outcome]
) -> None:
    """Accounts of the same persons, persons on the same number, any ruling, any outcome, caller IDs that run out."""
    if cap < len(persons):
        persons, shared_number = list(range(len(persons))), False  # else it matters who is asked first
    seen = []
    for how in (one_by_one, together):
        with TemporaryDirectory() as folder:
            floor = Floor.on(open_store(Path(folder) / "accounts.db", NOON))
            floor.store.write(campaigns.own_number, CALLER_ID, cap)
            for n, person in enumerate(persons):
                number = "+12125569999" if shared_number and person < 2 else f"+1212556{person:04d}"
                phone = (PhoneRecord(PhoneNumber(number)), PhoneRecord(PhoneNumber(f"+1310556{person:04d}")))
                floor.account(n, reference=f"P{person}", phones=phone)
            said = how(floor, by_number(rulings), ends)
            seen.append((said, floor.store.read(everything)))
            floor.store.close()
    assert seen[0] == seen[1]


def test_two_accounts_of_one_person_are_not_dialed_together(floor: Floor) -> None:
    for n in range(2):
        floor.account(n, reference="P1")
    first, second = floor.store.write(ledger.reserve_all, requests_of(floor), lambda _facts: Answer())
    assert isinstance(first, Reservation)
    assert isinstance(second, Refusal)
    assert second.cause is RefusalCause.IN_CALL


def test_two_persons_on_one_number_are_not_dialed_together(floor: Floor) -> None:
    for n in range(2):
        floor.account(n, reference=f"P{n}", phones=(PhoneRecord(PhoneNumber("+12125560007")),))
    answers = floor.store.write(ledger.reserve_all, requests_of(floor), lambda _facts: Answer())
    assert [isinstance(answer, Reservation) for answer in answers] == [True, False]


def test_each_is_told_its_own_facts(floor: Floor) -> None:
    for n in range(3):
        floor.account(n)
        floor.later(minutes=1)
    first = requests_of(floor)[0]
    floor.end(floor.store.write(ledger.reserve, first, lambda _facts: Answer()), Outcome.NO_ANSWER)
    floor.later(days=3)
    seen: list[CallFacts] = []

    def listen(facts: CallFacts) -> Answer:
        seen.append(facts)
        return Answer()

    requests = [replace(one, attempt=new_attempt_id(floor.now)) for one in requests_of(floor)]
    floor.store.write(ledger.reserve_all, requests, listen)
    by_entry = {facts.id: facts for facts in seen}
    assert {entry: len(facts.history) for entry, facts in by_entry.items()} == {
        str(one.claim.entry): int(one.claim.entry == first.claim.entry) for one in requests
    }
    assert {facts.number.e164 for facts in seen} == {one.claim.number.e164 for one in requests}


def test_a_caller_id_near_its_cap_goes_to_the_first_ones(floor: Floor) -> None:
    floor.store.write(campaigns.own_number, CALLER_ID, 3)
    for n in range(5):
        floor.account(n)
    answers = floor.store.write(ledger.reserve_all, requests_of(floor), lambda _facts: Answer())
    assert [isinstance(answer, Reservation) for answer in answers] == [True, True, True, False, False]
    used = floor.store.read(lambda tx: tx.execute(select(owned_number_days.c.used)).scalars().all())
    assert used == [3]


def test_a_fault_in_one_keeps_all_of_them_from_the_ledger(floor: Floor) -> None:
    for n in range(3):
        floor.account(n)
    requests = requests_of(floor)

    def stumble(facts: CallFacts) -> Answer:
        if facts.id == str(requests[2].claim.entry):
            raise ZeroDivisionError
        return Answer()

    with pytest.raises(ZeroDivisionError):
        floor.store.write(ledger.reserve_all, requests, stumble)
    assert floor.store.read(everything)["attempts"] == []


def test_an_end_of_an_attempt_that_is_not_in_the_ledger_is_left_out(floor: Floor) -> None:
    floor.account(1)
    (request,) = requests_of(floor)
    floor.store.write(ledger.reserve, request, lambda _facts: Answer())
    unknown = new_attempt_id(floor.now)
    over = {unknown: Ending(Outcome.BUSY), request.attempt: Ending(Outcome.BUSY)}
    assert floor.store.write(endings.record_outcomes, over, floor.now) == {request.attempt: True}
    assert floor.store.write(endings.record_outcomes, over, floor.now + timedelta(hours=1)) == {request.attempt: False}
