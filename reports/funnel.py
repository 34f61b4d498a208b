"""Why a campaign dials or does not, for a terminal: every account of its lists in exactly one row, and what comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import groupby
from typing import Protocol

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports.terminal import printable

_BAR_WIDTH = 16


class FunnelRow(Protocol):
    """So many accounts in one state for one reason."""

    @property
    def state(self) -> StrEnum: ...

    @property
    def reason(self) -> str | None:
        """A reason code, an outcome or a word of the store; None where the state says it all."""
        ...

    @property
    def count(self) -> int: ...

    @property
    def next_at(self) -> datetime | None:
        """When the first of them is due, for accounts that wait."""
        ...


def funnel_table(rows: Sequence[FunnelRow], size: int, now: datetime, zone: tzinfo) -> Table:
    """The funnel, adding up to the size of the lists.

    Args:
        rows: rows of one state one after the other.
        size: accounts in the campaign's lists. A difference to the rows is shown as a row of its own, never hidden.
        now: the calendar instant, to name days.
        zone: the zone in which times are shown.
    """
    counted = sum(row.count for row in rows)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, show_footer=True)
    table.add_column("state", footer="all", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    table.add_column("accounts", justify="right", footer=f"{size:,}", no_wrap=True)
    table.add_column("", footer="", no_wrap=True)
    table.add_column("first due", no_wrap=True, footer="")
    for state, group in groupby(rows, key=lambda row: row.state):
        for place, row in enumerate(group):
            table.add_row(
                Text(state.value.replace("_", " ") if place == 0 else ""),
                printable(row.reason or "") if row.reason else Text("·", style="dim"),
                f"{row.count:,}",
                _bar(row.count, size),
                _when(row.next_at, now, zone),
            )
    if counted != size:
        difference = Text("not accounted for", style="bold red")
        table.add_row("", difference, Text(f"{size - counted:+,}", style="bold red"), "", "")
    return table


def funnel_report(
    name: str, headline: str, rows: Sequence[FunnelRow], size: int, now: datetime, zone: tzinfo
) -> RenderableType:
    """The table under the campaign's name, with what comes next in one line below."""
    title = Text.assemble((printable(name).plain, "bold"), f"  at {_clock(now, zone)}")
    if not size:
        return Group(title, Text("No accounts: import a list into this campaign first.", style="yellow"))
    return Group(title, Text(), funnel_table(rows, size, now, zone), Text(), Text(headline, style="bold"))


def _bar(count: int, size: int) -> Text:
    """Its share of the whole; any account at all is at least a sliver."""
    eighths = max(1, round(count / size * _BAR_WIDTH * 8)) if size and count else 0
    return Text("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip(), style="cyan")


def _when(instant: datetime | None, now: datetime, zone: tzinfo) -> Text:
    if instant is None:
        return Text()
    local, today = instant.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return Text(f"{local:%H:%M}")
    if local.date() == today + timedelta(days=1):
        return Text(f"tomorrow {local:%H:%M}")
    return Text(f"{local:%a} {local.day} {local:%b %H:%M}")


def _clock(now: datetime, zone: tzinfo) -> str:
    return f"{now.astimezone(zone):%H:%M %Z}"
