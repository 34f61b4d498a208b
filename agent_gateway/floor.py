"""The floor: the one owner of every agent's state while the engine runs.

All methods are synchronous and are called from one event loop, so a reservation is atomic without a lock: no agent is
given to two calls. What follows from a transition (raising or dropping a leg, the wrap-up timer, the journal, telling
listeners, serving those who wait for an agent) happens here and nowhere else. Orders to the switch run as tasks the
floor keeps; the switch is reached only through the `Telephony` handed in.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Final, Protocol, Self, assert_never

import structlog

from agent_gateway import agent as lifecycle
from agent_gateway.agent import Agent, AgentEvent, AgentState, Refusal, Refused, Wish
from agent_gateway.disposition import COLLECTIONS, Details, DispositionSet, Recorded
from agent_gateway.keypad import Command, DispositionKeys, Keypad, press
from agent_gateway.matching import match
from domain.clock import Clock
from domain.ids import AgentId, AttemptId, LegId, new_leg_id
from domain.telephony import (
    Ended,
    Joined,
    KeyPressed,
    LegEnded,
    LegUp,
    LiveChannel,
    Parted,
    SwitchEvent,
    Telephony,
    TelephonyError,
)

_log = structlog.get_logger(__name__)
_PUT_DOWN: Final = frozenset({0, 16})
"""Q.850 causes of a phone that was put down (a BYE without a Reason reads 0); one that vanished ends with another."""


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """How agents are treated, whatever the campaign.

    Attributes:
        leg_timeout_s: how long an agent's phone may ring before the agent is unreachable.
        pause_reasons: code to label; the first is what the telephone key for pause means.
    """

    leg_timeout_s: float = 30.0
    pause_reasons: tuple[tuple[str, str], ...] = (
        ("break", "Break"),
        ("lunch", "Lunch"),
        ("meeting", "Meeting"),
        ("training", "Training"),
        ("admin", "Paperwork"),
    )


@dataclass(frozen=True, slots=True)
class CallTerms:
    """What a call asks of its agent.

    Attributes:
        skills: what the agent must be able to handle.
        wrap_up_s: how long the disposition may take before the call is a `conversation`.
        dispositions: what may be said.
    """

    skills: frozenset[str] = frozenset()
    wrap_up_s: float = 30.0
    dispositions: DispositionSet = COLLECTIONS


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


FloorEvent = AgentChanged | Disposed | CallOrphaned | ReservationLost | OrderFailed


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


@dataclass(slots=True)
class _Seat:
    """What the floor keeps about one agent beside the agent itself."""

    agent: Agent
    began: datetime
    keypad: Keypad = field(default_factory=Keypad)
    wrap_timer: asyncio.TimerHandle | None = None
    leg_timer: asyncio.TimerHandle | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    attempt: AttemptId
    terms: CallTerms
    agent: asyncio.Future[Agent]


class Floor:
    """Agents, their calls and their legs. Use as `async with Floor(...) as floor`."""

    def __init__(
        self, telephony: Telephony, clock: Clock, journal: FloorJournal, settings: FloorSettings | None = None
    ) -> None:
        self.settings: Final = settings or FloorSettings()
        self.refusals: Counter[tuple[AgentState, str, Refusal]] = Counter()
        self._telephony = telephony
        self._clock = clock
        self._journal = journal
        self._seats: dict[AgentId, _Seat] = {}
        self._terms: dict[AttemptId, CallTerms] = {}
        self._dropped_legs: set[LegId] = set()
        self._waiters: list[_Waiter] = []
        self._listeners: list[asyncio.Queue[FloorEvent]] = []
        self._stack = AsyncExitStack()
        self._orders: asyncio.TaskGroup

    async def __aenter__(self) -> Self:
        self._orders = await self._stack.enter_async_context(asyncio.TaskGroup())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for seat in self._seats.values():
            _cancel(seat.wrap_timer)
            _cancel(seat.leg_timer)
        await self._stack.__aexit__(kind, error, trace)

    # --- looking ---

    def subscribe(self) -> asyncio.Queue[FloorEvent]:
        """A queue that gets every floor event from now on, in order."""
        queue: asyncio.Queue[FloorEvent] = asyncio.Queue()
        self._listeners.append(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[FloorEvent]) -> None:
        self._listeners.remove(queue)

    def agent(self, agent: AgentId) -> Agent:
        """The agent as of now; offline if never seen."""
        seat = self._seats.get(agent)
        return Agent(id=agent) if seat is None else seat.agent

    def agent_of(self, attempt: AttemptId) -> Agent | None:
        """Who is reserved for, in or wrapping up this call."""
        return next((seat.agent for seat in self._seats.values() if seat.agent.attempt == attempt), None)

    def terms_of(self, attempt: AttemptId) -> CallTerms:
        """What the call asked for when its agent was reserved; the defaults for a call adopted after a restart."""
        return self._terms.get(attempt) or CallTerms()

    def snapshot(self) -> FloorSnapshot:
        """Everyone signed in, for pacing."""
        now = self._clock.monotonic()
        signed_in = (seat.agent for seat in self._seats.values() if seat.agent.is_signed_in)
        return FloorSnapshot(now, tuple(_view(agent, now) for agent in signed_in))

    # --- what the engine asks ---

    def reserve(self, attempt: AttemptId, terms: CallTerms) -> Agent | None:
        """Take the longest idle fitting agent for a call, or None.

        An attempt that has an agent already keeps it and gets that one back.
        """
        held = self.agent_of(attempt)
        if held is not None:
            return held if held.state is AgentState.RESERVED else None
        chosen = match((seat.agent for seat in self._seats.values()), terms.skills)
        if chosen is None:
            return None
        self._terms[attempt] = terms
        return self._must(chosen.id, lifecycle.Reserve(attempt))

    async def reserve_within(
        self, attempt: AttemptId, terms: CallTerms, seconds: float, *, first: bool = False
    ) -> Agent | None:
        """Wait for an agent, in the order of asking (`first`: before all others); None when none came in time."""
        at_once = self.reserve(attempt, terms)
        if at_once is not None:
            return at_once
        waiter = _Waiter(attempt, terms, asyncio.get_running_loop().create_future())
        self._waiters.insert(0 if first else len(self._waiters), waiter)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(waiter.agent)
        except TimeoutError:
            return waiter.agent.result() if waiter.agent.done() else None
        except asyncio.CancelledError:
            self.release(attempt)
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def release(self, attempt: AttemptId) -> None:
        """Let go of the agent reserved for an attempt; nothing happens if there is none.

        After `Telephony.join` was ordered, release only when the attempt has ended or the order has surely failed.
        """
        agent = self.agent_of(attempt)
        if agent is not None and agent.state is AgentState.RESERVED:
            self._apply(agent.id, lifecycle.Release(attempt))

    def on_switch(self, event: SwitchEvent) -> None:
        """Take in what concerns agents. Give every event of the switch, in order; others are ignored."""
        match event:
            case LegUp(leg, agent):
                self._leg_up(agent, leg)
            case LegEnded(leg, agent, _, cause):
                self._leg_ended(agent, leg, deliberate=cause in _PUT_DOWN)
            case Joined(attempt, leg):
                self._joined(attempt, leg)
            case Parted(attempt, leg):
                self._on_call(attempt, leg, lifecycle.Part(attempt))
            case Ended(attempt):
                agent_in_call = self.agent_of(attempt)
                if agent_in_call is not None:
                    self._apply(agent_in_call.id, lifecycle.CallOver(attempt))
            case KeyPressed(source, _, key):
                seat = self._seat_of_leg(LegId(source))
                if seat is not None:
                    self._key(seat, key)
            case _:
                pass

    def reconcile(self, channels: Sequence[LiveChannel]) -> None:
        """Bring agents in line with what exists in the switch, after its connection was away or the engine restarted.

        Legs that are gone take their agents offline; calls that are gone are over; a leg of an enrolled agent nobody
        is using is adopted, together with the call it is in; any other leg is dropped.
        """
        legs = {channel.id: channel for channel in channels if channel.agent is not None}
        attempts = {channel.id for channel in channels if channel.agent is None}
        for seat in tuple(self._seats.values()):
            before = seat.agent
            if (
                before.attempt is not None
                and before.state is not AgentState.RESERVED
                and before.attempt not in attempts
            ):
                self._apply(before.id, lifecycle.CallOver(before.attempt))
            if before.leg is not None and before.leg_up and before.leg not in legs:
                self._leg_ended(before.id, before.leg, deliberate=False)
        for channel in legs.values():
            self._reconcile_leg(channel)

    # --- what agents ask ---

    def enrol(self, agent: AgentId, skills: frozenset[str]) -> None:
        """Make an agent known, so that a call from the agent's own phone, or a leg found after a restart, signs in."""
        if agent not in self._seats:
            self._seats[agent] = _Seat(Agent(id=agent, skills=skills), self._clock.now())

    def sign_in(self, agent: AgentId, skills: frozenset[str]) -> Agent | Refused:
        """The agent arrives (the phone is rung), or is back after a cut connection (nothing changes)."""
        self.enrol(agent, skills)
        if self.agent(agent).is_signed_in:
            return self._apply(agent, lifecycle.Reconnect())
        leg = new_leg_id(self._clock.now())
        answer = self._apply(agent, lifecycle.SignIn(leg, skills))
        seat = self._seats[agent]
        seat.leg_timer = asyncio.get_running_loop().call_later(
            self.settings.leg_timeout_s, self._leg_silent, agent, leg
        )
        self._order(agent, "call_agent", self._telephony.call_agent(agent, leg), lambda: self._leg_silent(agent, leg))
        return answer

    def ready(self, agent: AgentId) -> Agent | Refused:
        """Ask for calls: at once, or when the phone is connected, or instead of an announced pause."""
        if not self.agent(agent).is_signed_in and agent in self._seats:
            self.sign_in(agent, self.agent(agent).skills)
        return self._apply(agent, lifecycle.GoReady())

    def pause(self, agent: AgentId, reason: str) -> Agent | Refused:
        """Pause now, or after the present call."""
        return self._apply(agent, lifecycle.Pause(reason))

    def sign_out(self, agent: AgentId) -> Agent | Refused:
        """Leave now, or after the present call."""
        return self._apply(agent, lifecycle.SignOut())

    def heartbeat_lost(self, agent: AgentId) -> Agent | Refused:
        """The agent's screen is gone for good: the agent leaves as soon as no call is cut by it."""
        return self._apply(agent, lifecycle.HeartbeatLost())

    def hang_up(self, agent: AgentId) -> Agent | Refused:
        """End the call the agent is in."""
        now = self.agent(agent)
        if now.attempt is None or now.state not in {AgentState.TALKING, AgentState.HOLD}:
            return self._refused(now, "hang_up")
        self._order(agent, "hang_up", self._telephony.hang_up(now.attempt))
        return now

    def hold(self, agent: AgentId) -> Agent | Refused:
        """Give the person music."""
        attempt = self.agent(agent).attempt
        if attempt is None:
            return self._refused(self.agent(agent), "hold")
        answer = self._apply(agent, lifecycle.PutOnHold(attempt))
        if isinstance(answer, Agent):
            back = lifecycle.Join(attempt)
            self._order(agent, "hold", self._telephony.hold(attempt), lambda: self._apply(agent, back))
        return answer

    def resume(self, agent: AgentId) -> Agent | Refused:
        """Take the person back from hold; talking again when both are in the bridge."""
        now = self.agent(agent)
        if now.state is not AgentState.HOLD or now.attempt is None or now.leg is None:
            return self._refused(now, "resume")
        self._order(agent, "resume", self._telephony.join(now.attempt, now.leg))
        return now

    def dispose(self, agent: AgentId, code: str, details: Details) -> Agent | Refused:
        """Record what became of the call and take the next.

        Raises:
            DispositionError: the disposition cannot be recorded as given.
        """
        now = self.agent(agent)
        if now.state is not AgentState.WRAP_UP or now.attempt is None:
            return self._refused(now, "dispose")
        recorded = self.terms_of(now.attempt).dispositions.record(code, details, self._clock.now())
        return self._finish(agent, now.attempt, lifecycle.Dispose(now.attempt), recorded)

    # --- legs and calls ---

    def _leg_up(self, agent: AgentId, leg: LegId) -> None:
        seat = self._seats.get(agent)
        if leg in self._dropped_legs or seat is None:
            self._drop(agent, leg)
            return
        wanted_ready = seat.agent.wish is Wish.READY
        if seat.agent.leg not in {None, leg} and not seat.agent.leg_up:
            self._give_up_ringing(seat.agent)
        if not seat.agent.is_signed_in:  # the agent rang in from the phone, or the leg outlived the engine
            self._apply(agent, lifecycle.SignIn(leg, seat.agent.skills))
            if wanted_ready:
                self._apply(agent, lifecycle.GoReady())
        if isinstance(self._apply(agent, lifecycle.LegConnected(leg)), Refused) and seat.agent.leg != leg:
            self._drop(agent, leg)

    def _leg_ended(self, agent: AgentId, leg: LegId, *, deliberate: bool) -> None:
        self._dropped_legs.discard(leg)
        if agent not in self._seats or self._seats[agent].agent.leg != leg:
            return
        before = self._seats[agent].agent
        after = self._apply(agent, lifecycle.LegLost(leg, deliberate))
        if isinstance(after, Refused) or before.attempt is None:
            return
        if after.state is AgentState.WRAP_UP:
            if before.on_line:  # the agent put the phone down: that ends the call
                self._order(agent, "hang_up", self._telephony.hang_up(before.attempt))
        elif before.state is AgentState.RESERVED:
            self._tell(ReservationLost(before.attempt, agent))
        else:
            self._tell(CallOrphaned(before.attempt, agent))

    def _leg_silent(self, agent: AgentId, leg: LegId) -> None:
        """The phone has not answered, or could not be rung."""
        now = self.agent(agent)
        if now.leg == leg and not now.leg_up:
            self._give_up_ringing(now)

    def _give_up_ringing(self, agent: Agent) -> None:
        """Stop ringing a phone: it does not answer, or is connected by another leg, perhaps in a conversation."""
        if agent.leg is not None:
            self._drop(agent.id, agent.leg)
            self._apply(agent.id, lifecycle.LegLost(agent.leg, deliberate=False))

    def _drop(self, agent: AgentId, leg: LegId) -> None:
        self._dropped_legs.add(leg)
        self._order(agent, "hang_up", self._telephony.hang_up(leg))

    def _joined(self, attempt: AttemptId, leg: LegId) -> None:
        seat = self._seat_of_leg(leg)
        if seat is None or isinstance(self._apply(seat.agent.id, lifecycle.Join(attempt)), Refused):
            _log.warning("call joined to an agent who is not kept for it", attempt=attempt, leg=leg)

    def _on_call(self, attempt: AttemptId, leg: LegId, event: AgentEvent) -> None:
        seat = self._seat_of_leg(leg)
        if seat is not None and seat.agent.attempt == attempt:
            self._apply(seat.agent.id, event)

    def _reconcile_leg(self, channel: LiveChannel) -> None:
        if channel.agent is None or not channel.answered:
            return
        leg = LegId(channel.id)
        if self.agent(channel.agent).leg != leg or not self.agent(channel.agent).leg_up:
            self._leg_up(channel.agent, leg)
        now = self.agent(channel.agent)
        if channel.joined_with is not None and now.leg == leg and now.state is not AgentState.TALKING:
            self._apply(now.id, lifecycle.Join(AttemptId(channel.joined_with)))

    def _seat_of_leg(self, leg: LegId) -> _Seat | None:
        return next((seat for seat in self._seats.values() if seat.agent.leg == leg), None)

    # --- keys ---

    def _key(self, seat: _Seat, key: str) -> None:
        agent = seat.agent
        wrapping_up = agent.state is AgentState.WRAP_UP
        seat.keypad, meant = press(seat.keypad, key, self._clock.monotonic(), wrapping_up=wrapping_up)
        match meant:
            case None:
                pass
            case DispositionKeys(keys):
                self._dispose_keys(agent, keys)
            case Command.READY:
                self.ready(agent.id)
            case Command.PAUSE:
                self.pause(agent.id, self.settings.pause_reasons[0][0])
            case Command.HOLD:
                toggle = self.resume if agent.state is AgentState.HOLD else self.hold
                toggle(agent.id)
            case Command.HANG_UP:
                self.hang_up(agent.id)
            case Command.SIGN_OUT:
                self.sign_out(agent.id)
            case _:
                assert_never(meant)

    def _dispose_keys(self, agent: Agent, keys: str) -> None:
        if agent.attempt is None:
            return
        recorded = self.terms_of(agent.attempt).dispositions.record_keys(keys)
        if recorded is not None:
            self._finish(agent.id, agent.attempt, lifecycle.Dispose(agent.attempt), recorded)

    # --- transitions and what follows from them ---

    def _finish(
        self, agent: AgentId, attempt: AttemptId, event: lifecycle.Dispose | lifecycle.WrapTimeout, recorded: Recorded
    ) -> Agent | Refused:
        answer = self._apply(agent, event)
        if isinstance(answer, Agent):
            self._tell(Disposed(attempt, agent, recorded))
        return answer

    def _wrap_timeout(self, agent: AgentId, attempt: AttemptId) -> None:
        self._finish(agent, attempt, lifecycle.WrapTimeout(attempt), Recorded(disposition=None))

    def _apply(self, agent: AgentId, event: AgentEvent) -> Agent | Refused:
        seat = self._seats.get(agent)
        if seat is None:
            return self._refused(Agent(id=agent), type(event).__name__)
        before = seat.agent
        after = lifecycle.apply(before, event, self._clock.monotonic())
        if isinstance(after, Refused):
            return self._count(before, after)
        if after != before:
            seat.agent = after
            self._follow(seat, before, event)
        return seat.agent

    def _must(self, agent: AgentId, event: AgentEvent) -> Agent:
        answer = self._apply(agent, event)
        if isinstance(answer, Refused):  # matching offered an agent the table does not let go: a defect, not a race
            raise TypeError(f"{answer.event} refused in {answer.state}; matching and the agent table disagree")
        return answer

    def _follow(self, seat: _Seat, before: Agent, event: AgentEvent) -> None:
        after = seat.agent
        if (before.state, before.reason) != (after.state, after.reason):
            self._write_interval(seat, before)
            _log.info("agent moved", agent=after.id, was=before.state, now=after.state, reason=after.reason)
        if before.attempt is not None and before.attempt != after.attempt:
            self._terms.pop(before.attempt, None)
        if before.leg is not None and after.leg is None and not isinstance(event, lifecycle.LegLost):
            self._drop(after.id, before.leg)
        self._set_timers(seat, before)
        self._tell(AgentChanged(before, after))
        if after.is_available:
            self._serve_waiters()

    def _set_timers(self, seat: _Seat, before: Agent) -> None:
        after = seat.agent
        if after.leg_up or after.leg is None:
            _cancel(seat.leg_timer)
        if after.state is before.state:
            return
        _cancel(seat.wrap_timer)
        if after.state is AgentState.WRAP_UP and after.attempt is not None:
            seat.wrap_timer = asyncio.get_running_loop().call_later(
                self.terms_of(after.attempt).wrap_up_s, self._wrap_timeout, after.id, after.attempt
            )

    def _write_interval(self, seat: _Seat, before: Agent) -> None:
        now = self._clock.now()
        if before.is_signed_in:
            self._journal.interval(
                StateInterval(before.id, before.state, before.reason, before.attempt, seat.began, now)
            )
        seat.began = now

    def _serve_waiters(self) -> None:
        for waiter in tuple(self._waiters):
            agent = self.reserve(waiter.attempt, waiter.terms)
            if agent is not None:
                self._waiters.remove(waiter)
                waiter.agent.set_result(agent)

    def _refused(self, agent: Agent, event: str) -> Refused:
        return self._count(agent, Refused(agent.state, event, Refusal.UNEXPECTED))

    def _count(self, agent: Agent, refused: Refused) -> Refused:
        self.refusals[refused.state, refused.event, refused.why] += 1
        _log.info("agent event refused", agent=agent.id, state=refused.state, event_kind=refused.event, why=refused.why)
        return refused

    def _tell(self, event: FloorEvent) -> None:
        for queue in self._listeners:
            queue.put_nowait(event)

    def _order(
        self,
        agent: AgentId,
        name: str,
        order: Coroutine[None, None, None],
        undo: Callable[[], object] | None = None,
    ) -> None:
        self._orders.create_task(self._carry_out(agent, name, order, undo))

    async def _carry_out(
        self, agent: AgentId, name: str, order: Coroutine[None, None, None], undo: Callable[[], object] | None
    ) -> None:
        try:
            await order
        except TelephonyError as error:
            _log.warning("order failed", agent=agent, order=name, error=str(error), maybe_done=error.maybe_done)
            self._tell(OrderFailed(agent, name))
            if undo is not None and not error.maybe_done:
                undo()


def _view(agent: Agent, now: float) -> AgentView:
    return AgentView(agent.id, agent.state, now - agent.since, agent.skills, agent.is_leaving, agent.is_due_back)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
