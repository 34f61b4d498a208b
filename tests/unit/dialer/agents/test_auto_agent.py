"""The automatic agent and the gateway's client, against a real gateway on a simulated switch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from agent_gateway.agent import AgentState
from agent_gateway.floor_events import CallTerms, Disposed, PreviewEnd, PreviewEnded
from agent_gateway.protocol import Bye, Reply, Welcome
from dialer.agent_client import Credentials, GatewayClient, LinkLost, SignInError
from dialer.testing.auto_agent import AutoAgent, Habits
from domain.ids import AgentId, AttemptId

if TYPE_CHECKING:
    from conftest import Office

pytestmark = pytest.mark.unit

ANN = AgentId("ann")
QUICK = Habits(talk_mean_s=0.02, hangs_up=1.0, wrap_mean_s=0.02, says_nothing=0.0)


async def until_heard(replies: AsyncIterator[Reply | LinkLost], kind: type[Reply | LinkLost]) -> None:
    async with asyncio.timeout(10):
        while not isinstance(await anext(replies), kind):
            pass


async def test_an_agent_who_may_not_sign_in_is_told_so(office: Office) -> None:
    with pytest.raises(SignInError, match="wrong secret"):
        await AutoAgent(office.client("wrong"), seed=1).run()


async def test_a_gateway_that_is_away_is_tried_again() -> None:
    replies = GatewayClient("ws://127.0.0.1:9", Credentials("ann", "right")).replies()
    assert await anext(replies) == LinkLost()
    assert await anext(replies) == LinkLost()
    await replies.aclose()


async def test_the_client_connects_again_after_a_cut(office: Office) -> None:
    client = office.client()
    replies = client.replies()
    assert isinstance(await anext(replies), Welcome)
    await client.break_off()
    await until_heard(replies, LinkLost)
    await until_heard(replies, Welcome)
    await replies.aclose()


async def test_an_automatic_agent_works_call_after_call_until_signed_out(office: Office) -> None:
    heard: list[Reply | LinkLost] = []
    working = asyncio.create_task(AutoAgent(office.client(), 1, QUICK, heard.append).run())
    said = []
    await office.until_state(AgentState.READY)
    for number in range(1, 4):
        await office.call(number)
        disposed = await office.until(lambda event: isinstance(event, Disposed))
        assert isinstance(disposed, Disposed)
        said.append(disposed.recorded.disposition)
    office.floor.sign_out(ANN)
    await working
    assert None not in said
    assert heard[-1] == Bye(reason="signed_out")


@pytest.mark.parametrize(("skips", "how"), [(0.0, PreviewEnd.DIAL), (1.0, PreviewEnd.SKIP)])
async def test_an_automatic_agent_answers_to_each_account_it_is_shown(
    office: Office, skips: float, how: PreviewEnd
) -> None:
    habits = Habits(look_mean_s=0.02, skips=skips)
    working = asyncio.create_task(AutoAgent(office.client(), 1, habits).run())
    await office.until_state(AgentState.READY)
    looks = [AttemptId(f"{number:032x}") for number in range(2)]
    for attempt in looks:
        office.floor.offer(attempt, CallTerms())
        ended = await office.until(lambda event: isinstance(event, PreviewEnded))
        assert ended == PreviewEnded(attempt, ANN, how)
        office.floor.release(attempt)
    office.floor.sign_out(ANN)
    await working


async def test_an_automatic_agent_comes_back_after_a_pulled_plug(office: Office) -> None:
    working = asyncio.create_task(AutoAgent(office.client(), 1, QUICK).run())
    await office.until_state(AgentState.READY)
    leg = office.floor.agent(ANN).leg
    assert leg is not None
    office.switch.leg_gone(leg)
    await office.until_state(AgentState.OFFLINE)
    await office.until_state(AgentState.READY)
    office.floor.sign_out(ANN)
    await working
