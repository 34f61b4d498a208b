"""A stage for the story: a test carrier, an Asterisk, one agent's telephone; each worker has its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent_gateway.server import ServerSettings
from dialer.app import Expected, Parts
from dialer.asterisk.configuration import dialer_instance
from dialer.asterisk.install import installed_root
from dialer.asterisk.instance import Instance
from dialer.asterisk.ports import lease
from dialer.asterisk.registration import wait_registered
from dialer.asterisk.settings import AgentPhone, AsteriskSettings, Identity
from dialer.testing.carrier import Carrier, CarrierSettings
from dialer.testing.number_plan import tone_hz
from dialer.testing.softphone import PhoneSettings, Softphone, phone_ports
from dialer.trunks import TrunkLimits
from domain.clock import SystemClock
from domain.phone import PhoneNumber
from recordings.audio import Party

OWNED = PhoneNumber("+12025550143")
AGENT_TONE_HZ = 410


@dataclass(frozen=True)
class Stage:
    """Everything around the engine."""

    folder: Path
    carrier: Carrier
    instance: Instance
    phone: Softphone

    def parts(self, clock: SystemClock) -> Parts:
        return Parts(
            state_dir=self.folder,
            database=self.folder / "fairdial.db",
            instance=self.instance,
            trunks=((self.carrier.trunk("carrier"), TrunkLimits("carrier", channels=5, calls_per_second=5)),),
            countries=frozenset({"US"}),
            clock=clock,
            expected=lambda finished: Expected(
                frozenset(Party),
                {Party.CUSTOMER: float(tone_hz(finished.number)), Party.AGENT: float(AGENT_TONE_HZ)},
            ),
            attempt_log=self.folder / "attempts.jsonl",
            gateway=ServerSettings(port=0),
        )


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    root = installed_root()
    async with AsyncExitStack() as stack:
        block = stack.enter_context(lease())
        carrier = Carrier(CarrierSettings(folder=tmp_path / "carrier", ports=block.instance(1)), root)
        await carrier.start()
        stack.push_async_callback(carrier.stop)
        settings = AsteriskSettings(
            state=tmp_path / "asterisk",
            ports=block.instance(0),
            identity=Identity("Harbor Point Services", OWNED),
            trunks=(carrier.trunk("carrier"),),
            agents=(AgentPhone("amira", "amira-secret-1"),),
            owned_numbers=(OWNED,),
        )
        instance = dialer_instance(settings, root)
        instance.render()
        await instance.start()
        stack.push_async_callback(instance.stop)
        await wait_registered(instance, "carrier")
        phone_settings = PhoneSettings(
            user="amira",
            secret="amira-secret-1",
            registrar=("127.0.0.1", instance.ports.sip),
            ports=phone_ports(block.quarter(3), 0),
            tone_hz=AGENT_TONE_HZ,
        )
        phone = await stack.enter_async_context(Softphone(root, phone_settings, tmp_path / "phone"))
        yield Stage(tmp_path, carrier, instance, phone)
