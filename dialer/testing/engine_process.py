"""An engine in a process of its own, so that it can be killed: `python -m dialer.testing.engine_process`.

The child reads its plan, one JSON object, from standard input, runs the application as production wires it, and writes
what it is doing, one JSON object a line, whenever that changes. `EngineProcess` is the parent's side.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from pydantic import TypeAdapter

from agent_gateway.server import ServerSettings
from dialer.app import App, Parts, running
from dialer.asterisk.instance import Instance
from dialer.asterisk.ports import Ports
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import SipTrunk
from dialer.trunks import TrunkLimits
from domain.clock import SystemClock

LOOK_S: Final = 0.02
START_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a child needs to know.

    Attributes:
        look_s: how often it says what it is doing, if that has changed.
    """

    folder: Path
    root: Path
    asterisk: Path
    ports: Ports
    trunk: SipTrunk
    limits: TrunkLimits
    gateway_port: int
    offset_s: float
    name: str
    database: str
    redis: str
    look_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """What an engine is doing.

    Attributes:
        link_up: it may dial as far as the switch is concerned.
        placed: calls it has placed since it started.
        calls: attempt to state.
        agents: agent to state, for those signed in.
    """

    link_up: bool = False
    placed: int = 0
    calls: dict[str, str] = field(default_factory=dict)
    agents: dict[str, str] = field(default_factory=dict)


_PLAN: Final = TypeAdapter(Plan)
_REPORT: Final = TypeAdapter(Report)


class EngineProcess:
    """An engine beside a running Asterisk, in a process that can be killed and started again.

    Args:
        folder: where its store and its files are.
        instance: its Asterisk.
        trunk, limits: its way out.
        clock: whose calendar it has.
        gateway_port: where agents' screens find it, before and after.
        ami_port: where it finds the AMI, when that is not Asterisk's own: a wire that can be cut.
        look_s: how often it reports.
        name: the engine's.
        database: what it shares with others; empty for a file of its own in the folder.
        redis: what it shares with others; empty for nothing.
    """

    def __init__(
        self,
        folder: Path,
        instance: Instance,
        trunk: SipTrunk,
        limits: TrunkLimits,
        clock: SystemClock,
        gateway_port: int,
        ami_port: int | None = None,
        look_s: float = LOOK_S,
        *,
        name: str = "killed",
        database: str = "",
        redis: str = "",
    ) -> None:
        ports, root = instance.ports, instance.program
        if ami_port is not None:
            ports = replace(ports, ami=ami_port)
        if not isinstance(root, PrivateRoot):
            raise TypeError("an engine process needs an Asterisk in a private root")
        self.report = Report()
        self.started_at = 0.0
        self._plan = Plan(
            folder,
            root.path,
            instance.place.folder,
            ports,
            trunk,
            limits,
            gateway_port,
            clock.offset.total_seconds(),
            name,
            database or str(folder / "fairdial.db"),
            redis,
            look_s,
        )
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it and wait until it has reconciled with the switch."""
        self.report, self.started_at = Report(), time.time()
        log = (self._plan.folder / "engine.log").open("ab")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "dialer.testing.engine_process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the engine process has no pipes")
        self._process.stdin.write(_PLAN.dump_json(self._plan))
        self._process.stdin.close()
        self._reader = asyncio.create_task(self._read(self._process.stdout))
        await self.until(lambda report: report.link_up, START_S)

    @property
    def pid(self) -> int:
        """The process's number.

        Raises:
            ChildProcessError: it does not run.
        """
        if self._process is None:
            raise ChildProcessError("the engine does not run")
        return self._process.pid

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """End it in order: calls are finished, everything is written."""
        await self._end(signal.SIGTERM)

    async def until(self, condition: Callable[[Report], bool], seconds: float = 60.0) -> None:
        """Wait until the engine says something of which `condition` holds.

        Raises:
            TimeoutError: it never did.
            ChildProcessError: the engine has ended.
        """
        async with asyncio.timeout(seconds):
            while not condition(self.report):
                if self._process is None or self._process.returncode is not None:
                    raise ChildProcessError(f"the engine has ended: see {self._plan.folder / 'engine.log'}")
                await asyncio.sleep(LOOK_S)

    async def _end(self, number: signal.Signals) -> None:
        if self._process is None or self._reader is None:
            return
        if self._process.returncode is None:
            self._process.send_signal(number)
        await self._process.wait()
        await self._reader
        self._process = self._reader = None

    async def _read(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            if line.startswith(b"{"):
                self.report = _REPORT.validate_json(line)


# --- the child --------------------------------------------------------------------------------------------------------


def _parts(plan: Plan) -> Parts:
    instance = Instance(
        program=PrivateRoot(plan.root), folder=plan.asterisk, ports=plan.ports, files=lambda _place, _secret: {}
    )
    return Parts(
        state_dir=plan.folder,
        database=plan.database,
        instance=instance,
        trunks=((plan.trunk, plan.limits),),
        countries=frozenset({"US"}),
        clock=SystemClock(timedelta(seconds=plan.offset_s)),
        attempt_log=plan.folder / "attempts.jsonl",
        gateway=ServerSettings(port=plan.gateway_port),
        name=plan.name,
        redis=plan.redis,
    )


def _report(app: App) -> Report:
    return Report(
        app.engine.link_up,
        app.engine.counters.placed,
        {call.attempt: call.record.state.value for call in app.engine.live()},
        {view.id: view.state.value for view in app.floor.snapshot().agents},
    )


async def _run(plan: Plan) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with running(_parts(plan)) as app:
        said = Report()
        while not stop.is_set():
            now = _report(app)
            if now != said:
                said = now
                sys.stdout.write(_REPORT.dump_json(now).decode() + "\n")
                sys.stdout.flush()
            await asyncio.sleep(plan.look_s)
        await app.settle()


if __name__ == "__main__":
    import structlog

    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),  # as the engine's own logs
    )
    asyncio.run(_run(_PLAN.validate_json(sys.stdin.buffer.read())))
