"""One campaign's dialing: snapshot, pace, claim, gate, reserve, originate. Read `tick` first.

The loop runs on a short beat and whenever something changed. It never waits for a call: what it starts, the engine
follows. Everything that keeps it from dialing ends in `status`, in words.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from typing import Final, Protocol

import structlog

from accounts import claim as claiming
from accounts import ledger
from accounts.async_store import AsyncStore
from accounts.errors import StoreError
from accounts.facts import Facts
from accounts.model import Campaign, Claim, Order, Refusal, RefusalCause, Reservation, ReserveRequest, Ruling
from accounts.previews import Look
from agent_gateway.agent import Agent
from agent_gateway.floor import Floor
from dialer import floor_view
from dialer.choice import Choice
from dialer.holds import Holds
from dialer.originate import terms_for
from dialer.pacer import CampaignPacer, PacingFigures, Reason, explain
from dialer.previews import Placed, Previews, Tried, claimed_for, why_not
from dialer.shift_plan import ShiftPlan
from dialer.stop_switch import StopSwitch
from dialer.tally import AbandonmentTally
from dialer.trunks import Trunk, take_first
from domain.clock import Clock
from domain.ids import AgentId, AttemptId, CampaignId, new_attempt_id
from domain.mode import Mode
from domain.phone import PhoneNumber
from pacing import controller
from pacing.decision import PacingDecision
from pacing.pool import fair_theta
from pacing.snapshot import Capacity, FloorSnapshot, Health, LineView

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


class Calls(Protocol):
    """What the loop asks of the engine that owns the live calls."""

    def lines(self, campaign: CampaignId) -> Sequence[LineView]:
        """Calls that need an agent and have none; those of other campaigns marked."""
        ...

    def health(self) -> Health: ...
    def beside(self, campaign: CampaignId) -> Sequence[tuple[float, int]]:
        """Theta and lines without an agent of each other campaign that predicts for the same agents."""
        ...

    def release(self, attempt: AttemptId) -> None: ...
    def may_dial(self) -> bool: ...
    def start(
        self,
        campaign: Campaign,
        held: Claim,
        reservation: Reservation,
        caller_id: PhoneNumber,
        agent: Agent | None,
        trunk: Trunk,
    ) -> None: ...
    def blocked(self, held: Claim, refusal: Refusal) -> None: ...
    def not_sent(self, attempt: AttemptId, trunk: Trunk) -> None:
        """A reserved attempt that was never sent: recorded so, and its channel given back."""
        ...


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


@dataclass(frozen=True, slots=True)
class LoopTools:
    """What every campaign's loop works with."""

    store: AsyncStore
    floor: Floor
    calls: Calls
    trunks: dict[str, Trunk]
    clock: Clock
    stop_switch: StopSwitch
    decide: Callable[[Facts], Ruling]
    engine: str
    holds: Holds
    shifts: ShiftPlan
    previews: Previews


