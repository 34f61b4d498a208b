"""What share of a day's live answers is abandoned when the day is held: many days from a cold start, their quantile.

`python -m benchmarks.pacing.days AGENTS... [--days 100] [--publish FILE]`. Each day is eight hours of the standard
floor (p 0.25, talk 60 s) with the engine's own decisions, on a seed of its own, and counts from its first minute. Days
are kept as they come, so a run that is stopped goes on where it was; the 95 % quantile is to be at most 3.05 %.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from pathlib import Path
from statistics import mean, stdev

from benchmarks.pacing.cells import HELD_OUT
from pacing.simulation.picture import Axis, Bar, Picture, Rule, draw, round_top
from pacing.simulation.policies import policy_named
from pacing.simulation.statistics import quantile
from pacing.simulation.study import standard_document
from pacing.simulation.workload import parse
from pacing.simulation.world import World

TARGET = 0.03
LIMIT = 0.0305
BIN = 0.0005
_KEPT = Path("var/bench-pacing")
_HEAD = (
    "| agents | days | utilisation | abandoned, mean | sd | 95 % quantile | worst | days above 3 % | quantile met |",
    "|" + "---|" * 9,
)
_PAGE = """# Pacing, day by day

Written by `make bench-pacing-days`; not edited by hand. Each day is eight hours of the standard floor (a quarter of the
dials reach a person, 60 s of talk) on a seed of its own that nothing was tuned on, from a cold start, with the engine's
own decisions and the day held to 3 % of live answers abandoned. Figures in percent; the 95 % quantile of the days is to
be at most 3.05."""


def day(agents: int, seed: int) -> dict[str, float]:
    """One day."""
    load = parse(standard_document(agents, 0.25, 60, hours=8.0) | {"warm_up_s": 0})
    report = World(load, policy_named("predictive"), seed).run().report()
    return {name: float(str(report[name])) for name in ("abandonment", "utilisation", "answered")} | {"seed": seed}


def histogram(shares: list[float], agents: int) -> str:
    """How often which share came out."""
    tally = Counter(math.floor(share / BIN + 1e-9) for share in shares)
    low, high = min(min(tally) - 1, round(TARGET / BIN) - 1), max(max(tally) + 2, round(TARGET / BIN) + 1)
    return draw(
        Picture(
            f"{len(shares)} days of {agents} agents",
            Axis("share of the day's live answers abandoned", low * BIN, high * BIN, percent=True),
            Axis("number of days", 0.0, round_top(max(tally.values()))),
            bars=tuple(Bar(k * BIN, (k + 1) * BIN, count) for k, count in sorted(tally.items())),
            rules=(Rule("target 3 %", TARGET, upright=True),),
        )
    )


def played(agents: int, wanted: int, kept: Path) -> list[dict[str, float]]:
    """As many days as are wanted; those of earlier runs are not played again."""
    days = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()] if kept.exists() else []
    for seed in range(HELD_OUT + len(days), HELD_OUT + wanted):
        days.append(day(agents, seed))
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(days[-1]) + "\n")
        sys.stderr.write(f"\r{agents} agents: {len(days)} of {wanted} days")
    sys.stderr.write("\n")
    return days


def row(agents: int, days: list[dict[str, float]]) -> str:
    """One team size as a row of the table."""
    shares = sorted(one["abandonment"] for one in days)
    high = quantile(shares, 0.95)
    scatter = stdev(shares) if len(shares) > 1 else 0.0
    figures = (mean(shares), scatter, high, shares[-1])
    shown = " | ".join(f"{100 * figure:.2f}" for figure in figures)
    busy = f"{100 * mean(one['utilisation'] for one in days):.1f}"
    above = sum(share > 0.03 for share in shares)
    return f"| {agents} | {len(days)} | {busy} | {shown} | {above} | {'yes' if high <= LIMIT else 'no'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agents", type=int, nargs="+")
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--afresh", action="store_true")
    parser.add_argument("--publish", type=Path, default=None, help="write the page here, its pictures beside it")
    options = parser.parse_args()
    _KEPT.mkdir(parents=True, exist_ok=True)
    rows, pictures = [], []
    for agents in options.agents:
        kept = _KEPT / f"days-{agents}.jsonl"
        if options.afresh:
            kept.unlink(missing_ok=True)
        days = played(agents, options.days, kept)
        rows.append(row(agents, days))
        print(rows[-1])
        if options.publish is not None:
            picture = options.publish.parent / "pictures" / f"pacing-days-{agents}.svg"
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.write_text(histogram([one["abandonment"] for one in days], agents), encoding="utf-8")
            pictures.append(f"![{agents} agents](pictures/{picture.name})")
    if options.publish is not None:
        page = [_PAGE, "\n".join((*_HEAD, *rows)), *pictures]
        options.publish.write_text("\n\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
