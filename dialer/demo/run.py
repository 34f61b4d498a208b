"""The demo from start to end: an empty store, a carrier, a floor of softphones, three campaigns, one summary.

Every part is the real one: Asterisk on both sides, SIP and RTP on loopback, the account store, the gate, the engine.
The calendar alone is moved, to a Tuesday on which calling is lawful; seconds stay real.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, select

from accounts import campaigns, funnel, journal
from accounts import floor as agent_rows
from accounts.importing.load import ImportPlan, load
from accounts.model import CampaignSettings
from accounts.store import open_store
from accounts.tables import debts
from dialer.agent_client import Credentials, GatewayClient
from dialer.agent_directory import AgentDirectory
from dialer.app import App, running
from dialer.asterisk.root import PrivateRoot
from dialer.campaign_loop import LoopStatus
from dialer.demo import sample
from dialer.demo.sample import SampleAccount
from dialer.testing import stage
from dialer.testing.auto_agent import AutoAgent
from dialer.testing.carrier import Carrier
from dialer.testing.carrier_file import Direction, read_calls
from dialer.testing.stage import OWNED, TRUNK
from domain.clock import Clock, SystemClock
from domain.ids import AgentId, CampaignId, DebtId
from domain.mode import Mode
from domain.phone import PhoneNumber
from domain.telephony import RecordingMode, Treatment
from reports.attempt_lines import read_attempt_file
from reports.summary import Evidence, Summary, summarise

TUESDAY: Final = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
"""Ten in the morning in New York, seven in Los Angeles; no holiday."""
AGENTS: Final = ("amira", "bruno", "chloe", "dario", "elena")
QUIET_POLLS: Final = 3
POLL_S: Final = 1.0


class Reporter(Protocol):
    """Where the demo says what it is doing."""

    def step(self, what: str) -> None: ...
    def say(self, what: str) -> None: ...
    def watch(self, app: App, clock: Clock) -> None:
        """Show the running engine from now on."""
        ...

    async def stop_watching(self) -> None: ...


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What is run.

    Attributes:
        folder: emptied first; everything of the demo is below it.
        progressive, power, predictive: the accounts of the campaigns; an empty one is left out.
        cache: folder for what may be kept between demos (spoken audio).
    """

    folder: Path
    progressive: Sequence[SampleAccount]
    power: Sequence[SampleAccount]
    predictive: Sequence[SampleAccount]
    cache: Path
    seed: int = 1

    @property
    def accounts(self) -> Sequence[SampleAccount]:
        """Those of all campaigns."""
        return [*self.progressive, *self.power, *self.predictive]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What came of it.

    Attributes:
        pacing: where each campaign's loop stood when its accounts were used up.
    """

    summary: Summary
    evidence: Evidence
    expected_blocks: Mapping[str, int]
    pacing: Sequence[LoopStatus]


async def run(plan: DemoPlan, root: PrivateRoot, reporter: Reporter) -> DemoResult:
    """Run the demo and return what the two files say together."""
    shutil.rmtree(plan.folder, ignore_errors=True)
    plan.folder.mkdir(parents=True)
    clock = SystemClock.starting_at(TUESDAY)
    reporter.step("Loading accounts into an empty store")
    reporter.say(f"The calendar is moved to {TUESDAY:%A %d %B %Y %H:%M} UTC; seconds are real.")
    ids = _load_store(plan, clock, reporter)
    directory = AgentDirectory(plan.folder)
    screens = {name: directory.enrol(AgentId(name)) for name in AGENTS}
    reporter.step("Starting the test carrier, Asterisk and five telephones")
    async with (
        stage.raised(plan.folder, root, AGENTS, seed=plan.seed, clips=plan.cache) as floor,
        running(floor.parts(clock, "demo")) as app,
        AsyncExitStack() as shift,
    ):
        await _sign_in(shift, app, screens, plan.seed)
        pacing = []
        for name, campaign in ids:
            reporter.step(f"Campaign {name}")
            pacing.append(await _run_campaign(app, campaign, clock, reporter))
        reporter.step("Finishing recordings")
        await app.settle()
        for name, phone in floor.phones.items():
            count = await phone.packets()
            reporter.say(f"{name}'s telephone: {count.sent} RTP packets sent, {count.received} received")
    reporter.step("Joining the engine's file with the carrier's")
    return _conclude(plan, floor.carrier, pacing)


def _conclude(plan: DemoPlan, carrier: Carrier, pacing: Sequence[LoopStatus]) -> DemoResult:
    calls = [call for call in read_calls(carrier.file) if call.direction is Direction.FROM_DIALER]
    summary, evidence = summarise(read_attempt_file(plan.folder / "attempts.jsonl"), calls)
    return DemoResult(summary, evidence, sample.expected_blocks(plan.accounts), pacing)


def _load_store(plan: DemoPlan, clock: SystemClock, reporter: Reporter) -> list[tuple[str, CampaignId]]:
    """An empty store, the campaigns, their accounts and what happened before; returns name and id of each."""
    store = open_store(plan.folder / "fairdial.db", clock.now())
    try:
        for number in OWNED:
            store.write(campaigns.own_number, number, 400)
        for name in AGENTS:
            store.write(agent_rows.put_agent, agent_rows.Agent(AgentId(name), name.title()))
        made: list[tuple[str, CampaignId]] = []
        for name, accounts, settings in (
            ("Harbor cards", plan.progressive, _settings(Mode.PROGRESSIVE, 1.0)),
            ("Harbor loans", plan.power, _settings(Mode.POWER, 2.0)),
            ("Harbor autos", plan.predictive, _settings(Mode.PREDICTIVE, 1.0)),
        ):
            if not accounts:
                continue
            file = plan.folder / f"{name.split()[-1]}.csv"
            file.write_text(sample.to_csv(accounts), encoding="utf-8")
            campaign = store.write(campaigns.create, name, settings, clock.now())
            import_plan = ImportPlan(client="Harbor Bank", campaign=campaign, list_name=name)
            report = load(store, file, import_plan, clock, file.with_suffix(".errors.csv"))
            store.write(_write_past, accounts, clock.now())
            reporter.say(f"{name}: {report.new} accounts from {file.name}")
            made.append((name, campaign))
        return made
    finally:
        store.close()


def _write_past(tx: Connection, accounts: Sequence[SampleAccount], now: datetime) -> None:
    """Contacts an earlier dialer had with some of the people."""
    owners = {row.account: row for row in tx.execute(select(debts.c.account, debts.c.id, debts.c.person_id))}
    for account, at, outcome in sample.past_contacts(accounts, now):
        row = owners[account.account]
        contact = journal.Contact(
            at, outcome.value, number=PhoneNumber(account.phone), person=row.person_id, debt=DebtId(row.id)
        )
        journal.record_contact(tx, contact)


def _settings(mode: Mode, ratio: float) -> CampaignSettings:
    return CampaignSettings(
        purpose="debt_third_party",
        country="US",
        creditor="Harbor Bank",
        caller_ids=tuple(number.e164 for number in OWNED),
        recording=RecordingMode.ANNOUNCE_THEN_RECORD,
        treatment=Treatment.LATE_AGENT,
        trunk=TRUNK,
        mode=mode,
        ratio=ratio,
        ring_timeout_s=15.0,
        wrap_up_s=10.0,
    )


async def _sign_in(stack: AsyncExitStack, app: App, screens: Mapping[str, str], seed: int) -> None:
    """Automatic agents at the gateway, as their screens would be, each with habits of its own."""
    shift = await stack.enter_async_context(asyncio.TaskGroup())
    for index, (name, secret) in enumerate(screens.items()):
        client = GatewayClient(f"ws://127.0.0.1:{app.gateway_port}", Credentials(name, secret))
        stack.callback(shift.create_task(AutoAgent(client, seed * 100 + index).run()).cancel)


async def _run_campaign(app: App, campaign: CampaignId, clock: SystemClock, reporter: Reporter) -> LoopStatus:
    """Start a campaign and wait until it has nothing left that becomes due soon, and no call is up."""
    await app.store.write(campaigns.move, campaign, "start")
    reporter.watch(app, clock)
    quiet = 0
    while quiet < QUIET_POLLS:
        await asyncio.sleep(POLL_S)
        counts = await app.store.read(funnel.funnel, campaign, clock.now())
        quiet = quiet + 1 if app.engine.idle() and not counts.ready else 0
    await reporter.stop_watching()
    status = app.engine.status()[campaign]
    await app.store.write(campaigns.move, campaign, "finish")
    return status
