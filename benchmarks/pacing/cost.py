"""What one decision costs, by team size: `python -m benchmarks.pacing.cost`."""

from __future__ import annotations

from random import Random
from time import perf_counter

from domain.ids import AgentId, AttemptId
from domain.mode import Mode
from pacing.controller import decide
from pacing.floor import Pacer
from pacing.settings import PacingSettings
from pacing.simulation.statistics import quantile
from pacing.snapshot import AgentState, Capacity, FloorSnapshot, Health, WindowTally

GOALS_MS = {100: 1.0, 1000: 5.0, 5000: 10.0}


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


def main() -> None:
    print("| agents | lines | p50 ms | p99 ms | goal ms | ratio to goal |\n|---|---|---|---|---|---|")
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
        print(f"| {agents} | {lines} | {figures} |")
    small = [floor(10, 30, seed) for seed in range(100)]
    began = perf_counter()
    for snapshot in small:
        decide(snapshot)
    share = 2 * (perf_counter() - began)
    print(f"\n100 campaigns of 10 agents, two decisions a second each: {share:.1%} of one core (goal 15 %)")


if __name__ == "__main__":
    main()
