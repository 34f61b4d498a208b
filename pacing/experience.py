"""All that has been learned on one campaign's floor, and the forecast tables made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from domain.ids import AgentId
from pacing.answer_model import AnswerModel
from pacing.answer_rate import AnswerRate
from pacing.forecast import (
    AGE_BINS,
    AGE_STEP_S,
    ELAPSED_BINS,
    PACES,
    Floats,
    Forecast,
    RouteForecast,
    elapsed_bin_start,
)
from pacing.hazard import DurationEstimator, survival_at
from pacing.ring_times import RingCurves, RingTimes
from pacing.settings import PacingSettings
from pacing.value import RightParty

GRID_POINTS: Final = 12
PACE_PRIOR_CALLS: Final = 20.0
_PACE_KEEP: Final = 0.5 ** (1.0 / 200.0)
_STEP_S: Final = 0.5
"""Resolution at which the end of a talk and the wrap-up after it are put together."""
_STARTS: Final[Floats] = np.array([elapsed_bin_start(row) for row in range(ELAPSED_BINS)])
_AGES: Final[Floats] = np.arange(AGE_BINS + 1, dtype=np.float64) * AGE_STEP_S


@dataclass(slots=True)
class Pace:
    """Fading count and seconds of one agent's calls."""

    calls: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class Experience:
    """Estimators of one campaign.

    Attributes:
        talk, wrap: how long agents talk and wrap up.
        rings: ring times by route; "" holds all routes together.
        answers: the list's chance that a person answers.
        accounts: accounts' own chances.
        paces: each agent's own speed.
        parties: how often who answers is the person sought.
    """

    talk: DurationEstimator = field(default_factory=lambda: DurationEstimator(90.0, 1.2))
    wrap: DurationEstimator = field(default_factory=lambda: DurationEstimator(25.0, 1.0))
    rings: dict[str, RingTimes] = field(default_factory=lambda: {"": RingTimes()})
    answers: AnswerRate = field(default_factory=AnswerRate)
    accounts: AnswerModel = field(default_factory=AnswerModel)
    paces: dict[AgentId, Pace] = field(default_factory=dict)
    parties: RightParty = field(default_factory=RightParty)

    def handled(self, agent: AgentId, seconds: float) -> None:
        """An agent finished talk or wrap-up of a call, `seconds` in all."""
        pace = self.paces.setdefault(agent, Pace())
        pace.calls = pace.calls * _PACE_KEEP + 1.0
        pace.seconds = pace.seconds * _PACE_KEEP + seconds

    def pace(self, agent: AgentId, team_s: float) -> float:
        """The agent's handling time as a multiple of the team's, pulled toward 1 while few calls are known."""
        known = self.paces.get(agent)
        if known is None or team_s <= 0.0:
            return 1.0
        return (known.seconds + PACE_PRIOR_CALLS * team_s) / (known.calls + PACE_PRIOR_CALLS) / team_s

    def ring_times(self, route: str) -> tuple[RingTimes, ...]:
        """The estimators that learn from a line on this route: its own, and the one of all routes."""
        everyone = self.rings[""]
        if route == "":
            return (everyone,)
        if route not in self.rings:
            self.rings[route] = RingTimes()
        return everyone, self.rings[route]

    def forecast(
        self,
        version: int,
        settings: PacingSettings,
        talking: Iterable[float],
        wrapping: Iterable[float],
        ringing: Mapping[str, list[float]],
    ) -> Forecast:
        """Build the tables. The spans still going on (elapsed seconds, ages by route) count as censored."""
        everyone = [age for ages in ringing.values() for age in ages]
        verdict_s = self.rings[""].verdict_s
        curves = {"": (self.rings[""].curves(everyone), verdict_s)}
        for name, rings in self.rings.items():
            if name:
                curves[name] = (rings.curves(ringing.get(name, [])), rings.verdict_s)
        talk_risk, wrap_risk = self.talk.cumulative_hazard(talking), self.wrap.cumulative_hazard(wrapping)
        return tables(version, settings, curves, talk_risk, wrap_risk, self.talk.mean() + self.wrap.mean())


