"""Agents at work on a real Asterisk: the floor, real SIP telephones, and people of the test carrier.

Key codes, hold, a phone put down and a pulled plug are tried with the very events the switch produces.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from agent_gateway.agent import Agent, AgentState, Cause
from agent_gateway.disposition import Details
from agent_gateway.floor import REACTION_S, Floor
from agent_gateway.floor_events import (
    AgentChanged,
    CallOrphaned,
    CallTerms,
    Disposed,
    FloorEvent,
    FloorSettings,
    PreviewEnd,
    PreviewEnded,
    StateInterval,
)
from dialer.ami.client import AmiClient, AmiSettings
from dialer.asterisk.configuration import dialer_instance
from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.install import installed_root
from dialer.asterisk.instance import AMI_USER
from dialer.asterisk.ports import PortBlock, lease
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import AgentPhone, AsteriskSettings, Identity
from dialer.number_wall import NumberWall
from dialer.switch import AsteriskSwitch
from dialer.switch_events import WANTED_EVENTS
from dialer.testing.carrier import PROFILE, Carrier, CarrierSettings
from dialer.testing.number_plan import Behaviour, number_for
from dialer.testing.profile import Spread, load_profile
from dialer.testing.softphone import PhoneSettings, Softphone, phone_ports
from domain.clock import SystemClock
from domain.ids import AgentId, AttemptId, new_attempt_id
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.telephony import Ended, Judged, LinkUp, Origination, RecordingMode, SwitchEvent, Treatment

# One pair of Asterisks and two telephones serve the whole module; every test leaves its agents signed out.
pytestmark = [pytest.mark.telephony, pytest.mark.asyncio(loop_scope="module")]

OWN = PhoneNumber("+12025550100")
CLOCK = SystemClock()
ANN, BOB = AgentId("ann"), AgentId("bob")
E = TypeVar("E")


class Journal:
    def interval(self, interval: StateInterval) -> None:
        pass


@dataclass
class Office:
    """A floor with two agents' telephones on a switch with a carrier."""

    switch: AsteriskSwitch
    floor: Floor
    phones: dict[AgentId, Softphone]
    told: asyncio.Queue[FloorEvent]
    events: asyncio.Queue[SwitchEvent]

    async def until(self, kind: type[E], where: Callable[[E], bool] = lambda _: True, seconds: float = 20.0) -> E:
        """The next thing the floor tells for which `where` holds."""
        async with asyncio.timeout(seconds):
            while not (isinstance(event := await self.told.get(), kind) and where(event)):
                pass
        return event

    async def until_state(self, agent: AgentId, state: AgentState, seconds: float = 20.0) -> Agent:
        changed = await self.until(
            AgentChanged, lambda event: event.after.id == agent and event.after.state is state, seconds
        )
        return changed.after

    async def heard(self, kind: type[E], attempt: AttemptId, seconds: float = 30.0) -> E:
        """The next event of the switch of that kind about that call."""
        async with asyncio.timeout(seconds):
            while not (isinstance(event := await self.events.get(), kind) and getattr(event, "attempt", 0) == attempt):
                pass
        return event

    async def ready(self, agent: AgentId) -> None:
        self.floor.sign_in(agent, frozenset())
        self.floor.ready(agent)
        await self.until_state(agent, AgentState.READY)

    async def conversation(self) -> AttemptId:
        """Somebody of the carrier, joined to the longest idle agent."""
        attempt = new_attempt_id(CLOCK.now())
        await self.switch.originate(
            Origination(
                attempt=attempt,
                to=number_for(Behaviour.HUMAN, "212", 7),
                caller_id=OWN,
                trunk="carrier",
                detect_machine=False,
                connect_within_s=2.0,
                treatment=Treatment.HANGUP,
                late_agent_s=3.0,
                message="callback",
                recording=RecordingMode.OFF,
                setup_timeout_s=30.0,
            )
        )
        await self.heard(Judged, attempt)
        agent = self.floor.reserve(attempt, CallTerms(wrap_up_s=60.0))
        assert agent is not None
        assert agent.leg is not None
        await self.switch.join(attempt, agent.leg)
        await self.until_state(agent.id, AgentState.TALKING)
        return attempt


