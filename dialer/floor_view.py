"""The snapshot pacing decides on, taken from the agents' floor, the live calls and the trunk. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from accounts.model import CampaignSettings
from agent_gateway.agent import Agent
from agent_gateway.agent import AgentState as SeatState
from dialer.call import CallRecord, CallState
from dialer.originate import verdict_lag_s
from dialer.shift_plan import Absence
from domain.ids import AgentId, AttemptId, CampaignId
from pacing.settings import PacingSettings
from pacing.snapshot import AgentState, AgentView, Capacity, FloorSnapshot, Health, LineStage, LineView, WindowTally

_STAGES: Final = {
    CallState.RESERVED: LineStage.DIALING,
    CallState.SENT: LineStage.DIALING,
    CallState.RINGING: LineStage.RINGING,
    CallState.RELEASING: LineStage.RINGING,
    CallState.DETECTING: LineStage.ANSWERED,
    CallState.WAITING: LineStage.WAITING,
    CallState.HELD: LineStage.WAITING,
    CallState.TREATED: LineStage.WAITING,
}
"""States in which a call still needs an agent; in the others it has one, or never will."""
AGENT_WANTED: Final = frozenset(_STAGES)
GUESSED_ANSWER_P: Final = 0.25
"""What pacing takes for the chance of a line that an earlier run dialed."""
PACING_STATES: Final[Mapping[SeatState, AgentState]] = {
    **{state: AgentState(state.value) for state in SeatState if state not in {SeatState.OFFLINE, SeatState.PREVIEW}},
    SeatState.PREVIEW: AgentState.RESERVED,
}
"""States of agents who are signed in, as pacing counts: who looks at an account is kept for it."""


@dataclass(frozen=True, slots=True)
class LiveCall:
    """What pacing needs of one live call.

    Attributes:
        changed_at: when its state last changed.
        reserved_for: the agent held for it before it was placed.
        route: the trunk it went out by; empty when an earlier engine placed it.
    """

    attempt: AttemptId
    campaign: CampaignId
    record: CallRecord
    dialed_at: float
    changed_at: float
    reserved_for: AgentId | None
    route: str


def pacing_settings(settings: CampaignSettings) -> PacingSettings:
    """A campaign's settings in pacing's terms."""
    return PacingSettings(
        mode=settings.mode,
        ratio=settings.ratio,
        target=settings.target_abandonment,
        grace_s=settings.connect_within_s,
        verdict_lag_s=verdict_lag_s(settings),
        release_ringing=settings.release_ringing,
        max_lines=settings.max_lines,
        idle_floor_s=settings.rest_s,
        required_skills=frozenset(settings.skills),
    )


def line_of(call: LiveCall, known: LineView | None) -> LineView | None:
    """A call as its own campaign's pacing sees it; None when it needs no agent, or has one.

    Made when the call changes, not for each decision: a floor has hundreds of lines and decides many times a second.

    Args:
        call: how it stands.
        known: what that pacing has learned of it, if it dialed it.
    """
    stage = _STAGES.get(call.record.state)
    if stage is None:
        return None
    return LineView(
        attempt=call.attempt,
        stage=stage,
        dialed_at=call.dialed_at,
        since=call.changed_at,
        answer_p=GUESSED_ANSWER_P if known is None else known.answer_p,
        route=call.route,
        reserved_for=call.reserved_for,
        human_p=None if known is None else known.human_p,
        answered_at=None if known is None else known.answered_at,
    )


def snapshot(
    now: float,
    settings: PacingSettings,
    seats: Iterable[Agent],
    lines: Sequence[LineView],
    tallies: tuple[WindowTally, ...],
    capacity: Capacity,
    health: Health,
    plans: Callable[[AgentId], Absence] = lambda _agent: Absence(),
) -> FloorSnapshot:
    """The floor at `now` for one campaign; lines of other campaigns on the same agents are in it, marked."""
    agents = tuple(
        AgentView(
            agent=seat.id,
            state=PACING_STATES[seat.state],
            since=seat.since,
            leaves_at=planned.leaves_at,
            leaves_after_call=seat.is_leaving,
            returns_at=planned.returns_at if seat.state is SeatState.PAUSED else None,
            skills=seat.skills,
        )
        for seat, planned in ((seat, plans(seat.id)) for seat in seats)
        if settings.required_skills <= seat.skills
    )
    return FloorSnapshot(
        now=now,
        settings=settings,
        agents=agents,
        lines=tuple(lines),
        tallies=tallies,
        capacity=capacity,
        health=health,
    )
