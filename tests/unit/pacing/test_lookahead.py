"""The chance that demand outgrows the team, against enumeration; and the number of lines that fit under theta."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacing.lookahead import ExactDemand, NormalDemand, Run, add_poisson, demand, fill

pytestmark = pytest.mark.unit

ONE = np.array([1.0])


def enumerate_tail(chances: list[float], agents: int) -> float:
    """P(Z >= agents) by going through all outcomes."""
    total = 0.0
    for outcome in product((0, 1), repeat=len(chances)):
        if sum(outcome) >= agents:
            total += float(np.prod([p if hit else 1 - p for p, hit in zip(chances, outcome, strict=True)]))
    return total


def column(chances: list[float]) -> np.ndarray:
    return np.array(chances, dtype=float).reshape(-1, 1)


probability = st.floats(0.0, 1.0)


@settings(deadline=None)
@given(chances=st.lists(probability, max_size=9), agents=st.integers(0, 12))
def test_exact_agrees_with_enumeration(chances: list[float], agents: int) -> None:
    found = ExactDemand.of(agents, column(chances)).overrun()[0]
    assert found == pytest.approx(enumerate_tail(chances, agents), abs=1e-7)


@pytest.mark.parametrize("agents", [1, 5, 30])
def test_exact_stays_exact_with_many_more_lines_than_agents(agents: int) -> None:
    chances = np.full((400, 1), 0.05)
    law = np.zeros(401)
    law[0] = 1.0
    for _ in range(400):
        law[1:] = law[1:] * 0.95 + law[:-1] * 0.05
        law[0] *= 0.95
    assert ExactDemand.of(agents, chances).overrun()[0] == pytest.approx(law[agents:].sum(), abs=1e-7)


@settings(deadline=None, max_examples=60)
@given(
    agents=st.integers(30, 60),
    busy=st.lists(st.floats(0.3, 0.95), min_size=25, max_size=60),
    ringing=st.lists(st.floats(0.02, 0.4), min_size=25, max_size=80),
)
def test_the_corrected_normal_law_is_within_four_thousandths_from_30_agents_on(
    agents: int, busy: list[float], ringing: list[float]
) -> None:
    chances = column(busy + ringing)
    exact, normal = ExactDemand.of(agents, chances).overrun()[0], NormalDemand.of(agents, chances).overrun()[0]
    assert abs(exact - normal) <= 0.004


@settings(deadline=None)
@given(
    chances=st.lists(probability, min_size=1, max_size=30),
    agents=st.integers(1, 20),
    theta=st.floats(0.0, 0.5),
    p=st.floats(0.01, 0.9),
    seed=st.integers(0, 1000),
)
def test_room_shrinks_when_there_is_less_to_spend_or_more_to_serve(
    chances: list[float], agents: int, theta: float, p: float, seed: int
) -> None:
    runs = [Run(60, np.array([p]))]

    def room(team: int, terms: list[float], limit: float) -> int:
        return fill(demand(team, column(terms)), ONE, runs, limit, 60).lines

    here = room(agents, chances, theta)
    shuffled = [chances[i] for i in np.random.default_rng(seed).permutation(len(chances))]
    assert room(agents - 1, chances, theta) <= here
    assert room(agents, [*chances, p], theta) <= here
    assert room(agents, [*chances, 1.0], theta) <= here
    assert room(agents, [min(1.0, c * 1.2) for c in chances], theta) <= here
    assert room(agents, chances, theta / 2) <= here
    assert room(agents, shuffled, theta + 1e-9) >= here >= room(agents, shuffled, max(theta - 1e-9, -1.0))


@pytest.mark.parametrize("agents", [1, 4, 25, 80, 400])
def test_filling_by_doubling_finds_what_adding_one_by_one_finds(agents: int) -> None:
    chance = np.array([0.03, 0.11])
    weight = np.array([0.5, 0.5])
    base = np.full((agents, 2), 0.4)
    z, count = demand(agents, base), 0
    while float(weight @ z.overrun()) <= 0.05:
        z.add(chance)
        count += 1
    room = fill(demand(agents, base), weight, [Run(10_000, chance)], 0.05, 10_000)
    assert room.lines == count
    assert room.q_next > 0.05
    assert room.lines == 0 or room.q <= 0.05


def test_runs_are_used_in_order_and_the_limit_is_kept() -> None:
    runs = [Run(1, np.array([0.05])), Run(2, np.array([0.9])), Run(50, np.array([0.01]))]
    assert fill(demand(3, column([])), ONE, runs, 0.3, 3).lines == 3
    assert fill(demand(1, column([])), ONE, runs, 0.3, 60).lines == 2


def test_incoming_calls_count_as_demand() -> None:
    with_inbound = demand(5, column([0.5] * 4))
    add_poisson(with_inbound, np.array([2.0]))
    law = np.exp(-2.0) * np.cumprod([1.0, *(2.0 / k for k in range(1, 30))])
    expected = sum(law[k] * enumerate_tail([0.5] * 4, 5 - k) for k in range(30))
    assert with_inbound.overrun()[0] == pytest.approx(expected, abs=0.01)
