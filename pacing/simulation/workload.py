"""Workload files: what happens on the simulated floor, checked field by field before anything runs.

Anything the reader does not know or that cannot be is an error that names the field: a study on a mistyped file would
answer a question nobody asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pacing.simulation.distributions import Spread

DAY_S: Final = 8 * 3600.0
"""A simulated working day: the accounting window "day" of a workload. The first begins when the warm-up ends."""
MOST_AGENT_HOURS: Final = 500_000
"""A study of more than this would run for days."""
WINDOWS: Final = ("day", "day_law", "none")
"""`day`: theta is steered so that the 8-hour day ends within the target. `day_law`: the brake binds on it as well.
`none`: theta alone, by the law of averages."""


class WorkloadError(ValueError):
    """The workload cannot be run; the message names the field and what it should be."""


@dataclass(frozen=True, slots=True)
class Step:
    """From `from_s` on, `value` holds. `now`: agents who leave do so in the middle of calls."""

    from_s: float
    value: float
    now: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Chance that a dial reaches a person: p, swung by a sine and multiplied by steps, at most 0.95."""

    p: float
    amplitude: float = 0.0
    period_s: float = 14400.0
    steps: tuple[Step, ...] = (Step(0.0, 1.0),)
    repeat_s: float | None = None

    def at(self, t: float) -> float:
        """The chance at time t."""
        p = self.p * (1.0 + self.amplitude * math.sin(2.0 * math.pi * t / self.period_s)) if self.amplitude else self.p
        within = t % self.repeat_s if self.repeat_s else t
        factor = 1.0
        for step in self.steps:
            if step.from_s > within:
                break
            factor = step.value
        return min(max(p * factor, 0.0), 0.95)


@dataclass(frozen=True, slots=True)
class Other:
    """One way in which a dial that reaches no person ends: its share of these, and after how long."""

    kind: str
    share: float
    after: Spread


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts that differ in their chance to answer: relative values, weights, and whether the policy is told."""

    p_values: tuple[float, ...]
    weights: tuple[float, ...]
    known: bool


@dataclass(frozen=True, slots=True)
class Workload:
    """One floor for one study. Times in seconds, rates as fractions."""

    name: str
    seed: int
    hours: float
    warm_up_s: float
    agents: tuple[Step, ...]
    answer: Answer
    ring_human: Spread
    other: tuple[Other, ...]
    talk: Spread
    wrap: Spread
    post_dial_delay_s: float = 0.0
    amd_s: float = 1.5
    grace_s: float = 2.0
    verdict_lag_s: float = 0.0
    human_as_machine: float = 0.0
    not_sure: float = 0.0
    pauses_per_agent_hour: float = 0.0
    pause_mean_s: float = 300.0
    accounts: Accounts | None = None
    target: float = 0.03
    window: str = "day"

    @property
    def length_s(self) -> float:
        """Simulated time in all, warm-up included."""
        return self.hours * 3600.0


_REQUIRED: Final = ("name", "seed", "hours", "agents", "answer", "ring_human", "other", "talk", "wrap")
_OPTIONAL: Final = (
    "warm_up_s",
    "post_dial_delay_s",
    "amd_s",
    "grace_s",
    "verdict_lag_s",
    "amd_errors",
    "pauses",
    "accounts",
    "target",
)


def parse(document: object) -> Workload:
    """Check a decoded JSON document and make a Workload of it.

    Raises:
        WorkloadError: an unknown or missing field, or a value that cannot be; the message names the field.
    """
    top = _object(document, "workload", required=_REQUIRED, optional=_OPTIONAL)
    errors = _object(top.get("amd_errors", {}), "amd_errors", optional=("human_as_machine", "not_sure"))
    pauses = _object(top.get("pauses", {}), "pauses", optional=("per_agent_hour", "mean_s"))
    target = _object(top.get("target", {}), "target", optional=("abandonment", "window"))
    workload = Workload(
        name=_text(top["name"], "name"),
        seed=_whole(top["seed"], "seed"),
        hours=_number(top["hours"], "hours", high=10_000, above=True),
        warm_up_s=_number(top.get("warm_up_s", 1800), "warm_up_s"),
        agents=_agents(top["agents"]),
        answer=_answer(top["answer"]),
        ring_human=_spread(top["ring_human"], "ring_human"),
        other=_other(top["other"]),
        talk=_lasting(top["talk"], "talk"),
        wrap=_spread(top["wrap"], "wrap"),
        post_dial_delay_s=_number(top.get("post_dial_delay_s", 0), "post_dial_delay_s", high=120),
        amd_s=_number(top.get("amd_s", 1.5), "amd_s", high=60),
        grace_s=_number(top.get("grace_s", 2.0), "grace_s", high=60),
        verdict_lag_s=_number(top.get("verdict_lag_s", 0), "verdict_lag_s", high=60),
        human_as_machine=_number(errors.get("human_as_machine", 0), "amd_errors.human_as_machine", high=1),
        not_sure=_number(errors.get("not_sure", 0), "amd_errors.not_sure", high=1),
        pauses_per_agent_hour=_number(pauses.get("per_agent_hour", 0), "pauses.per_agent_hour", high=60),
        pause_mean_s=_number(pauses.get("mean_s", 300), "pauses.mean_s"),
        accounts=_accounts(top.get("accounts")),
        target=_number(target.get("abandonment", 0.03), "target.abandonment", high=0.5),
        window=_choice(target.get("window", "day"), "target.window", WINDOWS),
    )
    if workload.hours * max(step.value for step in workload.agents) > MOST_AGENT_HOURS:
        raise WorkloadError(
            f"workload fields hours and agents ask for more than {MOST_AGENT_HOURS:,} agent hours: make it shorter"
        )
    if workload.warm_up_s >= workload.length_s:
        raise WorkloadError("workload field warm_up_s leaves nothing to measure: make it shorter than hours")
    return workload


def _object(
    value: object, field: str, *, required: Sequence[str] = (), optional: Sequence[str] = ()
) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise WorkloadError(f"workload field {field} must be an object")
    for name in value:
        if name not in required and name not in optional:
            raise WorkloadError(f"workload field {field}: unknown field {name!r}; known are {[*required, *optional]}")
    for name in required:
        if name not in value:
            raise WorkloadError(f"workload field {field}: {name!r} is missing")
    return value


def _list(value: object, field: str) -> list[object]:
    if not isinstance(value, list) or not value:
        raise WorkloadError(f"workload field {field} must be a list with at least one entry")
    return value


def _number(value: object, field: str, *, low: float = 0.0, high: float = 1e9, above: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(_float(value)):
        raise WorkloadError(f"workload field {field} must be a number")
    number = _float(value)
    if not low <= number <= high or (above and number == low):
        bounds = f"{'above' if above else 'from'} {low:g} up to {high:g}"
        raise WorkloadError(f"workload field {field} is {number:.15g}: it must lie {bounds}")
    return number


def _float(value: float) -> float:
    """The number; one too large for any float is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value > 0 or -1)


