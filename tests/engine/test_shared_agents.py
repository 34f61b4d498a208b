"""Two predictive campaigns on the same agents, in virtual time: one budget each, one floor, turns."""

import asyncio
import random
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection

from accounts import campaigns
from accounts.records import AccountRecord, PhoneRecord, store_account
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import CALLER_ID, Setup, World, settings
from domain.ids import CampaignId
from domain.mode import Mode
from domain.money import Money
from domain.phone import PhoneNumber

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

AGENTS = 4
SHIFT_S = 1800.0


class FarEnd:
    """A third answers after 3 to 15 s and talks for a minute; the others ring out."""

    def __init__(self) -> None:
        self._random = random.Random(3)

    def __call__(self, _number) -> Script:
        chance = self._random
        if chance.random() > 0.33:
            return Script(ring_s=None)
        return Script(ring_s=chance.uniform(3, 15), talk_s=chance.expovariate(1 / 60), patience_s=60.0)


@dataclass(frozen=True)
class Share:
    dialed: int
    live: int
    abandoned: int


def second_campaign(tx: Connection, plan: Setup, now) -> CampaignId:
    campaign = campaigns.create(tx, "second", plan.settings, now)
    client, list_ = campaigns.client_id(tx, "Acme", now), campaigns.list_id(tx, campaign, "more", now)
    for index in range(plan.accounts):
        number = PhoneNumber(f"+1312555{1000 + index:04d}")
        record = AccountRecord(
            account=f"B{index}", name=f"Person B{index}", last_name=f"Name{index}", phones=(PhoneRecord(number),),
            balance=Money(10_000), reference=f"B{index}", priority=-index,
        )  # fmt: skip
        store_account(tx, client, record, now, (campaign, list_))
    campaigns.move(tx, campaign, "start")
    return campaign


@pytest.fixture(scope="module")
def shares(tmp_path_factory) -> list[Share]:
    plan = Setup(
        tmp_path_factory.mktemp("shared"),
        settings(mode=Mode.PREDICTIVE, wrap_up_s=15.0, ring_timeout_s=25.0, caller_ids=(CALLER_ID.e164,)),
        AGENTS,
        700,
        FarEnd(),
    )

    async def scenario(w: World) -> list[Share]:
        other = await w.store.write(second_campaign, plan, w.clock.now())
        await asyncio.sleep(SHIFT_S)
        status = w.engine.status()
        return [
            Share(w.engine.pacer_of(one).learned.dials, status[one].live_today, status[one].abandoned_today)
            for one in (w.campaign, other)
        ]

    return world.run(plan, scenario)


def test_each_campaign_keeps_its_own_budget(shares):
    assert all(share.abandoned <= 0.03 * share.live + 1 for share in shares)


def test_the_campaign_with_the_smaller_budget_is_not_starved(shares):
    # Budgets differ in the first hours: who has more answers has more calls to spare, and may accept twice the chance.
    dialed = sorted(share.dialed for share in shares)
    assert dialed[0] > 0.15 * dialed[1]


def test_together_they_keep_the_team_busy(shares):
    served = sum(share.live - share.abandoned for share in shares)
    assert served * 75.0 > 0.45 * AGENTS * SHIFT_S
