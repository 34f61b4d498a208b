"""The part of the demo's report that says why each campaign dialed as it did: its decisions, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from dialer.campaign_loop import LoopStatus
from dialer.pacer import Reason
from domain.mode import Mode
from pacing.decision import CapCode
from reports.terminal import printable

SHOWN: Final = 4
"""Reasons shown of each campaign."""

_MEANING: Final[Mapping[CapCode, str]] = {
    CapCode.STALE: "the picture of the floor could not be trusted for a moment",
    CapCode.NO_AGENT: "no agent was due back for a call",
    CapCode.NO_READY_AGENT: "no agent was ready, and the mode dials only for ready agents",
    CapCode.BAD_SNAPSHOT: "a figure of the floor made no sense",
    CapCode.BRAKE: "the budget of abandoned calls was used up",
    CapCode.THETA: "one more line would have been too likely to reach a person whom no agent could serve",
    CapCode.LEARNING: "too few calls had ended to know how many people answer",
    CapCode.RATIO: "the fixed number of lines for each ready agent was out",
    CapCode.READY_AGENTS: "each ready agent had a line already, or none was ready",
    CapCode.INBOUND: "agents were kept back for incoming calls",
    CapCode.MAX_LINES: "the campaign's own limit of lines was reached",
    CapCode.CHANNELS: "the trunk had no free channel",
    CapCode.CALLS_PER_SECOND: "the trunk's calls per second were used up",
    CapCode.CALLER_ID: "the caller IDs' daily caps were used up",
    CapCode.ACCOUNTS: "no further account could be dialed now",
}


def decisions_part(campaigns: Sequence[LoopStatus]) -> RenderableType:
    """Each campaign's reasons, most frequent first, with the latest sentence each gave; then where it ended."""
    parts: list[RenderableType] = [Rule("[bold]Why lines were dialed or not[/bold]", align="left")]
    for status in campaigns:
        title = Text.assemble((printable(status.campaign.name).plain, "bold"), f"  {status.campaign.settings.mode}")
        parts.append(Padding(Group(title, _table(status.reasons), Text(_end(status))), (0, 0, 1, 1)))
    return Group(*parts)


def _table(reasons: Sequence[Reason]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("decisions", justify="right")
    table.add_column("what kept it from more lines")
    table.add_column("as it said, the last time")
    for reason in reasons[:SHOWN]:
        table.add_row(f"{reason.decisions:,}", _MEANING[reason.code], printable(reason.words))
    return table


def _end(status: LoopStatus) -> str:
    figures = status.figures
    target = status.campaign.settings.target_abandonment
    predictive = status.campaign.settings.mode is Mode.PREDICTIVE
    accepted = f", {figures.theta:.2%} chance to meet no agent accepted" if predictive else ""
    return (
        f"At the end: {status.abandoned_today} of {status.live_today} people who answered were abandoned (target "
        f"{target:.0%}); {figures.answer_p:.0%} of dials expected to reach a person{accepted}; "
        f"{figures.learned_from} dials known."
    )
