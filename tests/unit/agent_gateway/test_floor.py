"""The floor in virtual time, on a simulated switch: what agents do, what calls do to them, what the engine is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_gateway.agent import Agent, AgentState, Cause
from agent_gateway.disposition import Details, DispositionError, Need
from agent_gateway.floor import Floor
from agent_gateway.floor_events import (
    CallOrphaned,
    CallTerms,
    Disposed,
    FloorEvent,
    FloorSettings,
    OrderFailed,
    PreviewEnd,
    PreviewEnded,
    ReservationLost,
    StateInterval,
)
from agent_gateway.lifecycle import Refusal, Refused
from dialer.testing import virtual_time
from dialer.testing.simulated_switch import Script, SimulatedSwitch
from dialer.testing.virtual_time import VirtualClock
from domain.ids import AgentId, AttemptId, LegId
from domain.money import Money
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.telephony import (
    Joined,
    LegUp,
    LiveChannel,
    Origination,
    RecordingMode,
    SwitchEvent,
    TelephonyError,
    Treatment,
)

pytestmark = pytest.mark.unit

START = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
ANN, BOB = AgentId("ann"), AgentId("bob")
TERMS = CallTerms(wrap_up_s=30.0)
NUMBER = PhoneNumber("+12025550123")


@dataclass
class Journal:
    intervals: list[StateInterval] = field(default_factory=list)

    def interval(self, interval: StateInterval) -> None:
        self.intervals.append(interval)


class RecordingSwitch(SimulatedSwitch):
    """The simulated switch, remembering what was ordered, and refusing what it is told to refuse."""

    def __init__(self, script_for: Callable[[PhoneNumber], Script], clock: VirtualClock) -> None:
        super().__init__(script_for, clock)
        self.hung_up: list[str] = []
        self.refuse: dict[str, TelephonyError] = {}
        self.deaf_phones: set[AgentId] = set()

    async def hang_up(self, channel: AttemptId | LegId) -> None:
        self._maybe_refuse("hang_up")
        self.hung_up.append(channel)
        await super().hang_up(channel)

    async def hold(self, attempt: AttemptId) -> None:
        self._maybe_refuse("hold")
        await super().hold(attempt)

    async def call_agent(self, agent: AgentId, leg: LegId) -> None:
        self._maybe_refuse("call_agent")
        if agent not in self.deaf_phones:
            await super().call_agent(agent, leg)

    def _maybe_refuse(self, order: str) -> None:
        if order in self.refuse:
            raise self.refuse[order]


@dataclass
class World:
    clock: VirtualClock
    switch: RecordingSwitch
    floor: Floor
    journal: Journal
    queue: asyncio.Queue[FloorEvent]
    script: Script = field(default_factory=lambda: Script(talk_s=60.0))
    numbers: int = 0

    def told(self) -> list[FloorEvent]:
        """What the floor has told so far, changes of agents apart."""
        everything = [self.queue.get_nowait() for _ in range(self.queue.qsize())]
        kinds = Disposed | CallOrphaned | ReservationLost | OrderFailed | PreviewEnded
        return [event for event in everything if isinstance(event, kinds)]

    def state(self, agent: AgentId = ANN) -> AgentState:
        return self.floor.agent(agent).state

    async def ready(self, *agents: AgentId) -> None:
        for agent in agents:
            self.floor.sign_in(agent, frozenset({"en"}))
            self.floor.ready(agent)
            await asyncio.sleep(1)

    async def answered_call(self) -> AttemptId:
        """A call whose person has just been judged."""
        self.numbers += 1
        attempt = AttemptId(f"{self.numbers:032x}")
        await self.switch.originate(
            Origination(
                attempt,
                NUMBER,
                NUMBER,
                "carrier",
                True,
                60.0,
                Treatment.HANGUP,
                5.0,
                "callback",
                RecordingMode.OFF,
                30.0,
            )
        )
        await asyncio.sleep(self.script.post_dial_s + 4.0 + self.script.detect_s + 0.1)
        return attempt

    async def conversation(self) -> AttemptId:
        """A call joined to an agent."""
        attempt = await self.answered_call()
        agent = self.floor.reserve(attempt, TERMS)
        assert agent is not None
        assert agent.leg is not None
        await self.switch.join(attempt, agent.leg)
        await asyncio.sleep(0.1)
        return attempt

    def press(self, keys: str) -> None:
        leg = self.floor.agent(ANN).leg
        assert leg is not None
        for key in keys:
            self.switch.press(leg, key)


def play(scenario: Callable[[World], Awaitable[None]]) -> World:
    """Run a scenario in virtual time on a floor of its own."""

    async def main(clock: VirtualClock) -> World:
        journal = Journal()
        worlds: list[World] = []
        switch = RecordingSwitch(lambda _number: worlds[0].script, clock)

        async def pump(floor: Floor) -> None:
            async for event in switch.events():
                floor.on_switch(event)

        async with Floor(switch, clock, journal, FloorSettings(leg_timeout_s=20.0)) as floor:
            world = World(clock, switch, floor, journal, floor.subscribe())
            worlds.append(world)
            pumping = asyncio.create_task(pump(floor))
            await scenario(world)
            pumping.cancel()
        return world

    return virtual_time.run(main, START)


# --- failures ----------------------------------------------------------------------------------------------------


def test_an_event_refused_is_counted() -> None:
    async def scenario(world: World) -> None:
        assert isinstance(world.floor.hang_up(ANN), Refused)
        await world.ready(ANN)
        assert isinstance(world.floor.dispose(ANN, "paid", Details()), Refused)

    counted = play(scenario).floor.refusals
    assert counted[AgentState.OFFLINE, "hang_up", Refusal.UNEXPECTED] == 1
    assert counted[AgentState.READY, "dispose", Refusal.UNEXPECTED] == 1


def test_a_phone_that_does_not_answer_leaves_the_agent_unreachable() -> None:
    async def scenario(world: World) -> None:
        world.switch.deaf_phones.add(ANN)
        await world.ready(ANN)
        leg = world.floor.agent(ANN).leg
        await asyncio.sleep(20)
        assert (world.state(), world.floor.agent(ANN).reason) == (AgentState.OFFLINE, Cause.UNREACHABLE)
        assert world.switch.hung_up == [leg]

    play(scenario)


def test_a_phone_that_answers_too_late_is_dropped() -> None:
    async def scenario(world: World) -> None:
        world.switch.deaf_phones.add(ANN)
        await world.ready(ANN)
        leg = world.floor.agent(ANN).leg
        assert leg is not None
        await asyncio.sleep(25)
        world.floor.on_switch(LegUp(leg, ANN, world.clock.monotonic()))
        await asyncio.sleep(1)
        assert world.state() is AgentState.OFFLINE
        assert world.switch.hung_up == [leg, leg]

    play(scenario)


def test_a_switch_that_refuses_to_ring_the_phone_makes_the_agent_unreachable_at_once() -> None:
    async def scenario(world: World) -> None:
        world.switch.refuse["call_agent"] = TelephonyError("no such phone", maybe_done=False)
        await world.ready(ANN)
        assert world.state() is AgentState.OFFLINE
        assert OrderFailed(ANN, "call_agent") in world.told()

    play(scenario)


def test_an_order_that_may_have_been_carried_out_is_waited_for() -> None:
    async def scenario(world: World) -> None:
        world.switch.refuse["call_agent"] = TelephonyError("no answer", maybe_done=True)
        await world.ready(ANN)
        assert world.state() is AgentState.PAUSED

    play(scenario)


def test_a_hold_the_switch_refuses_leaves_them_talking() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        await world.conversation()
        world.switch.refuse["hold"] = TelephonyError("no such call", maybe_done=False)
        world.floor.hold(ANN)
        await asyncio.sleep(1)
        assert world.state() is AgentState.TALKING
        assert world.told() == [OrderFailed(ANN, "hold")]

    play(scenario)


def test_a_disposition_without_what_it_needs_leaves_the_agent_wrapping_up() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        await world.conversation()
        await asyncio.sleep(61)
        with pytest.raises(DispositionError, match="an amount and a day"):
            world.floor.dispose(ANN, "promise", Details())
        assert world.state() is AgentState.WRAP_UP

    play(scenario)


def test_a_leg_of_a_stranger_is_dropped() -> None:
    async def scenario(world: World) -> None:
        world.floor.on_switch(LegUp(LegId("f" * 32), AgentId("mallory"), 0.0))
        await asyncio.sleep(1)
        assert world.switch.hung_up == ["f" * 32]
        assert world.floor.snapshot().agents == ()

    play(scenario)


def test_a_call_joined_to_an_agent_kept_for_another_is_refused() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        reserved = world.floor.reserve(AttemptId("a" * 32), TERMS)
        assert reserved is not None
        assert reserved.leg is not None
        world.floor.on_switch(Joined(AttemptId("b" * 32), reserved.leg, 0.0))
        assert world.floor.agent(ANN).attempt == "a" * 32

    assert play(scenario).floor.refusals[AgentState.RESERVED, "Join", Refusal.STALE] == 1


# --- pulled plugs ------------------------------------------------------------------------------------------------


def test_a_plug_pulled_while_talking_orphans_the_call_and_the_next_agent_takes_it() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN, BOB)
        attempt = await world.conversation()
        leg = world.floor.agent(ANN).leg
        assert leg is not None
        world.switch.leg_gone(leg)
        await asyncio.sleep(0.1)
        assert (world.state(), world.floor.agent(ANN).reason) == (AgentState.OFFLINE, Cause.UNREACHABLE)
        assert world.told() == [CallOrphaned(attempt, ANN)]
        rescuer = await world.floor.reserve_within(attempt, TERMS, 5.0, first=True)
        assert rescuer is not None
        assert rescuer.id == BOB

    play(scenario)


def test_a_plug_pulled_while_reserved_gives_the_reservation_back() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        agent = world.floor.reserve(AttemptId("a" * 32), TERMS)
        assert agent is not None
        assert agent.leg is not None
        world.switch.leg_gone(agent.leg)
        await asyncio.sleep(0.1)
        assert world.told() == [ReservationLost(AttemptId("a" * 32), ANN)]

    play(scenario)


def test_a_phone_put_down_ends_the_call_and_the_disposition_can_still_be_given() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        attempt = await world.conversation()
        leg = world.floor.agent(ANN).leg
        assert leg is not None
        world.switch.leg_gone(leg, cause=16)
        await asyncio.sleep(0.1)
        assert attempt in world.switch.hung_up
        # The simulated switch parts the two first, so the leg is lost in wrap-up with the person still there.
        assert world.state() is AgentState.WRAP_UP
        world.floor.dispose(ANN, "paid", Details())
        assert (world.state(), world.floor.agent(ANN).reason) == (AgentState.OFFLINE, Cause.HUNG_UP)
        assert [type(event) for event in world.told()] == [Disposed]

    play(scenario)


# --- a working day -----------------------------------------------------------------------------------------------


def test_an_agent_signs_in_talks_disposes_and_is_ready_for_the_next() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        attempt = await world.conversation()
        assert world.state() is AgentState.TALKING
        await asyncio.sleep(61)
        assert world.state() is AgentState.WRAP_UP
        world.floor.dispose(ANN, "promise", Details(Money(5000), date(2026, 3, 20)))
        assert world.state() is AgentState.READY
        (told,) = world.told()
        assert isinstance(told, Disposed)
        assert (told.attempt, told.agent, told.recorded.outcome) == (attempt, ANN, Outcome.CONVERSATION)
        assert told.recorded.details.promise == Money(5000)

    states = [interval.state for interval in play(scenario).journal.intervals]
    assert states == ["paused", "ready", "reserved", "talking", "wrap_up"]


def test_intervals_in_the_journal_touch_each_other() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        await world.conversation()
        await asyncio.sleep(120)
        world.floor.sign_out(ANN)

    intervals = play(scenario).journal.intervals
    assert intervals[-1].state is AgentState.READY
    assert all(earlier.ended == later.began for earlier, later in pairwise(intervals))


def test_nothing_said_in_time_is_recorded_as_a_conversation() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        attempt = await world.conversation()
        await asyncio.sleep(60 + 31)
        assert world.state() is AgentState.READY
        (told,) = world.told()
        assert isinstance(told, Disposed)
        assert (told.attempt, told.recorded.disposition, told.recorded.outcome) == (attempt, None, Outcome.CONVERSATION)

    play(scenario)


def test_a_disposition_in_time_stops_the_timer_of_that_call_only() -> None:
    async def scenario(world: World) -> None:
        world.script = Script(talk_s=5.0)
        await world.ready(ANN)
        await world.conversation()
        await asyncio.sleep(6)
        world.floor.dispose(ANN, "paid", Details())
        await world.conversation()
        await asyncio.sleep(28)
        assert world.state() is AgentState.WRAP_UP

    play(scenario)


def test_hold_and_back() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        attempt = await world.conversation()
        world.floor.hold(ANN)
        await asyncio.sleep(2)
        assert (world.state(), world.floor.agent(ANN).attempt) == (AgentState.HOLD, attempt)
        world.floor.resume(ANN)
        await asyncio.sleep(0.1)
        assert world.state() is AgentState.TALKING

    play(scenario)


def test_a_person_who_hangs_up_on_hold_sends_the_agent_to_wrap_up() -> None:
    async def scenario(world: World) -> None:
        world.script = Script(talk_s=60.0, patience_s=3.0)
        await world.ready(ANN)
        await world.conversation()
        world.floor.hold(ANN)
        await asyncio.sleep(4)
        assert world.state() is AgentState.WRAP_UP

    play(scenario)


def test_signing_out_drops_the_leg() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        leg = world.floor.agent(ANN).leg
        world.floor.sign_out(ANN)
        await asyncio.sleep(1)
        assert world.switch.hung_up == [leg]
        assert world.floor.agent(ANN).reason == Cause.SIGNED_OUT

    play(scenario)


def test_an_agent_who_went_offline_comes_back_by_asking_for_calls() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        leg = world.floor.agent(ANN).leg
        assert leg is not None
        world.switch.leg_gone(leg)
        await asyncio.sleep(0.1)
        world.floor.ready(ANN)
        await asyncio.sleep(1)
        assert world.state() is AgentState.READY
        assert world.floor.agent(ANN).leg != leg

    play(scenario)


def test_signing_in_again_keeps_the_call() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        attempt = await world.conversation()
        world.floor.heartbeat_lost(ANN)
        again = world.floor.sign_in(ANN, frozenset())
        assert isinstance(again, Agent)
        assert (again.state, again.attempt, again.is_due_back) == (AgentState.TALKING, attempt, True)

    play(scenario)


# --- keys --------------------------------------------------------------------------------------------------------


def test_a_whole_shift_by_telephone_keys() -> None:
    async def scenario(world: World) -> None:
        world.floor.enrol(ANN, frozenset())
        world.floor.on_switch(LegUp(LegId("e" * 32), ANN, 0.0))  # the agent rings in
        assert world.state() is AgentState.PAUSED
        world.press("*1")
        await asyncio.sleep(0.1)
        assert world.state() is AgentState.READY
        world.press("*2")
        await asyncio.sleep(0.1)
        assert world.floor.agent(ANN).reason == "break"
        world.press("*9")
        await asyncio.sleep(0.1)
        assert world.state() is AgentState.OFFLINE

    play(scenario)


def test_a_call_by_telephone_keys() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        await world.conversation()
        world.press("*3")
        await asyncio.sleep(0.1)
        assert world.state() is AgentState.HOLD
        world.press("*3")
        await asyncio.sleep(0.1)
        assert world.state() is AgentState.TALKING
        world.press("7*0")
        await asyncio.sleep(0.1)
        assert world.state() is AgentState.WRAP_UP
        world.press("#9")
        await asyncio.sleep(0.1)
        assert world.state() is AgentState.WRAP_UP
        world.press("1")
        await asyncio.sleep(0.1)
        (told,) = world.told()
        assert isinstance(told, Disposed)
        assert told.recorded.missing == {Need.PROMISE}
        assert world.state() is AgentState.READY

    play(scenario)


# --- waiting for an agent ----------------------------------------------------------------------------------------


def test_nobody_in_time_is_none() -> None:
    async def scenario(world: World) -> None:
        assert await world.floor.reserve_within(AttemptId("a" * 32), TERMS, 5.0) is None
        await world.ready(ANN)
        assert world.state() is AgentState.READY

    play(scenario)


def test_a_wait_that_is_cancelled_keeps_no_agent() -> None:
    async def scenario(world: World) -> None:
        waiting = asyncio.create_task(world.floor.reserve_within(AttemptId("a" * 32), TERMS, 60.0))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await world.ready(ANN)
        assert world.state() is AgentState.READY

    play(scenario)


def test_a_wait_cancelled_in_the_instant_it_is_served_gives_the_agent_back() -> None:
    async def scenario(world: World) -> None:
        world.floor.sign_in(ANN, frozenset())
        await asyncio.sleep(1)
        waiting = asyncio.create_task(world.floor.reserve_within(AttemptId("a" * 32), TERMS, 60.0))
        await asyncio.sleep(1)
        world.floor.ready(ANN)
        assert world.state() is AgentState.RESERVED
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert world.state() is AgentState.READY

    play(scenario)


def test_those_who_wait_are_served_in_order_and_an_orphan_first() -> None:
    async def scenario(world: World) -> None:
        order: list[str] = []

        async def wait(name: str, *, first: bool) -> None:
            agent = await world.floor.reserve_within(AttemptId(name * 32), TERMS, 600.0, first=first)
            assert agent is not None
            order.append(name)

        async with asyncio.TaskGroup() as group:
            for name, first in (("a", False), ("b", False), ("c", True)):
                group.create_task(wait(name, first=first))
                await asyncio.sleep(0.1)
            await world.ready(ANN)
            for name in "ca":
                world.floor.release(AttemptId(name * 32))
                await asyncio.sleep(0.1)
        assert order == ["c", "a", "b"]

    play(scenario)


# --- for pacing --------------------------------------------------------------------------------------------------


def test_the_snapshot_counts_who_is_due_back() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN, BOB)
        await world.conversation()
        await asyncio.sleep(10)
        world.floor.pause(ANN, "lunch")
        snapshot = world.floor.snapshot()
        assert (snapshot.count(AgentState.TALKING), snapshot.count(AgentState.READY), snapshot.due_back) == (1, 1, 1)
        ann = next(view for view in snapshot.agents if view.id == ANN)
        assert (ann.leaving, ann.due_back) == (True, False)
        assert ann.elapsed_s == pytest.approx(10.1, abs=0.2)

    play(scenario)


# --- restart -----------------------------------------------------------------------------------------------------


def test_after_a_restart_bridged_calls_are_adopted() -> None:
    attempt, leg = AttemptId("a" * 32), LegId("1" * 32)
    channels = [
        LiveChannel(attempt, None, answered=True, joined_with=leg),
        LiveChannel(leg, ANN, answered=True, joined_with=attempt),
        LiveChannel("2" * 32, BOB, answered=True, joined_with=None),
        LiveChannel("3" * 32, AgentId("mallory"), answered=True, joined_with=None),
    ]

    async def scenario(world: World) -> None:
        world.floor.enrol(ANN, frozenset())
        world.floor.enrol(BOB, frozenset())
        world.floor.reconcile(channels)
        await asyncio.sleep(0.1)
        assert (world.state(ANN), world.floor.agent(ANN).attempt) == (AgentState.TALKING, attempt)
        assert world.state(BOB) is AgentState.PAUSED
        assert world.switch.hung_up == ["3" * 32]

    play(scenario)


def test_a_screen_that_is_back_before_the_engine_has_looked_around_cuts_no_conversation() -> None:
    attempt, leg = AttemptId("a" * 32), LegId("1" * 32)
    channels = [
        LiveChannel(attempt, None, answered=True, joined_with=leg),
        LiveChannel(leg, ANN, answered=True, joined_with=attempt),
    ]

    async def scenario(world: World) -> None:
        world.switch.deaf_phones.add(ANN)  # the phone is in the call it was in before the restart
        await world.ready(ANN)
        ringing = world.floor.agent(ANN).leg
        world.floor.reconcile(channels)
        await asyncio.sleep(1)
        assert (world.state(), world.floor.agent(ANN).leg) == (AgentState.TALKING, leg)
        assert world.switch.hung_up == [ringing]

    play(scenario)


def test_after_a_cut_what_is_gone_from_the_switch_is_gone_from_the_floor() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN, BOB)
        await world.conversation()
        bob = world.floor.agent(BOB).leg
        channels: Sequence[LiveChannel] = [
            channel for channel in await world.switch.live_channels() if channel.agent == ANN
        ]
        assert bob is not None
        world.floor.reconcile([LiveChannel(channels[0].id, ANN, answered=True, joined_with=None)])
        assert world.state(ANN) is AgentState.WRAP_UP
        assert world.state(BOB) is AgentState.OFFLINE

    play(scenario)


# --- previews ----------------------------------------------------------------------------------------------------

LOOK = AttemptId("f" * 32)


def test_an_account_is_offered_to_nobody_who_is_not_free() -> None:
    async def scenario(world: World) -> None:
        assert world.floor.offer(LOOK, TERMS) is None
        await world.ready(ANN)
        assert world.floor.offer(LOOK, TERMS, leaving=frozenset({ANN})) is None
        assert world.floor.offer(LOOK, CallTerms(skills=frozenset({"fr"}))) is None
        await world.conversation()
        assert world.floor.offer(LOOK, TERMS) is None

    assert not [event for event in play(scenario).told() if isinstance(event, PreviewEnded)]


def test_who_looks_at_an_account_is_given_no_call_and_no_second_account() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        assert world.floor.offer(LOOK, TERMS) is not None
        assert world.floor.reserve(AttemptId("e" * 32), TERMS) is None
        assert world.floor.reserve(LOOK, TERMS) is None
        assert world.floor.offer(AttemptId("e" * 32), TERMS) is None
        world.floor.release(LOOK)
        assert world.state() is AgentState.PREVIEW

    play(scenario)


def test_a_plug_pulled_while_looking_orphans_no_call() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        world.floor.offer(LOOK, TERMS)
        world.switch.leg_gone(world.floor.agent(ANN).leg or LegId(""))
        await asyncio.sleep(1)
        assert world.floor.agent(ANN).reason == Cause.UNREACHABLE

    assert play(scenario).told() == [PreviewEnded(LOOK, ANN, PreviewEnd.LEFT)]


def test_a_look_around_after_a_cut_leaves_a_preview_alone() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        world.floor.offer(LOOK, TERMS)
        world.floor.reconcile(await world.switch.live_channels())
        assert world.state() is AgentState.PREVIEW
        assert not world.floor.refusals

    play(scenario)


def test_a_look_lasts_as_long_as_its_campaign_allows_and_is_not_cut_short_by_the_one_before() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        world.floor.offer(LOOK, CallTerms(preview_s=20.0))
        await asyncio.sleep(15)
        world.floor.skip(ANN, LOOK, "bad_data")
        world.floor.offer(AttemptId("e" * 32), CallTerms(preview_s=20.0))
        await asyncio.sleep(15)
        assert world.state() is AgentState.PREVIEW
        await asyncio.sleep(6)
        assert (world.state(), world.floor.agent(ANN).reason) == (AgentState.PAUSED, Cause.PREVIEW_MISSED)

    assert play(scenario).told() == [
        PreviewEnded(LOOK, ANN, PreviewEnd.SKIP, "bad_data"),
        PreviewEnded(AttemptId("e" * 32), ANN, PreviewEnd.MISSED),
    ]


def test_an_answer_to_an_account_that_is_not_shown_any_more_changes_nothing() -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        world.floor.offer(LOOK, TERMS)
        world.floor.skip(ANN, LOOK)
        world.floor.offer(AttemptId("e" * 32), TERMS)
        answers = [world.floor.dial(ANN, LOOK), world.floor.skip(ANN, LOOK)]
        assert [answer.why for answer in answers if isinstance(answer, Refused)] == [Refusal.STALE] * 2

    play(scenario)


@pytest.mark.parametrize(("key", "how"), [("#", PreviewEnd.DIAL), ("0", PreviewEnd.SKIP)])
def test_one_key_of_the_telephone_dials_and_one_skips(key: str, how: PreviewEnd) -> None:
    async def scenario(world: World) -> None:
        await world.ready(ANN)
        world.press("#")  # heard when the account is shown already: too soon to be meant for it
        world.floor.offer(LOOK, TERMS)
        await asyncio.sleep(1)
        world.press("17*5" + key)
        await asyncio.sleep(1)

    assert play(scenario).told() == [PreviewEnded(LOOK, ANN, how)]


# --- any interleaving --------------------------------------------------------------------------------------------

STEPS = st.sampled_from(
    ["call", "join", "release", "hang_up", "dispose", "pause", "ready", "out", "in", "pull", "hold", "wait"]
    + ["offer", "answer", "take_back"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STEPS, st.integers(0, 3)), max_size=40))
def test_no_agent_has_two_calls_and_no_call_two_agents(steps: list[tuple[str, int]]) -> None:
    agents = [AgentId(f"agent{number}") for number in range(4)]
    told: list[FloorEvent] = []
    offered: list[AttemptId] = []

    async def scenario(world: World) -> None:
        world.script = Script(talk_s=15.0)
        calls: list[AttemptId] = []
        floor = world.floor
        offered.clear()

        async def join(number: int) -> None:
            agent = floor.agent(agents[number])
            if agent.state is AgentState.RESERVED and agent.attempt in calls and agent.leg is not None:
                await asyncio.gather(world.switch.join(AttemptId(agent.attempt), agent.leg), return_exceptions=True)

        async def call(_number: int) -> None:
            calls.append(await world.answered_call())
            floor.reserve(calls[-1], CallTerms(wrap_up_s=5.0))

        def pull(number: int) -> None:
            leg = floor.agent(agents[number]).leg
            if leg is not None and floor.agent(agents[number]).leg_up:
                world.switch.leg_gone(leg)

        def release(number: int) -> None:
            attempt = floor.agent(agents[number]).attempt
            floor.release(attempt or AttemptId(""))

        def offer(number: int) -> None:
            offered.append(AttemptId(f"{len(offered):x}".rjust(32, "f")))
            floor.offer(offered[-1], CallTerms(preview_s=5.0 + number))

        def answer(number: int) -> None:
            agent = floor.agent(agents[number])
            say = floor.dial if len(offered) % 2 else floor.skip
            say(agent.id, agent.attempt or AttemptId(""))

        actions: dict[str, Callable[[int], object]] = {
            "offer": offer,
            "answer": answer,
            "take_back": lambda number: floor.take_back(floor.agent(agents[number]).attempt or AttemptId("")),
            "call": call,
            "join": join,
            "release": release,
            "hang_up": lambda number: floor.hang_up(agents[number]),
            "dispose": lambda number: floor.dispose(agents[number], "paid", Details()),
            "pause": lambda number: floor.pause(agents[number], "lunch"),
            "ready": lambda number: floor.ready(agents[number]),
            "out": lambda number: floor.sign_out(agents[number]),
            "in": lambda number: floor.sign_in(agents[number], frozenset()),
            "pull": pull,
            "hold": lambda number: floor.hold(agents[number]),
            "wait": lambda number: asyncio.sleep(3.0 * number),
        }
        for agent in agents:
            await world.ready(agent)
        for name, number in steps:
            result = actions[name](number)
            if asyncio.iscoroutine(result):
                await result
            await asyncio.sleep(0)
            attempts = [agent.attempt for agent in map(floor.agent, agents) if agent.attempt is not None]
            assert len(attempts) == len(set(attempts))
        await asyncio.sleep(120)
        told.extend(world.told())

    play(scenario)
    finished = [event.attempt for event in told if isinstance(event, Disposed)]
    assert len(finished) == len(set(finished))
    looked = [event.attempt for event in told if isinstance(event, PreviewEnded)]
    assert len(looked) == len(set(looked))


def test_events_that_are_no_business_of_agents_are_ignored() -> None:
    async def scenario(world: World) -> None:
        events: list[SwitchEvent] = [Joined(AttemptId("a" * 32), LegId("9" * 32), 0.0)]
        for event in events:
            world.floor.on_switch(event)
        assert world.floor.snapshot().agents == ()

    play(scenario)
