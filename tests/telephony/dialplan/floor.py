"""What a test does on a call floor: call agents in, place calls, join, press keys, hang up, listen."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dialer.asterisk.instance import Instance
from dialer.asterisk.settings import AgentPhone
from domain.phone import PhoneNumber
from tests.telephony.dialplan.probe import DEADLINE_S, Event, Packet, Probe

OWN_NUMBER = PhoneNumber("+12025550199")
AGENTS = tuple(AgentPhone(name, f"phone-{name}-secret") for name in ("alice", "bob", "carol", "dave", "erin", "frank"))
ORDER: Packet = {
    "FD_AMD": "0",
    "FD_CONNECT_S": "3.0",
    "FD_TREATMENT": "late_agent",
    "FD_LATE_S": "2",
    "FD_MESSAGE": "safe-harbour",
    "FD_RECORDING": "off",
    "PJSIP_HEADER(add,P-Asserted-Identity)": f"<sip:{OWN_NUMBER.e164}@127.0.0.1>",
}


@dataclass(frozen=True)
class Exchange:
    """The three instances of one worker."""

    dialer: Instance
    carrier: Instance
    phones: Instance

    async def registered(self) -> None:
        """Wait until the dialer is registered with the carrier and every phone with the dialer."""
        async with asyncio.timeout(DEADLINE_S):
            while not await self._all_registered():
                await asyncio.sleep(0.05)

    async def _all_registered(self) -> bool:
        trunk = await self.dialer.console("pjsip show registrations")
        contacts = await self.dialer.console("pjsip show contacts")
        return "Registered" in trunk and all(f" {agent.name}/" in contacts for agent in AGENTS)


@dataclass
class Floor:
    exchange: Exchange
    dialer: Probe
    carrier: Probe
    phones: Probe

    async def agent(self, name: str) -> str:
        """Nail up an agent's leg and wait until the phone sends sound; the leg's id."""
        mark = len(self.phones.events)
        leg = secrets.token_hex(16)
        await self.dialer.send(
            "Originate",
            Channel=f"PJSIP/{name}",
            ChannelId=leg,
            Context="fd-leg",
            Exten="s",
            Priority="1",
            Async="true",
            Timeout="10000",
            variables={"FD_AGENT": name},
        )
        await self.dialer.until(UserEvent="FairdialLegUp", Leg=leg, Agent=name)
        await self.phones.until(mark=mark, UserEvent="Sounding", Exten=name)
        return leg

    async def call(self, number: str, **changes: str) -> str:
        """Place a call as the engine does; the attempt's id."""
        attempt = secrets.token_hex(16)
        await self.dialer.send(
            "Originate",
            Channel=f"PJSIP/{number}@carrier",
            ChannelId=attempt,
            Context="fd-answered",
            Exten="s",
            Priority="1",
            Async="true",
            EarlyMedia="false",
            Timeout="30000",
            CallerID=OWN_NUMBER.e164,
            variables=ORDER | changes,
        )
        return attempt

    async def verdict(self, attempt: str) -> Event:
        return await self.dialer.until(UserEvent="FairdialVerdict", Attempt=attempt)

    async def redirect(self, channel: str, context: str, extension: str = "s") -> None:
        await self.dialer.send("Redirect", Channel=channel, Context=context, Exten=extension, Priority="1")
        async with asyncio.timeout(DEADLINE_S):  # Asterisk refuses a second Redirect while the first is under way
            while await self._context_of(channel) not in {context, ""}:
                await asyncio.sleep(0.01)

    async def _context_of(self, channel: str) -> str:
        """Where in the dialplan a channel of the dialer's is; empty when it is gone."""
        mark = len(self.dialer.events)
        await self.dialer.send("CoreShowChannels")
        await self.dialer.until(mark=mark, Event="CoreShowChannelsComplete")
        return next((event["Context"] for event in self.dialer.events[mark:] if event["Uniqueid"] == channel), "")

    async def join(self, attempt: str, leg: str) -> Event:
        """Join and wait until both are in one bridge."""
        mark = len(self.dialer.events)
        await self.redirect(attempt, "fd-connect", leg)
        person = await self.dialer.until(mark=mark, Event="BridgeEnter", Uniqueid=attempt)
        bridge = person["BridgeUniqueid"]  # a leg that has just come up may enter its waiting bridge after the mark too
        agent = await self.dialer.until(mark=mark, Event="BridgeEnter", Uniqueid=leg, BridgeUniqueid=bridge)
        return max(person, agent, key=lambda event: event.at)

    async def hang_up(self, channel: str) -> Event:
        await self.dialer.send("Hangup", Channel=channel)
        return await self.gone(channel)

    async def gone(self, channel: str) -> Event:
        return await self.dialer.until(Event="Hangup", Uniqueid=channel)

    async def key(self, agent: str, digit: str) -> None:
        """The agent presses a key on the phone."""
        await self.phones.send(
            "PlayDTMF", Channel=await self.channel_of(self.phones, agent), Digit=digit, Duration="120"
        )

    async def channel_of(self, probe: Probe, extension_end: str) -> str:
        """Name of the live channel on another side whose dialled extension ends so."""
        mark = len(probe.events)
        await probe.send("CoreShowChannels")
        await probe.until(mark=mark, Event="CoreShowChannelsComplete")
        shown = [event for event in probe.events[mark:] if event["Event"] == "CoreShowChannel"]
        return next(event["Channel"] for event in shown if event["Exten"].endswith(extension_end))

    async def listen(self, probe: Probe, extension_end: str, file: Path) -> None:
        """Record what one far channel hears from now on, as `file` (raw signed linear, suffix .sln)."""
        channel = await self.channel_of(probe, extension_end)
        await probe.send("MixMonitor", Channel=channel, File=f"{file}.mix.sln", options=f"r({file})")

    def recording(self, attempt: str) -> Path:
        return self.exchange.dialer.place.recordings / f"{attempt}.raw"

    async def recorded(self, attempt: str) -> Path:
        """The recording of a call that is over."""
        return await closed(self.exchange.dialer, self.recording(attempt))

    async def clear(self) -> None:
        """Hang up everything on all three sides and wait until it is gone."""
        for instance in (self.exchange.dialer, self.exchange.carrier, self.exchange.phones):
            await instance.console("channel request hangup all")
        async with asyncio.timeout(DEADLINE_S):
            for instance in (self.exchange.dialer, self.exchange.carrier, self.exchange.phones):
                while await instance.console("core show channels concise"):
                    await asyncio.sleep(0.05)


async def closed(instance: Instance, file: Path) -> Path:
    """The file, once this Asterisk has closed it: a second or two of it are written only then, after the hang-up."""
    async with asyncio.timeout(DEADLINE_S):
        while _has_open(instance.pid(), file):
            await asyncio.sleep(0.02)
    return file


def _has_open(process: int | None, file: Path) -> bool:
    for handle in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            if handle.readlink() == file:
                return True
    return False
