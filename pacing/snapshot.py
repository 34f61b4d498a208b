"""The floor at one instant, frozen: everything a pacing decision may depend on, and nothing else.

Times are seconds on the engine's monotonic clock (`domain.clock.Clock.monotonic`), never spans, so that a view of an
agent or a line stays the same object until something happens to it. A snapshot is complete: `decide(snapshot)` needs
no other argument, which is what makes a recorded decision repeatable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from domain.ids import AgentId, AttemptId
from pacing.answer_rate import SURE_FROM
from pacing.forecast import Forecast
from pacing.settings import PacingSettings


class AgentState(StrEnum):
    """What an agent who is signed in does."""

    READY = "ready"
    RESERVED = "reserved"
    """Kept free for one line that was dialed for this agent (preview, progressive, or under the brake)."""
    TALKING = "talking"
    HOLD = "hold"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"


class LineStage(StrEnum):
    """How far an outgoing line has come. A line joined to an agent is no longer a line but that agent's talk."""

    DIALING = "dialing"
    """Ordered; the far end has not been heard from. Counted from here: the ring-time forecast includes the delay."""
    RINGING = "ringing"
    ANSWERED = "answered"
    """Something answered; machine detection has not decided."""
    WAITING = "waiting"
    """A person (or somebody who may be one) waits for an agent."""


@dataclass(frozen=True, slots=True)
class AgentView:
    """One agent who is signed in.

    Attributes:
        agent: who.
        state: what the agent does.
        since: when this state began.
        leaves_at: announced instant of a break, a log-out or the end of the shift; None when nothing is announced.
        leaves_after_call: asked to pause or sign out after the present call.
        returns_at: for a paused agent, the announced end of the pause.
        pace: class of this agent's own speed, an index of `forecast.PACES` (2: like everyone).
        skills: what the agent can take; compared with what a campaign asks.
    """

    agent: AgentId
    state: AgentState
    since: float
    leaves_at: float | None = None
    leaves_after_call: bool = False
    returns_at: float | None = None
    pace: int = 2
    skills: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LineView:
    """One outgoing line that has no agent yet.

    Attributes:
        attempt: which attempt.
        stage: how far it has come.
        dialed_at: when the call was ordered.
        since: when the present stage began.
        answer_p: chance, when it was dialed, that a person answers.
        route: name of the route (trunk and line type) whose ring times apply.
        reserved_for: the agent kept free for it, if any; such a line cannot be abandoned for want of an agent.
        ours: False for a line of another campaign that draws on the same agents.
        human_p: once answered, chance that it is a person; None until then.
        answered_at: when something answered; None until then.
    """

    attempt: AttemptId
    stage: LineStage
    dialed_at: float
    since: float
    answer_p: float
    route: str = ""
    reserved_for: AgentId | None = None
    ours: bool = True
    human_p: float | None = None
    answered_at: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run of accounts ready to be dialed next, best first, that pacing need not tell apart.

    Attributes:
        count: how many there are.
        answer_p: chance that a person answers.
        value: what a conversation with one is worth, relative to the campaign's average.
        route: the route they will be dialed on.
    """

    count: int
    answer_p: float
    value: float = 1.0
    route: str = ""


@dataclass(frozen=True, slots=True)
class WindowTally:
    """Live answers and abandoned calls inside one accounting window.

    Attributes:
        name: for people, as "day" or "30 days".
        target: highest share of live answers that may be abandoned (0.03 for 3 %).
        answered: persons who answered, abandoned ones included.
        abandoned: those who met no agent in time, persons taken for machines included.
        binds: whether the brake acts on it (a law, or a rule held as hard as one), or theta is only steered by it.
        remaining_s: dialing time left in the window, for spreading what is left of the budget.
    """

    name: str
    target: float
    answered: int
    abandoned: int
    binds: bool = True
    remaining_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the outside allows at this instant; None means without limit.

    Attributes:
        channels_free: free channels on the trunks this campaign may use.
        call_tokens: originates the calls-per-second limit allows now.
        caller_id_calls: originates the daily caps of the owned caller IDs still allow.
        accounts: accounts claimed or claimable that may lawfully be dialed now.
    """

    channels_free: int | None = None
    call_tokens: int | None = None
    caller_id_calls: int | None = None
    accounts: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Whether what the snapshot says can be trusted.

    Attributes:
        link_up: the control connection to the switch works and its state has been reconciled.
        quiet_s: seconds since the switch was last heard (event or answer to a ping).
        queue_lag_s: age of the oldest event not yet handled.
        clock_jump_s: how far the calendar and the monotonic clock came apart since the last tick.
    """

    link_up: bool = True
    quiet_s: float = 0.0
    queue_lag_s: float = 0.0
    clock_jump_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts since the floor opened, never faded; rates of any window are differences of them.

    Attributes:
        dialed: calls ordered.
        over: dials that have an end: a person answered, or nobody did.
        answered: persons who answered.
        abandoned: persons who answered and met no agent in time.
        wrapped: conversations whose wrap-up is done.
    """

    dialed: int = 0
    over: int = 0
    answered: int = 0
    abandoned: int = 0
    wrapped: int = 0


@dataclass(frozen=True, slots=True)
class FloorSnapshot:
    """Everything a decision depends on.

    Attributes:
        now: the instant.
        settings: the campaign's pacing settings.
        agents: agents signed in who can serve this campaign.
        lines: lines without an agent, those of other campaigns on the same agents included (`ours` False).
        tallies: accounting windows of the abandonment budget.
        capacity: outside limits.
        health: whether to trust all this.
        theta: the accepted chance that a new line, if a person answers, meets no agent; moved by the budget.
        forecast: ring, talk and wrap forecasts; None until there are any (predictive then dials like progressive).
        candidates: accounts to be dialed next, best first; empty means "as many as capacity.accounts, average".
        answer_p: the list's present chance that a person answers.
        answer_p_high: its upper 80 % bound while little is known, else the same.
        dials_known: outcomes of dials that `answer_p` rests on, up to where it is sure.
        surge: how many times as likely as thought persons answer, while the rate itself has not caught up; 1 normally.
        inbound_waiting: incoming calls that wait for these agents now.
        inbound_per_s: incoming calls expected per second (blended campaigns).
        totals: counts since the floor opened, for policies that steer by rates.
    """

    now: float
    settings: PacingSettings
    agents: tuple[AgentView, ...]
    lines: tuple[LineView, ...] = ()
    tallies: tuple[WindowTally, ...] = ()
    capacity: Capacity = field(default_factory=Capacity)
    health: Health = field(default_factory=Health)
    theta: float = 0.0
    forecast: Forecast | None = None
    candidates: tuple[Candidate, ...] = ()
    answer_p: float = 0.25
    answer_p_high: float = 0.25
    dials_known: int = SURE_FROM
    surge: float = 1.0
    inbound_waiting: int = 0
    inbound_per_s: float = 0.0
    totals: Totals = Totals()
