"""A recording made by a real switch: who is on which channel, how long it is, and when its file is closed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from dialer.ami.actions import Hangup, Originate, Redirect
from dialer.ami.client import AmiClient, AmiSettings
from dialer.ami.event_queue import ClientEvent, Received
from dialer.asterisk.configuration import dialer_instance
from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.install import installed_root
from dialer.asterisk.instance import AMI_USER, Instance
from dialer.asterisk.ports import PortBlock, lease
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import AgentPhone, AsteriskSettings, Identity
from dialer.testing.softphone import PhoneSettings, Softphone, phone_ports
from domain.clock import SystemClock
from domain.ids import AttemptId, LegId, new_attempt_id, new_leg_id
from domain.phone import PhoneNumber
from recordings.audio import Party
from recordings.capture import Capture
from recordings.catalogue import FinishedCall, MemoryCatalogue
from recordings.lifecycle import RecordingState
from recordings.objects import FolderStore

pytestmark = pytest.mark.telephony

TONES = {Party.CUSTOMER: 700.0, Party.AGENT: 430.0}
EVENTS = frozenset({"UserEvent", "BridgeEnter", "BridgeLeave", "Hangup"})


@dataclass
class Exchange:
    """One Asterisk with the shipped dialplan; one telephone plays the customer, the other the agent."""

    root: PrivateRoot
    instance: Instance
    ami: AmiClient
    ports: range
    folder: Path
    events: AsyncIterator[ClientEvent]
    seen: dict[tuple[str, str], float] = field(default_factory=dict)

    def phone(self, name: str, number: int, party: Party) -> Softphone:
        settings = PhoneSettings(
            user=name,
            secret=f"{name}-secret",
            registrar=("127.0.0.1", self.instance.ports.sip),
            ports=phone_ports(self.ports, number),
            tone_hz=round(TONES[party]),
        )
        return Softphone(self.root, settings, self.folder / name)

    async def until(self, event: str, channel: str) -> float:
        """Wait for the first event of a kind about a channel (perhaps it has come already); when it was read."""
        async with asyncio.timeout(15):
            while (event, channel) not in self.seen:
                received = await anext(self.events)
                if isinstance(received, Received):
                    for header in ("Uniqueid", "Attempt", "Leg"):
                        key = (received.message.text("Event"), received.message.text(header))
                        self.seen.setdefault(key, received.at)
        return self.seen[event, channel]

    async def connect(self, recording: str) -> tuple[AttemptId, float]:
        """Bring the agent's leg up, call the customer, join them; the attempt, and when both were in the bridge."""
        now = SystemClock().now()
        leg, attempt = new_leg_id(now), new_attempt_id(now)
        await self.ami.send(
            Originate("PJSIP/bob", LegId(leg), "fd-leg", "s", timeout_ms=10_000, variables={"FD_AGENT": "bob"})
        )
        await self.until("UserEvent", leg)
        variables = {
            "FD_AMD": "0",
            "FD_CONNECT_S": "5",
            "FD_TREATMENT": "hangup",
            "FD_LATE_S": "5",
            "FD_MESSAGE": "none",
            "FD_RECORDING": recording,
        }
        await self.ami.send(Originate("PJSIP/ann", attempt, "fd-answered", "s", timeout_ms=10_000, variables=variables))
        await self.until("UserEvent", attempt)
        await self.ami.send(Redirect(attempt, "fd-connect", leg))
        return attempt, max(await self.until("BridgeEnter", attempt), await self.until("BridgeEnter", leg))


@pytest.fixture
def root() -> PrivateRoot:
    try:
        return installed_root()
    except AsteriskError as error:
        pytest.skip(str(error))


@pytest.fixture
def block() -> Iterator[PortBlock]:
    with lease(21) as ports:
        yield ports


@pytest.fixture
async def exchange(root: PrivateRoot, block: PortBlock, tmp_path: Path) -> AsyncIterator[Exchange]:
    settings = AsteriskSettings(
        state=tmp_path / "asterisk",
        ports=block.instance(0),
        identity=Identity("Acme", PhoneNumber("+12025550100")),
        agents=(AgentPhone("ann", "ann-secret"), AgentPhone("bob", "bob-secret")),
    )
    instance = dialer_instance(settings, root)
    instance.render()
    await instance.start()
    ami = AmiClient(
        AmiSettings(AMI_USER, instance.ami_secret, port=instance.ports.ami, wanted=EVENTS),
        clock=SystemClock(),
        rng=random.Random(1),
        registry=CollectorRegistry(),
    )
    ami.connect()
    try:
        await ami.wait_connected(10.0)
        yield Exchange(root, instance, ami, block.quarter(3), tmp_path, aiter(ami.events()))
    finally:
        await ami.stop()
        await instance.stop()


@pytest.mark.parametrize(("recording", "announced"), [("record", False), ("announce_then_record", True)])
async def test_the_customer_is_on_the_left_the_agent_on_the_right_for_as_long_as_they_were_bridged(
    exchange: Exchange, tmp_path: Path, recording: str, announced: bool
) -> None:
    catalogue = MemoryCatalogue()
    store = FolderStore(tmp_path / "objects")
    capture = Capture(exchange.instance.place.recordings, tmp_path / "staging", store, catalogue, SystemClock())
    async with (
        exchange.phone("ann", 0, Party.CUSTOMER) as customer,
        exchange.phone("bob", 1, Party.AGENT),
    ):
        attempt, joined_at = await exchange.connect(recording)
        heard_before = await customer.packets()
        await customer.exchanged(heard_before.received + 300)
        await exchange.ami.send(Hangup(attempt))
        parted_at = await exchange.until("BridgeLeave", attempt)
        await exchange.until("Hangup", attempt)
        row = await capture.finish(FinishedCall(attempt, parted_at - joined_at, announced, tones=TONES))
    assert row is not None
    assert (row.state, row.findings) == (RecordingState.CHECKED, ())
    assert row.seconds == pytest.approx(parted_at - joined_at, abs=0.3)
    assert list(exchange.instance.place.recordings.iterdir()) == []
