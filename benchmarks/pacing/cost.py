"""What one decision costs by team size, and how fast the simulators are: `python -m benchmarks.pacing.cost`.

`--publish FILE` writes the tables as a page.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import perf_counter, process_time

from benchmarks.pacing.cells import HELD_OUT, Cell
from domain.ids import AgentId, AttemptId
from domain.mode import Mode
from pacing.controller import decide
from pacing.floor import Pacer
from pacing.settings import PacingSettings
from pacing.simulation.compiled.run import simulate
from pacing.simulation.policies import policy_named
from pacing.simulation.statistics import quantile
from pacing.simulation.world import World
from pacing.snapshot import AgentState, Capacity, FloorSnapshot, Health, WindowTally

GOALS_MS = {100: 1.0, 1000: 5.0, 5000: 10.0}
SMALL_GOAL = 0.15
"""Share of a core that a hundred campaigns of ten agents may take."""
SPEED_GOALS = {10: 2_500, 100: 10_000}
"""Answers a minute, with the engine's own decision code, by agents."""
COMPILED_GOAL = 1_000_000
_PAGE = """# What pacing costs

Written by `make bench-pacing`; not edited by hand. {processors} processors, load {load:.1f} before it began. Ratios
are to the goal: a cost is to stay below 1, a speed above it."""


def floor(agents: int, lines: int, seed: int = 1) -> FloorSnapshot:
    """A busy floor: most agents talk, three lines an agent are out."""
    random, pacer = Random(seed), Pacer(PacingSettings(mode=Mode.PREDICTIVE, release_ringing=True))
    states = (AgentState.TALKING, AgentState.TALKING, AgentState.TALKING, AgentState.WRAP_UP, AgentState.READY)
    for i in range(agents):
        pacer.agent_is(AgentId(f"a{i}"), random.choice(states), -random.expovariate(1 / 60))
    for i in range(lines):
        pacer.dialed(AttemptId(f"{i:032x}"), -random.uniform(0, 24), answer_p=random.uniform(0.02, 0.2))
        if random.random() < 0.9:
            pacer.rang(AttemptId(f"{i:032x}"), -1.0)
    tally = WindowTally("day", 0.03, 5000, 120, binds=False, remaining_s=9000)
    return pacer.snapshot(0.0, tallies=(tally,), capacity=Capacity(), health=Health())


def decisions() -> str:
    """The cost of one decision, and of many small campaigns."""
    rows = ["| agents | lines | p50 ms | p99 ms | goal ms | ratio to goal |", "|---|---|---|---|---|---|"]
    for agents, lines in ((10, 30), (25, 75), (100, 300), (1000, 3000), (5000, 15000)):
        snapshot = floor(agents, lines)
        times = []
        for _ in range(300 if agents <= 1000 else 60):
            began = perf_counter()
            decide(snapshot)
            times.append(1000 * (perf_counter() - began))
        times.sort()
        goal = GOALS_MS.get(agents)
        against = "–" if goal is None else f"{quantile(times, 0.5) / goal:.2f}"
        figures = f"{quantile(times, 0.5):.2f} | {quantile(times, 0.99):.2f} | {goal or '–'} | {against}"
        rows.append(f"| {agents:,} | {lines:,} | {figures} |")
    small = [floor(10, 30, seed) for seed in range(100)]
    began = perf_counter()
    for snapshot in small:
        decide(snapshot)
    share = 2 * (perf_counter() - began)
    rows.append(
        f"\n100 campaigns of 10 agents, two decisions a second each: {share:.1%} of one core "
        f"(goal {SMALL_GOAL:.0%}, ratio {share / SMALL_GOAL:.2f})."
    )
    return "\n".join(rows)


def speeds() -> str:
    """Answers a minute of processor time, p 0.25, talk 60 s."""

    def own(agents: int, answers: int) -> float:
        load = Cell(agents, 0.25, 60).workload(answers, HELD_OUT)
        return _a_minute(lambda: World(load, policy_named("predictive"), HELD_OUT).run().report())

    def compiled(policy: str) -> float:
        load = Cell(25, 0.25, 60).workload(100_000, HELD_OUT)
        simulate(load, policy, HELD_OUT)  # compiles
        return _a_minute(lambda: simulate(load, policy, HELD_OUT))

    rows = ["| simulator | answers a minute | goal | ratio to goal |", "|---|---|---|---|"]
    for agents, answers in ((10, 2_000), (100, 10_000)):
        rows.append(_speed(f"the engine's own decisions, {agents} agents", own(agents, answers), SPEED_GOALS[agents]))
    rivals = ("power:2", "vicidial-ratio:3", "eis:1")
    rows += [_speed(f"compiled `{policy}`, 25 agents", compiled(policy), COMPILED_GOAL) for policy in rivals]
    return "\n".join(rows)


def _a_minute(run: Callable[[], dict[str, object]]) -> float:
    began = process_time()
    report = run()
    return 60.0 * int(str(report["answered"])) / (process_time() - began)


def _speed(what: str, speed: float, goal: int) -> str:
    return f"| {what} | {speed:,.0f} | {goal:,} | {speed / goal:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publish", type=Path, default=None, help="write the page here")
    options = parser.parse_args()
    head = _PAGE.format(processors=os.cpu_count(), load=os.getloadavg()[0])
    page = f"{head}\n\n## One decision\n\n{decisions()}\n\n## Simulators, on one core\n\n{speeds()}\n"
    print(page)
    if options.publish is not None:
        options.publish.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
