"""What engines tell each other: who dials which campaign, where agents are, live figures. Fast, shared and forgetful.

Nothing here is the truth. The account store gives out leases and their fencing numbers; this says early that asking for
one is in vain, and lets every engine see the others' figures. Whatever is not repeated within its time is forgotten, so
an engine that died leaves nothing behind. Two implementations pass one contract: `MemoryState` for an engine by itself,
`dialer.redis_state.RedisState` for several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.clock import Clock
from domain.ids import AgentId, CampaignId


class SharedStateError(Exception):
    """The shared state does not answer; the message says what and what to do. Nothing depends on it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """An engine that says it dials for a campaign, with the fencing number of its lease."""

    engine: str
    fence: int


class SharedState(Protocol):
    """The interface; times are seconds. Every call raises SharedStateError when there is no answer in time."""

    async def hold(self, campaign: CampaignId, holder: Holder, ttl_s: float) -> Holder:
        """Say that one dials for a campaign, for `ttl_s` from now; returns who holds it then.

        The higher fencing number wins, for it was given out later; with equal numbers who came first.
        """
        ...

    async def holder(self, campaign: CampaignId) -> Holder | None:
        """Who dials for a campaign."""
        ...

    async def let_go(self, campaign: CampaignId, holder: Holder) -> None:
        """Take one's word back; another engine's is left alone."""
        ...

    async def present(self, engine: str, agents: Collection[AgentId], ttl_s: float) -> None:
        """Say which agents are signed in at an engine: exactly these, for `ttl_s` from now."""
        ...

    async def whereabouts(self) -> Mapping[AgentId, frozenset[str]]:
        """At which engines each agent is signed in."""
        ...

    async def report(self, campaign: CampaignId, engine: str, counts: Mapping[str, int], ttl_s: float) -> None:
        """Tell an engine's live figures of a campaign, in place of its former ones, for `ttl_s` from now."""
        ...

    async def totals(self, campaign: CampaignId) -> Mapping[str, int]:
        """The live figures of all engines together."""
        ...

    async def aclose(self) -> None:
        """Give up the connection."""
        ...


class MemoryState:
    """The twin inside one process, for an engine by itself and for tests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._holders: dict[CampaignId, tuple[Holder, float]] = {}
        self._agents: dict[str, tuple[frozenset[AgentId], float]] = {}
        self._counts: dict[tuple[CampaignId, str], tuple[Mapping[str, int], float]] = {}

    async def hold(self, campaign: CampaignId, holder: Holder, ttl_s: float) -> Holder:
        now = await self.holder(campaign)
        if now is not None and (now.fence > holder.fence or (now.fence == holder.fence and now != holder)):
            return now
        self._holders[campaign] = (holder, self._clock.monotonic() + ttl_s)
        return holder

    async def holder(self, campaign: CampaignId) -> Holder | None:
        held = self._holders.get(campaign)
        return held[0] if held is not None and held[1] > self._clock.monotonic() else None

    async def let_go(self, campaign: CampaignId, holder: Holder) -> None:
        if await self.holder(campaign) == holder:
            del self._holders[campaign]

    async def present(self, engine: str, agents: Collection[AgentId], ttl_s: float) -> None:
        self._agents[engine] = (frozenset(agents), self._clock.monotonic() + ttl_s)

    async def whereabouts(self) -> Mapping[AgentId, frozenset[str]]:
        now = self._clock.monotonic()
        return engines_by_agent({engine: agents for engine, (agents, end) in self._agents.items() if end > now})

    async def report(self, campaign: CampaignId, engine: str, counts: Mapping[str, int], ttl_s: float) -> None:
        self._counts[campaign, engine] = (dict(counts), self._clock.monotonic() + ttl_s)

    async def totals(self, campaign: CampaignId) -> Mapping[str, int]:
        now = self._clock.monotonic()
        return added_up(counts for (of, _), (counts, end) in self._counts.items() if of == campaign and end > now)

    async def aclose(self) -> None:
        """Nothing to give up."""


def engines_by_agent(agents_by_engine: Mapping[str, Collection[AgentId]]) -> Mapping[AgentId, frozenset[str]]:
    """The same the other way round."""
    found: dict[AgentId, frozenset[str]] = {}
    for engine, agents in agents_by_engine.items():
        for agent in agents:
            found[agent] = found.get(agent, frozenset()) | {engine}
    return found


def added_up(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    """The sum of each figure."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)
