"""One campaign's pacing in the live engine: hears what happens, learns, completes snapshots, and can explain itself.

`CampaignPacer` belongs to one `CampaignLoop`. The engine tells it each change of a call's record and of an agent; from
these it derives what `pacing.floor.Pacer` is fed with, each fact of a call once. Nothing here waits or does I/O.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from accounts.model import Campaign, Claim, Order
from agent_gateway.agent import Agent
from agent_gateway.agent import AgentState as SeatState
from agent_gateway.floor_events import Disposed
from dialer.call import CallRecord, CallState
from dialer.choice import TURNS
from dialer.floor_view import PACING_STATES, pacing_settings
from domain.ids import AgentId, AttemptId, CampaignId
from domain.mode import Mode
from pacing.answer_model import AccountFacts
from pacing.controller import first_braking
from pacing.decision import CapCode, PacingDecision
from pacing.floor import Pacer
from pacing.pool import best_first
from pacing.snapshot import Candidate, FloorSnapshot, WindowTally
from pacing.value import Owed, PartyFacts, recoveries

_log = structlog.get_logger(__name__)

ALIKE_UNTIL: Final = 100
"""Up to so many dials, all accounts are taken to answer alike; what tells them apart is chance until then."""
TOLD_APART_FROM: Final = 500
"""From so many on, each account's own chance is used; in between, a mixture."""
BRIDGES_KEPT: Final = 200
BRIDGES_NEEDED: Final = 20
BRIDGE_QUANTILE: Final = 0.95
BRIDGE_MOST_S: Final = 1.0
"""More than this is trouble with one call, not the time a bridge takes."""
DISPOSITIONS_AWAITED: Final = 5000
"""Calls of which it is remembered what was known before them, until their agent has said who it was."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One limit that held decisions back: how often it was the tightest, and the latest sentence it gave."""

    code: CapCode
    decisions: int
    words: str


@dataclass(frozen=True, slots=True)
class PacingFigures:
    """Where a campaign's pacing stands, for people.

    Attributes:
        mode: the mode in force, progressive while the brake is on.
        theta: accepted chance that a person who answers meets no agent.
        q: that chance for the line last decided on; None when it was not modelled.
        answer_p: share of new dials expected to reach a person.
        learned_from: dials this rests on.
        calls_left: further calls that may be abandoned before the brake, in the tightest window.
        brake: the window whose budget is used up, in words; empty while none is.
        calibration: abandoned over predicted; None while too little is known.
        broken: whether that is out of bounds, so that theta is halved.
        alarms: how often it has gone out of bounds since the start.
        order: which accounts come first, in words; empty where the list's order decides.
    """

    mode: Mode
    theta: float
    q: float | None
    answer_p: float
    learned_from: int
    calls_left: int
    brake: str
    calibration: float | None
    broken: bool
    alarms: int
    order: str = ""


