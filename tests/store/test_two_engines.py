"""Two engine processes, each with its Asterisk, share campaigns on one PostgreSQL and one Redis; one is killed."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from os import getuid
from pathlib import Path

import pytest
from sqlalchemy import Connection, Row, select

from accounts import campaigns, claim, funnel
from accounts import floor as agent_rows
from accounts.records import AccountRecord, AddressRecord, PhoneRecord, store_account
from accounts.store import Store, open_store
from accounts.tables import attempt_outcomes, attempts, open_attempts
from accounts.tables import campaigns as campaign_table
from dialer.agent_client import Credentials, GatewayClient
from dialer.agent_directory import AgentDirectory
from dialer.asterisk.install import installed_root
from dialer.campaign_roster import LEASE
from dialer.testing import postgres
from dialer.testing.auto_agent import AutoAgent, Habits
from dialer.testing.carrier_file import CarrierCall, Direction, read_calls
from dialer.testing.engine_process import EngineProcess
from dialer.testing.number_plan import number_for
from dialer.testing.redis_server import Server, program
from dialer.testing.scene import CALLS_PER_SECOND, SETTINGS, TUESDAY, free_port
from dialer.testing.stage import OWNED, TRUNK, Stage, raised
from dialer.trunks import TrunkLimits
from domain.clock import SystemClock
from domain.ids import AgentId, CampaignId
from domain.money import Money
from domain.outcomes import Outcome

pytestmark = [pytest.mark.telephony, pytest.mark.long, pytest.mark.timeout(900)]

CLIPS = Path(tempfile.gettempdir()) / f"fairdial-clips-{getuid()}"
TEAMS = {"one": ("amira", "bruno"), "two": ("chloe", "dario")}
OWN, SHARED = 10, 5
"""People who owe in one campaign, and those who owe in both: the gap between two calls to them holds over engines."""
HABITS = Habits(talk_mean_s=5.0, hangs_up=1.0, wrap_mean_s=0.5)


@dataclass(frozen=True)
class Call:
    """An attempt as the ledger has it."""

    number: str
    campaign: CampaignId
    debt: int
    engine: str
    fence: int
    outcome: str | None


@dataclass(frozen=True)
class Hall:
    """Both engines and where to look."""

    store: Store
    engines: dict[str, EngineProcess]
    stages: dict[str, Stage]
    campaigns: dict[str, CampaignId]

    def dialed(self) -> list[CarrierCall]:
        """What the two carriers have seen."""
        found = [call for stage in self.stages.values() for call in read_calls(stage.carrier.file)]
        return [call for call in found if call.direction is Direction.FROM_DIALER]

    def calls(self) -> list[Call]:
        return self.store.read(_calls)

    def holder(self, campaign: str) -> Row[tuple[str | None, int]]:
        table = campaign_table.c
        chosen = select(table.leased_by, table.fence).where(table.id == self.campaigns[campaign])
        return self.store.read(lambda tx: tx.execute(chosen).one())

    def used_up(self) -> bool:
        """Nobody is left to be called now, and no call is up."""
        now = SystemClock.starting_at(TUESDAY).now()
        ready = sum(self.store.read(funnel.funnel, campaign, now).ready for campaign in self.campaigns.values())
        return not ready and not any(engine.report.calls for engine in self.engines.values())

    async def until(self, condition: object, seconds: float) -> float:
        """Wait until it holds; returns the seconds it took."""
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            while not condition():  # type: ignore[operator]
                await asyncio.sleep(0.1)
        return time.monotonic() - began


def _calls(tx: Connection) -> list[Call]:
    ends = dict(tx.execute(select(attempt_outcomes.c.attempt_id, attempt_outcomes.c.outcome).where(FIRST)).all())
    a = attempts.c
    rows = tx.execute(select(a.id, a.number, a.campaign_id, a.debt_id, a.engine, a.fence).order_by(a.id)).all()
    return [Call(row[1], CampaignId(row[2]), row[3], row[4], row[5], ends.get(row[0])) for row in rows]


FIRST = attempt_outcomes.c.seq == 1


@pytest.fixture
def redis() -> Iterator[Server]:
    found = program()
    if found is None:
        pytest.skip("no Redis is installed (Debian: apt install redis-tools)")
    server = Server(found)
    server.start()
    yield server
    server.remove()


def load(store: Store, clock: SystemClock) -> dict[str, CampaignId]:
    """Two running campaigns, each leased to its engine to begin with; some people owe in both."""
    store.write(campaigns.own_number, OWNED[0], 10_000)
    for name in (*TEAMS["one"], *TEAMS["two"]):
        store.write(agent_rows.put_agent, agent_rows.Agent(AgentId(name), name))
    made = {}
    client = store.write(campaigns.client_id, "Harbor Bank", clock.now())
    for nth, engine in enumerate(TEAMS):
        people = [*range((1 + nth) * 100, (1 + nth) * 100 + OWN), *range(SHARED)]
        campaign = made[engine] = store.write(campaigns.create, f"of {engine}", SETTINGS, clock.now())
        list_ = store.write(campaigns.list_id, campaign, "everyone", clock.now())
        for rank, index in enumerate(people):
            record = AccountRecord(
                account=f"{engine}-{index}",
                name=f"Person {index}",
                last_name=f"Person{index}",
                phones=(PhoneRecord(number_for(None, "404", index)),),
                balance=Money(100),
                reference=f"P{index}",
                address=AddressRecord(zip="30303", state="GA"),
                priority=-rank,
            )
            store.write(store_account, client, record, clock.now(), (campaign, list_))
        store.write(claim.take_lease, campaign, engine, clock.now(), clock.now() + timedelta(minutes=2))
        store.write(campaigns.move, campaign, "start")
    return made


@asynccontextmanager
async def hall(folder: Path, url: str, redis: str) -> AsyncIterator[Hall]:
    """Two stages, two engines, four agents."""
    clock = SystemClock.starting_at(TUESDAY)
    async with AsyncExitStack() as stack:
        store = open_store(url, clock.now())
        stack.callback(store.close)
        stages: dict[str, Stage] = {}
        for seed, (engine, team) in enumerate(TEAMS.items(), start=1):
            place = raised(folder / engine, installed_root(), team, seed=seed, clips=CLIPS)
            stages[engine] = await stack.enter_async_context(place)
        made, engines = load(store, clock), {}
        shift = await stack.enter_async_context(asyncio.TaskGroup())
        for engine, stage in stages.items():
            gateway = free_port()
            directory = AgentDirectory(stage.folder)
            screens = {name: directory.enrol(AgentId(name)) for name in TEAMS[engine]}
            process = EngineProcess(
                stage.folder,
                stage.instance,
                stage.carrier.trunk(TRUNK),
                TrunkLimits(TRUNK, channels=60, calls_per_second=CALLS_PER_SECOND),
                clock,
                gateway,
                name=engine,
                database=url,
                redis=redis,
            )
            engines[engine] = await stack.enter_async_context(process)
            for index, (name, secret) in enumerate(screens.items()):
                client = GatewayClient(f"ws://127.0.0.1:{gateway}", Credentials(name, secret))
                stack.callback(shift.create_task(AutoAgent(client, index, HABITS).run()).cancel)
        yield Hall(store, engines, stages, made)


def overlapping(calls: Sequence[CarrierCall]) -> list[str]:
    """Numbers that were called while a call to them was up."""
    by_number: dict[str, list[CarrierCall]] = defaultdict(list)
    for call in sorted(calls, key=lambda call: call.invited_at):
        by_number[call.called].append(call)
    return [
        number
        for number, made in by_number.items()
        for one, other in pairwise(made)
        if one.ended_at is None or other.invited_at < one.ended_at
    ]


async def test_when_one_engine_is_killed_the_other_dials_its_campaign_and_nobody_is_called_twice(
    tmp_path: Path, postgres_server: postgres.Server, redis: Server
) -> None:
    async with hall(tmp_path, postgres_server.new_database(), redis.url) as both:
        one, two = both.engines["one"], both.engines["two"]
        await both.until(lambda: one.report.placed >= 3 and two.report.placed >= 3 and one.report.calls, 120)
        before = both.holder("one")
        await one.kill()
        taken_over_s = await both.until(lambda: both.holder("one").leased_by == "two", 60)
        after = both.holder("one")
        await both.until(
            lambda: any(c.engine == "two" and c.campaign == both.campaigns["one"] for c in both.calls()), 90
        )
        await both.until(lambda: all(call.ended_at for call in read_calls(both.stages["one"].carrier.file)), 120)
        await one.start()
        await both.until(both.used_up, 300)
        await one.stop()
        await two.stop()
        calls, dialed = both.calls(), both.dialed()
        still_open = both.store.read(lambda tx: tx.execute(select(open_attempts)).all())
    assert taken_over_s < LEASE.total_seconds() + 3
    assert (before.leased_by, after.fence) == ("one", before.fence + 1)
    assert still_open == []
    assert all(call.outcome is not None for call in calls)
    assert Counter(call.called for call in dialed) == Counter(call.number for call in calls)
    assert overlapping(dialed) == []
    assert max(Counter(call.debt for call in calls).values()) <= 7
    spoken = {call.debt for call in calls if call.outcome == Outcome.CONVERSATION}
    assert spoken
    for debt in spoken:  # the cool-off: whoever was spoken with is not called about it again
        assert [call.outcome for call in calls if call.debt == debt][-1] == Outcome.CONVERSATION
