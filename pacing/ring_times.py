"""How long a line takes to be answered by a person, to reach a machine, or to come to nothing, per route.

Two causes compete to end a ringing line: a person answers, or something else happens. Each has its hazard by the age of
the line, estimated as ends over seconds at risk, so that lines we released ourselves and lines still ringing count for
as long as they were watched and no longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from pacing.forecast import AGE_BINS, AGE_STEP_S, Floats, age_bins

_HALF_LIFE_LINES: Final = 4000.0
_KEEP: Final = 0.5 ** (1.0 / _HALF_LIFE_LINES)
_PRIOR_LINES: Final = 40.0
_STARTS: Final[Floats] = np.arange(AGE_BINS, dtype=np.float64) * AGE_STEP_S


def _prior_persons() -> Floats:
    """Answers of a quarter of the prior lines, spread as people commonly take to pick up (lognormal, 10 s, cv 0.5)."""
    middle = _STARTS + AGE_STEP_S / 2
    shape: Floats = np.exp(-((np.log(middle) - 2.19) ** 2) / (2 * 0.2231)) / middle
    shape[_STARTS >= 30.0] = 0.0
    prior: Floats = 0.25 * _PRIOR_LINES * shape / shape.sum()
    return prior


def _prior_others() -> Floats:
    """Ends of the others: most ring out at 20 to 30 s, some reach a machine, some fail at once."""
    out = np.where((_STARTS >= 20.0) & (_STARTS < 30.0), 0.7 / 20, 0.0)
    machines = np.where((_STARTS >= 6.0) & (_STARTS < 24.0), 0.2 / 36, 0.0)
    failures = np.where((_STARTS >= 1.0) & (_STARTS < 5.0), 0.1 / 8, 0.0)
    prior: Floats = 0.75 * _PRIOR_LINES * (out + machines + failures)
    return prior


def _risk(ends: Floats) -> Floats:
    """Seconds at risk in each bin of lines that end as `ends` says."""
    alive = ends.sum() - np.concatenate(([0.0], np.cumsum(ends)[:-1]))
    risk: Floats = (alive - 0.5 * ends) * AGE_STEP_S
    return risk


_PRIOR_PERSONS: Final = _prior_persons()
_PRIOR_OTHERS: Final = _prior_others()
_PRIOR_RISK: Final = _risk(_PRIOR_PERSONS + _PRIOR_OTHERS)


@dataclass(frozen=True, slots=True, eq=False)
class RingCurves:
    """Curves by line age, one value per AGE_STEP_S and one beyond the last.

    Attributes:
        person_by: share of the persons reached who answer before this age.
        other_by: share of the dials that reach no person which are over before this age.
        person_odds: of what answers at this age, persons per machine, as a factor on p / (1 - p).
    """

    person_by: Floats
    other_by: Floats
    person_odds: Floats


@dataclass(slots=True)
class RingTimes:
    """Ring-time experience of one route."""

    persons: Floats = field(default_factory=lambda: np.zeros(AGE_BINS))
    machines: Floats = field(default_factory=lambda: np.zeros(AGE_BINS))
    nothing: Floats = field(default_factory=lambda: np.zeros(AGE_BINS))
    at_risk: Floats = field(default_factory=lambda: np.zeros(AGE_BINS))
    verdict_s: float = 1.5
    """Mean time from a person's answer to the verdict."""

    fresh: dict[str, list[float]] = field(
        default_factory=lambda: {"person": [], "machine": [], "nobody": [], "released": []}
    )
    """Ages at which lines ended, by how, not yet worked in."""

    def person(self, age: float, verdict_s: float) -> None:
        """A person answered at this age; the verdict took so long."""
        self.fresh["person"].append(age)
        self.verdict_s += 0.02 * (min(max(verdict_s, 0.0), 30.0) - self.verdict_s)

    def machine(self, age: float) -> None:
        """A machine (or fax, or tone) answered at this age."""
        self.fresh["machine"].append(age)

    def nobody(self, age: float) -> None:
        """The line came to nothing at this age: no answer, busy, failure."""
        self.fresh["nobody"].append(age)

    def released(self, age: float) -> None:
        """We gave the line up at this age; what would have come of it is unknown."""
        self.fresh["released"].append(age)

    def settle(self) -> None:
        """Work in what has ended since the last time; older experience fades by as much."""
        ages = np.array([age for some in self.fresh.values() for age in some])
        if not len(ages):
            return
        keep = _KEEP ** len(ages)
        self.persons = self.persons * keep + _count(self.fresh["person"])
        self.machines = self.machines * keep + _count(self.fresh["machine"])
        self.nothing = self.nothing * keep + _count(self.fresh["nobody"])
        self.at_risk = self.at_risk * keep + _exposure(ages)
        for some in self.fresh.values():
            some.clear()

    def curves(self, in_flight: Iterable[float] = ()) -> RingCurves:
        """What is believed now; `in_flight` are the ages of lines still ringing."""
        self.settle()
        at_risk = self.at_risk + _PRIOR_RISK + _exposure(np.array(list(in_flight)))
        persons = self.persons + _PRIOR_PERSONS
        others = self.machines + self.nothing + _PRIOR_OTHERS
        floor = 1e-9 + at_risk
        hazard_person, hazard_other = persons / floor, others / floor
        # Nobody is watched beyond the last age at which anything happened; there the line is taken to end.
        total = np.minimum((hazard_person + hazard_other) * AGE_STEP_S, 20.0)
        alive = np.exp(-np.concatenate(([0.0], np.cumsum(total))))
        lost = alive[:-1] - alive[1:]
        share = hazard_person / np.maximum(hazard_person + hazard_other, 1e-12)
        by_person = np.concatenate(([0.0], np.cumsum(lost * share)))
        by_other = np.concatenate(([0.0], np.cumsum(lost * (1.0 - share))))
        return RingCurves(by_person / by_person[-1], by_other / by_other[-1], self._odds(by_person, by_other))

    def _odds(self, by_person: Floats, by_other: Floats) -> Floats:
        """Density of persons' answers over that of machines', both as shares of their own kind, smoothed over 2 s."""
        window = np.ones(5)
        persons = np.convolve(self.persons + _PRIOR_PERSONS, window, mode="same")
        machines = np.convolve(self.machines + 0.25 * _PRIOR_OTHERS, window, mode="same")
        scale = max(by_other[-1], 1e-6) / max(by_person[-1], 1e-6)
        odds: Floats = np.clip(persons / np.maximum(machines, 1e-6) * scale, 1e-3, 1e6)
        return odds


def _count(ages: list[float]) -> Floats:
    return np.bincount(age_bins(np.array(ages)), minlength=AGE_BINS).astype(np.float64)


def _exposure(ages: Floats) -> Floats:
    """Seconds that lines which lived to these ages have spent in each bin, together."""
    spent: Floats = np.clip(ages[:, None] - _STARTS, 0.0, AGE_STEP_S).sum(axis=0)
    return spent
