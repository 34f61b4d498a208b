"""`python -m benchmarks.restart`: from the start of `dialer run` to its first call, cold and after a crash.

Everything is real: the test carrier, Asterisk, agents' telephones and screens, and the engine as `dialer run` starts it
(only its calendar is moved to a Tuesday). Asterisk runs already, as it does when an engine comes back. A crash is a
kill -9 with calls up. The last instant is the carrier's: the first INVITE it sees. What lies before the engine's own
log lines is importing. The cold start is a machine's first one: nothing is kept, and no program is compiled yet.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from dialer import settings as settings_file
from dialer.agent_client import Credentials, GatewayClient
from dialer.agent_directory import AgentDirectory
from dialer.asterisk.install import installed_root
from dialer.asterisk.installation import agent_phones, own_instance, secrets_folder
from dialer.asterisk.ports import PortBlock, lease
from dialer.asterisk.registration import wait_registered
from dialer.asterisk.root import PrivateRoot
from dialer.settings import CONFIG_VARIABLE, Settings
from dialer.testing.auto_agent import AutoAgent, Habits
from dialer.testing.carrier import Carrier, CarrierSettings
from dialer.testing.carrier_file import read_calls
from dialer.testing.number_plan import number_for
from dialer.testing.scene import SETTINGS, TUESDAY, load
from dialer.testing.softphone import PhoneSettings, Softphone, phone_ports
from dialer.testing.stage import OWNED, TRUNK
from domain.clock import SystemClock
from domain.ids import AgentId
from domain.mode import Mode

FOLDER: Final = Path("var/restart").absolute()
AGENTS: Final = ("amira", "bruno", "chloe", "dario")
HABITS: Final = Habits(talk_mean_s=8.0, hangs_up=1.0, wrap_mean_s=1.0)
PATIENCE_S: Final = 60.0
CALLS_UP: Final = 3
BARE_RUNS: Final = 7
PHASES: Final = ("engine starting", "rules loaded", "account store open", "switch connected", "reconciled")
"""Log lines of an engine on its way."""
AS_DIALER_RUN: Final = """
import sys
from datetime import timedelta
from dialer import run_cli
from domain.clock import SystemClock
offset = timedelta(seconds=float(sys.argv[1]))
run_cli.SystemClock = lambda: SystemClock(offset)
sys.argv = ["dialer", "run", "--quiet"]
from dialer.__main__ import main
main()
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds from the start of the process to each phase and to the first INVITE, and processor seconds."""

    phases: dict[str, float]
    invite_s: float
    processor_s: float


class Hall:
    """A call centre around an engine that comes and goes."""

    def __init__(self, settings: Settings, carrier: Carrier, clock: SystemClock) -> None:
        self._log = settings.state_dir / "log" / "dialer.jsonl"
        self._carrier = carrier
        self._clock = clock
        self._engine: subprocess.Popen[bytes] | None = None

    async def start(self) -> Start:
        """Start the engine and wait for its first INVITE."""
        began = time.time()
        with (FOLDER / "engine.out").open("ab") as out:
            self._engine = subprocess.Popen(  # noqa: ASYNC220  # our own program; nothing else runs yet
                [sys.executable, "-c", AS_DIALER_RUN, str(self._clock.offset.total_seconds())],
                stdout=out,
                stderr=out,
                env=_environment(),
            )
        invited = await self._invite_after(began)
        return Start(self._phases(began), invited - began, _processor_s(self._engine.pid))

    async def kill_with_calls_up(self) -> None:
        """Wait until calls are up at the carrier, then kill the engine."""
        async with asyncio.timeout(PATIENCE_S):
            while _up(self._carrier) < CALLS_UP:  # noqa: ASYNC110  # a file, which nobody tells of
                await asyncio.sleep(0.1)
        self.kill()

    def kill(self) -> None:
        """End the engine as a crash would."""
        if self._engine is not None:
            self._engine.send_signal(signal.SIGKILL)
            self._engine.wait()
            self._engine = None

    async def _invite_after(self, began: float) -> float:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                times = [at for call in read_calls(self._carrier.file) if (at := call.invited_at.timestamp()) > began]
                if times:
                    return min(times)
                if self._engine is None or self._engine.poll() is not None:
                    raise ChildProcessError(f"the engine has ended: see {FOLDER / 'engine.out'}")
                await asyncio.sleep(0.02)

    def _phases(self, began: float) -> dict[str, float]:
        found: dict[str, float] = {}
        lines = self._log.read_text("utf-8").splitlines()
        for line in (json.loads(text) for text in lines if text.startswith("{")):  # libraries' lines are plain text
            at = datetime.fromisoformat(line["timestamp"]).timestamp()
            if line["event"] in PHASES and at > began:
                found.setdefault(line["event"], at - began)
        return found


def _up(carrier: Carrier) -> int:
    return sum(call.ended_at is None for call in read_calls(carrier.file))


def _environment() -> dict[str, str]:
    """Compiled programs are kept from one start to the next, as in an installation, but apart from this one's."""
    mine = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return mine | {"PYTHONPYCACHEPREFIX": str(FOLDER / "bytecode")}


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- the call centre -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def hall(accounts: int) -> AsyncIterator[Hall]:
    """Carrier, Asterisk, telephones, screens and a loaded store; no engine."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    root, clock = installed_root(), SystemClock.starting_at(TUESDAY)
    async with AsyncExitStack() as stack:
        block = stack.enter_context(lease(1))
        carrier = Carrier(CarrierSettings(folder=FOLDER / "carrier", ports=block.instance(1), seed=1), root)
        await carrier.start()
        stack.push_async_callback(carrier.stop)
        settings = _settings(carrier, block)
        instance = own_instance(settings)
        instance.render()
        await instance.start()
        stack.push_async_callback(instance.stop)
        await wait_registered(instance, TRUNK)
        await _telephones(stack, settings, block, root)
        numbers = [number_for(None, "404", index) for index in range(accounts)]
        campaign = replace(SETTINGS, mode=Mode.PREDICTIVE)
        load(settings.state_dir / "fairdial.db", clock, AGENTS, numbers, campaign)
        directory = AgentDirectory(settings.state_dir)
        shift = await stack.enter_async_context(asyncio.TaskGroup())
        for index, name in enumerate(AGENTS):
            there = f"ws://127.0.0.1:{settings.gateway.port}"
            client = GatewayClient(there, Credentials(name, directory.enrol(AgentId(name))))
            stack.callback(shift.create_task(AutoAgent(client, index, HABITS).run()).cancel)
        room = Hall(settings, carrier, clock)
        stack.callback(room.kill)
        yield room


def _settings(carrier: Carrier, block: PortBlock) -> Settings:
    ports, services = block.instance(0), block.quarter(2)
    file = FOLDER / "fairdial.toml"
    agents = "".join(f"[[agents]]\nname = '{name}'\n" for name in AGENTS)
    file.write_text(
        f"state_dir = '{FOLDER / 'var'}'\nowned_numbers = ['{OWNED[0].e164}']\n"
        f"[company]\nname = 'Harbor Point Services'\ncallback_number = '{OWNED[0].e164}'\n"
        f"[asterisk]\nsip_port = {ports.sip}\nami_port = {ports.ami}\nhttp_port = {ports.http}\n"
        f"rtp_first = {ports.rtp_first}\nrtp_last = {ports.rtp_last}\n"
        f"[gateway]\nport = {services[0]}\n[web]\nport = {services[1]}\n"
        f"[[trunks]]\nname = '{TRUNK}'\nport = {carrier.settings.ports.sip}\nusername = 'fairdial'\ncodecs = ['ulaw']\n"
        f"{agents}",
        encoding="utf-8",
    )
    os.environ[CONFIG_VARIABLE] = str(file)
    settings = settings_file.load()
    secrets = secrets_folder(settings)
    secrets.mkdir(mode=0o700, parents=True)
    registration = carrier.trunk(TRUNK).registration
    if registration is None:
        raise RuntimeError("the test carrier demands no registration")
    secret = secrets / f"trunk-{TRUNK}"
    secret.touch(mode=0o600)
    secret.write_text(registration.secret, encoding="utf-8")
    return settings


async def _telephones(stack: AsyncExitStack, settings: Settings, block: PortBlock, root: PrivateRoot) -> None:
    for index, phone in enumerate(agent_phones(settings)):
        telephone = PhoneSettings(
            user=phone.name,
            secret=phone.secret,
            registrar=("127.0.0.1", settings.asterisk.sip_port),
            ports=phone_ports(block.quarter(3), index),
        )
        await stack.enter_async_context(Softphone(root, telephone, FOLDER / "phones" / phone.name))


# --- measuring -------------------------------------------------------------------------------------------------------


async def measure(crashes: int) -> tuple[Start, Start, list[Start]]:
    """The first start, one in order with everything kept, and those after crashes."""
    async with hall(accounts=100 + 100 * crashes) as room:
        cold = await room.start()
        room.kill()
        await asyncio.sleep(20.0)  # whoever was in a call has hung up
        warm = await room.start()
        after = []
        for _ in range(crashes):
            await room.kill_with_calls_up()
            after.append(await room.start())
    return cold, warm, after


def bare_python_s() -> float:
    """Wall time of an interpreter that does nothing: the limit, and how busy the machine is."""
    times = []
    for _ in range(BARE_RUNS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def print_table(rows: Sequence[tuple[str, Start]], bare_s: float) -> None:
    """One row a start; a phase's number is the seconds it took."""
    columns = ("start", "importing", *PHASES[1:], "first INVITE", "total", "processor", "total / `python -c pass`")
    print("| " + " | ".join(columns) + " |")
    print("|---|" + "---:|" * (len(columns) - 1))
    for name, start in rows:
        marks = [0.0, *(start.phases.get(phase, float("nan")) for phase in PHASES), start.invite_s]
        steps = [f"{after - before:.2f}" for before, after in pairwise(marks)]
        ends = (f"**{start.invite_s:.2f}**", f"{start.processor_s:.2f}", f"{start.invite_s / bare_s:.0f}")
        print(f"| {name} | {' | '.join((*steps, *ends))} |")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--crashes", type=int, default=5)
    told = arguments.parse_args()
    bare_s = bare_python_s()
    cold, warm, after = asyncio.run(measure(told.crashes))
    ordered = sorted(after, key=lambda start: start.invite_s)
    print_table(
        [
            ("cold: nothing kept", cold),
            ("again, no call up", warm),
            ("after kill -9, calls up: median", ordered[len(ordered) // 2]),
            ("after kill -9, calls up: worst", ordered[-1]),
        ],
        bare_s,
    )
    load_1, load_5, _ = os.getloadavg()
    print(
        f"\nSeconds. Load average of this {os.cpu_count()}-core machine at the end: {load_1:.1f} (1 min), "
        f"{load_5:.1f} (5 min); `python -c pass`: {1000 * bare_s:.0f} ms; {told.crashes} crashes."
    )


if __name__ == "__main__":
    main()
