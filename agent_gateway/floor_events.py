"""What the floor is given, what it tells and what it shows, as frozen values; used by `agent_gateway.floor`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from agent_gateway.agent import Agent, AgentState
from agent_gateway.disposition import COLLECTIONS, DispositionSet, Recorded
from domain.ids import AgentId, AttemptId


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """How agents are treated, whatever the campaign.

    Attributes:
        leg_timeout_s: how long an agent's phone may ring before the agent is unreachable.
        pause_reasons: code to label; the first is what the telephone key for pause means.
        skip_reasons: code to label: why an agent does not want to dial an account now.
    """

    leg_timeout_s: float = 30.0
    pause_reasons: tuple[tuple[str, str], ...] = (
        ("break", "Break"),
        ("lunch", "Lunch"),
        ("meeting", "Meeting"),
        ("training", "Training"),
        ("admin", "Paperwork"),
    )
    skip_reasons: tuple[tuple[str, str], ...] = (
        ("bad_time", "Not a good time"),
        ("look_up", "Something to look up first"),
        ("bad_data", "The data looks wrong"),
        ("conflict", "I know this person"),
    )


@dataclass(frozen=True, slots=True)
class CallTerms:
    """What a call asks of its agent.

    Attributes:
        skills: what the agent must be able to handle.
        wrap_up_s: how long the disposition may take before the call is a `conversation`.
        dispositions: what may be said.
        preview_s: how long the agent may look at the account before it is taken back, where agents dial themselves.
    """

    skills: frozenset[str] = frozenset()
    wrap_up_s: float = 30.0
    dispositions: DispositionSet = COLLECTIONS
    preview_s: float = 45.0


# --- what the floor tells ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """An agent is not as before: state, reason, wish or leg."""

    before: Agent
    after: Agent


@dataclass(frozen=True, slots=True)
class Disposed:
    """A call's wrap-up is over. Told once for every call that an agent finished."""

    attempt: AttemptId
    agent: AgentId
    recorded: Recorded


class PreviewEnd(StrEnum):
    """How an agent's look at an account ended."""

    DIAL = "dial"
    """The agent is reserved and waits for the call."""
    SKIP = "skip"
    MISSED = "missed"
    """Nothing was said in time; the agent is paused."""
    LEFT = "left"
    """The agent paused, signed out or was lost."""
    WITHDRAWN = "withdrawn"
    """Whoever had offered the account took it back."""


@dataclass(frozen=True, slots=True)
class PreviewEnded:
    """An agent looks at this account no more. Told once for every account that was offered."""

    attempt: AttemptId
    agent: AgentId
    how: PreviewEnd
    reason: str | None = None
    """One of the skip reasons, if one was given."""


@dataclass(frozen=True, slots=True)
class NotDialed:
    """The agent said dial and no call was placed, for a reason in words; the agent is free again."""

    agent: AgentId
    words: str


@dataclass(frozen=True, slots=True)
class CallOrphaned:
    """The agent of this call is unreachable, the person is still connected: hold, offer once, else treat."""

    attempt: AttemptId
    agent: AgentId


@dataclass(frozen=True, slots=True)
class ReservationLost:
    """The agent kept for this attempt is gone, and nobody has taken the agent's place."""

    attempt: AttemptId
    agent: AgentId


@dataclass(frozen=True, slots=True)
class OrderFailed:
    """The switch did not do what an agent asked for; `order` is `call_agent`, `hold`, `resume` or `hang_up`."""

    agent: AgentId
    order: str


FloorEvent = AgentChanged | Disposed | PreviewEnded | NotDialed | CallOrphaned | ReservationLost | OrderFailed


@dataclass(frozen=True, slots=True)
class StateInterval:
    """A span an agent spent in one state, for the store."""

    agent: AgentId
    state: AgentState
    reason: str | None
    attempt: AttemptId | None
    began: datetime
    ended: datetime


class FloorJournal(Protocol):
    """Where state intervals go. Returns at once; whoever stores them does so elsewhere."""

    def interval(self, interval: StateInterval) -> None: ...


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent as pacing sees one.

    Attributes:
        elapsed_s: seconds in this state.
        leaving: a pause or sign-out is announced.
        due_back: takes calls now or after the present one.
    """

    id: AgentId
    state: AgentState
    elapsed_s: float
    skills: frozenset[str]
    leaving: bool
    due_back: bool

    @classmethod
    def of(cls, agent: Agent, now: float) -> AgentView:
        """The agent at `now` (monotonic seconds)."""
        return cls(agent.id, agent.state, now - agent.since, agent.skills, agent.is_leaving, agent.is_due_back)


@dataclass(frozen=True, slots=True)
class FloorSnapshot:
    """Everyone signed in, at one instant."""

    at: float
    agents: tuple[AgentView, ...]

    def count(self, state: AgentState) -> int:
        return sum(view.state is state for view in self.agents)

    @property
    def due_back(self) -> int:
        """How many take calls now or after the present one; zero forbids every originate."""
        return sum(view.due_back for view in self.agents)
