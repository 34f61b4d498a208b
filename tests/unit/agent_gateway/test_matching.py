"""Matching: who gets a call."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_gateway.agent import Agent, AgentState, Reserve, Wish
from agent_gateway.lifecycle import apply
from agent_gateway.matching import match
from domain.ids import AgentId, AttemptId, LegId

pytestmark = pytest.mark.unit

READY = Agent(AgentId("x"), AgentState.READY, reason=None, leg=LegId("1" * 32), leg_up=True)
SKILLS = st.frozensets(st.sampled_from(["en", "es", "legal"]))
FLOORS = st.lists(
    st.builds(
        lambda name, state, idle, skills, leg_up, wish: replace(
            READY, id=AgentId(name), state=state, idle_since=idle, skills=skills, leg_up=leg_up, wish=wish
        ),
        st.text("abcdef", min_size=1, max_size=4),
        st.sampled_from(AgentState),
        st.floats(0, 1000),
        SKILLS,
        st.booleans(),
        st.sampled_from(Wish),
    ),
    unique_by=lambda agent: agent.id,
    max_size=12,
)


def test_an_empty_floor_matches_nobody() -> None:
    assert match([]) is None


def test_an_agent_without_the_skill_is_passed_over() -> None:
    assert match([replace(READY, skills=frozenset({"en"}))], frozenset({"en", "legal"})) is None


def test_an_agent_who_has_announced_a_pause_is_passed_over() -> None:
    assert match([replace(READY, wish=Wish.PAUSE)]) is None


def test_the_longest_idle_agent_is_taken() -> None:
    ann, bob = replace(READY, id=AgentId("ann"), idle_since=20.0), replace(READY, id=AgentId("bob"), idle_since=10.0)
    assert match([ann, bob]) == bob


@given(FLOORS, SKILLS)
def test_only_a_ready_skilled_connected_agent_is_ever_matched(floor: list[Agent], skills: frozenset[str]) -> None:
    fit = [agent for agent in floor if agent.is_available and skills <= agent.skills]
    chosen = match(floor, skills)
    assert chosen in (fit or [None])
    assert all(chosen.idle_since <= agent.idle_since for agent in fit)


@given(FLOORS, SKILLS)
def test_the_order_of_the_floor_does_not_matter(floor: list[Agent], skills: frozenset[str]) -> None:
    assert match(floor, skills) == match(reversed(floor), skills)


@given(FLOORS, st.lists(SKILLS, max_size=20))
def test_no_agent_is_given_two_calls(floor: list[Agent], calls: list[frozenset[str]]) -> None:
    agents = {agent.id: agent for agent in floor}
    given_out = []
    for number, skills in enumerate(calls):
        chosen = match(agents.values(), skills)
        for agent in filter(None, [chosen]):
            reserved = apply(agent, Reserve(AttemptId(f"{number:032x}")), 2000.0)
            assert isinstance(reserved, Agent)
            agents[agent.id] = reserved
            given_out.append(agent.id)
    assert len(given_out) == len(set(given_out))
