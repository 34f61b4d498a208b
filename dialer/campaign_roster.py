"""The campaigns that this engine dials for: one loop each, as the store says who runs, and by the leases it holds.

Read again every second. A loop begins with the counts on record, and goes on with what its pacing learned before.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import structlog

from accounts import campaigns as campaign_rows
from accounts import claim as claiming
from accounts import tallies
from accounts.errors import StoreError
from accounts.model import Campaign, CampaignStatus
from dialer.campaign_loop import CampaignLoop
from dialer.coordinator import LeaseBoard
from dialer.floor_view import pacing_settings
from dialer.loop_tools import LoopTools
from dialer.pacer import CampaignPacer
from dialer.pacing_memory import PacingMemory
from dialer.tally import WINDOW_DAYS, AbandonmentTally
from domain.ids import CampaignId
from pacing.settings import SettingsError

_log = structlog.get_logger(__name__)

CAMPAIGNS_EVERY_S: Final = 1.0
"""How often the running campaigns and their settings are read again."""
KEEP_EVERY_S: Final = 60.0
"""How often what pacing has learned is written down."""
LEASE: Final = timedelta(seconds=15)
COUNTS_BY_30_DAYS: Final = "US"
"""In this country the law counts abandoned calls by 30 days; elsewhere the single day is held as hard."""


class CampaignRoster:
    """Who dials.

    Args:
        changed: called after every look at the store.

    Attributes:
        loops: by campaign; the only task that adds and removes is `follow`.
        unusable: why nothing is dialed for a running campaign whose settings nobody can dial by.
    """

    def __init__(self, leases: LeaseBoard, memory: PacingMemory, tools: LoopTools, changed: Callable[[], None]) -> None:
        self.loops: dict[CampaignId, CampaignLoop] = {}
        self.unusable: dict[CampaignId, str] = {}
        self._leases = leases
        self._memory = memory
        self._tools = tools
        self._changed = changed
        self._ended: Counter[CampaignId] = Counter()
        self._written: Counter[CampaignId] = Counter()

    def in_turn(self) -> list[CampaignLoop]:
        """The campaigns in the order in which they decide now: who has not dialed for longest first.

        Each decides on a floor where the lines of those before it are out, as `pacing.pool` has it; were the order
        always the same, the first would get all agents they share.
        """
        return sorted(self.loops.values(), key=lambda loop: loop.placement.dialed_at)

    def beside(self, campaign: CampaignId, out: Callable[[], Mapping[CampaignId, int]]) -> Sequence[tuple[float, int]]:
        """Theta and lines without an agent of each other campaign that predicts for the same agents.

        Args:
            out: counts those lines by campaign; asked only where there is another campaign.
        """
        if len(self.loops) < 2:
            return ()
        mine = self.loops[campaign].pacer.learned.settings.required_skills
        lines, agents = out(), self._tools.floor.signed_in()
        found: list[tuple[float, int]] = []
        for other in self.loops.values():
            decision, theirs = other.pacer.latest, other.pacer.learned.settings.required_skills
            if other.id == campaign or decision is None or not other.predicts:
                continue
            if any(mine | theirs <= agent.skills for agent in agents):
                found.append((decision.theta, lines.get(other.id, 0)))
        return found

    # --- calls that ended, for the counts a new loop begins with ----------------------------------------------------

    def ended(self, campaign: CampaignId, *, answered: bool, abandoned: bool) -> None:
        """A call is over; its outcome is not on record yet."""
        self._ended[campaign] += 1
        if answered and (loop := self.loops.get(campaign)) is not None:
            loop.tally.add(self._tools.clock.now(), abandoned=abandoned)

    def written(self, campaign: CampaignId) -> None:
        """The outcome of a call that is over is on record."""
        self._written[campaign] += 1

    # --- following the store ----------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Do as the store says, until cancelled."""
        while True:
            try:
                await self._load()
            except StoreError as error:
                _log.error("campaigns cannot be read", error=str(error))
            await asyncio.sleep(CAMPAIGNS_EVERY_S)

    async def keep_learned(self) -> None:
        """Write down what pacing has learned, now and then, until cancelled."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            for campaign, loop in tuple(self.loops.items()):
                await self._memory.keep(campaign, loop.pacer.learned)

    def keep_now(self) -> None:
        """The same at once; for the end."""
        for campaign, loop in self.loops.items():
            self._memory.keep_now(campaign, loop.pacer.learned)

    async def _load(self) -> None:
        everyone = await self._tools.store.read(campaign_rows.everyone)
        running = {campaign.id: campaign for campaign in everyone if campaign.status is CampaignStatus.RUNNING}
        for gone in self.loops.keys() - running.keys():
            over = self.loops.pop(gone)
            self._leases.not_leased(gone)
            await self._memory.keep(gone, over.pacer.learned)
        for gone in self.unusable.keys() - running.keys():
            del self.unusable[gone]
        for campaign in running.values():
            try:
                await self._take_over(campaign)
            except SettingsError as error:  # written by somebody else: the commands refuse such settings
                if (stopped := self.loops.pop(campaign.id, None)) is not None:
                    await self._memory.keep(campaign.id, stopped.pacer.learned)
                if self.unusable.get(campaign.id) != str(error):
                    _log.error("nothing is dialed for a campaign", campaign=campaign.id, error=str(error))
                self.unusable[campaign.id] = str(error)
            else:
                self.unusable.pop(campaign.id, None)
        self._changed()

    async def _take_over(self, campaign: Campaign) -> None:
        """Dial for a campaign by its present settings, if this engine has its lease."""
        fence = await self._lease(campaign.id)
        if fence is None:  # another engine has it
            self.loops.pop(campaign.id, None)
        elif campaign.id in self.loops and _counts_alike(self.loops[campaign.id].campaign, campaign):
            self.loops[campaign.id].placement.fence = fence
            self.loops[campaign.id].update(campaign)
        elif (loop := await self._new_loop(campaign, fence)) is not None:
            self.loops[campaign.id] = loop

    async def _lease(self, campaign: CampaignId) -> int | None:
        """The fencing number of this engine's lease; None when another engine has the campaign."""
        tools = self._tools
        fence, began, now = None, tools.clock.monotonic(), tools.clock.now()
        if self._leases.held_elsewhere(campaign) is None:
            fence = await tools.store.write(claiming.take_lease, campaign, tools.engine, now, now + LEASE)
        if fence is None:
            self._leases.not_leased(campaign)
        else:
            self._leases.leased(campaign, fence, began + LEASE.total_seconds())
        return fence

    async def _new_loop(self, campaign: Campaign, fence: int) -> CampaignLoop | None:
        """A loop with the counts on record; None when a call ended meanwhile, so that it may be missing from them."""
        settings, tools = campaign.settings, self._tools
        pacer = await self._pacer_for(campaign)
        ended = self._ended[campaign.id]
        since = tools.clock.now() - timedelta(days=WINDOW_DAYS)
        days = await tools.store.read(tallies.abandonment_by_day, campaign.id, since, settings.zone)
        if not ended == self._ended[campaign.id] == self._written[campaign.id]:
            return None
        tally = AbandonmentTally(
            settings.target_abandonment, settings.zone, days, day_binds=settings.country != COUNTS_BY_30_DAYS
        )
        pacer.muster(tools.floor.signed_in())
        return CampaignLoop(campaign, tally, pacer, tools, fence)

    async def _pacer_for(self, campaign: Campaign) -> CampaignPacer:
        """The pacer at work, when only the settings have changed; else one with what was learned before."""
        if (loop := self.loops.get(campaign.id)) is not None:
            loop.pacer.update(campaign)
            return loop.pacer
        return CampaignPacer(campaign, await self._memory.recall(campaign.id, pacing_settings(campaign.settings)))


def _counts_alike(one: Campaign, other: Campaign) -> bool:
    """Whether abandonment is counted and judged the same way in both."""
    a, b = one.settings, other.settings
    return (a.zone, a.target_abandonment) == (b.zone, b.target_abandonment)
