"""The live view of a running dialer for a terminal: calls, agents, abandonment, machinery, from a frozen snapshot.

`render` is pure; `show` is the thin loop around it. Where the output is no terminal (a pipe, a service's log) one plain
line from time to time takes the picture's place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agent_gateway.agent import AgentState
from dialer.call import CallState
from domain.outcomes import Outcome
from reports.terminal import printable

STAGES: Final[Mapping[str, tuple[CallState, ...]]] = {
    "dialing": (CallState.RESERVED, CallState.SENT),
    "ringing": (CallState.RINGING, CallState.RELEASING),
    "detecting": (CallState.DETECTING,),
    "connecting": (CallState.WAITING, CallState.CONNECTING),
    "talking": (CallState.TALKING,),
    "held": (CallState.HELD,),
    "treated": (CallState.TREATED,),
    "hanging up": (CallState.MACHINE, CallState.ENDED),
}
"""The stages a person thinks in, and the call's states in each."""

_STAGE_STYLE: Final = {"talking": "green", "connecting": "yellow", "held": "yellow", "treated": "red"}
_AGENT_STYLE: Final = {
    AgentState.TALKING: "green",
    AgentState.HOLD: "yellow",
    AgentState.RESERVED: "cyan",
    AgentState.PREVIEW: "cyan",
    AgentState.READY: "cyan",
    AgentState.WRAP_UP: "blue",
    AgentState.PAUSED: "magenta",
    AgentState.OFFLINE: "dim",
}
_BAR: Final = 20
_OUTCOMES_SHOWN: Final = 4
_LAG_WARNING_MS: Final = 100.0
PLAIN_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class CampaignView:
    """One running campaign.

    Attributes:
        why: in words, why it dials as it does or does not.
        live: live answers of the day, abandoned ones included.
        abandoned: abandoned calls of the day.
        target: highest share of live answers that may be abandoned.
        theta: accepted chance that a new line's person meets no agent; None outside predictive.
        q: that chance for the line last considered.
        answer_p: share of new dials expected to reach a person.
        calls_left: further calls that may be abandoned before the brake.
        brake: the window whose budget is used up; empty while none is.
        alarm: what is wrong with the forecast, in words; empty when nothing is.
    """

    name: str
    mode: str
    why: str
    live: int
    abandoned: int
    target: float
    theta: float | None = None
    q: float | None = None
    answer_p: float | None = None
    calls_left: int | None = None
    brake: str = ""
    alarm: str = ""

    @property
    def abandonment(self) -> float | None:
        """Share of the live answers; None before there was one."""
        return self.abandoned / self.live if self.live else None


@dataclass(frozen=True, slots=True)
class TrunkView:
    """One trunk: channels in use, how many there are, and what is wrong with it (empty when nothing)."""

    name: str
    in_use: int
    channels: int
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """All that is shown, at one instant.

    Attributes:
        now: the calendar instant.
        running_s: seconds since the start.
        calls: calls alive, by state.
        agents: agents known, by state.
        outcomes: attempts ended since the start, by outcome.
        link_up: whether the switch's control connection stands.
        lag_ms: how long the oldest event of the switch has waited to be handled.
        recordings_waiting: recordings not finished yet.
        recordings_kept: raw audio that could not be stored yet.
        accounts_left: accounts that are ready or will be due; None when unknown.
    """

    now: datetime
    running_s: float
    campaigns: tuple[CampaignView, ...]
    calls: Mapping[CallState, int]
    agents: Mapping[AgentState, int]
    outcomes: Mapping[Outcome, int]
    link_up: bool
    lag_ms: float
    trunks: tuple[TrunkView, ...]
    recordings_waiting: int = 0
    recordings_kept: int = 0
    accounts_left: int | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def ended(self) -> int:
        """Attempts that are over."""
        return sum(self.outcomes.values())

    @property
    def answer_rate(self) -> float | None:
        """Share of ended attempts that a person answered; None before one ended."""
        people = sum(count for outcome, count in self.outcomes.items() if outcome.is_live_answer)
        return people / self.ended if self.ended else None


