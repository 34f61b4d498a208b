"""Claiming: the best that are due, for one engine, at a cost that does not grow with the list."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, text

from accounts import claim, records
from accounts.model import Claim, Refusal, RefusalCause, Reservation
from accounts.tables import debts, list_entries
from domain.ids import AgentId
from domain.money import Money
from domain.outcomes import Outcome
from domain.phone import PhoneNumber

from .conftest import Floor

pytestmark = pytest.mark.store


def priorities(held: list[Claim]) -> list[int]:
    return [one.priority for one in held]


def test_a_claim_whose_lease_ran_out_is_no_longer_good_for_a_reservation(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims()
    floor.later(seconds=60)
    refusal = floor.reserve(held)
    assert isinstance(refusal, Refusal)
    assert refusal.cause is RefusalCause.STALE_CLAIM
    (again,) = floor.claims(engine="e2")
    assert again.entry == held.entry


def test_an_account_is_held_by_one_engine_at_a_time(floor: Floor) -> None:
    for n in range(5):
        floor.account(n)
    first, second = floor.claims(3, "e1"), floor.claims(10, "e2")
    assert (len(first), len(second)) == (3, 2)
    assert not {one.entry for one in first} & {one.entry for one in second}
    stolen = floor.store.write(claim.release, [one for one in second if one.entry == first[0].entry])
    assert stolen is None


def test_the_best_come_first_whether_they_waited_or_not(floor: Floor) -> None:
    for n, priority in enumerate([3, 9, 1, 7, 5]):
        floor.account(n, priority=priority)
    first = floor.claims(2)
    assert priorities(first) == [9, 7]
    floor.store.write(claim.release, first)
    assert priorities(floor.claims(10)) == [9, 7, 5, 3, 1]


def test_an_engine_that_lost_its_lease_on_the_campaign_is_fenced_off(floor: Floor) -> None:
    floor.account(1)
    end = floor.now + timedelta(seconds=30)
    first = floor.store.write(claim.take_lease, floor.campaign, "e1", floor.now, end)
    assert floor.store.write(claim.take_lease, floor.campaign, "e2", floor.now, end) is None
    (held,) = floor.claims()
    floor.later(seconds=31)
    later = floor.now + timedelta(seconds=30)
    second = floor.store.write(claim.take_lease, floor.campaign, "e2", floor.now, later)
    assert first is not None
    assert second == first + 1
    refusal = floor.reserve(held, fence=first)
    assert isinstance(refusal, Refusal)
    assert refusal.cause is RefusalCause.FENCED
    assert isinstance(floor.reserve(held, fence=second), Reservation)


def test_after_an_abandoned_call_the_next_one_needs_an_agent_held_for_it(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims()
    floor.end(floor.reserve(held), Outcome.ABANDONED)
    floor.later(days=1)
    (held,) = floor.claims()
    assert held.reserved_agent_only
    refusal = floor.reserve(held)
    assert isinstance(refusal, Refusal)
    assert refusal.cause is RefusalCause.RESERVED_AGENT_REQUIRED
    assert isinstance(floor.reserve(held, agent=AgentId("ann")), Reservation)


def fill(tx: Connection, floor: Floor, person: int, phone: int, size: int) -> None:
    debt = {"client_id": floor.client, "person_id": person, "kind": "other", "balance_cents": 1, "currency": "USD"}
    ns = range(1000, 1000 + size)
    tx.execute(
        insert(debts),
        [
            {"id": n, "account": f"x{n}", "status": "open", "priority": n % 97, "updated_at": floor.now, **debt}
            for n in ns
        ],
    )
    entry = {"campaign_id": floor.campaign, "list_id": floor.list_id, "person_id": person, "phone_id": phone}
    counts = {"attempts": 0, "blocked_phones": 0, "reserved_agent_only": False}
    states = ["ready", "waiting", "claimed", "parked", "exhausted"]
    tx.execute(
        insert(list_entries),
        [
            {
                "debt_id": n,
                "priority": n % 97,
                "state": states[n % 5],
                "due_at": floor.now + timedelta(minutes=n),
                **entry,
                **counts,
            }
            for n in ns
        ],
    )
    tx.execute(text("ANALYZE"))


def plan(tx: Connection, statement: object) -> str:
    prefix = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[tx.dialect.name]
    sql = str(statement.compile(dialect=tx.dialect))  # type: ignore[attr-defined]
    values = statement.compile(dialect=tx.dialect).params  # type: ignore[attr-defined]
    told = {"campaign": 1, "top": 50, "after": 100, "n": 10, "now": 0, "until": 0, "engine": "e"}
    keys = {name: told.get(name, value) for name, value in values.items()}
    found = tx.exec_driver_sql(prefix + sql, _positional(statement, tx, keys))
    return "\n".join(str(row) for row in found)


def _positional(statement: object, tx: Connection, keys: dict[str, object]) -> object:
    compiled = statement.compile(dialect=tx.dialect)  # type: ignore[attr-defined]
    return tuple(keys[name] for name in compiled.positiontup) if compiled.positional else keys


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (claim.CLAIM, "ix_list_entries_ready"),
        (claim.ONWARD, "ix_list_entries_ready"),
        (claim.TOP, "ix_list_entries_ready"),
        (claim.PROMOTE, "ix_list_entries_timed"),
    ],
)
def test_a_claim_walks_its_index_and_sorts_nothing(floor: Floor, statement: object, index: str) -> None:
    stored = floor.account(1)
    (held,) = floor.claims()
    floor.store.write(fill, floor, stored.person, held.phone, 20_000)
    found = floor.store.read(plan, statement)
    assert index in found
    assert "TEMP B-TREE" not in found
    assert "Sort" not in found
    assert "Seq Scan on list_entries" not in found


def test_a_claim_tells_what_the_chance_of_an_answer_depends_on(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims()
    assert (held.attempts, held.last_at, held.last_outcome) == (0, None, None)
    made_at = floor.now
    made = floor.reserve(held)
    assert isinstance(made, Reservation)
    floor.end(made, Outcome.BUSY)
    floor.later(minutes=5)
    (again,) = floor.claims()
    assert (again.attempts, again.last_at, again.last_outcome) == (1, made_at, "busy")


def onward(floor: Floor, n: int, places: dict[int, int]) -> list[Claim]:
    held = floor.store.write(claim.claim_onward, floor.campaign, n, floor.now, "e1", timedelta(seconds=60), places)
    floor.store.write(claim.release, held)
    return list(held)


def test_going_on_behind_a_place_comes_to_the_end_and_begins_again(floor: Floor) -> None:
    for n in range(5):
        floor.account(n, priority=4)
    entries = [one.entry for one in onward(floor, 5, {})]
    assert [one.entry for one in onward(floor, 2, {4: entries[1]})] == entries[2:4]
    assert [one.entry for one in onward(floor, 3, {4: entries[3]})] == entries[4:]
    assert [one.entry for one in onward(floor, 3, {4: entries[4]})] == entries[:3]


def test_going_on_never_leaves_out_a_higher_priority(floor: Floor) -> None:
    assert onward(floor, 3, {}) == []
    for n, priority in enumerate([1, 1, 9, 1]):
        floor.account(n, priority=priority)
    everyone = onward(floor, 10, {})
    assert priorities(everyone) == [9, 1, 1, 1]
    assert priorities(onward(floor, 2, {1: everyone[-1].entry})) == [9, 1]
    assert priorities(onward(floor, 2, {9: everyone[0].entry})) == [9, 1]


def test_a_claim_tells_what_the_worth_of_a_conversation_depends_on(floor: Floor) -> None:
    phone = records.PhoneRecord(PhoneNumber("+12125560001"), "mobile", "work")
    floor.account(1, balance=Money(12_345, "CAD"), phones=(phone,))
    (held,) = floor.claims()
    assert (held.balance_cents, held.currency, held.use, held.line_type) == (12_345, "CAD", "work", "mobile")
