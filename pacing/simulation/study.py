"""What-if studies: the same question put to several simulated shifts, answered with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from pacing.simulation.policies import policy_named
from pacing.simulation.statistics import binomial_interval
from pacing.simulation.workload import Workload, parse
from pacing.simulation.world import World

LEAST_SHIFTS: Final = 3
"""Fewer say next to nothing of how shifts differ: an interval takes 12.7 standard errors with two, 4.3 with three."""


@dataclass(frozen=True, slots=True)
class Range:
    """A mean over shifts and its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Question:
    """One floor, one policy, and how many shifts to try."""

    workload: Workload
    policy: str
    shifts: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a floor can expect.

    Attributes:
        agents: signed in at the start.
        utilisation: share of signed-in time in talk or wrap-up.
        calls_per_hour: conversations per agent and hour.
        idle_s: wait between two calls; None where a shift served nobody: its wait has no end, and leaving it out would
            flatter the floor.
        abandonment: share of live answers that met no agent in time.
    """

    agents: int
    utilisation: Range
    calls_per_hour: Range
    idle_s: Range | None
    abandonment: Range

    def as_dict(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self)


def standard_floor(
    agents: int, answer_rate: float, talk_s: float, wrap_s: float, hours: float, target: float = 0.03
) -> Workload:
    """The public benchmark's floor with a manager's own figures.

    Raises:
        WorkloadError: a figure that cannot be.
    """
    return parse(standard_document(agents, answer_rate, talk_s, hours=hours, wrap_s=wrap_s, target=target))


def standard_document(
    agents: int,
    answer_rate: float,
    talk_s: float,
    *,
    hours: float = 8.0,
    wrap_s: float = 20.0,
    target: float = 0.03,
    drifting: bool = False,
    seed: int = 1,
) -> dict[str, object]:
    """The standard workload as its file's content."""
    quarter = 2700
    swing = {
        "swing": {"amplitude": 0.35, "period_s": 14400},
        "steps": [{"from_s": i * quarter, "factor": factor} for i, factor in enumerate((1.0, 0.7, 1.0, 1.4))],
        "steps_repeat_s": 4 * quarter,
    }
    other: list[dict[str, object]] = [
        {"kind": "no_answer", "share": 0.7, "after": {"dist": "uniform", "low": 22, "high": 25}},
        {"kind": "machine", "share": 0.2, "after": {"dist": "lognormal", "mean": 14, "cv": 0.4, "max": 24}},
        {"kind": "failure", "share": 0.1, "after": {"dist": "uniform", "low": 1, "high": 4}},
    ]
    return {
        "name": f"standard-{agents}-{answer_rate:g}{'drift' if drifting else ''}-{talk_s:g}",
        "seed": seed,
        "hours": hours,
        "warm_up_s": min(1800, hours * 900),
        "agents": [{"from_s": 0, "n": agents}],
        "answer": {"p": answer_rate, **(swing if drifting else {})},
        "ring_human": {"dist": "lognormal", "mean": 10, "cv": 0.5, "max": 24},
        "other": other,
        "amd_s": 1.5,
        "grace_s": 2.0,
        "talk": {"dist": "lognormal", "mean": talk_s, "cv": 1.0},
        "wrap": {"dist": "lognormal", "mean": wrap_s, "cv": 0.6},
        "target": {"abandonment": target, "window": "day"},
    }


def answer(question: Question) -> Outlook:
    """Simulate the shifts and sum them up."""
    load = question.workload
    reports = [World(load, policy_named(question.policy), load.seed + i).run().report() for i in range(question.shifts)]
    return outlook(int(load.agents[0].value), reports)


def outlook(agents: int, reports: Sequence[Mapping[str, object]]) -> Outlook:
    """Sum up the reports of several shifts of the same floor."""
    waits = [_number(report["idle_s_per_call"]) for report in reports]
    return Outlook(
        agents=agents,
        utilisation=share_interval([_number(report["utilisation"]) for report in reports]),
        calls_per_hour=rate_interval([_per_hour(report) for report in reports]),
        idle_s=rate_interval(waits) if all(map(math.isfinite, waits)) else None,
        abandonment=_abandonment(reports),
    )


def _per_hour(report: Mapping[str, object]) -> float:
    hours = _number(report["agent_hours"])
    return (_number(report["answered"]) - _number(report["abandoned"])) / hours if hours else 0.0


def _abandonment(reports: Sequence[Mapping[str, object]]) -> Range:
    """Where no shift abandoned anyone nothing scatters: the number of answers that was seen on is the bound instead."""
    shares = [_number(report["abandonment"]) for report in reports]
    if any(shares):
        return share_interval(shares)
    low, high = binomial_interval(0, int(sum(_number(report["answered"]) for report in reports)))
    return Range(0.0, low, high)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def share_interval(values: Sequence[float]) -> Range:
    """Mean of a few shares and its 95 % interval, which stays between 0 and 1.

    Student's t on the scale of log(m / (1 - m)), where a share has no bounds; its standard error there is that of the
    mean divided by m (1 - m). Clipping would keep the bounds too, but end at a flat 0 or 1 that nobody has seen.
    """
    mean, half = _student_half(values)
    if not 0.0 < mean < 1.0:
        return Range(mean, mean, mean)
    odds, factor = mean / (1.0 - mean), math.exp(half / (mean * (1.0 - mean)))
    return Range(mean, odds / (odds + factor), odds * factor / (1.0 + odds * factor))


def rate_interval(values: Sequence[float]) -> Range:
    """Mean of a few times or rates and its 95 % interval, which stays above 0: Student's t on the scale of log m."""
    mean, half = _student_half(values)
    if mean <= 0.0:
        return Range(mean, mean, mean)
    factor = math.exp(half / mean)
    return Range(mean, mean / factor, mean * factor)


def interval(values: Sequence[float]) -> Range:
    """Mean and 95 % interval (Student's t) of a few independent values that have no bounds."""
    mean, half = _student_half(values)
    return Range(mean, mean - half, mean + half)


def _student_half(values: Sequence[float]) -> tuple[float, float]:
    """The mean and half the width of its 95 % interval; a single value has no width."""
    n = len(values)
    mean = sum(values) / n
    if n < 2:
        return mean, 0.0
    return mean, _student(n - 1) * math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)


_STUDENT: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""97.5 % quantiles of Student's t for 1 to 10 degrees of freedom."""


def _student(freedom: int) -> float:
    """97.5 % quantile of Student's t; beyond the table by the first terms of its expansion, within 0.1 %."""
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
