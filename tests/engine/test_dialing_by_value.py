"""Dialing by value in the whole engine: larger expected recovery first, everybody in the end, priority above all."""

from collections import Counter

import pytest

from accounts import campaigns
from accounts import claim as claiming
from accounts.model import Order
from agent_gateway.agent import AgentState
from agent_gateway.disposition import Details
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import Setup, World, settings
from domain.mode import Mode
from domain.money import Money

pytestmark = pytest.mark.engine

ACCOUNTS = 24
BUSY = Script(post_dial_s=0.1, ring_s=0.5, rings=False, refusal=486)


def cents(account: int) -> int:
    """Balances in no order of the list: 7 and 24 have no common divisor."""
    return 1_000 * (1 + account * 7 % ACCOUNTS)


def by_value(tmp_path, **changes) -> Setup:
    whole = {
        "settings": settings(order=Order.VALUE),
        "accounts": ACCOUNTS,
        "balance_of": lambda index: Money(cents(index)),
        "priority_of": lambda _index: 0,
        "script_for": lambda _number: BUSY,
    }
    return Setup(tmp_path, **(whole | changes))


def dialed(finished) -> list[int]:
    """Accounts in the order in which they were dialed."""
    return [int(one.account[1:]) for one in sorted(finished, key=lambda one: one.reserved_at)]


@pytest.mark.parametrize("mode", [Mode.PROGRESSIVE, Mode.POWER, Mode.PREDICTIVE])
@pytest.mark.parametrize("agents", [1, 5])
def test_the_larger_balance_is_dialed_first_and_everybody_has_a_turn(tmp_path, monkeypatch, mode, agents):
    claimed = Counter()

    def counting(*args):
        held = claim_onward(*args)
        claimed.update(one.entry for one in held)
        return held

    claim_onward = claiming.claim_onward
    monkeypatch.setattr(claiming, "claim_onward", counting)

    async def scenario(w: World):
        return dialed(await w.until_finished(ACCOUNTS))

    setup = by_value(tmp_path, settings=settings(order=Order.VALUE, mode=mode), agents=agents)
    order = world.run(setup, scenario)
    assert sorted(order) == list(range(ACCOUNTS))
    half = ACCOUNTS // 2
    first, last = (sum(cents(account) for account in some) for some in (order[:half], order[half:]))
    assert first > 1.2 * last
    assert claimed.total() <= 6 * ACCOUNTS


def test_a_higher_priority_comes_first_however_little_is_owed(tmp_path):
    async def scenario(w: World):
        return dialed(await w.until_finished(ACCOUNTS))

    setup = by_value(
        tmp_path,
        agents=2,
        priority_of=lambda index: int(index % 4 == 0),
        balance_of=lambda index: Money(1 if index % 4 == 0 else cents(index)),
    )
    order = world.run(setup, scenario)
    assert set(order[: ACCOUNTS // 4]) == set(range(0, ACCOUNTS, 4))


def test_the_worthiest_of_those_claimed_is_shown_to_the_agent_first(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: w.agent(0).state is AgentState.PREVIEW)
        w.floor.dial(w.agent(0).id, w.agent(0).attempt)
        return dialed(await w.until_finished(1))

    (first,) = world.run(by_value(tmp_path, settings=settings(order=Order.VALUE, mode=Mode.PREVIEW)), scenario)
    assert cents(first) == max(cents(account) for account in range(4))


def test_in_the_order_of_the_list_balances_change_nothing(tmp_path):
    async def scenario(w: World):
        return dialed(await w.until_finished(ACCOUNTS))

    assert world.run(by_value(tmp_path, settings=settings()), scenario) == list(range(ACCOUNTS))


def test_what_agents_say_is_learned_and_outlives_the_engine(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: w.agent(0).state is AgentState.WRAP_UP)
        w.floor.dispose(w.agent(0).id, "third_party", Details())
        await w.until(lambda: w.engine.pacer_of(w.campaign).learned.experience.parties.everyone.calls == 1.0)
        await w.restart(1.0)
        await w.until(lambda: w.campaign in w.engine.status())
        return w.engine.pacer_of(w.campaign).learned.experience.parties

    parties = world.run(by_value(tmp_path, script_for=lambda _number: Script(talk_s=5.0)), scenario)
    assert (parties.everyone.calls, parties.everyone.right) == (1.0, 0.0)


def test_the_order_can_be_changed_while_the_campaign_runs(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: w.campaign in w.engine.status())
        before = w.engine.status()[w.campaign].sentences
        await w.store.write(campaigns.change, w.campaign, settings(order=Order.VALUE))
        await w.until(lambda: "Of equal priority" in w.engine.status()[w.campaign].sentences)
        return before

    assert "Of equal priority" not in world.run(by_value(tmp_path, settings=settings()), scenario)
