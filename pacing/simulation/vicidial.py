"""VICIdial's pacing as a baseline: its dial level, its drop brakes and its count of calls per pass.

Re-implemented from a description of its behaviour: a multiplicative step on "idle agents less queued calls" every 15 s,
brakes on the day's drop percentage recomputed every 60 s, and calls placed every 2.5 s so that the lines meet level
times agents. There is no forecast in it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from domain.mode import Mode
from pacing.decision import PacingDecision
from pacing.settings import PacingSettings
from pacing.simulation.workload import DAY_S
from pacing.snapshot import AgentState, FloorSnapshot, LineStage

SAMPLES: Final = 15
ADAPT_S: Final = 15.0
DROPS_S: Final = 60.0
PASS_S: Final = 2.5
_DAY_BEGINS_MIN: Final = 9 * 60
END_OF_DAY_HHMM: Final = 1700
"""The simulated working day is nine to five."""


class Method(StrEnum):
    """Dial methods."""

    RATIO = "ratio"
    HARD_LIMIT = "hard"
    TAPERED = "tapered"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class LevelInputs:
    """What one change of the dial level looks at.

    Attributes:
        level: the present level.
        difference: ready agents less waiting calls, averaged over 15 s.
        agents: agents logged in, averaged over 15 s.
        hhmm: local time as a plain number, 1530 for half past three.
        calls_today, dropped_today_pct: the day's calls and drop percentage.
        calls_minute, dropped_minute_pct: the same of the last minute, drops over all calls.
        small_team: whether the small-team guard fires.
    """

    level: float
    difference: float
    agents: float
    hhmm: int
    calls_today: int
    dropped_today_pct: float
    calls_minute: int = 0
    dropped_minute_pct: float = 0.0
    small_team: bool = False


@dataclass(frozen=True, slots=True)
class LevelSettings:
    """A campaign's settings for the level, with the shipped defaults."""

    method: Method
    target_difference: int = 0
    intensity: int = 0
    maximum: float = 3.0
    limit_pct: float = 3.0
    latest_hhmm: int = 2100


def drop_limit_pct(target: float) -> float:
    """The drop percentage a campaign with this target is set to; 0.1 is the least the setting takes."""
    return max(100.0 * target, 0.1)


def new_level(settings: LevelSettings, seen: LevelInputs) -> float:
    """The dial level after one step."""
    push = seen.difference + settings.target_difference
    share = push / seen.agents if push != 0 and seen.agents != 0 else 0.0
    intensity = settings.intensity / 100.0
    gain = share * (1.0 + intensity) if share >= 0.0 else share * abs(intensity - 1.0)
    level = round(seen.level * (1.0 + gain), 3)
    level = max(min(level, settings.maximum), 1.0)
    if seen.calls_minute > 20 and seen.dropped_minute_pct > 50.0:
        level /= 2.0
    if seen.calls_today > 50 and seen.dropped_today_pct > settings.limit_pct:
        level = _braked(settings, level, seen.hhmm)
    if seen.small_team:
        level = 1.0
    return float(f"{max(level, 1.0):.6f}"[:6])


def _braked(settings: LevelSettings, level: float, hhmm: int) -> float:
    match settings.method:
        case Method.HARD_LIMIT:
            return 1.0
        case Method.AVERAGE:
            return level / 2.0
        case Method.TAPERED:
            left = settings.latest_hhmm - hhmm  # plain subtraction of clock readings, as the original does
            if left < 0:
                return 1.0
            return level * (1.0 if left > 1000 else left / 1000.0)
        case Method.RATIO:
            return level


def calls_to_make(level: float, ready: int, talking: int, lines: int, *, available_only: bool) -> int:
    """Calls to place in one pass; `lines` are those of the campaign that ring, wait or talk.

    A level of 0, which only a fixed ratio can have, places none: the goal is level times agents.
    """
    goal = round(level * ready + talking) if available_only else round(level * (ready + talking))
    return max(0, goal - lines)


