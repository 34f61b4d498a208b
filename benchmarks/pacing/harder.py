"""The harder floors: this engine beside its own rule with perfect curves and the answer rate known at every instant.

`python -m benchmarks.pacing.harder [--seeds 4] [--only NAME] [--publish FILE]`. The reference is the look-ahead rule at
the best constant theta in hindsight, told the true distributions and the true chance of an answer as it changes; it
keeps no day's budget. Utilisation is compared at the share of abandoned calls that the engine had. Results are kept as
they come, so a run that is stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable
from pathlib import Path
from statistics import mean

from benchmarks.pacing.cells import HELD_OUT
from pacing.simulation.compiled.run import simulate
from pacing.simulation.policies import policy_named
from pacing.simulation.workload import Workload, parse
from pacing.simulation.world import World

FLOORS = Path(__file__).parent / "workloads"
KEPT = Path("var/bench-pacing/harder.jsonl")
THETAS = (0.012, 0.018, 0.024, 0.032, 0.043)
WORST = 0.05
BEHIND = 2.0
Result = dict[str, float]
_PAGE = """# Pacing on harder floors

Written by `make bench-pacing-harder`; not edited by hand. Floors that the rule was not made on, each with 10, 25 and
100 agents: talk and wrap-up with two humps; a detector that is late and hangs up on one person in a hundred; a third
and then more than half of the team logging out at once; an answer rate that steps from 0.4 to 0.1 and back; pauses;
shifts and lunch; a route that is slow to ring, with detection of 3.5 s and many failures.
`benchmarks/pacing/workloads/hard-*` has the figures.

* **Fairdial**: utilisation with the engine's own decisions, every day held to 3 % abandoned, over four seeds.
* **worst day**, **worst 15 min**: the largest share abandoned of any day, and of the quarters of an hour with at least
  40 answers the largest share that was surely (99 %) exceeded: of some hundred quarters one comes near it by chance.
* **reference**: the look-ahead rule told the true distributions and the true chance of an answer as it changes, at the
  best constant theta in hindsight, at the same share abandoned; **behind** is how far Fairdial is from it, in points.
* **met**: no day above 3 %, no quarter of an hour above 5 %, at most 2 points behind. In percent."""


def reference(load: Workload, target: float, seeds: Iterable[int]) -> Result:
    """The rule with perfect knowledge, between the two thetas of the ladder around the share `target`."""
    ladder = []
    for theta in THETAS:
        runs = [simulate(load, f"look-ahead:{theta},knows_p=1", seed) for seed in seeds]
        busy = mean(float(str(run["utilisation"])) for run in runs)
        lost = sum(int(str(run["abandoned"])) for run in runs) / max(1, sum(int(str(run["answered"])) for run in runs))
        ladder.append((math.log(max(lost, 1e-5)), busy, theta))
        if lost > target:
            break
    wanted = math.log(target)
    (low, low_busy, low_theta), (high, high_busy, high_theta) = ladder[max(len(ladder) - 2, 0)], ladder[-1]
    share = min(max((wanted - low) / (high - low), 0.0), 1.0) if high > low else 1.0
    return {
        "utilisation": low_busy + share * (high_busy - low_busy),
        "theta": low_theta * (high_theta / low_theta) ** share,
    }


def floor_result(load: Workload, seeds: int) -> Result:
    """The engine on this floor, and the reference at the same share of abandoned calls."""
    runs = [World(load, policy_named("predictive"), HELD_OUT + i).run().report() for i in range(seeds)]
    lost = sum(int(str(run["abandoned"])) for run in runs) / sum(int(str(run["answered"])) for run in runs)
    best = reference(load, lost, range(HELD_OUT, HELD_OUT + 4))
    return {
        "utilisation": mean(float(str(run["utilisation"])) for run in runs),
        "abandonment": lost,
        "worst_day": max(max(map(float, run["days"])) for run in runs if isinstance(run["days"], list)),
        "worst_15min": max(float(str(run["worst_15min"] or 0.0)) for run in runs),
        "reference": best["utilisation"],
        "reference_theta": best["theta"],
        "seeds": seeds,
    }


def table(results: dict[str, Result]) -> str:
    """One row a floor."""
    rows = ["| floor | Fairdial | abandoned | worst day | worst 15 min | reference | behind | met |", "|" + "---|" * 8]
    for name, one in sorted(results.items()):
        behind = 100 * (one["reference"] - one["utilisation"])
        met = behind <= BEHIND and one["worst_15min"] <= WORST and one["worst_day"] <= 0.03
        figures = [100 * one[key] for key in ("utilisation", "abandonment", "worst_day", "worst_15min", "reference")]
        shown = " | ".join(f"{figure:.{digits}f}" for figure, digits in zip(figures, (1, 2, 2, 2, 1), strict=True))
        rows.append(f"| {name} | {shown} | {behind:+.1f} | {'yes' if met else 'no'} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--only", default="")
    parser.add_argument("--afresh", action="store_true")
    parser.add_argument("--publish", type=Path, default=None)
    options = parser.parse_args()
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    if options.afresh:
        KEPT.unlink(missing_ok=True)
    results: dict[str, Result] = {}
    for line in KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []:
        results |= json.loads(line)
    for file in sorted(FLOORS.glob("hard-*.json")):
        if file.stem in results or options.only not in file.stem:
            continue
        results[file.stem] = floor_result(parse(json.loads(file.read_text(encoding="utf-8"))), options.seeds)
        with KEPT.open("a", encoding="utf-8") as kept:
            kept.write(json.dumps({file.stem: results[file.stem]}) + "\n")
        print(table({file.stem: results[file.stem]}).splitlines()[-1], flush=True)
    shown = table(results)
    print(shown)
    if options.publish is not None:
        options.publish.write_text(f"{_PAGE}\n\n{shown}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
