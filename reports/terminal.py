"""A run's summary for the eye: tables for a terminal, from the same values as `summary.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from reports.goals import Goal, milliseconds
from reports.summary import Evidence, Percentiles, Summary

_SHOWN: Final = 10
"""Single cases listed before the rest is only counted."""


def printable(text: str) -> Text:
    """Text from outside as it may be shown: no markup, no control codes, no marks that turn the reading direction."""
    return Text("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text))


def report(summary: Summary, evidence: Evidence, goals: Sequence[Goal]) -> RenderableType:
    """The whole report. Goals come last, where the eye is when the output stops."""
    counts = [
        counts_table("Outcomes", "engine says", summary.outcomes),
        counts_table("Truth", "carrier saw", summary.carrier_truth),
        counts_table("Blocked", "reason", summary.blocked),
    ]
    parts: list[RenderableType] = [
        Rule("[bold]What happened[/bold]", align="left"),
        Columns(counts, padding=(0, 3)),
        Rule("[bold]Who answered, and what the detector said[/bold]", align="left"),
        confusion_table(summary.amd_confusion),
        Rule("[bold]How long people waited[/bold]", align="left"),
        waits_table(summary),
    ]
    faults = fault_lines(evidence)
    if faults:
        parts += [Rule("[bold]What is wrong[/bold]", align="left", style="red"), *faults]
    parts += [Rule("[bold]Goals[/bold]", align="left"), goals_table(goals), verdict_line(goals)]
    return Group(*(part if isinstance(part, Rule) else Padding(part, (0, 0, 1, 1)) for part in parts))


def counts_table(title: str, heading: str, counts: Mapping[str, int]) -> Table:
    """Names and counts, the largest first, with the sum."""
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, show_footer=True, pad_edge=False
    )
    table.add_column(heading, footer="all")
    table.add_column("", justify="right", footer=str(sum(counts.values())))
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(printable(name), str(count))
    return table


def confusion_table(confusion: Mapping[str, Mapping[str, int]]) -> RenderableType:
    """Truth in rows, verdict in columns. A person not taken for one is red, a machine taken for a person yellow."""
    if not confusion:
        return Text("nobody answered", style="dim")
    verdicts = sorted({verdict for row in confusion.values() for verdict in row}, key=_verdict_order)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("truth")
    for verdict in verdicts:
        table.add_column(verdict, justify="right")
    table.add_column("all", justify="right", style="bold")
    for truth, row in sorted(confusion.items(), key=lambda item: (item[0] != "human", item[0])):
        cells = [_confusion_cell(truth, verdict, row.get(verdict, 0)) for verdict in verdicts]
        table.add_row(printable(truth), *cells, str(sum(row.values())))
    return table


def _verdict_order(verdict: str) -> tuple[int, str]:
    order = ("human", "uncertain", "machine", "fax", "sit", "none")
    return (order.index(verdict) if verdict in order else len(order), verdict)


def _confusion_cell(truth: str, verdict: str, count: int) -> Text:
    if count == 0:
        return Text("·", style="dim")
    taken_for_person = verdict in {"human", "uncertain"}
    if truth == "human" and not taken_for_person and verdict != "none":
        return Text(str(count), style="bold red")
    if truth != "human" and taken_for_person:
        return Text(str(count), style="yellow")
    return Text(str(count))


def waits_table(summary: Summary) -> Table:
    """The two spans that people feel."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("span")
    table.add_column("half within", justify="right")
    table.add_column("99% within", justify="right")
    spans: Iterable[tuple[str, Percentiles]] = (
        (f"verdict to both in the bridge ({summary.connected} connected)", summary.connect_ms),
        ("answer to agent, every person who answered", summary.answer_to_agent_ms),
    )
    for name, span in spans:
        table.add_row(name, milliseconds(span.p50), milliseconds(span.p99))
    return table


def fault_lines(evidence: Evidence) -> list[RenderableType]:
    """Everything that is not as it should be, single cases first; empty when all is well."""
    lines: list[RenderableType] = []
    if evidence.disagreements:
        table = Table(
            title="Outcome and truth differ", title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False
        )
        for heading in ("attempt", "carrier saw", "engine says"):
            table.add_column(heading, no_wrap=heading == "attempt")
        for each in evidence.disagreements[:_SHOWN]:
            table.add_row(Text(each.attempt), printable(each.truth), Text(each.outcome.value))
        lines.append(Group(table, *_rest(len(evidence.disagreements))))
    if evidence.bad_recordings:
        table = Table(
            title="Recordings with faults", title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False
        )
        table.add_column("attempt", no_wrap=True)
        table.add_column("fault")
        for attempt, faults in list(evidence.bad_recordings.items())[:_SHOWN]:
            table.add_row(Text(attempt), printable(", ".join(faults)))
        lines.append(Group(table, *_rest(len(evidence.bad_recordings))))
    sentences = (
        (evidence.unsent, "attempts reserved and never sent to the switch"),
        (evidence.orphans, "INVITEs at the carrier that no attempt accounts for"),
        (evidence.bad_lines, "lines of the engine's file that could not be read"),
    )
    told = [Text(f"{what}: {count}", style="red") for count, what in sentences if count]
    return [*lines, Group(*told)] if told else lines


def _rest(count: int) -> list[RenderableType]:
    return [Text(f"and {count - _SHOWN} more", style="dim")] if count > _SHOWN else []


def goals_table(goals: Sequence[Goal]) -> Table:
    """Each goal with what was measured and what was wanted."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    table.add_column("goal")
    table.add_column("measured", justify="right")
    table.add_column("wanted")
    for goal in goals:
        mark = Text("✓", style="green") if goal.met else Text("✗", style="bold red")
        table.add_row(mark, goal.name, Text(goal.measured, style="" if goal.met else "bold red"), goal.wanted)
    return table


def verdict_line(goals: Sequence[Goal]) -> Text:
    """One line that says it all."""
    missed = [goal.name for goal in goals if not goal.met]
    if missed:
        return Text(f"{len(missed)} of {len(goals)} goals missed: {', '.join(missed)}", style="bold red")
    return Text(f"All {len(goals)} goals met.", style="bold green")
