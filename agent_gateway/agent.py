"""An agent at one instant, and everything that can happen to one, as frozen values.

What follows from an event is in `agent_gateway.lifecycle`. An agent is *signed in* in every state but `offline`. The
audio leg is nailed up at sign-in and stays up between calls; until it is connected the agent is `paused` with reason
`connecting`. What an agent asks for in the middle of a call (a pause, signing out) is kept as a wish and granted when
the call is finished: no conversation is cut by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.ids import AgentId, AttemptId, LegId


class AgentState(StrEnum):
    """What an agent is doing."""

    OFFLINE = "offline"
    PAUSED = "paused"
    """Signed in, gets no calls; `Agent.reason` says why."""
    READY = "ready"
    PREVIEW = "preview"
    """Looks at an account and says whether to dial; nothing has been written or dialed for it yet."""
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
    PREVIEW_MISSED = "preview_missed"
    """The agent was shown an account and said nothing in time: taken for absent."""


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
        attempt: the call the agent is reserved for, in, or wrapping up; in a preview, the one it would be.
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
    {
        AgentState.READY,
        AgentState.PREVIEW,
        AgentState.RESERVED,
        AgentState.TALKING,
        AgentState.HOLD,
        AgentState.WRAP_UP,
    }
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
class Offer:
    """An account is shown; `attempt` is the id its call will have if the agent says dial."""

    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class Confirm:
    """The agent says dial."""

    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class Skip:
    """The agent does not want this account now."""

    attempt: AttemptId
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PreviewTimeout:
    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class Reserve:
    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class Release:
    """The attempt the agent was kept for needs no agent, or the account shown is taken back."""

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
    | Offer
    | Confirm
    | Skip
    | PreviewTimeout
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
    Offer,
    Confirm,
    Skip,
    PreviewTimeout,
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
