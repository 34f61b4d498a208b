"""What `dialer simulate` found, as tables a manager can read; `--json` keeps the exact names and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pacing.simulation.study import Outlook, Range
from reports.terminal import printable

NOTHING: Final = "–"
"""Shown where there is no figure."""
_DAYS: Final = 6
"""So many days are listed; of more, the worst is named."""


def print_run(result: Mapping[str, object]) -> None:
    """One run of one policy. A figure this page has no words for is shown under its own name."""
    title = f"{result['workload']}, {result['policy']}, seed {result['seed']}"
    table = Table(title=printable(title), title_justify="left", box=None, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    known = [name for name in _FIGURES if name in result]
    for name in (*known, *(name for name in result if name not in {*known, "workload", "policy", "seed"})):
        label, shown = _FIGURES.get(name, (name.replace("_", " "), str))
        table.add_row(label, NOTHING if result[name] is None else shown(result[name]))
    Console(highlight=False).print(table)


def _percent(value: object, digits: int = 1) -> str:
    return f"{100 * float(str(value)):.{digits}f} %"


def _fine(value: object) -> str:
    return _percent(value, 2)


def _count(value: object) -> str:
    return f"{int(str(value)):,}".replace(",", " ")


def _number(unit: str = "", digits: int = 1) -> Callable[[object], str]:
    return lambda value: f"{float(str(value)):.{digits}f}{unit}"


def _between(value: object) -> str:
    return " to ".join(map(_fine, value)).replace(" %", "", 1) if isinstance(value, Sequence) else str(value)


def _days(value: object) -> str:
    if not isinstance(value, Sequence) or not value:
        return NOTHING
    first = ", ".join(map(_fine, value[:_DAYS]))
    return first if len(value) <= _DAYS else f"{first}, … ({len(value)} days, the worst {_fine(max(value))})"


def _times(value: object) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    return ", ".join(f"{name} {float(str(ms)):.2g} ms" for name, ms in value.items())


_FIGURES: Final[Mapping[str, tuple[str, Callable[[object], str]]]] = {
    "utilisation": ("talk and wrap-up, of signed-in time", _percent),
    "talk_share": ("talk, of signed-in time", _percent),
    "idle_s_per_call": ("wait between calls", _number(" s")),
    "agent_hours": ("agents' hours", _number()),
    "lines_per_agent": ("lines per agent", _number(digits=2)),
    "answered": ("live answers", _count),
    "abandoned": ("abandoned calls", _count),
    "abandonment": ("abandoned, of live answers", _fine),
    "abandonment_ci95": ("  with 95 % confidence", _between),
    "worst_15min": ("  worst 15 minutes, surely at least", _fine),
    "days": ("  day by day", _days),
    "released": ("ringing lines let go", _count),
    "decisions": ("decisions taken", _count),
    "decision_ms": ("time of a decision", _times),
}


def print_outlooks(outlooks: Sequence[Outlook], asked: str) -> None:
    """A row of means for each team, its ranges dim below: both fit 80 columns."""
    table = Table(
        title=printable(f"What if? {asked}"),
        caption="Below each figure: where its mean lies, with 95 % confidence.",
        box=SIMPLE_HEAD,
        leading=1,
    )
    for column in ("agents", "talk and\nwrap-up", "conversations\nper agent hour", "wait between\ncalls", "abandoned"):
        table.add_column(column, justify="right", no_wrap=True)
    for outlook in outlooks:
        cells = (
            _cell(outlook.utilisation, ".1f", " %", 100.0),
            _cell(outlook.calls_per_hour, ".1f"),
            _cell(outlook.idle_s, ".0f", " s"),
            _cell(outlook.abandonment, ".2f", " %", 100.0),
        )
        table.add_row(str(outlook.agents), *cells)
    console = Console(highlight=False)
    console.print(table)
    for outlook in outlooks:
        bar = "█" * round(40 * outlook.utilisation.mean)
        console.print(f"{outlook.agents:>7} agents {bar:<40} {100 * outlook.utilisation.mean:.0f} %")


def _cell(found: Range | None, digits: str, unit: str = "", times: float = 1.0) -> Text:
    if found is None:
        return Text(NOTHING)
    mean, low, high = (format(times * figure, digits) for figure in (found.mean, found.low, found.high))
    between = f"{low} to {high}{unit}" if found.low < found.high else NOTHING
    return Text.assemble(f"{mean}{unit}\n", (between, "dim"))
