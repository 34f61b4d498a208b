"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket nobody else has, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import psycopg

from accounts.store import open_store

SCHEMA_FROM: Final = datetime(2026, 12, 1, tzinfo=UTC)
"""The month from which on there are partitions, as the tests' calendars have it."""


class Server:
    """Gives out empty databases whose schema is already there, and can be stopped and started again.

    Args:
        control: runs `pg_ctl` with these arguments.
    """

    def __init__(self, folder: Path, control: Callable[..., None]) -> None:
        self._folder = folder
        self._control = control
        self._numbers = count()
        self._run("CREATE DATABASE template_accounts")
        open_store(self.url("template_accounts"), SCHEMA_FROM).close()

    def stop(self) -> None:
        """Break every connection and end, without time for anything."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start again, and recover what was committed."""
        self._control("start")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self._folder}"

    def new_database(self) -> str:
        name = f"test_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE template_accounts STRATEGY FILE_COPY")
        return self.url(name)

    def _run(self, statement: str) -> None:
        with psycopg.connect(f"host={self._folder} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(statement)


def binaries() -> Path | None:
    """The folder of the newest installed server, Debian's or one on the path; None without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def running(bin_folder: Path) -> Iterator[Server]:
    """Start a server that trusts its socket and does not wait for the disk; stop and remove it at the end."""
    folder = Path(mkdtemp(prefix="fairdial-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_user = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"
    settings = f"listen_addresses = ''\nunix_socket_directories = '{folder}'\nfsync = off\nmax_connections = 60\n"

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, capture_output=True, cwd="/")  # noqa: S603  # our own words

    def control(*what: str) -> None:
        run(str(bin_folder / "pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-w", *what)

    run(str(bin_folder / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    with (data / "postgresql.conf").open("a") as file:
        file.write(settings)
    control("start")
    try:
        yield Server(folder, control)
    finally:
        control("-m", "immediate", "stop")
        shutil.rmtree(folder)
