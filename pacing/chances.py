"""From a snapshot to the yes-or-no events that make up demand: who will still be busy, who will need an agent.

A floor may have thousands of agents and lines and is looked at twice a second, so each is passed over once, and what
follows is done on whole columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pacing.answer_rate import CEILING
from pacing.forecast import Floats, Forecast, Ints, age_bins, elapsed_bin, elapsed_bins
from pacing.snapshot import AgentState, AgentView, FloorSnapshot, LineStage, LineView

# Members of an enum are looked up slowly; these are compared thousands of times in every decision.
_READY: Final = AgentState.READY
_RESERVED: Final = AgentState.RESERVED
_WRAP_UP: Final = AgentState.WRAP_UP
_PAUSED: Final = AgentState.PAUSED
_DIALING: Final = LineStage.DIALING
_RINGING: Final = LineStage.RINGING
_WAITING: Final = LineStage.WAITING
_BY_COLUMN_FROM: Final = 32
"""Below this many, plain numbers are faster than columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Staff:
    """Who can serve this campaign, and what may claim them.

    Attributes:
        due: signed in, working, and not about to leave: "due back" for the next call.
        ready: of these, free now and rested, less those kept back for incoming calls.
        reserved: of these, kept free for one line each.
        talking, wrapping: of these, busy ones.
        back_at: when resting or paused ones are due back.
        loose: lines in flight with no agent reserved; any of them may claim a ready agent.
        ours: lines of this campaign.
        serving: agents who serve loose lines, now or when they are back.
    """

    due: int
    ready: int
    reserved: int
    talking: Sequence[AgentView]
    wrapping: Sequence[AgentView]
    back_at: Sequence[float]
    loose: Sequence[LineView]
    ours: int
    serving: int


@dataclass(frozen=True, slots=True, eq=False)
class Floor:
    """Demand on the agents as events.

    Attributes:
        agents: agents who serve loose lines; demand beyond this many is lost.
        certain: persons who need one of them whatever happens: waiting now.
        chances: [terms, u] of all other events.
    """

    agents: int
    certain: int
    chances: Floats


def muster(snapshot: FloorSnapshot) -> Staff:
    """Pass over agents and lines once, by the settings' skills, rest and leave guard."""
    settings, now = snapshot.settings, snapshot.now
    required, rest = settings.required_skills, settings.idle_floor_s
    stays_until = now + settings.leave_guard_s
    free = reserved = 0
    talking: list[AgentView] = []
    wrapping: list[AgentView] = []
    back_at: list[float] = []
    paused = 0
    for agent in snapshot.agents:
        state = agent.state
        if agent.leaves_after_call or (agent.leaves_at is not None and agent.leaves_at < stays_until):
            continue
        if required and not required <= agent.skills:
            continue
        if state is _READY:
            if agent.since + rest <= now:
                free += 1
            else:
                back_at.append(agent.since + rest)
        elif state is _WRAP_UP:
            wrapping.append(agent)
        elif state is _RESERVED:
            reserved += 1
        elif state is not _PAUSED:
            talking.append(agent)
        elif agent.returns_at is not None:
            paused += 1
            back_at.append(agent.returns_at)
    lines = snapshot.lines
    return Staff(
        due=free + reserved + len(talking) + len(wrapping) + len(back_at) - paused,
        ready=max(0, free - settings.inbound_reserve - snapshot.inbound_waiting),
        reserved=reserved,
        talking=talking,
        wrapping=wrapping,
        back_at=back_at,
        loose=[line for line in lines if line.reserved_for is None],
        ours=len([None for line in lines if line.ours]),
        serving=free + len(talking) + len(wrapping) + len(back_at),
    )


def floor_of(snapshot: FloorSnapshot, forecast: Forecast, staff: Staff, lines: Sequence[LineView]) -> Floor:
    """All events that make up demand at the forecast's look-ahead times, with these of the lines in flight."""
    waiting, line_rows = _line_events(snapshot, forecast, lines)
    rows = [part for part in (*_agent_events(snapshot.now, forecast, staff), *line_rows) if len(part)]
    chances = np.concatenate(rows) if rows else np.zeros((0, len(forecast.grid)))
    if not (chances >= 0.0).all():
        raise ValueError("a chance is negative or not a number")
    agents = max(0, staff.serving - snapshot.settings.inbound_reserve)
    return Floor(agents, waiting + snapshot.inbound_waiting, chances)


def _agent_events(now: float, forecast: Forecast, staff: Staff) -> list[Floats]:
    """The chances that each busy or absent agent is not free in time."""
    busy = [
        table[[agent.pace for agent in agents], _elapsed_rows(now, agents)]
        for table, agents in ((forecast.talk_busy, staff.talking), (forecast.wrap_busy, staff.wrapping))
        if agents
    ]
    if staff.back_at:
        back = np.array(staff.back_at)[:, None]
        busy.append((back > now + forecast.slack_s + forecast.grid[None, :]).astype(np.float64))
    return busy


def _elapsed_rows(now: float, agents: Sequence[AgentView]) -> list[int] | Ints:
    if len(agents) < _BY_COLUMN_FROM:
        return [elapsed_bin(now - agent.since) for agent in agents]
    return elapsed_bins(now - np.array([agent.since for agent in agents]))


def _line_events(snapshot: FloorSnapshot, forecast: Forecast, lines: Sequence[LineView]) -> tuple[int, list[Floats]]:
    """How many persons wait, and the chances that each other line's person comes to need an agent."""
    ringing = [line for line in lines if line.stage is _RINGING or line.stage is _DIALING]
    waiting = 0
    judged: list[float] = []
    if len(ringing) < len(lines):
        for line in lines:
            if line.stage is _WAITING:
                waiting += 1
            elif line.stage is not _RINGING and line.stage is not _DIALING:
                judged.append(line.human_p if line.human_p is not None else line.answer_p)
    rows = [
        ringing_rows(snapshot, forecast, route, [line for line in ringing if line.route == route])
        for route in sorted({line.route for line in ringing})
    ]
    if judged:
        rows.append(np.repeat(np.array(judged)[:, None], len(forecast.grid), axis=1))
    return waiting, rows


def ringing_rows(snapshot: FloorSnapshot, forecast: Forecast, name: str, lines: Sequence[LineView]) -> Floats:
    """For lines of one route that have not answered: chance by each u that a person will need an agent."""
    route = forecast.route(name)
    p = np.array([line.answer_p for line in lines])
    if snapshot.surge > 1.0:
        p = np.minimum(p * snapshot.surge, CEILING)
    row = age_bins(snapshot.now - np.array([line.dialed_at for line in lines]))
    alive = p * route.unanswered[row] + (1.0 - p) * route.other[row]
    share: Floats = route.arriving[row] * (p / np.maximum(alive, 1e-9))[:, None]
    return np.minimum(share, 1.0)


def fresh_chance(forecast: Forecast, route: str, answer_p: float) -> Floats:
    """Chance at each u that a line dialed now on this route has by then a person who needs an agent."""
    chance: Floats = answer_p * forecast.route(route).arriving[0]
    return chance


def overdue(snapshot: FloorSnapshot, lines: Sequence[LineView]) -> list[LineView]:
    """Our own ringing lines past the legal ring time, oldest first."""
    rang_by = snapshot.now - snapshot.settings.min_ring_s
    old = [line for line in lines if line.since <= rang_by and line.stage is _RINGING and line.ours]
    return sorted(old, key=lambda line: line.since)
