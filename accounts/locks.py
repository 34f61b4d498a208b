"""Locks that end with the process that holds them, however it ends: one engine a name, one hand on unfinished imports.

On SQLite they are locked files beside the database; on PostgreSQL advisory locks of a session of their own, which the
server gives up when the connection breaks. That can happen to a living process too: whoever relies on such a lock asks
`still_held` from time to time and stops what it does when the answer is no. A connection pooler in transaction mode
cannot carry them.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from accounts import dialect

PRIVATE_FILE: Final = 0o600
_TRY_EVERY_S: Final = 0.05
_LOCK_NOT_AVAILABLE: Final = "55P03"


class ProcessLock(Protocol):
    """A lock that is held."""

    def still_held(self) -> bool:
        """Ask; may take some seconds when the server does not answer."""
        ...

    def release(self) -> None:
        """Give it up. More than once does no harm."""
        ...


def take(address: URL, name: str, *, shared: bool = False, patience_s: float = 0.0) -> ProcessLock | None:
    """Take a lock of an account store; None when somebody else has it.

    Args:
        name: letters, digits, dash and underscore.
        shared: several may hold it together, none of them beside one that does not share.
        patience_s: how long to wait for it; a killed process's lock may take a moment to go. Negative: for ever.

    Raises:
        StoreError: the lock's file or the server cannot be reached.
    """
    if dialect.is_in_memory(address):
        return _Alone()
    if address.get_backend_name() == "sqlite":
        return _take_file(Path(f"{address.database}.{name}-lock"), shared=shared, patience_s=patience_s)
    return _take_on_server(address, name, shared=shared, patience_s=patience_s)


class _Alone:
    """Of a store in memory, which no other process can reach."""

    def still_held(self) -> bool:
        return True

    def release(self) -> None:
        pass


class _FileLock:
    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def still_held(self) -> bool:
        return self._handle is not None

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _take_file(path: Path, *, shared: bool, patience_s: float) -> ProcessLock | None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        if patience_s < 0:
            fcntl.flock(handle, how)
            return _FileLock(handle)
        for tries_left in reversed(range(1 + round(patience_s / _TRY_EVERY_S))):
            with suppress(BlockingIOError):
                fcntl.flock(handle, how | fcntl.LOCK_NB)
                return _FileLock(handle)
            if tries_left:
                time.sleep(_TRY_EVERY_S)
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


class _ServerLock:
    """Lives as long as its connection, which is used for nothing else."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def still_held(self) -> bool:
        try:
            self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True

    def release(self) -> None:
        # By its own word first: the server hears of a closed connection a moment later.
        with suppress(SQLAlchemyError):
            self._connection.execute(text("SELECT pg_advisory_unlock_all()"))
        with suppress(SQLAlchemyError):
            self._connection.close()
        self._connection.engine.dispose()


def _take_on_server(address: URL, name: str, *, shared: bool, patience_s: float) -> ProcessLock | None:
    verb = "pg_advisory_lock_shared" if shared else "pg_advisory_lock"
    wait_ms = 0 if patience_s < 0 else max(1, round(patience_s * 1000))  # to the server, 0 is for ever
    try:
        connection = dialect.make_lock_engine(address).connect()
    except DBAPIError as error:
        raise dialect.plain_error(error) or error from error
    try:
        connection.execute(text(f"SET lock_timeout = {wait_ms:d}"))
        connection.execute(text(f"SELECT {verb}(hashtextextended(:name, 0))"), {"name": f"fairdial {name}"})
    except DBAPIError as error:
        connection.close()
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            return None
        raise dialect.plain_error(error) or error from error
    return _ServerLock(connection)
