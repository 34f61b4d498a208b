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
from dialer.testing import postgres, redis_server
from dialer.testing.engine_process import EngineProcess
from dialer.testing.scene import Wire


@dataclass(frozen=True, slots=True)
class Servers:
    """A database server and a Redis of our own."""

    database: postgres.Server
    redis: redis_server.Server


@dataclass(frozen=True, slots=True)
class Target:
    """What can be broken; servers where the engine works on some."""

    site: Site
    engine: EngineProcess
    wire: Wire
    shared: Servers | None = None

    @property
    def servers(self) -> Servers:
        if self.shared is None:
            raise LookupError("this engine works on files")
        return self.shared


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


async def kill_database(target: Target) -> float:
    """PostgreSQL ends without time for anything, and comes back."""
    await asyncio.to_thread(target.servers.database.stop)
    await asyncio.sleep(8.0)
    await asyncio.to_thread(target.servers.database.start)
    return time.time()


async def kill_redis(target: Target) -> float:
    await asyncio.to_thread(target.servers.redis.kill)
    back = time.time()  # dialing goes on without it
    await asyncio.sleep(8.0)
    await asyncio.to_thread(target.servers.redis.start)
    return back


async def freeze_redis(target: Target) -> float:
    target.servers.redis.signal(signal.SIGSTOP)
    back = time.time()
    await asyncio.sleep(8.0)
    target.servers.redis.signal(signal.SIGCONT)
    return back


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
}
ON_A_FILE: Final[dict[str, Callable[[Target], Awaitable[float]]]] = {
    "store locked for 12 s": lock_store,
}
ON_SERVERS: Final[dict[str, Callable[[Target], Awaitable[float]]]] = {
    "PostgreSQL killed, back after 8 s": kill_database,
    "Redis killed, back after 8 s": kill_redis,
    "Redis silent for 8 s": freeze_redis,
}
