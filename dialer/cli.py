"""`dialer`: the command line. Each command is thin; what it does lives in the module it calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from accounts import campaigns, retention, suppression
from accounts.importing.load import ImportPlan, load
from accounts.importing.preview import preview
from compliance.facts import SuppressionKind
from dialer import campaign_cli, compliance_cli, officer_cli, run_cli, simulate_cli, trunk_cli
from dialer import settings as settings_file
from dialer.agent_terminal import agent
from dialer.asterisk import cli as asterisk_cli
from dialer.carrier_cli import carrier
from dialer.command_line import console, fail, opened_store
from dialer.demo.cli import demo
from dialer.doctor import doctor
from dialer.phone_cli import phone as telephone
from dialer.stop_switch import StopSwitch
from domain import phone
from domain.clock import SystemClock

app = typer.Typer(
    help="Fairdial: predictive dialing for regulated outbound calling.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(campaign_cli.app, name="campaign")
app.add_typer(run_cli.agents_app, name="agents")
app.add_typer(asterisk_cli.app, name="asterisk")
app.add_typer(trunk_cli.app, name="trunk")
app.add_typer(compliance_cli.app, name="compliance")
app.add_typer(simulate_cli.app, name="simulate")
app.command()(demo)
app.command()(run_cli.run)
app.command()(carrier)
app.command("phone")(telephone)
app.command()(agent)
app.command()(doctor)
app.command("import-history")(officer_cli.import_history)


@app.command("import")
def import_accounts(
    file: Annotated[Path, typer.Argument(help="CSV file")],
    client: Annotated[str, typer.Option(help="the creditor the accounts belong to")],
    campaign: Annotated[str, typer.Option(help="put the accounts on this campaign's list")] = "",
    column: Annotated[list[str] | None, typer.Option(help="FIELD=HEADER, where the guess is wrong")] = None,
    complete: Annotated[bool, typer.Option(help="the file is everything: accounts it lacks are recalled")] = False,
    look: Annotated[bool, typer.Option("--preview", help="show what would be read; change nothing")] = False,
) -> None:
    """Load accounts from a file. Rows that cannot be used are listed in a file beside it; nothing is half-loaded."""
    told = dict(_pair(text) for text in column or [])
    if look:
        _show_preview(file, told)
        return
    with (
        opened_store() as store,
        Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
        ) as bar,
    ):
        target = store.read(campaigns.find, campaign).id if campaign else None
        task = bar.add_task("reading", total=None)
        report = load(
            store,
            file,
            ImportPlan(client=client, campaign=target, columns=told, complete=complete),
            SystemClock(),
            file.with_name(f"{file.stem}.errors.csv"),
            lambda now: bar.update(task, description=now.phase.value, completed=now.done, total=now.total or None),
        )
    console.print(
        f"{report.rows} rows: {report.new} new, {report.changed} changed, {report.same} as before, "
        f"{report.recalled} recalled, {report.bad} not usable.",
        highlight=False,
    )
    if report.errors_file is not None:
        console.print(f"What is wrong with which row: {report.errors_file}", highlight=False)


@app.command()
def suppress(
    number: Annotated[str, typer.Argument(help="the number, as people write it")],
    kind: Annotated[SuppressionKind, typer.Option(help="why")] = SuppressionKind.INTERNAL_DNC,
    country: Annotated[str, typer.Option(help="country of a number without a plus sign")] = "US",
) -> None:
    """Never call this number again, in any campaign; in force before the next call is placed."""
    parsed = phone.parse(number, country.upper())
    with opened_store() as store:
        new = store.write(suppression.suppress, kind, SystemClock().now(), number=parsed, source="operator")
    console.print(f"{parsed.masked} is {'now' if new else 'already'} suppressed: {kind.value}.", highlight=False)


@app.command("retention")
def show_retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would be removed; remove nothing")] = False,
) -> None:
    """What has been kept long enough by [retention] of fairdial.toml, and what stays all the same and why."""
    if not dry_run:
        fail("this version removes nothing yet: say --dry-run to see what has been kept long enough")
    settings = settings_file.load()
    table = Table()
    table.add_column("kind")
    for column in ("kept for", "older than", "would go", "stays: may still count", "stays: disputed"):
        table.add_column(column, justify="right")
    with opened_store(settings) as store:
        periods = retention.Periods(**settings.retention.model_dump())
        for share in store.read(retention.plan, periods, SystemClock().now()):
            if share.before is None:
                table.add_row(share.kind, "ever", "", "", "", "")
            else:
                days = getattr(periods, share.kind)
                counts = (f"{count:,}" for count in (share.goes, share.counted, share.quarrelled))
                table.add_row(share.kind, f"{days} days", f"{share.before:%Y-%m-%d}", *counts)
    console.print(table)


@app.command()
def stop(
    now: Annotated[bool, typer.Option("--now", help="pull the switch")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="allow dialing again")] = False,
) -> None:
    """The kill switch: nothing is dialed while it is pulled. Works without the database and without an engine."""
    switch = StopSwitch(settings_file.load().state_dir)
    if now == reset:
        fail("say --now to stop all dialing, or --reset to allow it again")
    if now:
        switch.pull()
        console.print(
            "Stopped: no call is placed any more. Calls that are up go on. `dialer stop --reset` undoes this."
        )
    else:
        switch.reset()
        console.print("Dialing is allowed again.")


def _pair(text: str) -> tuple[str, str]:
    field, found, header = text.partition("=")
    if not found:
        fail("--column takes FIELD=HEADER, as phone='Mobile number'")
    return field, header


def _show_preview(file: Path, told: dict[str, str]) -> None:
    found = preview(file, told)
    columns = Table(title=f"{file.name}: what each column is taken for", title_justify="left")
    columns.add_column("field")
    columns.add_column("column of the file")
    for field, header in found.columns.items():
        columns.add_row(field, header)
    console.print(columns)
    if found.unused:
        console.print(f"Not used: {', '.join(found.unused)}", highlight=False, markup=False)
    console.print(f"{found.good} of the first {found.looked_at} rows can be used.", highlight=False)
    for error in found.errors:
        console.print(
            f"row {error.row}, {error.column}: {error.what}; {error.what_to_do}", highlight=False, markup=False
        )
