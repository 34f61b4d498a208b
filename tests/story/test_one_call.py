"""One call from a client's file to the report, on a real Asterisk. Read this first: it walks the code in its order.

 1 account      accounts/          rows -> claimed accounts, best first
 2 eligibility  compliance/        facts, policy, now -> decision with reasons
 3 pacing       pacing/            floor snapshot, targets -> how many calls, and why
 4 reserve      accounts/          the attempt is durable, and counts, before anything is sent
 5 originate    dialer/            attempt id = channel id
 6 answer       asterisk_conf/     detection -> human or machine, with the reason
 7 connect      agent_gateway/     person and agent in one bridge
 8 outcome      agent_gateway/     disposition -> history, promise, suppression
 9 recording    recordings/        audio -> checked object and catalogue row
10 report       reports/           two independent files -> one summary
"""

import asyncio
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

import compliance
from accounts import campaigns, journal
from accounts import floor as agent_rows
from accounts.importing.load import ImportPlan, load
from accounts.model import CampaignSettings
from accounts.store import open_store
from accounts.tables import attempts, decisions, list_entries, promises
from agent_gateway.agent import AgentState
from agent_gateway.disposition import Details
from compliance import wire
from dialer.app import App, running
from dialer.testing.carrier_file import CarrierCall, Direction, read_calls
from dialer.testing.number_plan import Behaviour, number_for
from dialer.testing.stage import OWNED, Stage
from domain.clock import SystemClock
from domain.ids import AgentId
from domain.money import Money
from domain.telephony import RecordingMode, Treatment
from reports.attempt_lines import read_attempt_file
from reports.summary import summarise

pytestmark = pytest.mark.telephony

TUESDAY = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
AMIRA = AgentId("amira")
SETTINGS = CampaignSettings(
    purpose="debt_third_party",
    country="US",
    creditor="Harbor Bank",
    caller_ids=(OWNED[0].e164,),
    recording=RecordingMode.ANNOUNCE_THEN_RECORD,
    treatment=Treatment.LATE_AGENT,
)


async def state(app: App, wanted: AgentState) -> None:
    """Wait until the agent is in a state; the floor tells of every change."""
    changes = app.floor.subscribe()
    async with asyncio.timeout(30):
        while app.floor.agent(AMIRA).state is not wanted:
            await changes.get()
    app.floor.unsubscribe(changes)


async def test_one_call_from_the_clients_file_to_the_report(stage: Stage) -> None:
    clock = SystemClock.starting_at(TUESDAY)
    person = number_for(Behaviour.HUMAN_PATIENT, "404", 7)
    file = stage.folder / "accounts.csv"
    file.write_text(
        "account,person_id,first_name,last_name,phone,zip,state,balance\n"
        f'A1,P1,Ada,"O\'Neil, =1+1",{person.e164},30303,GA,"1,234.50"\n',
        encoding="utf-8",
    )
    store = open_store(stage.folder / "fairdial.db", clock.now())
    store.write(campaigns.own_number, OWNED[0], 400)
    store.write(agent_rows.put_agent, agent_rows.Agent(AMIRA, "Amira"))
    campaign = store.write(campaigns.create, "Harbor cards", SETTINGS, clock.now())

    # 1 account: the file is checked and loaded; one account is ready
    plan = ImportPlan(client="Harbor Bank", campaign=campaign)
    report = load(store, file, plan, clock, stage.folder / "errors.csv")
    assert (report.new, report.bad) == (1, 0)
    entry = store.read(lambda tx: tx.execute(select(list_entries)).one())
    assert entry.state == "ready"
    store.write(campaigns.move, campaign, "start")
    store.close()

    async with running(stage.parts(clock)) as app:
        app.floor.sign_in(AMIRA, frozenset())
        app.floor.ready(AMIRA)
        await state(app, AgentState.RESERVED)

        # 3 pacing: one line for one ready agent, and the reason in words
        # 4 reserve: decision and attempt stand in the ledger together, before the carrier hears of it
        await state(app, AgentState.TALKING)
        attempt = (await app.store.read(lambda tx: tx.execute(select(attempts)).one())).id
        decision = await app.store.read(lambda tx: tx.execute(select(decisions)).one())
        assert decision.id == attempt
        words = app.engine.status()[campaign].words
        assert "ready" in words

        # 2 eligibility: the gate allowed it, by this policy and these zone rules; replayed, it says the same
        assert decision.outcome == "allow"
        replayed = compliance.decide(wire.facts_from_json(decision.facts), compliance.load_policy())
        assert replayed.allowed
        assert replayed.policy == decision.policy

        # 5 originate: the carrier saw one INVITE, with an owned number as caller ID
        call = await seen_by_carrier(stage)
        assert (call.called, call.caller_id, call.asserted) == (person.e164, OWNED[0].e164, OWNED[0].e164)

        # 6 answer: a person, by the detector's own reason
        (live,) = app.engine.live()
        assert live.record.verdict_cause.startswith("HUMAN")

        # 7 connect: person and agent in one bridge, within the two seconds of 16 CFR 310.4(b)(4)(iii)
        assert live.record.joined_at - live.record.judged_at < 2.0
        await asyncio.wait_for(tone_marked(stage), 20)
        app.floor.hang_up(AMIRA)
        await state(app, AgentState.WRAP_UP)

        # 8 outcome: a promise to pay, and the account is done with
        promise = Details(promise=Money(20_000), promise_on=date(2026, 12, 1))
        app.floor.dispose(AMIRA, "promise", promise)
        await app.settle()
        row = await app.store.read(lambda tx: tx.execute(select(promises)).one())
        assert (row.amount_cents, row.due_on) == (20_000, date(2026, 12, 1))

        # 9 recording: one party a channel, each recognised by its own tone, catalogued under the attempt
        recording = await app.store.read(journal.find_recording, attempt)
        assert recording is not None
        assert (recording.state, recording.findings) == ("checked", ())

    # 10 report: the engine's file and the carrier's agree
    calls = [c for c in read_calls(stage.carrier.file) if c.direction is Direction.FROM_DIALER]
    summary, _ = summarise(read_attempt_file(stage.folder / "attempts.jsonl"), calls)
    assert (summary.connected, summary.outcome_agreement, summary.duplicate_dials) == (1, 1.0, 0)


async def seen_by_carrier(stage: Stage) -> CarrierCall:
    """The one call of the carrier's file, once it has been written there."""
    async with asyncio.timeout(10):
        while not stage.carrier.file.exists() or not read_calls(stage.carrier.file):
            await asyncio.sleep(0.05)
    (call,) = [c for c in read_calls(stage.carrier.file) if c.direction is Direction.FROM_DIALER]
    return call


async def tone_marked(stage: Stage) -> None:
    """Until the person sends the marking tone and has done so for a while: the carrier writes when it began."""
    while not any(call.marked_at for call in read_calls(stage.carrier.file)):
        await asyncio.sleep(0.1)
    heard = await stage.phones[AMIRA].packets()
    while (await stage.phones[AMIRA].packets()).received < heard.received + 75:  # a second and a half of it
        await asyncio.sleep(0.1)
