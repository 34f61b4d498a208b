"""How many answered calls a second: the whole engine beside a bare Originate loop, on the same Asterisk and carrier.

Each keeps a number of calls in flight; SIPp answers at once and hangs up 0.2 s later. The knee is the most answered
calls a second at which one call in a hundred at most takes longer than half a second from order to answer.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from accounts import campaigns
from accounts.model import CampaignSettings
from accounts.store import open_store
from benchmarks.claim_reserve import number_of
from benchmarks.load.bare import BareCaller
from benchmarks.load.cpu import Reading
from benchmarks.load.site import NOON_NEW_YORK, Site, dialing, raised, stock
from dialer.testing.auto_agent import Habits
from dialer.testing.stage import OWNED
from dialer.trunks import TrunkLimits
from domain.ids import CampaignId
from domain.mode import Mode
from domain.phone import PhoneNumber
from domain.telephony import RecordingMode, Treatment
from reports.attempt_lines import AttemptLine
from reports.summary import percentiles

AGENTS: Final = 20
WINDOWS: Final = (20, 40, 80, 160, 240)
WARM_UP_S: Final = 5.0
MEASURED_S: Final = 15.0
ACCOUNTS: Final = 40_000
KNEE_SETUP_MS: Final = 500.0
SETTINGS: Final = CampaignSettings(
    purpose="debt_third_party",
    country="US",
    creditor="Harbor Bank",
    caller_ids=tuple(number.e164 for number in OWNED),
    recording=RecordingMode.RECORD,
    treatment=Treatment.HANGUP,
    mode=Mode.POWER,
    ratio=1.0,
)


@dataclass(frozen=True, slots=True)
class Point:
    """One measured span."""

    who: str
    window: int
    answered_per_s: float
    setup_p50_ms: float
    setup_p99_ms: float
    cores: dict[str, float]

    @property
    def holds(self) -> bool:
        return self.setup_p99_ms <= KNEE_SETUP_MS


async def measure(folder: Path, console: Console) -> None:
    """Measure both and print the table."""
    points = [point async for point in _points(folder, console)]
    table = Table(title="Answered calls a second, answer and hang up", title_justify="left")
    for column in ("who", "in flight", "answered/s", "setup p50 ms", "p99 ms", "cores in use"):
        table.add_column(column, justify="left" if column in {"who", "cores in use"} else "right")
    for point in points:
        cores = ", ".join(f"{name} {share:.2f}" for name, share in point.cores.items())
        figures = (f"{point.answered_per_s:.0f}", f"{point.setup_p50_ms:.1f}", f"{point.setup_p99_ms:.1f}")
        table.add_row(point.who, str(point.window), *figures, cores)
    console.print(table)
    bare, engine = (knee(points, who) for who in ("bare Originate", "engine"))
    console.print(f"knee: engine {engine:.0f}/s, bare {bare:.0f}/s, ratio {engine / bare:.2f}", highlight=False)


def knee(points: list[Point], who: str) -> float:
    """The most answered calls a second that hold; 0 where none does."""
    return max((point.answered_per_s for point in points if point.who == who and point.holds), default=0.0)


async def _points(folder: Path, console: Console) -> AsyncIterator[Point]:
    async with raised(folder, "answer_hang_up", AGENTS) as site:
        for window in WINDOWS:
            console.print(f"== bare, {window} in flight")
            yield await _bare(site, window)
        campaign = stock(site, ACCOUNTS, SETTINGS)
        limits = TrunkLimits(site.trunk.name, channels=480, calls_per_second=1000.0)
        async with dialing(site, limits, Habits()):
            for window in WINDOWS:
                console.print(f"== engine, {window} in flight")
                yield await _engine(site, campaign, window)


async def _bare(site: Site, window: int) -> Point:
    caller = BareCaller(site.instance, site.trunk.name, lambda k: site.trunk.dialed(PhoneNumber(number_of(k))))
    measuring = asyncio.create_task(caller.run(window, WARM_UP_S, MEASURED_S))
    await asyncio.sleep(WARM_UP_S)
    before = Reading.now(site.pids)
    await asyncio.sleep(MEASURED_S)
    cores = Reading.now(site.pids).shares_since(before)
    tally = await measuring
    return _point("bare Originate", window, [1000 * seconds for seconds in tally.setup_s], cores)


async def _engine(site: Site, campaign: CampaignId, window: int) -> Point:
    set_ratio(site, campaign, window / AGENTS)
    await asyncio.sleep(WARM_UP_S)
    before, mark = Reading.now(site.pids), site.log_size()
    await asyncio.sleep(MEASURED_S)
    cores = Reading.now(site.pids).shares_since(before)
    return _point("engine", window, [ms for line in site.log_since(mark) if (ms := setup_ms(line)) is not None], cores)


def _point(who: str, window: int, setup: list[float], cores: dict[str, float]) -> Point:
    spread = percentiles(setup)
    return Point(who, window, len(setup) / MEASURED_S, spread.p50 or math.inf, spread.p99 or math.inf, cores)


def setup_ms(line: AttemptLine) -> float | None:
    """From the reservation being durable to the answer, as the engine heard of it."""
    return None if line.answered_at is None else (line.answered_at - line.reserved_at) / timedelta(milliseconds=1)


def set_ratio(site: Site, campaign: CampaignId, ratio: float) -> None:
    """Change the running campaign, as a manager would; the engine takes it over within a second."""
    store = open_store(site.store, NOON_NEW_YORK)
    try:
        store.write(campaigns.change, campaign, replace(SETTINGS, ratio=ratio))
    finally:
        store.close()
