"""What every command shares: the settings, the store opened for one operation, and errors as one clear line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console

from accounts.errors import StoreError
from accounts.store import Store, open_store
from agent_gateway.disposition import DispositionError
from compliance import PolicyError
from dialer import settings as settings_file
from dialer.ami.errors import AmiError
from dialer.asterisk.errors import AsteriskError
from dialer.settings import Settings, SettingsError
from dialer.shared_state import SharedStateError
from domain.clock import Clock, SystemClock
from domain.money import MoneyError
from domain.phone import PhoneNumberError

console = Console()
errors = Console(stderr=True)

EXPECTED_ERRORS = (
    StoreError,
    AsteriskError,
    AmiError,
    SettingsError,
    PolicyError,
    PhoneNumberError,
    MoneyError,
    DispositionError,
    SharedStateError,
)
"""Errors whose message already says what happened and what to do."""


class CommandError(Exception):
    """A command cannot be carried out; the message says why and what to do."""


def fail(message: str) -> NoReturn:
    """End the program with one line."""
    raise CommandError(message)


def run_reporting_errors(program: object) -> NoReturn:
    """Run the command line; expected errors end it with one line and status 1, defects keep their traceback."""
    try:
        program()  # type: ignore[operator]  # a Typer application
    except (*EXPECTED_ERRORS, CommandError) as error:
        _end(str(error))
    except OSError as error:  # the machine's fault and not ours: a disk, a folder, a port
        _end(f"{error.filename or 'the system'}: {error.strerror or error}; make room, or check the path and its owner")
    except KeyboardInterrupt:
        errors.print("stopped")
        sys.exit(130)
    sys.exit(0)


def _end(message: str) -> NoReturn:
    errors.print(f"[red]error:[/red] {_plain(message)}", highlight=False, soft_wrap=True)
    sys.exit(1)


@contextmanager
def opened_store(settings: Settings | None = None, clock: Clock | None = None) -> Iterator[Store]:
    """The account store of these settings, closed at the end."""
    chosen = settings or settings_file.load()
    store = open_store(chosen.database_url, (clock or SystemClock()).now())
    try:
        yield store
    finally:
        store.close()


def _plain(text: str) -> str:
    """Text for a terminal: no markup, no control characters."""
    from rich.markup import escape

    return escape("".join(char if char.isprintable() else " " for char in text))
