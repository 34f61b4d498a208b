"""The compiled floor is the plain one, within statistical error, for each rule; compiling alone takes a minute."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean, stdev

import pytest

from pacing.simulation.compiled.run import simulate
from pacing.simulation.policies import PolicyError, policy_named
from pacing.simulation.study import standard_document
from pacing.simulation.workload import Workload, parse
from pacing.simulation.world import World

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

PLAIN, COMPILED = 6, 60
HARDER = {
    "answer": {"p": 0.3, "steps": [{"from_s": 0, "factor": 1}, {"from_s": 5000, "factor": 0.5}]},
    "agents": [{"from_s": 0, "n": 10}, {"from_s": 3000, "n": 6, "now": True}, {"from_s": 5000, "n": 12}],
    "pauses": {"per_agent_hour": 2, "mean_s": 200},
    "post_dial_delay_s": 3,
    "verdict_lag_s": 0.5,
    "amd_errors": {"human_as_machine": 0.02},
    "accounts": {"p_values": [0.05, 0.45], "weights": [1, 1]},
}


def floor(**changes: object) -> Workload:
    document = standard_document(10, 0.25, 60, hours=2.5) | changes
    return parse(document | {"target": {"abandonment": 0.03, "window": "none"}})


def far_apart(load: Workload, policy: str) -> dict[str, float]:
    """Figures that differ by more than 4.5 standard errors."""
    plain = [World(load, policy_named(policy), seed).run().report() for seed in range(70, 70 + PLAIN)]
    fast = [simulate(load, policy, seed) for seed in range(COMPILED)]
    apart = {}
    for name in ("utilisation", "abandonment", "lines_per_agent", "idle_s_per_call"):
        ours, theirs = ([float(str(run[name])) for run in runs] for runs in (plain, fast))
        error = stdev(theirs) * (1 / PLAIN + 1 / COMPILED) ** 0.5
        distance = abs(mean(ours) - mean(theirs))
        apart |= {name: distance / error} if distance > 4.5 * error + 0.002 * mean(theirs) else {}
    return apart


@pytest.mark.parametrize("policy", ["predictive", "eis", "preview"])
def test_a_rule_without_a_twin_is_refused(policy: str) -> None:
    with pytest.raises(PolicyError, match="no compiled twin"):
        simulate(floor(), policy, 1)


@pytest.mark.parametrize(
    "policy",
    [
        "progressive",
        "power:3",
        "fixed:1.3",
        "issabel:0.7",
        "eis:-0.5",
        "eis:8",
        "vicidial-ratio:2",
        "vicidial-ratio:3,available_only=1",
        "vicidial-hard",
        "vicidial-tapered:max=2",
        "vicidial-average:max=2",
        "vicidial-average:max=4,available_only=1",
    ],
)
def test_compiled_is_plain(policy: str) -> None:
    assert far_apart(floor(), policy) == {}


def test_the_compiled_drop_limit_is_the_workloads_target() -> None:
    strict, wide = (
        mean(
            float(str(simulate(replace(floor(), target=target), "vicidial-average:max=4", seed)["abandonment"]))
            for seed in range(10)
        )
        for target in (0.005, 0.2)
    )
    assert wide > strict + 0.02


def test_a_compiled_verdict_after_the_grace_abandons_everybody_and_days_begin_after_the_warm_up() -> None:
    report = simulate(replace(floor(grace_s=1, verdict_lag_s=1.01), hours=8.5, warm_up_s=1800.0), "power:2", 1)
    assert (report["abandonment"], report["days"], report["idle_s_per_call"]) == (1.0, [1.0], None)


@pytest.mark.parametrize("policy", ["progressive", "power:2", "eis:0", "vicidial-average:max=2"])
def test_compiled_is_plain_on_a_harder_floor(policy: str) -> None:
    assert far_apart(floor(**HARDER), policy) == {}
