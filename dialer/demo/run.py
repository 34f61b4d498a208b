"""The demo from start to end: an empty store, a carrier, a floor of softphones, two campaigns, one summary.

Every part is the real one: Asterisk on both sides, SIP and RTP on loopback, the account store, the gate, the engine.
The calendar alone is moved, to a Tuesday on which calling is lawful; seconds stay real.
"""

from __future__ import annotations

import asyncio
import secrets
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
from accounts.model import CampaignSettings, Mode
from accounts.store import open_store
from accounts.tables import debts
from agent_gateway.server import ServerSettings
from dialer.agent_client import Credentials, GatewayClient
from dialer.agent_directory import AgentDirectory
from dialer.app import App, Expected, Parts, running
from dialer.asterisk.configuration import dialer_instance
from dialer.asterisk.instance import Instance
from dialer.asterisk.ports import PortBlock, lease
from dialer.asterisk.registration import wait_registered
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import AgentPhone, AsteriskSettings, Identity
from dialer.demo import sample
from dialer.demo.sample import SampleAccount
from dialer.engine import FinishedAttempt
from dialer.testing.auto_agent import AutoAgent
from dialer.testing.carrier import Carrier, CarrierSettings
from dialer.testing.carrier_file import Direction, read_calls
from dialer.testing.number_plan import tone_hz
from dialer.testing.softphone import PhoneSettings, Softphone, phone_ports
from dialer.trunks import TrunkLimits
from domain.clock import Clock, SystemClock
from domain.ids import AgentId, CampaignId, DebtId
from domain.phone import PhoneNumber
from domain.telephony import RecordingMode, Treatment
from recordings.audio import Party
from reports.attempt_lines import read_attempt_file
from reports.summary import Evidence, Summary, summarise

