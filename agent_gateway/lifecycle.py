"""The life of an agent: one transition table, applied by one pure function.

Everything that changes an agent's state is in this file, and the picture in `docs/reference/agent-states.md` is drawn
from the same table (`agent_gateway.diagram`). Nothing here does I/O or knows the time: `now` is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from agent_gateway.agent import (
    Agent,
    AgentEvent,
    AgentState,
    CallOver,
    Cause,
    Confirm,
    Dispose,
    GoReady,
    HeartbeatLost,
    Join,
    LegConnected,
    LegLost,
    Offer,
    Part,
    Pause,
    PreviewTimeout,
    PutOnHold,
    Reconnect,
    Release,
    Reserve,
    SignIn,
    SignOut,
    Skip,
    Wish,
    WrapTimeout,
)


class Refusal(StrEnum):
    """Why an event changed nothing."""

    UNEXPECTED = "unexpected"
    """The table has no such event in this state."""
    STALE = "stale"
    """It is about a call or a leg that is not this agent's now."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that changed nothing; expected in races, so a value and not an exception."""

    state: AgentState
    event: str
    why: Refusal


# --- the table ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """A transition whose end depends on the agent: `pick` returns one of `options`, in words `rule`."""

    rule: str
    options: tuple[AgentState, ...]
    pick: Callable[[Agent, AgentEvent], AgentState]


def _after_call(agent: Agent, _event: AgentEvent) -> AgentState:
    if agent.wish is Wish.SIGN_OUT or agent.leg is None:
        return AgentState.OFFLINE
    return AgentState.PAUSED if agent.wish is Wish.PAUSE else AgentState.READY


def _when_leg_up(agent: Agent, _event: AgentEvent) -> AgentState:
    return AgentState.READY if agent.leg_up and agent.wish is Wish.READY else AgentState.PAUSED


def _leg_lost_in_call(_agent: Agent, event: AgentEvent) -> AgentState:
    return AgentState.WRAP_UP if isinstance(event, LegLost) and event.deliberate else AgentState.OFFLINE


def _leg_lost_in_wrap_up(agent: Agent, event: AgentEvent) -> AgentState:
    return _leg_lost_in_call(agent, event) if agent.on_line else AgentState.WRAP_UP


_S = AgentState
_NEXT: Final = Choice(
    "an announced sign-out or a leg that is gone: offline; an announced pause: paused; else ready",
    (_S.READY, _S.PAUSED, _S.OFFLINE),
    _after_call,
)
_LEG: Final = Choice("ready once the leg is up and calls are wanted", (_S.READY, _S.PAUSED), _when_leg_up)
_PLUG: Final = Choice(
    "phone put down: wrap-up; unreachable: offline, and the person goes to another agent",
    (_S.WRAP_UP, _S.OFFLINE),
    _leg_lost_in_call,
)
_PLUG_AFTER: Final = Choice(
    "as in a call while the person is on the line; afterwards the disposition can still be given",
    (_S.WRAP_UP, _S.OFFLINE),
    _leg_lost_in_wrap_up,
)

TRANSITIONS: Final[Mapping[AgentState, Mapping[type[AgentEvent], AgentState | Choice]]] = {
    _S.OFFLINE: {
        SignIn: _S.PAUSED,
        SignOut: _S.OFFLINE,
        HeartbeatLost: _S.OFFLINE,
    },
    _S.PAUSED: {
        Reconnect: _S.PAUSED,
        LegConnected: _LEG,
        LegLost: _S.OFFLINE,
        GoReady: _LEG,
        Pause: _S.PAUSED,
        Join: _S.TALKING,
        SignOut: _S.OFFLINE,
        HeartbeatLost: _S.OFFLINE,
    },
    _S.READY: {
        Reconnect: _S.READY,
        LegLost: _S.OFFLINE,
        GoReady: _S.READY,
        Pause: _S.PAUSED,
        Offer: _S.PREVIEW,
        Reserve: _S.RESERVED,
        Join: _S.TALKING,
        SignOut: _S.OFFLINE,
        HeartbeatLost: _S.OFFLINE,
    },
    _S.PREVIEW: {
        Reconnect: _S.PREVIEW,
        LegLost: _S.OFFLINE,
        GoReady: _S.PREVIEW,
        Pause: _S.PAUSED,
        Confirm: _S.RESERVED,
        Skip: _S.READY,
        PreviewTimeout: _S.PAUSED,
        Release: _S.READY,
        SignOut: _S.OFFLINE,
        HeartbeatLost: _S.OFFLINE,
    },
    _S.RESERVED: {
        Reconnect: _S.RESERVED,
        LegLost: _S.OFFLINE,
        GoReady: _S.RESERVED,
        Pause: _S.RESERVED,
        Release: _NEXT,
        Join: _S.TALKING,
        CallOver: _NEXT,
        SignOut: _S.RESERVED,
        HeartbeatLost: _S.RESERVED,
    },
    _S.TALKING: {
        Reconnect: _S.TALKING,
        LegLost: _PLUG,
        GoReady: _S.TALKING,
        Pause: _S.TALKING,
        PutOnHold: _S.HOLD,
        Part: _S.WRAP_UP,
        CallOver: _S.WRAP_UP,
        SignOut: _S.TALKING,
        HeartbeatLost: _S.TALKING,
    },
    _S.HOLD: {
        Reconnect: _S.HOLD,
        LegLost: _PLUG,
        GoReady: _S.HOLD,
        Pause: _S.HOLD,
        Join: _S.TALKING,
        Part: _S.HOLD,
        CallOver: _S.WRAP_UP,
        SignOut: _S.HOLD,
        HeartbeatLost: _S.HOLD,
    },
    _S.WRAP_UP: {
        Reconnect: _S.WRAP_UP,
        LegLost: _PLUG_AFTER,
        GoReady: _S.WRAP_UP,
        Pause: _S.WRAP_UP,
        CallOver: _S.WRAP_UP,
        Dispose: _NEXT,
        WrapTimeout: _NEXT,
        SignOut: _S.WRAP_UP,
        HeartbeatLost: _S.WRAP_UP,
    },
}


