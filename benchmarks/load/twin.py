"""The predictive policy on a real floor, held against the simulator on the same figures.

Twenty agents, real Asterisk, SIP, detection and recording, SIPp as a carrier whose chances are known (`twin.xml`). What
was measured of the way from answer to agent goes into the simulator's workload; ten runs of it give an interval in
which one more run should lie (Student, 95 %). The real floor is that run.

Both begin with an empty budget that binds, and both are told that the day is over when the run is: a new campaign's
first minutes, with the brake on now and then, are the same on both sides.
"""

from __future__ import annotations

import asyncio
import math
import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, select

from accounts.store import open_store
from accounts.tables import agent_intervals
from benchmarks.load.floor import SETTINGS
from benchmarks.load.site import HELLO_S, NOON_NEW_YORK, SIGN_IN_S, Site, dialing, raised, stock, voice
from dialer.tally import CLOSING
from dialer.testing.auto_agent import Habits
from dialer.trunks import TrunkLimits
from domain.clock import SystemClock
from domain.outcomes import Outcome
from domain.telephony import Treatment
from pacing.simulation.policies import policy_named
from pacing.simulation.study import interval
from pacing.simulation.workload import parse
from pacing.simulation.world import World
from reports.attempt_lines import AttemptLine

AGENTS: Final = 20
WARM_UP_S: Final = 300.0
MINUTES: Final = float(os.environ.get("MINUTES", "30"))
RUNS: Final = 10
ACCOUNTS: Final = 40_000
ZONE: Final = "Europe/Helsinki"
"""The campaign's days end here at 21:00, which is afternoon where its people live."""
TALK_S, WRAP_S, SPREAD = 12.0, 3.0, 0.5
HABITS: Final = Habits(talk_mean_s=TALK_S, talk_cv=SPREAD, hangs_up=1.0, wrap_mean_s=WRAP_S, says_nothing=0.0)
WORKING: Final = frozenset({"talking", "wrap_up"})
AWAY: Final = frozenset({"offline", "paused"})


async def measure(folder: Path, console: Console) -> None:
    """Run the floor, then the simulator, and print both."""
    voice(folder / "sipp")
    async with raised(folder, "twin", AGENTS) as site:
        closing = datetime.combine(NOON_NEW_YORK, CLOSING, ZoneInfo(ZONE))
        site.clock = SystemClock.starting_at(closing - timedelta(seconds=WARM_UP_S + 60 * MINUTES + SIGN_IN_S))
        stock(site, ACCOUNTS, replace(SETTINGS, treatment=Treatment.HANGUP, zone=ZONE))
        limits = TrunkLimits(site.trunk.name, channels=300, calls_per_second=30.0)
        async with dialing(site, limits, HABITS):
            console.print(f"== {AGENTS} agents, {WARM_UP_S:g} s to warm up, {MINUTES:g} minutes measured")
            lines, span = await _watch(site)
    real = {"utilisation": _utilisation(site, *span), "abandonment": _abandonment(lines)}
    lag_s = median(_seconds(lines, "answered_at", "verdict_at")) - HELLO_S
    bridge_ms = 1000 * median(_seconds(lines, "verdict_at", "joined_at"))
    console.print(f"== simulator, {RUNS} runs")
    runs = await asyncio.to_thread(_simulated, lag_s)
    table = Table(title=f"{AGENTS} agents, {MINUTES:g} minutes: real Asterisk and simulator", title_justify="left")
    for column in ("", "real floor", "simulator, mean", "where one more run should lie", "agrees"):
        table.add_column(column, justify="right" if column else "left")
    for name, value in real.items():
        low, high = _next_run([run[name] for run in runs])
        mean = fmean(run[name] for run in runs)
        agrees = "yes" if low <= value <= high else "no"
        table.add_row(name, f"{value:.2%}", f"{mean:.2%}", f"{max(0.0, low):.2%} to {high:.2%}", agrees)
    console.print(table)
    answered = sum(line.answered_at is not None for line in lines)
    console.print(
        f"{len(lines)} calls, {answered} answered; verdict {lag_s:.2f} s after the greeting, "
        f"bridge {bridge_ms:.1f} ms after the verdict (medians).",
        highlight=False,
    )


async def _watch(site: Site) -> tuple[tuple[AttemptLine, ...], tuple[datetime, datetime]]:
    await asyncio.sleep(WARM_UP_S)
    mark, began = site.log_size(), site.clock.now()
    await asyncio.sleep(60 * MINUTES)
    return site.log_since(mark), (began, site.clock.now())


def _seconds(lines: tuple[AttemptLine, ...], since: str, until: str) -> list[float]:
    """Between two instants, of the attempts that have both."""
    spans = ((getattr(line, since), getattr(line, until)) for line in lines)
    return [(last - first).total_seconds() for first, last in spans if first is not None and last is not None]


def _abandonment(lines: tuple[AttemptLine, ...]) -> float:
    lost = sum(line.treated_at is not None or line.outcome is Outcome.ABANDONED for line in lines)
    served = sum(line.joined_at is not None and line.treated_at is None for line in lines)
    return lost / (lost + served)


def _utilisation(site: Site, began: datetime, ended: datetime) -> float:
    """Talk and wrap-up as a share of the time agents were there, by the store's own intervals."""

    def read(tx: Connection) -> tuple[float, float]:
        working = there = 0.0
        for row in tx.execute(select(agent_intervals)):
            seconds = (min(row.ended_at or ended, ended) - max(row.began_at, began)).total_seconds()
            if seconds > 0 and row.state not in AWAY:
                there += seconds
                working += seconds * (row.state in WORKING)
        return working, there

    store = open_store(site.store, NOON_NEW_YORK)
    try:
        working, there = store.read(read)
    finally:
        store.close()
    return working / there


def _simulated(lag_s: float) -> list[dict[str, float]]:
    load = parse(
        {
            "name": "twin",
            "seed": 1,
            "hours": (WARM_UP_S + 60 * MINUTES) / 3600,
            "warm_up_s": WARM_UP_S,
            "agents": [{"from_s": 0, "n": AGENTS}],
            "answer": {"p": 0.3},
            "ring_human": {"dist": "uniform", "low": 2, "high": 8},
            "other": [
                {"kind": "no_answer", "share": 5 / 7, "after": {"dist": "uniform", "low": 10, "high": 12}},
                {"kind": "failure", "share": 2 / 7, "after": {"dist": "uniform", "low": 0.5, "high": 1.5}},
            ],
            "amd_s": HELLO_S,
            "verdict_lag_s": lag_s,
            "grace_s": SETTINGS.connect_within_s,
            "talk": {"dist": "lognormal", "mean": TALK_S, "cv": SPREAD},
            "wrap": {"dist": "lognormal", "mean": WRAP_S, "cv": SPREAD},
            "target": {"abandonment": SETTINGS.target_abandonment, "window": "day_law"},
        }
    )
    measured = [World(load, policy_named("predictive"), seed).run().report() for seed in range(1, RUNS + 1)]
    return [{name: float(str(run[name])) for name in ("utilisation", "abandonment")} for run in measured]


def _next_run(values: list[float]) -> tuple[float, float]:
    """Where one more run should lie, with 95 %: wider than the mean's own interval by the spread of a single run."""
    half = (interval(values).high - interval(values).low) / 2  # t s / sqrt(n)
    wider = half * math.sqrt(len(values) + 1)
    return fmean(values) - wider, fmean(values) + wider if stdev(values) else fmean(values)
