"""Why a campaign dials or does not, for a terminal: every account of its lists in exactly one row, and what comes."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accounts.funnel import Funnel
from reports.terminal import printable

_BAR_WIDTH: Final = 16


def render(name: str, words: str, funnel: Funnel, zone: tzinfo = UTC) -> RenderableType:
    """The funnel under the campaign's name, and what comes next below it.

    Args:
        name: the campaign's.
        words: what its loop in the engine does now.
        funnel: counts of one instant.
        zone: the zone in which times are shown.
    """
    title = Text.assemble((printable(name).plain, "bold"), f"  {funnel.status.value}")
    if not funnel.total:
        return Group(title, Text("No accounts: import a list into this campaign first.", style="yellow"))
    next_step = Text(funnel.headline, style="bold")
    return Group(title, Text(), funnel_table(funnel, zone), Text(), next_step, printable(words))


def funnel_table(funnel: Funnel, zone: tzinfo) -> Table:
    """One row a state and reason. A difference to the lists' size is a row of its own, never hidden."""
    counted = sum(row.count for row in funnel.rows)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, show_footer=True)
    table.add_column("state", footer="all", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    table.add_column("accounts", justify="right", footer=f"{funnel.total:,}", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("first due", no_wrap=True)
    for state, group in groupby(funnel.rows, key=lambda row: row.state):
        for place, row in enumerate(group):
            table.add_row(
                Text(state.value if place == 0 else ""),
                printable(row.reason) if row.reason else Text("·", style="dim"),
                f"{row.count:,}",
                _bar(row.count, funnel.total),
                _when(row.next_at, zone),
            )
    if counted != funnel.total:
        off = Text(f"{funnel.total - counted:+,}", style="bold red")
        table.add_row("", Text("not accounted for", style="bold red"), off, "", "")
    return table


def _bar(count: int, size: int) -> Text:
    """Its share of the whole; any account at all is at least a sliver."""
    eighths = max(1, round(count / size * _BAR_WIDTH * 8)) if size and count else 0
    return Text("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip(), style="cyan")


def _when(instant: datetime | None, zone: tzinfo) -> Text:
    if instant is None:
        return Text()
    local = instant.astimezone(zone)
    return Text(f"{local:%a} {local.day} {local:%b %H:%M %Z}")
