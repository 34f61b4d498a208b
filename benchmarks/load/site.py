"""Where load is made: Asterisk, SIPp as the carrier and as agents' telephones, a campaign, an engine by itself."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from accounts import campaigns
from accounts import floor as agent_rows
from accounts.model import CampaignSettings
from accounts.store import open_store
from benchmarks.claim_reserve import LOADED_AT_ONCE
from benchmarks.claim_reserve import load as load_accounts
from benchmarks.load import sipp
from dialer.agent_client import Credentials, GatewayClient
from dialer.agent_directory import AgentDirectory
from dialer.asterisk.configuration import dialer_instance
from dialer.asterisk.install import installed_root
from dialer.asterisk.instance import Instance
from dialer.asterisk.ports import PortBlock, Ports, lease
from dialer.asterisk.settings import AgentPhone, AsteriskSettings, SipTrunk
from dialer.testing.auto_agent import AutoAgent, Habits
from dialer.testing.engine_process import EngineProcess
from dialer.testing.scene import free_port
from dialer.testing.stage import COMPANY, OWNED, TRUNK
from dialer.trunks import TrunkLimits
from domain.clock import SystemClock
from domain.ids import AgentId, CampaignId
from recordings.listening import mulaw
from reports.attempt_lines import AttemptLine, parse

NOON_NEW_YORK: Final = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)
"""An hour at which all zones of the accounts may be called: 13:00 in New York, 10:00 in Los Angeles."""
SIGN_IN_S: Final = 60.0
HELLO_S: Final = 0.4
LISTENS_UNTIL_S: Final = 2.4
LOUDNESS: Final = 9000
PAUSES: Final = -0.4
"""Of a slow wave: below it the voice draws breath."""


@dataclass(slots=True)
class Site:
    """Everything around an engine.

    Attributes:
        pids: the processes whose cost is of interest.
        truth: what the carrier saw.
        clock: the calendar of accounts and engine.
    """

    folder: Path
    instance: Instance
    trunk: SipTrunk
    agents: tuple[str, ...]
    pids: dict[str, int] = field(default_factory=dict)
    truth: Path = Path()
    clock: SystemClock = field(default_factory=lambda: SystemClock.starting_at(NOON_NEW_YORK))

    @property
    def _log(self) -> Path:
        return self.folder / "attempts.jsonl"

    def log_size(self) -> int:
        """A mark in the engine's own account of its attempts, for `log_since`."""
        return self._log.stat().st_size

    def log_since(self, mark: int) -> tuple[AttemptLine, ...]:
        """The attempts that ended after a mark was taken."""
        with self._log.open("rb") as file:
            file.seek(mark)
            return parse(file.readlines()).attempts


@asynccontextmanager
async def raised(folder: Path, carrier: str, agents: int) -> AsyncIterator[Site]:
    """Start Asterisk, the carrier and the agents' telephones; take them down at the end.

    Args:
        carrier: the scenario the carrier plays.
        agents: telephones that are registered.
    """
    (folder / "sipp").mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        ours, theirs, media = (stack.enter_context(lease(worker)) for worker in range(3))
        sip, ports = theirs.quarter(0), _ports(ours)
        carrier_port, phone_port = sip.start, sip.start + 10
        phones = [AgentPhone(f"agent{number:02d}", secrets.token_hex(12)) for number in range(agents)]
        trunk = SipTrunk(name=TRUNK, host="127.0.0.1", port=carrier_port)
        settings = AsteriskSettings(
            state=folder / "asterisk",
            ports=ports,
            identity=COMPANY,
            trunks=(trunk,),
            agents=tuple(phones),
            owned_numbers=OWNED,
        )
        instance = dialer_instance(settings, installed_root())
        instance.render()
        await instance.start()
        stack.push_async_callback(instance.stop)
        site = Site(folder, instance, trunk, tuple(phone.name for phone in phones))
        site.pids["Asterisk"] = instance.pid() or 0
        media_ports = range(media.first, media.first + 1000)
        answering = sipp.answering(carrier, folder / "sipp", carrier_port, media_ports)
        site.pids["SIPp, carrier"] = await stack.enter_async_context(answering)
        users = [(phone.name, phone.secret) for phone in phones]
        await sipp.register(folder / "sipp", ports.sip, phone_port, users)
        telephones = sipp.answering("agent", folder / "sipp", phone_port, theirs.quarter(2), ["-rtp_echo"])
        site.pids["SIPp, telephones"] = await stack.enter_async_context(telephones)
        site.truth = sipp.truth_file(folder / "sipp", carrier)
        yield site


def _ports(block: PortBlock) -> Ports:
    """A whole block for one Asterisk: room for some five hundred channels."""
    base = block.first
    return Ports(sip=base, ami=base + 1, http=base + 2, rtp_first=base + 10, rtp_last=base + 999)


def stock(folder: Path, agents: Sequence[str], accounts: int, settings: CampaignSettings) -> CampaignId:
    """A store with one running campaign of so many accounts, each a person with a number of their own."""
    store = open_store(folder / "fairdial.db", NOON_NEW_YORK)
    try:
        for number in OWNED:
            store.write(campaigns.own_number, number, 10_000_000)
        for name in agents:
            store.write(agent_rows.put_agent, agent_rows.Agent(AgentId(name), name))
        campaign = store.write(campaigns.create, "load", settings, NOON_NEW_YORK)
        client = store.write(campaigns.client_id, "Harbor Bank", NOON_NEW_YORK)
        list_ = store.write(campaigns.list_id, campaign, "load", NOON_NEW_YORK)
        for first in range(1, accounts + 1, LOADED_AT_ONCE):
            last = min(first + LOADED_AT_ONCE, accounts + 1)
            store.write(load_accounts, campaign, list_, client, first, last)
        store.write(campaigns.move, campaign, "start")
        return campaign
    finally:
        store.close()


@asynccontextmanager
async def dialing(
    site: Site, limits: TrunkLimits, habits: Habits, ami_port: int | None = None, look_s: float = 1.0
) -> AsyncIterator[EngineProcess]:
    """An engine at work on the site's store, with its agents signed in, until the context ends in order."""
    gateway = free_port()
    directory = AgentDirectory(site.folder)
    screens = {name: directory.enrol(AgentId(name)) for name in site.agents}
    engine = EngineProcess(site.folder, site.instance, site.trunk, limits, site.clock, gateway, ami_port, look_s)
    async with AsyncExitStack() as stack:
        shift = await stack.enter_async_context(asyncio.TaskGroup())
        async with engine:
            site.pids["engine"] = engine.pid
            for index, (name, secret) in enumerate(screens.items()):
                client = GatewayClient(f"ws://127.0.0.1:{gateway}", Credentials(name, secret))
                stack.callback(shift.create_task(AutoAgent(client, index, habits).run()).cancel)
            await engine.until(lambda report: len(report.agents) == len(site.agents), SIGN_IN_S)
            yield engine
            await engine.stop()
        del site.pids["engine"]


def voice(folder: Path) -> None:
    """A person: "hello" for 0.4 s, listens for 2 s, then talks on and off. `voice.ulaw`, mu-law at 8 kHz, for SIPp."""
    t = np.arange(8000 * 12) / 8000
    words = np.sin(2 * np.pi * 300 * t) * (np.sin(2 * np.pi * 1.3 * t) > PAUSES)
    spoken = (t < HELLO_S) | (t > LISTENS_UNTIL_S)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "voice.ulaw").write_bytes(mulaw((LOUDNESS * words * spoken).astype(np.int16)))
