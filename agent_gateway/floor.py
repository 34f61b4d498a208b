"""The floor: the one owner of every agent's state while the engine runs.

All methods are synchronous and are called from one event loop, so a reservation is atomic without a lock: no agent is
given to two calls. What follows from a transition (raising or dropping a leg, the wrap-up timer, the journal, telling
listeners, serving those who wait for an agent) happens here and nowhere else. Orders to the switch run as tasks the
floor keeps; the switch is reached only through the `Telephony` handed in.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Final, Self, assert_never

import structlog

from agent_gateway import agent as happened
from agent_gateway.agent import Agent, AgentEvent, AgentState, Wish
from agent_gateway.disposition import Details, Recorded
from agent_gateway.floor_events import (
    AgentChanged,
    AgentView,
    CallOrphaned,
    CallTerms,
    Disposed,
    FloorEvent,
    FloorJournal,
    FloorSettings,
    FloorSnapshot,
    NotDialed,
    OrderFailed,
    PreviewEnd,
    PreviewEnded,
    ReservationLost,
    StateInterval,
)
from agent_gateway.keypad import Asked, Command, DispositionKeys, Keypad, Preview, press
from agent_gateway.lifecycle import Refusal, Refused, apply
from agent_gateway.matching import match
from agent_gateway.orders import Orders
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
)

__all__ = [
    "REACTION_S",
    "AgentChanged",
    "AgentView",
    "CallOrphaned",
    "CallTerms",
    "Disposed",
    "Floor",
    "FloorEvent",
    "FloorJournal",
    "FloorSettings",
    "FloorSnapshot",
    "NotDialed",
    "OrderFailed",
    "PreviewEnd",
    "PreviewEnded",
    "ReservationLost",
    "StateInterval",
]

_log = structlog.get_logger(__name__)
REACTION_S: Final = 0.5
"""A telephone key pressed sooner after an account was shown was not pressed for it."""
_NOT_IN_CALL: Final = frozenset({AgentState.PREVIEW, AgentState.RESERVED})
"""States with an attempt that the switch need not have."""
_ASKED: Final = {AgentState.PREVIEW: Asked.PREVIEW, AgentState.WRAP_UP: Asked.DISPOSITION}
_PREVIEW_ENDS: Final[dict[type[AgentEvent], PreviewEnd]] = {
    happened.Confirm: PreviewEnd.DIAL,
    happened.Skip: PreviewEnd.SKIP,
    happened.PreviewTimeout: PreviewEnd.MISSED,
    happened.Release: PreviewEnd.WITHDRAWN,
}
"""Any other event that ends a preview is the agent's leaving."""
_PUT_DOWN: Final = frozenset({0, 16})
"""Q.850 causes of a phone that was put down (a BYE without a Reason reads 0); one that vanished ends with another."""