TUESDAY: Final = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
"""Ten in the morning in New York, seven in Los Angeles; no holiday."""
COMPANY: Final = Identity("Harbor Point Services", PhoneNumber("+12025550143"))
CALLER_IDS: Final = (PhoneNumber("+12025550143"), PhoneNumber("+12025550144"))
AGENTS: Final = ("amira", "bruno", "chloe", "dario", "elena")
AGENT_TONES_HZ: Final = (410, 430, 450, 470, 3010)
"""Marking tones of the agents: none is a multiple of 20, so that no person of the carrier has the same."""
TONE_IN_BRIDGE_S: Final = 5.0
"""From this length of bridge on, a person has begun the marking tone and sent it long enough to be measured."""
QUIET_POLLS: Final = 3
POLL_S: Final = 1.0
TRUNK: Final = "carrier"


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
        progressive, power: the accounts of the two campaigns.
        cache: folder for what may be kept between demos (spoken audio).
    """

    folder: Path
    progressive: Sequence[SampleAccount]
    power: Sequence[SampleAccount]
    cache: Path
    seed: int = 1


@dataclass(frozen=True, slots=True)
class DemoResult:
    summary: Summary
    evidence: Evidence
    expected_blocks: Mapping[str, int]


async def run(plan: DemoPlan, root: PrivateRoot, reporter: Reporter) -> DemoResult:
    """Run the demo and return what the two files say together."""
    shutil.rmtree(plan.folder, ignore_errors=True)
    plan.folder.mkdir(parents=True)
    async with AsyncExitStack() as stack:
        block = stack.enter_context(lease(plan.seed))
        reporter.step("Starting the test carrier and Asterisk")
        carrier = Carrier(
            CarrierSettings(folder=plan.folder / "carrier", ports=block.instance(1), seed=plan.seed, clips=plan.cache),
            root,
        )
        await carrier.start()
        stack.push_async_callback(carrier.stop)
        directory = AgentDirectory(plan.folder)
        screens = {name: directory.enrol(AgentId(name)) for name in AGENTS}
        phones = [AgentPhone(name, secrets.token_hex(12)) for name in AGENTS]
        instance = await _start_asterisk(plan, root, block, carrier, phones)
        stack.push_async_callback(instance.stop)
        clock = SystemClock.starting_at(TUESDAY)
        reporter.say(f"The calendar is moved to {TUESDAY:%A %d %B %Y %H:%M} UTC; seconds are real.")
        reporter.step("Loading accounts")
        ids = _load_store(plan, clock, reporter)
        reporter.step("Connecting agents' telephones")
        await _plug_in_phones(stack, plan, root, block, instance, phones)
        parts = Parts(
            state_dir=plan.folder,
            database=plan.folder / "fairdial.db",
            instance=instance,
            trunks=((carrier.trunk(TRUNK), TrunkLimits(TRUNK, channels=60, calls_per_second=10.0)),),
            countries=frozenset({"US"}),
            clock=clock,
            expected=_expected,
            attempt_log=plan.folder / "attempts.jsonl",
            gateway=ServerSettings(port=0),
            name="demo",
        )
        async with running(parts) as app, AsyncExitStack() as shift:
            await _sign_in(shift, app, screens, plan.seed)
            for name, campaign in ids:
                reporter.step(f"Campaign {name}")
                await _run_campaign(app, campaign, clock, reporter)
            reporter.step("Finishing recordings")
            await app.settle()
        reporter.step("Joining the engine's file with the carrier's")
    return _conclude(plan, carrier)


def _conclude(plan: DemoPlan, carrier: Carrier) -> DemoResult:
    calls = [call for call in read_calls(carrier.file) if call.direction is Direction.FROM_DIALER]
    summary, evidence = summarise(read_attempt_file(plan.folder / "attempts.jsonl"), calls)
    return DemoResult(summary, evidence, sample.expected_blocks([*plan.progressive, *plan.power]))


async def _start_asterisk(
    plan: DemoPlan, root: PrivateRoot, block: PortBlock, carrier: Carrier, phones: Sequence[AgentPhone]
) -> Instance:
    settings = AsteriskSettings(
        name="dialer",
        state=plan.folder / "asterisk",
        ports=block.instance(0),
        identity=COMPANY,
        trunks=(carrier.trunk(TRUNK),),
        agents=tuple(phones),
        owned_numbers=CALLER_IDS,
    )
    instance = dialer_instance(settings, root)
    instance.render()
    await instance.start()
    await wait_registered(instance, TRUNK)
    return instance


def _load_store(plan: DemoPlan, clock: SystemClock, reporter: Reporter) -> list[tuple[str, CampaignId]]:
    """An empty store, two campaigns, their accounts and what happened before; returns name and id of each."""
    store = open_store(plan.folder / "fairdial.db", clock.now())
    try:
        for number in CALLER_IDS:
            store.write(campaigns.own_number, number, 400)
        for name in AGENTS:
            store.write(agent_rows.put_agent, agent_rows.Agent(AgentId(name), name.title()))
        made: list[tuple[str, CampaignId]] = []
        for name, accounts, settings in (
            ("Harbor cards", plan.progressive, _settings(Mode.PROGRESSIVE, 1.0)),
            ("Harbor loans", plan.power, _settings(Mode.POWER, 2.0)),
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
        caller_ids=tuple(number.e164 for number in CALLER_IDS),
        recording=RecordingMode.ANNOUNCE_THEN_RECORD,
        treatment=Treatment.LATE_AGENT,
        trunk=TRUNK,
        mode=mode,
        ratio=ratio,
        ring_timeout_s=15.0,
        wrap_up_s=10.0,
    )


async def _plug_in_phones(
    stack: AsyncExitStack,
    plan: DemoPlan,
    root: PrivateRoot,
    block: PortBlock,
    instance: Instance,
    phones: Sequence[AgentPhone],
) -> None:
    for index, phone in enumerate(phones):
        settings = PhoneSettings(
            user=phone.name,
            secret=phone.secret,
            registrar=("127.0.0.1", instance.ports.sip),
            ports=phone_ports(block.quarter(3), index),
            tone_hz=AGENT_TONES_HZ[index],
        )
        await stack.enter_async_context(Softphone(root, settings, plan.folder / "phones" / phone.name))


async def _sign_in(stack: AsyncExitStack, app: App, screens: Mapping[str, str], seed: int) -> None:
    """Automatic agents at the gateway, as their screens would be, each with habits of its own."""
    shift = await stack.enter_async_context(asyncio.TaskGroup())
    for index, (name, secret) in enumerate(screens.items()):
        client = GatewayClient(f"ws://127.0.0.1:{app.gateway_port}", Credentials(name, secret))
        stack.callback(shift.create_task(AutoAgent(client, seed * 100 + index).run()).cancel)


async def _run_campaign(app: App, campaign: CampaignId, clock: SystemClock, reporter: Reporter) -> None:
    """Start a campaign and wait until it has nothing left that becomes due soon, and no call is up."""
    await app.store.write(campaigns.move, campaign, "start")
    reporter.watch(app, clock)
    quiet = 0
    while quiet < QUIET_POLLS:
        await asyncio.sleep(POLL_S)
        counts = await app.store.read(funnel.funnel, campaign, clock.now())
        quiet = quiet + 1 if app.engine.idle() and not counts.ready else 0
    await reporter.stop_watching()
    await app.store.write(campaigns.move, campaign, "finish")


def _expected(finished: FinishedAttempt) -> Expected:
    """Who must be heard in a recording, and by which tone it is known to be them."""
    record = finished.record
    if record.talk_s < TONE_IN_BRIDGE_S or record.agent is None:
        return Expected(frozenset())
    agent_tone = AGENT_TONES_HZ[AGENTS.index(record.agent)]
    return Expected(frozenset(Party), {Party.CUSTOMER: float(tone_hz(finished.number)), Party.AGENT: float(agent_tone)})
