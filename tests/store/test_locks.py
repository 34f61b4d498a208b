"""Locks that end with their process, on both databases; and the name of an engine, which only one may have."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from accounts import locks
from accounts.errors import SecondEngineError, StoreUnreachableError
from accounts.store import Store, open_store
from dialer.testing import postgres

from .constants import NOON

pytestmark = pytest.mark.store

HOLDER = (
    "import sys, time; from datetime import datetime; from accounts.store import open_store\n"
    "store = open_store(sys.argv[1], datetime.fromisoformat(sys.argv[2])); store.lock_engine('e1')\n"
    "print('held', flush=True); time.sleep(60)\n"
)


@pytest.fixture
def holder(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the name `e1`."""
    command = [sys.executable, "-c", HOLDER, url, NOON.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def break_lock_connections(tx: Connection) -> None:
    """What a network that is away for a while does to a session that holds a lock."""
    tx.execute(
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    ).all()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """One that others can open: a store in memory has no locks."""
    opened = open_store(url, NOON)
    yield opened
    opened.close()


@pytest.fixture
def server_store(postgres_server: postgres.Server) -> Iterator[Store]:
    opened = open_store(postgres_server.new_database(), NOON)
    yield opened
    opened.close()


# --- what is refused, and what happens when a lock is lost --------------------------------------------------------


@pytest.mark.usefixtures("holder")
def test_a_second_engine_of_the_name_is_refused_with_what_to_do(store: Store) -> None:
    with pytest.raises(SecondEngineError, match="already runs on this account store; stop it") as error:
        store.lock_engine("e1")
    assert "\n" not in str(error.value)


def test_an_engine_that_was_killed_gives_up_the_name_at_once(store: Store, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    store.lock_engine("e1")
    assert store.keep_engine_lock("e1") == ""


def test_a_server_that_is_not_there_is_said_so() -> None:
    with pytest.raises(StoreUnreachableError, match="does not answer"):
        locks.take(locks.URL.create("postgresql+psycopg", host="/nowhere", database="x"), "engine")


def test_a_lost_lock_that_somebody_else_has_is_noticed_and_said_with_what_to_do(server_store: Store) -> None:
    other = open_store(server_store.url.render_as_string(hide_password=False), NOON)
    server_store.lock_engine("e1")
    server_store.write(break_lock_connections)
    other.lock_engine("e1")
    assert "'e1' already runs" in server_store.keep_engine_lock("e1")
    other.close()
    assert server_store.keep_engine_lock("e1") == ""


def test_a_lost_lock_is_taken_again_when_nobody_has_it(server_store: Store) -> None:
    server_store.lock_engine("e1")
    server_store.write(break_lock_connections)
    assert server_store.keep_engine_lock("e1") == ""
    other = open_store(server_store.url.render_as_string(hide_password=False), NOON)
    with pytest.raises(SecondEngineError):
        other.lock_engine("e1")
    other.close()


# --- what should happen -------------------------------------------------------------------------------------------


def test_engines_of_two_names_share_a_server(server_store: Store) -> None:
    other = open_store(server_store.url.render_as_string(hide_password=False), NOON)
    server_store.lock_engine("e1")
    other.lock_engine("e2")
    assert (server_store.keep_engine_lock("e1"), other.keep_engine_lock("e2")) == ("", "")
    other.close()


def test_closing_gives_up_the_name(url: str) -> None:
    for _ in range(3):
        opened = open_store(url, NOON)
        opened.lock_engine("e1")
        opened.close()


def test_shared_locks_stand_side_by_side_and_keep_out_who_wants_to_be_alone(store: Store) -> None:
    first, second = store.lock("work", shared=True), store.lock("work", shared=True)
    assert first is not None
    assert second is not None
    assert store.lock("work") is None
    first.release()
    assert store.lock("work") is None
    second.release()
    alone = store.lock("work")
    assert alone is not None
    assert alone.still_held()
    assert store.lock("work", shared=True) is None
    other = store.lock("other")
    assert other is not None
    for lock in (alone, other, other):
        lock.release()