@dataclass(slots=True)
class _Seat:
    """What the floor keeps about one agent beside the agent itself."""

    agent: Agent
    began: datetime
    keypad: Keypad = field(default_factory=Keypad)
    state_timer: asyncio.TimerHandle | None = None
    """Ends a preview or a wrap-up that takes too long."""
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
        self._orders = Orders(lambda agent, order: self._tell(OrderFailed(agent, order)))

    async def __aenter__(self) -> Self:
        await self._orders.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for seat in self._seats.values():
            _cancel(seat.state_timer)
            _cancel(seat.leg_timer)
        await self._orders.__aexit__(kind, error, trace)

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

    def signed_in(self) -> list[Agent]:
        """Everyone signed in, for pacing."""
        return [seat.agent for seat in self._seats.values() if seat.agent.is_signed_in]

    def snapshot(self) -> FloorSnapshot:
        """Everyone signed in, for people and figures."""
        now = self._clock.monotonic()
        return FloorSnapshot(now, tuple(AgentView.of(agent, now) for agent in self.signed_in()))

    # --- what the engine asks ---

    def reserve(
        self, attempt: AttemptId, terms: CallTerms, *, leaving: frozenset[AgentId] = frozenset()
    ) -> Agent | None:
        """Take the longest idle fitting agent for a call, or None; nobody of those `leaving` soon.

        An attempt that has an agent already keeps it and gets that one back.
        """
        held = self.agent_of(attempt)
        if held is not None:
            return held if held.state is AgentState.RESERVED else None
        return self._give(attempt, terms, leaving, happened.Reserve(attempt))

    def offer(self, attempt: AttemptId, terms: CallTerms, *, leaving: frozenset[AgentId] = frozenset()) -> Agent | None:
        """Show an account to the longest idle fitting agent, or None; what comes of it is told by `PreviewEnded`."""
        return self._give(attempt, terms, leaving, happened.Offer(attempt))

    def _give(
        self, attempt: AttemptId, terms: CallTerms, leaving: frozenset[AgentId], event: AgentEvent
    ) -> Agent | None:
        staying = (seat.agent for id_, seat in self._seats.items() if id_ not in leaving)
        chosen = match(staying, terms.skills)
        if chosen is None:
            return None
        self._terms[attempt] = terms
        return self._must(chosen.id, event)

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
            self._apply(agent.id, happened.Release(attempt))

    def take_back(self, attempt: AttemptId) -> None:
        """Take an account back that an agent still looks at; nothing happens if none does."""
        agent = self.agent_of(attempt)
        if agent is not None and agent.state is AgentState.PREVIEW:
            self._apply(agent.id, happened.Release(attempt))

    def not_dialed(self, agent: AgentId, words: str) -> None:
        """Tell an agent why the call asked for is not placed."""
        self._tell(NotDialed(agent, words))

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
                self._on_call(attempt, leg, happened.Part(attempt))
            case Ended(attempt):
                agent_in_call = self.agent_of(attempt)
                if agent_in_call is not None:
                    self._apply(agent_in_call.id, happened.CallOver(attempt))
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
            if before.attempt is not None and before.state not in _NOT_IN_CALL and before.attempt not in attempts:
                self._apply(before.id, happened.CallOver(before.attempt))
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
            return self._apply(agent, happened.Reconnect())
        leg = new_leg_id(self._clock.now())
        answer = self._apply(agent, happened.SignIn(leg, skills))
        seat = self._seats[agent]
        seat.leg_timer = asyncio.get_running_loop().call_later(
            self.settings.leg_timeout_s, self._leg_silent, agent, leg
        )
        self._orders.give(
            agent, "call_agent", self._telephony.call_agent(agent, leg), lambda: self._leg_silent(agent, leg)
        )
        return answer

    def ready(self, agent: AgentId) -> Agent | Refused:
        """Ask for calls: at once, or when the phone is connected, or instead of an announced pause."""
        if not self.agent(agent).is_signed_in and agent in self._seats:
            self.sign_in(agent, self.agent(agent).skills)
        return self._apply(agent, happened.GoReady())

    def pause(self, agent: AgentId, reason: str) -> Agent | Refused:
        """Pause now, or after the present call."""
        return self._apply(agent, happened.Pause(reason))

    def sign_out(self, agent: AgentId) -> Agent | Refused:
        """Leave now, or after the present call."""
        return self._apply(agent, happened.SignOut())

    def heartbeat_lost(self, agent: AgentId) -> Agent | Refused:
        """The agent's screen is gone for good: the agent leaves as soon as no call is cut by it."""
        return self._apply(agent, happened.HeartbeatLost())

    def dial(self, agent: AgentId, attempt: AttemptId) -> Agent | Refused:
        """Have the account called that the agent is looking at; whoever offered it hears that and tries."""
        return self._apply(agent, happened.Confirm(attempt))

    def skip(self, agent: AgentId, attempt: AttemptId, reason: str | None = None) -> Agent | Refused:
        """Leave the account for later; `reason` is one of the settings' codes."""
        return self._apply(agent, happened.Skip(attempt, reason))

    def hang_up(self, agent: AgentId) -> Agent | Refused:
        """End the call the agent is in."""
        now = self.agent(agent)
        if now.attempt is None or now.state not in {AgentState.TALKING, AgentState.HOLD}:
            return self._refused(now, "hang_up")
        self._orders.give(agent, "hang_up", self._telephony.hang_up(now.attempt))
        return now

    def hold(self, agent: AgentId) -> Agent | Refused:
        """Give the person music."""
        attempt = self.agent(agent).attempt
        if attempt is None:
            return self._refused(self.agent(agent), "hold")
        answer = self._apply(agent, happened.PutOnHold(attempt))
        if isinstance(answer, Agent):
            back = happened.Join(attempt)
            self._orders.give(agent, "hold", self._telephony.hold(attempt), lambda: self._apply(agent, back))
        return answer

    def resume(self, agent: AgentId) -> Agent | Refused:
        """Take the person back from hold; talking again when both are in the bridge."""
        now = self.agent(agent)
        if now.state is not AgentState.HOLD or now.attempt is None or now.leg is None:
            return self._refused(now, "resume")
        self._orders.give(agent, "resume", self._telephony.join(now.attempt, now.leg))
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
        return self._finish(agent, now.attempt, happened.Dispose(now.attempt), recorded)

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
            self._apply(agent, happened.SignIn(leg, seat.agent.skills))
            if wanted_ready:
                self._apply(agent, happened.GoReady())
        if isinstance(self._apply(agent, happened.LegConnected(leg)), Refused) and seat.agent.leg != leg:
            self._drop(agent, leg)

    def _leg_ended(self, agent: AgentId, leg: LegId, *, deliberate: bool) -> None:
        self._dropped_legs.discard(leg)
        if agent not in self._seats or self._seats[agent].agent.leg != leg:
            return
        before = self._seats[agent].agent
        after = self._apply(agent, happened.LegLost(leg, deliberate))
        if isinstance(after, Refused) or before.attempt is None or before.state is AgentState.PREVIEW:
            return
        if after.state is AgentState.WRAP_UP:
            if before.on_line:  # the agent put the phone down: that ends the call
                self._orders.give(agent, "hang_up", self._telephony.hang_up(before.attempt))
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
            self._apply(agent.id, happened.LegLost(agent.leg, deliberate=False))

    def _drop(self, agent: AgentId, leg: LegId) -> None:
        self._dropped_legs.add(leg)
        self._orders.give(agent, "hang_up", self._telephony.hang_up(leg))

    def _joined(self, attempt: AttemptId, leg: LegId) -> None:
        seat = self._seat_of_leg(leg)
        if seat is None or isinstance(self._apply(seat.agent.id, happened.Join(attempt)), Refused):
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
            self._apply(now.id, happened.Join(AttemptId(channel.joined_with)))

    def _seat_of_leg(self, leg: LegId) -> _Seat | None:
        return next((seat for seat in self._seats.values() if seat.agent.leg == leg), None)

    # --- keys ---

    def _key(self, seat: _Seat, key: str) -> None:
        agent = seat.agent
        asked = _ASKED.get(agent.state, Asked.NOTHING)
        seat.keypad, meant = press(seat.keypad, key, self._clock.monotonic(), asked)
        match meant:
            case None:
                pass
            case DispositionKeys(keys):
                self._dispose_keys(agent, keys)
            case Preview():
                self._answer_preview(agent, meant)
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
            self._finish(agent.id, agent.attempt, happened.Dispose(agent.attempt), recorded)

    def _answer_preview(self, agent: Agent, meant: Preview) -> None:
        if agent.attempt is not None and self._clock.monotonic() - agent.since >= REACTION_S:
            answer = self.dial if meant is Preview.DIAL else self.skip
            answer(agent.id, agent.attempt)

    # --- transitions and what follows from them ---

    def _finish(
        self, agent: AgentId, attempt: AttemptId, event: happened.Dispose | happened.WrapTimeout, recorded: Recorded
    ) -> Agent | Refused:
        answer = self._apply(agent, event)
        if isinstance(answer, Agent):
            self._tell(Disposed(attempt, agent, recorded))
        return answer

    def _wrap_timeout(self, agent: AgentId, attempt: AttemptId) -> None:
        self._finish(agent, attempt, happened.WrapTimeout(attempt), Recorded(disposition=None))

    def _apply(self, agent: AgentId, event: AgentEvent) -> Agent | Refused:
        seat = self._seats.get(agent)
        if seat is None:
            return self._refused(Agent(id=agent), type(event).__name__)
        before = seat.agent
        after = apply(before, event, self._clock.monotonic())
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
        if before.attempt is not None and before.attempt != after.attempt:
            self._terms.pop(before.attempt, None)
        if before.leg is not None and after.leg is None and not isinstance(event, happened.LegLost):
            self._drop(after.id, before.leg)
        self._set_timers(seat, before)
        self._tell(AgentChanged(before, after))
        if before.state is AgentState.PREVIEW and after.state is not before.state and before.attempt is not None:
            reason = event.reason if isinstance(event, happened.Skip) else None
            how = _PREVIEW_ENDS.get(type(event), PreviewEnd.LEFT)
            self._tell(PreviewEnded(before.attempt, after.id, how, reason))
        if after.is_available:
            self._serve_waiters()

    def _set_timers(self, seat: _Seat, before: Agent) -> None:
        after = seat.agent
        if after.leg_up or after.leg is None:
            _cancel(seat.leg_timer)
        if after.state is before.state:
            return
        _cancel(seat.state_timer)
        if after.attempt is None:
            return
        later, terms = asyncio.get_running_loop().call_later, self.terms_of(after.attempt)
        if after.state is AgentState.WRAP_UP:
            seat.state_timer = later(terms.wrap_up_s, self._wrap_timeout, after.id, after.attempt)
        elif after.state is AgentState.PREVIEW:
            missed = happened.PreviewTimeout(after.attempt)
            seat.state_timer = later(terms.preview_s, self._apply, after.id, missed)

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


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
