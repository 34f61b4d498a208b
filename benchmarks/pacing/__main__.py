"""Pacing benchmark: this engine's production decision code beside every rival at its best hindsight setting.

`python -m benchmarks.pacing quick` (12 floors) or `full` (56 floors, every rival). Each result is written as soon as it
is there, so a run that is stopped goes on where it was. The table is printed and, with `--publish`, written as a page.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np

from benchmarks.pacing.cells import FULL, FULL_PEERS, HELD_OUT, QUICK, QUICK_PEERS, Cell, Family
from benchmarks.pacing.report import page, table
from pacing.simulation.compiled.run import simulate
from pacing.simulation.policies import policy_named
from pacing.simulation.world import World

TARGET = 0.03
MOST_ABANDONED = 0.031
"""A rival's setting counts when it abandons no more than this."""


@dataclass(frozen=True)
class Effort:
    """How many live answers a run is long: of the production code, of a rival's search, of its final measurement."""

    production: int
    search: int
    final: int
    halvings: int


QUICK_EFFORT = Effort(production=3000, search=6000, final=20000, halvings=5)
FULL_EFFORT = Effort(production=20000, search=12000, final=40000, halvings=7)


def measure(cell: Cell, policy: str, answers: int, seed: int, window: str = "none") -> dict[str, object]:
    """One run: this engine's decisions on the plain floor, rivals on the compiled one."""
    load = cell.workload(answers, seed, window=window)
    began = monotonic()
    if policy == "predictive":
        report = World(load, policy_named(policy), seed).run().report()
    else:
        report = simulate(load, policy, seed)
    kept = ("utilisation", "abandonment", "answered", "idle_s_per_call", "lines_per_agent", "days", "worst_15min")
    return {"policy": policy, "seconds": monotonic() - began, **{name: report[name] for name in kept}}


def best_of(cell: Cell, family: Family, effort: Effort) -> dict[str, object]:
    """A rival's best setting in hindsight, then measured on a seed it was not chosen on."""
    tried: list[tuple[float, float, float]] = []

    def attempt(knob: float) -> float:
        run = measure(cell, family.policy(knob), effort.search, seed=1 + len(tried) % 2)
        tried.append((float(str(run["abandonment"])), float(str(run["utilisation"])), knob))
        return tried[-1][0]

    for level in family.levels:
        attempt(level)
    low, high = family.low, family.high
    if high > low:
        for _ in range(effort.halvings + 2):
            middle = (low * high) ** 0.5 if low > 0.0 else (low + high) / 2
            if attempt(middle) > TARGET:
                high = middle
            else:
                low = middle
        return measure(cell, family.policy(_at_target(tried, family)), effort.final, HELD_OUT)
    allowed = [(busy, knob) for lost, busy, knob in tried if lost <= MOST_ABANDONED]
    knob = max(allowed)[1] if allowed else min(tried)[2] if tried else 0.0
    return measure(cell, family.policy(knob), effort.final, HELD_OUT)


def _at_target(tried: list[tuple[float, float, float]], family: Family) -> float:
    """The knob at which a line through log abandonment over the knob meets the target; halving alone follows noise."""
    near = [(knob, lost) for lost, _, knob in tried if 0.004 <= lost <= 0.15]
    logged = family.low > 0.0
    last = tried[-1][2]
    if len(near) < 2:
        return last
    x = np.array([math.log(knob) if logged else knob for knob, _ in near])
    y = np.array([math.log(lost / TARGET) for _, lost in near])
    weight = np.sqrt([lost for _, lost in near])  # a rate from more drops is surer
    slope, offset = np.polyfit(x, y, 1, w=weight)
    if slope <= 0.0:
        return last
    met = min(max(-offset / slope, float(x.min())), float(x.max()))
    return math.exp(met) if logged else met


def job(cell: Cell, column: str, family: Family | None, effort: Effort) -> dict[str, object]:
    """One figure of the table."""
    if family is None:
        result = measure(cell, "predictive", effort.production, HELD_OUT, "day" if column == "day" else "none")
    else:
        result = best_of(cell, family, effort)
    return {"cell": cell.name, "column": column, **result}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", choices=("quick", "full"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--results", type=Path, default=None, help="where results are kept between runs")
    parser.add_argument("--afresh", action="store_true", help="forget what an earlier run found")
    parser.add_argument("--only", default="", help="only floors whose name contains this")
    parser.add_argument("--publish", type=Path, default=None, help="write the page here")
    parser.add_argument("--production-only", action="store_true")
    parser.add_argument("--as-is", action="store_true", help="measure nothing; the table of what there is")
    options = parser.parse_args()
    quick = options.size == "quick"
    cells = [cell for cell in (QUICK if quick else FULL) if options.only in cell.name]
    effort = QUICK_EFFORT if quick else FULL_EFFORT
    peers = () if options.production_only else QUICK_PEERS if quick else FULL_PEERS
    kept = options.results or Path("var/bench-pacing") / f"{options.size}.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    if options.afresh:
        kept.unlink(missing_ok=True)
    results = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    known = {(result["cell"], result["column"]) for result in results}
    columns: list[tuple[str, Family | None]] = [
        ("day", None),
        *(() if quick else (("free", None),)),
        *((peer.name, peer) for peer in peers),
    ]
    if options.as_is:
        columns = []
    elif peers:
        sys.stderr.write("compiling the rivals (a minute, once)\n")
        measure(cells[0], "progressive", 100, 1)
    todo = [(cell, name, peer) for cell in cells for name, peer in columns if (cell.name, name) not in known]
    with ProcessPoolExecutor(options.processes) as pool, kept.open("a", encoding="utf-8") as file:
        futures = [pool.submit(job, cell, name, peer, effort) for cell, name, peer in todo]
        for done, future in enumerate(as_completed(futures), start=1):
            result = future.result()
            results.append(result)
            file.write(json.dumps(result) + "\n")
            file.flush()
            sys.stderr.write(
                f"\r{done}/{len(todo)} {result['cell']} {result['column']}: {result['utilisation']:.1%} busy at "
                f"{result['abandonment']:.2%}          "
            )
    sys.stderr.write("\n")
    print(table(cells, results))
    if options.publish is not None:
        options.publish.write_text(page(cells, results, options.size), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
