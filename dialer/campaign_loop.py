"""One campaign's dialing: snapshot, pace, claim, gate, reserve, originate. Read `tick` first.

The loop runs on a short beat and whenever something changed. It never waits for a call: what it starts, the engine
follows. Everything that keeps it from dialing ends in `status`, in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog

from accounts import claim as claiming
from accounts import ledger
from accounts.errors import StoreError
from accounts.model import Campaign, Claim, Order
from accounts.previews import Look
from dialer import floor_view
from dialer.choice import Choice
from dialer.loop_tools import LoopTools
from dialer.pacer import CampaignPacer, PacingFigures, Reason, explain
from dialer.placement import Placement
from dialer.previews import Placed, Tried, claimed_for
from dialer.tally import AbandonmentTally
from dialer.trunks import Trunk
from domain.ids import CampaignId
from domain.mode import Mode
from pacing import controller
from pacing.decision import PacingDecision
from pacing.pool import fair_theta
from pacing.snapshot import Capacity, FloorSnapshot

_log = structlog.get_logger(__name__)

CLAIM_AT_ONCE: Final = 40
"""Accounts held at a time; what is not dialed in the same tick is given back."""
RESERVED_AT_ONCE: Final = 24
"""Reservations under way at a time: they share a commit. What is beyond them goes only if the decision still holds."""
TICK_BUDGET_S: Final = 0.8
"""A tick that takes longer stops placing calls: its decision is about to be stale."""
SPARE: Final = 2
"""Accounts claimed beyond those wanted: some may have to wait for a reserved agent, some reach people less often."""
CHOICE: Final = 2
"""Accounts claimed for each one wanted, where the worthiest are to be chosen."""
EMPTY_PAUSE_S: Final = 1.0
"""How long to leave the store alone after it had no account due."""


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """What the loop is doing, for people.

    Attributes:
        campaign: whose loop, with the settings it works by.
        words: why it dials as it does, or why it does not.
        decision: the last pacing decision, if one was taken.
        live_today, abandoned_today: the count the brake reads.
        figures: where its pacing stands.
        reasons: what held its decisions back, most frequent first.
    """

    campaign: Campaign
    words: str
    decision: PacingDecision | None
    live_today: int
    abandoned_today: int
    figures: PacingFigures
    reasons: tuple[Reason, ...] = ()

    @property
    def sentences(self) -> str:
        """The words with the figures behind them."""
        return explain(self.words, self.figures)


class CampaignLoop:
    """Dials for one running campaign."""

    def __init__(
        self, campaign: Campaign, tally: AbandonmentTally, pacer: CampaignPacer, tools: LoopTools, fence: int = 0
    ) -> None:
        self.campaign = campaign
        self.tally = tally
        self.pacer = pacer
        self.words = "starting"
        self.stale = 0
        """Decisions given up half-way because they had become too old."""
        self.placement = Placement(campaign, tally, pacer, tools, fence, self._say)
        self._tools = tools
        self._empty_until = 0.0
        self._choice = Choice()

    @property
    def id(self) -> CampaignId:
        return self.campaign.id

    @property
    def predicts(self) -> bool:
        """Whether it is about to dial for agents who are not free yet, and has accounts for it."""
        latest = self.pacer.latest
        due = self._tools.clock.monotonic() >= self._empty_until
        return due and latest is not None and latest.mode is Mode.PREDICTIVE

    def status(self) -> LoopStatus:
        now = self._tools.clock.now()
        live, abandoned = self.tally.today(now)
        return LoopStatus(
            campaign=self.campaign,
            words=self.words,
            decision=self.pacer.latest,
            live_today=live,
            abandoned_today=abandoned,
            figures=self.pacer.figures(self.tally.windows(now)),
            reasons=tuple(self.pacer.most_frequent()),
        )

    def update(self, campaign: Campaign) -> None:
        """Take over changed settings."""
        if campaign != self.campaign:
            self.campaign = campaign
            self.placement.update(campaign)
            self.pacer.update(campaign)
            self.tally.retarget(campaign.settings.target_abandonment)

    async def tick(self) -> None:
        """Take one pacing decision and carry it out."""
        if obstacle := self.obstacle():
            self._say(obstacle)
            return
        trunks = self.placement.trunks()
        decision = self._decide(trunks)
        for attempt in decision.release:
            self._tools.calls.release(attempt)
        if decision.lines_to_add:
            try:
                await self._add_lines(decision, trunks)
            except StoreError as error:
                self._say(f"the account store does not work: {error}")
                _log.error("claiming or reserving failed", campaign=self.id, error=str(error))

    def obstacle(self) -> str:
        """Why nothing may be dialed whatever pacing says; empty when nothing forbids it."""
        tools, settings = self._tools, self.campaign.settings
        if unknown := [name for name in settings.trunks if name not in tools.trunks]:
            return f"not in fairdial.toml: trunk {', '.join(unknown)}; add it there or create the campaign anew"
        if tools.stop_switch.is_pulled():
            return "stopped by `dialer stop --now`; `dialer stop --reset` allows dialing again"
        return tools.holds.campaign(settings)

    def _decide(self, trunks: Sequence[Trunk], held: Sequence[Claim] = ()) -> PacingDecision:
        """Decide on the floor as it is; about the accounts in `held`, when there are any."""
        decision = controller.decide(self._snapshot(trunks, held))
        self.pacer.decided(decision)
        if all(trunk.trouble for trunk in trunks):
            self._say(f"no trunk works, calls wait: {'; '.join(trunk.words() for trunk in trunks)}")
        else:
            looking = self._tools.previews.count(self.id)
            shown = [f"{looking} shown to agents, who say dial or skip"] if looking else []
            self._say("; ".join([*shown, decision.words, *(words for trunk in trunks if (words := trunk.words()))]))
        return decision

    async def _add_lines(self, decision: PacingDecision, trunks: Sequence[Trunk]) -> None:
        """Claim and dial until the decision is carried out, the accounts are used up or the decision is stale."""
        missing = decision.lines_to_add
        spare = 0 if decision.reserve else SPARE
        choosing = self.campaign.settings.order is Order.VALUE
        carry_out = self._show_all if self.campaign.settings.agents_dial else self._dial_all
        while missing > 0:
            wanted = min(missing, CLAIM_AT_ONCE // CHOICE if choosing else CLAIM_AT_ONCE)
            asked = min(CHOICE * wanted + SPARE, CLAIM_AT_ONCE) if choosing else wanted + spare
            held = await (self._claim_to_choose(asked) if choosing else self._claim(asked))
            if not held:
                self._empty_until = self._tools.clock.monotonic() + EMPTY_PAUSE_S
                self._say("no account is due now")
                return
            if decision.mode is Mode.PREDICTIVE:  # once more, about these very accounts and the floor as it is by now
                decision = self._decide(trunks, held)
                wanted = missing = min(decision.lines_to_add, CLAIM_AT_ONCE)
            dialed, kept = await carry_out(held, wanted, decision)
            missing -= dialed
            if choosing:
                left = [one for one in kept if decision.reserve or not one.reserved_agent_only]
                self._choice.dialed(held, left, asked, enough=0 < wanted <= dialed)
            if kept:
                await self._tools.store.write(claiming.release, kept)
            if kept and (dialed < wanted or not choosing):
                return

    async def _claim(self, count: int) -> Sequence[Claim]:
        tools, lease = self._tools, claimed_for(self.campaign.settings)
        return await tools.store.write(claiming.claim, self.id, count, tools.clock.now(), tools.engine, lease)

    async def _claim_to_choose(self, count: int) -> Sequence[Claim]:
        """Claims behind those passed over, in the order in which to dial them."""
        tools, lease, places = self._tools, claimed_for(self.campaign.settings), self._choice.places
        now = tools.clock.now()
        held = await tools.store.write(claiming.claim_onward, self.id, count, now, tools.engine, lease, places)
        return self._choice.arrange(held, lambda some: self.pacer.ranked(some, now)) if held else held

    async def _dial_all(
        self, held: Sequence[Claim], wanted: int, decision: PacingDecision
    ) -> tuple[int, Sequence[Claim]]:
        """Dial up to `wanted` claims in order; returns how many were, and the claims to give back.

        Stops at the first claim that cannot be dialed for a reason that holds for the rest too.
        """
        dialed, done = 0, 0
        kept: list[Claim] = []
        while done < len(held) and dialed < wanted:
            if decision.is_stale(self._tools.clock.monotonic(), TICK_BUDGET_S):
                self.stale += 1
                break
            some = held[done : done + min(RESERVED_AT_ONCE, wanted - dialed)]
            done += len(some)
            placed = await self.placement.dial(some, reserve_agents=decision.reserve)
            dialed += placed.count(Placed.DIALED)
            left = [one for one, what in zip(some, placed, strict=True) if what is Placed.KEPT]
            kept += left
            if any(decision.reserve or not one.reserved_agent_only for one in left):
                break
        return dialed, [*kept, *held[done:]]

    async def _show_all(
        self, held: Sequence[Claim], wanted: int, decision: PacingDecision
    ) -> tuple[int, Sequence[Claim]]:
        """Show up to `wanted` claims to agents, one each: such as the gate would let be called now.

        Returns how many were, and the claims to give back. An agent who says dial is heard by `previews`.
        """
        tools, settings = self._tools, self.campaign.settings
        if decision.is_stale(tools.clock.monotonic(), TICK_BUDGET_S):
            self.stale += 1
            return 0, held
        screened = await tools.store.write(
            ledger.screen, held, tools.clock.now(), settings.mode, tools.decide, agent_guaranteed=True
        )
        for one, refusal in screened.refused:
            tools.calls.blocked(one, refusal)
        shown = 0
        while shown < min(wanted, len(screened.passed)) and self.placement.show(screened.passed[shown]):
            shown += 1
        return shown, screened.passed[shown:]

    async def place_shown(self, look: Look) -> Tried:
        """Place the call that an agent asked for who was shown its account."""
        if obstacle := self.obstacle():
            self._tools.floor.release(look.attempt)
            return Tried(Placed.KEPT, obstacle)
        return await self.placement.dial_shown(look)

    def _snapshot(self, trunks: Sequence[Trunk], held: Sequence[Claim] = ()) -> FloorSnapshot:
        tools, now = self._tools, self._tools.clock.monotonic()
        capacity = Capacity(
            accounts=0 if now < self._empty_until else None,
            channels_free=sum(max(0, t.limits.channels - t.in_use) for t in trunks if not t.trouble),
            call_tokens=sum(trunk.room(now) for trunk in trunks),
        )
        bare = floor_view.snapshot(
            now,
            self.pacer.learned.settings,
            tools.floor.signed_in(),
            tools.calls.lines(self.id),
            self.tally.windows(tools.clock.now()),
            capacity,
            tools.calls.health(),
            partial(tools.shifts.of, at=tools.clock.now(), now=now),
        )
        full = self.pacer.complete(bare, held, tools.clock.now())
        others = tools.calls.beside(self.id) if full.settings.mode is Mode.PREDICTIVE else ()
        mine = sum(line.ours for line in full.lines)
        return replace(full, theta=fair_theta(full.theta, mine, others)) if others else full

    def _say(self, words: str) -> None:
        self.words = words