def render(snapshot: LiveSnapshot) -> RenderableType:
    """The picture of one instant, for 80 columns and more."""
    top = Table.grid(expand=True)
    top.add_column(ratio=1)
    top.add_column(ratio=1)
    top.add_row(_panel("Calls", _calls(snapshot)), _panel("Agents", _agents(snapshot)))
    bottom = Table.grid(expand=True)
    bottom.add_column(ratio=1)
    bottom.add_column(ratio=1)
    bottom.add_row(_panel("Outcomes", _outcomes(snapshot)), _panel("Machinery", _machinery(snapshot)))
    notes = [Text(note, style="yellow") for note in snapshot.notes]
    return Group(_headline(snapshot), top, _panel("Campaigns", _campaigns(snapshot)), bottom, *notes)


def plain_line(snapshot: LiveSnapshot) -> str:
    """The same in one line, for where there is no terminal."""
    stages = ", ".join(f"{count} {stage}" for stage, count in _stage_counts(snapshot).items() if count) or "none"
    abandoned = sum(campaign.abandoned for campaign in snapshot.campaigns)
    live = sum(campaign.live for campaign in snapshot.campaigns)
    return (
        f"{snapshot.now:%H:%M:%S} calls: {stages}; ended {snapshot.ended}; "
        f"people {live}, abandoned {abandoned}{'' if snapshot.link_up else '; NO LINK to the switch'}"
    )


