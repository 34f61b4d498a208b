"""Draws the pictures of docs/explanation/pacing.md: `python -m benchmarks.pacing.pictures`."""

from __future__ import annotations

from pathlib import Path

from domain.mode import Mode
from pacing.decision import PacingDecision
from pacing.experience import Experience
from pacing.settings import PacingSettings
from pacing.simulation.picture import Axes, Curve, draw
from pacing.simulation.policies import policy_named
from pacing.simulation.study import standard_document
from pacing.simulation.workload import parse
from pacing.simulation.world import World
from pacing.snapshot import FloorSnapshot

OUT = Path("docs/explanation/pictures")


def teams() -> str:
    """How busy teams of several sizes can be kept, dialing one by one and predicting."""
    sizes = (3, 5, 10, 25)
    curves = []
    for name, policy in (
        ("predictive, at most 3 % abandoned", "predictive"),
        ("one line per ready agent", "progressive"),
    ):
        points = []
        for i, n in enumerate(sizes):
            load = parse(standard_document(n, 0.25, 60, hours=3 if n < 25 else 1))
            report = World(load, policy_named(policy), 77).run().report()
            points.append((float(i), float(str(report["utilisation"]))))
        curves.append(Curve(name, tuple(points)))
    labels = tuple((float(i), str(n)) for i, n in enumerate(sizes))
    return draw(
        Axes("Larger teams are kept busier", "agents", "talk and wrap-up, share of time", labels, 0.4, 1.0), curves
    )


def ringing() -> str:
    """What a line that has rung for some time is still worth."""
    forecast = Experience().forecast(1, PacingSettings(mode=Mode.PREDICTIVE), [], [], {})
    route = forecast.route("")
    curves = []
    for p in (0.4, 0.25, 0.1):
        alive = p * route.unanswered / (p * route.unanswered + (1 - p) * route.other + 1e-9)
        curves.append(Curve(f"{p:.0%} answer", tuple((age / 2, float(alive[age])) for age in range(50))))
    labels = tuple((float(s), str(s)) for s in (0, 5, 10, 15, 20, 25))
    return draw(
        Axes("The longer it rings, the less to hope", "seconds since dialing", "chance of a person", labels, 0.0, 0.5),
        curves,
    )


def day() -> str:
    """Theta and the day's abandonment through one simulated day of 25 agents."""
    seen: list[tuple[float, float, float]] = []

    def watch(snapshot: FloorSnapshot, _decision: PacingDecision) -> None:
        if not seen or snapshot.now - seen[-1][0] > 300:
            tally = snapshot.tallies[0]
            share = tally.abandoned / tally.answered if tally.answered > 100 else 0.0
            seen.append((snapshot.now, snapshot.theta, share))

    load = parse(standard_document(25, 0.25, 60, hours=8, drifting=True))
    World(load, policy_named("predictive"), 77, watcher=watch).run()
    curves = [
        Curve("abandoned so far today", tuple((t / 3600, share) for t, _, share in seen if share)),
        Curve("theta", tuple((t / 3600, theta) for t, theta, _ in seen)),
        Curve("target", ((0.0, 0.03), (8.0, 0.03))),
    ]
    labels = tuple((float(h), str(h)) for h in range(9))
    return draw(Axes("One day of 25 agents, the answer rate drifting", "hours", "share", labels, 0.0, 0.05), curves)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name, picture in (("ringing", ringing), ("day", day), ("teams", teams)):
        (OUT / f"pacing-{name}.svg").write_text(picture(), encoding="utf-8")
        print(OUT / f"pacing-{name}.svg")


if __name__ == "__main__":
    main()
