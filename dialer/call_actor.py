"""One live call: the only task that changes its record, and the orders that follow from each change.

The engine drops events into the call's mailbox and never waits. The actor applies the table of `dialer.call`, keeps the
timers that are its own (ring time, post-dial delay, a release that nobody confirms), finds an agent for a person, and
returns the finished record. The deadline for a person without an agent is the switch's, not ours: it works without us.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from agent_gateway.agent import Agent
from agent_gateway.floor_events import CallTerms
from dialer.call import CallEvent, CallRecord, CallState, IllegalCallEventError, RefusedInvite, next_state
from dialer.failover import refused_early
from dialer.outcome import NEVER_SENT
from domain.clock import Clock
from domain.ids import AgentId, AttemptId, LegId
from domain.outcomes import Verdict
from domain.telephony import (
    Answered,
    Ended,
    Joined,
    Judged,
    KeyPressed,
    LiveChannel,
    Origination,
    Parted,
    Rang,
    SwitchEvent,
    Telephony,
    TelephonyError,
    Treated,
    Treatment,
)

_log = structlog.get_logger(__name__)

RELEASE_CONFIRM_S: Final = 10.0
"""How long the switch may take to confirm that a call we let go is gone, before its end counts as unknown."""
HOLD_OFFER_S: Final = 10.0
"""How long a person whose agent was cut off is offered to others; the dialplan's hold lasts as long."""

JOIN_RETRY_S: Final = 0.2
_BEFORE_ANSWER: Final = frozenset({CallState.RESERVED, CallState.SENT, CallState.RINGING, CallState.RELEASING})


class Agents(Protocol):
    """What a call asks of the floor."""

    def reserve(self, attempt: AttemptId, terms: CallTerms) -> Agent | None: ...
    async def reserve_within(
        self, attempt: AttemptId, terms: CallTerms, seconds: float, *, first: bool = False
    ) -> Agent | None: ...
    def release(self, attempt: AttemptId) -> None: ...


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Times the engine keeps for one call, in seconds.

    Attributes:
        ring_s: from the first 18x until we let go.
        post_dial_s: from the order until the first 18x.
        abandon_s: from the verdict until a person without an agent gets the treatment (the switch counts it).
        late_agent_s: how long after that an agent is still welcome, with the treatment `late_agent`.
    """

    ring_s: float
    post_dial_s: float
    abandon_s: float
    late_agent_s: float


# --- what reaches the mailbox beside the switch's events ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentFound:
    agent: Agent


@dataclass(frozen=True, slots=True)
class AgentGone:
    """An agent reserved for, or talking on, this call is unreachable; perhaps one whom the call has no more."""

    agent: AgentId


@dataclass(frozen=True, slots=True)
class TimeUp:
    """A timer of the actor's own; stale ones carry a number that is no longer current."""

    number: int


@dataclass(frozen=True, slots=True)
class Release:
    """Take the call down before an answer: the pacing wants it back, or the engine stops."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The switch no longer has the call and never said why."""


@dataclass(frozen=True, slots=True)
class StandsAt:
    """Where the switch says the call is, after its events could not be heard for a while.

    Attributes:
        since: when it could be heard again; what was ordered later is under way and not judged by this.
        agent: whose leg it is joined with, if it is with one.
    """

    channel: LiveChannel
    since: float
    agent: AgentId | None = None


Reroute = Callable[[Origination, tuple[RefusedInvite, ...]], Awaitable[Origination | None]]
"""Asked after an early refusal: the order for another trunk, already taken and written down, or None."""

Message = SwitchEvent | AgentFound | AgentGone | TimeUp | Release | Lost | StandsAt


