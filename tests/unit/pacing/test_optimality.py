"""How far the rule is from the best possible one, where that can be computed exactly.

The floor's memoryless twin: a line ends after an exponential time and reaches a person with chance p; that person is
lost when all agents are busy; calls last exponentially long. Its best policy within the budget is found by relative
value iteration with a price on drops; the rule's own figures come from its stationary distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from pacing.lookahead import Run, demand, fill

pytestmark = pytest.mark.unit

RING_S = 18.0
TARGET = 0.03
GRID = -RING_S * np.log(1.0 - (np.arange(12) + 0.5) / 12)
WEIGHT = np.full(12, 1.0 / 12)
Policy = np.ndarray  # lines after deciding, by [busy, ringing]


@dataclass(frozen=True)
class Twin:
    """One memoryless floor."""

    agents: int
    p: float
    handle_s: float
    most: int

    def step(self, values: np.ndarray) -> np.ndarray:
        """Expected value after one jump of the uniformised chain, by state after deciding; and its clock."""
        busy = np.arange(self.agents + 1)[:, None]
        ring = np.arange(self.most + 1)[None, :]
        fewer = values[:, np.maximum(ring - 1, 0)[0]]
        served = np.vstack([fewer[1:], fewer[-1:]])  # with all busy, the person is lost
        freed = np.vstack([values[:1], values[:-1]])
        ends, answers = ring / RING_S * (1 - self.p), ring / RING_S * self.p
        frees = busy / self.handle_s
        stay = self.clock - ends - answers - frees
        return (ends * fewer + answers * served + frees * freed + stay * values) / self.clock

    @property
    def clock(self) -> float:
        return self.agents / self.handle_s + self.most / RING_S

    def best(self, price: float) -> Policy:
        """The policy that gains most when each drop beyond the budget costs `price` busy seconds."""
        busy = np.arange(self.agents + 1)[:, None]
        answers = np.arange(self.most + 1)[None, :] / RING_S * self.p
        gain = (busy - price * (answers * (busy == self.agents) - TARGET * answers)) / self.clock
        h = np.zeros((self.agents + 1, self.most + 1))
        for _ in range(6000):
            after = gain + self.step(h)
            best = np.maximum.accumulate(after[:, ::-1], axis=1)[:, ::-1]  # lines can only be added
            best -= best[0, 0]
            if np.abs(best - h).max() < 1e-7:
                break
            h = best
        after = gain + self.step(h)
        return np.array(
            [[r + int(np.argmax(after[b, r:])) for r in range(self.most + 1)] for b in range(self.agents + 1)]
        )

    def figures(self, policy: Policy) -> tuple[float, float, float]:
        """Mean busy agents, drops per second and answers per second under a policy."""
        size = (self.agents + 1) * (self.most + 1)
        columns = np.eye(size).reshape(size, self.agents + 1, self.most + 1)
        chain = np.stack([self.step(column).ravel() for column in columns], axis=1)  # from state after deciding
        decided = (np.arange(self.agents + 1)[:, None] * (self.most + 1) + policy).ravel()
        moves = chain[decided]
        equations = np.vstack([moves.T - np.eye(size), np.ones(size)])
        share = np.linalg.lstsq(equations, np.append(np.zeros(size), 1.0), rcond=None)[0]
        share = share.reshape(self.agents + 1, self.most + 1)
        answers = policy / RING_S * self.p
        busy = float((share.sum(axis=1) * np.arange(self.agents + 1)).sum())
        return busy, float((share * answers)[-1].sum()), float((share * answers).sum())

    def rule(self, theta: float) -> Policy:
        """What the production rule does in every state."""
        still_busy = np.exp(-GRID / self.handle_s)
        arriving = self.p * (1.0 - np.exp(-GRID / RING_S))
        policy = np.zeros((self.agents + 1, self.most + 1), dtype=int)
        for b in range(self.agents + 1):
            for r in range(self.most + 1):
                chances = np.vstack([np.repeat(still_busy[None], b, axis=0), np.repeat(arriving[None], r, axis=0)])
                z = demand(self.agents, chances)
                policy[b, r] = r + fill(z, WEIGHT, [Run(self.most - r, arriving)], theta, self.most - r).lines
        return policy


def utilisation_on_budget(twin: Twin, policy_at: Callable[[float], Policy], low: float, high: float) -> float:
    """Utilisation at exactly the target: the two policies around it, mixed. Drops rise from `low` to `high`."""

    def excess(knob: float) -> tuple[float, float]:
        busy, drops, answers = twin.figures(policy_at(knob))
        return busy, drops - TARGET * answers

    for _ in range(14):
        middle = (low * high) ** 0.5
        if excess(middle)[1] > 0.0:
            high = middle
        else:
            low = middle
    (busy_low, below), (busy_high, above) = excess(low), excess(high)
    share = below / (below - above) if above > below else 0.0
    return (busy_low + share * (busy_high - busy_low)) / twin.agents


@pytest.mark.parametrize(
    ("agents", "p", "handle_s", "most", "known"),
    [(1, 0.25, 80.0, 6, 0.5459), (2, 0.1, 80.0, 24, 0.4779), (2, 0.25, 200.0, 8, 0.7707), (3, 0.4, 80.0, 9, None)],
)
def test_the_rule_is_within_two_tenths_of_a_point_of_the_best(
    agents: int, p: float, handle_s: float, most: int, known: float | None
) -> None:
    twin = Twin(agents, p, handle_s, most)
    best = utilisation_on_budget(twin, lambda inverse: twin.best(1e4 / inverse), 1.0, 1e4)
    rule = utilisation_on_budget(twin, twin.rule, 1e-3, 0.5)
    assert rule <= best + 0.0005
    assert best - rule <= 0.002
    assert known is None or best == pytest.approx(known, abs=0.002)
