"""Several campaigns on the same agents, and which accounts to dial first.

Campaigns are decided one after the other, the most urgent first, each on a floor where the lines the others are about
to dial are already out and the agents they reserve are taken. For agents who serve whoever waits longest that is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from domain.ids import AttemptId
from pacing.controller import decide
from pacing.decision import PacingDecision
from pacing.forecast import AGE_STEP_S, Forecast
from pacing.snapshot import AgentState, AgentView, Candidate, FloorSnapshot, LineStage, LineView


def decide_jointly(snapshots: Sequence[FloorSnapshot]) -> list[PacingDecision]:
    """One decision per campaign; `snapshots` of the same instant, most urgent campaign first.

    Each snapshot lists all agents who can serve that campaign, and all lines on them (other campaigns' with `ours`
    False). Agents are the same person when their id is.
    """
    decisions: list[PacingDecision] = []
    coming: list[LineView] = []
    taken: set[str] = set()
    for snapshot in snapshots:
        agents = tuple(_as_reserved(agent) if agent.agent in taken else agent for agent in snapshot.agents)
        decision = decide(replace(snapshot, agents=agents, lines=(*snapshot.lines, *coming)))
        decisions.append(decision)
        if decision.reserve:
            ready = [agent for agent in agents if agent.state is AgentState.READY]
            ready.sort(key=lambda agent: agent.since)
            taken.update(agent.agent for agent in ready[: decision.lines_to_add])
        else:
            coming.extend(_lines_of(snapshot, decision.lines_to_add, len(coming)))
    return decisions


def fair_theta(own: float, lines: int, others: Sequence[tuple[float, int]]) -> float:
    """The theta a campaign may use beside others who dial for the same agents and have accounts to dial.

    Who accepts the larger chance would otherwise fill the floor every time, and the others would never find a line's
    chance small enough. So one with its share of the lines, or more, defers to those without more than theirs: it
    accepts no more than they do, but at least half of what its own budget allows. Equals accept the same.

    Args:
        own: the campaign's theta.
        lines: its lines without an agent.
        others: theta and lines of each of the others.
    """
    share = (lines + sum(count for _, count in others)) / (1 + len(others))
    short = [theta for theta, count in others if count <= share]
    if lines < share or not short:
        return own
    return min(own, max(min(short), own / 2.0))


def _as_reserved(agent: AgentView) -> AgentView:
    return replace(agent, state=AgentState.RESERVED)


def _lines_of(snapshot: FloorSnapshot, count: int, first: int) -> list[LineView]:
    """The lines a decision is about to add, as the other campaigns see them."""
    chances = [one.answer_p for one in snapshot.candidates for _ in range(one.count)][:count]
    chances += [snapshot.answer_p_high] * (count - len(chances))
    return [
        LineView(
            attempt=AttemptId(f"{first + i:032x}"),
            stage=LineStage.DIALING,
            dialed_at=snapshot.now,
            since=snapshot.now,
            answer_p=chance,
            ours=False,
        )
        for i, chance in enumerate(chances)
    ]


def best_first(candidates: Sequence[Candidate], forecast: Forecast | None) -> list[int]:
    """The positions of these accounts in the order of `worth`, best first; equals stay in the order they came in."""
    return sorted(range(len(candidates)), key=lambda i: -worth(candidates[i], forecast))


def worth(one: Candidate, forecast: Forecast | None) -> float:
    """What a second spent on this account is worth: value x chance / (line seconds + chance x talk and wrap-up).

    The chance is that to answer. Exact where an agent is kept free for the line. Where none is, seconds of talk are the
    scarcer ones, and this asks a little more of accounts that seldom answer than it would have to.
    """
    chance = min(max(one.answer_p, 0.0), 1.0)
    gain = one.value * chance
    if not math.isfinite(gain):
        return 0.0
    if forecast is None:
        return gain
    route = forecast.route(one.route)
    alive = chance * route.unanswered + (1.0 - chance) * route.other
    return gain / max(float(alive.sum()) * AGE_STEP_S + chance * forecast.handle_s, 1.0)
