"""Every behaviour of the carrier, through the whole engine on a real Asterisk, ends in an outcome that agrees."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from accounts import campaigns
from accounts import floor as agent_rows
from accounts.model import CampaignSettings
from accounts.records import AccountRecord, AddressRecord, PhoneRecord, store_account
from accounts.store import open_store
from dialer.app import App, running
from dialer.asterisk.install import installed_root
from dialer.testing.carrier_file import read_calls
from dialer.testing.number_plan import BY_BEHAVIOUR, Behaviour, number_for
from dialer.testing.stage import OWNED, Stage, raised
from domain.clock import SystemClock
from domain.ids import AgentId, CampaignId
from domain.money import Money
from domain.phone import PhoneNumber
from domain.telephony import RecordingMode, Treatment
from reports.attempt_lines import read_attempt_file

pytestmark = [pytest.mark.telephony, pytest.mark.timeout(240)]

TUESDAY = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
AGENTS = ("amira", "bruno", "chloe", "dario")
MISTAKEN_BY_DESIGN = {Behaviour.WORDY_HUMAN, Behaviour.TERSE_VOICEMAIL}
"""People and machines that app_amd mistakes; they show what a misjudgement looks like and promise no outcome."""
BEHAVIOURS = [behaviour for behaviour in Behaviour if behaviour not in MISTAKEN_BY_DESIGN]
SETTINGS = CampaignSettings(
    purpose="debt_third_party",
    country="US",
    creditor="Harbor Bank",
    caller_ids=(OWNED[0].e164,),
    recording=RecordingMode.ANNOUNCE_THEN_RECORD,
    treatment=Treatment.LATE_AGENT,
    ring_timeout_s=15.0,
    wrap_up_s=1.0,
)


def load(stage: Stage, clock: SystemClock, numbers: Iterable[PhoneNumber]) -> CampaignId:
    store = open_store(stage.folder / "fairdial.db", clock.now())
    store.write(campaigns.own_number, OWNED[0], 400)
    for name in AGENTS:
        store.write(agent_rows.put_agent, agent_rows.Agent(AgentId(name), name))
    campaign = store.write(campaigns.create, "everyone", SETTINGS, clock.now())
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
        )
        store.write(store_account, client, record, clock.now(), (campaign, list_))
    store.write(campaigns.move, campaign, "start")
    store.close()
    return campaign


def end_after_a_while(app: App, clock: SystemClock, agent: AgentId) -> None:
    """Hang up as the agent once the person has had time to send the marking tone."""
    attempt = app.floor.agent(agent).attempt
    record = next((call.record for call in app.engine.live() if call.attempt == attempt), None)
    if record is not None and record.bridged_since is not None and clock.monotonic() - record.bridged_since > 6:
        app.floor.hang_up(agent)


async def test_every_behaviour_ends_in_an_outcome_that_agrees_with_it(tmp_path: Path) -> None:
    clock = SystemClock.starting_at(TUESDAY)
    numbers = {number_for(behaviour, "404", index): behaviour for index, behaviour in enumerate(BEHAVIOURS)}
    async with raised(tmp_path, installed_root(), AGENTS) as stage:
        load(stage, clock, numbers)
        async with running(stage.parts(clock)) as app:
            for name in AGENTS:
                app.floor.sign_in(AgentId(name), frozenset())
                app.floor.ready(AgentId(name))
            while app.engine.counters.ended < len(numbers):
                await asyncio.sleep(0.2)
                for agent in AGENTS:  # patient people stay until the agent ends the call
                    end_after_a_while(app, clock, AgentId(agent))
            await app.settle()
        file = read_attempt_file(tmp_path / "attempts.jsonl")
        calls = read_calls(stage.carrier.file)
    found = {numbers[PhoneNumber(line.number)]: line.outcome for line in file.attempts}
    wrong = {b: outcome for b, outcome in found.items() if outcome not in BY_BEHAVIOUR[b].expected}
    assert (wrong, found.keys()) == ({}, set(BEHAVIOURS))
    assert len(calls) == len(numbers)


async def test_a_person_who_leaves_during_the_announcement_is_gone_at_once(tmp_path: Path) -> None:
    clock = SystemClock.starting_at(TUESDAY)
    async with raised(tmp_path, installed_root(), AGENTS[:1]) as stage:
        load(stage, clock, [number_for(Behaviour.HUMAN_HANGS_UP_LATE, "404", 3)])
        async with running(stage.parts(clock)) as app:
            app.floor.sign_in(AgentId("amira"), frozenset())
            app.floor.ready(AgentId("amira"))
            while not app.engine.counters.ended:
                await asyncio.sleep(0.1)
            await app.settle()
        (line,) = read_attempt_file(tmp_path / "attempts.jsonl").attempts
        (call,) = read_calls(stage.carrier.file)
    offset = clock.offset
    assert line.ended_at is not None
    assert call.ended_at is not None
    assert (line.ended_at - offset - call.ended_at).total_seconds() < 2.0
