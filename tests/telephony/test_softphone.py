"""The softphone on a real Asterisk with a dialplan of the test's own: real SIP, RTP and keys, a real pulled plug."""

from __future__ import annotations

import asyncio
import random
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from dialer.ami.actions import Originate
from dialer.ami.client import AmiClient, AmiSettings
from dialer.ami.event_queue import Received
from dialer.asterisk.configuration import dialer_instance
from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.install import installed_root
from dialer.asterisk.instance import AMI_USER, Instance
from dialer.asterisk.ports import PortBlock, lease
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import AgentPhone, AsteriskSettings, Identity
from dialer.testing.softphone import PhoneSettings, Softphone, SoftphoneError, phone_ports
from domain.clock import SystemClock
from domain.phone import PhoneNumber

pytestmark = pytest.mark.telephony

DIALPLAN = """
[fd-agent]
exten => *1,1,Answer()
 same => n,MixMonitor({recording},r({received}))
 same => n,Playtones(500)
 same => n,WaitExten(60)
exten => 5,1,Hangup(16)
"""
TONE_HZ = 700


@dataclass
class Exchange:
    """One Asterisk, an AMI connection to it, and ports for telephones."""

    root: PrivateRoot
    instance: Instance
    ami: AmiClient
    ports: range
    folder: Path

    def phone(self, name: str = "ann", secret: str = "ann-secret", number: int = 0) -> Softphone:
        settings = PhoneSettings(
            user=name,
            secret=secret,
            registrar=("127.0.0.1", self.instance.ports.sip),
            ports=phone_ports(self.ports, number),
            tone_hz=TONE_HZ,
            record=True,
        )
        return Softphone(self.root, settings, self.folder / name)

    async def ring(self, name: str = "ann") -> str:
        """Call a telephone, which then hears a 500 Hz tone. Returns the channel's id."""
        await self.ami.send(Originate(f"PJSIP/{name}", "a" * 32, "fd-agent", "*1", timeout_ms=10_000))
        return "a" * 32

    async def cause_of_hang_up(self) -> str:
        """Wait for a channel to end."""
        ended = (event async for event in self.ami.events() if isinstance(event, Received))
        return (await anext(ended)).message.text("Cause")


@pytest.fixture
def root() -> PrivateRoot:
    try:
        return installed_root()
    except AsteriskError as error:
        pytest.skip(str(error))


@pytest.fixture
def block() -> Iterator[PortBlock]:
    with lease(20) as ports:
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
    plan = DIALPLAN.format(recording=tmp_path / "both.wav", received=tmp_path / "received.wav")
    (instance.place.etc / "extensions.conf").write_text(plan, encoding="ascii")
    await instance.start()
    ami = AmiClient(
        AmiSettings(AMI_USER, instance.ami_secret, port=instance.ports.ami, wanted=frozenset({"Hangup"})),
        clock=SystemClock(),
        rng=random.Random(1),
        registry=CollectorRegistry(),
    )
    ami.connect()
    try:
        await ami.wait_connected(10.0)
        yield Exchange(root, instance, ami, block.quarter(3), tmp_path)
    finally:
        await ami.stop()
        await instance.stop()


def loudest(path: Path) -> tuple[float, float]:
    """The strongest frequency (Hz) in a WAV file and the level of the whole (dBFS)."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)[rate // 2 :]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples)), float(20 * np.log10(np.sqrt((samples**2).mean()) / 32768))


async def test_a_wrong_secret_is_told_with_what_the_switch_said(exchange: Exchange) -> None:
    with pytest.raises(SoftphoneError, match="not registered in time"):
        await exchange.phone(secret="wrong").start()


async def test_a_pulled_plug_is_seen_by_the_switch_in_five_seconds(exchange: Exchange) -> None:
    async with exchange.phone() as phone:
        await exchange.ring()
        await phone.in_call()
        phone.unplug()
        pulled = asyncio.get_running_loop().time()
        assert await exchange.cause_of_hang_up() == "44"
        assert asyncio.get_running_loop().time() - pulled < 7


async def test_a_crashed_phone_is_seen_by_the_switch_too(exchange: Exchange) -> None:
    async with exchange.phone() as phone:
        await exchange.ring()
        await phone.in_call()
        phone.crash()
        assert await exchange.cause_of_hang_up() == "44"


async def test_a_phone_put_down_is_not_taken_for_a_pulled_plug(exchange: Exchange) -> None:
    async with exchange.phone() as phone:
        await exchange.ring()
        await phone.in_call()
        await phone.hang_up()
        assert await exchange.cause_of_hang_up() in {"0", "16"}


async def test_a_called_phone_answers_and_sound_goes_both_ways(exchange: Exchange) -> None:
    async with exchange.phone() as phone:
        await exchange.ring()
        await phone.in_call()
        await phone.exchanged(100)
        await phone.hang_up()
        await phone.idle()
        await exchange.cause_of_hang_up()
    heard, level = loudest(phone.heard)
    assert heard == pytest.approx(500, abs=5)
    assert level > -45
    sent, level = loudest(exchange.folder / "received.wav")
    assert sent == pytest.approx(TONE_HZ, abs=5)
    assert level > -45
    total = await phone.packets()
    assert min(total.sent, total.received) >= 100


async def test_keys_reach_the_dialplan_of_a_call_the_phone_made(exchange: Exchange) -> None:
    async with exchange.phone() as phone:
        await phone.dial("*1")
        await phone.in_call()
        await phone.press("5")
        await phone.idle()
        assert phone.answered == 1


async def test_two_phones_run_side_by_side(exchange: Exchange) -> None:
    async with exchange.phone() as ann, exchange.phone("bob", "bob-secret", 1) as bob:
        await ann.dial("*1")
        await bob.dial("*1")
        await asyncio.gather(ann.in_call(), bob.in_call())
        assert (ann.is_in_call, bob.is_in_call) == (True, True)
