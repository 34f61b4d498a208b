"""Everything in which SQLite and PostgreSQL differ, in one place: connecting, locking rows, partitions, errors.

Writers on SQLite begin with `BEGIN IMMEDIATE`, so that a reservation is alone from its first read on; on PostgreSQL the
same code locks the rows it decides about. Both commit with full durability.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, StaticPool

from accounts.errors import StoreError, StoreFullError, StoreLockedError, StoreUnreachableError, WrongSchemaError

BUSY_TIMEOUT_S: Final = 5.0
IN_MEMORY: Final = ":memory:"
_LOCK_PERSONS: Final = text("SELECT id FROM persons WHERE id = ANY(:keys) ORDER BY id FOR NO KEY UPDATE")
_LOCK_NUMBERS: Final = text("SELECT e164 FROM numbers WHERE e164 = ANY(:keys) ORDER BY e164 FOR NO KEY UPDATE")
_SQLITE_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
)
_WRITER_CACHE_KIB: Final = 16_000
_READER_CACHE_KIB: Final = 4_000


def is_in_memory(url: URL) -> bool:
    """Whether this is SQLite without a file: one connection, gone when it closes."""
    return url.get_backend_name() == "sqlite" and url.database in {None, "", IN_MEMORY}


def make_engine(url: URL, *, writer: bool) -> Engine:
    """An engine whose transactions begin as readers or as writers. Connects only when first used."""
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, writer=writer)
    options = f"-c lock_timeout={int(BUSY_TIMEOUT_S * 1000)} -c synchronous_commit=on"
    # Parameters are people's names and numbers: they stay out of error texts.
    return create_engine(
        url, hide_parameters=True, pool_pre_ping=True, connect_args={"options": options, "connect_timeout": 5}
    )


def make_lock_engine(url: URL) -> Engine:
    """An engine for one connection of PostgreSQL that holds an advisory lock and does nothing else.

    Both sides look whether the other one is there: a server that goes on believing in a machine that lost its power
    would keep the lock for hours.
    """
    at_the_server = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
    here = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 5000}
    return create_engine(
        url,
        hide_parameters=True,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"options": at_the_server, "connect_timeout": 5, **here},
    )


def _sqlite_engine(url: URL, *, writer: bool) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        poolclass=StaticPool if is_in_memory(url) else None,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun by `begin` below, not guessed by the driver
        cache = _WRITER_CACHE_KIB if writer else _READER_CACHE_KIB
        for pragma in (*_SQLITE_PRAGMAS, f"PRAGMA cache_size = -{cache}"):
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


def is_sqlite(tx: Connection) -> bool:
    return tx.dialect.name == "sqlite"


def lock_persons_then_numbers(tx: Connection, persons: Collection[int], numbers: Collection[str]) -> None:
    """Keep every other reservation for these persons or these numbers out until the transaction ends.

    The order is fixed, persons before numbers and each by its key, so that no two reservations ever wait for each
    other. Once in a transaction: locking more afterwards would break the order. On SQLite the whole transaction
    already is alone.

    NO KEY UPDATE: it excludes others like itself, but not the key-share locks that PostgreSQL takes on a person when
    another transaction writes a row that refers to them (a claim does, and would otherwise deadlock with this).
    """
    if is_sqlite(tx) or not persons:
        return
    tx.execute(_LOCK_PERSONS, {"keys": list(persons)})
    tx.execute(_LOCK_NUMBERS, {"keys": list(numbers)})


def insert_or_ignore(tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows whose key is not there yet."""
    if not rows:
        return
    # Only one of the two is needed, and each takes a while to import.
    if is_sqlite(tx):
        from sqlalchemy.dialects import sqlite

        tx.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)
    else:
        from sqlalchemy.dialects import postgresql

        tx.execute(postgresql.insert(table).on_conflict_do_nothing(), rows)


# --- append-only triggers and monthly partitions (called by migrations and at start) -------------------------------


def refuse_changes(tx: Connection, table: str) -> None:
    """Make a table append-only: UPDATE and DELETE fail in the database itself."""
    if is_sqlite(tx):
        for verb in ("UPDATE", "DELETE"):
            tx.exec_driver_sql(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    tx.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$"
    )
    tx.exec_driver_sql(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def ensure_partitions(tx: Connection, tables: Sequence[Table], now: datetime, months: int = 3) -> None:
    """Monthly partitions on PostgreSQL for this month and the next ones, and a default for anything else.

    Ids begin with the milliseconds of their birth (UUID version 7), so ranges of ids are ranges of time and the id
    alone stays the primary key.
    """
    if is_sqlite(tx):
        return
    for table in tables:
        tx.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {table.name}_rest PARTITION OF {table.name} DEFAULT")
        for ahead in range(months):
            first, after = _month(now, ahead), _month(now, ahead + 1)
            name = f"{table.name}_{first:%Y_%m}"
            tx.exec_driver_sql(
                f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table.name} "
                f"FOR VALUES FROM ('{_id_floor(first)}') TO ('{_id_floor(after)}')"
            )


def _month(now: datetime, ahead: int) -> datetime:
    months = now.year * 12 + now.month - 1 + ahead
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def _id_floor(instant: datetime) -> str:
    return f"{int(instant.timestamp() * 1000):012x}" + "0" * 20


# --- errors ------------------------------------------------------------------------------------------------------


def is_worth_repeating(error: DBAPIError) -> bool:
    """Whether PostgreSQL undid the transaction only because it met another one: a deadlock, a serialization failure."""
    return getattr(error.orig, "sqlstate", None) in {"40P01", "40001"}


def is_about_everything(error: DBAPIError) -> bool:
    """Whether an error says that the store as a whole does not work, and not that one statement was wrong."""
    return plain_error(error) is not None


def plain_error(error: DBAPIError) -> StoreError | None:
    """The store's own error for a driver's, or None where it is a fault of our code and should be seen as it is."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return _sqlite_error(original)
    return _postgres_error(getattr(original, "sqlstate", None), error)


def _sqlite_error(error: sqlite3.Error) -> StoreError | None:
    name = str(getattr(error, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreLockedError(
            f"the account store is locked by another process for more than {BUSY_TIMEOUT_S:g} s; "
            "close other programs that have the file open and try again"
        )
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return StoreFullError("the disk of the account store is full or failing; free space, then try again")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
        return StoreUnreachableError("the account store cannot be opened for writing; check its folder and its owner")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return WrongSchemaError("the file is not an account store, or is damaged; give another file or restore a copy")
    return None


def _postgres_error(state: str | None, error: DBAPIError) -> StoreError | None:
    if state in {"53100", "53200"}:
        return StoreFullError("the disk or memory of the database server is full; free space, then try again")
    if state in {"55P03", "40P01", "40001", "57014"}:
        return StoreLockedError(f"the database kept a row locked for more than {BUSY_TIMEOUT_S:g} s; try again")
    if error.connection_invalidated or state is None or state[:2] in {"08", "57", "28", "3D"}:
        return StoreUnreachableError(
            "the database server does not answer or refuses the login; check the server and the address"
        )
    return None
