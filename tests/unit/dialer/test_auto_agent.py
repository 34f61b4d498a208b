"""The automatic agent and the gateway's client, against a real gateway on a simulated switch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from agent_gateway.agent import AgentState
from agent_gateway.credentials import hash_secret
from agent_gateway.floor import AgentChanged, CallTerms, Disposed, Floor, FloorEvent, StateInterval
from agent_gateway.protocol import Bye, Reply, Welcome
from agent_gateway.server import AgentRecord, CallSummary, GatewayServer, ServerSettings
from dialer.agent_client import Credentials, GatewayClient, LinkLost, SignInError
from dialer.testing.auto_agent import AutoAgent, Habits
from dialer.testing.simulated_switch import Script, SimulatedSwitch
from domain.clock import SystemClock
from domain.ids import AgentId, AttemptId
from domain.phone import PhoneNumber
from domain.telephony import Answered, Origination, RecordingMode, Treatment

pytestmark = pytest.mark.unit

ANN = AgentId("ann")
RECORD = AgentRecord(ANN, "Ann", hash_secret("right"))
NUMBER = PhoneNumber("+12025550123")
QUICK = Habits(talk_mean_s=0.02, hangs_up=1.0, wrap_mean_s=0.02, says_nothing=0.0)


class Directory:
    async def find(self, agent: AgentId) -> AgentRecord | None:
        return RECORD if agent == ANN else None


class Journal:
    def interval(self, interval: StateInterval) -> None:
        pass


async def no_summary(_attempt: AttemptId) -> CallSummary | None:
    return None


@dataclass
class Office:
    switch: SimulatedSwitch
    floor: Floor
    port: int
    told: asyncio.Queue[FloorEvent]
    answered: asyncio.Queue[AttemptId] = field(default_factory=asyncio.Queue)

    def client(self, secret: str = "right") -> GatewayClient:
        return GatewayClient(f"ws://127.0.0.1:{self.port}", Credentials("ann", secret))

    async def until(self, wanted: Callable[[FloorEvent], bool]) -> FloorEvent:
        async with asyncio.timeout(10):
            while not wanted(event := await self.told.get()):
                pass
            return event

    async def until_state(self, state: AgentState) -> None:
        await self.until(lambda event: isinstance(event, AgentChanged) and event.after.state is state)

    async def call(self, number: int) -> None:
        attempt = AttemptId(f"{number:032x}")
        await self.switch.originate(
            Origination(attempt, NUMBER, NUMBER, "t", False, 60.0, Treatment.HANGUP, 5.0, "m", RecordingMode.OFF, 30.0)
        )
        assert await self.answered.get() == attempt
        agent = self.floor.reserve(attempt, CallTerms())
        assert agent is not None
        assert agent.leg is not None
        await self.switch.join(attempt, agent.leg)


@asynccontextmanager
async def office() -> AsyncIterator[Office]:
    clock = SystemClock()
    switch = SimulatedSwitch(lambda _number: Script(post_dial_s=0.0, ring_s=0.0, talk_s=60.0), clock, 0.0)
    async with Floor(switch, clock, Journal()) as floor:
        server = GatewayServer(floor, Directory(), no_summary, clock, ServerSettings(port=0, refusal_s=0.0))
        async with server.running() as port:
            there = Office(switch, floor, port, floor.subscribe())
            pumping = asyncio.create_task(pump(there))
            yield there
        pumping.cancel()


async def pump(there: Office) -> None:
    async for event in there.switch.events():
        there.floor.on_switch(event)
        match event:
            case Answered(attempt):
                there.answered.put_nowait(attempt)
            case _:
                pass


async def until_heard(replies: AsyncIterator[Reply | LinkLost], kind: type[Reply | LinkLost]) -> None:
    async with asyncio.timeout(10):
        while not isinstance(await anext(replies), kind):
            pass


async def test_an_agent_who_may_not_sign_in_is_told_so() -> None:
    async with office() as there:
        with pytest.raises(SignInError, match="wrong secret"):
            await AutoAgent(there.client("wrong"), seed=1).run()


async def test_a_gateway_that_is_away_is_tried_again() -> None:
    replies = GatewayClient("ws://127.0.0.1:9", Credentials("ann", "right")).replies()
    assert await anext(replies) == LinkLost()
    assert await anext(replies) == LinkLost()
    await replies.aclose()


async def test_the_client_connects_again_after_a_cut() -> None:
    async with office() as there:
        client = there.client()
        replies = client.replies()
        assert isinstance(await anext(replies), Welcome)
        await client.break_off()
        await until_heard(replies, LinkLost)
        await until_heard(replies, Welcome)
        await replies.aclose()


async def test_an_automatic_agent_works_call_after_call_until_signed_out() -> None:
    heard: list[Reply | LinkLost] = []
    async with office() as there:
        working = asyncio.create_task(AutoAgent(there.client(), 1, QUICK, heard.append).run())
        said = []
        await there.until_state(AgentState.READY)
        for number in range(1, 4):
            await there.call(number)
            disposed = await there.until(lambda event: isinstance(event, Disposed))
            assert isinstance(disposed, Disposed)
            said.append(disposed.recorded.disposition)
        there.floor.sign_out(ANN)
        await working
    assert None not in said
    assert heard[-1] == Bye(reason="signed_out")


async def test_an_automatic_agent_comes_back_after_a_pulled_plug() -> None:
    async with office() as there:
        working = asyncio.create_task(AutoAgent(there.client(), 1, QUICK).run())
        await there.until_state(AgentState.READY)
        leg = there.floor.agent(ANN).leg
        assert leg is not None
        there.switch.leg_gone(leg)
        await there.until_state(AgentState.OFFLINE)
        await there.until_state(AgentState.READY)
        there.floor.sign_out(ANN)
        await working
