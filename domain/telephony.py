"""The telephone switch as the rest of the project sees it: orders that go in, events that come out.

`dialer` implements it on Asterisk; `dialer.testing` implements it in memory. Orders name attempts and legs by the ids
they were given before they existed; only ids ever go to the switch, never a name, a note or a balance.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from domain.ids import AgentId, AttemptId, LegId
from domain.outcomes import Verdict
from domain.phone import PhoneNumber


class Treatment(StrEnum):
    """What a person who answered gets when no agent was free in time. Counted abandoned whichever it is."""

    LATE_AGENT = "late_agent"
    """Ring tone and the next agent who comes free, up to a few seconds, then hang up."""
    MESSAGE = "message"
    """A recorded message: who called, the number to call, key 9 for do-not-call. Nothing of a debt."""
    HANGUP = "hangup"


class RecordingMode(StrEnum):
    """Whether and how a bridged call is recorded."""

    ANNOUNCE_THEN_RECORD = "announce_then_record"
    """Both parties hear the announcement first, inside the recording."""
    RECORD = "record"
    OFF = "off"


# --- orders ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Origination:
    """One call to place.

    Attributes:
        attempt: becomes the id of the first channel; everything that happens to the call is reported under it.
        to: the number to call.
        caller_id: an owned number, shown to the called person and asserted to the trunk.
        trunk: name of the trunk in settings.
        detect_machine: whether answering-machine detection runs.
        connect_within_s: from the verdict (or from the answer without detection) to the treatment, which the dialplan
            starts by itself.
        treatment: what the dialplan does at that deadline.
        late_agent_s: how long `LATE_AGENT` offers ring tone.
        message: name of the message `MESSAGE` plays; letters, digits and dashes.
        recording: how the bridged part is recorded.
        setup_timeout_s: hard limit on post-dial delay and ringing together, kept by the switch even without the engine.
        invite: which INVITE of the attempt this is: 0 the first, more after a trunk refused it before any ringing. The
            channel of a later one has an id of its own, `domain.ids.channel_of`.
    """

    attempt: AttemptId
    to: PhoneNumber
    caller_id: PhoneNumber
    trunk: str
    detect_machine: bool
    connect_within_s: float
    treatment: Treatment
    late_agent_s: float
    message: str
    recording: RecordingMode
    setup_timeout_s: float
    invite: int = 0


@dataclass(frozen=True, slots=True)
class LiveChannel:
    """A channel that exists in the switch; the raw material of reconciliation."""

    id: str
    """An attempt id, a leg id, or the switch's own id for a call that came in."""
    agent: AgentId | None
    answered: bool
    joined_with: str | None
    """Id of the channel it is bridged with."""


# --- events ------------------------------------------------------------------------------------------------------
# `at` is Clock.monotonic() when the event was read from the switch.


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The control connection works (again). The engine reconciles before it dials."""

    at: float


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The control connection is gone. Calls in the switch live on; no order can be given."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Rang:
    """The far end rings (180), or announces progress with audio (183)."""

    attempt: AttemptId
    at: float
    early_media: bool


@dataclass(frozen=True, slots=True)
class Answered:
    attempt: AttemptId
    at: float


@dataclass(frozen=True, slots=True)
class Judged:
    """Machine detection has decided, or detection is off and the answer itself is the verdict (`cause` "off")."""

    attempt: AttemptId
    at: float
    verdict: Verdict
    cause: str


@dataclass(frozen=True, slots=True)
class Treated:
    """The deadline passed with no agent; the dialplan has begun the treatment."""

    attempt: AttemptId
    at: float
    treatment: Treatment


@dataclass(frozen=True, slots=True)
class Joined:
    """Customer and agent are in one bridge."""

    attempt: AttemptId
    leg: LegId
    at: float


@dataclass(frozen=True, slots=True)
class Parted:
    """One of the two left the bridge; the other channel may live on."""

    attempt: AttemptId
    leg: LegId
    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt's channel is gone.

    Attributes:
        cause: Q.850 cause of the hang-up.
        sip_status: SIP status when the carrier sent one, else None.
        was_ringing: it went away while the far end rang.
    """

    attempt: AttemptId
    at: float
    cause: int
    sip_status: int | None
    was_ringing: bool


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key on a telephone: the agent's (by leg) or a called person's (by attempt, during a message)."""

    source: AttemptId | LegId
    at: float
    key: str


@dataclass(frozen=True, slots=True)
class LegUp:
    """An agent's leg is answered and waits in its loop."""

    leg: LegId
    agent: AgentId
    at: float


@dataclass(frozen=True, slots=True)
class LegEnded:
    """An agent's leg is gone: hung up, unreachable, or its media stopped (`cause` as in Ended)."""

    leg: LegId
    agent: AgentId
    at: float
    cause: int


@dataclass(frozen=True, slots=True)
class InboundBegan:
    """Somebody calls one of the owned numbers. The dialplan answers by itself with name, number and key 9."""

    channel: str
    at: float
    called: PhoneNumber
    caller: PhoneNumber | None


@dataclass(frozen=True, slots=True)
class InboundEnded:
    """An inbound call is over.

    Attributes:
        opted_out: key 9 was pressed.
    """

    channel: str
    at: float
    opted_out: bool


SwitchEvent = (
    LinkUp
    | LinkDown
    | Rang
    | Answered
    | Judged
    | Treated
    | Joined
    | Parted
    | Ended
    | KeyPressed
    | LegUp
    | LegEnded
    | InboundBegan
    | InboundEnded
)


class TelephonyError(Exception):
    """The switch did not carry out an order.

    Attributes:
        maybe_done: True when the order may have reached the switch (it was written, no answer came): it is never
            repeated, and an originate is then counted as made.
    """

    def __init__(self, message: str, *, maybe_done: bool) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class Telephony(Protocol):
    """A switch. Every order has a deadline and is sent at most once; failures raise TelephonyError."""

    def events(self) -> AsyncIterator[SwitchEvent]:
        """Events in the order the switch produced them; one consumer."""
        ...

    async def originate(self, order: Origination) -> None:
        """Place a call. Returns when the switch has accepted the order, long before any answer."""
        ...

    async def join(self, attempt: AttemptId, leg: LegId) -> None:
        """Bridge the person with the agent; `Joined` follows."""
        ...

    async def hold(self, attempt: AttemptId) -> None:
        """Park the person with hold music, out of any bridge; the dialplan ends it after its own limit."""
        ...

    async def treat(self, attempt: AttemptId, treatment: Treatment) -> None:
        """Begin the treatment now instead of at the dialplan's deadline."""
        ...

    async def hang_up(self, channel: AttemptId | LegId) -> None:
        """End a channel, ringing or answered. A channel already gone is no error."""
        ...

    async def call_agent(self, agent: AgentId, leg: LegId) -> None:
        """Ring the agent's registered phone and nail the leg up in its waiting loop; `LegUp` follows."""
        ...

    async def live_channels(self) -> Sequence[LiveChannel]:
        """What exists in the switch now."""
        ...
