"""A stage for calls: a test carrier, a registered Asterisk and agents' telephones, all real, all on loopback.

The demo, the story and the telephony tests play on it; what they play is theirs.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_gateway.server import ServerSettings
from dialer.app import Expected, Parts
from dialer.asterisk.configuration import dialer_instance
from dialer.asterisk.instance import Instance
from dialer.asterisk.ports import PortBlock, lease
from dialer.asterisk.registration import wait_registered
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import AgentPhone, AsteriskSettings, Identity, SipTrunk
from dialer.listeners import FinishedAttempt
from dialer.testing.carrier import Carrier, CarrierSettings
from dialer.testing.number_plan import tone_hz
from dialer.testing.softphone import PhoneSettings, Softphone, phone_ports
from dialer.trunks import TrunkLimits
from domain.clock import Clock
from domain.ids import AgentId
from domain.phone import PhoneNumber
from recordings.audio import Party

TRUNK: Final = "carrier"
COMPANY: Final = Identity("Harbor Point Services", PhoneNumber("+12025550143"))
OWNED: Final = (PhoneNumber("+12025550143"), PhoneNumber("+12025550144"))
AGENT_TONES_HZ: Final = (410, 430, 450, 470, 3010, 3030, 3050, 3070)
"""Marking tones of the agents: none is a multiple of 20, so that no person of the carrier has the same."""
TONE_IN_BRIDGE_S: Final = 5.0
"""From this length of bridge on, a person has begun the marking tone and sent it long enough to be measured."""


Others = Callable[[Carrier], Sequence[SipTrunk]]
"""Trunks beside the carrier's own; asked when the carrier runs."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything around an engine; `others` are trunks beside the carrier's."""

    folder: Path
    carrier: Carrier
    instance: Instance
    phones: dict[AgentId, Softphone]
    others: tuple[SipTrunk, ...] = ()

    def parts(self, clock: Clock, name: str = "engine") -> Parts:
        """What an engine on this stage is put together from."""
        return Parts(
            state_dir=self.folder,
            database=self.folder / "fairdial.db",
            instance=self.instance,
            trunks=tuple(
                (trunk, TrunkLimits(trunk.name, channels=60, calls_per_second=10.0))
                for trunk in (self.carrier.trunk(TRUNK), *self.others)
            ),
            countries=frozenset({"US"}),
            clock=clock,
            expected=self._expected,
            attempt_log=self.folder / "attempts.jsonl",
            gateway=ServerSettings(port=0),
            name=name,
        )

    def _expected(self, finished: FinishedAttempt) -> Expected:
        """Who must be heard in a recording, and by which tone it is known to be them."""
        record = finished.record
        if record.talk_s < TONE_IN_BRIDGE_S or record.agent is None:
            return Expected(frozenset())
        agent_hz = self.phones[record.agent].settings.tone_hz
        tones = {Party.CUSTOMER: float(tone_hz(finished.number)), Party.AGENT: float(agent_hz)}
        return Expected(frozenset(Party), tones)


@asynccontextmanager
async def raised(
    folder: Path,
    root: PrivateRoot,
    agents: Sequence[str],
    *,
    seed: int = 1,
    clips: Path | None = None,
    others: Others = lambda _carrier: (),
) -> AsyncIterator[Stage]:
    """Start everything in `folder` and take it down at the end.

    Args:
        agents: sign-in names; each has a registered telephone.
        others: trunks beside the carrier's, for campaigns that name several.
        clips: folder for the carrier's spoken clips, which several stages may share.

    Raises:
        AsteriskError: a part does not start, or the trunk does not register.
        SoftphoneError: a telephone does not register.
    """
    async with AsyncExitStack() as stack:
        block = stack.enter_context(lease(seed))
        settings = CarrierSettings(folder=folder / "carrier", ports=block.instance(1), seed=seed, clips=clips)
        carrier = Carrier(settings, root)
        await carrier.start()
        stack.push_async_callback(carrier.stop)
        phones = [AgentPhone(name, secrets.token_hex(12)) for name in agents]
        instance = _asterisk(folder, root, block, (carrier.trunk(TRUNK), *others(carrier)), phones)
        instance.render()
        await instance.start()
        stack.push_async_callback(instance.stop)
        await wait_registered(instance, TRUNK)
        plugged = {}
        for index, phone in enumerate(phones):
            telephone = Softphone(root, _telephone(phone, index, block, instance), folder / "phones" / phone.name)
            plugged[AgentId(phone.name)] = await stack.enter_async_context(telephone)
        yield Stage(folder, carrier, instance, plugged, tuple(others(carrier)))


def _asterisk(
    folder: Path, root: PrivateRoot, block: PortBlock, trunks: Sequence[SipTrunk], phones: Sequence[AgentPhone]
) -> Instance:
    settings = AsteriskSettings(
        state=folder / "asterisk",
        ports=block.instance(0),
        identity=COMPANY,
        trunks=tuple(trunks),
        agents=tuple(phones),
        owned_numbers=OWNED,
    )
    return dialer_instance(settings, root)


def _telephone(phone: AgentPhone, index: int, block: PortBlock, instance: Instance) -> PhoneSettings:
    return PhoneSettings(
        user=phone.name,
        secret=phone.secret,
        registrar=("127.0.0.1", instance.ports.sip),
        ports=phone_ports(block.quarter(3), index),
        tone_hz=AGENT_TONES_HZ[index],
    )
