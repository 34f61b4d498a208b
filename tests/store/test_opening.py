"""Opening a store, and what is said when the database is not as it should be: one clear line each."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from accounts import dialect, schema
from accounts.async_store import AsyncStore
from accounts.errors import (
    SecondEngineError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnreachableError,
    WrongSchemaError,
)
from accounts.store import Store, open_store
from accounts.tables import metadata

from .constants import NOON

pytestmark = pytest.mark.store


def one_line(error: pytest.ExceptionInfo[StoreError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnreachableError) as error:
        open_store(tmp_path / "file" / "accounts.db", NOON)
    assert "folder" in one_line(error)


def test_a_server_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreachableError) as error:
        open_store(f"postgresql+psycopg://nobody@/nowhere?host={tmp_path}", NOON)
    assert "server" in one_line(error)


def test_an_address_that_cannot_be_read_is_said_so() -> None:
    with pytest.raises(StoreUnreachableError):
        open_store("postgresql://[", NOON)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    path.write_text("dear diary, " * 1000)
    with pytest.raises(WrongSchemaError) as error:
        open_store(path, NOON)
    assert "not an account store" in one_line(error)
    assert path.read_text().startswith("dear diary")


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name)")
    other.close()
    with pytest.raises(WrongSchemaError, match="give an empty one"):
        open_store(path, NOON)


def test_a_store_of_a_newer_version_is_refused(url: str) -> None:
    store = open_store(url, NOON)
    store.write(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    store.close()
    with pytest.raises(WrongSchemaError, match="9999") as error:
        open_store(url, NOON)
    assert "install" in one_line(error)


def test_opening_again_changes_nothing_and_the_schema_is_that_of_the_tables(url: str) -> None:
    open_store(url, NOON).close()
    store = open_store(url, NOON)

    def differences(tx: Connection) -> list[object]:
        names = set(metadata.tables)
        options = {"include_object": lambda thing, name, kind, *_: kind != "table" or name in names}
        return list(compare_metadata(MigrationContext.configure(tx, opts=options), metadata))

    found = store.read(differences)
    store.close()
    assert found == []


def test_the_newest_revision_is_found_without_alembic_and_is_the_one_that_alembic_finds() -> None:
    assert schema.heads() == list(ScriptDirectory(str(Path(schema.__file__).parent / "migrations")).get_heads())


def test_a_second_engine_process_is_refused_and_may_come_when_the_first_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    first = open_store(path, NOON)
    first.lock_engine()
    script = (
        "import sys; from datetime import datetime; from pathlib import Path; from accounts.store import open_store\n"
        "from accounts.errors import SecondEngineError\n"
        "store = open_store(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))\n"
        "try: store.lock_engine()\n"
        "except SecondEngineError as error: sys.exit(str(error))\n"
    )
    command = [sys.executable, "-c", script, str(path), NOON.isoformat()]
    refused = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "stop it first" in refused.stderr
    first.close()
    assert subprocess.run(command, check=False).returncode == 0


def test_within_one_process_too_only_one_store_is_the_engines(tmp_path: Path) -> None:
    first, second = (open_store(tmp_path / "accounts.db", NOON) for _ in range(2))
    first.lock_engine()
    with pytest.raises(SecondEngineError):
        second.lock_engine()
    first.close()
    second.close()


def test_a_database_locked_by_another_program_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "BUSY_TIMEOUT_S", 0.05)
    store = open_store(tmp_path / "accounts.db", NOON)
    other = sqlite3.connect(tmp_path / "accounts.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLockedError) as error:
        store.write(lambda tx: None)
    other.close()
    assert "another process" in one_line(error)
    store.write(lambda tx: None)
    store.close()


def test_a_full_disk_is_said_so_and_nothing_of_the_transaction_stays(tmp_path: Path) -> None:
    store = open_store(tmp_path / "accounts.db", NOON)

    def fill(tx: Connection) -> None:
        tx.execute(text("PRAGMA max_page_count = 1"))  # as small as it is now: what a full disk looks like to SQLite
        tx.execute(text("INSERT INTO clients (name, created_at) VALUES (:name, 0)"), {"name": "kept?"})
        tx.execute(text("CREATE TABLE more AS SELECT zeroblob(100000) AS a"))

    with pytest.raises(StoreFullError) as error:
        store.write(fill)
    assert "free space" in one_line(error)
    assert store.read(lambda tx: tx.execute(text("SELECT count(*) FROM clients")).scalar_one()) == 0
    store.close()


def test_a_file_of_the_store_is_for_its_owner_only(tmp_path: Path) -> None:
    open_store(tmp_path / "accounts.db", NOON).close()
    assert (tmp_path / "accounts.db").stat().st_mode & 0o077 == 0


def test_every_write_waits_for_the_disk(store: Store) -> None:
    setting = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}
    found = store.write(lambda tx: tx.execute(text(setting[tx.dialect.name])).scalar_one())
    assert found in {2, "on"}  # SQLite's FULL


async def test_operations_run_off_the_event_loop_in_the_order_they_were_asked_for(store: Store) -> None:
    accounts = AsyncStore(store)
    insert = text("INSERT INTO meta (key, value) VALUES (:key, :key)")
    for key in ("a", "b", "c"):
        await accounts.write(lambda tx, key=key: tx.execute(insert, {"key": key}))
    with pytest.raises(ZeroDivisionError):
        await accounts.write(lambda tx: tx.execute(insert, {"key": "never"}) and 1 / 0)
    found = await accounts.read(lambda tx: tx.execute(text("SELECT key FROM meta ORDER BY key")).scalars().all())
    assert found == ["a", "b", "c"]
    await accounts.aclose()
