"""Compiled runs: a workload and a policy's name in, the figures of `measure` out."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from pacing.experience import tables
from pacing.forecast import AGE_BINS, AGE_STEP_S, Forecast
from pacing.hazard import EDGES
from pacing.ring_times import RingCurves
from pacing.settings import PacingSettings
from pacing.simulation.baselines import FixedRatio as Fixed
from pacing.simulation.baselines import Issabel, MeanMatching, PowerOnIdle, ending
from pacing.simulation.compiled import rules
from pacing.simulation.compiled import state as s
from pacing.simulation.compiled.floor import run
from pacing.simulation.compiled.state import Floats, State, new_state
from pacing.simulation.distributions import Spread
from pacing.simulation.measure import report_of
from pacing.simulation.policies import PolicyError, policy_named
from pacing.simulation.policy import EVERY_TEAM, Production
from pacing.simulation.vicidial import Method, Vicidial, drop_limit_pct
from pacing.simulation.workload import Workload

SAMPLES: Final = 200_000
_METHODS: Final = {Method.RATIO: 0, Method.HARD_LIMIT: 1, Method.TAPERED: 2, Method.AVERAGE: 3}


def simulate(load: Workload, policy: str, seed: int) -> dict[str, object]:
    """One compiled run.

    Args:
        load: the floor.
        policy: `progressive`, `power:R`, `fixed:R`, `issabel:share`, `eis:knob`, any `vicidial-...`, or
            `look-ahead:theta[,adapts=1,knows_p=1]`, the engine's rule with the true curves at one constant theta.
        seed: of the random numbers.

    Raises:
        PolicyError: no such policy, or one that has no compiled twin.
    """
    forecast = true_forecast(load)
    rule, tick_s, tables_of_rule = _rule(policy, forecast, load.target)
    world = _world(load, forecast, rule, tables_of_rule)
    world.floats[s.REACHED], world.floats[s.DIALS] = 12.5, 50.0
    world.floats[s.GAP_S] = 1.0
    world.floats[s.THETA_BASE] = rule[2]
    world.floats[s.LEVEL] = rule[2] if rule[0] == rules.VICIDIAL else 1.0
    world.memory[s.DUE_ADAPT] = 15.0
    run(world, seed % 2**32, tick_s)
    return _report(world)


def _rule(policy: str, forecast: Forecast, target: float) -> tuple[Floats, float, tuple[Floats, Floats]]:
    """The policy's figures, its period, and its tables of talking and wrapping agents."""
    rule = np.zeros(12)
    middle = (forecast.talk_busy[2], forecast.wrap_busy[2])
    if policy.startswith("look-ahead:"):
        figure, *options = policy.removeprefix("look-ahead:").split(",")
        rule[:5] = rules.LOOK_AHEAD, 50, float(figure), "adapts=1" in options, "knows_p=1" in options
        return rule, 0.5, middle
    chosen = policy_named(policy)
    rule[1] = chosen.events_up_to
    match chosen:
        case Production(name="progressive"):
            rule[:2] = rules.PROGRESSIVE, EVERY_TEAM
        case PowerOnIdle():
            rule[0], rule[2] = rules.POWER, chosen.ratio
        case Fixed():
            rule[0], rule[2] = rules.FIXED, chosen.ratio
        case Issabel():
            rule[0], rule[2], rule[3], rule[4] = rules.ISSABEL, chosen.share, chosen.answer_s, forecast.handle_s
        case MeanMatching(adapts=False):
            rule[0], rule[2] = rules.EIS, chosen.knob
            middle = (_ending(forecast, middle[0], chosen.knob), _ending(forecast, middle[1], chosen.knob))
        case Vicidial(levels=levels):
            rule[0], rule[2:10] = rules.VICIDIAL, (
                chosen.level, _METHODS[levels.method], levels.target_difference, levels.intensity, levels.maximum,
                drop_limit_pct(target), levels.latest_hhmm, chosen.available_only,
            )  # fmt: skip
        case _:
            raise PolicyError(f"policy {policy!r} has no compiled twin")
    return rule, chosen.tick_s, middle


