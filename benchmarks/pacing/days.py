"""What share of a day's live answers is abandoned when the day is held: many days from a cold start, their quantile.

`python -m benchmarks.pacing.days AGENTS [--days 100] [--picture FILE]`. Each day is eight hours of the standard floor
(p 0.25, talk 60 s) with the engine's own decisions, on a seed of its own, and counts from its first minute. Days are
kept as they come, so a run that is stopped goes on where it was; the 95 % quantile is to be at most 3.05 %.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean, stdev

from benchmarks.pacing.cells import HELD_OUT
from pacing.simulation.picture import Axes, Curve, draw
from pacing.simulation.policies import policy_named
from pacing.simulation.statistics import quantile
from pacing.simulation.study import standard_document
from pacing.simulation.workload import parse
from pacing.simulation.world import World

LIMIT = 0.0305
BIN = 0.0005


def day(agents: int, seed: int) -> dict[str, float]:
    """One day."""
    load = parse(standard_document(agents, 0.25, 60, hours=8.0) | {"warm_up_s": 0})
    report = World(load, policy_named("predictive"), seed).run().report()
    return {name: float(str(report[name])) for name in ("abandonment", "utilisation", "answered")} | {"seed": seed}


def histogram(shares: list[float], agents: int) -> str:
    """How often which share came out."""
    low, high = int(min(shares) / BIN) - 1, int(max(shares) / BIN) + 2
    counts = [sum(1 for share in shares if k * BIN <= share < (k + 1) * BIN) for k in range(low, high)]
    points: list[tuple[float, float]] = []
    for i, count in enumerate(counts):
        points += [(float(i), count / len(shares)), (float(i + 1), count / len(shares))]
    labels = tuple((float(i), f"{100 * (low + i) * BIN:.2f}") for i in range(0, high - low + 1, 2))
    axes = Axes(
        f"{len(shares)} days of {agents} agents", "share of the day's answers abandoned, %", "share of days", labels,
        0.0, max(counts) / len(shares) * 1.1,
    )  # fmt: skip
    return draw(axes, [Curve("days", tuple(points))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agents", type=int)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--afresh", action="store_true")
    parser.add_argument("--picture", type=Path, default=None)
    options = parser.parse_args()
    kept = Path("var/bench-pacing") / f"days-{options.agents}.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    if options.afresh:
        kept.unlink(missing_ok=True)
    days = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()] if kept.exists() else []
    for seed in range(HELD_OUT + len(days), HELD_OUT + options.days):
        days.append(day(options.agents, seed))
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(days[-1]) + "\n")
    shares = sorted(one["abandonment"] for one in days)
    high = quantile(shares, 0.95)
    scatter = stdev(shares) if len(shares) > 1 else 0.0
    print("| agents | days | utilisation | abandoned, mean | sd | 95 % quantile | worst | days above 3 % | met |")
    print("|" + "---|" * 9)
    figures = (mean(shares), scatter, high, shares[-1], sum(share > 0.03 for share in shares) / len(shares))
    shown = " | ".join(f"{100 * figure:.2f}" for figure in figures)
    busy = f"{100 * mean(one['utilisation'] for one in days):.1f}"
    print(f"| {options.agents} | {len(days)} | {busy} | {shown} | {'yes' if high <= LIMIT else 'no'} |")
    if options.picture is not None:
        options.picture.parent.mkdir(parents=True, exist_ok=True)
        options.picture.write_text(histogram(shares, options.agents), encoding="utf-8")


if __name__ == "__main__":
    main()