@dataclass(slots=True)
class Vicidial:
    """VICIdial as a policy."""

    levels: LevelSettings
    level: float = 1.0
    available_only: bool = False
    tick_s: float = 0.5
    events_up_to: int = 0
    ready: deque[int] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    queued: deque[int] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    signed_in: deque[int] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    minutes: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=2))
    due: dict[str, float] = field(
        default_factory=lambda: {"sample": 0.0, "adapt": ADAPT_S, "drops": 0.0, "pass": 0.0, "day": 0.0}
    )
    midnight: tuple[int, int, int] = (0, 0, 0)
    calls_today: int = 0
    dropped_today_pct: float = 0.0
    calls_minute: int = 0
    dropped_minute_pct: float = 0.0

    @property
    def name(self) -> str:
        levels, tally = self.levels, ",available_only=1" if self.available_only else ""
        if levels.method is Method.RATIO:
            return f"vicidial-ratio:{self.level:g}{tally}"
        others = (
            ("latest", levels.latest_hhmm, END_OF_DAY_HHMM),
            ("difference", levels.target_difference, 0),
            ("intensity", levels.intensity, 0),
        )
        changed = "".join(f",{option}={value}" for option, value, shipped in others if value != shipped)
        return f"vicidial-{levels.method}:max={levels.maximum:g}{tally}{changed}"

    @property
    def settings(self) -> PacingSettings:
        return PacingSettings(mode=Mode.PREDICTIVE)

    def decide(self, snapshot: FloorSnapshot) -> PacingDecision:
        now = snapshot.now
        if self._is_due("sample", now, 1.0):
            states = [agent.state for agent in snapshot.agents]
            self.ready.append(states.count(AgentState.READY))
            self.signed_in.append(len(states))
            self.queued.append(sum(1 for line in snapshot.lines if line.stage is LineStage.WAITING))
        if self._is_due("drops", now, DROPS_S):
            self._drops(snapshot)
        if self.levels.method is not Method.RATIO and self._is_due("adapt", now, ADAPT_S):
            self._adapt(snapshot)
        lines = self._pass(snapshot) if self._is_due("pass", now, PASS_S) else 0
        words = f"dial level {self.level:g}"
        return PacingDecision(now, lines, False, (), Mode.PREDICTIVE, 0.0, None, (), words)

    def _is_due(self, what: str, now: float, period: float) -> bool:
        if now + 1e-9 < self.due[what]:
            return False
        self.due[what] = now + period
        return True

    def _drops(self, snapshot: FloorSnapshot) -> None:
        totals = snapshot.totals
        if self._is_due("day", snapshot.now, DAY_S - snapshot.now % DAY_S):
            self.midnight = (totals.over, totals.wrapped, totals.abandoned)
        self.minutes.append((totals.over, totals.abandoned))
        calls0, drops0 = self.minutes[0]
        self.calls_minute = totals.over - calls0
        self.dropped_minute_pct = 100.0 * (totals.abandoned - drops0) / max(1, self.calls_minute)
        drops = totals.abandoned - self.midnight[2]
        # Answered calls count only once the agent has dispositioned them; drops count at once.
        answers = totals.wrapped - self.midnight[1] + drops
        self.calls_today = totals.over - self.midnight[0]
        self.dropped_today_pct = 100.0 * drops / max(1, answers)

    def _adapt(self, snapshot: FloorSnapshot) -> None:
        agents = sum(self.signed_in) / len(self.signed_in)
        if agents <= 0.0:
            return
        minute = int(_DAY_BEGINS_MIN + snapshot.now % DAY_S / 60.0)
        seen = LevelInputs(
            level=self.level,
            difference=sum(self.ready) / len(self.ready) - sum(self.queued) / len(self.queued),
            agents=agents,
            hhmm=minute // 60 * 100 + minute % 60,
            calls_today=self.calls_today,
            dropped_today_pct=self.dropped_today_pct,
            calls_minute=self.calls_minute,
            dropped_minute_pct=self.dropped_minute_pct,
        )
        levels = replace(self.levels, limit_pct=drop_limit_pct(snapshot.settings.target))
        self.level = new_level(levels, seen)

    def _pass(self, snapshot: FloorSnapshot) -> int:
        states = [agent.state for agent in snapshot.agents]
        ready, talking = states.count(AgentState.READY), states.count(AgentState.TALKING)
        lines = len(snapshot.lines) + talking
        return calls_to_make(self.level, ready, talking, lines, available_only=self.available_only)
