"""The engine: one process that dials for every running campaign, follows every call and writes down every end.

Data flows one way. The switch's events go to the floor (agents) and to each call's mailbox; campaign loops decide and
start calls; a call that ended is written to the ledger, its recording is finished, and its line goes to the journal.
Nothing here waits for a call, and the reader of the switch's events waits for nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from accounts.async_store import AsyncStore
from accounts.errors import StoreError
from accounts.facts import Facts
from accounts.model import Campaign, Claim, Ending, Refusal, Reservation, Ruling
from accounts.tallies import Made
from agent_gateway.agent import Agent
from agent_gateway.floor import Floor
from agent_gateway.floor_events import AgentChanged, CallOrphaned, Disposed, PreviewEnded, ReservationLost
from dialer import floor_view
from dialer.call import CallRecord, CallState, RefusedInvite
from dialer.call_actor import AgentGone, CallActor, Release
from dialer.campaign_loop import CampaignLoop, LoopStatus
from dialer.campaign_roster import CampaignRoster
from dialer.coordinator import LeaseBoard
from dialer.failover import OVERLOADED, Failover
from dialer.floor_view import LiveCall
from dialer.holds import Holds, NoHolds
from dialer.link_health import LinkHealth
from dialer.listeners import FinishedAttempt, Journal, People, Recordings
from dialer.loop_tools import LoopTools
from dialer.originate import limits_for, order_for, terms_for
from dialer.outcome import ending_of, outcome_of
from dialer.outcome_writer import OutcomeWriter
from dialer.pacer import CampaignPacer
from dialer.pacing_memory import PacingMemory
from dialer.previews import Previews
from dialer.reconciliation import Lines, Reconciliation
from dialer.shift_plan import ShiftPlan
from dialer.stop_switch import StopSwitch
from dialer.trunks import Trunk
from domain.clock import Clock
from domain.ids import AgentId, AttemptId, CampaignId
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.telephony import (
    InboundBegan,
    InboundEnded,
    KeyPressed,
    LinkDown,
    LinkUp,
    Origination,
    RecordingMode,
    SwitchEvent,
    Telephony,
    TelephonyError,
)
from pacing.snapshot import Health, LineView

_log = structlog.get_logger(__name__)

BEAT_S: Final = 0.5
"""Longest time between two ticks of a campaign's loop."""
COALESCE_S: Final = 0.05
"""Shortest time between two ticks: what changes within it is decided on at once."""
RECONCILE_AGAIN_S: Final = 1.0


@dataclass(slots=True)
class _Live:
    actor: CallActor
    campaign: Campaign
    number: PhoneNumber
    trunk: Trunk | None
    dialed_at: float
    changed_at: float
    reserved_for: AgentId | None
    record: CallRecord
    account: str
    reserved_at: datetime
    line: LineView | None = None
    """How pacing sees it while it needs an agent."""
    unheard: bool = False
    """The switch could not be heard for a while during this call: it may have rung without our knowing."""

    def call(self, attempt: AttemptId) -> LiveCall:
        """The same for people and for pacing."""
        route = "" if self.trunk is None else self.trunk.limits.name
        return LiveCall(
            attempt, self.campaign.id, self.actor.record, self.dialed_at, self.changed_at, self.reserved_for, route
        )


@dataclass(slots=True)
class _Counters:
    """What the engine has done since it started."""

    placed: int = 0
    ended: int = 0
    strays: int = 0
    by_outcome: dict[Outcome, int] = field(default_factory=dict)