@pytest.fixture(scope="module")
def root() -> PrivateRoot:
    try:
        return installed_root()
    except AsteriskError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def block() -> Iterator[PortBlock]:
    with lease(8) as ports:
        yield ports


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(
    root: PrivateRoot, block: PortBlock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    folder = tmp_path_factory.mktemp("agents")
    profile = load_profile(PROFILE).model_copy(update={"ring": Spread(mean=1.2, sigma=0.1, least=1.0, most=1.5)})
    carrier = Carrier(CarrierSettings(folder=folder / "carrier", ports=block.instance(1), profile=profile), root)
    trunk = carrier.trunk()
    instance = dialer_instance(
        AsteriskSettings(
            state=folder / "asterisk",
            ports=block.instance(0),
            identity=Identity("Acme", OWN),
            trunks=(trunk,),
            agents=(AgentPhone(ANN, "ann-secret"), AgentPhone(BOB, "bob-secret")),
        ),
        root,
    )
    instance.render()
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        await carrier.start()
        stack.push_async_callback(carrier.stop)
        await instance.start()
        stack.push_async_callback(instance.stop)
        phones = {}
        for number, name in enumerate((ANN, BOB)):
            settings = PhoneSettings(
                user=name,
                secret=f"{name}-secret",
                registrar=("127.0.0.1", instance.ports.sip),
                ports=phone_ports(block.quarter(3), number),
                tone_hz=430 + 40 * number,
            )
            phones[name] = await stack.enter_async_context(Softphone(root, settings, folder / name))
        ami = AmiSettings(AMI_USER, instance.ami_secret, port=instance.ports.ami, wanted=WANTED_EVENTS)
        client = AmiClient(ami, clock=CLOCK, rng=random.Random(1), registry=registry)
        switch = AsteriskSwitch(
            client, trunks=(trunk,), wall=NumberWall(frozenset({"US"})), clock=CLOCK, registry=registry
        )
        events: asyncio.Queue[SwitchEvent] = asyncio.Queue()
        floor = await stack.enter_async_context(Floor(switch, CLOCK, Journal(), FloorSettings(leg_timeout_s=4.0)))
        consuming = asyncio.create_task(consume(switch, floor, events))
        client.connect()
        async with asyncio.timeout(15):
            while not isinstance(await events.get(), LinkUp):
                pass
            while "Registered" not in await instance.console("pjsip show registrations"):
                await asyncio.sleep(0.05)  # no event tells
        await switch.live_channels()
        floor.enrol(ANN, frozenset())
        floor.enrol(BOB, frozenset())
        yield Office(switch, floor, phones, floor.subscribe(), events)
        await client.stop()
        await consuming


async def consume(switch: AsteriskSwitch, floor: Floor, events: asyncio.Queue[SwitchEvent]) -> None:
    async for event in switch.events():
        floor.on_switch(event)
        events.put_nowait(event)


@pytest_asyncio.fixture(loop_scope="module")
async def office(shared: Office) -> AsyncIterator[Office]:
    yield shared
    for phone in shared.phones.values():
        phone.replug()
    async with asyncio.timeout(20):
        while shared.floor.snapshot().agents:
            for view in shared.floor.snapshot().agents:
                shared.floor.sign_out(view.id)
                shared.floor.hang_up(view.id)
                shared.floor.dispose(view.id, "spoke", Details())
            await asyncio.sleep(0.1)
        await asyncio.gather(*(phone.idle() for phone in shared.phones.values()))
    while not shared.told.empty():
        shared.told.get_nowait()


async def test_a_pulled_plug_takes_the_agent_off_in_five_seconds_and_the_person_goes_to_the_next(
    office: Office,
) -> None:
    await office.ready(ANN)
    attempt = await office.conversation()
    await office.ready(BOB)
    office.phones[ANN].unplug()
    pulled = CLOCK.monotonic()

    orphaned = await office.until(CallOrphaned)
    seen_after_s = CLOCK.monotonic() - pulled
    rescuer = await office.floor.reserve_within(attempt, CallTerms(), 2.0, first=True)
    assert rescuer is not None
    assert rescuer.leg is not None
    await office.switch.join(attempt, rescuer.leg)
    await office.until_state(BOB, AgentState.TALKING)

    assert orphaned == CallOrphaned(attempt, ANN)
    assert office.floor.agent(ANN).reason == Cause.UNREACHABLE
    assert seen_after_s < 7


async def test_a_phone_put_down_ends_the_call_and_leaves_the_disposition_to_be_given(office: Office) -> None:
    await office.ready(ANN)
    attempt = await office.conversation()

    await office.phones[ANN].hang_up()
    await office.heard(Ended, attempt)
    wrapping = office.floor.agent(ANN)
    office.floor.dispose(ANN, "paid", Details())
    disposed = await office.until(Disposed)

    assert (wrapping.state, wrapping.leg) == (AgentState.WRAP_UP, None)
    assert (disposed.attempt, office.floor.agent(ANN).reason) == (attempt, Cause.HUNG_UP)


async def test_a_shift_by_telephone_keys_alone(office: Office) -> None:
    phone = office.phones[ANN]

    await phone.dial("*1")
    signed_in = await office.until_state(ANN, AgentState.PAUSED)
    await phone.in_call()
    await phone.press("*1")
    await office.until_state(ANN, AgentState.READY)
    attempt = await office.conversation()
    await phone.press("*3")
    await office.until_state(ANN, AgentState.HOLD)
    await phone.press("*3")
    await office.until_state(ANN, AgentState.TALKING)
    await phone.press("*0")
    await office.until_state(ANN, AgentState.WRAP_UP)
    await phone.press("7")
    disposed = await office.until(Disposed)
    await phone.press("*9")
    await office.until_state(ANN, AgentState.OFFLINE)

    assert signed_in.id == ANN
    assert disposed.attempt == attempt
    assert disposed.recorded.outcome is Outcome.WRONG_NUMBER


async def test_an_account_is_skipped_and_the_next_one_dialed_by_telephone_keys(office: Office) -> None:
    await office.ready(ANN)
    await office.phones[ANN].in_call()
    looks, ended = [new_attempt_id(CLOCK.now()) for _ in range(2)], []
    for attempt, key in zip(looks, "0#", strict=True):
        office.floor.offer(attempt, CallTerms(preview_s=15.0))
        await asyncio.sleep(REACTION_S)  # nobody answers sooner, and no such key is taken
        await office.phones[ANN].press(key)
        ended.append(await office.until(PreviewEnded))
    kept = office.floor.agent(ANN)
    office.floor.release(looks[1])

    assert [(each.attempt, each.how) for each in ended] == [(looks[0], PreviewEnd.SKIP), (looks[1], PreviewEnd.DIAL)]
    assert (kept.state, kept.attempt) == (AgentState.RESERVED, looks[1])


async def test_voices_go_both_ways_while_waiting_and_talking(office: Office) -> None:
    await office.ready(ANN)
    before = await office.phones[ANN].packets()
    await office.conversation()
    await office.phones[ANN].exchanged(min(before.sent, before.received) + 50)
    after = await office.phones[ANN].packets()

    assert min(after.sent - before.sent, after.received - before.received) >= 50


async def test_a_phone_that_does_not_answer_makes_its_agent_unreachable(office: Office) -> None:
    office.phones[ANN].unplug()
    office.floor.sign_in(ANN, frozenset())

    unreachable = await office.until_state(ANN, AgentState.OFFLINE)

    assert unreachable.reason == Cause.UNREACHABLE


async def test_signing_out_hangs_the_phone_up(office: Office) -> None:
    await office.ready(ANN)
    await office.phones[ANN].in_call()
    office.floor.sign_out(ANN)

    async with asyncio.timeout(5):
        await office.phones[ANN].idle()
