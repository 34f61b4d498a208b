"""Abandonment as the regulators count it: numerator, denominator, rate, bound, and the calls that are left.

Each formula keeps its regulator's own numerator and denominator. Machines, busy lines and unanswered calls are in
neither. A person who hangs up before the limit is a live answer that was not abandoned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

_Z95: Final = 1.6448536269514722
"""One-sided 95 % point of the normal distribution."""


class CountsError(ValueError):
    """Counts that cannot be: the message names the field and what is wanted."""


class Formula(StrEnum):
    """Whose count it is."""

    US = "us"
    """47 CFR 64.1200(a)(7), 16 CFR 310.4(b)(4): 3 % of live answers per campaign and 30-day block; telemarketing."""
    US_DEBT = "us_debt"
    """The same count as own policy on debt campaigns, where the rule does not bind."""
    UK_AMD = "uk_amd"
    """Ofcom 2008/2010 with machine detection: (x + fp) / (x + fp + y) per campaign and calendar day."""
    UK_NO_AMD = "uk_no_amd"
    """Ofcom 2010 without machine detection: abandoned calls to machines are estimated and taken out."""
    CA = "ca"
    """CRTC: 5 % per calendar month."""
    IT = "it"
    """Garante 2014: 3 mute calls per 100 answered."""


class Window(StrEnum):
    """The span a formula is measured over."""

    BLOCK_30_DAYS = "30-day block of the campaign"
    CALENDAR_DAY = "calendar day, midnight to midnight"
    CALENDAR_MONTH = "calendar month"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a formula demands.

    Attributes:
        limit: highest share that is still within it.
        binding: whether law, good practice or own policy demands it.
    """

    limit: Fraction
    window: Window
    binding: str
    citation: str