class Engine:
    """Runs until cancelled. `async with` nothing: `await engine.run()`."""

    def __init__(
        self,
        store: AsyncStore,
        telephony: Telephony,
        floor: Floor,
        trunks: Sequence[Trunk],
        clock: Clock,
        stop_switch: StopSwitch,
        decide: Callable[[Facts], Ruling],
        recordings: Recordings,
        journal: Journal,
        people: People,
        name: str = "engine",
        memory: PacingMemory | None = None,
        heard_at: Callable[[], float] | None = None,
        holds: Holds | None = None,
        lines: Lines = lambda _wanted, _now: {},
        shifts: ShiftPlan | None = None,
    ) -> None:
        self.counters = _Counters()
        self.link_up = False
        self.name = name
        self.holds: Holds = holds or NoHolds()
        self.leases = LeaseBoard(name, clock)
        self._store = store
        self._telephony = telephony
        self._floor = floor
        self._clock = clock
        self._recordings = recordings
        self._journal = journal
        self._people = people
        self._trunks = {trunk.limits.name: trunk for trunk in trunks}
        self._calls: dict[AttemptId, _Live] = {}
        self._inbound: dict[str, InboundBegan] = {}
        self._wake = asyncio.Event()
        self._linked = asyncio.Event()
        self._linked_since: float | None = None
        self._reconciliation = Reconciliation(store, telephony, floor, clock, name, self, lines)
        self._tasks: asyncio.TaskGroup
        self._draining = False
        self._outcomes = OutcomeWriter(store, clock)
        self._health = LinkHealth(clock, heard_at)
        self._stop_switch = stop_switch
        self._failover = Failover(store, self._trunks, clock, decide)
        self.previews = Previews(store, floor, clock, self._loop_of, self._may_show)
        plan = shifts or ShiftPlan()
        tools = LoopTools(
            store, floor, self, self._trunks, clock, stop_switch, decide, name, self.holds, plan, self.previews
        )
        self._roster = CampaignRoster(self.leases, memory or PacingMemory(None), tools, self._wake.set)

    # --- running ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Dial until cancelled. Calls that are up then live on in the switch; the next engine adopts them."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._follow_switch())
                self._tasks.create_task(self._follow_floor())
                await self._linked.wait()
                self._tasks.create_task(self._reconciliation.keep_looking())
                self._tasks.create_task(self._roster.follow())
                self._tasks.create_task(self._roster.keep_learned())
                await self._beat()
        finally:
            self._roster.keep_now()

    async def drain(self) -> None:
        """Stop placing calls, release those that have not been answered, and wait until every call is over."""
        self._draining = True
        for live in self._calls.values():
            live.actor.tell(Release())
        self.previews.withdraw()
        while not self.idle():
            self._wake.clear()
            await self._wake.wait()

    async def wait_linked(self) -> None:
        """Wait until the engine has reconciled with the switch for the first time."""
        await self._linked.wait()

    def live_attempts(self) -> frozenset[AttemptId]:
        """Attempts whose calls are alive."""
        return frozenset(self._calls)

    def idle(self) -> bool:
        """No call is alive, no account is shown, and nothing waits to be written."""
        return not self._calls and not self._outcomes.waiting and not self.previews.count()

    @property
    def draining(self) -> bool:
        """Whether the engine has been told to place no more calls."""
        return self._draining

    @property
    def writes_waiting(self) -> int:
        """Outcomes that are not written yet; while there is one, no call is placed."""
        return self._outcomes.waiting

    def status(self) -> dict[CampaignId, LoopStatus]:
        """What each running campaign's loop is doing."""
        return {campaign: loop.status() for campaign, loop in self._roster.loops.items()}

    def unusable(self) -> Mapping[CampaignId, str]:
        """Why nothing is dialed for a running campaign whose settings nobody can dial by."""
        return self._roster.unusable

    def pacer_of(self, campaign: CampaignId) -> CampaignPacer:
        """The pacing of a running campaign, for looking at."""
        return self._roster.loops[campaign].pacer

    def trunks(self) -> tuple[Trunk, ...]:
        """The trunks calls go out by, with what they carry now."""
        return tuple(self._trunks.values())

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            ticked_at = loop.time()
            self.previews.withdraw()
            if not self._draining:
                self._health.tick()
                for dialing in self._roster.in_turn():
                    if self.leases.held_elsewhere(dialing.id) is None:
                        await dialing.tick()
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._wake.wait()
            except TimeoutError:
                continue
            finally:
                if not self._draining:
                    self._wake.clear()
            at_least_s = BEAT_S if self._draining else COALESCE_S
            await asyncio.sleep(ticked_at + at_least_s - loop.time())

    # --- what campaign loops ask ------------------------------------------------------------------------------------

    def live(self) -> Sequence[LiveCall]:
        """Every live call."""
        return [live.call(attempt) for attempt, live in self._calls.items()]

    def lines(self, campaign: CampaignId) -> Sequence[LineView]:
        """Calls that need an agent and have none; those of other campaigns marked."""
        return [
            live.line if live.campaign.id == campaign else replace(live.line, ours=False)
            for live in self._calls.values()
            if live.line is not None
        ]

    def beside(self, campaign: CampaignId) -> Sequence[tuple[float, int]]:
        """Theta and lines without an agent of each other campaign that predicts for the same agents."""
        return self._roster.beside(campaign, self._wanting_agents)

    def _wanting_agents(self) -> Counter[CampaignId]:
        return Counter(
            live.campaign.id for live in self._calls.values() if live.record.state in floor_view.AGENT_WANTED
        )

    def _see_line(self, attempt: AttemptId, live: _Live) -> None:
        """Show pacing the call as it is now, with what the campaign's own pacing has learned of it."""
        loop = self._roster.loops.get(live.campaign.id)
        known = None if loop is None else loop.pacer.learned.lines.get(attempt)
        live.line = floor_view.line_of(live.call(attempt), known)

    def health(self) -> Health:
        return self._health.health(link_up=self.may_dial())

    def may_dial(self) -> bool:
        """Whether a call may be placed at all: not while the switch or the store is out of reach, or we are to end, or
        the clock is wrong."""
        return self.link_up and not self._draining and not self._outcomes.failing and not self.holds.everything()

    def release(self, attempt: AttemptId) -> None:
        if attempt in self._calls:
            self._calls[attempt].actor.tell(Release())

    def start(
        self,
        campaign: Campaign,
        held: Claim,
        reservation: Reservation,
        caller_id: PhoneNumber,
        agent: Agent | None,
        trunk: Trunk,
    ) -> None:
        """Place a reserved call and follow it. The trunk's channel was taken by the caller."""
        order = order_for(campaign.settings, reservation, held.number, caller_id, trunk.limits.name)
        reserved_for = None if agent is None else agent.id
        self._follow(campaign, order, trunk, reserved_for, held.account, reservation.at, adopted=None)
        self.counters.placed += 1

    def blocked(self, held: Claim, refusal: Refusal) -> None:
        self._journal.blocked(held, refusal)

    def not_sent(self, attempt: AttemptId, trunk: Trunk) -> None:
        trunk.give_back()
        self._tasks.create_task(self._outcomes.write(attempt, Ending(Outcome.FAILED)))

    def _follow(
        self,
        campaign: Campaign,
        order: Origination,
        trunk: Trunk | None,
        agent: AgentId | None,
        account: str,
        reserved_at: datetime,
        adopted: CallRecord | None,
    ) -> None:
        settings = campaign.settings
        actor = CallActor(
            order,
            terms_for(settings),
            limits_for(settings),
            self._telephony,
            self._floor,
            self._clock,
            partial(self._reroute, settings.trunks),
            self._call_changed,
        )
        if adopted is not None:
            actor.record = adopted
        now = self._clock.monotonic()
        live = _Live(actor, campaign, order.to, trunk, now, now, agent, actor.record, account, reserved_at)
        self._calls[order.attempt] = live
        self._see_line(order.attempt, live)
        self._tasks.create_task(self._live_call(order, campaign, actor, adopted))

    async def _live_call(
        self, order: Origination, campaign: Campaign, actor: CallActor, adopted: CallRecord | None
    ) -> None:
        record = await actor.run(adopted)
        outcome = outcome_of(record, ring_limit_reached=record.rang_out)
        told = await self._reconciliation.ending_of(order.attempt) if outcome is Outcome.UNKNOWN else None
        ending = told or ending_of(record, outcome, order, self._calendar)
        outcome = ending.outcome
        live = self._calls.pop(order.attempt)
        if live.trunk is not None:
            live.trunk.give_back()
            self._note_overload(live.trunk, record.sip_status, rang=record.rang_at is not None or record.was_ringing)
        self.counters.ended += 1
        self.counters.by_outcome[outcome] = self.counters.by_outcome.get(outcome, 0) + 1
        abandoned = ending.treated_at is not None or outcome is Outcome.ABANDONED
        self._roster.ended(campaign.id, answered=outcome.is_live_answer, abandoned=abandoned)
        self._wake.set()
        await self._outcomes.write(order.attempt, ending)
        self._roster.written(campaign.id)
        order = actor.order  # of the trunk that carried it last
        finished = FinishedAttempt(
            order.attempt, campaign, live.account, order.to, order, record, outcome, live.reserved_at
        )
        if record.joined_at is not None and order.recording is not RecordingMode.OFF:
            self._recordings.submit(finished)
        self._journal.attempt(finished)
        self._wake.set()

    async def _reroute(
        self, names: tuple[str, ...], order: Origination, refused: tuple[RefusedInvite, ...]
    ) -> Origination | None:
        """Another trunk for a call that was refused early; not when anything says that no call should be placed."""
        live = self._calls[order.attempt]
        if live.trunk is None or not self._may_place(live):
            return None
        further = await self._failover.next_order(order, refused, names)
        if further is None:
            return None
        trunk = self._trunks[further.trunk]
        if not self._may_place(live):  # while it was being written down
            trunk.give_back()
            return None
        self._note_overload(live.trunk, refused[-1].sip_status, rang=False)
        live.trunk.give_back()
        live.trunk = trunk
        return further

    def _may_place(self, live: _Live) -> bool:
        return self.may_dial() and not live.unheard and not self._stop_switch.is_pulled()

    def _note_overload(self, trunk: Trunk, sip_status: int | None, *, rang: bool) -> None:
        if sip_status == OVERLOADED and not rang:
            trunk.overloaded(self._clock.monotonic())

    def _call_changed(self, attempt: AttemptId, record: CallRecord) -> None:
        live = self._calls.get(attempt)
        if live is None:
            return
        before, live.record = live.record, record
        now = self._clock.monotonic()
        if (loop := self._roster.loops.get(live.campaign.id)) is not None:
            loop.pacer.call_changed(attempt, before, record, now)
        if before.state is not record.state:
            live.changed_at = now
            self._wake.set()
        self._see_line(attempt, live)

    def _calendar(self, monotonic: float) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic() - monotonic)

    # --- the switch's events ----------------------------------------------------------------------------------------

    async def _follow_switch(self) -> None:
        async for event in self._telephony.events():
            self._health.handled(event.at)
            self._floor.on_switch(event)
            self._route(event)

    def _route(self, event: SwitchEvent) -> None:
        match event:
            case LinkUp(at=at):
                self._linked_since = at
                self._tasks.create_task(self._reconcile(at))
            case LinkDown(reason=reason):
                self._linked_since = None
                self.link_up = False
                for live in self._calls.values():
                    live.unheard = True
                _log.warning("the switch cannot be reached; no call is placed", reason=reason)
            case InboundBegan(channel=channel):
                self._inbound[channel] = event
            case InboundEnded(channel=channel):
                if (began := self._inbound.pop(channel, None)) is not None:
                    self._people.called_in(began, event)
            case KeyPressed(source=source, key="9") if source in self._calls:
                self._people.opted_out(self._calls[AttemptId(source)].number, "key 9")
            case _:
                self._to_call(event)

    def _to_call(self, event: SwitchEvent) -> None:
        attempt = getattr(event, "attempt", None)
        if attempt is None:
            return
        if attempt in self._calls:
            self._calls[attempt].actor.tell(event)
        else:
            self.counters.strays += 1

    async def _follow_floor(self) -> None:
        queue = self._floor.subscribe()
        while True:
            match await queue.get():
                case Disposed() as disposed:
                    self._people.disposed(disposed)
                    for loop in self._roster.loops.values():
                        loop.pacer.disposed(disposed)
                case AgentChanged(after=changed):
                    for loop in self._roster.loops.values():
                        loop.pacer.agent_changed(changed)
                case PreviewEnded() as looked:
                    self._tasks.create_task(self._preview_ended(looked))
                case CallOrphaned(attempt, agent) | ReservationLost(attempt, agent):
                    if attempt in self._calls:
                        self._calls[attempt].actor.tell(AgentGone(agent))
                case _:
                    pass
            self._wake.set()

    async def _preview_ended(self, looked: PreviewEnded) -> None:
        await self.previews.ended(looked)
        self._wake.set()

    def _loop_of(self, campaign: CampaignId) -> CampaignLoop | None:
        return self._roster.loops.get(campaign)

    def _may_show(self, campaign: CampaignId) -> bool:
        return self.may_dial() and self.leases.held_elsewhere(campaign) is None

    # --- after the connection was away, and at start ------------------------------------------------------------------

    async def _reconcile(self, since: float) -> None:
        """Bring what we believe in line with what the switch has, as long as this connection lasts; only then dial."""
        while self._linked_since == since:
            try:
                await self._reconciliation.catch_up(since)
            except (TelephonyError, StoreError) as error:
                _log.warning("reconciling failed; tried again", error=str(error))
                await asyncio.sleep(RECONCILE_AGAIN_S)
                continue
            if self._linked_since == since:
                self.link_up = True
                self._linked.set()
                self._wake.set()
            return

    def actors(self) -> Mapping[AttemptId, CallActor]:
        return {attempt: live.actor for attempt, live in self._calls.items()}

    def adopt(self, made: Made, campaign: Campaign) -> CallActor:
        """Follow a call that an earlier run placed; where it stands, the caller tells."""
        order = order_for(
            campaign.settings, Reservation(made.attempt, made.reserved_at), made.number, made.caller_id, made.trunk
        )
        trunk = self._trunks.get(made.trunk)
        if trunk is not None:
            trunk.in_use += 1
        record = CallRecord(state=CallState.RINGING, unheard=True)
        self._follow(campaign, order, trunk, None, made.account, made.reserved_at, adopted=record)
        return self._calls[made.attempt].actor