async def show(
    take: Callable[[], LiveSnapshot],
    console: Console,
    *,
    every_s: float = 0.5,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Draw until cancelled; the last picture stays on the screen."""
    if not console.is_terminal:
        while True:
            console.print(plain_line(take()), markup=False, highlight=False, soft_wrap=True)
            await pause(PLAIN_EVERY_S)
    with Live(render(take()), console=console, auto_refresh=False) as live:
        while True:
            live.update(render(take()), refresh=True)
            await pause(every_s)


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=title, title_align="left", box=box.ROUNDED, border_style="dim", padding=(0, 1))


def _headline(snapshot: LiveSnapshot) -> Table:
    row = Table.grid(expand=True)
    row.add_column()
    row.add_column(justify="right")
    minutes, seconds = divmod(int(snapshot.running_s), 60)
    left = "" if snapshot.accounts_left is None else f"{snapshot.accounts_left:,} accounts left   "
    row.add_row(
        Text(" Fairdial", style="bold"),
        Text(f"{left}{snapshot.now:%a %d %b %Y %H:%M:%S %Z}   running {minutes}:{seconds:02d} "),
    )
    return row


def _stage_counts(snapshot: LiveSnapshot) -> dict[str, int]:
    return {stage: sum(snapshot.calls.get(state, 0) for state in states) for stage, states in STAGES.items()}


def _calls(snapshot: LiveSnapshot) -> Table:
    counts = _stage_counts(snapshot)
    # Rare stages take no room while there is nothing in them.
    shown = [
        (stage, count) for stage, count in counts.items() if count or stage not in {"held", "treated", "hanging up"}
    ]
    return _bars((stage, count, _STAGE_STYLE.get(stage, "cyan")) for stage, count in shown)


def _agents(snapshot: LiveSnapshot) -> RenderableType:
    shown = [(state, count) for state, count in snapshot.agents.items() if count]
    if not shown:
        return Text("nobody is signed in", style="yellow")
    order = list(_AGENT_STYLE)
    shown.sort(key=lambda each: order.index(each[0]))
    return _bars((state.value.replace("_", " "), count, _AGENT_STYLE[state]) for state, count in shown)


def _bars(rows: Iterable[tuple[str, int, str]]) -> Table:
    """Name, count and a bar; all bars of one table on one scale."""
    known = list(rows)
    scale = max(_BAR, *(count for _, count, _ in known))
    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=10, no_wrap=True)
    table.add_column(justify="right", min_width=3, style="bold")
    table.add_column(no_wrap=True)
    for name, count, style in known:
        table.add_row(Text(name), str(count), Text("■" * max(bool(count), round(count / scale * _BAR)), style=style))
    return table


def _campaigns(snapshot: LiveSnapshot) -> RenderableType:
    if not snapshot.campaigns:
        return Text("no campaign is running; `dialer campaign start NAME` starts one", style="yellow")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("name", no_wrap=True, max_width=20)
    table.add_column("mode", no_wrap=True)
    table.add_column("people", justify="right")
    table.add_column("abandoned", justify="right", no_wrap=True)
    table.add_column("target", justify="right")
    for campaign in snapshot.campaigns:
        table.add_row(
            printable(campaign.name),
            campaign.mode,
            str(campaign.live),
            _abandonment(campaign),
            f"{campaign.target:.1%}",
        )
    why = [
        Text.assemble((f"{printable(campaign.name)}: ", "dim"), line, no_wrap=True, overflow="ellipsis")
        for campaign in snapshot.campaigns
        for line in (printable(campaign.why), _pacing(campaign))
        if line
    ]
    return Group(table, *why)


def _pacing(campaign: CampaignView) -> Text:
    """The figures behind a predictive campaign's decisions; nothing for others, and an alarm for any."""
    parts = []
    if campaign.theta is not None:
        q = "" if campaign.q is None else f", last line {campaign.q:.1%}"
        answers = "" if campaign.answer_p is None else f"; {campaign.answer_p:.0%} of dials reach a person"
        left = "" if campaign.calls_left is None else f"; {campaign.calls_left} abandoned left"
        parts.append(Text(f"no agent accepted {campaign.theta:.1%}{q}{answers}{left}"))
    if campaign.brake:
        parts.append(Text(f"BRAKE: budget of {campaign.brake} used up, one line per ready agent", style="bold yellow"))
    if campaign.alarm:
        parts.append(Text(campaign.alarm, style="bold red"))
    return Text("; ").join(parts)


def _abandonment(campaign: CampaignView) -> Text:
    if campaign.abandonment is None:
        return Text("none yet", style="dim")
    style = "bold red" if campaign.abandonment > campaign.target else "green"
    return Text(f"{campaign.abandoned} = {campaign.abandonment:.1%}", style=style)


def _outcomes(snapshot: LiveSnapshot) -> RenderableType:
    if not snapshot.ended:
        return Text("no call has ended yet", style="dim")
    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=16, no_wrap=True)
    table.add_column(justify="right", style="bold")
    table.add_column(no_wrap=True)
    ordered = sorted(snapshot.outcomes.items(), key=lambda each: (-each[1], each[0]))
    for outcome, count in ordered[:_OUTCOMES_SHOWN]:
        table.add_row(outcome.value.replace("_", " "), str(count))
    rest = sum(count for _, count in ordered[_OUTCOMES_SHOWN:])
    if rest:
        table.add_row(Text("others", style="dim"), str(rest))
    rate = "" if snapshot.answer_rate is None else f"  {snapshot.answer_rate:.0%} by people"
    table.add_row(Text("all"), str(snapshot.ended), Text(rate, style="dim"))
    return table


def _machinery(snapshot: LiveSnapshot) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=12, no_wrap=True)
    table.add_column()
    link = Text("up", style="green") if snapshot.link_up else Text("DOWN: no call can be placed", style="bold red")
    table.add_row("switch", link)
    slow = snapshot.lag_ms > _LAG_WARNING_MS
    table.add_row("event lag", Text(f"{snapshot.lag_ms:.0f} ms", style="bold red" if slow else ""))
    for trunk in snapshot.trunks:
        full = trunk.in_use >= trunk.channels
        table.add_row(
            printable(f"trunk {trunk.name}"),
            Text(f"{trunk.in_use} of {trunk.channels} channels", style="yellow" if full else ""),
        )
        if trunk.trouble:
            table.add_row("", printable(trunk.trouble), style="bold red")
    table.add_row("recordings", Text(f"{snapshot.recordings_waiting} to finish"))
    if snapshot.recordings_kept:
        table.add_row("", Text(f"{snapshot.recordings_kept} cannot be stored: see the log", style="bold red"))
    return table
