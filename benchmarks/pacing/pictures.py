"""Draws the pictures of docs/explanation/pacing.md: `python -m benchmarks.pacing.pictures`."""

from __future__ import annotations

from pathlib import Path

from domain.mode import Mode
from pacing.decision import PacingDecision
from pacing.experience import Experience
from pacing.settings import PacingSettings
from pacing.simulation.picture import Axis, Curve, Picture, Rule, draw, round_top
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
        ("predictive, at most 3\N{NO-BREAK SPACE}% abandoned", "predictive"),
        ("one line per ready agent", "progressive"),
    ):
        points = []
        for n in sizes:
            load = parse(standard_document(n, 0.25, 60, hours=3 if n < 25 else 1))
            report = World(load, policy_named(policy), 77).run().report()
            points.append((float(n), float(str(report["utilisation"]))))
        curves.append(Curve(name, tuple(points), dots=True))
    marks = tuple((float(n), str(n)) for n in sizes)
    return draw(
        Picture(
            "Larger teams are kept busier",
            Axis("agents in the team", 2, 26, marks=marks),
            Axis("talk and wrap-up, share of signed-in time", 0.0, 1.0, percent=True),
            tuple(curves),
        )
    )


def ringing() -> str:
    """What a line that has rung for some time is still worth."""
    forecast = Experience().forecast(1, PacingSettings(mode=Mode.PREDICTIVE), [], [], {})
    route = forecast.route("")
    curves = []
    for p in (0.4, 0.25, 0.1):
        alive = p * route.unanswered / (p * route.unanswered + (1 - p) * route.other + 1e-9)
        curves.append(Curve(f"{100 * p:.0f} % answer", tuple((age / 2, float(alive[age])) for age in range(50))))
    return draw(
        Picture(
            "The longer it rings, the less to hope",
            Axis("seconds since dialing", 0, 25),
            Axis("chance that a person will answer", 0.0, 0.5, percent=True),
            tuple(curves),
        )
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
    curves = (
        Curve("abandoned so far today", tuple((t / 3600, share) for t, _, share in seen if share)),
        Curve("theta, the chance accepted per line", tuple((t / 3600, theta) for t, theta, _ in seen)),
    )
    highest = max(y for curve in curves for _, y in curve.points)
    return draw(
        Picture(
            "One day of 25 agents, the answer rate drifting",
            Axis("hours since the start", 0, 8, marks=tuple((float(hour), str(hour)) for hour in range(9))),
            Axis("share of the people who answer and meet no agent", 0.0, round_top(highest), percent=True),
            curves,
            rules=(Rule("the day's target", 0.03),),
        )
    )


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name, picture in (("ringing", ringing), ("day", day), ("teams", teams)):
        (OUT / f"pacing-{name}.svg").write_text(picture(), encoding="utf-8")
        print(OUT / f"pacing-{name}.svg")


if __name__ == "__main__":
    main()
