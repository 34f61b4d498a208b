"""The floor: who takes which call, and what agents ask for, in one place while the engine runs.

All methods are synchronous and are called from one event loop, so a reservation is atomic without a lock: no agent is
given to two calls. The agents' states are kept by `seats`, their legs by `legs`. Orders to the switch run as tasks the
floor keeps; the switch is reached only through the `Telephony` handed in.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, assert_never

from agent_gateway import agent as happened
from agent_gateway.agent import Agent, AgentState
from agent_gateway.disposition import Details
from agent_gateway.floor_events import (
    AgentView,
    CallTerms,
    FloorEvent,
    FloorJournal,
    FloorSettings,
    FloorSnapshot,
    NotDialed,
    OrderFailed,
)
from agent_gateway.keypad import Asked, Command, DispositionKeys, Preview, press
from agent_gateway.legs import Legs
from agent_gateway.lifecycle import Refusal, Refused
from agent_gateway.matching import match
from agent_gateway.orders import Orders
from agent_gateway.seats import Seat, Seats
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

REACTION_S: Final = 0.5
"""A telephone key pressed sooner after an account was shown was not pressed for it."""
_ASKED: Final = {AgentState.PREVIEW: Asked.PREVIEW, AgentState.WRAP_UP: Asked.DISPOSITION}


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
        self._telephony = telephony
        self._clock = clock
        self._waiters: list[_Waiter] = []
        self._orders = Orders(lambda agent, order: self._seats.tell(OrderFailed(agent, order)))
        self._seats = Seats(clock, journal, self._drop_leg, self._serve_waiters)
        self._legs = Legs(self._seats, telephony, self._orders, self.settings.leg_timeout_s)

    async def __aenter__(self) -> Self:
        await self._orders.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._seats.close()
        await self._orders.__aexit__(kind, error, trace)

    # --- looking ---

    @property
    def refusals(self) -> Counter[tuple[AgentState, str, Refusal]]:
        """What was asked or happened and made no sense at that moment, counted."""
        return self._seats.refusals

    def subscribe(self) -> asyncio.Queue[FloorEvent]:
        """A queue that gets every floor event from now on, in order."""
        return self._seats.subscribe()

    def unsubscribe(self, queue: asyncio.Queue[FloorEvent]) -> None:
        """No more events for this queue."""
        self._seats.unsubscribe(queue)

    def agent(self, agent: AgentId) -> Agent:
        """The agent as of now; offline if never seen."""
        return self._seats.agent(agent)

    def agent_of(self, attempt: AttemptId) -> Agent | None:
        """Who is reserved for, in or wrapping up this call."""
        return self._seats.agent_of(attempt)

    def terms_of(self, attempt: AttemptId) -> CallTerms:
        """What the call asked for when its agent was reserved; the defaults for a call adopted after a restart."""
        return self._seats.terms_of(attempt)

    def signed_in(self) -> list[Agent]:
        """Everyone signed in, for pacing."""
        return [seat.agent for seat in self._seats if seat.agent.is_signed_in]

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
        return self._give(terms, leaving, happened.Reserve(attempt))

    def offer(self, attempt: AttemptId, terms: CallTerms, *, leaving: frozenset[AgentId] = frozenset()) -> Agent | None:
        """Show an account to the longest idle fitting agent, or None; what comes of it is told by `PreviewEnded`."""
        return self._give(terms, leaving, happened.Offer(attempt))

    def _give(
        self, terms: CallTerms, leaving: frozenset[AgentId], event: happened.Reserve | happened.Offer
    ) -> Agent | None:
        chosen = match((seat.agent for seat in self._seats if seat.agent.id not in leaving), terms.skills)
        return None if chosen is None else self._seats.take(chosen.id, terms, event)

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
            self._seats.apply(agent.id, happened.Release(attempt))

    def take_back(self, attempt: AttemptId) -> None:
        """Take an account back that an agent still looks at; nothing happens if none does."""
        agent = self.agent_of(attempt)
        if agent is not None and agent.state is AgentState.PREVIEW:
            self._seats.apply(agent.id, happened.Release(attempt))

    def not_dialed(self, agent: AgentId, words: str) -> None:
        """Tell an agent why the call asked for is not placed."""
        self._seats.tell(NotDialed(agent, words))

    def _serve_waiters(self) -> None:
        for waiter in tuple(self._waiters):
            agent = self.reserve(waiter.attempt, waiter.terms)
            if agent is not None:
                self._waiters.remove(waiter)
                waiter.agent.set_result(agent)

    # --- what the switch says ---

    def on_switch(self, event: SwitchEvent) -> None:
        """Take in what concerns agents. Give every event of the switch, in order; others are ignored."""
        match event:
            case LegUp(leg, agent):
                self._legs.up(agent, leg)
            case LegEnded(leg, agent, _, cause):
                self._legs.ended(agent, leg, cause)
            case Joined(attempt, leg):
                self._legs.joined(attempt, leg)
            case Parted(attempt, leg):
                self._legs.parted(attempt, leg)
            case Ended(attempt):
                agent_in_call = self.agent_of(attempt)
                if agent_in_call is not None:
                    self._seats.apply(agent_in_call.id, happened.CallOver(attempt))
            case KeyPressed(source, _, key):
                seat = self._seats.of_leg(LegId(source))
                if seat is not None:
                    self._key(seat, key)
            case _:
                pass

    def reconcile(self, channels: Sequence[LiveChannel]) -> None:
        """Bring agents in line with what exists in the switch, after its connection was away or the engine restarted.

        Legs that are gone take their agents offline; calls that are gone are over; a leg of an enrolled agent nobody
        is using is adopted, together with the call it is in; any other leg is dropped.
        """
        self._legs.reconcile(channels)

    # --- what agents ask ---

    def enrol(self, agent: AgentId, skills: frozenset[str]) -> None:
        """Make an agent known, so that a call from the agent's own phone, or a leg found after a restart, signs in."""
        self._seats.enrol(agent, skills)

    def sign_in(self, agent: AgentId, skills: frozenset[str]) -> Agent | Refused:
        """The agent arrives (the phone is rung), or is back after a cut connection (nothing changes)."""
        self.enrol(agent, skills)
        if self.agent(agent).is_signed_in:
            return self._seats.apply(agent, happened.Reconnect())
        leg = new_leg_id(self._clock.now())
        answer = self._seats.apply(agent, happened.SignIn(leg, skills))
        self._legs.ring(agent, leg)
        return answer

    def ready(self, agent: AgentId) -> Agent | Refused:
        """Ask for calls: at once, or when the phone is connected, or instead of an announced pause."""
        if not self.agent(agent).is_signed_in and agent in self._seats:
            self.sign_in(agent, self.agent(agent).skills)
        return self._seats.apply(agent, happened.GoReady())

    def pause(self, agent: AgentId, reason: str) -> Agent | Refused:
        """Pause now, or after the present call."""
        return self._seats.apply(agent, happened.Pause(reason))

    def sign_out(self, agent: AgentId) -> Agent | Refused:
        """Leave now, or after the present call."""
        return self._seats.apply(agent, happened.SignOut())

    def heartbeat_lost(self, agent: AgentId) -> Agent | Refused:
        """The agent's screen is gone for good: the agent leaves as soon as no call is cut by it."""
        return self._seats.apply(agent, happened.HeartbeatLost())

    def dial(self, agent: AgentId, attempt: AttemptId) -> Agent | Refused:
        """Have the account called that the agent is looking at; whoever offered it hears that and tries."""
        return self._seats.apply(agent, happened.Confirm(attempt))

    def skip(self, agent: AgentId, attempt: AttemptId, reason: str | None = None) -> Agent | Refused:
        """Leave the account for later; `reason` is one of the settings' codes."""
        return self._seats.apply(agent, happened.Skip(attempt, reason))

    def hang_up(self, agent: AgentId) -> Agent | Refused:
        """End the call the agent is in."""
        now = self.agent(agent)
        if now.attempt is None or now.state not in {AgentState.TALKING, AgentState.HOLD}:
            return self._seats.refused(now, "hang_up")
        self._orders.give(agent, "hang_up", self._telephony.hang_up(now.attempt))
        return now

    def hold(self, agent: AgentId) -> Agent | Refused:
        """Give the person music."""
        attempt = self.agent(agent).attempt
        if attempt is None:
            return self._seats.refused(self.agent(agent), "hold")
        answer = self._seats.apply(agent, happened.PutOnHold(attempt))
        if isinstance(answer, Agent):
            back = happened.Join(attempt)
            self._orders.give(agent, "hold", self._telephony.hold(attempt), lambda: self._seats.apply(agent, back))
        return answer

    def resume(self, agent: AgentId) -> Agent | Refused:
        """Take the person back from hold; talking again when both are in the bridge."""
        now = self.agent(agent)
        if now.state is not AgentState.HOLD or now.attempt is None or now.leg is None:
            return self._seats.refused(now, "resume")
        self._orders.give(agent, "resume", self._telephony.join(now.attempt, now.leg))
        return now

    def dispose(self, agent: AgentId, code: str, details: Details) -> Agent | Refused:
        """Record what became of the call and take the next.

        Raises:
            DispositionError: the disposition cannot be recorded as given.
        """
        now = self.agent(agent)
        if now.state is not AgentState.WRAP_UP or now.attempt is None:
            return self._seats.refused(now, "dispose")
        recorded = self.terms_of(now.attempt).dispositions.record(code, details, self._clock.now())
        return self._seats.finish(agent, now.attempt, happened.Dispose(now.attempt), recorded)

    def _drop_leg(self, agent: AgentId, leg: LegId) -> None:
        self._legs.drop(agent, leg)

    # --- keys ---

    def _key(self, seat: Seat, key: str) -> None:
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
            self._seats.finish(agent.id, agent.attempt, happened.Dispose(agent.attempt), recorded)

    def _answer_preview(self, agent: Agent, meant: Preview) -> None:
        if agent.attempt is not None and self._clock.monotonic() - agent.since >= REACTION_S:
            answer = self.dial if meant is Preview.DIAL else self.skip
            answer(agent.id, agent.attempt)
