"""Several trunks on a real Asterisk: failover, health, and who is never dialed twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from accounts import campaigns, invites, journal
from accounts import floor as agent_rows
from accounts.model import CampaignSettings
from accounts.records import AccountRecord, AddressRecord, PhoneRecord, store_account
from accounts.store import open_store
from dialer import trunk_test
from dialer.app import App, running
from dialer.asterisk.install import installed_root
from dialer.asterisk.settings import SipTrunk
from dialer.number_wall import NumberWall, RefusedNumberError
from dialer.testing.carrier_file import read_calls
from dialer.testing.number_plan import Behaviour, number_for
from dialer.testing.stage import OWNED, TRUNK, Stage, raised
from domain.clock import SystemClock
from domain.ids import AgentId
from domain.money import Money
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.telephony import RecordingMode, Treatment
from reports.attempt_lines import AttemptLine, read_attempt_file

pytestmark = [pytest.mark.telephony, pytest.mark.timeout(240)]

TUESDAY = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
AMIRA = AgentId("amira")
SETTINGS = CampaignSettings(
    purpose="debt_third_party",
    country="US",
    creditor="Harbor Bank",
    caller_ids=(OWNED[0].e164,),
    recording=RecordingMode.RECORD,
    treatment=Treatment.LATE_AGENT,
    ring_timeout_s=15.0,
    wrap_up_s=1.0,
)


class Overloaded(asyncio.DatagramProtocol):
    """A carrier that answers every INVITE with 503."""

    def __init__(self) -> None:
        self.call_ids: set[bytes] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        kept = [line for line in data.split(b"\r\n") if line.startswith((b"Via", b"From", b"To", b"Call-ID", b"CSeq"))]
        answers = {b"INVITE": b"SIP/2.0 503 Service Unavailable", b"OPTIONS": b"SIP/2.0 200 OK"}
        first = answers.get(data.split(b" ")[0])
        self.call_ids |= {line for line in kept if line.startswith(b"Call-ID") and data.startswith(b"INVITE")}
        for status in filter(None, [first]):
            self.transport.sendto(b"\r\n".join([status, *kept, b"Content-Length: 0", b"", b""]), addr)


@asynccontextmanager
async def overloaded_carrier() -> AsyncIterator[tuple[Overloaded, int]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Overloaded, local_addr=("127.0.0.1", 0))
    try:
        yield protocol, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def load(stage: Stage, clock: SystemClock, number: PhoneNumber, trunks: Sequence[str]) -> None:
    store = open_store(stage.folder / "fairdial.db", clock.now())
    store.write(campaigns.own_number, OWNED[0], 400)
    store.write(agent_rows.put_agent, agent_rows.Agent(AMIRA, "Amira"))
    settings = replace(SETTINGS, trunk=trunks[0], failover=tuple(trunks[1:]))
    campaign = store.write(campaigns.create, "everyone", settings, clock.now())
    client = store.write(campaigns.client_id, "Harbor Bank", clock.now())
    list_ = store.write(campaigns.list_id, campaign, "everyone", clock.now())
    record = AccountRecord(
        account="A1",
        name="Ada Person",
        last_name="Person",
        phones=(PhoneRecord(number),),
        balance=Money(100),
        reference="P1",
        address=AddressRecord(zip="30303", state="GA"),
    )
    store.write(store_account, client, record, clock.now(), (campaign, list_))
    store.write(campaigns.move, campaign, "start")
    store.close()


async def the_call(app: App, talk_s: float = 6.5) -> str:
    """Let the one account be called; returns what the loop said while it was. The agent ends a conversation."""
    app.floor.sign_in(AMIRA, frozenset())
    app.floor.ready(AMIRA)
    words = set()
    while not app.engine.counters.ended:
        await asyncio.sleep(0.1)
        words |= {status.words for status in app.engine.status().values()}
        for call in app.engine.live():
            since = call.record.bridged_since
            over = since is not None and asyncio.get_running_loop().time() - since > talk_s
            _ = over and app.floor.hang_up(AMIRA)
    await app.settle()
    return "\n".join(words)


def only_line(stage: Stage) -> AttemptLine:
    (line,) = read_attempt_file(stage.folder / "attempts.jsonl").attempts
    return line


async def test_a_person_is_reached_over_the_second_trunk_and_recorded_under_the_attempt(tmp_path: Path) -> None:
    clock = SystemClock.starting_at(TUESDAY)
    person = number_for(Behaviour.HUMAN_PATIENT, "404", 7)
    async with overloaded_carrier() as (overloaded, port):
        first = SipTrunk(name="first", host="127.0.0.1", port=port, qualify_s=5)
        async with raised(tmp_path, installed_root(), [AMIRA], others=lambda _carrier: [first]) as stage:
            load(stage, clock, person, ["first", TRUNK])
            async with running(stage.parts(clock)) as app:
                while any(trunk.trouble for trunk in app.engine.trunks()):  # until its first OPTIONS is answered
                    await asyncio.sleep(0.1)
                words = await the_call(app)
                line = only_line(stage)
                events = await app.store.read(journal.events_of, line.attempt)
            calls = read_calls(stage.carrier.file)
            recording = read_attempt_file(stage.folder / "attempts.jsonl").recordings[line.attempt]
    assert (line.outcome, line.trunk, line.failovers) == (Outcome.CONVERSATION, TRUNK, 1)
    assert (len(overloaded.call_ids), len(calls)) == (1, 1)
    assert [(event.kind, event.data["trunk"]) for event in events] == [
        (invites.INVITE_REFUSED, "first"),
        (invites.INVITE, TRUNK),
    ]
    assert recording.state == "checked"
    assert "trunk first: the carrier said 503" in words


async def test_a_number_that_every_trunk_refuses_has_one_failed_attempt_and_two_invites(tmp_path: Path) -> None:
    clock = SystemClock.starting_at(TUESDAY)
    number = number_for(Behaviour.CONGESTED, "404", 7)
    async with raised(tmp_path, installed_root(), [AMIRA], others=lambda c: [c.trunk("spare")]) as stage:
        load(stage, clock, number, [TRUNK, "spare"])
        async with running(stage.parts(clock)) as app:
            await the_call(app)
        calls, line = read_calls(stage.carrier.file), only_line(stage)
    assert (line.outcome, line.trunk, line.failovers, line.sip_status) == (Outcome.FAILED, "spare", 1, 503)
    assert len(calls) == 2


async def test_a_trunk_that_does_not_answer_is_passed_over_and_said(tmp_path: Path) -> None:
    clock = SystemClock.starting_at(TUESDAY)
    person = number_for(Behaviour.HUMAN_HANGS_UP_EARLY, "404", 7)
    silent = SipTrunk(name="silent", host="127.0.0.1", port=9, qualify_s=2)
    async with raised(tmp_path, installed_root(), [AMIRA], others=lambda _carrier: [silent]) as stage:
        load(stage, clock, person, ["silent", TRUNK])
        async with running(stage.parts(clock)) as app:
            while not app.engine.trunks()[1].trouble:
                await asyncio.sleep(0.1)
            words = await the_call(app)
        line = only_line(stage)
    assert (line.trunk, line.failovers, line.outcome) == (TRUNK, 0, Outcome.LIVE_HANGUP)
    assert "trunk silent: 127.0.0.1:9 does not answer" in words


async def test_the_trunk_test_tells_answer_delay_and_codec_and_counts_as_nothing(tmp_path: Path) -> None:
    clock = SystemClock.starting_at(TUESDAY)
    wall = NumberWall(frozenset({"US"}))
    real = SipTrunk(name="real", host="192.0.2.1")
    async with raised(tmp_path, installed_root(), []) as stage:
        trunk = stage.carrier.trunk(TRUNK)
        with pytest.raises(RefusedNumberError, match="not live"):
            await trunk_test.place(stage.instance, real, OWNED[1], OWNED[0], wall, clock)
        person = number_for(Behaviour.HUMAN_PATIENT, "404", 7)
        answered = await trunk_test.place(stage.instance, trunk, person, OWNED[0], wall, clock)
        busy = await trunk_test.place(
            stage.instance, trunk, number_for(Behaviour.BUSY, "404", 7), OWNED[0], wall, clock
        )
    assert (answered.sip_status, answered.codec) == (200, "ulaw")
    assert answered.post_dial_s is not None
    assert busy.sip_status == 486
    assert not (stage.folder / "fairdial.db").exists()
