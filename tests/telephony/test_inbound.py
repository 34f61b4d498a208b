"""People who call us, and people who press 9: through the whole engine on a real Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

import compliance
from accounts import campaigns, journal, ledger, permissions, suppression
from accounts import claim as claiming
from accounts import floor as agent_rows
from accounts.model import CampaignSettings, Refusal, RefusalCause, Reservation, ReserveRequest
from accounts.records import AccountRecord, AddressRecord, PhoneRecord, store_account
from accounts.store import open_store
from accounts.tables import contacts
from agent_gateway.agent import AgentState
from compliance.facts import Consent, ConsentKind, GivenTo, SuppressionKind
from dialer.app import App, running
from dialer.asterisk.install import installed_root
from dialer.testing.carrier_file import CarrierCall, Direction, read_calls
from dialer.testing.number_plan import Behaviour, number_for
from dialer.testing.stage import OWNED, Stage, raised
from domain.clock import SystemClock
from domain.ids import AgentId, CampaignId, new_attempt_id
from domain.mode import Mode
from domain.money import Money
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.reasons import ReasonCode
from domain.telephony import RecordingMode, Treatment
from reports.attempt_lines import AttemptLine, read_attempt_file

pytestmark = [pytest.mark.telephony, pytest.mark.timeout(240)]

TUESDAY = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
AMIRA = AgentId("amira")
DEBT = CampaignSettings(
    purpose="debt_third_party",
    country="US",
    creditor="Harbor Bank",
    caller_ids=(OWNED[0].e164,),
    recording=RecordingMode.OFF,
    treatment=Treatment.LATE_AGENT,
    ring_timeout_s=15.0,
    wrap_up_s=1.0,
)
MESSAGE = replace(
    DEBT, mode=Mode.POWER, ratio=2.0, treatment=Treatment.MESSAGE, message="safe-harbour", connect_within_s=1.0
)


def load(stage: Stage, clock: SystemClock, settings: CampaignSettings, numbers: list[PhoneNumber]) -> CampaignId:
    """A campaign with one account for each number; it does not run yet."""
    store = open_store(stage.folder / "fairdial.db", clock.now())
    store.write(campaigns.own_number, OWNED[0], 400)
    store.write(agent_rows.put_agent, agent_rows.Agent(AMIRA, "Amira"))
    campaign = store.write(campaigns.create, "everyone", settings, clock.now())
    client = store.write(campaigns.client_id, "Harbor Bank", clock.now())
    list_ = store.write(campaigns.list_id, campaign, "everyone", clock.now())
    for index, number in enumerate(numbers):
        record = AccountRecord(
            account=f"A{index}",
            name=f"Person {index}",
            last_name="Person",
            phones=(PhoneRecord(number),),
            balance=Money(100),
            reference=f"P{index}",
            address=AddressRecord(zip="30303", state="GA"),
            priority=-index,
        )
        store.write(store_account, client, record, clock.now(), (campaign, list_))
        store.write(_consent_to_recorded_messages, number, clock.now())
    store.close()
    return campaign


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Look ten times a second until it holds: what is waited for is another program's doing."""
    async with asyncio.timeout(seconds):
        while not condition():  # Asterisk and the carrier cannot be subscribed to
            await asyncio.sleep(0.05)


@asynccontextmanager
async def on_stage(
    folder: Path, clock: SystemClock, settings: CampaignSettings, numbers: list[PhoneNumber]
) -> AsyncIterator[tuple[Stage, App, CampaignId]]:
    async with raised(folder, installed_root(), [AMIRA]) as stage:
        campaign = load(stage, clock, settings, numbers)
        async with running(stage.parts(clock)) as app:
            yield stage, app, campaign


async def test_a_person_who_calls_back_and_presses_9_is_not_called_again(tmp_path: Path) -> None:
    clock = SystemClock.starting_at(TUESDAY)
    caller = number_for(Behaviour.HUMAN_PATIENT, "404", 7)
    async with on_stage(tmp_path, clock, DEBT, [caller]) as (stage, app, campaign):
        await app.store.write(campaigns.move, campaign, "start")  # nobody is ready: nothing is dialed yet
        stage.carrier.call_in(OWNED[0], caller, press="9")

        def over() -> list[CarrierCall]:
            return [call for call in read_calls(stage.carrier.file) if call.ended_at is not None]

        await until(lambda: bool(over()))
        (call,) = over()
        ended = clock.now()
        await app.chronicle.drain()
        refusal = await app.store.write(_dial, campaign, clock.now())
        kinds = await app.store.read(_suppressed, caller, clock.now())
        (contact,) = await app.store.read(lambda tx: tx.execute(select(contacts)).all())
        app.floor.sign_in(AMIRA, frozenset())
        app.floor.ready(AMIRA)
        await until(lambda: app.floor.agent(AMIRA).state is AgentState.READY)
        await app.settle()
        placed = app.engine.counters.placed
    assert (call.direction, call.pressed) == (Direction.TO_DIALER, "9")
    assert call.answered_at is not None
    assert kinds == [SuppressionKind.INTERNAL_DNC]
    assert isinstance(refusal, Refusal)
    assert refusal.cause is RefusalCause.BLOCKED
    assert ReasonCode.INTERNAL_DNC in {reason.code for reason in refusal.reasons}
    assert (contact.direction, contact.number) == ("in", caller.e164)
    assert contact.at <= ended
    assert clock.now() - ended < timedelta(seconds=30)
    assert placed == 0


