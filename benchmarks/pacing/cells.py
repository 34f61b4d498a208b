"""The standard grid, its goals, and the policies compared on it."""

from __future__ import annotations

from dataclasses import dataclass

from pacing.simulation.study import standard_document
from pacing.simulation.workload import Workload, parse

HELD_OUT = 1000
"""Seeds from here on are for measuring; settings are searched on the ones below."""


@dataclass(frozen=True)
class Cell:
    """One floor of the grid."""

    agents: int
    p: float
    talk: int
    drifting: bool = False

    @property
    def name(self) -> str:
        return f"{self.agents} | {self.p:.2f}{'~' if self.drifting else ''} | {self.talk}"

    @property
    def gate(self) -> float:
        """How far below the target utilisation may fall: 1.0 point up to 25 agents, 0.7 up to 100, 0.5 above."""
        return 0.010 if self.agents <= 25 else 0.007 if self.agents <= 100 else 0.005

    @property
    def target(self) -> float:
        """Utilisation the reference rule reached, cold start, estimated answer rate."""
        return TARGETS[self.agents, self.p, self.talk, self.drifting] / 100.0

    def workload(self, answers: int, seed: int, *, window: str = "day") -> Workload:
        """The floor, long enough for about this many live answers."""
        handle = self.talk + 20.0
        hours = 0.5 + answers * handle / (self.agents * self.target) / 3600.0
        document = standard_document(
            self.agents, self.p, self.talk, hours=round(hours, 2), drifting=self.drifting, seed=seed
        )
        document["target"] = {"abandonment": 0.03, "window": window}
        return parse(document)


_ROWS = {
    (0.10, 60, False): (68.0, 78.2, 87.7, 92.4, 95.8, 98.8, 99.6),
    (0.10, 180, False): (78.6, 84.6, 90.7, 94.1, 96.4, 98.1, 98.8),
    (0.25, 60, False): (73.1, 80.0, 88.2, 93.0, 96.1, 98.9, 99.9),
    (0.25, 180, False): (83.6, 87.1, 91.7, 94.5, 96.6, 98.5, 99.4),
    (0.40, 60, False): (76.4, 82.2, 89.2, 93.4, 96.4, 99.0, 99.9),
    (0.40, 180, False): (87.4, 89.1, 92.6, 94.9, 96.8, 98.6, 99.6),
    (0.25, 60, True): (71.5, 79.2, 88.1, 92.9, 96.0, 98.8, 99.8),
    (0.25, 180, True): (82.7, 86.4, 91.2, 94.4, 96.5, 98.4, 99.4),
}
_TEAMS = (5, 10, 25, 50, 100, 300, 1000)
TARGETS = {
    (n, p, talk, drifting): goal
    for (p, talk, drifting), goals in _ROWS.items()
    for n, goal in zip(_TEAMS, goals, strict=True)
}

QUICK = tuple(Cell(n, p, talk) for n in (5, 10, 25) for p in (0.10, 0.25) for talk in (60, 180))
FULL = tuple(Cell(n, p, talk, drifting) for (n, p, talk, drifting) in TARGETS)


@dataclass(frozen=True)
class Family:
    """A policy with one knob; its best setting is searched in hindsight.

    Attributes:
        name: column of the table.
        pattern: policy text with `{}` for the knob.
        low, high: range of the knob for bisection on abandonment, which rises with it; equal when there is no knob.
        levels: settings to try instead, where abandonment is not monotone in the knob.
    """

    name: str
    pattern: str
    low: float = 0.0
    high: float = 0.0
    levels: tuple[float, ...] = ()

    def policy(self, knob: float) -> str:
        return self.pattern.format(f"{knob:.4g}")


_LEVELS = (1.15, 1.35, 1.6, 2.0, 2.5, 3.0, 4.0, 6.0)
PROGRESSIVE = Family("progressive", "progressive")
POWER = Family("power on idle", "power:{}", 0.5, 30.0)
EIS = Family("EIS mean matching", "eis:{}", -3.0, 40.0)
VICI_RATIO = Family("VICIdial RATIO", "vicidial-ratio:{}", 1.0, 12.0)
VICI_RATIO_IDLE = Family("VICIdial RATIO, available only", "vicidial-ratio:{},available_only=1", 1.0, 30.0)
VICI_AVERAGE_DEFAULT = Family("VICIdial AVERAGE, max 3.0", "vicidial-average:max=3.0")
VICI_AVERAGE = Family("VICIdial AVERAGE, best max", "vicidial-average:max={}", levels=_LEVELS)
VICI_AVERAGE_IDLE = Family(
    "VICIdial AVERAGE, available only",
    "vicidial-average:max={},available_only=1",
    levels=(1.5, 2.0, 3.0, 5.0, 8.0, 12.0),
)
VICI_TAPERED = Family("VICIdial TAPERED, best max", "vicidial-tapered:max={}", levels=_LEVELS)
VICI_HARD = Family("VICIdial HARD, best max", "vicidial-hard:max={}", levels=_LEVELS)
ISSABEL = Family("Issabel predictor", "issabel:{}", levels=(0.98, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2))
FIXED = Family("fixed lines per agent", "fixed:{}", 0.5, 8.0)

QUICK_PEERS = (PROGRESSIVE, POWER, EIS, VICI_RATIO, VICI_RATIO_IDLE, VICI_AVERAGE_DEFAULT, VICI_AVERAGE)
FULL_PEERS = (*QUICK_PEERS, VICI_AVERAGE_IDLE, VICI_TAPERED, VICI_HARD, ISSABEL, FIXED)
