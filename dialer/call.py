"""The life of one call: its states, the events that move it, and what is known of it. Pure.

Everything that decides how a call's state changes is the table in this file. The table knows nothing of Asterisk, of
agents' names or of the clock; `dialer.call_actor` feeds it and carries out what follows.

A call begins as a reserved attempt, durable in the ledger. `sent` means that the switch has accepted the order. From
`answered` on, somebody may be listening: every path leads either to an agent or to the treatment, and both end in
`ended`. A person who was joined and lost the agent is `held` and waits again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.ids import AgentId, LegId
from domain.outcomes import Verdict
from domain.telephony import Treatment


class CallState(StrEnum):
    """Where a call is."""

    RESERVED = "reserved"
    """The attempt is durable; nothing has been sent."""
    SENT = "sent"
    """The switch has the order; the carrier has not announced anything."""
    RINGING = "ringing"
    RELEASING = "releasing"
    """We asked to take it down before an answer; a late answer is still possible."""
    DETECTING = "detecting"
    """Answered; machine detection listens."""
    WAITING = "waiting"
    """A person, and no agent yet."""
    CONNECTING = "connecting"
    """An agent is reserved and the order to join is given."""
    TALKING = "talking"
    HELD = "held"
    """The agent's leg was lost; the person hears hold music."""
    TREATED = "treated"
    """The deadline passed; the treatment runs."""
    MACHINE = "machine"
    """No person; the switch is hanging up."""
    ENDED = "ended"


class CallEvent(StrEnum):
    """What can happen to a call."""

    SENT = "sent"
    RANG = "rang"
    RELEASED = "released"
    ANSWERED = "answered"
    PERSON = "person"
    NO_PERSON = "no_person"
    MATCHED = "matched"
    UNMATCHED = "unmatched"
    JOINED = "joined"
    LEG_LOST = "leg_lost"
    TREATED = "treated"
    REFUSED_EARLY = "refused_early"
    """The trunk refused the INVITE before any ringing, and another trunk will be tried."""
    ENDED = "ended"


_S = CallState
_E = CallEvent

TRANSITIONS: Final[Mapping[CallState, Mapping[CallEvent, CallState]]] = MappingProxyType(
    {
        # Events of the switch may overtake the answer to our own order: RANG while still RESERVED is ordinary.
        _S.RESERVED: {
            _E.SENT: _S.SENT,
            _E.RANG: _S.RINGING,
            _E.ANSWERED: _S.DETECTING,
            _E.RELEASED: _S.RELEASING,
            _E.REFUSED_EARLY: _S.RESERVED,
            _E.ENDED: _S.ENDED,
        },
        # Only here and above may another INVITE follow: what has rung has rung.
        _S.SENT: {
            _E.REFUSED_EARLY: _S.RESERVED,
            _E.RANG: _S.RINGING,
            _E.ANSWERED: _S.DETECTING,
            _E.RELEASED: _S.RELEASING,
            _E.ENDED: _S.ENDED,
        },
        _S.RINGING: {
            _E.SENT: _S.RINGING,
            _E.RANG: _S.RINGING,
            _E.ANSWERED: _S.DETECTING,
            _E.RELEASED: _S.RELEASING,
            _E.ENDED: _S.ENDED,
        },
        # Answered in the instant we let go: somebody said hello, so it is handled like any other answer.
        _S.RELEASING: {
            _E.SENT: _S.RELEASING,
            _E.RANG: _S.RELEASING,
            _E.ANSWERED: _S.DETECTING,
            _E.ENDED: _S.ENDED,
        },
        _S.DETECTING: {
            _E.SENT: _S.DETECTING,
            _E.RANG: _S.DETECTING,
            _E.PERSON: _S.WAITING,
            _E.NO_PERSON: _S.MACHINE,
            _E.ENDED: _S.ENDED,
        },
        _S.WAITING: {
            _E.MATCHED: _S.CONNECTING,
            _E.TREATED: _S.TREATED,
            _E.ENDED: _S.ENDED,
        },
        _S.CONNECTING: {
            _E.JOINED: _S.TALKING,
            _E.UNMATCHED: _S.WAITING,
            _E.TREATED: _S.CONNECTING,
            _E.LEG_LOST: _S.WAITING,
            _E.ENDED: _S.ENDED,
        },
        _S.TALKING: {
            _E.LEG_LOST: _S.HELD,
            _E.ENDED: _S.ENDED,
        },
        _S.HELD: {
            _E.MATCHED: _S.CONNECTING,
            _E.TREATED: _S.TREATED,
            _E.ENDED: _S.ENDED,
        },
        # With `late_agent` an agent who comes free in time still gets the person.
        _S.TREATED: {
            _E.MATCHED: _S.CONNECTING,
            _E.TREATED: _S.TREATED,
            _E.ENDED: _S.ENDED,
        },
        _S.MACHINE: {
            _E.ENDED: _S.ENDED,
        },
        _S.ENDED: {},
    }
)