# --- applying it -------------------------------------------------------------------------------------------------


def apply(agent: Agent, event: AgentEvent, now: float) -> Agent | Refused:
    """The agent after `event`, or why nothing changed.

    Args:
        agent: as it is.
        event: what happened or was asked for.
        now: monotonic seconds.
    """
    target = TRANSITIONS[agent.state].get(type(event))
    if target is None:
        return Refused(agent.state, type(event).__name__, Refusal.UNEXPECTED)
    if _is_stale(agent, event):
        return Refused(agent.state, type(event).__name__, Refusal.STALE)
    noted = _note(agent, event)
    state = target.pick(noted, event) if isinstance(target, Choice) else target
    return _enter(noted, state, event, now)


def _is_stale(agent: Agent, event: AgentEvent) -> bool:
    match event:
        case LegConnected(leg) | LegLost(leg):
            return agent.leg != leg
        case Join(attempt):
            return agent.attempt is not None and agent.attempt != attempt
        case Confirm(attempt) | Skip(attempt) | PreviewTimeout(attempt):
            return agent.attempt != attempt
        case Release(attempt) | PutOnHold(attempt) | Part(attempt) | CallOver(attempt):
            return agent.attempt != attempt
        case Dispose(attempt) | WrapTimeout(attempt):
            return agent.attempt != attempt
        case _:
            return False


def _note(agent: Agent, event: AgentEvent) -> Agent:
    """Take down what the event says, before the state is decided."""
    match event:
        case SignIn(leg, skills):
            return replace(agent, leg=leg, skills=skills)
        case Reconnect():
            gone = agent.wish is Wish.SIGN_OUT and agent.wish_reason == Cause.HEARTBEAT_LOST
            return replace(agent, wish=Wish.NONE, wish_reason=None) if gone else agent
        case LegConnected():
            return replace(agent, leg_up=True)
        case LegLost():
            return replace(agent, leg=None, leg_up=False)
        case GoReady():
            return replace(agent, wish=Wish.READY, wish_reason=None)
        case Pause(reason):
            return replace(agent, wish=Wish.PAUSE, wish_reason=reason)
        case SignOut():
            return replace(agent, wish=Wish.SIGN_OUT, wish_reason=Cause.SIGNED_OUT)
        case HeartbeatLost():
            return replace(agent, wish=Wish.SIGN_OUT, wish_reason=Cause.HEARTBEAT_LOST)
        case PreviewTimeout():
            return replace(agent, wish=Wish.PAUSE, wish_reason=Cause.PREVIEW_MISSED)
        case Offer(attempt) | Reserve(attempt):
            return replace(agent, attempt=attempt)
        case Join(attempt):
            joined = replace(agent, attempt=attempt, on_line=True)
            if agent.state is not AgentState.PAUSED:
                return joined
            return replace(joined, wish=Wish.PAUSE, wish_reason=agent.reason)
        case CallOver():
            return replace(agent, on_line=False)
        case _:
            return agent


_FREE: Final = frozenset({AgentState.READY, AgentState.PREVIEW, AgentState.RESERVED})
"""Who is back from one of these without a call has not been busy, and keeps the place in the queue."""


def _enter(agent: Agent, state: AgentState, event: AgentEvent, now: float) -> Agent:
    match state:
        case AgentState.OFFLINE:
            return _go_offline(agent, event, now)
        case AgentState.PAUSED:
            return _go_paused(agent, event, now)
        case AgentState.READY:
            kept = agent.state in _FREE and not isinstance(event, Skip)
            return replace(
                _moved(agent, state, None, now),
                idle_since=agent.idle_since if kept else now,
                attempt=None,
                on_line=False,
                wish=Wish.NONE,
                wish_reason=None,
            )
        case _:
            return _moved(agent, state, None, now)


def _go_offline(agent: Agent, event: AgentEvent, now: float) -> Agent:
    if agent.state is AgentState.OFFLINE:
        return replace(agent, leg=None, leg_up=False, wish=Wish.NONE, wish_reason=None)
    reason: str | None
    if isinstance(event, LegLost):
        reason = Cause.HUNG_UP if event.deliberate else Cause.UNREACHABLE
    else:
        reason = agent.wish_reason if agent.wish is Wish.SIGN_OUT else Cause.HUNG_UP
    return Agent(id=agent.id, since=now, skills=agent.skills, reason=reason)


def _go_paused(agent: Agent, event: AgentEvent, now: float) -> Agent:
    wish = agent.wish
    reason: str | None
    if isinstance(event, SignIn):
        reason = Cause.CONNECTING
    elif wish is Wish.PAUSE:
        reason = agent.wish_reason
        wish = Wish.NONE
    elif isinstance(event, LegConnected) and agent.reason == Cause.CONNECTING:
        reason = Cause.NOT_READY
    else:
        reason = agent.reason
    return replace(
        _moved(agent, AgentState.PAUSED, reason, now), attempt=None, on_line=False, wish=wish, wish_reason=None
    )


def _moved(agent: Agent, state: AgentState, reason: str | None, now: float) -> Agent:
    same = agent.state is state and agent.reason == reason
    return replace(agent, state=state, reason=reason, since=agent.since if same else now)
