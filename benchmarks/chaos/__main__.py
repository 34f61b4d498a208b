"""`python -m benchmarks.chaos`: break each part in turn while calls are up, and print what became of each call.

One stage, one campaign of many accounts, six agents at their screens. Before each fault the calls in flight are noted.
In the end the ledger is joined with the carrier's file, which no fault of ours can touch.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console
from rich.table import Table

from accounts.model import Mode
from dialer.asterisk.install import installed_root
from dialer.testing.auto_agent import Habits
from dialer.testing.number_plan import number_for
from dialer.testing.scene import SETTINGS, Books, Scene, books, played

AGENTS: Final = ("amira", "bruno", "chloe", "dario", "elena", "farid")
ACCOUNTS: Final = 600
FOLDER: Final = Path("var/chaos")
CALM_S: Final = 12.0
LEAST_IN_FLIGHT: Final = 5
HABITS: Final = Habits(talk_mean_s=12.0, hangs_up=0.8, wrap_mean_s=1.0)


async def kill_engine(scene: Scene) -> float:
    await scene.engine.kill()
    await asyncio.sleep(0.5)
    await scene.engine.start()
    return scene.engine.started_at


async def kill_engine_for_long(scene: Scene) -> float:
    await scene.engine.kill()
    await asyncio.sleep(20.0)
    await scene.engine.start()
    return scene.engine.started_at


async def kill_asterisk(scene: Scene) -> float:
    return await scene.restart_asterisk(away_s=2.0)


async def freeze_asterisk(scene: Scene) -> float:
    await scene.freeze_asterisk(10.0)
    return time.time()


async def cut_wire(scene: Scene) -> float:
    scene.wire.cut()
    return time.time()


async def clog_wire(scene: Scene) -> float:
    scene.wire.clog()
    await asyncio.sleep(15.0)
    scene.wire.clear()
    return time.time()


FAULTS: Final[dict[str, Callable[[Scene], Awaitable[float]]]] = {
    "engine killed, restarted at once": kill_engine,
    "engine killed, away for 20 s": kill_engine_for_long,
    "AMI cut": cut_wire,
    "AMI half-open for 15 s": clog_wire,
    "Asterisk frozen for 10 s": freeze_asterisk,
    "Asterisk killed, back after 2 s": kill_asterisk,
}


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault as it happened: which attempts were up in which state, and how long until the next INVITE."""

    name: str
    in_flight: dict[str, str]
    resumed_s: float | None


async def strike(scene: Scene, name: str, fault: Callable[[Scene], Awaitable[float]]) -> Blow:
    """Wait for a full house, break something, and wait for dialing to go on."""
    await scene.engine.until(lambda report: len(report.calls) >= LEAST_IN_FLIGHT, seconds=120)
    in_flight = dict(scene.engine.report.calls)
    back_at = await fault(scene)
    try:
        resumed_s = await scene.invite_after(back_at, seconds=90)
    except TimeoutError:
        resumed_s = None
    await asyncio.sleep(CALM_S)
    return Blow(name, in_flight, resumed_s)


async def run(folder: Path, console: Console) -> bool:
    """Play the whole day; True when nothing was uncounted, open or dialed twice."""
    numbers = [number_for(None, "404", k) for k in range(ACCOUNTS)]
    settings = replace(SETTINGS, mode=Mode.POWER, ratio=1.5)
    clips = folder.parent / "clips"
    async with played(folder, installed_root(), AGENTS, numbers, settings, HABITS, clips) as scene:
        blows = []
        for name, fault in FAULTS.items():
            console.print(f"== {name}")
            blows.append(await strike(scene, name, fault))
        console.print("== letting calls end")
        await scene.engine.stop()
        found = books(scene)
        invites = len(scene.calls())
    console.print(_table(blows, found))
    good = (found.uncounted, found.twice, found.open) == (0, 0, 0) and all(blow.resumed_s is not None for blow in blows)
    console.print(
        f"{invites} INVITEs at the carrier, {len(found.fates)} attempts in the ledger; "
        f"not counted: {found.uncounted}, dialed twice: {found.twice}, without exactly one outcome: {found.open}.",
        highlight=False,
    )
    return good


def _table(blows: list[Blow], found: Books) -> Table:
    table = Table(title="What became of the calls that were up when it broke", title_justify="left", show_lines=True)
    for column in ("fault", "up", "in which state -> outcome in the ledger", "uncounted", "twice", "resumed after"):
        table.add_column(column)
    for blow in blows:
        fates = Counter(
            (state, found.fates[attempt].outcomes[0].value if found.fates[attempt].outcomes else "none")
            for attempt, state in blow.in_flight.items()
        )
        words = "\n".join(f"{count} {state} -> {end}" for (state, end), count in sorted(fates.items()))
        mine = [found.fates[attempt] for attempt in blow.in_flight]
        uncounted = sum(not fate.outcomes for fate in mine)
        twice = sum(len(fate.invites) > found.made[fate.number] for fate in mine)
        resumed = "never" if blow.resumed_s is None else f"{blow.resumed_s:.1f} s"
        table.add_row(blow.name, str(len(mine)), words, str(uncounted), str(twice), resumed)
    return table


def main() -> None:
    """Run every fault; the exit code says whether anything was lost."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    sys.exit(0 if asyncio.run(run(FOLDER.absolute(), Console())) else 1)


if __name__ == "__main__":
    main()
