"""The switch on a real Asterisk, calling the test carrier and real SIP telephones."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from dialer.ami.actions import Setvar
from dialer.ami.client import AmiClient, AmiSettings
from dialer.ami.errors import ActionRefusedError, CloseReason, NotConnectedError
from dialer.asterisk.configuration import dialer_instance
from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.install import installed_root
from dialer.asterisk.instance import AMI_USER, Instance
from dialer.asterisk.ports import PortBlock, lease, taken
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import AgentPhone, AsteriskSettings, Identity, SipTrunk
from dialer.call import CallRecord
from dialer.number_wall import NumberWall
from dialer.outcome import NEVER_SENT, outcome_of
from dialer.switch import AsteriskSwitch
from dialer.switch_events import WANTED_EVENTS
from dialer.testing.carrier import PROFILE, Carrier, CarrierSettings
from dialer.testing.number_plan import BY_BEHAVIOUR, Behaviour, number_for
from dialer.testing.profile import Spread, load_profile
from dialer.testing.softphone import PhoneSettings, Softphone, phone_ports
from domain.clock import SystemClock
from domain.ids import AgentId, AttemptId, LegId, new_attempt_id, new_leg_id
from domain.outcomes import Outcome, Verdict
from domain.phone import PhoneNumber
from domain.telephony import (
    Answered,
    Ended,
    InboundBegan,
    InboundEnded,
    Joined,
    Judged,
    KeyPressed,
    LegEnded,
    LegUp,
    LinkDown,
    LinkUp,
    Origination,
    Parted,
    Rang,
    RecordingMode,
    SwitchEvent,
    Treated,
    Treatment,
)

# One pair of Asterisks serves the whole module; every test looks at its own ids only.
pytestmark = [pytest.mark.telephony, pytest.mark.asyncio(loop_scope="module")]

OWN = PhoneNumber("+12025550100")
CLOCK = SystemClock()
# Parties made to deceive machine detection: the engine cannot know better than the detector it listens to.
MISHEARD = {
    Behaviour.WORDY_HUMAN: frozenset({Outcome.MACHINE}),
    Behaviour.TERSE_VOICEMAIL: frozenset({Outcome.ABANDONED}),
}
E = TypeVar("E")


@dataclass
class Exchange:
    """A dialer's Asterisk with its switch, the test carrier, and every event so far."""

    switch: AsteriskSwitch
    client: AmiClient
    instance: Instance
    carrier: Carrier
    root: PrivateRoot
    ports: range
    folder: Path
    seen: list[SwitchEvent] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def consume(self) -> None:
        async for event in self.switch.events():
            async with self.news:
                self.seen.append(event)
                self.news.notify_all()

    async def get(self, kind: type[E], where: Callable[[E], bool] = lambda _: True, seconds: float = 30.0) -> E:
        """Wait for the first event of that kind for which `where` holds."""
        found: list[E] = []

        def look() -> bool:
            found[:] = [event for event in self.seen if isinstance(event, kind) and where(event)]
            return bool(found)

        async with asyncio.timeout(seconds), self.news:
            await self.news.wait_for(look)
        return found[0]

    def of(self, attempt: AttemptId) -> list[SwitchEvent]:
        return [event for event in self.seen if getattr(event, "attempt", None) == attempt]

    async def call(self, behaviour: Behaviour, **changes: object) -> AttemptId:
        """Place a call to somebody of that behaviour."""
        order = Origination(
            attempt=new_attempt_id(CLOCK.now()),
            to=number_for(behaviour, "212", 7),
            caller_id=OWN,
            trunk="carrier",
            detect_machine=True,
            connect_within_s=1.0,
            treatment=Treatment.HANGUP,
            late_agent_s=3.0,
            message="callback",
            recording=RecordingMode.OFF,
            setup_timeout_s=30.0,
        )
        order = replace(order, **changes)  # type: ignore[arg-type]
        await self.switch.originate(order)
        return order.attempt

    async def record(self, attempt: AttemptId) -> CallRecord:
        """What an engine would know of the call once it has ended."""
        await self.get(Ended, lambda e: e.attempt == attempt, 40.0)
        record = CallRecord(sent_at=0.0)
        for event in self.of(attempt):
            match event:
                case Rang():
                    record = replace(record, rang_at=event.at)
                case Answered():
                    record = replace(record, answered_at=event.at)
                case Judged():
                    record = replace(record, verdict=event.verdict, judged_at=event.at)
                case Treated():
                    record = replace(record, treated_at=event.at)
                case Joined():
                    record = replace(record, joined_at=event.at)
                case Ended():
                    record = replace(
                        record,
                        ended_at=event.at,
                        cause=event.cause,
                        sip_status=event.sip_status,
                        was_ringing=event.was_ringing,
                    )
                case _:
                    pass
        return record

    def phone(self, name: str = "ann", number: int = 0) -> Softphone:
        registrar = ("127.0.0.1", self.instance.ports.sip)
        settings = PhoneSettings(
            user=name, secret=f"{name}-secret", registrar=registrar, ports=phone_ports(self.ports, number), tone_hz=430
        )
        return Softphone(self.root, settings, self.folder / name)

    async def leg(self, agent: str = "ann") -> LegId:
        """Ring an agent's telephone and wait until it is nailed up."""
        leg = new_leg_id(CLOCK.now())
        await self.switch.call_agent(AgentId(agent), leg)
        up = await self.get(LegUp, lambda e: e.leg == leg)
        assert up.agent == agent
        return leg


