"""`dialer doctor`: each part looked at by itself, and what to do about what is not well."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import typer
from rich.table import Table

import compliance
from accounts.errors import StoreError
from accounts.store import open_store
from dialer import engine_status
from dialer import settings as settings_file
from dialer.asterisk.checks import Check, check_instance
from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.installation import own_instance
from dialer.command_line import console
from dialer.settings import Settings, SettingsError
from dialer.stop_switch import StopSwitch
from domain.clock import SystemClock

LOW_DISK_BYTES: Final = 2_000_000_000
_OK, _NOT_OK = "[green]✓[/green]", "[red]✗[/red]"


def doctor() -> None:
    """Look at every part and say what to do. Exit status 1 when something is not well."""
    checks = list(findings())
    table = Table(title="Doctor", title_justify="left", show_lines=False)
    table.add_column("")
    table.add_column("what")
    table.add_column("what to do")
    for check in checks:
        table.add_row(_OK if check.ok else _NOT_OK, check.name, check.advice)
    console.print(table, highlight=False)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def findings() -> Iterator[Check]:
    """What was looked at, in the order in which one thing needs the other."""
    try:
        settings = settings_file.load()
    except SettingsError as error:
        yield Check("settings", ok=False, advice=str(error))
        return
    yield Check("settings", ok=True)
    yield _state_dir(settings.state_dir)
    yield _store(settings)
    yield _rules(settings)
    yield _stop_switch(settings.state_dir)
    yield _trunks(settings)
    yield from _asterisk(settings)


def _state_dir(folder: Path) -> Check:
    name = f"state directory {folder}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Check(name, ok=False, advice=f"cannot be made: {error.strerror}; set state_dir")
    if not os.access(folder, os.W_OK):
        return Check(name, ok=False, advice="cannot be written to; change its owner, or set state_dir")
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK_BYTES:
        return Check(name, ok=False, advice=f"{free / 1e9:.1f} GB free; recordings need more: make room")
    return Check(name, ok=True)


def _store(settings: Settings) -> Check:
    name = f"account store (SQLite {sqlite3.sqlite_version})" if not settings.database.url else "account store"
    try:
        open_store(settings.database_url, SystemClock().now()).close()
    except StoreError as error:
        return Check(name, ok=False, advice=str(error))
    return Check(name, ok=True)


def _rules(settings: Settings) -> Check:
    try:
        policy = compliance.load_policy(customer=settings.customer_packs)
    except compliance.PolicyError as error:
        return Check("rule packs and zone data", ok=False, advice=str(error))
    return Check(f"rule packs {policy.name_for('US')}, zone data {policy.tzdata}", ok=True)


def _stop_switch(state_dir: Path) -> Check:
    if StopSwitch(state_dir).is_pulled():
        return Check("kill switch", ok=False, advice="it is pulled: nothing is dialed; `dialer stop --reset`")
    return Check("kill switch", ok=True)


def _trunks(settings: Settings) -> Check:
    if not settings.trunks:
        return Check("trunks", ok=False, advice="none in fairdial.toml; see docs/howto/first-campaign.md")
    running = engine_status.read(settings.state_dir)
    if running.is_running() and (trouble := [words for words in running.trunks.values() if words]):
        return Check("trunks, as the running engine finds them", ok=False, advice="; ".join(trouble))
    live = [trunk.name for trunk in settings.trunks if trunk.live]
    return Check(f"trunks: {len(settings.trunks)}, live: {', '.join(live) or 'none, all on this machine'}", ok=True)


def _asterisk(settings: Settings) -> Iterator[Check]:
    try:
        instance = own_instance(settings)
    except AsteriskError as error:
        yield Check("Asterisk", ok=False, advice=str(error))
        return
    registering = [trunk.name for trunk in settings.trunks if trunk.register_with_carrier]
    yield from asyncio.run(check_instance(instance, registering))
