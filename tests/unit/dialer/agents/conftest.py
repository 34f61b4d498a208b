"""A gateway on a simulated switch, for clients to connect to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from agent_gateway.agent import AgentState
from agent_gateway.credentials import hash_secret
from agent_gateway.floor import Floor
from agent_gateway.floor_events import AgentChanged, CallTerms, FloorEvent, StateInterval
from agent_gateway.server import AgentRecord, CallSummary, GatewayServer, ServerSettings
from dialer.agent_client import Credentials, GatewayClient
from dialer.testing.simulated_switch import Script, SimulatedSwitch
from domain.clock import SystemClock
from domain.ids import AgentId, AttemptId
from domain.phone import PhoneNumber
from domain.telephony import Answered, Origination, RecordingMode, Treatment

ANN = AgentId("ann")
RECORD = AgentRecord(ANN, "Ann", hash_secret("right"))
NUMBER = PhoneNumber("+12025550123")


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


@pytest.fixture
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
