"""Whether persons answer faster than expected, within seconds: outcomes in the order of dialing come too late for that.

A dial that reaches nobody is known to after half a minute, and only then do the dials after it count. But what the
dials of the last minute should have yielded by now is known from the ring times; when many more persons answered than
that, the answer rate has jumped, and lines in flight are worth as many times more. The factor found applies until the
expected catches up with it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from pacing.forecast import AGE_BINS, AGE_STEP_S, Floats, RouteForecast

SPANS_S: Final = (5.0, 10.0, 20.0, 40.0)
"""Times looked back over: a large team shows a jump in the shortest, a small one only in the longest."""
SURE: Final = 2.5
"""Standard deviations taken off the answers that came: a factor is believed as far as chance cannot explain it."""
LEAST: Final = 4
"""Fewer answers than this say nothing."""
MOST: Final = 6.0
_AGES: Final = np.arange(AGE_BINS)
LATE_S: Final = 30.0
"""Events may come so late; an earlier one means that the clock was put back."""


@dataclass(slots=True)
class Surge:
    """Dials by the half second they were made in, each with its chance, and the instants of persons' answers."""

    mass: Floats = field(default_factory=lambda: np.zeros(AGE_BINS))
    slot: int = 0
    """Half seconds since the epoch of the clock, of the newest bin: bin `slot % AGE_BINS`."""
    answers: deque[float] = field(default_factory=deque)
    factor: float = 1.0
    looked: int = -1
    """The slot in which the factor was last worked out."""
    needed: Floats | None = None
    """Share of the persons reached who need an agent before each age."""

    def expect(self, route: RouteForecast, verdict_s: float) -> None:
        """The ring times to reckon with, and the time from a person's answer to the verdict."""
        verdict = min(round(verdict_s / AGE_STEP_S), AGE_BINS)
        answered_by = 1.0 - route.unanswered
        later = np.append(answered_by[1:], 1.0)
        by_age = np.concatenate((np.zeros(verdict), 0.5 * (answered_by + later)))
        self.needed = by_age[:AGE_BINS]

    def dialed(self, now: float, chance: float) -> None:
        """A line was dialed whose account answers with this chance."""
        self._turn(now)
        self.mass[self.slot % AGE_BINS] += chance

    def answered(self, now: float) -> None:
        """A person came to need an agent."""
        self.answers.append(now)

    def look(self, now: float) -> float:
        """How many times as likely as thought persons answer; 1 unless that is sure."""
        self._turn(now)
        if self.slot == self.looked or self.needed is None:
            return self.factor
        self.looked = self.slot
        needed = self.needed
        while self.answers and self.answers[0] < now - SPANS_S[-1]:
            self.answers.popleft()
        found = 1.0
        if len(self.answers) < LEAST:
            self.factor = found
            return found
        by_age = self.mass[(self.slot - _AGES) % AGE_BINS]
        for span in SPANS_S:
            came = sum(1 for at in self.answers if at >= now - span)
            if came < LEAST:
                continue
            bins = int(span / AGE_STEP_S)
            expected = float(by_age @ needed - by_age[bins:] @ needed[: AGE_BINS - bins])
            surely = (math.sqrt(came + 0.375) - SURE / 2.0) ** 2 - 0.375  # the root of a count has a spread of a half
            found = max(found, surely / max(expected, 0.5))
        self.factor = min(found, MOST)
        return self.factor

    def _turn(self, now: float) -> None:
        """Empty the bins of the half seconds that have passed."""
        slot = int(now / AGE_STEP_S)
        passed = slot - self.slot
        if passed * AGE_STEP_S < -LATE_S:  # the clock was put back: what came "later" says nothing any more
            self.mass[:] = 0.0
            self.answers.clear()
            self.factor, self.looked, self.slot = 1.0, -1, slot
        if passed <= 0:
            return
        if passed >= AGE_BINS:
            self.mass[:] = 0.0
        else:
            self.mass[[i % AGE_BINS for i in range(self.slot + 1, slot + 1)]] = 0.0
        self.slot = slot
