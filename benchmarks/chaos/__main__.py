"""`python -m benchmarks.chaos [--servers]`: break each part in turn under load, and print what became of each call.

The engine works on a file, or on a PostgreSQL and a Redis of its own, which are broken too. SIPp is the carrier and the
agents' telephones; twenty agents, fifteen calls a second. Before each fault the calls in flight are noted. In the end
the ledger is joined with the carrier's file, which no fault of ours can touch.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console
from rich.table import Table

from accounts.store import open_store
from benchmarks.chaos import far_end
from benchmarks.chaos.far_end import FarEnd
from benchmarks.chaos.faults import FAULTS, ON_A_FILE, ON_SERVERS, Servers, Target
from benchmarks.load.floor import SETTINGS
from benchmarks.load.site import dialing, raised, stock, voice
from dialer.testing import postgres, redis_server
from dialer.testing.auto_agent import Habits
from dialer.testing.scene import Wire, ledger_rows
from dialer.trunks import TrunkLimits
from domain.outcomes import Outcome

AGENTS: Final = 20
CALLS_PER_SECOND: Final = 15.0
ACCOUNTS: Final = 20_000
FOLDER: Final = Path("var/chaos")
CALM_S: Final = 10.0
LEAST_IN_FLIGHT: Final = 20
RESUME_S: Final = 90.0
LOOK_S: Final = 0.05
HABITS: Final = Habits(talk_mean_s=4.0, hangs_up=1.0, wrap_mean_s=0.5, says_nothing=0.0)
NOBODY_ANSWERED: Final = frozenset({Outcome.NO_ANSWER, Outcome.CANCELLED, Outcome.BUSY, Outcome.FAILED, Outcome.SIT})


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault as it happened: which attempts were up in which state, and how long until the next INVITE."""

    name: str
    in_flight: dict[str, str]
    resumed_s: float | None


@dataclass(frozen=True, slots=True)
class Books:
    """Ledger and carrier joined; every number has one account.

    Attributes:
        number: of each attempt.
        outcomes: of each attempt, the first ones; one each, if all is well.
        far: what the carrier saw.
    """

    number: dict[str, str]
    outcomes: dict[str, list[Outcome]]
    far: FarEnd

    @property
    def uncounted(self) -> set[str]:
        """Numbers that the carrier was asked for and the ledger has never heard of."""
        return self.far.invites.keys() - set(self.number.values())

    @property
    def twice(self) -> set[str]:
        """Numbers with more INVITEs than attempts."""
        made = Counter(self.number.values())
        return {number for number, times in self.far.invites.items() if 0 < made[number] < times}

    @property
    def open(self) -> set[str]:
        """Attempts without exactly one outcome."""
        return {attempt for attempt in self.number if len(self.outcomes.get(attempt, ())) != 1}

    @property
    def untrue(self) -> set[str]:
        """Attempts that were answered at the carrier, and the ledger says that nobody answered."""
        return {
            attempt
            for attempt, ends in self.outcomes.items()
            if self.far.answered[self.number[attempt]] and NOBODY_ANSWERED & set(ends)
        }


async def strike(target: Target, name: str, fault: Callable[[Target], Awaitable[float]]) -> Blow:
    """Wait for a full house, break something, and wait for dialing to go on."""
    await target.engine.until(lambda report: len(report.calls) >= LEAST_IN_FLIGHT, seconds=120)
    in_flight = dict(target.engine.report.calls)
    back_at = await fault(target)
    resumed_s = await _invite_after(target.site.truth, back_at)
    await asyncio.sleep(CALM_S)
    return Blow(name, in_flight, resumed_s)


async def _invite_after(truth: Path, instant: float) -> float | None:
    """Seconds until the first INVITE after an instant; None where there was none."""
    try:
        async with asyncio.timeout(RESUME_S):
            while not (later := [at for at in far_end.read(truth).invited_at if at > instant]):  # noqa: ASYNC110  # a file
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        return None
    return later[0] - instant


async def run(folder: Path, console: Console, servers: Servers | None) -> bool:
    """Play all faults; True when nothing was uncounted, dialed twice, open or untrue, and dialing always went on."""
    voice(folder / "sipp")
    async with raised(folder, "floor", AGENTS) as site:
        if servers is not None:
            site.database, site.redis = servers.database.new_database(), servers.redis.url
        stock(site, ACCOUNTS, SETTINGS)
        wire = Wire(site.instance.ports.ami)
        await wire.start()
        limits = TrunkLimits(site.trunk.name, channels=200, calls_per_second=CALLS_PER_SECOND)
        async with dialing(site, limits, HABITS, wire.port, LOOK_S) as engine:
            blows = []
            target = Target(site, engine, wire, servers)
            for name, fault in (FAULTS | (ON_A_FILE if servers is None else ON_SERVERS)).items():
                console.print(f"== {name}")
                blows.append(await strike(target, name, fault))
            console.print("== letting calls end")
        await wire.stop()
        found = books(site.store, far_end.read(site.truth))
    console.print(_table(blows, found))
    console.print(
        f"{found.far.invites.total()} INVITEs at the carrier, {len(found.number)} attempts in the ledger; "
        f"not counted: {len(found.uncounted)}, dialed twice: {len(found.twice)}, "
        f"without exactly one outcome: {len(found.open)}, answered and said not to be: {len(found.untrue)}.",
        highlight=False,
    )
    went_on = all(blow.resumed_s is not None for blow in blows)
    return went_on and not (found.uncounted or found.twice or found.open or found.untrue)


def books(address: str | Path, far: FarEnd) -> Books:
    """Join ledger and carrier; the engine is to be at rest."""
    store = open_store(address, datetime.now(UTC))
    try:
        number, outcomes, _ = store.read(ledger_rows)
    finally:
        store.close()
    return Books(number, outcomes, far)


def _table(blows: list[Blow], found: Books) -> Table:
    table = Table(title="What became of the calls that were up when it broke", title_justify="left", show_lines=True)
    for column in ("fault", "up", "in which state -> outcome in the ledger", "uncounted", "twice", "resumed after"):
        table.add_column(column)
    for blow in blows:
        fates = Counter(
            (state, found.outcomes[attempt][0].value if attempt in found.outcomes else "none")
            for attempt, state in blow.in_flight.items()
        )
        words = "\n".join(f"{count} {state} -> {end}" for (state, end), count in sorted(fates.items()))
        uncounted = sum(attempt not in found.outcomes for attempt in blow.in_flight)
        twice = sum(found.number.get(attempt) in found.twice for attempt in blow.in_flight)
        resumed = "never" if blow.resumed_s is None else f"{blow.resumed_s:.1f} s"
        table.add_row(blow.name, str(len(blow.in_flight)), words, str(uncounted), str(twice), resumed)
    return table


def main() -> None:
    """Run every fault; the exit code says whether anything was lost."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with ExitStack() as stack:
        servers = _servers(stack) if "--servers" in sys.argv[1:] else None
        good = asyncio.run(run(FOLDER.absolute(), Console(width=110), servers))
    sys.exit(0 if good else 1)


def _servers(stack: ExitStack) -> Servers:
    """A PostgreSQL and a Redis of this run's own, gone afterwards."""
    binaries, program = postgres.binaries(), redis_server.program()
    if binaries is None or program is None:
        sys.exit("there is no PostgreSQL or no Redis: run deploy/need-servers")
    redis = redis_server.Server(program)
    stack.callback(redis.remove)
    redis.start()
    return Servers(stack.enter_context(postgres.running(binaries)), redis)


if __name__ == "__main__":
    main()