class CampaignPacer:
    """The pacing of one campaign.

    Args:
        campaign: whose.
        learned: what is known of it, from an earlier run or from the priors.
    """

    def __init__(self, campaign: Campaign, learned: Pacer) -> None:
        self.learned = learned
        self.latest: PacingDecision | None = None
        self.reasons: dict[CapCode, Reason] = {}
        self.alarms = 0
        self._id: CampaignId = campaign.id
        self._route = campaign.settings.trunk
        self._zone = ZoneInfo(campaign.settings.zone)
        self._broken = False
        self._bridges = deque[float](maxlen=BRIDGES_KEPT)
        self._connecting: dict[AttemptId, float] = {}
        self._order = campaign.settings.order
        self._asked: dict[AttemptId, PartyFacts] = {}

    def update(self, campaign: Campaign) -> None:
        """Take over changed settings; what was learned stays."""
        measured = self.learned.settings.bridge_s
        self.learned.settings = replace(pacing_settings(campaign.settings), bridge_s=measured)
        self.learned.budget.target = campaign.settings.target_abandonment
        self._route = campaign.settings.trunk
        self._zone = ZoneInfo(campaign.settings.zone)
        self._order = campaign.settings.order

    # --- agents -----------------------------------------------------------------------------------------------------

    def muster(self, agents: Iterable[Agent]) -> None:
        """Agents who were there before this campaign ran."""
        for agent in agents:
            self.agent_changed(agent)

    def agent_changed(self, agent: Agent) -> None:
        """An agent is not as before."""
        known = agent.id in self.learned.agents
        if agent.state is SeatState.OFFLINE or not self.learned.settings.required_skills <= agent.skills:
            if known:
                self.learned.agent_left(agent.id, agent.since)
            return
        state = PACING_STATES[agent.state]
        self.learned.agent_is(agent.id, state, agent.since, leaves_after_call=agent.is_leaving, skills=agent.skills)

    # --- calls ------------------------------------------------------------------------------------------------------

    def dialed(
        self, attempt: AttemptId, now: float, held: Claim, at: datetime, *, route: str, agent: AgentId | None
    ) -> None:
        """A call is about to be ordered. `at` is the calendar's word for `now`."""
        q = self.latest.q if self.latest is not None and agent is None else None
        self._asked[attempt] = _party_facts(held)
        if len(self._asked) > DISPOSITIONS_AWAITED:
            del self._asked[next(iter(self._asked))]
        self.learned.dialed(attempt, now, facts=self.facts_of(held, at), route=route, reserved_for=agent, q=q)

    def call_changed(self, attempt: AttemptId, before: CallRecord, after: CallRecord, now: float) -> None:
        """A call's record has changed. Calls this pacer did not dial (those of an earlier run) teach nothing."""
        learned = self.learned
        if attempt not in learned.lines:
            return
        if before.rang_at is None and after.rang_at is not None:
            learned.rang(attempt, after.rang_at)
        if before.answered_at is None and after.answered_at is not None:
            learned.answered(attempt, after.answered_at)
        if before.judged_at is None and after.judged_at is not None:
            learned.judged(attempt, after.judged_at, human=after.person_answered)
        if before.state is not CallState.CONNECTING and after.state is CallState.CONNECTING:
            self._connecting[attempt] = now
        if before.treated_at is None and after.treated_at is not None:
            self._live_answer(attempt, after.treated_at, abandoned=True)
        elif before.joined_at is None and after.joined_at is not None and attempt in learned.lines:
            self._learn_bridge(after.joined_at - self._connecting.get(attempt, after.joined_at))
            self._live_answer(attempt, after.joined_at, abandoned=False)
        if after.state is CallState.ENDED and attempt in learned.lines:
            learned.ended(attempt, after.ended_at or now, released=_teaches_nothing(after))
        if attempt not in learned.lines:
            self._connecting.pop(attempt, None)
            if after.joined_at is None:
                self._asked.pop(attempt, None)

    def disposed(self, disposed: Disposed) -> None:
        """An agent has said what became of a call. Calls of other campaigns, or of an earlier run, teach nothing."""
        facts, said = self._asked.pop(disposed.attempt, None), disposed.recorded.disposition
        if facts is not None and said is not None and said.right_party is not None:
            self.learned.experience.parties.learn(facts, right=said.right_party)

    def _live_answer(self, attempt: AttemptId, at: float, *, abandoned: bool) -> None:
        if abandoned:
            self.learned.abandoned(attempt, at)
        else:
            self.learned.served(attempt, at)
        broken = self.learned.calibration.broken()
        if broken and not self._broken:
            self.alarms += 1
            _log.error(
                "the pacing forecast is broken; theta is halved until it is right",
                campaign=self._id,
                abandoned_over_predicted=self.learned.calibration.ratio(),
            )
        elif self._broken and not broken:
            _log.warning("the pacing forecast is right again", campaign=self._id)
        self._broken = broken

    def _learn_bridge(self, seconds: float) -> None:
        """The time a bridge takes comes off the time a person can be kept; its upper end counts."""
        self._bridges.append(min(max(seconds, 0.0), BRIDGE_MOST_S))
        if len(self._bridges) >= BRIDGES_NEEDED:
            ordered = sorted(self._bridges)
            high = ordered[math.ceil(BRIDGE_QUANTILE * len(ordered)) - 1]
            self.learned.settings = replace(self.learned.settings, bridge_s=round(high, 2))

    # --- deciding ---------------------------------------------------------------------------------------------------

    def complete(
        self, snapshot: FloorSnapshot, held: Sequence[Claim] = (), at: datetime | None = None
    ) -> FloorSnapshot:
        """The engine's own view of agents and lines, with all that was learned.

        Args:
            snapshot: the floor now.
            held: accounts claimed, in the order in which they would be dialed; with them, the decision is about these.
            at: the calendar now; needed with `held`.
        """
        candidates = () if at is None else self._candidates(held, at)
        settings = self.learned.settings
        full = self.learned.enrich(replace(snapshot, settings=settings, candidates=candidates))
        # Fixed ratios are what power mode promises: no forecast overrules them, only the brake does.
        return replace(full, forecast=None) if settings.mode is Mode.POWER else full

    def ranked(self, held: Sequence[Claim], at: datetime) -> Sequence[Claim]:
        """The accounts claimed, of equal priority those first of whom more is to be expected for the time they take."""
        order = best_first(self._candidates(held, at), self.learned.forecast)
        return sorted((held[i] for i in order), key=lambda one: -one.priority)

    def _candidates(self, held: Sequence[Claim], at: datetime) -> tuple[Candidate, ...]:
        """The accounts as pacing sees them."""
        sums = recoveries([Owed(one.balance_cents, one.currency) for one in held])
        parties = self.learned.experience.parties
        return tuple(
            Candidate(1, self.chance_of(one, at), sum_ * parties.chance(_party_facts(one)), self._route)
            for one, sum_ in zip(held, sums, strict=True)
        )

    def chance_of(self, held: Claim, at: datetime) -> float:
        """An account's own chance that a person answers, as far as enough is known to tell accounts apart."""
        known = self.learned.experience
        own = known.accounts.chance(self.facts_of(held, at))
        share = (known.answers.seen - ALIKE_UNTIL) / (TOLD_APART_FROM - ALIKE_UNTIL)
        share = min(max(share, 0.0), 1.0)
        return share * own + (1.0 - share) * known.answers.prior

    def facts_of(self, held: Claim, at: datetime) -> AccountFacts:
        """What the chance of an answer depends on. Hours are the person's where their zone is known."""
        since = None if held.last_at is None else (at - held.last_at) / timedelta(hours=1)
        local = at.astimezone(self._zone if held.zone is None else ZoneInfo(held.zone))
        return AccountFacts(
            tries=held.attempts,
            since_last_h=since,
            last=held.last_outcome or "",
            line_type=held.line_type,
            local_hour=local.hour,
            weekday=local.weekday(),
        )

    def decided(self, decision: PacingDecision) -> None:
        """Count what held a decision back, for whoever asks why."""
        self.latest = decision
        for cap in decision.caps[:1]:
            known = self.reasons.get(cap.code)
            self.reasons[cap.code] = Reason(cap.code, 1 + (known.decisions if known else 0), decision.words)

    def figures(self, tallies: tuple[WindowTally, ...]) -> PacingFigures:
        """Where pacing stands now."""
        learned, latest = self.learned, self.latest
        brake = first_braking(tallies)
        return PacingFigures(
            mode=learned.settings.mode if latest is None else latest.mode,
            theta=learned.budget.theta(tallies, len(learned.agents)) if latest is None else latest.theta,
            q=None if latest is None else latest.q,
            answer_p=learned.experience.answers.rate(),
            learned_from=learned.experience.answers.seen,
            calls_left=min((calls_left(tally) for tally in tallies), default=0),
            brake="" if brake is None else brake.name,
            calibration=learned.calibration.ratio(),
            broken=self._broken,
            alarms=self.alarms,
            order=self._order_in_words() if self._order is Order.VALUE else "",
        )

    def _order_in_words(self) -> str:
        parties = self.learned.experience.parties
        return (
            "Of equal priority, accounts come first of whom more is to be expected for the time they take: balance, "
            f"chance to answer, chance of the right person ({parties.overall():.0%} of those who answer, "
            f"{parties.everyone.calls:.0f} conversations known). Each {TURNS}th pass takes everybody as they come"
        )

    def most_frequent(self) -> list[Reason]:
        """What held decisions back, most frequent first."""
        return sorted(self.reasons.values(), key=lambda reason: -reason.decisions)