class CampaignLoop:
    """Dials for one running campaign."""

    def __init__(
        self, campaign: Campaign, tally: AbandonmentTally, pacer: CampaignPacer, tools: LoopTools, fence: int = 0
    ) -> None:
        self.campaign = campaign
        self.tally = tally
        self.pacer = pacer
        self.fence = fence
        self.words = "starting"
        self.stale = 0
        """Decisions given up half-way because they had become too old."""
        self.dialed_at = -math.inf
        """When it last dialed; who has waited longest decides first."""
        self._tools = tools
        self._caller_ids = cycle([PhoneNumber(number) for number in campaign.settings.caller_ids])
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
            self._caller_ids = cycle([PhoneNumber(number) for number in campaign.settings.caller_ids])
            self.pacer.update(campaign)
            self.tally.retarget(campaign.settings.target_abandonment)

    async def tick(self) -> None:
        """Take one pacing decision and carry it out."""
        if obstacle := self.obstacle():
            self._say(obstacle)
            return
        trunks = self._trunks()
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

    def _trunks(self) -> list[Trunk]:
        return [self._tools.trunks[name] for name in self.campaign.settings.trunks]

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
            dialed, kept = await carry_out(held, wanted, decision, trunks)
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
        self, held: Sequence[Claim], wanted: int, decision: PacingDecision, trunks: Sequence[Trunk]
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
            placed = await self._dial_some(some, decision, trunks)
            dialed += placed.count(Placed.DIALED)
            left = [one for one, what in zip(some, placed, strict=True) if what is Placed.KEPT]
            kept += left
            if any(decision.reserve or not one.reserved_agent_only for one in left):
                break
        return dialed, [*kept, *held[done:]]

    async def _show_all(
        self, held: Sequence[Claim], wanted: int, decision: PacingDecision, _trunks: Sequence[Trunk]
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
        while shown < min(wanted, len(screened.passed)) and self._show(screened.passed[shown]):
            shown += 1
        return shown, screened.passed[shown:]

    def _show(self, held: Claim) -> bool:
        tools = self._tools
        if not tools.calls.may_dial() or tools.stop_switch.is_pulled():
            return False
        attempt = new_attempt_id(tools.clock.now())
        agent = tools.floor.offer(attempt, terms_for(self.campaign.settings), leaving=self._leaving())
        if agent is None:
            return False
        self.dialed_at = tools.clock.monotonic()
        tools.previews.shown(Look(held, attempt, agent.id))
        return True

    async def place_shown(self, look: Look) -> Tried:
        """Place the call that an agent asked for who was shown its account."""
        agent = self._tools.floor.agent(look.agent)
        if obstacle := self.obstacle():
            self._tools.floor.release(look.attempt)
            return Tried(Placed.KEPT, obstacle)
        return await self._place(look.held, look.attempt, agent, self._trunks())

    async def _dial_some(
        self, some: Sequence[Claim], decision: PacingDecision, trunks: Sequence[Trunk]
    ) -> Sequence[Placed]:
        """Dial several claims at once: the store makes their reservations durable together.

        All of them come to their end before the first failure is raised: none is left half-way.
        """
        placed = await asyncio.gather(
            *(self._dial(one, trunks, reserve_agent=decision.reserve or one.reserved_agent_only) for one in some),
            return_exceptions=True,
        )
        for what in placed:
            if isinstance(what, BaseException):
                raise what
        return [what for what in placed if isinstance(what, Placed)]

    async def _dial(self, held: Claim, trunks: Sequence[Trunk], *, reserve_agent: bool) -> Placed:
        """Dial one claim, with an agent of its own if it must have one."""
        tools = self._tools
        if not tools.calls.may_dial():
            return Placed.KEPT
        attempt = new_attempt_id(tools.clock.now())
        agent = None
        if reserve_agent:
            agent = tools.floor.reserve(attempt, terms_for(self.campaign.settings), leaving=self._leaving())
            if agent is None:
                return Placed.KEPT
        return (await self._place(held, attempt, agent, trunks)).placed

    async def _place(self, held: Claim, attempt: AttemptId, agent: Agent | None, trunks: Sequence[Trunk]) -> Tried:
        """Reserve the attempt, durably, and only then start the call; the agent is let go unless it is started."""
        tools, campaign = self._tools, self.campaign  # which may be exchanged while we wait for the store
        settings = campaign.settings
        trunk = take_first(trunks, tools.clock.monotonic()) if tools.calls.may_dial() else None
        if trunk is None:
            tools.floor.release(attempt)
            return Tried(Placed.KEPT, "no trunk can take a call at this moment")
        caller_id = next(self._caller_ids)
        request = ReserveRequest(
            attempt=attempt,
            claim=held,
            mode=settings.mode,
            trunk=trunk.limits.name,
            caller_id=caller_id,
            now=tools.clock.now(),
            agent=None if agent is None else agent.id,
            fence=self.fence,
            braked=controller.first_braking(self.tally.windows(tools.clock.now())) is not None,
        )
        try:
            answer = await tools.store.write(ledger.reserve, request, tools.decide)
        except BaseException:
            tools.floor.release(attempt)
            trunk.give_back()
            raise
        if isinstance(answer, Refusal):
            tools.floor.release(attempt)
            trunk.give_back()
            tools.calls.blocked(held, answer)
            return Tried(self._refused(answer), why_not(answer))
        stopped = tools.stop_switch.is_pulled() or not tools.calls.may_dial()  # since the reservation was begun
        if stopped or (agent is not None and tools.floor.agent_of(attempt) is None):
            tools.floor.release(attempt)
            tools.calls.not_sent(attempt, trunk)
            return Tried(Placed.MOVED, "dialing was stopped meanwhile")
        self.dialed_at = tools.clock.monotonic()
        self.pacer.dialed(
            attempt,
            self.dialed_at,
            held,
            tools.clock.now(),
            route=trunk.limits.name,
            agent=None if agent is None else agent.id,
        )
        tools.calls.start(campaign, held, answer, caller_id, agent, trunk)
        return Tried(Placed.DIALED)

    def _leaving(self) -> frozenset[AgentId]:
        """Agents who are about to leave: nothing is dialed for them any more, and nothing shown to them."""
        tools, guard_s = self._tools, self.pacer.learned.settings.leave_guard_s
        return tools.shifts.leaving(tools.clock.now(), tools.clock.monotonic(), guard_s)

    def _refused(self, refusal: Refusal) -> Placed:
        if refusal.cause in {RefusalCause.BLOCKED, RefusalCause.IN_CALL, RefusalCause.STALE_CLAIM}:
            return Placed.MOVED
        self._say(why_not(refusal))
        return Placed.KEPT

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
