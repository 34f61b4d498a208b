"""Other published pacing rules, as policies with one knob each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.mode import Mode
from pacing.decision import PacingDecision
from pacing.forecast import Floats, Forecast, elapsed_bin
from pacing.settings import PacingSettings
from pacing.simulation.policy import EVERY_TEAM
from pacing.snapshot import AgentState, FloorSnapshot, LineStage

_FREE_RUNNING: Final = PacingSettings(mode=Mode.PREDICTIVE)


def _lines(snapshot: FloorSnapshot, count: int, words: str) -> PacingDecision:
    return PacingDecision(snapshot.now, max(0, count), False, (), Mode.PREDICTIVE, 0.0, None, (), words)


@dataclass(frozen=True, slots=True)
class PowerOnIdle:
    """A fixed number of lines per idle agent, as boost factors and lines-per-agent settings do."""

    ratio: float
    tick_s: float = 5.0
    events_up_to: int = EVERY_TEAM
    settings: PacingSettings = _FREE_RUNNING

    @property
    def name(self) -> str:
        return f"power:{self.ratio:g}"

    def decide(self, snapshot: FloorSnapshot) -> PacingDecision:
        idle = sum(1 for agent in snapshot.agents if agent.state is AgentState.READY)
        wanted = math.floor(self.ratio * idle + 1e-9) - len(snapshot.lines)
        return _lines(snapshot, wanted, f"{self.ratio:g} lines for each of {idle} idle agents")


@dataclass(frozen=True, slots=True)
class FixedRatio:
    """Lines in all, conversations included, held at a fixed multiple of the agents signed in."""

    ratio: float
    tick_s: float = 0.5
    events_up_to: int = 0
    settings: PacingSettings = _FREE_RUNNING

    @property
    def name(self) -> str:
        return f"fixed:{self.ratio:g}"

    def decide(self, snapshot: FloorSnapshot) -> PacingDecision:
        talking = sum(1 for agent in snapshot.agents if agent.state is AgentState.TALKING)
        wanted = round(self.ratio * len(snapshot.agents)) - len(snapshot.lines) - talking
        return _lines(snapshot, wanted, f"{self.ratio:g} lines for each agent signed in")


@dataclass(frozen=True, slots=True)
class Issabel:
    """Issabel's predictor: idle agents, and busy ones whose exponential age has passed a share of its law."""

    share: float = 0.7
    answer_s: float = 10.0
    tick_s: float = 0.5
    events_up_to: int = 0
    settings: PacingSettings = _FREE_RUNNING

    @property
    def name(self) -> str:
        return f"issabel:{self.share:g}"

    def decide(self, snapshot: FloorSnapshot) -> PacingDecision:
        mean = snapshot.forecast.handle_s if snapshot.forecast is not None else 120.0
        free = 0
        for agent in snapshot.agents:
            if agent.state is AgentState.READY:
                free += 1
            elif agent.state is AgentState.TALKING:
                elapsed = snapshot.now - agent.since
                free += 1.0 - math.exp(-(elapsed + self.answer_s) / mean) >= self.share
        return _lines(snapshot, free - len(snapshot.lines), f"{free} agents idle or expected free")


@dataclass(slots=True)
class MeanMatching:
    """Hazard mean matching (EIS, 1995): dial until the answers expected equal the agents expected free.

    Each busy agent counts by the chance to finish within a window, and the window is the knob: 0 counts idle agents
    only, above that seconds; below 0 the match itself is scaled by exp(knob), which small teams need.

    Attributes:
        knob: see above.
        adapts: whether the knob moves with each answer so that the share abandoned meets the campaign's target.
        seen: live answers and abandoned ones that the knob has moved for.
    """

    knob: float = 0.0
    adapts: bool = False
    tick_s: float = 0.5
    events_up_to: int = 0
    settings: PacingSettings = _FREE_RUNNING
    seen: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        return "eis" if self.adapts else f"eis:{self.knob:g}"

    def decide(self, snapshot: FloorSnapshot) -> PacingDecision:
        forecast = snapshot.forecast
        if forecast is None:
            return _lines(snapshot, 0, "no forecast yet")
        if self.adapts:
            self._adapt(snapshot)
        free = self._free(snapshot, forecast)
        expected = self._expected(snapshot, forecast)
        wanted = math.floor((free - expected) / max(snapshot.answer_p, 1e-3) + 1e-9)
        if not snapshot.lines and any(agent.state is AgentState.READY for agent in snapshot.agents):
            wanted = max(wanted, 1)  # however the knob stands, an idle agent gets a line
        return _lines(snapshot, wanted, f"{free:.1f} agents expected free, {expected:.1f} answers expected")

    def _adapt(self, snapshot: FloorSnapshot) -> None:
        answered = snapshot.totals.answered - self.seen[0]
        abandoned = snapshot.totals.abandoned - self.seen[1]
        self.seen = (snapshot.totals.answered, snapshot.totals.abandoned)
        agents = max(len(snapshot.agents), 1)
        gain = 2.0 * min(0.25, 1.5 / agents)
        self.knob = min(max(self.knob + gain * (snapshot.settings.target * answered - abandoned), -3.0), 60.0)

    def _free(self, snapshot: FloorSnapshot, forecast: Forecast) -> float:
        window = max(self.knob, 0.0)
        free = 0.0
        spans: dict[str, list[float]] = {"talk": [], "wrap": []}
        for agent in snapshot.agents:
            if agent.state is AgentState.READY:
                free += 1.0
            elif agent.state is AgentState.TALKING:
                spans["talk"].append(snapshot.now - agent.since)
            elif agent.state is AgentState.WRAP_UP:
                spans["wrap"].append(snapshot.now - agent.since)
        if window > 0.0:
            for table, elapsed in ((forecast.talk_busy, spans["talk"]), (forecast.wrap_busy, spans["wrap"])):
                if elapsed:
                    rows = 1.0 - table[2, [elapsed_bin(seconds) for seconds in elapsed]]
                    free += float(ending(rows, forecast, window).sum())
        return free * math.exp(min(self.knob, 0.0))

    def _expected(self, snapshot: FloorSnapshot, forecast: Forecast) -> float:
        expected = 0.0
        route = forecast.route("")
        for line in snapshot.lines:
            if line.stage is LineStage.WAITING:
                expected += 1.0
            elif line.stage is LineStage.ANSWERED:
                expected += line.human_p if line.human_p is not None else line.answer_p
            else:
                row = min(int(max(snapshot.now - line.dialed_at, 0.0) * 2), len(route.unanswered) - 1)
                alive, other = line.answer_p * route.unanswered[row], (1.0 - line.answer_p) * route.other[row]
                expected += float(alive / max(alive + other, 1e-9))
        return expected


def ending(free: Floats, forecast: Forecast, window: float) -> Floats:
    """Chance to be free within `window` seconds, for each row [rows, u] of chances over the forecast's grid."""
    times = np.concatenate(([0.0], forecast.grid + forecast.slack_s))
    padded = np.concatenate((np.zeros((len(free), 1)), free), axis=1)
    if window <= times[-1]:
        return np.array([np.interp(window, times, row) for row in padded])
    # Beyond the table, the chance to be busy goes on falling at the rate of its last stretch.
    left = 1.0 - padded
    rate = np.log(np.maximum(left[:, -3], 1e-9) / np.maximum(left[:, -1], 1e-9)) / (times[-1] - times[-3])
    beyond: Floats = 1.0 - left[:, -1] * np.exp(-rate * (window - times[-1]))
    return beyond
