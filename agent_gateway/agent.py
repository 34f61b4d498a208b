"""The life of an agent: one transition table, applied by one pure function.

Everything that changes an agent's state is in this file, and the picture in `docs/reference/agent-states.md` is drawn
from the same table (`agent_gateway.diagram`). Nothing here does I/O or knows the time: `now` is an argument.

An agent is *signed in* in every state but `offline`. The audio leg is nailed up at sign-in and stays up between calls;
until it is connected the agent is `paused` with reason `connecting`. What an agent asks for in the middle of a call
(a pause, signing out) is kept as a wish and granted when the call is finished: no conversation is cut by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from domain.ids import AgentId, AttemptId, LegId


class AgentState(StrEnum):
    """What an agent is doing."""

    OFFLINE = "offline"
    PAUSED = "paused"
    """Signed in, gets no calls; `Agent.reason` says why."""
    READY = "ready"
    RESERVED = "reserved"
    """Kept for one attempt that is ringing, or answered and about to be joined."""
    TALKING = "talking"
    HOLD = "hold"
    """The person hears music, out of the bridge; still this agent's call."""
    WRAP_UP = "wrap_up"
    """The conversation is over, its disposition is not recorded yet."""


class Wish(StrEnum):
    """What happens to an agent as soon as it can."""

    NONE = "none"
    READY = "ready"
    """Go ready when the leg is connected."""
    PAUSE = "pause"
    SIGN_OUT = "sign_out"


class Cause(StrEnum):
    """Why an agent is paused or offline without having given a reason."""

    CONNECTING = "connecting"
    """The agent's phone is being rung."""
    NOT_READY = "not_ready"
    """Connected, has not asked for calls yet."""
    SIGNED_OUT = "signed_out"
    HUNG_UP = "hung_up"
    """The agent put the phone down."""
    UNREACHABLE = "unreachable"
    """The phone did not answer, or its media stopped without a goodbye."""
    HEARTBEAT_LOST = "heartbeat_lost"
    """The agent's screen has been silent for too long."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent at one instant.

    Attributes:
        id: sign-in name.
        state: what the agent is doing.
        since: monotonic seconds at which this state (with this reason) began.
        idle_since: when the agent last became ready; a reservation that came to nothing does not change it.
        skills: what the agent can handle; a call asks for a subset.
        reason: why paused or offline: a `Cause` or one of the campaign's pause reasons.
        leg: the nailed-up audio leg, or None.
        leg_up: the leg is answered and waits in its loop (or is in a bridge).
        attempt: the call the agent is reserved for, in, or wrapping up.
        on_line: the person of `attempt` is still connected.
        wish: what happens as soon as the call is finished or the leg is up.
        wish_reason: reason that goes with a wish to pause or to sign out.
    """

    id: AgentId
    state: AgentState = AgentState.OFFLINE
    since: float = 0.0
    idle_since: float = 0.0
    skills: frozenset[str] = frozenset()
    reason: str | None = Cause.SIGNED_OUT
    leg: LegId | None = None
    leg_up: bool = False
    attempt: AttemptId | None = None
    on_line: bool = False
    wish: Wish = Wish.NONE
    wish_reason: str | None = None

    @property
    def is_signed_in(self) -> bool:
        return self.state is not AgentState.OFFLINE

    @property
    def is_leaving(self) -> bool:
        """Whether the agent has announced to pause or to sign out after this call."""
        return self.wish in {Wish.PAUSE, Wish.SIGN_OUT}

    @property
    def is_available(self) -> bool:
        """Whether the agent can be given a call now."""
        return self.state is AgentState.READY and self.leg_up and not self.is_leaving

    @property
    def is_due_back(self) -> bool:
        """Whether the agent takes calls now or after the present one; with nobody due back no call may be placed."""
        return self.state in _DUE_BACK and self.leg_up and not self.is_leaving


_DUE_BACK: Final = frozenset(
    {AgentState.READY, AgentState.RESERVED, AgentState.TALKING, AgentState.HOLD, AgentState.WRAP_UP}
)


# --- events ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignIn:
    """The agent arrives; `leg` is the id of the leg about to be raised."""

    leg: LegId
    skills: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reconnect:
    """The screen of an agent who is signed in is back; a wish to sign out that its absence caused is dropped."""


@dataclass(frozen=True, slots=True)
class LegConnected:
    leg: LegId


@dataclass(frozen=True, slots=True)
class LegLost:
    """The leg is gone: put down by the agent (`deliberate`) or unreachable."""

    leg: LegId
    deliberate: bool


@dataclass(frozen=True, slots=True)
class GoReady:
    """The agent wants calls; also takes back an announced pause."""


@dataclass(frozen=True, slots=True)
class Pause:
    reason: str


@dataclass(frozen=True, slots=True)
class Reserve:
    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class Release:
    """The attempt the agent was kept for needs no agent."""

    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class Join:
    """Agent and person are in one bridge: for the first time, again after hold, or found so after a restart."""

    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class PutOnHold:
    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class Part:
    """One of the two has left the bridge; which one, the next event tells."""

    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class CallOver:
    """The person's channel is gone."""

    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class Dispose:
    """The agent has said what became of the call."""

    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class WrapTimeout:
    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class SignOut:
    pass


@dataclass(frozen=True, slots=True)
class HeartbeatLost:
    pass


AgentEvent = (
    SignIn
    | Reconnect
    | LegConnected
    | LegLost
    | GoReady
    | Pause
    | Reserve
    | Release
    | Join
    | PutOnHold
    | Part
    | CallOver
    | Dispose
    | WrapTimeout
    | SignOut
    | HeartbeatLost
)
EVENT_KINDS: Final[tuple[type[AgentEvent], ...]] = (
    SignIn,
    Reconnect,
    LegConnected,
    LegLost,
    GoReady,
    Pause,
    Reserve,
    Release,
    Join,
    PutOnHold,
    Part,
    CallOver,
    Dispose,
    WrapTimeout,
    SignOut,
    HeartbeatLost,
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
        Reserve: _S.RESERVED,
        Join: _S.TALKING,
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
        case Reserve(attempt):
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


def _enter(agent: Agent, state: AgentState, event: AgentEvent, now: float) -> Agent:
    match state:
        case AgentState.OFFLINE:
            return _go_offline(agent, event, now)
        case AgentState.PAUSED:
            return _go_paused(agent, event, now)
        case AgentState.READY:
            kept = agent.state in {AgentState.RESERVED, AgentState.READY}
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
