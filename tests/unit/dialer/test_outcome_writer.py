"""Outcomes are written together, as often as it takes, and one that is refused harms no other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from sqlalchemy.exc import DataError

from accounts import endings
from accounts.errors import StoreLockedError
from accounts.model import Ending
from dialer import outcome_writer
from dialer.outcome_writer import OutcomeWriter
from domain.clock import SystemClock
from domain.ids import AttemptId
from domain.outcomes import Outcome

pytestmark = pytest.mark.unit
BUSY = Ending(Outcome.BUSY)
TOO_LONG = Ending(Outcome.SIT, verdict_cause="x" * 1000)


class Books:
    """A store that writes when it is let, and refuses what it cannot hold."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.errors: list[Exception] = []
        self.transactions: list[Mapping[AttemptId, Ending]] = []

    async def write(self, operation: object, ended: Mapping[AttemptId, Ending], _now: object) -> dict[AttemptId, bool]:
        assert operation is endings.record_outcomes
        await self.open.wait()
        if self.errors:
            raise self.errors.pop()
        if TOO_LONG in ended.values():
            raise DataError("INSERT", {}, Exception("value too long"))
        self.transactions.append(dict(ended))
        return dict.fromkeys(ended, True)

    @property
    def written(self) -> dict[AttemptId, Ending]:
        return {attempt: ending for some in self.transactions for attempt, ending in some.items()}


def attempts(count: int) -> list[AttemptId]:
    return [AttemptId(f"{n:032x}") for n in range(count)]


def writer(books: Books) -> OutcomeWriter:
    return OutcomeWriter(books, SystemClock())  # type: ignore[arg-type]  # only `write` is asked for


async def test_a_value_the_database_refuses_costs_only_its_details() -> None:
    books = Books()
    bad, *good = attempts(4)
    await asyncio.gather(*(writer(books).write(one, TOO_LONG if one == bad else BUSY) for one in (bad, *good)))
    assert books.written == {bad: Ending(Outcome.SIT), **dict.fromkeys(good, BUSY)}


async def test_a_store_that_fails_is_asked_again_and_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome_writer, "AGAIN_S", 0.0)
    books = Books()
    books.open.clear()
    books.errors = [StoreLockedError("locked"), StoreLockedError("locked")]
    ours = writer(books)
    writing = [asyncio.create_task(ours.write(one, BUSY)) for one in attempts(3)]
    while ours.waiting < 3:
        await asyncio.sleep(0)
    assert not books.transactions
    books.open.set()
    await asyncio.gather(*writing)
    assert books.written.keys() == set(attempts(3))
    assert (ours.waiting, ours.failing) == (0, False)


async def test_calls_that_end_while_one_is_written_share_the_next_transaction() -> None:
    books = Books()
    books.open.clear()
    ours = writer(books)
    writing = [asyncio.create_task(ours.write(one, BUSY)) for one in attempts(70)]
    await asyncio.sleep(0)
    books.open.set()
    await asyncio.gather(*writing)
    assert [len(some) for some in books.transactions] == [1, 32, 32, 5]


async def test_an_outcome_is_written_though_who_was_writing_it_is_cancelled() -> None:
    books = Books()
    books.open.clear()
    ours = writer(books)
    first, second = (asyncio.create_task(ours.write(one, BUSY)) for one in attempts(2))
    await asyncio.sleep(0)
    first.cancel()
    books.open.set()
    await second
    assert books.written.keys() == set(attempts(2))
