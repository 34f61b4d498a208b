"""What a conversation is worth: the recovery to be expected of it, relative to the accounts beside it.

Two factors. The balance, bounded: what is paid rises with what is owed, but by far not in proportion, and one account
with a balance that is a slip of the pen must not stand before everything else. And the chance that who answers is the
person sought, learned from what agents say. Only ratios matter: a value orders accounts, it is no amount of money.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import Final

LEAST: Final = 0.05
"""An account whose balance says nothing (nought, negative, not a number) counts as so much of the usual one: last among
equals, but never worthless."""
PRIOR_RIGHT: Final = 0.5
PRIOR_CALLS: Final = 20.0
"""What is believed of a campaign before anybody was spoken to, as so many conversations."""
CLASS_CALLS: Final = 20.0
"""A class of numbers counts as the campaign does until it has about so many conversations of its own."""
HALF_LIFE: Final = 2000.0
"""Conversations after which what was learned counts half."""
CLASSES_KEPT: Final = 1000
_TRIES: Final = 4
"""Tries from here on are one class."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A balance in minor units; `currency` in ISO 4217, empty when unknown."""

    cents: float
    currency: str = ""


def recoveries(owed: Sequence[Owed]) -> list[float]:
    """What a conversation with each of these right persons should bring, relative to the usual one among them.

    With b the balance and m the median of those beside it, 2b / (b + m): 1 at the median, never more than 2. Currencies
    are not converted: where there are several, or one is unknown among known ones, balances say nothing and all are 1.
    """
    known = [one.cents for one in owed if _is_amount(one.cents)]
    if not known or len({one.currency for one in owed}) > 1:
        return [1.0] * len(owed)
    usual = median_low(known)
    return [max(2.0 / (1.0 + usual / one.cents), LEAST) if _is_amount(one.cents) else LEAST for one in owed]


def _is_amount(cents: float) -> bool:
    return math.isfinite(cents) and cents > 0


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """What the chance of the right person depends on.

    Attributes:
        tries: attempts on the account before this one.
        use: of the number, as "home", "work".
        line_type: as "mobile", "landline"; empty when unknown.
    """

    tries: int = 0
    use: str = ""
    line_type: str = ""

    def class_name(self) -> str:
        """The class of numbers these facts fall into."""
        return f"tries {min(max(self.tries, 0), _TRIES)}, use {self.use[:32]}, line {self.line_type[:32]}"


@dataclass(slots=True)
class Count:
    """Fading counts: conversations that told who it was, and those with the right person."""

    calls: float = 0.0
    right: float = 0.0

    def add(self, *, right: bool) -> None:
        keep = 0.5 ** (1.0 / HALF_LIFE)
        self.calls = self.calls * keep + 1.0
        self.right = self.right * keep + float(right)


@dataclass(slots=True)
class RightParty:
    """Chance that the person who answers is the one sought: a Beta mean by class, drawn toward the campaign's own.

    Attributes:
        everyone: the campaign's conversations.
        classes: the same by class of number and tries.
    """

    everyone: Count = field(default_factory=Count)
    classes: dict[str, Count] = field(default_factory=dict)

    def learn(self, facts: PartyFacts, *, right: bool) -> None:
        """One conversation is over, and it is known who it was with."""
        self.everyone.add(right=right)
        name = facts.class_name()
        if name in self.classes or len(self.classes) < CLASSES_KEPT:
            self.classes.setdefault(name, Count()).add(right=right)

    def overall(self) -> float:
        """The campaign's chance."""
        return (self.everyone.right + PRIOR_CALLS * PRIOR_RIGHT) / (self.everyone.calls + PRIOR_CALLS)

    def chance(self, facts: PartyFacts) -> float:
        """The chance of this class; the campaign's while nothing is known of it."""
        known = self.classes.get(facts.class_name(), Count())
        return (known.right + CLASS_CALLS * self.overall()) / (known.calls + CLASS_CALLS)