class CallActor:
    """One call from its order to its end.

    Args:
        order: what to originate.
        terms: what the call asks of its agent.
        limits: the engine's own times.
        reroute: where to go when the trunk refuses.
        on_change: called after every change with the new record, for views and journals; must not block.
    """

    def __init__(
        self,
        order: Origination,
        terms: CallTerms,
        limits: CallLimits,
        telephony: Telephony,
        agents: Agents,
        clock: Clock,
        reroute: Reroute,
        on_change: Callable[[AttemptId, CallRecord], None],
    ) -> None:
        self.order = order
        self.record = CallRecord()
        self._terms = terms
        self._limits = limits
        self._telephony = telephony
        self._agents = agents
        self._clock = clock
        self._reroute = reroute
        self._on_change = on_change
        self._mailbox: asyncio.Queue[Message] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_number = 0
        self._search: asyncio.Task[None] | None = None
        self._ordered_at = 0.0
        self._asked_again = False

    @property
    def ordered_at(self) -> float:
        """When the switch was last told to place or to join this call: what it lists cannot be older than that."""
        return self._ordered_at

    @property
    def attempt(self) -> AttemptId:
        return self.order.attempt

    def tell(self, message: Message) -> None:
        """Put something into the mailbox; returns at once."""
        self._mailbox.put_nowait(message)

    async def run(self, adopted: CallRecord | None = None) -> CallRecord:
        """Place the call, follow it to its end and return what became of it.

        Args:
            adopted: where the call stands, when an earlier engine placed it: then nothing is sent.
        """
        try:
            if adopted is None:
                await self._place()
            else:
                self.record = adopted
            while self.record.state is not CallState.ENDED:
                await self._handle(await self._mailbox.get())
            return self.record
        finally:
            self._stop_timer()
            self._stop_search()
            self._agents.release(self.attempt)

    # --- placing --------------------------------------------------------------------------------------------------

    async def _place(self) -> None:
        self._start_timer(self._limits.post_dial_s)
        self._ordered_at = self._now()
        try:
            await self._telephony.originate(self.order)
        except TelephonyError as error:
            _log.warning("originate failed", attempt=self.attempt, error=str(error), maybe_done=error.maybe_done)
            if not error.maybe_done:
                self._move(CallEvent.ENDED, ended_at=self._now(), cause=NEVER_SENT)
            return
        self._move(CallEvent.SENT, sent_at=self._now())

    # --- one message at a time --------------------------------------------------------------------------------------

    async def _handle(self, message: Message) -> None:  # noqa: C901  # one flat line a kind of message
        match message:
            case Rang(at=at):
                self._rang(at)
            case Answered(at=at):
                self._stop_timer()
                self._move(CallEvent.ANSWERED, answered_at=at)
            case Judged():
                await self._judged(message)
            case Treated(at=at, treatment=treatment):
                self._treated(at, treatment)
            case Joined(leg=leg, at=at):
                self._joined(leg, at)
            case Parted(at=at):
                self._parted(at)
            case Ended():
                await self._ended(message)
            case AgentFound(agent):
                await self._connect(agent)
            case AgentGone(agent):
                await self._agent_gone(agent)
            case TimeUp(number):
                await self._time_up(number)
            case Release():
                await self._let_go()
            case Lost():
                self._move(CallEvent.ENDED, ended_at=self._now(), unheard=True)
            case StandsAt():
                await self._stands_at(message)
            case KeyPressed():
                pass  # opt-outs are the engine's: they hold for every campaign
            case _:
                _log.warning("not a call's event", attempt=self.attempt, kind=type(message).__name__)

    def _rang(self, at: float) -> None:
        if self.record.rang_at is None and self._move(CallEvent.RANG, rang_at=at):
            self._start_timer(self._limits.ring_s)

    async def _judged(self, judged: Judged) -> None:
        self._must_have_answered(judged.at)
        event = CallEvent.NO_PERSON if judged.verdict.is_machine else CallEvent.PERSON
        moved = self._move(event, judged_at=judged.at, verdict=judged.verdict, verdict_cause=judged.cause)
        if moved and event is CallEvent.PERSON:
            wait_s = self._limits.abandon_s
            if self.order.treatment is Treatment.LATE_AGENT:
                wait_s += self._limits.late_agent_s
            await self._find_agent(wait_s)

    def _treated(self, at: float, treatment: Treatment) -> None:
        self._must_have_answered(at)
        if self.record.state is CallState.DETECTING:
            self._is_a_person(at)
        first = self.record.treated_at is None
        self._move(CallEvent.TREATED, **({"treated_at": at, "treatment": treatment} if first else {}))
        if treatment is not Treatment.LATE_AGENT:
            self._stop_search()

    def _joined(self, leg: LegId, at: float) -> None:
        """Both are in one bridge, whatever we had heard of the way there."""
        self._must_have_answered(at)
        if self.record.state is CallState.DETECTING:
            self._is_a_person(at)
        if self.record.state in {CallState.WAITING, CallState.TREATED}:
            self._move(CallEvent.MATCHED, leg=leg)
        first = self.record.joined_at if self.record.joined_at is not None else at
        self._move(CallEvent.JOINED, joined_at=first, bridged_since=at, leg=leg)

    def _parted(self, at: float) -> None:
        since = self.record.bridged_since
        if since is not None:
            self._set(talk_s=self.record.talk_s + at - since, bridged_since=None, parted_at=at)

    async def _ended(self, ended: Ended) -> None:
        self._parted(ended.at)
        if refused_early(self.record, ended) and await self._try_another_trunk(ended):
            return
        self._move(
            CallEvent.ENDED,
            ended_at=ended.at,
            cause=ended.cause,
            sip_status=ended.sip_status,
            was_ringing=ended.was_ringing,
        )

    async def _try_another_trunk(self, ended: Ended) -> bool:
        order, record = self.order, self.record
        this = RefusedInvite(order.invite, order.trunk, record.sent_at, ended.at, ended.cause, ended.sip_status)
        refused = (*record.refused, this)
        further = await self._reroute(order, refused)
        if further is None:
            return False
        if not self._move(CallEvent.REFUSED_EARLY, refused=refused, sent_at=None):
            return False
        self.order = further
        await self._place()
        return True

    # --- agents -----------------------------------------------------------------------------------------------------

    async def _find_agent(self, seconds: float, *, first: bool = False) -> None:
        if self._search is not None and not self._search.done():
            return  # a second search would find an agent for a call that has one
        agent = self._agents.reserve(self.attempt, self._terms)
        if agent is not None:
            await self._connect(agent)
            return
        self._search = asyncio.create_task(self._wait_for_agent(seconds, first=first))

    async def _wait_for_agent(self, seconds: float, *, first: bool) -> None:
        agent = await self._agents.reserve_within(self.attempt, self._terms, seconds, first=first)
        if agent is not None:
            self.tell(AgentFound(agent))

    async def _connect(self, agent: Agent) -> None:
        if agent.leg is None or not self._move(CallEvent.MATCHED, agent=agent.id, leg=agent.leg):
            self._agents.release(self.attempt)
            return
        self._ordered_at = self._now()
        try:
            await self._telephony.join(self.attempt, agent.leg)
        except TelephonyError as error:
            _log.warning("join failed", attempt=self.attempt, error=str(error), maybe_done=error.maybe_done)
            if not error.maybe_done:
                self._not_joined()

    def _not_joined(self) -> None:
        self._agents.release(self.attempt)
        self._move(CallEvent.UNMATCHED, agent=None, leg=None)
        # Not at once: the leg that failed looks free until the switch says that it is gone.
        self._search = asyncio.create_task(self._search_later())

    async def _search_later(self) -> None:
        await asyncio.sleep(JOIN_RETRY_S)
        await self._wait_for_agent(self._limits.abandon_s + self._limits.late_agent_s, first=True)

    async def _agent_gone(self, agent: AgentId) -> None:
        state = self.record.state
        if state not in {CallState.CONNECTING, CallState.TALKING} or self.record.agent != agent:
            return
        self._move(CallEvent.LEG_LOST, agent=None, leg=None)
        if not self.record.reoffered:
            self._set(reoffered=True)
            await self._find_agent(HOLD_OFFER_S, first=True)

    # --- letting go -------------------------------------------------------------------------------------------------

    async def _time_up(self, number: int) -> None:
        if number != self._timer_number:
            return
        if self.record.state is not CallState.RELEASING:
            await self._let_go(rang_out=self.record.state is CallState.RINGING)
        elif self._asked_again:
            _log.warning("the switch never confirmed a release", attempt=self.attempt)
            self._move(CallEvent.ENDED, ended_at=self._now(), unheard=True)
        else:
            self._asked_again = True
            await self._take_down()

    async def _let_go(self, *, rang_out: bool = False) -> None:
        if self._move(CallEvent.RELEASED, released_by_us=True, rang_out=rang_out):
            await self._take_down()

    async def _take_down(self) -> None:
        """Hang up a call that nobody has answered, and expect to be told. Unsaid, it is said again after a cut."""
        self._stop_timer()
        try:
            await self._telephony.hang_up(self.attempt)
        except TelephonyError as error:
            _log.warning("release failed", attempt=self.attempt, error=str(error), maybe_done=error.maybe_done)
            if not error.maybe_done:
                return  # the link is down: reconciling tells where the call stands
        self._start_timer(RELEASE_CONFIRM_S)

    # --- catching up ------------------------------------------------------------------------------------------------

    async def _stands_at(self, now: StandsAt) -> None:
        """Catch up with what happened unheard: release what rings, join or await an agent for who has answered."""
        channel, state = now.channel, self.record.state
        if state is CallState.ENDED or self._ordered_at > now.since:
            return  # our own order is on its way, and its events with it
        if not channel.answered:
            await (self._take_down() if state is CallState.RELEASING else self._let_go())
        elif channel.joined_with is not None:
            self._found_joined(LegId(channel.joined_with), now.agent)
        elif state is CallState.CONNECTING:
            self._not_joined()  # the order to join went under with the connection, or did when it was carried out
        elif state is CallState.TALKING:
            self._set(unheard=True)  # the agent's leg has gone; the floor says so
        elif state is not CallState.MACHINE:
            await self._found_alone()

    def _found_joined(self, leg: LegId, agent: AgentId | None) -> None:
        if self.record.state is CallState.TALKING and self.record.leg == leg:
            return
        self._stop_timer()
        self._set(unheard=True)
        self._joined(leg, self._now())
        self._set(agent=agent, leg=leg)

    async def _found_alone(self) -> None:
        """Somebody may be listening: without a verdict that is a person."""
        self._stop_timer()
        self._must_have_answered(self._now())
        if self.record.state is CallState.DETECTING:
            self._is_a_person(self._now())
        if self.record.state in {CallState.WAITING, CallState.HELD}:
            await self._find_agent(self._limits.abandon_s + self._limits.late_agent_s, first=True)

    def _must_have_answered(self, at: float) -> None:
        """What we are told cannot happen to a call that has not been answered: the news of it was lost."""
        if self.record.state in _BEFORE_ANSWER:
            self._stop_timer()
            self._move(CallEvent.ANSWERED, answered_at=at)
            self._set(unheard=True)

    def _is_a_person(self, at: float) -> None:
        self._move(CallEvent.PERSON, judged_at=at, verdict=Verdict.UNCERTAIN, verdict_cause="unheard")

    # --- plumbing ---------------------------------------------------------------------------------------------------

    def _move(self, event: CallEvent, **facts: object) -> bool:
        """Apply an event and what it taught us; a stray event is logged and changes nothing."""
        try:
            state = next_state(self.record.state, event)
        except IllegalCallEventError as error:
            _log.info("stray call event", attempt=self.attempt, state=error.state, call_event=error.event)
            return False
        self._set(state=state, **facts)
        return True

    def _set(self, **facts: object) -> None:
        self.record = replace(self.record, **facts)  # type: ignore[arg-type]  # each caller names fields of CallRecord
        self._on_change(self.attempt, self.record)

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.tell, TimeUp(self._timer_number))

    def _stop_timer(self) -> None:
        self._timer_number += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_search(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None

    def _now(self) -> float:
        return self._clock.monotonic()