class IllegalCallEventError(Exception):
    """The event has no meaning in that state; the state is unchanged."""

    def __init__(self, state: CallState, event: CallEvent) -> None:
        super().__init__(f"a call that is {state.value} cannot take {event.value}")
        self.state = state
        self.event = event


def next_state(state: CallState, event: CallEvent) -> CallState:
    """The state after `event`.

    Raises:
        IllegalCallEventError: the table has no such entry.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalCallEventError(state, event) from None


@dataclass(frozen=True, slots=True)
class RefusedInvite:
    """An INVITE that its trunk refused before any ringing.

    Attributes:
        invite: which one of the attempt; 0 is the first.
        sent_at, ended_at: Clock.monotonic() seconds.
        cause: Q.850 cause; `sip_status` None when no channel could be made.
    """

    invite: int
    trunk: str
    sent_at: float | None
    ended_at: float
    cause: int
    sip_status: int | None


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What is known of one call. Instants are Clock.monotonic() seconds.

    Attributes:
        released_by_us: we asked for it to be taken down before an answer.
        judged_at: when the verdict came; the connect time is counted from here.
        treated: the treatment began at some time: the call counts as abandoned, a late agent notwithstanding.
        joined_at: the first time both parties were in one bridge.
        parted_at: when the last bridge ended.
        talk_s: seconds in a bridge, completed bridges only.
        rang_out: it was released by us because it had rung long enough, and for no other reason.
        refused: INVITEs before the present one; `sent_at` is the present one's.
        unheard: part of the call happened while the switch could not be heard; instants and `talk_s` are no measures.
    """

    state: CallState = CallState.RESERVED
    sent_at: float | None = None
    rang_at: float | None = None
    answered_at: float | None = None
    judged_at: float | None = None
    verdict: Verdict | None = None
    verdict_cause: str = ""
    treated_at: float | None = None
    treatment: Treatment | None = None
    joined_at: float | None = None
    bridged_since: float | None = None
    parted_at: float | None = None
    talk_s: float = 0.0
    agent: AgentId | None = None
    leg: LegId | None = None
    reoffered: bool = False
    released_by_us: bool = False
    rang_out: bool = False
    ended_at: float | None = None
    cause: int | None = None
    sip_status: int | None = None
    was_ringing: bool = False
    refused: tuple[RefusedInvite, ...] = ()
    unheard: bool = False

    @property
    def treated(self) -> bool:
        return self.treated_at is not None

    @property
    def person_answered(self) -> bool:
        """Somebody who is or may be a person answered."""
        return self.verdict is not None and not self.verdict.is_machine


def diagram() -> str:
    """The table as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", f"    [*] --> {CallState.RESERVED.value}"]
    for state, row in TRANSITIONS.items():
        targets: dict[CallState, list[str]] = {}
        for event, target in row.items():
            targets.setdefault(target, []).append(event.value)
        lines += [f"    {state.value} --> {target.value}: {', '.join(names)}" for target, names in targets.items()]
    return "\n".join([*lines, f"    {CallState.ENDED.value} --> [*]"]) + "\n"
