"""The live view of an engine at work in virtual time."""

from io import StringIO

import pytest
from prometheus_client import CollectorRegistry
from rich.console import Console

from agent_gateway.agent import AgentState
from dialer.call import CallState
from dialer.live_view import TrunkView, render
from dialer.live_watch import LiveWatch
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import Setup, World, settings
from domain.outcomes import Outcome
from recordings.capture import Capture
from recordings.catalogue import MemoryCatalogue
from recordings.objects import FolderStore

pytestmark = pytest.mark.engine


def test_calls_agents_campaign_and_outcomes_are_what_the_engine_has(tmp_path):
    async def scenario(w: World):
        capture = Capture(tmp_path, tmp_path, FolderStore(tmp_path / "objects"), MemoryCatalogue(), w.clock)
        watch = LiveWatch(w.engine, w.floor, capture, CollectorRegistry(), w.clock)
        await w.until(lambda: w.agent(0).state is AgentState.TALKING)
        talking = watch.take()
        await w.until_finished(1)
        return talking, watch.take()

    setup = Setup(tmp_path, settings(), agents=1, accounts=1, script_for=lambda _number: Script(talk_s=5))
    talking, ended = world.run(setup, scenario)
    assert talking.calls == {CallState.TALKING: 1}
    assert talking.agents == {AgentState.TALKING: 1}
    assert [trunk.in_use for trunk in talking.trunks] == [1]
    assert [(campaign.mode, campaign.live, campaign.abandoned) for campaign in ended.campaigns] == [
        ("progressive", 1, 0)
    ]
    assert (ended.outcomes, ended.link_up, ended.running_s > 5) == ({Outcome.CONVERSATION: 1}, True, True)
    assert isinstance(ended.trunks[0], TrunkView)
    console = Console(file=StringIO(), width=80)
    console.print(render(ended))
    assert ended.campaigns[0].name in console.file.getvalue()