def _ending(forecast: Forecast, busy: Floats, knob: float) -> Floats:
    """[elapsed, 1] chance that an agent is free within the knob's window."""
    window = max(knob, 0.0)
    if window <= 0.0:
        return np.zeros((len(busy), 1))
    return ending(1.0 - busy, forecast, window)[:, None]


# --- the workload as arrays -------------------------------------------------------------------------------------------


def _world(load: Workload, forecast: Forecast, rule: Floats, of_rule: tuple[Floats, Floats]) -> State:
    route = forecast.route("")
    spreads = [load.talk, load.wrap, load.ring_human, *(other.after for other in load.other)]
    parts = [_parts(spread) for spread in spreads]
    shares = np.cumsum([other.share for other in load.other])
    most = int(max(step.value for step in load.agents))
    answer = load.answer
    figures = (
        answer.p, answer.amplitude, answer.period_s, answer.repeat_s or 0.0, load.post_dial_delay_s, load.amd_s,
        load.grace_s, load.verdict_lag_s, load.human_as_machine, load.pauses_per_agent_hour / 3600.0,
        load.pause_mean_s, load.length_s, load.warm_up_s, load.target,
    )  # fmt: skip
    relative = np.ones((1, 2))
    if load.accounts is not None:
        values, weights = np.array(load.accounts.p_values), np.array(load.accounts.weights)
        weights = weights / weights.sum()
        relative = np.stack((values / (values @ weights), np.cumsum(weights)), axis=1)
    line_table = np.concatenate((route.unanswered[:, None], route.other[:, None], route.arriving), axis=1)
    known: dict[str, Any] = {
        "load": np.array(figures, np.float64),
        "steps": np.array([(step.from_s, step.value) for step in answer.steps], np.float64),
        "staff": np.array([(step.from_s, step.value, step.now) for step in load.agents], np.float64),
        "spreads": np.concatenate(parts),
        "first": np.cumsum([0, *(len(part) for part in parts)]),
        "others": np.array(
            [
                (share, 3 + k, other.kind == "machine")
                for k, (share, other) in enumerate(zip(shares, load.other, strict=True))
            ],
            np.float64,
        ),
        "relative": relative,
        "rule": rule,
        "talk_table": np.ascontiguousarray(of_rule[0]),
        "wrap_table": np.ascontiguousarray(of_rule[1]),
        "line_table": np.ascontiguousarray(line_table),
        "odds": route.person,
    }
    return new_state(known, agents=2 * most + 8, lines=64 * most + 1024, length_s=load.length_s)


def _parts(spread: Spread) -> Floats:
    """A distribution's components: cumulative weight, kind, a, b, most."""
    flat = _flat(spread, 1.0)
    rows = [(0.0, *_figures(part)) for _, part in flat]
    table = np.array(rows, np.float64)
    table[:, 0] = np.cumsum([weight for weight, _ in flat])
    return table


def _flat(spread: Spread, weight: float) -> list[tuple[float, Spread]]:
    if spread.kind != "mixture":
        return [(weight, spread)]
    whole = sum(share for share, _ in spread.parts)
    return [one for share, part in spread.parts for one in _flat(part, weight * share / whole)]


def _figures(spread: Spread) -> tuple[float, float, float, float]:
    most = min(spread.high, 1e12)
    match spread.kind:
        case "lognormal" if spread.mean > 0.0 and spread.cv > 0.0:
            variance = math.log(1.0 + spread.cv**2)
            return 3.0, math.log(spread.mean) - variance / 2.0, math.sqrt(variance), most
        case "uniform":
            return 1.0, spread.low, spread.high - spread.low, most
        case "exponential":
            return 2.0, spread.mean, 0.0, most
        case _:
            return 0.0, spread.mean, 0.0, most


# --- what is true of the workload, as the policies' tables ------------------------------------------------------------