def _whole(value: object, field: str) -> int:
    number = _number(value, field, high=2.0**63)
    if number != int(number):
        raise WorkloadError(f"workload field {field} must be a whole number")
    return int(number)


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise WorkloadError(f"workload field {field} must be a text")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise WorkloadError(f"workload field {field} holds half a character (a lone surrogate)")
    return value


def _flag(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise WorkloadError(f"workload field {field} must be true or false")
    return value


def _choice(value: object, field: str, known: Sequence[str]) -> str:
    text = _text(value, field)
    if text not in known:
        raise WorkloadError(f"workload field {field} is {text!r}: it must be one of {list(known)}")
    return text


def _steps(value: object, field: str, name: str, *, high: float, now: bool = False) -> tuple[Step, ...]:
    steps: list[Step] = []
    for i, entry in enumerate(_list(value, field)):
        where = f"{field}[{i}]"
        item = _object(entry, where, required=("from_s", name), optional=("now",) if now else ())
        from_s = _number(item["from_s"], f"{where}.from_s")
        if steps and from_s <= steps[-1].from_s:
            raise WorkloadError(f"workload field {where}.from_s must be later than the step before it")
        value_at = _number(item[name], f"{where}.{name}", high=high)
        steps.append(Step(from_s, value_at, now and _flag(item.get("now", False), f"{where}.now")))
    return tuple(steps)


def _agents(value: object) -> tuple[Step, ...]:
    steps = _steps(value, "agents", "n", high=100_000, now=True)
    if any(step.value != int(step.value) for step in steps):
        raise WorkloadError("workload field agents: n must be a whole number")
    if not any(step.value for step in steps):
        raise WorkloadError("workload field agents: there is no agent at any time")
    return steps


def _answer(value: object) -> Answer:
    item = _object(value, "answer", required=("p",), optional=("swing", "steps", "steps_repeat_s"))
    swing = _object(item.get("swing", {}), "answer.swing", optional=("amplitude", "period_s"))
    repeat = item.get("steps_repeat_s")
    return Answer(
        p=_number(item["p"], "answer.p", high=0.95, above=True),
        amplitude=_number(swing.get("amplitude", 0), "answer.swing.amplitude", high=1),
        period_s=_number(swing.get("period_s", 14400), "answer.swing.period_s", above=True),
        steps=_steps(item.get("steps", [{"from_s": 0, "factor": 1.0}]), "answer.steps", "factor", high=100),
        repeat_s=None if repeat is None else _number(repeat, "answer.steps_repeat_s", above=True),
    )


def _other(value: object) -> tuple[Other, ...]:
    others: list[Other] = []
    for i, entry in enumerate(_list(value, "other")):
        where = f"other[{i}]"
        item = _object(entry, where, required=("kind", "share", "after"))
        kind = _choice(item["kind"], f"{where}.kind", ("no_answer", "machine", "failure"))
        share = _number(item["share"], f"{where}.share", high=1)
        others.append(Other(kind, share, _lasting(item["after"], f"{where}.after")))
    if abs(sum(other.share for other in others) - 1.0) > 1e-6:
        raise WorkloadError("workload field other: the shares must sum to 1")
    return tuple(others)


def _accounts(value: object) -> Accounts | None:
    if value is None:
        return None
    item = _object(value, "accounts", optional=("p_values", "weights", "known"))
    if item.get("p_values") is None:
        return None
    values = tuple(_number(p, "accounts.p_values", high=0.95) for p in _list(item["p_values"], "accounts.p_values"))
    raw = item.get("weights")
    weights = (
        (1.0,) * len(values)
        if raw is None
        else tuple(_number(w, "accounts.weights") for w in _list(raw, "accounts.weights"))
    )
    if len(weights) != len(values) or sum(weights) <= 0.0:
        raise WorkloadError("workload field accounts.weights must have one weight per p_values entry, not all 0")
    if sum(p * w for p, w in zip(values, weights, strict=True)) <= 0.0:
        raise WorkloadError("workload field accounts.p_values: nobody would ever answer")
    return Accounts(values, weights, _flag(item.get("known", False), "accounts.known"))


def _lasting(value: object, field: str) -> Spread:
    """A distribution of times that are not all nought: calls that last no time would follow each other for ever."""
    spread = _spread(value, field)
    if not any(_longest(part) for part in (spread, *(part for _, part in spread.parts))):
        raise WorkloadError(f"workload field {field} must last longer than 0 s")
    return spread


def _longest(spread: Spread) -> float:
    """Its mean, or the upper bound of a uniform one."""
    return spread.high if spread.kind == "uniform" else spread.mean


def _spread(value: object, field: str, depth: int = 0) -> Spread:
    head = _object(
        value, field, required=("dist",), optional=("mean", "cv", "max", "low", "high", "value", "parts", "weight")
    )
    kind = _choice(head["dist"], f"{field}.dist", ("lognormal", "uniform", "fixed", "exponential", "mixture"))
    extra = ("weight",) if depth else ()
    match kind:
        case "lognormal":
            item = _object(value, field, required=("dist", "mean", "cv"), optional=("max", *extra))
            mean = _number(item["mean"], f"{field}.mean", above=True)
            most = item.get("max")
            high = math.inf if most is None else _number(most, f"{field}.max", above=True)
            return Spread(kind, mean=mean, cv=_number(item["cv"], f"{field}.cv", high=20), high=high)
        case "uniform":
            item = _object(value, field, required=("dist", "low", "high"), optional=extra)
            low = _number(item["low"], f"{field}.low")
            return Spread(kind, low=low, high=_number(item["high"], f"{field}.high", low=low))
        case "fixed":
            item = _object(value, field, required=("dist", "value"), optional=extra)
            return Spread(kind, mean=_number(item["value"], f"{field}.value"))
        case "exponential":
            item = _object(value, field, required=("dist", "mean"), optional=extra)
            return Spread(kind, mean=_number(item["mean"], f"{field}.mean"))
        case _:
            return _mixture(value, field, depth, extra)


def _mixture(value: object, field: str, depth: int, extra: tuple[str, ...]) -> Spread:
    if depth >= 3:
        raise WorkloadError(f"workload field {field}: mixtures of mixtures end here")
    item = _object(value, field, required=("dist", "parts"), optional=extra)
    parts: list[tuple[float, Spread]] = []
    for i, entry in enumerate(_list(item["parts"], f"{field}.parts")):
        where = f"{field}.parts[{i}]"
        part = _spread(entry, where, depth + 1)
        weight = entry.get("weight") if isinstance(entry, dict) else None
        parts.append((_number(weight, f"{where}.weight", above=True), part))
    return Spread("mixture", parts=tuple(parts))
