"""A whole call centre in virtual time: the real engine, floor and account store around a simulated switch.

Only Telephony and Clock are exchanged; no branch in the engine knows. The store has no twin: it is the SQLite store on
a file, on which `tests/store` holds the same contract as on PostgreSQL. `run(setup, scenario)` gives a scenario a world
with agents signed in and accounts loaded, and returns what the scenario returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from accounts import campaigns
from accounts.async_store import AsyncStore
from accounts.dialect import IN_MEMORY
from accounts.facts import Facts
from accounts.model import CampaignSettings, Claim, Refusal, Ruling
from accounts.records import AccountRecord, PhoneRecord, store_accounts
from accounts.store import Store, open_store
from agent_gateway.agent import Agent
from agent_gateway.floor import Floor
from agent_gateway.floor_events import Disposed, StateInterval
from dialer.engine import Engine
from dialer.holds import Holds, NoHolds
from dialer.listeners import FinishedAttempt
from dialer.pacing_memory import PacingMemory
from dialer.reconciliation import Lines
from dialer.shift_plan import ShiftPlan
from dialer.stop_switch import StopSwitch
from dialer.testing import virtual_time
from dialer.testing.simulated_switch import Script, SimulatedSwitch
from dialer.testing.virtual_time import VirtualClock
from dialer.trunks import Trunk, TrunkLimits
from domain.clock import Clock
from domain.ids import AgentId, CampaignId
from domain.money import Money
from domain.phone import PhoneNumber
from domain.reasons import Reason
from domain.telephony import InboundBegan, InboundEnded, RecordingMode, Treatment

T = TypeVar("T")
TUESDAY = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
CALLER_ID = PhoneNumber("+12125550100")


@dataclass(frozen=True, slots=True)
class Allow:
    """A ruling that lets everything through, for scenarios that are not about the law."""

    allowed: bool = True
    retry_at: datetime | None = None
    reasons: Sequence[Reason] = ()
    counted: bool = True
    under_consent: bool = False
    flags: Sequence[str] = ()
    policy: str = "none"
    policy_hash: str = "none"
    tzdata: str = "none"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a scenario begins with.

    Attributes:
        agents: how many are signed in and ready.
        accounts: how many are due.
        script_for: what the far end does; the k-th account has the number `number_of(k)`.
        shifts: agents' planned hours.
        switch, store: the kinds of switch and of store, where they are to fail.
        database: where the accounts are.
        lines: what the switch writes of calls while no engine runs.
        holds: what may keep campaigns from dialing.
        balance_of, priority_of: of the k-th account.
    """

    folder: Path
    settings: CampaignSettings
    agents: int = 1
    accounts: int = 1
    script_for: Callable[[PhoneNumber], Script] = lambda _number: Script()
    decide: Callable[[Facts], Ruling] = lambda _facts: Allow()
    channels: int = 100
    calls_per_second: float = 50.0
    shifts: ShiftPlan = field(default_factory=ShiftPlan)
    switch: Callable[[Callable[[PhoneNumber], Script], Clock], SimulatedSwitch] = SimulatedSwitch
    store: Callable[[Store], AsyncStore] = AsyncStore
    database: str | Path = IN_MEMORY
    lines: Lines = lambda _wanted, _now: {}
    holds: Callable[[Clock], Holds] = lambda _clock: NoHolds()
    balance_of: Callable[[int], Money] = lambda _index: Money(10_000)
    priority_of: Callable[[int], int] = lambda index: -index


def settings(**changes: object) -> CampaignSettings:
    """Campaign settings for scenarios, with changes."""
    base: dict[str, object] = {
        "purpose": "debt_third_party",
        "country": "US",
        "creditor": "Acme",
        "caller_ids": (CALLER_ID.e164,),
        "recording": RecordingMode.RECORD,
        "treatment": Treatment.LATE_AGENT,
    }
    return CampaignSettings(**(base | changes))  # type: ignore[arg-type]  # keyword names are the caller's care


def number_of(index: int) -> PhoneNumber:
    """The number of the scenario's k-th account."""
    return PhoneNumber(f"+1212555{1000 + index:04d}")


@dataclass(slots=True)
class Witness:
    """Everything the engine and the floor told: the engine's Journal, People and Recordings and the floor's journal."""

    finished: list[FinishedAttempt] = field(default_factory=list)
    refusals: list[tuple[Claim, Refusal]] = field(default_factory=list)
    disposed_calls: list[Disposed] = field(default_factory=list)
    recordings: list[FinishedAttempt] = field(default_factory=list)
    opt_outs: list[tuple[PhoneNumber, str]] = field(default_factory=list)
    intervals: list[StateInterval] = field(default_factory=list)

    def attempt(self, finished: FinishedAttempt) -> None:
        self.finished.append(finished)

    def blocked(self, held: Claim, refusal: Refusal) -> None:
        self.refusals.append((held, refusal))

    def disposed(self, disposed: Disposed) -> None:
        self.disposed_calls.append(disposed)

    def opted_out(self, number: PhoneNumber, how: str) -> None:
        self.opt_outs.append((number, how))

    def called_in(self, began: InboundBegan, ended: InboundEnded) -> None:
        if ended.opted_out and began.caller is not None:
            self.opt_outs.append((began.caller, "inbound"))

    def submit(self, finished: FinishedAttempt) -> None:
        self.recordings.append(finished)

    def interval(self, interval: StateInterval) -> None:
        self.intervals.append(interval)