def calls_left(tally: WindowTally) -> int:
    """Further calls that may be abandoned in a window before its budget is used up."""
    return max(0, math.floor(tally.target * tally.answered + 1e-9) + 1 - tally.abandoned)


def explain(words: str, figures: PacingFigures) -> str:
    """The decision's sentence, then the figures behind it, as sentences."""
    sentences = [words]
    if figures.brake:
        sentences.append(
            f'The budget of abandoned calls of the window "{figures.brake}" is used up, so each line waits for an '
            "agent of its own until enough people have been served"
        )
    elif figures.mode is Mode.PREDICTIVE:
        chance = "" if figures.q is None else f"; the last line considered had {figures.q:.2%}"
        sentences.append(f"A line is dialed while its chance to meet no agent is at most {figures.theta:.2%}{chance}")
    sentences.append(f"{figures.answer_p:.0%} of new dials should reach a person ({figures.learned_from} dials known)")
    if not figures.brake:
        calls = "call" if figures.calls_left == 1 else "calls"
        sentences.append(f"{figures.calls_left} more abandoned {calls} would use up the budget")
    if figures.order:
        sentences.append(figures.order)
    if figures.broken:
        sentences.append(
            f"ALARM: {figures.calibration or 0.0:.1f} times as many calls were abandoned as forecast; the accepted "
            "chance is halved until that is right again"
        )
    return ". ".join(sentences) + "."


def _party_facts(held: Claim) -> PartyFacts:
    return PartyFacts(held.attempts, held.use, held.line_type)


def _teaches_nothing(record: CallRecord) -> bool:
    """Whether the end says nothing of the far end: we let go early, or nobody knows how it ended.

    A line let go because its ring time was over did reach nobody.
    """
    return (record.released_by_us and not record.rang_out) or record.cause is None