async def test_a_person_who_calls_back_and_only_listens_is_logged_and_not_suppressed(tmp_path: Path) -> None:
    clock = SystemClock.starting_at(TUESDAY)
    caller = number_for(Behaviour.HUMAN_PATIENT, "404", 8)
    async with on_stage(tmp_path, clock, DEBT, [caller]) as (stage, app, _campaign):
        stage.carrier.call_in(OWNED[1], caller)
        await until(lambda: any(call.ended_at for call in read_calls(stage.carrier.file)))
        await app.chronicle.drain()
        kinds = await app.store.read(_suppressed, caller, clock.now())
        (contact,) = await app.store.read(lambda tx: tx.execute(select(contacts)).all())
        (call,) = read_calls(stage.carrier.file)
    assert kinds == []
    assert (contact.direction, contact.person_id is None) == ("in", False)
    assert call.ended_at is not None
    assert call.answered_at is not None
    heard_s = (call.ended_at - call.answered_at).total_seconds()
    assert heard_s > 5  # name and number, then time to press a key


async def test_key_9_during_the_message_suppresses_before_the_next_call(tmp_path: Path) -> None:
    clock = SystemClock.starting_at(TUESDAY)
    presses = [number_for(Behaviour.HUMAN_PRESSES_9, "404", index) for index in (3, 4)]
    async with on_stage(tmp_path, clock, MESSAGE, presses) as (stage, app, campaign):
        lines = await _two_calls_and_one_agent(stage, app, campaign)
        opted = [n for n in presses if await app.store.read(_suppressed, n, clock.now())]
        calls = read_calls(stage.carrier.file)
    treated = [line for line in lines if line.treatment is not None]
    assert [line.treatment for line in treated] == [Treatment.MESSAGE]
    assert [line.outcome for line in treated] == [Outcome.ABANDONED]
    assert [number.e164 for number in opted] == [line.number for line in treated]
    assert len(calls) == len(presses)


async def _two_calls_and_one_agent(stage: Stage, app: App, campaign: CampaignId) -> list[AttemptLine]:
    """Ratio 2 and one agent: of two people who answer, one is treated. The agent ends the other call then."""
    app.floor.sign_in(AMIRA, frozenset())
    app.floor.ready(AMIRA)
    await until(lambda: app.floor.agent(AMIRA).state is AgentState.READY)
    await app.store.write(campaigns.move, campaign, "start")
    await until(lambda: app.engine.counters.ended >= 1)
    app.floor.hang_up(AMIRA)
    await until(lambda: app.engine.counters.ended >= 2)
    await app.settle()
    return list(read_attempt_file(stage.folder / "attempts.jsonl").attempts)


def _consent_to_recorded_messages(tx: Connection, number: PhoneNumber, now: datetime) -> None:
    consent = Consent(ConsentKind.PRERECORDED, GivenTo.CREDITOR, now - timedelta(days=30))
    for person in journal.persons_at(tx, number):
        permissions.give_consent(tx, person, consent)


def _suppressed(tx: Connection, number: PhoneNumber, now: datetime) -> list[SuppressionKind]:
    return [found.kind for found in suppression.in_force(tx, now, number=number)]


def _dial(tx: Connection, campaign: CampaignId, now: datetime) -> Reservation | Refusal:
    """Try to reserve the campaign's one account, as the loop does, with the shipped rules."""
    policy = compliance.load_policy()
    (held,) = claiming.claim(tx, campaign, 1, now, "test")
    request = ReserveRequest(
        attempt=new_attempt_id(now),
        claim=held,
        mode=Mode.PROGRESSIVE,
        trunk="carrier",
        caller_id=OWNED[0],
        now=now,
        fence=1 << 30,
    )
    return ledger.reserve(tx, request, lambda facts: compliance.decide(facts, policy))
