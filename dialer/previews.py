"""Accounts that agents look at, in campaigns where no call is placed before its agent says so.

The campaign's loop shows an account and goes on. What the floor tells of it later (dial, skip, nothing in time, agent
gone, taken back) is carried out here, each by a task of the engine's own: the second ruling and the durable reservation
when the agent says dial, else the account goes back. Whatever is lost with the process comes back with its claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Protocol, assert_never

import structlog

from accounts import claim as claiming
from accounts import previews
from accounts.async_store import AsyncStore
from accounts.errors import StoreError
from accounts.model import CampaignSettings, Refusal, RefusalCause
from accounts.previews import Look
from agent_gateway.floor import Floor
from agent_gateway.floor_events import PreviewEnd, PreviewEnded
from domain.clock import Clock
from domain.ids import AttemptId, CampaignId

_log = structlog.get_logger(__name__)

CONFIRM_S: Final = 15.0
"""For how long an account stays claimed beyond the time an agent has: the answer, the second ruling, a slow store."""


class Placed(StrEnum):
    """What became of one claim."""

    DIALED = "dialed"
    MOVED = "moved"
    """Blocked, busy with another call, or taken by someone else: the store has already moved it."""
    KEPT = "kept"
    """Still claimed by us and not dialed; to be given back."""
    FAULTY = "faulty"
    """Deciding about it failed. It is not given back, or it would be next again: its claim lapses by itself."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one claim, and in words why it was not dialed."""

    placed: Placed
    words: str = ""


class Loop(Protocol):
    """What is asked of a campaign's loop."""

    def obstacle(self) -> str:
        """Why nothing may be dialed whatever pacing says; empty when nothing forbids it."""
        ...

    async def place_shown(self, look: Look) -> Tried:
        """Place the call that the agent asked for. Unless it is dialed, the agent has been let go."""
        ...


def claimed_for(settings: CampaignSettings) -> timedelta:
    """How long accounts are claimed: an agent may look for as long as the campaign allows."""
    shown_s = settings.preview_s + CONFIRM_S if settings.agents_dial else 0.0
    return max(claiming.LEASE, timedelta(seconds=shown_s))


def why_not(refusal: Refusal) -> str:
    """A refusal in words for the agent who wanted to dial."""
    match refusal.cause:
        case RefusalCause.BLOCKED:
            details = "; ".join(f"{reason.detail} ({reason.rule})" for reason in refusal.reasons)
            return f"may not be called now: {details or 'blocked by the rules'}"
        case RefusalCause.IN_CALL:
            return "another call to this person or number has not ended yet"
        case RefusalCause.STALE_CLAIM:
            return "the account has changed meanwhile"
        case RefusalCause.CALLER_ID_CAP:
            return "a caller ID is not owned, not enabled, or has reached its daily cap"
        case RefusalCause.NOT_RUNNING | RefusalCause.FENCED:
            return "the campaign was paused or taken over by another engine"
        case RefusalCause.RESERVED_AGENT_REQUIRED:
            return "the next account may only be dialed with an agent reserved for it"
        case _:
            assert_never(refusal.cause)


class Previews:
    """Who looks at what now.

    Args:
        loop_of: the loop of a campaign that runs here.
        may_show: whether this engine may dial at all, and for this campaign.

    Attributes:
        counts: how looks ended since the start.
    """

    def __init__(
        self,
        store: AsyncStore,
        floor: Floor,
        clock: Clock,
        loop_of: Callable[[CampaignId], Loop | None],
        may_show: Callable[[CampaignId], bool],
    ) -> None:
        self.counts: Counter[PreviewEnd] = Counter()
        self._store = store
        self._floor = floor
        self._clock = clock
        self._loop_of = loop_of
        self._may_show = may_show
        self._looks: dict[AttemptId, Look] = {}

    def shown(self, look: Look) -> None:
        """The floor has offered this account to this agent."""
        self._looks[look.attempt] = look

    def entry_of(self, attempt: AttemptId) -> int | None:
        """The list entry an agent looks at, or has just asked to be called."""
        look = self._looks.get(attempt)
        return None if look is None else look.held.entry

    def count(self, campaign: CampaignId | None = None) -> int:
        """How many accounts of a campaign (of all) are being looked at, or are about to be dialed or given back."""
        return sum(campaign in {None, look.held.campaign} for look in self._looks.values())

    def withdraw(self) -> None:
        """Take back what may not be dialed now: campaign paused, stop switch, link down, lease lost, engine leaving."""
        for campaign in {look.held.campaign for look in self._looks.values()}:
            loop = self._loop_of(campaign)
            if loop is not None and self._may_show(campaign) and not loop.obstacle():
                continue
            for look in [look for look in self._looks.values() if look.held.campaign == campaign]:
                self._floor.take_back(look.attempt)

    async def ended(self, told: PreviewEnded) -> None:
        """Carry out what the end of a look asks for."""
        look = self._looks.get(told.attempt)
        if look is None:
            return
        self.counts[told.how] += 1
        try:
            await self._carry_out(look, told)
        except StoreError as error:  # the claim lapses by itself
            _log.error("the end of a preview cannot be written", attempt=told.attempt, error=str(error))
            if told.how is PreviewEnd.DIAL:
                self._floor.not_dialed(look.agent, "the account store does not work; the account comes back later")
        finally:
            del self._looks[told.attempt]

    async def _carry_out(self, look: Look, told: PreviewEnded) -> None:
        match told.how:
            case PreviewEnd.DIAL:
                await self._dial(look)
            case PreviewEnd.SKIP:
                await self._store.write(previews.skip, look, told.reason, self._clock.now())
            case PreviewEnd.MISSED:
                await self._store.write(previews.miss, look, self._clock.now())
            case PreviewEnd.LEFT | PreviewEnd.WITHDRAWN:
                await self._store.write(claiming.release, [look.held])
            case _:
                assert_never(told.how)

    async def _dial(self, look: Look) -> None:
        tried = await self._place(look)
        if tried.placed is Placed.DIALED:
            return
        self._floor.not_dialed(look.agent, f"Not dialed: {tried.words}.")
        if tried.placed is Placed.KEPT:
            await self._store.write(claiming.release, [look.held])

    async def _place(self, look: Look) -> Tried:
        loop = self._loop_of(look.held.campaign)
        if loop is not None:
            return await loop.place_shown(look)
        self._floor.release(look.attempt)
        return Tried(Placed.KEPT, "the campaign was paused or taken over by another engine")