def tables(
    version: int,
    settings: PacingSettings,
    curves: Mapping[str, tuple[RingCurves, float]],
    talk_risk: Floats,
    wrap_risk: Floats,
    handle_s: float,
) -> Forecast:
    """The forecast that these curves make.

    Args:
        version: of the forecast.
        settings: the campaign's, for grace, lag and rest.
        curves: ring times, and seconds from a person's answer to the verdict, by route; "" is all routes together.
        talk_risk, wrap_risk: cumulative hazards at `hazard.EDGES`.
        handle_s: mean talk and wrap-up.
    """
    grid = _grid(*curves[""])
    slack = max(settings.grace_s - settings.verdict_lag_s - settings.bridge_s, 0.0)
    free_by = np.maximum(grid + slack - settings.idle_floor_s, 0.0)
    return Forecast(
        version=version,
        grid=_short(grid),
        weight=np.full(GRID_POINTS, 1.0 / GRID_POINTS),
        slack_s=slack,
        talk_busy=_short(np.stack([_talk_busy(talk_risk, wrap_risk, free_by, pace) for pace in PACES])),
        wrap_busy=_short(np.stack([_wrap_busy(wrap_risk, free_by, pace) for pace in PACES])),
        handle_s=handle_s,
        routes={name: _route_tables(ring, grid, verdict_s) for name, (ring, verdict_s) in curves.items()},
    )


def _short(table: Floats) -> Floats:
    """The table to six decimals: more is noise, and a recording of it would be three times as long."""
    return np.round(table, 6)


def _grid(curves: RingCurves, verdict_s: float) -> Floats:
    """Look-ahead times that stand for equal shares of the persons a new line may reach."""
    shares = (np.arange(GRID_POINTS) + 0.5) / GRID_POINTS
    rising = curves.person_by + np.arange(AGE_BINS + 1) * 1e-9  # strictly, for the inverse
    return np.interp(shares, rising, _AGES) + verdict_s


def _route_tables(curves: RingCurves, grid: Floats, verdict_s: float) -> RouteForecast:
    ages = _AGES[:-1]
    ahead = np.maximum(ages[:, None] + grid[None, :] - verdict_s, ages[:, None])
    by_then = np.interp(ahead, _AGES, curves.person_by)
    unanswered = 1.0 - curves.person_by[:-1]
    return RouteForecast(
        arriving=_short(by_then - curves.person_by[:-1, None]),
        unanswered=_short(unanswered),
        other=_short(1.0 - curves.other_by[:-1]),
        person=_short(curves.person_odds),
    )


def _wrap_busy(risk: Floats, free_by: Floats, pace: float) -> Floats:
    """P(wrap-up not done within each of `free_by` | so long already), for an agent of this pace."""
    elapsed = _STARTS[:, None] / pace
    later = elapsed + free_by[None, :] / pace
    return np.minimum(survival_at(risk, later) / np.maximum(survival_at(risk, elapsed), 1e-12), 1.0)


def _talk_busy(talk_risk: Floats, wrap_risk: Floats, free_by: Floats, pace: float) -> Floats:
    """P(talk and the wrap-up after it not both done within each of `free_by` | talking so long already)."""
    steps = np.arange(0.0, float(free_by.max()) + _STEP_S, _STEP_S)
    elapsed = _STARTS[:, None] / pace
    alive = survival_at(talk_risk, elapsed + steps[None, :] / pace)
    alive /= np.maximum(alive[:, :1], 1e-12)
    ends = alive[:, :-1] - alive[:, 1:]  # share of talks that end in each step
    left = free_by[None, :] - (steps[:-1, None] + _STEP_S / 2)  # what then remains for the wrap-up
    wrapped = np.where(left > 0.0, 1.0 - survival_at(wrap_risk, np.maximum(left, 0.0) / pace), 0.0)
    return np.clip(1.0 - ends @ wrapped, 0.0, 1.0)
