"""The door to the account store: opens it, brings its schema up to date, and runs operations in transactions.

An operation is a function whose first argument is the transaction (`claim.claim`, `ledger.reserve`, ...). `write` runs
it as one durable transaction, `read` on a snapshot. What an operation returned is committed when `write` returns; when
it raises, nothing of it stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from accounts import dialect, locks, schema
from accounts.errors import SecondEngineError, StoreError, StoreUnreachableError
from accounts.tables import PARTITIONED

P = ParamSpec("P")
R = TypeVar("R")
_ENGINE_LOCK_PATIENCE_S: Final = 2.0
"""A server may need a moment to notice that the engine that had the name was killed."""
Job = Callable[[Connection], object]
_TRIES: Final = 4
"""An operation that met another one head-on was undone as a whole and is run again."""


class Store:
    """An open account store. Its methods block; the engine uses `accounts.async_store.AsyncStore`."""

    def __init__(self, url: URL, writer: Engine, reader: Engine) -> None:
        self.url = url
        self._writer = writer
        self._reader = reader
        self._engine_lock: locks.ProcessLock | None = None
        # Threads of this process wait for each other here; SQLite's own waiting is a poll, kept for other processes.
        self._turn = Lock() if url.get_backend_name() == "sqlite" else nullcontext()
        self._reading_turn = self._turn if reader is writer else nullcontext()

    def write(self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation as one transaction; durable when this returns.

        Raises:
            StoreError: one of `accounts.errors`; nothing of the operation was kept.
        """
        with self._turn:
            return _run(self._writer, operation, *args, **kwargs)

    @property
    def commits_together(self) -> bool:
        """Whether waiting operations are best committed together: where one writer is alone and each commit is a sync.

        A server has writers beside us, and rows kept locked for longer than need be would make them wait.
        """
        return self.url.get_backend_name() == "sqlite"

    def write_together(self, jobs: Sequence[Job]) -> Sequence[object | Exception]:
        """Run several operations in order and commit them with one sync; durable when this returns.

        Each stands for itself: one that raises is undone alone, and its exception stands at its place in the answer.

        Raises:
            StoreError: nothing of any of them was kept.
        """
        with self._turn:
            return _run(self._writer, _each_by_itself, jobs)

    def read(self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that only reads, on one snapshot, without waiting for writers."""
        with self._reading_turn:
            return _run(self._reader, operation, *args, **kwargs)

    def lock_engine(self, name: str = "engine") -> None:
        """Claim the store for this engine process until `close`: a SQLite file whole, on PostgreSQL the engine's name.

        Raises:
            SecondEngineError: another process has it.
            StoreUnreachableError: no answer.
        """
        if self._engine_lock is not None:
            return
        lock = locks.take(self.url, self._lock_name(name), patience_s=_ENGINE_LOCK_PATIENCE_S)
        if lock is None:
            raise SecondEngineError(self._second_engine(name))
        self._engine_lock = lock

    def keep_engine_lock(self, name: str = "engine") -> str:
        """Look whether `lock_engine` still holds, and take it again if it was lost; empty, or why it is not held.

        A lock on PostgreSQL is lost with its connection, and another process may have taken it since. Blocks as long as
        the server takes to answer. Not for several threads at a time.
        """
        if self._engine_lock is not None and self._engine_lock.still_held():
            return ""
        if self._engine_lock is not None:
            self._engine_lock.release()
            self._engine_lock = None
        try:
            self._engine_lock = locks.take(self.url, self._lock_name(name))
        except StoreError as error:
            return str(error)
        return "" if self._engine_lock is not None else self._second_engine(name)

    def lock(self, name: str, *, shared: bool = False, patience_s: float = 0.0) -> locks.ProcessLock | None:
        """A lock of this store that ends with the process; see `accounts.locks.take`."""
        return locks.take(self.url, name, shared=shared, patience_s=patience_s)

    def close(self) -> None:
        """Close every connection and give up the engine lock."""
        self._reader.dispose()
        self._writer.dispose()
        if self._engine_lock is not None:
            self._engine_lock.release()
            self._engine_lock = None

    def _lock_name(self, engine: str) -> str:
        return "engine" if self.url.get_backend_name() == "sqlite" else f"engine-{engine}"

    def _second_engine(self, name: str) -> str:
        if self.url.get_backend_name() == "sqlite":
            return (
                "another engine already runs on this account store; stop it first (PostgreSQL serves several engines)"
            )
        return (
            f"an engine of the name {name!r} already runs on this account store; stop it, or give this one a name of "
            "its own: engine_name in fairdial.toml"
        )


def _run(engine: Engine, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    for tries_left in reversed(range(_TRIES)):
        try:
            with engine.begin() as tx:
                return operation(tx, *args, **kwargs)
        except DBAPIError as error:
            if tries_left and dialect.is_worth_repeating(error):
                continue
            plain = dialect.plain_error(error)
            if plain is None:
                raise
            raise plain from error
    raise AssertionError("the last try returns or raises")


def _each_by_itself(tx: Connection, jobs: Sequence[Job]) -> Sequence[object | Exception]:
    results: list[object | Exception] = []
    for job in jobs:
        tx.exec_driver_sql("SAVEPOINT job")
        try:
            results.append(job(tx))
        except Exception as error:
            if isinstance(error, DBAPIError) and dialect.is_about_everything(error):
                raise
            tx.exec_driver_sql("ROLLBACK TO job")
            results.append(error)
        tx.exec_driver_sql("RELEASE job")
    return results


def open_store(url: str | Path, now: datetime) -> Store:
    """Open (or make) an account store and bring its schema up to date.

    Args:
        url: a path for SQLite, or an SQLAlchemy address such as `postgresql+psycopg://user@host/name`. `:memory:` is a
            store that lives as long as it is open, for tests and simulations.
        now: decides which monthly partitions are made on PostgreSQL.

    Raises:
        StoreUnreachableError: no such place, or no answer.
        WrongSchemaError: a newer version, or not an account store.
    """
    address = _address(url)
    writer = dialect.make_engine(address, writer=True)
    if dialect.is_in_memory(address):
        store = Store(address, writer, writer)
    else:
        if address.get_backend_name() == "sqlite":
            _make_private_file(Path(str(address.database)))
        store = Store(address, writer, dialect.make_engine(address, writer=False))
    try:
        store.write(schema.upgrade)
        store.write(dialect.ensure_partitions, PARTITIONED, now)
    except BaseException:
        store.close()
        raise
    return store


def _address(url: str | Path) -> URL:
    if isinstance(url, Path) or "://" not in url:
        return URL.create("sqlite", database=str(url))
    try:
        return make_url(url)
    except ArgumentError as error:
        raise StoreUnreachableError(
            "the address of the account store cannot be read; give a path, or postgresql+psycopg://user@host/name"
        ) from error


def _make_private_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, locks.PRIVATE_FILE))
    except OSError as error:
        raise StoreUnreachableError(
            "the account store's file cannot be made or opened; check its folder and its owner"
        ) from error