@pytest.fixture(scope="module")
def root() -> PrivateRoot:
    try:
        return installed_root()
    except AsteriskError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def block() -> Iterator[PortBlock]:
    with lease(14) as ports:
        yield ports


@pytest.fixture
async def exchange(shared: Exchange) -> Exchange:
    shared.seen.clear()
    return shared


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(
    root: PrivateRoot, block: PortBlock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Exchange]:
    tmp_path = tmp_path_factory.mktemp("switch")
    profile = load_profile(PROFILE).model_copy(update={"ring": Spread(mean=1.5, sigma=0.2, least=1.0, most=2.0)})
    carrier = Carrier(CarrierSettings(folder=tmp_path / "carrier", ports=block.instance(1), profile=profile), root)
    dead = SipTrunk(name="dead", host="127.0.0.1", port=block.instance(2).sip)
    trunks = (carrier.trunk(), dead)
    instance = dialer_instance(
        AsteriskSettings(
            state=tmp_path / "asterisk",
            ports=block.instance(0),
            identity=Identity("Acme", OWN),
            trunks=trunks,
            agents=(AgentPhone("ann", "ann-secret"), AgentPhone("bob", "bob-secret")),
            owned_numbers=(OWN,),
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
        client = AmiClient(
            AmiSettings(
                AMI_USER, instance.ami_secret, port=instance.ports.ami, wanted=WANTED_EVENTS, backoff_cap_s=0.5
            ),
            clock=CLOCK,
            rng=random.Random(1),
            registry=registry,
        )
        nowhere = SipTrunk(name="nowhere", host="127.0.0.1")
        switch = AsteriskSwitch(
            client, trunks=(*trunks, nowhere), wall=NumberWall(frozenset({"US"})), clock=CLOCK, registry=registry
        )
        made = Exchange(switch, client, instance, carrier, root, block.quarter(3), tmp_path)
        consumer = asyncio.create_task(made.consume())
        client.connect()
        await client.wait_connected(10)
        await made.get(LinkUp)
        await registered(instance)
        yield made
        await client.stop()
        await consumer


async def registered(instance: Instance) -> None:
    """Wait until the trunk is registered at the carrier."""
    async with asyncio.timeout(10):
        while "Registered" not in await instance.console("pjsip show registrations"):  # no event tells
            await asyncio.sleep(0.05)


# --- Asterisk is not there, or not ours ------------------------------------------------------------


async def test_a_wrong_secret_is_told_at_once(exchange: Exchange) -> None:
    settings = AmiSettings(AMI_USER, "wrong", port=exchange.instance.ports.ami)
    client = AmiClient(settings, clock=CLOCK, rng=random.Random(1), registry=CollectorRegistry())
    client.connect()

    with pytest.raises(NotConnectedError) as caught:
        await client.wait_connected(10)

    await client.stop()
    assert caught.value.reason is CloseReason.AUTH_FAILED


async def test_the_manager_may_not_do_what_dialing_does_not_need(exchange: Exchange) -> None:
    with pytest.raises(ActionRefusedError):
        await exchange.client.send(Setvar("no-such-channel", "X", "1"))


async def test_an_asterisk_that_dies_and_comes_back_is_found_again(exchange: Exchange) -> None:
    attempt = await exchange.call(Behaviour.NO_ANSWER)
    await exchange.get(Rang, lambda e: e.attempt == attempt)

    exchange.instance.kill()
    down = await exchange.get(LinkDown)
    async with asyncio.timeout(10):
        while taken("127.0.0.1", exchange.instance.ports):  # a killed process lets go a little later
            await asyncio.sleep(0.02)
    await exchange.instance.start()
    up = await exchange.get(LinkUp, lambda e: e.at > down.at)
    await registered(exchange.instance)

    assert up.at > down.at
    assert await exchange.switch.live_channels() == []


async def test_an_asterisk_that_stands_still_is_noticed_and_taken_back(exchange: Exchange) -> None:
    pid = exchange.instance.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        down = await exchange.get(LinkDown)
    finally:
        os.kill(pid, signal.SIGCONT)

    await exchange.get(LinkUp, lambda e: e.at > down.at)
    assert down.reason == CloseReason.PEER_DEAD


# --- every behaviour of the carrier -----------------------------------------------------------------------------------


async def test_every_behaviour_of_the_carrier_ends_in_its_outcome(exchange: Exchange) -> None:
    setup = {Behaviour.NO_ANSWER: 5.0}  # it rings for a minute
    attempts = {each: await exchange.call(each, setup_timeout_s=setup.get(each, 30.0)) for each in Behaviour}

    outcomes = {each: outcome_of(await exchange.record(attempt)) for each, attempt in attempts.items()}

    wrong = {
        str(each): (str(outcome), exchange.of(attempts[each]))
        for each, outcome in outcomes.items()
        if outcome not in BY_BEHAVIOUR[each].expected | MISHEARD.get(each, frozenset())
    }
    assert wrong == {}
    people = [Behaviour.HUMAN_PATIENT, Behaviour.SLOW_HUMAN, Behaviour.HUMAN_PRESSES_9]
    assert {outcomes[person] for person in people} == {Outcome.ABANDONED}
    assert all(sum(isinstance(event, Ended) for event in exchange.of(a)) == 1 for a in attempts.values())


async def test_released_while_ringing(exchange: Exchange) -> None:
    attempt = await exchange.call(Behaviour.NO_ANSWER)
    await exchange.get(Rang, lambda e: e.attempt == attempt)

    await exchange.switch.hang_up(attempt)
    record = await exchange.record(attempt)
    await exchange.switch.hang_up(attempt)  # already gone

    assert record.was_ringing
    assert outcome_of(replace(record, released_by_us=True)) is Outcome.CANCELLED


async def test_a_trunk_that_is_not_in_asterisk_ends_the_call_as_never_sent(exchange: Exchange) -> None:
    attempt = await exchange.call(Behaviour.HUMAN, trunk="nowhere")

    record = await exchange.record(attempt)

    assert record.cause == NEVER_SENT
    assert outcome_of(record) is Outcome.FAILED


async def test_a_trunk_that_does_not_answer_ends_at_the_setup_limit(exchange: Exchange) -> None:
    attempt = await exchange.call(Behaviour.HUMAN, trunk="dead", setup_timeout_s=1.0)

    record = await exchange.record(attempt)

    assert not record.was_ringing
    assert outcome_of(record) is Outcome.NO_ANSWER


# --- with agents ------------------------------------------------------------------------------------------------------


async def test_a_person_and_an_agent_are_joined_and_parted(exchange: Exchange) -> None:
    async with exchange.phone() as phone:
        leg = await exchange.leg()
        attempt = await exchange.call(Behaviour.HUMAN_PATIENT, recording=RecordingMode.RECORD)
        judged = await exchange.get(Judged, lambda e: e.attempt == attempt)
        await exchange.switch.join(attempt, leg)
        joined = await exchange.get(Joined, lambda e: e.attempt == attempt)
        channels = {channel.id: channel for channel in await exchange.switch.live_channels()}
        await phone.press("5")
        key = await exchange.get(KeyPressed, lambda e: e.source == leg)
        await exchange.switch.hang_up(attempt)
        record = await exchange.record(attempt)
        after = await exchange.switch.live_channels()
        await phone.hang_up()
        ended = await exchange.get(LegEnded, lambda e: e.leg == leg)

    assert judged.verdict is Verdict.HUMAN
    assert (joined.leg, key.source, key.key) == (leg, leg, "5")
    assert (channels[attempt].joined_with, channels[leg].joined_with) == (leg, attempt)
    assert (channels[attempt].agent, channels[leg].agent) == (None, "ann")
    assert [type(event) for event in exchange.of(attempt)] == [Rang, Answered, Judged, Joined, Parted, Ended]
    assert outcome_of(record) is Outcome.CONVERSATION
    assert [channel.joined_with for channel in after if channel.id == leg] == [None]
    assert (ended.leg, ended.agent) == (leg, "ann")


async def test_a_person_whose_agent_is_lost_is_held_and_joined_again(exchange: Exchange) -> None:
    async with exchange.phone() as ann, exchange.phone("bob", 1):
        first, second = await exchange.leg(), await exchange.leg("bob")
        attempt = await exchange.call(Behaviour.HUMAN_PATIENT)
        await exchange.get(Judged, lambda e: e.attempt == attempt)
        await exchange.switch.join(attempt, first)
        await exchange.get(Joined, lambda e: e.leg == first)
        await ann.hang_up()
        await exchange.get(Parted, lambda e: e.attempt == attempt)
        await exchange.switch.join(attempt, second)
        again = await exchange.get(Joined, lambda e: e.leg == second)
        await exchange.switch.hang_up(attempt)
        await exchange.record(attempt)

    assert again.attempt == attempt


async def test_a_late_agent_still_gets_the_person(exchange: Exchange) -> None:
    async with exchange.phone():
        leg = await exchange.leg()
        attempt = await exchange.call(Behaviour.HUMAN_PATIENT, treatment=Treatment.LATE_AGENT, late_agent_s=5.0)
        await exchange.get(Treated, lambda e: e.attempt == attempt and e.treatment is Treatment.LATE_AGENT)
        await exchange.switch.join(attempt, leg)
        await exchange.get(Joined, lambda e: e.attempt == attempt)
        await exchange.switch.hang_up(attempt)
        await exchange.record(attempt)


async def test_a_bridge_of_before_a_cut_is_found_and_its_end_is_told(exchange: Exchange) -> None:
    async with exchange.phone():
        leg = await exchange.leg()
        attempt = await exchange.call(Behaviour.HUMAN_PATIENT)
        await exchange.get(Judged, lambda e: e.attempt == attempt)
        await exchange.switch.join(attempt, leg)
        await exchange.get(Joined, lambda e: e.attempt == attempt)
        assert exchange.client._connection is not None
        exchange.client._connection._transport.abort()  # type: ignore[union-attr]
        down = await exchange.get(LinkDown)
        await exchange.get(LinkUp, lambda e: e.at > down.at)

        channels = {channel.id: channel.joined_with for channel in await exchange.switch.live_channels()}
        found = {each: channels[each] for each in (attempt, leg)}
        await exchange.switch.hang_up(attempt)
        await exchange.record(attempt)

    assert found == {attempt: leg, leg: attempt}
    assert [type(event) for event in exchange.of(attempt)][-2:] == [Parted, Ended]


async def test_a_phone_that_dials_star_one_signs_in_and_can_be_joined(exchange: Exchange) -> None:
    async with exchange.phone("bob", 1) as phone:
        await phone.dial("*1")
        up = await exchange.get(LegUp)
        attempt = await exchange.call(Behaviour.HUMAN_PATIENT)
        await exchange.get(Judged, lambda e: e.attempt == attempt)
        await exchange.switch.join(attempt, up.leg)
        joined = await exchange.get(Joined, lambda e: e.attempt == attempt)
        await exchange.switch.hang_up(attempt)
        await exchange.record(attempt)

    assert (up.agent, joined.leg) == ("bob", up.leg)


async def test_a_phone_that_is_not_registered_ends_its_leg(exchange: Exchange) -> None:
    leg = new_leg_id(CLOCK.now())
    await exchange.switch.call_agent(AgentId("ann"), leg)

    ended = await exchange.get(LegEnded, lambda e: e.leg == leg)

    assert (ended.leg, ended.agent) == (leg, "ann")


# --- messages and calls that come in ------------------------------------------------------------


async def test_key_nine_during_the_message_is_told(exchange: Exchange) -> None:
    attempt = await exchange.call(Behaviour.HUMAN_PRESSES_9, treatment=Treatment.MESSAGE)

    key = await exchange.get(KeyPressed, lambda e: e.source == attempt, 30.0)
    record = await exchange.record(attempt)

    assert key.key == "9"
    assert outcome_of(record) is Outcome.ABANDONED


async def test_a_person_is_treated_at_once_when_told_so(exchange: Exchange) -> None:
    attempt = await exchange.call(Behaviour.HUMAN_PATIENT, connect_within_s=30.0)
    await exchange.get(Judged, lambda e: e.attempt == attempt)

    await exchange.switch.treat(attempt, Treatment.HANGUP)

    assert (await exchange.get(Treated, lambda e: e.attempt == attempt)).treatment is Treatment.HANGUP
    assert outcome_of(await exchange.record(attempt)) is Outcome.ABANDONED


async def test_a_held_person_gets_the_treatment_in_the_end(exchange: Exchange) -> None:
    attempt = await exchange.call(Behaviour.HUMAN_PATIENT, connect_within_s=30.0)
    await exchange.get(Judged, lambda e: e.attempt == attempt)

    await exchange.switch.hold(attempt)

    assert (await exchange.get(Treated, lambda e: e.attempt == attempt)).treatment is Treatment.HANGUP


async def test_a_call_that_comes_in_and_opts_out(exchange: Exchange) -> None:
    caller = PhoneNumber("+12125550132")
    exchange.carrier.call_in(OWN, caller, press="9")

    began = await exchange.get(InboundBegan)
    ended = await exchange.get(InboundEnded, seconds=40.0)

    assert (began.called, began.caller) == (OWN, caller)
    assert ended == InboundEnded(began.channel, ended.at, opted_out=True)