def true_forecast(load: Workload) -> Forecast:
    """The forecast of one who knows the workload's curves (and not what will come of any call)."""
    return _forecast(replace(load, name="", seed=0, hours=0.0, warm_up_s=0.0, agents=(), window=""))


@lru_cache(maxsize=16)
def _forecast(load: Workload) -> Forecast:
    rng = np.random.default_rng(1)
    talk, wrap = _draws(load.talk, rng), _draws(load.wrap, rng)
    persons = load.post_dial_delay_s + _draws(load.ring_human, rng)
    others = load.post_dial_delay_s + np.concatenate(
        [_draws(other.after, rng, max(int(SAMPLES * other.share), 1)) for other in load.other]
    )
    machines = [
        load.post_dial_delay_s + _draws(other.after, rng, max(int(SAMPLES * other.share), 1))
        for other in load.other
        if other.kind == "machine"
    ]
    ages: Floats = np.arange(AGE_BINS + 1, dtype=np.float64) * AGE_STEP_S
    curves = RingCurves(_by(persons, ages), _by(others, ages), _odds(persons, machines, ages))
    settings = replace(PacingSettings(), grace_s=load.grace_s, verdict_lag_s=min(load.verdict_lag_s, load.grace_s))
    verdict_s = load.amd_s + load.verdict_lag_s
    handle_s = float(talk.mean() + wrap.mean())
    return tables(1, settings, {"": (curves, verdict_s)}, _risk(talk), _risk(wrap), handle_s)


def _draws(spread: Spread, rng: np.random.Generator, count: int = SAMPLES) -> Floats:
    table = _parts(spread)
    which = np.searchsorted(table[:, 0], rng.random(count), side="right").clip(max=len(table) - 1)
    drawn = np.empty(count)
    for k, (_, kind, a, b, most) in enumerate(table):
        mine = which == k
        n = int(mine.sum())
        if kind == 3.0:
            values = np.exp(a + b * rng.standard_normal(n))
            for _ in range(100):
                over = values > most
                if not over.any():
                    break
                values[over] = np.exp(a + b * rng.standard_normal(int(over.sum())))
            drawn[mine] = np.minimum(values, most)
        else:
            drawn[mine] = a + b * rng.random(n) if kind == 1.0 else rng.exponential(a, n) if kind == 2.0 else a
    return drawn


def _by(ends: Floats, ages: Floats) -> Floats:
    share: Floats = np.searchsorted(np.sort(ends), ages, side="left") / len(ends)
    return share


def _odds(persons: Floats, machines: list[Floats], ages: Floats) -> Floats:
    """Density of persons' answers over machines', each as a share of its own kind (all that is no person)."""
    window = np.ones(5)
    mine = np.convolve(np.histogram(persons, ages)[0] / len(persons), window, mode="same")
    if not machines:
        return np.full(AGE_BINS, 1e6)
    theirs = np.convolve(np.histogram(np.concatenate(machines), ages)[0] / SAMPLES, window, mode="same")
    odds: Floats = np.clip(mine / np.maximum(theirs, 1e-6), 1e-3, 1e6)
    return odds


def _risk(ends: Floats) -> Floats:
    alive = 1.0 - np.searchsorted(np.sort(ends), EDGES, side="left") / len(ends)
    risk: Floats = -np.log(np.maximum(alive, 0.1 / len(ends)))
    return risk + np.arange(len(EDGES)) * 1e-9


def _report(world: State) -> dict[str, object]:
    ints, floats = world.ints, world.floats
    return report_of(
        talk_s=float(floats[s.TALK_S]),
        wrap_s=float(floats[s.WRAP_S]),
        idle_s=float(floats[s.IDLE_S]),
        paused_s=float(floats[s.PAUSED_S]),
        served=int(ints[s.SERVED]),
        abandoned=int(ints[s.ABANDONED]),
        line_s=float(floats[s.LINE_S]),
        agent_s=float(floats[s.AGENT_S]),
        blocks=[(int(n), int(lost)) for n, lost in world.blocks],
        days=[(int(n), int(lost)) for n, lost in world.days if n],
    )
