"""Agents as the store knows them: who they are, and append-as-they-happen intervals of what they were doing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from accounts.dialect import insert_or_ignore
from accounts.tables import agent_intervals, agents
from domain.ids import AgentId, AttemptId, CampaignId


@dataclass(frozen=True, slots=True)
class Agent:
    id: AgentId
    name: str
    skills: frozenset[str] = frozenset()
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Interval:
    """An agent in one state from `began` to `ended`."""

    agent: AgentId
    state: str
    began: datetime
    ended: datetime | None
    reason: str | None = None
    attempt: AttemptId | None = None
    campaign: CampaignId | None = None


def put_agent(tx: Connection, agent: Agent) -> None:
    """Add or change an agent."""
    values = {"name": agent.name, "skills": sorted(agent.skills), "enabled": agent.enabled}
    insert_or_ignore(tx, agents, [{"id": agent.id, **values}])
    tx.execute(update(agents).where(agents.c.id == agent.id).values(values))


def everyone(tx: Connection) -> Sequence[Agent]:
    """Every agent, by id."""
    return [
        Agent(AgentId(row.id), row.name, frozenset(row.skills), row.enabled)
        for row in tx.execute(select(agents).order_by(agents.c.id))
    ]


def record_intervals(tx: Connection, intervals: Sequence[Interval]) -> None:
    """Write finished (or open) intervals, several in one transaction."""
    if intervals:
        tx.execute(
            insert(agent_intervals),
            [
                {
                    "agent_id": interval.agent,
                    "state": interval.state,
                    "reason": interval.reason,
                    "campaign_id": interval.campaign,
                    "attempt_id": interval.attempt,
                    "began_at": interval.began,
                    "ended_at": interval.ended,
                }
                for interval in intervals
            ],
        )


def intervals_of(tx: Connection, agent: AgentId, since: datetime) -> Sequence[Interval]:
    """What an agent was doing from `since` on, in order."""
    statement = (
        select(agent_intervals)
        .where(agent_intervals.c.agent_id == agent, agent_intervals.c.began_at >= since)
        .order_by(agent_intervals.c.began_at, agent_intervals.c.id)
    )
    return [
        Interval(agent, row.state, row.began_at, row.ended_at, row.reason, row.attempt_id, row.campaign_id)
        for row in tx.execute(statement)
    ]
