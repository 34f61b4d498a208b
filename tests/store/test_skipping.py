"""Accounts that agents were shown and did not have dialed: where they go, and what is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from accounts import funnel, ledger, previews
from accounts.call_sheet import call_sheet, entry_sheet
from accounts.entries import EntryState
from accounts.model import Claim, RefusalCause, Reservation
from accounts.previews import Look
from accounts.tables import events
from domain.ids import AgentId, new_attempt_id
from domain.mode import Mode

from .conftest import Answer, Floor
from .constants import NOON

pytestmark = pytest.mark.store

ANN = AgentId("ann")


def look_at(floor: Floor, held: Claim) -> Look:
    return Look(held, new_attempt_id(floor.now), ANN)


def states(floor: Floor) -> dict[EntryState, str | None]:
    return {row.state: row.reason for row in floor.store.read(funnel.funnel, floor.campaign, floor.now).rows}


def test_a_claim_that_another_engine_has_by_now_is_left_to_it_and_the_skip_is_written_all_the_same(
    floor: Floor,
) -> None:
    floor.account(1)
    (held,) = floor.claims()
    floor.later(minutes=2)
    (theirs,) = floor.claims(engine="e2")
    floor.store.write(previews.skip, look_at(floor, held), None, floor.now)
    assert isinstance(floor.reserve(theirs), Reservation)
    assert len(floor.store.read(previews.not_dialed, floor.campaign, NOON)) == 1


def test_a_person_who_is_in_a_call_about_another_debt_is_not_shown(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims()
    assert isinstance(floor.reserve(held), Reservation)
    floor.account(2, reference="P1", phones=())
    (second,) = floor.claims()
    seen = floor.store.write(
        ledger.screen, [second], floor.now, Mode.PREVIEW, lambda _facts: Answer(), agent_guaranteed=True
    )
    assert [refusal.cause for _held, refusal in seen.refused] == [RefusalCause.IN_CALL]
    assert states(floor)[EntryState.WAITING] == "in_call"


def test_who_skipped_when_and_why_cannot_be_changed_afterwards(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims()
    floor.store.write(previews.skip, look_at(floor, held), "bad_data", floor.now)
    with pytest.raises(DBAPIError):
        floor.store.write(lambda tx: tx.execute(events.delete()))


def test_a_skipped_account_waits_an_hour_and_keeps_its_place(floor: Floor) -> None:
    floor.account(1, priority=5)
    floor.account(2)
    (held, _) = floor.claims()
    assert floor.store.write(previews.skip, look_at(floor, held), "bad_data", floor.now) == NOON + timedelta(hours=1)
    assert states(floor)[EntryState.WAITING] == "skipped"
    floor.later(minutes=59, seconds=59)
    assert held.entry not in {again.entry for again in floor.claims()}
    floor.later(minutes=2)
    first = floor.claims()[0]
    assert (first.entry, first.attempts) == (held.entry, 0)


def test_an_account_nobody_answered_to_is_ready_at_once(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims()
    floor.store.write(previews.miss, look_at(floor, held), floor.now)
    assert [again.entry for again in floor.claims()] == [held.entry]


def test_the_record_says_who_when_which_account_and_why(floor: Floor) -> None:
    floor.account(1)
    floor.account(2)
    first, second = floor.claims()
    floor.store.write(previews.skip, look_at(floor, first), "bad_data", floor.now)
    floor.later(minutes=1)
    floor.store.write(previews.miss, look_at(floor, second), floor.now)
    looks = floor.store.read(previews.not_dialed, floor.campaign, NOON)
    assert [(look.at, look.kind, look.agent, look.account, look.reason) for look in looks] == [
        (NOON, previews.SKIPPED, ANN, "A1", "bad_data"),
        (floor.now, previews.MISSED, ANN, "A2", None),
    ]
    assert floor.store.read(previews.not_dialed, floor.campaign, floor.now) == looks[1:]


def test_what_is_shown_before_the_call_is_what_is_shown_in_it(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims()
    before = floor.store.read(entry_sheet, held.entry)
    made = floor.reserve(held)
    assert isinstance(made, Reservation)
    during = floor.store.read(call_sheet, made.attempt)
    assert before is not None
    assert during == replace(before, attempts=1)
    assert before.attempts == 0
    assert floor.store.read(entry_sheet, 999) is None
