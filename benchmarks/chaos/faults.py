"""The faults, each a function that breaks one thing under load and says when dialing could go on."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.load.site import Site
from dialer.testing.engine_process import EngineProcess
from dialer.testing.scene import Wire


@dataclass(frozen=True, slots=True)
class Target:
    """What can be broken."""

    site: Site
    engine: EngineProcess
    wire: Wire


async def kill_engine(target: Target) -> float:
    await target.engine.kill()
    await asyncio.sleep(0.5)
    await target.engine.start()
    return target.engine.started_at


async def kill_engine_for_long(target: Target) -> float:
    await target.engine.kill()
    await asyncio.sleep(20.0)
    await target.engine.start()
    return target.engine.started_at


async def kill_asterisk(target: Target) -> float:
    target.site.instance.kill()
    await asyncio.sleep(2.0)
    started = time.time()
    await target.site.instance.start()
    return started


async def freeze_asterisk(target: Target) -> float:
    return await _freeze(target.site.instance.pid() or 0, 10.0)


async def freeze_carrier(target: Target) -> float:
    return await _freeze(target.site.pids["SIPp, carrier"], 10.0)


async def cut_wire(target: Target) -> float:
    target.wire.cut()
    return time.time()


async def clog_wire(target: Target) -> float:
    target.wire.clog()
    await asyncio.sleep(15.0)
    target.wire.clear()
    return time.time()


async def lock_store(target: Target) -> float:
    """Another program, a backup perhaps, keeps the whole store to itself."""
    other = sqlite3.connect(target.site.folder / "fairdial.db", timeout=30, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await asyncio.sleep(12.0)
    other.execute("ROLLBACK")
    other.close()
    return time.time()


async def _freeze(pid: int, seconds: float) -> float:
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
    return time.time()


FAULTS: Final[dict[str, Callable[[Target], Awaitable[float]]]] = {
    "engine killed, restarted at once": kill_engine,
    "engine killed, away for 20 s": kill_engine_for_long,
    "AMI cut": cut_wire,
    "AMI half-open for 15 s": clog_wire,
    "Asterisk frozen for 10 s": freeze_asterisk,
    "Asterisk killed, back after 2 s": kill_asterisk,
    "carrier silent for 10 s": freeze_carrier,
    "store locked for 12 s": lock_store,
}
