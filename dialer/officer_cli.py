"""The compliance officer's commands that read the account store; `compliance_cli` and `cli` say how they are called."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.bar import Bar
from rich.progress import Progress, TaskID
from rich.table import Table

import compliance
from accounts import campaigns, officer
from accounts.importing.history import SHOWN, load_history, near_cap
from accounts.officer import Recorded
from accounts.store import Store
from compliance import diff
from compliance import explain as explaining
from compliance.diff import Preflight
from compliance.facts import CallFacts
from compliance.policy import Policy
from compliance.wire import WireError
from dialer import settings as settings_file
from dialer.command_line import console, errors, fail, opened_store
from domain.clock import SystemClock
from domain.ids import AttemptId, CampaignId
from domain.phone import PhoneNumber, PhoneNumberError

BATCH: Final = 500
"""Accounts or decisions read in one snapshot."""
BAR_WIDTH: Final = 40


def say(facts: CallFacts, policy: Policy, *, blocking: bool) -> None:
    """A sentence per rule, then what follows."""
    for sentence in explaining.explain(facts, policy):
        if sentence.blocks or not blocking:
            typer.echo(f"{'NO ' if sentence.blocks else 'yes'} {sentence.rule} ({sentence.citation}): {sentence.text}")
    typer.echo(explaining.conclusion(facts, policy))


def explain_attempt(attempt: AttemptId, policy: Policy, *, blocking: bool) -> None:
    """The recorded decision of an attempt, its rules in sentences, and whether replay gives the same."""
    with opened_store() as store:
        try:
            found = store.read(officer.decision_of, attempt)
        except WireError as error:
            fail(f"the facts of this decision cannot be read ({error}); another version wrote them: use that one")
    _recorded(found)
    if found.facts is None:
        typer.echo("The facts of this decision are no longer kept: it cannot be replayed.")
        return
    say(found.facts, policy, blocking=blocking)
    different = officer.differences(found, compliance.decide(found.facts, policy))
    if not different:
        typer.echo("Replay gives the recorded decision bit for bit.")
        return
    typer.echo("Replay does NOT give the recorded decision:")
    for line in different:
        typer.echo(f"  {line}")
    if (found.policy_hash, found.tzdata) != (policy.digest, policy.tzdata):
        typer.echo("The rules or the time-zone data of the record are not those of today; replay it with the former.")
    raise typer.Exit(1)


def _recorded(found: Recorded) -> None:
    answer = "allowed" if found.allowed else "blocked"
    counted = "counts" if found.counted else "does not count"
    typer.echo(
        f"Decided at {found.at:%Y-%m-%d %H:%M:%S.%f} UTC: {answer}, {counted} toward limits; rules {found.policy} "
        f"({found.policy_hash[:12]}), time-zone data {found.tzdata}."
    )


def explain_known(number: str, at: datetime, policy: Policy, *, blocking: bool) -> bool:
    """Explain every account that would be called at a number; False where the store knows none."""
    settings = settings_file.load()
    if isinstance(settings.database_url, Path) and not settings.database_url.exists():
        return False
    try:
        called = PhoneNumber(number)
    except PhoneNumberError:
        return False
    with opened_store(settings) as store:
        known = store.read(officer.facts_for_number, called, at)
    for account in known:
        typer.echo(f"Account {account.facts.debt} in campaign {account.campaign}, facts from the store:")
        say(account.facts, policy, blocking=blocking)
    return bool(known)


def preflight(campaign: str, at: datetime | None, policy: Policy) -> None:
    """What the gate would do now with every open account of a campaign. Nothing is written."""
    now = at or SystemClock().now()
    with opened_store() as store, Progress(console=errors, transient=True) as bar:
        found = store.read(campaigns.find, campaign)
        task = bar.add_task("asking the gate", total=store.read(officer.open_entries, found.id))
        result = diff.preflight(_list_facts(store, found.id, now, bar, task), policy)
    show_preflight(f"{found.name} at {now:%Y-%m-%d %H:%M} UTC", result)


def _list_facts(store: Store, campaign: CampaignId, now: datetime, bar: Progress, task: TaskID) -> Iterator[CallFacts]:
    last: int | None = 0
    while last is not None:
        batch, last = store.read(officer.facts_of_list, campaign, now, last, BATCH)
        for facts in batch:
            yield facts
            bar.advance(task)


def show_preflight(title: str, found: Preflight) -> None:
    """A table that adds up to the list, and a histogram of the next callable times."""
    total = found.callable_now + sum(count for _, count in found.by_rule)
    first = dict(found.by_rule)
    table = Table("rule", "first to block", "blocks at all", title=title, title_justify="left")
    for rule, count in found.touched:
        table.add_row(rule, str(first.get(rule, 0)), str(count))
    table.add_section()
    table.add_row("callable now", str(found.callable_now), "")
    table.add_row("accounts", str(total), "")
    console.print(table)
    console.print(_histogram(found))
    console.print(f"Held until a person or a new fact: {found.held}.", highlight=False)


def _histogram(found: Preflight) -> Table:
    """Bars by the hour within two days, by the day beyond."""
    bars: dict[str, int] = {}
    hours = [hour for hour, _ in found.next_callable]
    by_hour = not hours or hours[-1] - hours[0] <= timedelta(days=2)
    for hour, count in found.next_callable:
        label = f"{hour:%a %Y-%m-%d %H:00}" if by_hour else f"{hour:%a %Y-%m-%d}"
        bars[label] = bars.get(label, 0) + count
    most = max(bars.values(), default=1)
    table = Table("callable from (UTC)", "accounts", "", box=None, title="Next callable", title_justify="left")
    for label, count in bars.items():
        table.add_row(label, str(count), Bar(most, 0, count, width=BAR_WIDTH))
    return table


def yesterdays_calls() -> list[CallFacts]:
    """The facts of every decision of yesterday (UTC), from the store."""
    end = datetime.combine(SystemClock().now().astimezone(UTC).date(), time(), UTC)
    calls: list[CallFacts] = []
    last: AttemptId | None = None
    with opened_store() as store:
        while True:
            try:
                batch, last = store.read(officer.facts_decided, end - timedelta(days=1), end, last, BATCH)
            except WireError as error:
                fail(f"the facts of a decision cannot be read ({error}); another version wrote them: use that one")
            if last is None:
                return calls
            calls.extend(batch)


def import_history(
    file: Annotated[Path, typer.Argument(help="CSV file: account or phone, at, result; channel, direction if known")],
    client: Annotated[str, typer.Option(help="the creditor whose accounts were called")],
    zone: Annotated[str, typer.Option(help="zone of instants without an offset, as America/New_York")] = "",
) -> None:
    """Load the trailing attempts of another dialer, so that they count. The same file again changes nothing."""
    try:
        place = ZoneInfo(zone) if zone else None
    except (ZoneInfoNotFoundError, ValueError):
        fail(f"{zone!r} is no time zone; write it as America/New_York")
    now, unusable = SystemClock().now(), file.with_name(f"{file.stem}.errors.csv")
    with opened_store() as store:
        report = load_history(store, file, client, now, unusable, place)
        near = store.read(near_cap, now, report.debts)
    console.print(
        f"{report.rows} rows: {report.new} contacts new, {report.same} as before, {report.bad} not usable.",
        highlight=False,
    )
    if report.bad:
        console.print(f"What is wrong with which row: {unusable}", highlight=False, markup=False)
    table = Table("in the last 7 days", "debts", "persons", title="Near a cap (theirs and ours)")
    for count in SHOWN:
        label = f"{count} calls" + (" or more" if count == SHOWN[-1] else "")
        table.add_row(label, str(near.debts[count]), str(near.persons[count]))
    table.add_row("a conversation (cool-off)", str(near.talked), "")
    console.print(table)
