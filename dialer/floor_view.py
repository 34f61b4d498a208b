"""The snapshot pacing decides on, taken from the agents' floor, the live calls and the trunk. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from accounts.model import CampaignSettings
from agent_gateway.agent import AgentState as SeatState
from agent_gateway.floor import AgentView as SeatView
from dialer.call import CallRecord, CallState
from dialer.originate import verdict_lag_s
from dialer.shift_plan import Absence
from domain.ids import AgentId, AttemptId, CampaignId
from pacing.settings import Mode, PacingSettings
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


@dataclass(frozen=True, slots=True)
class LiveCall:
    """What pacing needs of one live call.

    Attributes:
        changed_at: when its state last changed.
        reserved_for: the agent held for it before it was placed.
        route: the trunk it went out by; empty when an earlier engine placed it.
        answer_p: chance that a person answers, as of when it was dialed.
    """

    attempt: AttemptId
    campaign: CampaignId
    record: CallRecord
    dialed_at: float
    changed_at: float
    reserved_for: AgentId | None
    route: str
    answer_p: float


def pacing_settings(settings: CampaignSettings) -> PacingSettings:
    """A campaign's settings in pacing's terms. Manual calls are dialed by hand and pace like preview."""
    mode = Mode.PREVIEW if settings.mode.value == "manual" else Mode(settings.mode.value)
    return PacingSettings(
        mode=mode,
        ratio=settings.ratio,
        target=settings.target_abandonment,
        grace_s=settings.connect_within_s,
        verdict_lag_s=verdict_lag_s(settings),
        release_ringing=settings.release_ringing,
        required_skills=frozenset(settings.skills),
    )


def pacing_state(state: SeatState) -> AgentState:
    """An agent's state as pacing counts: who looks at an account is kept for it."""
    return AgentState.RESERVED if state is SeatState.PREVIEW else AgentState(state.value)


def snapshot(
    now: float,
    settings: PacingSettings,
    campaign: CampaignId,
    seats: Iterable[SeatView],
    calls: Iterable[LiveCall],
    tallies: tuple[WindowTally, ...],
    capacity: Capacity,
    health: Health,
    plans: Callable[[AgentId], Absence] = lambda _agent: Absence(),
) -> FloorSnapshot:
    """The floor at `now` for one campaign; lines of other campaigns on the same agents are in it, marked."""
    agents = tuple(
        AgentView(
            agent=seat.id,
            state=pacing_state(seat.state),
            since=now - seat.elapsed_s,
            leaves_at=planned.leaves_at,
            leaves_after_call=seat.leaving,
            returns_at=planned.returns_at if seat.state is SeatState.PAUSED else None,
            skills=seat.skills,
        )
        for seat, planned in ((seat, plans(seat.id)) for seat in seats)
        if settings.required_skills <= seat.skills
    )
    lines = tuple(
        LineView(
            attempt=call.attempt,
            stage=_STAGES[call.record.state],
            dialed_at=call.dialed_at,
            since=call.changed_at,
            answer_p=call.answer_p,
            route=call.route,
            reserved_for=call.reserved_for,
            ours=call.campaign == campaign,
        )
        for call in calls
        if call.record.state in _STAGES
    )
    return FloorSnapshot(
        now=now, settings=settings, agents=agents, lines=lines, tallies=tallies, capacity=capacity, health=health
    )
