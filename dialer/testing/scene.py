"""A working day on a stage whose engine can be killed, whose AMI can be cut, and files joined into the truth.

Agents' screens stay connected through everything, as browsers would. The carrier's file is the witness: an INVITE
without a row in the ledger, or more INVITEs to a number than rows, is a failure whatever the engine believes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select

from accounts import campaigns
from accounts import floor as agent_rows
from accounts.model import CampaignSettings
from accounts.records import AccountRecord, AddressRecord, PhoneRecord, store_account
from accounts.store import open_store
from accounts.tables import attempt_outcomes, attempts, recordings
from dialer.agent_client import Credentials, GatewayClient
from dialer.agent_directory import AgentDirectory
from dialer.asterisk.root import PrivateRoot
from dialer.testing.auto_agent import AutoAgent, Habits
from dialer.testing.carrier_file import CarrierCall, Direction, read_calls
from dialer.testing.engine_process import EngineProcess
from dialer.testing.stage import OWNED, TRUNK, Stage, raised
from dialer.trunks import TrunkLimits
from domain.clock import SystemClock
from domain.ids import AgentId
from domain.money import Money
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.telephony import RecordingMode, Treatment

TUESDAY: Final = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
SETTINGS: Final = CampaignSettings(
    purpose="debt_third_party",
    country="US",
    creditor="Harbor Bank",
    caller_ids=(OWNED[0].e164,),
    recording=RecordingMode.ANNOUNCE_THEN_RECORD,
    treatment=Treatment.LATE_AGENT,
    ring_timeout_s=15.0,
    wrap_up_s=2.0,
)
LOOK_S: Final = 0.05
CALLS_PER_SECOND: Final = 10.0


class Wire:
    """The wire between engine and AMI: passes everything on, until it is cut or clogged."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection."""
        for writer in tuple(self._writers):
            writer.close()

    def clog(self) -> None:
        """Connections stay, and nothing passes either way."""
        self._flows.clear()

    def clear(self) -> None:
        self._flows.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        pair = {writer, back}
        self._writers |= pair
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        finally:
            self._writers -= pair

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that can be broken, and where to look."""

    stage: Stage
    engine: EngineProcess
    wire: Wire

    def calls(self) -> list[CarrierCall]:
        """What the carrier has seen from the dialer."""
        return [call for call in read_calls(self.stage.carrier.file) if call.direction is Direction.FROM_DIALER]

    async def invite_after(self, instant: float, seconds: float = 60.0) -> float:
        """Wait for the first INVITE after an instant (seconds of the machine's clock); returns the seconds between.

        Raises:
            TimeoutError: there was none.
        """
        async with asyncio.timeout(seconds):
            while True:
                late = [t for call in self.calls() if (t := call.invited_at.timestamp()) > instant]
                if late:
                    return min(late) - instant
                await asyncio.sleep(LOOK_S)

    async def freeze_asterisk(self, seconds: float) -> None:
        """Asterisk hangs: connections stay, nothing moves."""
        pid = self.stage.instance.pid()
        if pid is None:
            raise ProcessLookupError("Asterisk does not run")
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    async def restart_asterisk(self, away_s: float) -> float:
        """Kill Asterisk under its calls and start it again; returns the instant at which it was started.

        Agents put down the dead line meanwhile: their telephones would stay in a call that nobody ends.
        """
        self.stage.instance.kill()
        for phone in self.stage.phones.values():
            await phone.hang_up()
        await asyncio.sleep(away_s)
        started = time.time()
        await self.stage.instance.start()
        return started


@asynccontextmanager
async def played(
    folder: Path,
    root: PrivateRoot,
    agents: Sequence[str],
    numbers: Iterable[PhoneNumber],
    settings: CampaignSettings = SETTINGS,
    habits: Habits | None = None,
    clips: Path | None = None,
) -> AsyncIterator[Scene]:
    """Stage, accounts, agents at their screens, and an engine that dials, until the context ends."""
    clock = SystemClock.starting_at(TUESDAY)
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(raised(folder, root, agents, clips=clips))
        load(folder / "fairdial.db", clock, agents, numbers, settings)
        directory = AgentDirectory(folder)
        screens = {name: directory.enrol(AgentId(name)) for name in agents}
        wire = Wire(stage.instance.ports.ami)
        await wire.start()
        stack.push_async_callback(wire.stop)
        gateway = free_port()
        limits = TrunkLimits(TRUNK, channels=60, calls_per_second=CALLS_PER_SECOND)
        trunk = stage.carrier.trunk(TRUNK)
        engine = EngineProcess(folder, stage.instance, trunk, limits, clock, gateway, wire.port)
        await stack.enter_async_context(engine)
        shift = await stack.enter_async_context(asyncio.TaskGroup())
        for index, (name, secret) in enumerate(screens.items()):
            client = GatewayClient(f"ws://127.0.0.1:{gateway}", Credentials(name, secret))
            stack.callback(shift.create_task(AutoAgent(client, index, habits).run()).cancel)
        yield Scene(stage, engine, wire)


def load(
    file: Path, clock: SystemClock, agents: Sequence[str], numbers: Iterable[PhoneNumber], settings: CampaignSettings
) -> None:
    """A running campaign with one account a number."""
    store = open_store(file, clock.now())
    try:
        store.write(campaigns.own_number, OWNED[0], 10_000)
        for name in agents:
            store.write(agent_rows.put_agent, agent_rows.Agent(AgentId(name), name))
        campaign = store.write(campaigns.create, "everyone", settings, clock.now())
        client = store.write(campaigns.client_id, "Harbor Bank", clock.now())
        list_ = store.write(campaigns.list_id, campaign, "everyone", clock.now())

        def load_all(tx: Connection) -> None:
            for index, number in enumerate(numbers):
                record = AccountRecord(
                    account=f"A{index}",
                    name=f"Person {index}",
                    last_name=f"Person{index}",
                    phones=(PhoneRecord(number),),
                    balance=Money(100),
                    reference=f"P{index}",
                    address=AddressRecord(zip="30303", state="GA"),
                    priority=-index,
                )
                store_account(tx, client, record, clock.now(), (campaign, list_))

        store.write(load_all)
        store.write(campaigns.move, campaign, "start")
    finally:
        store.close()


# --- the truth --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fate:
    """One attempt as the ledger has it, with what the carrier saw of its number."""

    attempt: str
    number: str
    outcomes: tuple[Outcome, ...]
    invites: tuple[CarrierCall, ...]
    recorded: bool


@dataclass(frozen=True, slots=True)
class Books:
    """Ledger and carrier joined.

    Attributes:
        made: attempts a number has in the ledger.
        uncounted: INVITEs beyond the ledger's rows for their number: dialed and not counted.
        twice: attempts that were sent more than once.
        open: attempts without an outcome.
    """

    fates: dict[str, Fate]
    made: Counter[str]
    uncounted: int
    twice: int
    open: int


def books(scene: Scene) -> Books:
    """Join the ledger with the carrier's file; the engine is to be at rest."""
    store = open_store(scene.stage.folder / "fairdial.db", TUESDAY)
    try:
        rows, ends, taped = store.read(ledger_rows)
    finally:
        store.close()
    invites: dict[str, list[CarrierCall]] = {}
    for call in scene.calls():
        invites.setdefault("+" + call.called.lstrip("+"), []).append(call)
    made = Counter(rows.values())
    fates = {a: Fate(a, n, tuple(ends.get(a, ())), tuple(invites.get(n, ())), a in taped) for a, n in rows.items()}
    uncounted = sum(max(0, len(calls) - made[number]) for number, calls in invites.items() if not made[number])
    twice = sum(max(0, len(calls) - made[number]) for number, calls in invites.items() if made[number])
    return Books(fates, made, uncounted, twice, sum(len(fate.outcomes) != 1 for fate in fates.values()))


def ledger_rows(tx: Connection) -> tuple[dict[str, str], dict[str, list[Outcome]], set[str]]:
    """Attempt to number, attempt to first outcomes, attempts with a recording."""
    rows = {row.id: row.number for row in tx.execute(select(attempts.c.id, attempts.c.number))}
    ends: dict[str, list[Outcome]] = {}
    for row in tx.execute(select(attempt_outcomes).where(attempt_outcomes.c.seq == 1)):
        ends.setdefault(row.attempt_id, []).append(Outcome(row.outcome))
    return rows, ends, set(tx.execute(select(recordings.c.attempt_id)).scalars())


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
