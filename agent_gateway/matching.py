"""Which agent gets this call: the longest idle among those who are ready and have the skills. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from agent_gateway.agent import Agent


def match(agents: Iterable[Agent], skills: frozenset[str] = frozenset()) -> Agent | None:
    """The agent for a call that needs `skills`, or None.

    Only ready agents with a connected leg are considered, none who has announced to pause. Of equally idle agents the
    one whose id sorts first is taken, so that a run can be repeated exactly.
    """
    fit = (agent for agent in agents if agent.is_available and skills <= agent.skills)
    return min(fit, key=lambda agent: (agent.idle_since, agent.id), default=None)
