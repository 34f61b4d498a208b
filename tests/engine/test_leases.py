"""Several engines and one campaign: who dials, and what a lost or silent shared state changes."""

from functools import partial

import pytest

from dialer.coordinator import BEAT_S, HOLD_S, Coordinator, LeaseBoard
from dialer.engine_status import EngineStatus
from dialer.shared_state import Holder, MemoryState, SharedStateError
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import TUESDAY, Setup, World, settings
from domain.clock import ManualClock, SystemClock
from domain.ids import AgentId, CampaignId

pytestmark = pytest.mark.engine

SEVEN = CampaignId(7)


class Flaky(MemoryState):
    """Does not answer while told so."""

    away = False

    async def present(self, engine, agents, ttl_s):
        if self.away:
            raise SharedStateError("Redis cannot be reached; start it, or correct [redis] url")
        await super().present(engine, agents, ttl_s)


class Pair:
    """Two engines' boards on one shared state."""

    def __init__(self):
        self.clock = ManualClock(TUESDAY)
        self.state = Flaky(self.clock)
        self.boards = [LeaseBoard(name, self.clock) for name in ("one", "two")]
        self.agents = {"one": [AgentId("amira")], "two": [AgentId("bruno")]}
        self.coordinators = [
            Coordinator(self.state, board, partial(self.agents.get, board.engine), lambda: {SEVEN: {"talking": 1}})
            for board in self.boards
        ]

    async def beat(self):
        return [await each.beat() for each in self.coordinators]


async def test_what_one_holds_the_other_need_not_ask_the_store_for():
    pair = Pair()
    one, two = pair.boards
    assert two.held_elsewhere(SEVEN) is None
    one.leased(SEVEN, 1, until=15.0)
    await pair.beat()
    assert (one.held_elsewhere(SEVEN), two.held_elsewhere(SEVEN)) == (None, "one")


async def test_a_later_lease_is_known_to_the_former_holder_at_once():
    pair = Pair()
    one, two = pair.boards
    one.leased(SEVEN, 1, until=15.0)
    await pair.beat()
    two.leased(SEVEN, 2, until=15.0)
    await pair.coordinators[1].beat()
    await pair.coordinators[0].beat()
    assert (one.held_elsewhere(SEVEN), two.held_elsewhere(SEVEN)) == ("two", None)


async def test_an_engine_whose_lease_ran_out_is_not_believed_any_more():
    pair = Pair()
    one, two = pair.boards
    two.held_elsewhere(SEVEN)
    one.leased(SEVEN, 1, until=HOLD_S / 2)
    await pair.beat()
    pair.clock.advance(HOLD_S / 2)
    await pair.beat()
    assert two.held_elsewhere(SEVEN) is None


async def test_what_was_heard_is_forgotten_when_nothing_more_is_heard():
    pair = Pair()
    pair.boards[1].heard(SEVEN, Holder("one", 1))
    pair.clock.advance(HOLD_S)
    assert pair.boards[1].held_elsewhere(SEVEN) is None


async def test_without_the_shared_state_the_store_alone_decides_and_people_are_told():
    pair = Pair()
    pair.boards[1].held_elsewhere(SEVEN)
    pair.boards[0].leased(SEVEN, 1, until=15.0)
    await pair.beat()
    pair.state.away = True
    assert await pair.beat() == [False, False]
    assert pair.boards[1].held_elsewhere(SEVEN) is None
    assert "dialing goes on by the account store alone" in pair.coordinators[1].trouble
    pair.state.away = False
    assert await pair.beat() == [True, True]
    assert pair.coordinators[1].trouble == ""
    assert pair.boards[1].held_elsewhere(SEVEN) == "one"


async def test_an_agent_signed_in_at_two_engines_is_said_so_until_it_is_at_one():
    pair = Pair()
    pair.agents["two"] = [AgentId("amira")]
    await pair.beat()
    await pair.beat()
    assert [each.trouble for each in pair.coordinators] == [
        "signed in at more than one engine: amira at one and two; sign out at all but one"
    ] * 2
    pair.agents["two"] = []
    await pair.beat()
    await pair.beat()
    assert [each.trouble for each in pair.coordinators] == ["", ""]


async def test_an_engine_knows_the_figures_of_campaigns_that_others_dial_for():
    pair = Pair()
    pair.boards[0].leased(SEVEN, 1, until=15.0)
    pair.boards[1].held_elsewhere(SEVEN)
    await pair.beat()
    assert pair.coordinators[1].figures == {SEVEN: {"talking": 2}}
    assert pair.coordinators[0].figures == {}


def test_trouble_stands_beside_what_a_campaign_does(tmp_path):
    async def scenario(w: World):
        return w.engine.status()[w.campaign].campaign

    campaign = world.run(Setup(tmp_path, settings()), scenario)
    now = SystemClock().now().isoformat()
    status = EngineStatus(written_at=now, link_up=True, words={str(campaign.id): "dials"}, trouble="no Redis")
    assert status.words_for(campaign) == "dials (no Redis)"


def test_a_campaign_held_elsewhere_is_not_dialed_from_the_next_tick_on(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: len(w.switch.originated) == 1)
        w.engine.leases.heard(w.campaign, Holder("other", 99))
        before, now = len(w.switch.originated), w.clock.monotonic()
        await w.until(lambda: w.clock.monotonic() > now + HOLD_S - 2 * BEAT_S)
        during = len(w.switch.originated)
        await w.until(lambda: len(w.switch.originated) > during)
        return before, during

    script = Script(refusal=486, ring_s=0.1, rings=False)
    setup = Setup(tmp_path, settings(wrap_up_s=0.1), accounts=50, script_for=lambda _number: script)
    before, during = world.run(setup, scenario)
    assert before == during