TERMS: Final = {
    Formula.US: Terms(
        Fraction(3, 100), Window.BLOCK_30_DAYS, "law", "47 CFR 64.1200(a)(7); 16 CFR 310.4(b)(1)(iv), (b)(4)"
    ),
    Formula.US_DEBT: Terms(
        Fraction(3, 100), Window.BLOCK_30_DAYS, "own policy", "own policy, after 47 CFR 64.1200(a)(7)"
    ),
    Formula.UK_AMD: Terms(
        Fraction(3, 100), Window.CALENDAR_DAY, "good practice", "Ofcom statements 2008/2010; no safe harbour since 2017"
    ),
    Formula.UK_NO_AMD: Terms(
        Fraction(3, 100), Window.CALENDAR_DAY, "good practice", "Ofcom statement 2010; no safe harbour since 2017"
    ),
    Formula.CA: Terms(Fraction(5, 100), Window.CALENDAR_MONTH, "law", "CRTC UTR Part III"),
    Formula.IT: Terms(Fraction(3, 100), Window.CAMPAIGN, "law", "Garante, provvedimento 20 Feb 2014"),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """What a campaign counted in one window.

    Attributes:
        live: calls answered by a person; `uncertain` answers are persons.
        abandoned: of those, without an agent at the limit.
        false_positives: persons taken for machines and dropped, as estimated by tests.
        passed: calls passed to an agent, machines not among them; None: live less abandoned.
        agent_machines: machines among the calls put to agents, as agents reported (without machine detection).
        agent_calls: connected calls put to agents, machines among them.
    """

    live: int = 0
    abandoned: int = 0
    false_positives: int = 0
    passed: int | None = None
    agent_machines: int = 0
    agent_calls: int = 0

    def __post_init__(self) -> None:
        for name in ("live", "abandoned", "false_positives", "agent_machines", "agent_calls"):
            if getattr(self, name) < 0:
                raise CountsError(f"{name}: zero or more is expected")
        if self.passed is not None and self.passed < 0:
            raise CountsError("passed: zero or more is expected")
        if self.agent_machines > self.agent_calls:
            raise CountsError("agent_machines: at most agent_calls is expected")
        if self.passed is None and self.abandoned > self.live:
            raise CountsError("abandoned: at most live is expected")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a campaign stands against one formula.

    Attributes:
        numerator: calls that count as abandoned (an estimate need not be whole).
        denominator: calls they are measured against.
        upper_bound: of the true rate, one-sided 95 % (Wilson score).
        calls_left: further calls that may be abandoned now without leaving the limit.
    """

    formula: Formula
    numerator: Fraction
    denominator: Fraction
    limit: Fraction
    upper_bound: float
    calls_left: int

    @property
    def rate(self) -> Fraction:
        return self.numerator / self.denominator if self.denominator else Fraction(0)

    @property
    def within(self) -> bool:
        """At the limit is within it: the rule says more than."""
        return self.numerator <= self.limit * self.denominator

    @property
    def braked(self) -> bool:
        """Whether every new line needs a reserved agent: one more abandoned call could leave the limit."""
        return self.numerator >= math.floor(self.limit * self.denominator) + 1


def standing(formula: Formula, counts: Counts, limit: Fraction | None = None) -> Standing:
    """Rate and budget of a campaign's window.

    Args:
        formula: whose count.
        counts: of the window.
        limit: a stricter limit than the formula's.

    Raises:
        CountsError: the limit is looser than the formula's, or not a share.
    """
    terms = TERMS[formula]
    limit = terms.limit if limit is None else limit
    if not 0 <= limit <= terms.limit:
        raise CountsError(f"limit: between 0 and {float(terms.limit)} is expected; nobody can loosen it")
    numerator, denominator = _fraction(formula, counts)
    left = (limit * denominator - numerator) / (1 - limit)
    return Standing(formula, numerator, denominator, limit, _upper(numerator, denominator), max(0, math.floor(left)))


def _fraction(formula: Formula, counts: Counts) -> tuple[Fraction, Fraction]:
    passed = counts.passed if counts.passed is not None else counts.live - counts.abandoned
    match formula:
        case Formula.UK_AMD:
            lost = Fraction(counts.abandoned + counts.false_positives)
            return lost, lost + passed
        case Formula.UK_NO_AMD:
            share = Fraction(counts.agent_machines, counts.agent_calls) if counts.agent_calls else Fraction(0)
            lost = counts.abandoned - counts.abandoned * share
            return lost, lost + passed
        case _:
            lost = Fraction(counts.abandoned + counts.false_positives)
            answered = counts.live if counts.passed is None else counts.passed + counts.abandoned
            return lost, Fraction(answered + counts.false_positives)


def _upper(numerator: Fraction, denominator: Fraction) -> float:
    """Wilson score bound (1927), one-sided 95 %; 1 where nothing is known."""
    n = float(denominator)
    if n == 0:
        return 1.0
    share, z2 = float(numerator) / n, _Z95 * _Z95
    middle = share + z2 / (2 * n)
    spread = _Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return min(1.0, (middle + spread) / (1 + z2 / n))


# --- single calls ----------------------------------------------------------------------------------------------------

CONNECT_LIMIT_S: Final = 2.0
"""From the end of the called person's greeting to an agent's voice, or the message."""
RING_LEAST_S: Final = 15.0
RING_LEAST_RINGS: Final = 4


def is_abandoned(
    greeting_end_s: float, agent_at_s: float | None, hung_up_at_s: float | None, limit_s: float = CONNECT_LIMIT_S
) -> bool:
    """Whether a live answer counts as abandoned.

    Args:
        greeting_end_s: end of the person's greeting; the moment of answer where it is not detected (stricter).
        agent_at_s: when the agent could be heard; None: never.
        hung_up_at_s: when the called person hung up; None: later than all of this.
        limit_s: the time allowed.
    """
    deadline = greeting_end_s + limit_s
    if hung_up_at_s is not None and hung_up_at_s < deadline:
        return False
    return agent_at_s is None or agent_at_s > deadline


def rang_long_enough(ring_s: float, rings: int) -> bool:
    """Whether an unanswered call may be released: 15 seconds or four rings, 47 CFR 64.1200(a)(6)."""
    return ring_s >= RING_LEAST_S or rings >= RING_LEAST_RINGS
