"""The gateway over a real loopback WebSocket, with the floor on a simulated switch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from agent_gateway.agent import AgentState, Cause
from agent_gateway.credentials import hash_secret
from agent_gateway.floor import Floor
from agent_gateway.floor_events import CallTerms, StateInterval
from agent_gateway.server import AgentRecord, CallSummary, GatewayServer, ServerSettings
from dialer.testing.simulated_switch import Script, SimulatedSwitch
from domain.clock import SystemClock
from domain.ids import AgentId, AttemptId
from domain.phone import PhoneNumber
from domain.telephony import Answered, Origination, RecordingMode, Treatment

pytestmark = pytest.mark.unit

ANN = AgentId("ann")
HASH = hash_secret("right")
CALL = AttemptId("a" * 32)
NUMBER = PhoneNumber("+12025550123")
SETTINGS = ServerSettings(port=0, refusal_s=0.0, expires_s=60.0)
SIGN_IN = {"type": "sign_in", "version": 1, "agent": "ann", "secret": "right"}
Json = dict[str, object]


class Directory:
    async def find(self, agent: AgentId) -> AgentRecord | None:
        return {"ann": AgentRecord(ANN, "Ann", HASH), "broken": AgentRecord(agent, "B", "plain")}.get(agent)


class Journal:
    def interval(self, interval: StateInterval) -> None:
        pass


async def summary_of(attempt: AttemptId) -> CallSummary | None:
    return CallSummary("Ada <b>Lovelace</b>", (("Balance", "120.00 USD"),), ("This call is recorded.",))


@dataclass
class Gateway:
    switch: SimulatedSwitch
    floor: Floor
    port: int
    answered: asyncio.Event

    def connect(self, **options: str) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}", **options)  # type: ignore[arg-type]

    @asynccontextmanager
    async def screen(self) -> AsyncIterator[ClientConnection]:
        """A screen that is signed in, its agent ready."""
        async with self.connect() as screen:
            await say(screen, SIGN_IN)
            await hear(screen, "welcome")
            await say(screen, {"type": "ready"})
            await until(screen, AgentState.READY)
            yield screen

    async def conversation(self) -> None:
        await self.switch.originate(
            Origination(CALL, NUMBER, NUMBER, "t", False, 60.0, Treatment.HANGUP, 5.0, "m", RecordingMode.OFF, 30.0)
        )
        agent = self.floor.reserve(CALL, CallTerms())
        assert agent is not None
        assert agent.leg is not None
        await self.answered.wait()
        await self.switch.join(CALL, agent.leg)


@asynccontextmanager
async def gateway(settings: ServerSettings = SETTINGS) -> AsyncIterator[Gateway]:
    clock = SystemClock()
    script = Script(post_dial_s=0.0, ring_s=0.0, talk_s=60.0)
    switch = SimulatedSwitch(lambda _number: script, clock, agent_answers_s=0.0)

    answered = asyncio.Event()

    async def pump(floor: Floor) -> None:
        async for event in switch.events():
            floor.on_switch(event)
            if isinstance(event, Answered):
                answered.set()

    async with Floor(switch, clock, Journal()) as floor:
        server = GatewayServer(floor, Directory(), summary_of, clock, settings)
        pumping = asyncio.create_task(pump(floor))
        async with server.running() as port:
            yield Gateway(switch, floor, port, answered)
        pumping.cancel()


async def say(screen: ClientConnection, message: Json) -> None:
    await screen.send(json.dumps(message))


async def hear(screen: ClientConnection, kind: str) -> Json:
    """The next message of a kind; others are passed over."""
    async with asyncio.timeout(10):
        while True:
            message: Json = json.loads(await screen.recv())
            if message["type"] == kind:
                return message


async def until(screen: ClientConnection, state: AgentState) -> Json:
    message = await hear(screen, "state")
    while message["state"] != state:
        message = await hear(screen, "state")
    return message


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"type": "ready"}, "not_signed_in"),
        ({"type": "nonsense"}, "not_signed_in"),
        (SIGN_IN | {"version": 9}, "not_signed_in"),
        (SIGN_IN | {"secret": "wrong"}, "wrong_credentials"),
        (SIGN_IN | {"agent": "nobody"}, "wrong_credentials"),
        (SIGN_IN | {"agent": "broken"}, "wrong_credentials"),
    ],
)
async def test_who_is_not_known_gets_one_line_and_no_connection(first: Json, code: str) -> None:
    async with gateway() as there, there.connect() as screen:
        await say(screen, first)
        assert (await hear(screen, "error"))["code"] == code
        with pytest.raises(ConnectionClosed):
            await screen.recv()
        assert there.floor.snapshot().agents == ()


async def test_who_says_nothing_is_let_go() -> None:
    async with gateway(replace(SETTINGS, sign_in_s=0.05)) as there, there.connect() as screen:
        assert (await hear(screen, "error"))["message"] == "no sign_in came in time"


async def test_a_page_of_another_site_cannot_connect() -> None:
    async with gateway() as there:
        with pytest.raises(Exception, match="403"):
            async with there.connect(origin="https://evil.example"):
                pass


async def test_an_oversized_message_ends_the_connection_and_not_the_agent() -> None:
    async with gateway() as there, there.screen() as screen:
        await screen.send("x" * 20_000)
        with pytest.raises(ConnectionClosed):
            await hear(screen, "nothing")
        assert there.floor.agent(ANN).state is AgentState.READY


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "reboot"}, "bad_message"),
        ({"type": "disposition", "code": "paid"}, "not_now"),
        ({"type": "hang_up"}, "not_now"),
        ({"type": "hold"}, "not_now"),
        ({"type": "resume"}, "not_now"),
        ({"type": "pause", "reason": "nap"}, "bad_request"),
        ({"type": "dial", "attempt": CALL}, "not_now"),
        ({"type": "dial", "attempt": "x"}, "bad_message"),
        ({"type": "skip", "attempt": CALL}, "not_now"),
        ({"type": "skip", "attempt": CALL, "reason": "nap"}, "bad_request"),
        (SIGN_IN, "bad_request"),
    ],
)
async def test_what_cannot_be_done_is_answered_and_the_connection_lives(message: Json, code: str) -> None:
    async with gateway() as there, there.screen() as screen:
        await say(screen, message)
        assert (await hear(screen, "error"))["code"] == code
        await say(screen, {"type": "heartbeat", "ref": "1"})
        assert (await hear(screen, "done"))["ref"] == "1"


async def test_an_order_the_switch_refuses_is_told() -> None:
    async with gateway() as there, there.screen() as screen:
        await there.conversation()
        await until(screen, AgentState.TALKING)
        there.switch.cut_link()
        await say(screen, {"type": "hang_up", "ref": "1"})
        assert (await hear(screen, "error"))["code"] == "order_failed"


# --- a session ---------------------------------------------------------------------------------------------------


async def test_a_screen_is_told_states_the_call_and_what_may_be_said() -> None:
    async with gateway() as there, there.screen() as screen:
        await there.conversation()
        await until(screen, AgentState.RESERVED)
        call = await hear(screen, "call")
        assert (call["person"], call["lines"]) == ("Ada <b>Lovelace</b>", [{"label": "Balance", "text": "120.00 USD"}])
        assert call["say"] == ["This call is recorded."]
        await until(screen, AgentState.TALKING)
        await say(screen, {"type": "hang_up"})
        await until(screen, AgentState.WRAP_UP)
        await say(screen, {"type": "disposition", "code": "promise", "ref": "p"})
        assert "an amount and a day" in str((await hear(screen, "error"))["message"])
        await say(screen, {"type": "disposition", "code": "paid"})
        assert (await until(screen, AgentState.READY))["attempt"] is None


async def test_an_account_is_shown_before_there_is_a_call_and_waits_for_dial_or_skip() -> None:
    async with gateway() as there, there.connect() as screen:
        await say(screen, SIGN_IN)
        reasons = (await hear(screen, "welcome"))["skip_reasons"]
        assert isinstance(reasons, list)
        await say(screen, {"type": "ready"})
        await until(screen, AgentState.READY)
        there.floor.offer(CALL, CallTerms(preview_s=20.0))
        assert (await until(screen, AgentState.PREVIEW))["attempt"] == CALL
        shown = await hear(screen, "call")
        assert (shown["attempt"], shown["person"], shown["preview_s"]) == (CALL, "Ada <b>Lovelace</b>", 20.0)
        await say(screen, {"type": "dial", "attempt": "b" * 32})
        assert (await hear(screen, "error"))["message"] == "another account is shown by now"
        await say(screen, {"type": "skip", "attempt": CALL, "reason": reasons[0]["code"]})
        await until(screen, AgentState.READY)
        assert there.switch.originated == []


async def test_who_says_dial_keeps_the_account_on_the_screen_and_is_told_when_it_may_not_be() -> None:
    async with gateway() as there, there.screen() as screen:
        there.floor.offer(CALL, CallTerms())
        await hear(screen, "call")
        await say(screen, {"type": "dial", "attempt": CALL})
        assert (await until(screen, AgentState.RESERVED))["attempt"] == CALL
        there.floor.release(CALL)
        there.floor.not_dialed(ANN, "Not dialed: blocked.")
        await until(screen, AgentState.READY)
        error = await hear(screen, "error")
        assert (error["code"], error["message"]) == ("not_dialed", "Not dialed: blocked.")


async def test_a_screen_that_breaks_off_while_an_account_is_shown_finds_it_again() -> None:
    async with gateway() as there:
        async with there.screen() as screen:
            there.floor.offer(CALL, CallTerms())
            await until(screen, AgentState.PREVIEW)
        async with there.connect() as again:
            await say(again, SIGN_IN)
            assert (await hear(again, "state"))["state"] == AgentState.PREVIEW
            assert (await hear(again, "call"))["attempt"] == CALL


async def test_a_broken_connection_that_comes_back_finds_the_call() -> None:
    async with gateway() as there:
        async with there.screen() as screen:
            await there.conversation()
            await until(screen, AgentState.TALKING)
        async with there.connect() as again:
            await say(again, SIGN_IN)
            assert (await hear(again, "state"))["state"] == AgentState.TALKING
            assert (await hear(again, "call"))["attempt"] == CALL


async def test_a_second_screen_takes_over() -> None:
    async with gateway() as there, there.screen() as first, there.connect() as second:
        await say(second, SIGN_IN)
        assert (await hear(first, "bye"))["reason"] == "taken_over"
        await until(second, AgentState.READY)
        await say(second, {"type": "pause", "reason": "lunch"})
        assert (await until(second, AgentState.PAUSED))["reason"] == "lunch"


async def test_a_silent_screen_takes_its_agent_off_the_floor() -> None:
    async with gateway(replace(SETTINGS, expires_s=0.3)) as there, there.screen() as screen:
        assert (await hear(screen, "bye"))["reason"] == "expired"
        assert there.floor.agent(ANN).reason == Cause.HEARTBEAT_LOST


async def test_a_screen_that_broke_off_and_stays_away_takes_its_agent_off_the_floor() -> None:
    async with gateway(replace(SETTINGS, expires_s=0.3)) as there:
        changes = there.floor.subscribe()
        async with there.screen():
            pass
        async with asyncio.timeout(5):
            while there.floor.agent(ANN).state is not AgentState.OFFLINE:
                await changes.get()


async def test_heartbeats_keep_an_agent_on_the_floor() -> None:
    async with gateway(replace(SETTINGS, expires_s=0.4)) as there, there.screen() as screen:
        for number in range(5):
            await asyncio.sleep(0.15)
            await say(screen, {"type": "heartbeat", "ref": str(number)})
        assert (await hear(screen, "done"))["type"] == "done"
        assert there.floor.agent(ANN).state is AgentState.READY


async def test_signing_out_ends_the_session() -> None:
    async with gateway() as there, there.screen() as screen:
        await say(screen, {"type": "sign_out"})
        await until(screen, AgentState.OFFLINE)
        assert (await hear(screen, "bye"))["reason"] == "signed_out"


async def test_an_agent_whose_phone_was_lost_comes_back_from_the_same_screen() -> None:
    async with gateway() as there, there.screen() as screen:
        leg = there.floor.agent(ANN).leg
        assert leg is not None
        there.switch.leg_gone(leg)
        assert (await until(screen, AgentState.OFFLINE))["reason"] == Cause.UNREACHABLE
        await say(screen, {"type": "ready"})
        await until(screen, AgentState.READY)
