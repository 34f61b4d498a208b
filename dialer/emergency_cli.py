"""`dialer compliance emergency`: an officer switches declared states of emergency on and off; in force at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from accounts import emergencies
from accounts.emergencies import Emergency
from compliance.tables import load_places
from dialer.command_line import console, fail, opened_store
from domain.clock import SystemClock

app = typer.Typer(no_args_is_help=True, help="Declared states of emergency: no solicitation there while they last.")

_KEYS = {"state", "country", "from", "until", "proof"}
By = Annotated[str, typer.Option("--by", help="the person who decides this, by name")]


@app.command()
def declare(
    state: Annotated[str, typer.Argument(help="the state, as LA")],
    until: Annotated[str, typer.Option(help="first instant after it, with offset, as 2026-12-01T00:00:00-06:00")],
    proof: Annotated[str, typer.Option(help="where the declaration can be read")],
    by: By,
    starts: Annotated[str, typer.Option("--from", help="its first instant; now where nothing is said")] = "",
    country: Annotated[str, typer.Option(help="ISO alpha-2")] = "US",
) -> None:
    """Switch an emergency on; it is in force before the next call is placed."""
    row = {"state": state, "country": country, "until": until, "proof": proof, **({"from": starts} if starts else {})}
    _declare([_read(row, "the command line", by)])


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="TOML: [[emergency]] with state, until, proof; from, country if needed")],
    by: By,
) -> None:
    """Switch on every emergency of a file, or none of them where one is wrong. The same file again changes nothing."""
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        fail(f"{file}: cannot be read as TOML: {error}")
    rows = content.get("emergency")
    if content.keys() != {"emergency"} or not isinstance(rows, list) or not rows:
        fail(f"{file}: a list of [[emergency]] tables is expected, and nothing else")
    _declare([_read(row, f"{file}: emergency {number}", by) for number, row in enumerate(rows, start=1)])


@app.command("list")
def list_known() -> None:
    """Emergencies that run or lie ahead."""
    with opened_store() as store:
        found = store.read(emergencies.known, SystemClock().now())
    table = Table("number", "where", "from (UTC)", "until (UTC)", "proof", "declared by")
    for one in found:
        span = (f"{one.starts_at:%Y-%m-%d %H:%M}", f"{one.until:%Y-%m-%d %H:%M}")
        table.add_row(str(one.id), f"{one.country} {one.state}", *span, one.proof, one.declared_by)
    console.print(table, markup=False)


@app.command()
def end(number: Annotated[int, typer.Argument(help="of the list")], by: By) -> None:
    """End an emergency before its time; accounts that waited for it are looked at again."""
    with opened_store() as store:
        store.write(emergencies.end, number, _person(by), SystemClock().now())
    console.print(f"Emergency {number} has ended.", highlight=False)


def _declare(found: list[Emergency]) -> None:
    with opened_store() as store:
        new = store.write(emergencies.declare, found, SystemClock().now())
    console.print(f"{new} new, {len(found) - new} as before. In force before the next call.", highlight=False)


def _read(row: object, where: str, by: str) -> Emergency:
    if not isinstance(row, Mapping):
        fail(f"{where}: a table is expected")
    if unknown := row.keys() - _KEYS:
        fail(f"{where}: {min(unknown)}: unknown; the keys are {', '.join(sorted(_KEYS))}")
    country, state = _word(row, "country", where, "US"), _word(row, "state", where)
    states = load_places().states.get(country)
    if states is None or state not in states:
        fail(f"{where}: state: {state!r} is no state of {country} that the rules know; write it as LA")
    starts = _instant(row["from"], f"{where}: from") if "from" in row else SystemClock().now()
    until = _instant(row.get("until"), f"{where}: until")
    if until <= starts:
        fail(f"{where}: until: it lies before the beginning")
    return Emergency(country, state, starts, until, _word(row, "proof", where), _person(by))


def _word(row: Mapping[str, object], key: str, where: str, default: str | None = None) -> str:
    value = row.get(key, default)
    if not isinstance(value, str) or not value.strip() or len(value) > 300 or not value.isprintable():  # a column
        fail(f"{where}: {key}: a line of text is expected")
    return value.strip()


def _instant(value: object, where: str) -> datetime:
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        fail(f"{where}: {value!r} is no instant; write it as 2026-12-01T00:00:00-06:00")
    if instant.tzinfo is None:
        fail(f"{where}: an offset is needed, as 2026-12-01T00:00:00-06:00")
    return instant.astimezone(UTC)


def _person(name: str) -> str:
    if not 3 <= len(name.strip()) <= 100 or not name.isprintable():
        fail("--by: name the person who decides this")
    return name.strip()
