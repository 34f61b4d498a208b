"""From a snapshot to the yes-or-no events that make up demand: who will still be busy, who will need an agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pacing.forecast import Floats, Forecast, age_bins, elapsed_bin
from pacing.snapshot import AgentState, AgentView, FloorSnapshot, LineStage

_AT_WORK: Final = frozenset(
    {AgentState.READY, AgentState.RESERVED, AgentState.TALKING, AgentState.HOLD, AgentState.WRAP_UP}
)


@dataclass(frozen=True, slots=True)
class Staff:
    """Who can serve this campaign.

    Attributes:
        due: signed in, working, and not about to leave: "due back" for the next call.
        ready: of these, free now and rested, less those kept back for incoming calls.
        loose_lines: lines in flight with no agent reserved; any of them may claim a ready agent.
    """

    due: int
    ready: int
    loose_lines: int


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


def may_serve(agent: AgentView, snapshot: FloorSnapshot) -> bool:
    """Whether the agent works, has the skills, and will still be there for a call dialed now."""
    settings = snapshot.settings
    if agent.state not in _AT_WORK or agent.leaves_after_call:
        return False
    if agent.leaves_at is not None and agent.leaves_at - snapshot.now < settings.leave_guard_s:
        return False
    return settings.required_skills <= agent.skills


def count_staff(snapshot: FloorSnapshot) -> Staff:
    """Count who is due back and who is ready, by the settings' skills, rest and leave guard."""
    rested_since = snapshot.now - snapshot.settings.idle_floor_s
    serving = [agent for agent in snapshot.agents if may_serve(agent, snapshot)]
    ready = sum(1 for agent in serving if agent.state is AgentState.READY and agent.since <= rested_since)
    kept_back = snapshot.settings.inbound_reserve + snapshot.inbound_waiting
    loose = sum(1 for line in snapshot.lines if line.reserved_for is None)
    return Staff(due=len(serving), ready=max(0, ready - kept_back), loose_lines=loose)


def floor_of(snapshot: FloorSnapshot, forecast: Forecast) -> Floor:
    """All events that make up demand at the forecast's look-ahead times."""
    agents, agent_rows = _agent_events(snapshot, forecast)
    waiting, line_rows = _line_events(snapshot, forecast)
    rows = [part for part in (*agent_rows, *line_rows) if len(part)]
    chances = np.concatenate(rows) if rows else np.zeros((0, len(forecast.grid)))
    reserve = snapshot.settings.inbound_reserve
    return Floor(max(0, agents - reserve), waiting + snapshot.inbound_waiting, chances)


def _agent_events(snapshot: FloorSnapshot, forecast: Forecast) -> tuple[int, list[Floats]]:
    """How many agents there are for loose lines, and the chances that each is still busy."""
    count, now = 0, snapshot.now
    talks: tuple[list[int], list[int]] = ([], [])
    wraps: tuple[list[int], list[int]] = ([], [])
    resting: list[float] = []
    rest = snapshot.settings.idle_floor_s
    for agent in snapshot.agents:
        if agent.state is AgentState.PAUSED:
            if agent.returns_at is not None:
                count += 1
                resting.append(agent.returns_at)
            continue
        if agent.state is AgentState.RESERVED or not may_serve(agent, snapshot):
            continue
        count += 1
        match agent.state:
            case AgentState.TALKING | AgentState.HOLD:
                talks[0].append(agent.pace)
                talks[1].append(elapsed_bin(now - agent.since))
            case AgentState.WRAP_UP:
                wraps[0].append(agent.pace)
                wraps[1].append(elapsed_bin(now - agent.since))
            case _:
                if rest > 0.0:
                    resting.append(agent.since + rest)
    busy = [
        table[paces, rows]
        for table, (paces, rows) in ((forecast.talk_busy, talks), (forecast.wrap_busy, wraps))
        if rows
    ]
    if resting:
        back = np.array(resting)[:, None]
        busy.append((back > snapshot.now + forecast.slack_s + forecast.grid[None, :]).astype(np.float64))
    return count, busy


def _line_events(snapshot: FloorSnapshot, forecast: Forecast) -> tuple[int, list[Floats]]:
    """How many persons wait, and the chances that each other line's person comes to need an agent."""
    waiting = 0
    judged: list[float] = []
    ringing: dict[str, list[tuple[float, float]]] = {}
    for line in snapshot.lines:
        if line.reserved_for is not None:
            continue
        match line.stage:
            case LineStage.WAITING:
                waiting += 1
            case LineStage.ANSWERED:
                judged.append(line.human_p if line.human_p is not None else line.answer_p)
            case _:
                ringing.setdefault(line.route, []).append((line.dialed_at, line.answer_p))
    rows = [_line_rows(forecast, route, spans, snapshot.now) for route, spans in ringing.items()]
    if judged:
        rows.append(np.repeat(np.array(judged)[:, None], len(forecast.grid), axis=1))
    return waiting, rows


def _line_rows(forecast: Forecast, name: str, spans: list[tuple[float, float]], now: float) -> Floats:
    numbers = np.array(spans)
    route, p = forecast.route(name), numbers[:, 1]
    row = age_bins(now - numbers[:, 0])
    alive = p * route.unanswered[row] + (1.0 - p) * route.other[row]
    share: Floats = route.arriving[row] * (p / np.maximum(alive, 1e-9))[:, None]
    return np.minimum(share, 1.0)


def fresh_chance(forecast: Forecast, route: str, answer_p: float) -> Floats:
    """Chance at each u that a line dialed now on this route has by then a person who needs an agent."""
    chance: Floats = answer_p * forecast.route(route).arriving[0]
    return chance