@dataclass(slots=True)
class World:
    """Everything a scenario may touch."""

    clock: VirtualClock
    switch: SimulatedSwitch
    store: AsyncStore
    stop_switch: StopSwitch
    campaign: CampaignId
    seen: Witness
    lives: _Lives
    floor: Floor = field(init=False)
    engine: Engine = field(init=False)
    trunks: list[Trunk] = field(init=False)

    async def restart(self, away_s: float) -> None:
        """The engine's process dies with all it knows; later another one starts on the same store."""
        await self.lives.end()
        await asyncio.sleep(away_s)
        await self.lives.begin(self)

    async def until(self, condition: Callable[[], bool], seconds: float = 600.0) -> None:
        """Let virtual time run until `condition` holds.

        Raises:
            TimeoutError: it never did.
        """
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  # any condition of the world, and waiting costs nothing
                await asyncio.sleep(0.01)

    async def until_finished(self, attempts: int) -> list[FinishedAttempt]:
        """Until so many attempts are over and written; returns them in the order of their ends."""
        await self.until(lambda: len(self.seen.finished) >= attempts)
        return self.seen.finished

    def agent(self, index: int) -> Agent:
        return self.floor.agent(AgentId(f"agent{index}"))


def run(setup: Setup, scenario: Callable[[World], Coroutine[None, None, T]]) -> T:
    """Build a world, run the scenario in it in virtual time, take it down."""
    return virtual_time.run(lambda clock: _run(setup, scenario, clock), TUESDAY)


@dataclass(slots=True)
class _Lives:
    """The lives of the engine's process, one after the other."""

    setup: Setup
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    began: bool = False

    async def begin(self, world: World) -> None:
        setup = self.setup
        world.floor = await self.stack.enter_async_context(Floor(world.switch, world.clock, world.seen))
        now = world.clock.monotonic()
        world.trunks = [
            Trunk(TrunkLimits(name, setup.channels, setup.calls_per_second), now) for name in setup.settings.trunks
        ]
        for index in range(setup.agents):
            world.floor.enrol(AgentId(f"agent{index}"), frozenset())
        world.engine = Engine(
            world.store,
            world.switch,
            world.floor,
            world.trunks,
            world.clock,
            world.stop_switch,
            setup.decide,
            world.seen,
            world.seen,
            world.seen,
            name="test",
            memory=PacingMemory(setup.folder / "pacing"),
            heard_at=world.switch.heard_at,
            lines=setup.lines,
            holds=setup.holds(world.clock),
            shifts=setup.shifts,
        )
        if self.began:
            world.switch.new_connection()
        self.began = True
        running = asyncio.create_task(world.engine.run())
        self.stack.push_async_callback(_cancelled, running)

    async def end(self) -> None:
        await self.stack.aclose()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _run(setup: Setup, scenario: Callable[[World], Coroutine[None, None, T]], clock: VirtualClock) -> T:
    store = setup.store(open_store(setup.database, clock.now()))
    try:
        campaign = await store.write(load, setup, clock.now())
        switch, lives = setup.switch(setup.script_for, clock), _Lives(setup)
        world = World(clock, switch, store, StopSwitch(setup.folder), campaign, Witness(), lives)
        await lives.begin(world)
        try:
            await _sign_in(world, setup.agents)
            return await scenario(world)
        finally:
            await lives.end()
    finally:
        await store.aclose()


async def _sign_in(world: World, agents: int) -> None:
    for index in range(agents):
        world.floor.sign_in(AgentId(f"agent{index}"), frozenset())
        world.floor.ready(AgentId(f"agent{index}"))
    await world.until(lambda: all(world.agent(index).leg_up for index in range(agents)))


def load(tx: Connection, setup: Setup, now: datetime) -> CampaignId:
    """Put a running campaign and its accounts into an empty store."""
    campaigns.own_number(tx, CALLER_ID, daily_cap=100_000)
    campaign = campaigns.create(tx, "scenario", setup.settings, now)
    client = campaigns.client_id(tx, "Acme", now)
    list_ = campaigns.list_id(tx, campaign, "all", now)
    records = [
        AccountRecord(
            account=f"A{index}",
            name=f"Person {index}",
            last_name=f"Name{index}",
            phones=(PhoneRecord(number_of(index)),),
            balance=setup.balance_of(index),
            reference=f"P{index}",
            priority=setup.priority_of(index),
        )
        for index in range(setup.accounts)
    ]
    store_accounts(tx, client, records, now, (campaign, list_))
    campaigns.move(tx, campaign, "start")
    return campaign
