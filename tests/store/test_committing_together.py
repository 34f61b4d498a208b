"""Writes that wait are committed with one sync, and each still stands or falls for itself."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from accounts.async_store import TOGETHER_AT_MOST, AsyncStore
from accounts.errors import NotFoundError, StoreFullError
from accounts.store import Store, open_store

from .constants import NOON

pytestmark = pytest.mark.store


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "accounts.db", NOON)
    store.write(lambda tx: tx.execute(text("CREATE TABLE notes (n integer PRIMARY KEY)")))
    yield store
    store.close()


def note(n: int) -> Callable[[Connection], int]:
    def write(tx: Connection) -> int:
        tx.execute(text("INSERT INTO notes VALUES (:n)"), {"n": n})
        return n

    return write


def note_then_fail(n: int) -> Callable[[Connection], int]:
    def write(tx: Connection) -> int:
        tx.execute(text("INSERT INTO notes VALUES (:n)"), {"n": n})
        raise NotFoundError("not there")

    return write


def notes(store: Store) -> list[int]:
    return list(store.read(lambda tx: tx.execute(text("SELECT n FROM notes ORDER BY n")).scalars()))


def test_what_one_job_did_before_it_failed_is_undone_alone(store: Store) -> None:
    one, failed, three = store.write_together([note(1), note_then_fail(2), note(3)])
    assert (one, three) == (1, 3)
    assert isinstance(failed, NotFoundError)
    assert notes(store) == [1, 3]


def test_a_statement_that_the_database_refuses_undoes_its_own_job_only(store: Store) -> None:
    results = store.write_together([note(1), note(1), note(2)])
    assert isinstance(results[1], IntegrityError)
    assert notes(store) == [1, 2]


def test_a_disk_that_is_full_leaves_nothing_of_any_job(store: Store) -> None:
    def no_room(tx: Connection) -> None:
        tx.exec_driver_sql("PRAGMA max_page_count = 1")
        tx.exec_driver_sql(
            "CREATE TABLE filler AS WITH RECURSIVE c(x) AS "
            "(VALUES(1) UNION ALL SELECT x+1 FROM c WHERE x < 100000) SELECT x, hex(randomblob(50)) FROM c"
        )

    with pytest.raises(StoreFullError):
        store.write_together([note(1), no_room, note(2)])
    assert notes(store) == []


@given(fails=st.lists(st.booleans(), max_size=12))
def test_what_is_kept_is_what_did_not_fail_in_the_order_it_was_asked_for(
    tmp_path_factory: pytest.TempPathFactory, fails: list[bool]
) -> None:
    store = open_store(tmp_path_factory.mktemp("store") / "accounts.db", NOON)
    store.write(lambda tx: tx.execute(text("CREATE TABLE notes (n integer PRIMARY KEY)")))
    jobs = [note_then_fail(n) if bad else note(n) for n, bad in enumerate(fails)]
    results = store.write_together(jobs)
    assert [isinstance(result, NotFoundError) for result in results] == fails
    assert notes(store) == [n for n, bad in enumerate(fails) if not bad]
    store.close()


def test_writes_that_come_while_one_is_under_way_share_a_commit(store: Store) -> None:
    commits: list[int] = []
    event.listen(store._writer, "commit", lambda _connection: commits.append(1))
    gate = threading.Event()

    def hold(tx: Connection) -> None:
        gate.wait(10)

    async def many() -> list[int]:
        shared = AsyncStore(store)
        first = asyncio.create_task(shared.write(hold))
        await asyncio.sleep(0)
        rest = [asyncio.create_task(shared.write(note(n))) for n in range(TOGETHER_AT_MOST + 1)]
        await asyncio.sleep(0)
        gate.set()
        await first
        return list(await asyncio.gather(*rest))

    assert asyncio.run(many()) == list(range(TOGETHER_AT_MOST + 1))
    assert len(commits) == 1 + 2


def test_a_write_nobody_waits_for_any_more_is_written_all_the_same(store: Store) -> None:
    async def give_up() -> None:
        shared = AsyncStore(store)
        waiting = asyncio.create_task(shared.write(note(7)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await shared.aclose()

    asyncio.run(give_up())
    with sqlite3.connect(str(store.url.database)) as after:
        assert after.execute("SELECT n FROM notes").fetchall() == [(7,)]


def test_closing_waits_for_all_that_was_asked_for(store: Store) -> None:
    async def close_at_once() -> None:
        shared = AsyncStore(store)
        rest = [asyncio.create_task(shared.write(note(n))) for n in range(3 * TOGETHER_AT_MOST)]
        await asyncio.sleep(0)
        await shared.aclose()
        await asyncio.gather(*rest)

    asyncio.run(close_at_once())
    with sqlite3.connect(str(store.url.database)) as after:
        assert after.execute("SELECT count(*) FROM notes").fetchone() == (3 * TOGETHER_AT_MOST,)
