"""From claims to calls, for one campaign: an agent if there must be one, a trunk, a durable reservation, and only then
the call.

Several claims are reserved by one transaction. Each stands for itself all the same: what becomes of one does not keep
another from being dialed, and an agent or a channel that was taken for a call which is not placed is given back here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from traceback import extract_tb

import structlog

from accounts import ledger
from accounts.errors import StoreError
from accounts.model import Campaign, Claim, Refusal, RefusalCause, Reservation, ReserveRequest
from accounts.previews import Look
from agent_gateway.agent import Agent
from dialer.loop_tools import LoopTools
from dialer.originate import terms_for
from dialer.pacer import CampaignPacer
from dialer.previews import Placed, Tried, why_not
from dialer.tally import AbandonmentTally
from dialer.trunks import Trunk, take_first
from domain.ids import AgentId, AttemptId, new_attempt_id
from domain.phone import PhoneNumber
from pacing import controller

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A claim with all that its call takes; nothing of it is durable yet."""

    campaign: Campaign
    request: ReserveRequest
    agent: Agent | None
    trunk: Trunk


class Placement:
    """Places the calls of one campaign.

    Args:
        fence: of this engine's lease of the campaign; goes into every reservation.
        say: told why the store refused a call, when that may hold for the next ones too.
    """

    def __init__(
        self,
        campaign: Campaign,
        tally: AbandonmentTally,
        pacer: CampaignPacer,
        tools: LoopTools,
        fence: int,
        say: Callable[[str], None],
    ) -> None:
        self.fence = fence
        self.dialed_at = -math.inf
        """When it last dialed or showed an account; who has waited longest decides first."""
        self._tally = tally
        self._pacer = pacer
        self._tools = tools
        self._say = say
        self.update(campaign)

    def update(self, campaign: Campaign) -> None:
        """Take over changed settings."""
        self._campaign = campaign
        self._caller_ids = cycle([PhoneNumber(number) for number in campaign.settings.caller_ids])

    def trunks(self) -> list[Trunk]:
        """The campaign's trunks, the preferred one first."""
        return [self._tools.trunks[name] for name in self._campaign.settings.trunks]

    async def dial(self, held: Sequence[Claim], *, reserve_agents: bool) -> Sequence[Placed]:
        """Dial claims; those that must have an agent of their own only if there is one for each.

        Raises:
            StoreError: nothing was placed, and all that was taken for it is given back.
        """
        ready = [self._with_agent(one, reserve_agents or one.reserved_agent_only) for one in held]
        tried = iter(await self._place([one for one in ready if one is not None]))
        return [Placed.KEPT if one is None else next(tried).placed for one in ready]

    async def dial_shown(self, look: Look) -> Tried:
        """Dial the account that an agent was shown and asked for."""
        ready = self._with_trunk(look.held, look.attempt, self._tools.floor.agent(look.agent))
        if ready is None:
            return Tried(Placed.KEPT, "no trunk can take a call at this moment")
        (tried,) = await self._place([ready])
        return tried

    def show(self, held: Claim) -> bool:
        """Show an account to an agent who is free for it; False when there is none, or nothing may be dialed."""
        tools = self._tools
        if not tools.calls.may_dial() or tools.stop_switch.is_pulled():
            return False
        attempt = new_attempt_id(tools.clock.now())
        agent = tools.floor.offer(attempt, terms_for(self._campaign.settings), leaving=self._leaving())
        if agent is None:
            return False
        self.dialed_at = tools.clock.monotonic()
        tools.previews.shown(Look(held, attempt, agent.id))
        return True

    def _with_agent(self, held: Claim, reserve_agent: bool) -> _Ready | None:
        tools = self._tools
        attempt, agent = new_attempt_id(tools.clock.now()), None
        if reserve_agent:
            terms = terms_for(self._campaign.settings)
            agent = tools.floor.reserve(attempt, terms, leaving=self._leaving()) if tools.calls.may_dial() else None
            if agent is None:
                return None
        return self._with_trunk(held, attempt, agent)

    def _with_trunk(self, held: Claim, attempt: AttemptId, agent: Agent | None) -> _Ready | None:
        tools, campaign = self._tools, self._campaign
        trunk = take_first(self.trunks(), tools.clock.monotonic()) if tools.calls.may_dial() else None
        if trunk is None:
            tools.floor.release(attempt)
            return None
        now = tools.clock.now()
        request = ReserveRequest(
            attempt=attempt,
            claim=held,
            mode=campaign.settings.mode,
            trunk=trunk.limits.name,
            caller_id=next(self._caller_ids),
            now=now,
            agent=None if agent is None else agent.id,
            fence=self.fence,
            braked=controller.first_braking(self._tally.windows(now)) is not None,
        )
        return _Ready(campaign, request, agent, trunk)

    async def _place(self, ready: Sequence[_Ready]) -> Sequence[Tried]:
        """Reserve, durably, and start each call that was allowed."""
        if not ready:
            return []
        try:
            answers = await self._reserve([one.request for one in ready])
        except BaseException:
            for one in ready:
                self._let_go(one)
            raise
        return [self._follow_up(one, answer) for one, answer in zip(ready, answers, strict=True)]

    async def _reserve(self, requests: Sequence[ReserveRequest]) -> Sequence[Reservation | Refusal | None]:
        """The store's answers; None for an account whose facts or ruling met a fault: the others go on without it."""
        store, decide = self._tools.store, self._tools.decide
        try:
            return await store.write(ledger.reserve_all, requests, decide)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # a fault in the facts or the law of one account
            if len(requests) == 1:
                # Not its text, which may quote what is known of a person.
                last = extract_tb(error.__traceback__)[-1]
                kind, place = type(error).__name__, f"{Path(last.filename).name}:{last.lineno}"
                entry = requests[0].claim.entry
                _log.error("an account cannot be decided about", entry=entry, error=kind, raised_in=place)
                return [None]
        return [answer for one in requests for answer in await self._reserve([one])]

    def _follow_up(self, one: _Ready, answer: Reservation | Refusal | None) -> Tried:
        tools, request = self._tools, one.request
        if answer is None:
            self._let_go(one)
            self._say("an account cannot be decided about; see the log")
            return Tried(Placed.FAULTY, "a fault of the program; it is in the log")
        if isinstance(answer, Refusal):
            self._let_go(one)
            tools.calls.blocked(request.claim, answer)
            return Tried(self._refused(answer), why_not(answer))
        stopped = tools.stop_switch.is_pulled() or not tools.calls.may_dial()  # since the reservation was begun
        if stopped or (one.agent is not None and tools.floor.agent_of(request.attempt) is None):
            tools.floor.release(request.attempt)
            tools.calls.not_sent(request.attempt, one.trunk)
            return Tried(Placed.MOVED, "dialing was stopped meanwhile")
        self.dialed_at = tools.clock.monotonic()
        self._pacer.dialed(
            request.attempt, self.dialed_at, request.claim, tools.clock.now(), route=request.trunk, agent=request.agent
        )
        tools.calls.start(one.campaign, request.claim, answer, request.caller_id, one.agent, one.trunk)
        return Tried(Placed.DIALED)

    def _let_go(self, one: _Ready) -> None:
        self._tools.floor.release(one.request.attempt)
        one.trunk.give_back()

    def _leaving(self) -> frozenset[AgentId]:
        """Agents who are about to leave: nothing is dialed for them any more, and nothing shown to them."""
        tools, guard_s = self._tools, self._pacer.learned.settings.leave_guard_s
        return tools.shifts.leaving(tools.clock.now(), tools.clock.monotonic(), guard_s)

    def _refused(self, refusal: Refusal) -> Placed:
        if refusal.cause in {RefusalCause.BLOCKED, RefusalCause.IN_CALL, RefusalCause.STALE_CLAIM}:
            return Placed.MOVED
        self._say(why_not(refusal))
        return Placed.KEPT
