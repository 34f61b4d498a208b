"""Each account's own chance that a person answers: a logistic regression that learns with every dial.

An account is described by a few facts, each cut into classes: how often it was tried, how long ago, what came of it
last, line type, local hour and weekday. Every class has a weight on the log-odds; weights start at nought and move by
the surprise of each outcome, boldly while a class is rare and gently once it is well known. What the list as a whole
does from minute to minute is not learned here but in `answer_rate`, which puts these chances right as they are used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

_STEP: Final = 0.5
_SHRINK: Final = 1e-4
_BIAS: Final = "every account"
_MOST_LOG_ODDS: Final = 6.0
_TRIES: Final = 6
"""Tries from here on are one class."""
_GAPS_H: Final = ((2.0, "under 2 h"), (8.0, "under 8 h"), (24.0, "under a day"), (72.0, "under 3 days"))


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What is known of an account before it is dialed.

    Attributes:
        tries: attempts before this one.
        since_last_h: hours since the last attempt; None when there was none.
        last: outcome of the last attempt; empty when there was none.
        line_type: as "mobile", "landline"; empty when unknown.
        local_hour: hour of the day where the person is, 0 to 23.
        weekday: 0 for Monday.
    """

    tries: int = 0
    since_last_h: float | None = None
    last: str = ""
    line_type: str = ""
    local_hour: int = 12
    weekday: int = 0

    def classes(self) -> tuple[str, ...]:
        """The classes this account falls into."""
        gap = "never"
        if self.since_last_h is not None:
            gap = next((name for bound, name in _GAPS_H if self.since_last_h < bound), "long ago")
        return (
            _BIAS,
            f"tries {min(max(self.tries, 0), _TRIES)}",
            f"last tried {gap}",
            f"last {self.last[:32]}",
            f"line {self.line_type[:32]}",
            f"hour {self.local_hour % 24}",
            f"weekday {self.weekday % 7}",
        )


@dataclass(slots=True)
class AnswerModel:
    """Weights by class, and how much each has been moved."""

    prior: float = 0.25
    weights: dict[str, float] = field(default_factory=dict)
    moved: dict[str, float] = field(default_factory=dict)

    def chance(self, facts: AccountFacts) -> float:
        """Chance that a person answers."""
        total = math.log(self.prior / (1.0 - self.prior)) + sum(self.weights.get(c, 0.0) for c in facts.classes())
        return 1.0 / (1.0 + math.exp(-min(max(total, -_MOST_LOG_ODDS), _MOST_LOG_ODDS)))

    def learn(self, facts: AccountFacts, *, person: bool) -> None:
        """One dial to such an account is over."""
        surprise = float(person) - self.chance(facts)
        classes = facts.classes()
        step = _STEP / len(classes)  # all of them move at once, and together no more than the surprise warrants
        for name in classes:
            moved = self.moved.get(name, 1.0) + surprise * surprise
            weight = self.weights.get(name, 0.0)
            self.moved[name] = moved
            self.weights[name] = weight * (1.0 - _SHRINK) + step * surprise / math.sqrt(moved)
