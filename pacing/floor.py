"""The floor as pacing sees it: fed with what happens, it learns and yields snapshots.

One `Pacer` belongs to one campaign. The engine tells it each event with the instant at which it happened and asks for
a snapshot when it wants a decision. Events that come twice, late or about something unknown change nothing and are
counted (`ignored`): a pacing loop never ends over one.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from domain.ids import AgentId, AttemptId
from pacing.answer_model import AccountFacts
from pacing.answer_rate import SURE_FROM
from pacing.budget import START_OF_TARGET, START_RELEASING, Budget
from pacing.calibration import Calibration
from pacing.experience import Experience
from pacing.forecast import Forecast, age_bin, pace_class
from pacing.settings import PacingSettings
from pacing.snapshot import (
    AgentState,
    AgentView,
    Candidate,
    Capacity,
    FloorSnapshot,
    Health,
    LineStage,
    LineView,
    Totals,
    WindowTally,
)
from pacing.surge import LATE_S, Surge

REBUILD_S: Final = 120.0
"""Forecast tables are rebuilt this often once much is known, and oftener before."""
_FIRST_REBUILD_S: Final = 15.0
_COLD_THETA: Final = 2.0 / 3.0
"""Until the answer rate is sure, theta is at most this share of the target."""
_STUCK_S: Final = 90.0
"""A dial without an outcome for so long no longer keeps later ones from being counted."""
_ALARM_ANSWERS: Final = 50
_GONE_KEPT: Final = 10_000
_ORDER: Final = {LineStage.DIALING: 0, LineStage.RINGING: 1, LineStage.ANSWERED: 2, LineStage.WAITING: 3}
_ON_CALL: Final = frozenset({AgentState.TALKING, AgentState.HOLD})


@dataclass(slots=True)
class Pacer:
    """The floor of one campaign and what has been learned on it."""

    settings: PacingSettings
    experience: Experience = field(default_factory=Experience)
    budget: Budget = field(init=False)
    agents: dict[AgentId, AgentView] = field(default_factory=dict)
    lines: dict[AttemptId, LineView] = field(default_factory=dict)
    forecast: Forecast | None = None
    built_at: float = -math.inf
    tallies: tuple[WindowTally, ...] = ()
    talked: dict[AgentId, float] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    predicted: dict[AttemptId, float] = field(default_factory=dict)
    """q of the decisions that lines in flight were dialed on."""
    told: dict[AttemptId, float] = field(default_factory=dict)
    """The chances that accounts of lines still without an outcome came with."""
    facts: dict[AttemptId, AccountFacts] = field(default_factory=dict)
    """What was known of the accounts of these lines."""
    order: OrderedDict[AttemptId, float] = field(default_factory=OrderedDict)
    outcomes: dict[AttemptId, bool] = field(default_factory=dict)
    """Dials in the order in which they were made, with their instants, and outcomes that wait for an earlier dial's."""
    gone: OrderedDict[AttemptId, None] = field(default_factory=OrderedDict)
    """Lines that ended last: an event about one that comes again does not bring it back."""
    left: dict[AgentId, float] = field(default_factory=dict)
    """When each agent who is away left."""
    surge: Surge = field(default_factory=Surge)
    recent: deque[list[float]] = field(default_factory=deque)
    """Minute, live answers and abandoned ones of the last quarter of an hour."""
    ignored: int = 0
    """Events that came twice, out of order or about something unknown."""
    heard_at: float = -math.inf
    """Instant of the newest event."""
    dials: int = 0
    over: int = 0
    live: int = 0
    lost: int = 0
    wrapped: int = 0

    def __post_init__(self) -> None:
        start = START_RELEASING if self.settings.release_ringing else START_OF_TARGET
        self.budget = Budget(self.settings.target, start * self.settings.target)

    # --- agents ---------------------------------------------------------------------------------------------------

    def agent_is(
        self,
        agent: AgentId,
        state: AgentState,
        now: float,
        *,
        leaves_at: float | None = None,
        leaves_after_call: bool = False,
        returns_at: float | None = None,
        skills: frozenset[str] = frozenset(),
    ) -> None:
        """The agent is in `state` since `now`; said again of the same state, only the announcements change.

        Hold is part of the talk: going on or off hold does not restart its time.
        """
        before = self.agents.get(agent)
        since = self.left.get(agent, -math.inf) if before is None else before.since
        if not self._hear(now) or (_is_late(now, since) and (before is None or before.state is not state)):
            self.ignored += 1
            return
        if before is None:
            since, pace = now, 2
        else:
            pace = before.pace
            goes_on = before.state is state or (before.state in _ON_CALL and state in _ON_CALL)
            since = before.since if goes_on else now
            if not goes_on:
                pace = self._learn_span(before, state, now)
        self.agents[agent] = AgentView(agent, state, since, leaves_at, leaves_after_call, returns_at, pace, skills)

    def agent_left(self, agent: AgentId, now: float) -> None:
        """The agent signed out or was lost."""
        before = self.agents.get(agent)
        if not self._hear(now) or before is None or _is_late(now, before.since):
            self.ignored += 1
            return
        self.talked.pop(agent, None)
        del self.agents[agent]
        self.left[agent] = now

    def _learn_span(self, before: AgentView, state: AgentState, now: float) -> int:
        """An agent's state ended: learn its length if it was talk or wrap-up; returns the agent's pace class."""
        length = max(0.0, now - before.since)
        known = self.experience
        if before.state in _ON_CALL:
            known.talk.ended(length)
            self.talked[before.agent] = length
            if state is not AgentState.WRAP_UP:
                known.wrap.ended(0.0)
        elif before.state is AgentState.WRAP_UP:
            self.wrapped += 1
            known.wrap.ended(length)
            known.handled(before.agent, length + self.talked.pop(before.agent, 0.0))
            if self.forecast is not None:
                return pace_class(known.pace(before.agent, self.forecast.handle_s))
        return before.pace

    # --- lines ----------------------------------------------------------------------------------------------------

    def dialed(
        self,
        attempt: AttemptId,
        now: float,
        *,
        answer_p: float | None = None,
        route: str = "",
        reserved_for: AgentId | None = None,
        q: float | None = None,
        facts: AccountFacts | None = None,
    ) -> None:
        """A call was ordered.

        Args:
            attempt: which.
            now: when.
            answer_p: this account's own chance that a person answers; without it, the list's is used.
            route: name of the route.
            reserved_for: the agent kept free for it.
            q: the decision's q, to compare with what comes of the line.
            facts: what is known of the account, to learn from; gives the chance when `answer_p` does not.
        """
        if not self._hear(now) or attempt in self.lines or attempt in self.gone:
            self.ignored += 1
            return
        self.dials += 1
        self.order[attempt] = now
        if q is not None and reserved_for is None:
            self.predicted[attempt] = q
        answers = self.experience.answers
        if facts is not None:
            self.facts[attempt] = facts
            answer_p = self.experience.accounts.chance(facts) if answer_p is None else answer_p
        if answer_p is None or not 0.0 <= answer_p <= 1.0:
            chance = answers.rate()
        else:
            chance = answers.calibrated(answer_p)
            self.told[attempt] = answer_p
        self.lines[attempt] = LineView(attempt, LineStage.DIALING, now, now, chance, route, reserved_for)
        self.surge.dialed(now, chance)

    def rang(self, attempt: AttemptId, now: float) -> None:
        """The far end rings."""
        self._advance(attempt, LineStage.RINGING, now)

    def answered(self, attempt: AttemptId, now: float) -> None:
        """Something answered; detection has begun."""
        line = self._advance(attempt, LineStage.ANSWERED, now)
        if line is not None and self.forecast is not None:
            age = age_bin(now - line.dialed_at)
            odds = float(self.forecast.route(line.route).person[age]) * line.answer_p / max(1.0 - line.answer_p, 1e-6)
            line = replace(line, human_p=odds / (1.0 + odds))
        if line is not None:
            self.lines[attempt] = replace(line, answered_at=now)

    def judged(self, attempt: AttemptId, now: float, *, human: bool) -> None:
        """Detection decided. `human` also when it was not sure: then an agent is needed."""
        if human:
            line = self._advance(attempt, LineStage.WAITING, now)
            if line is not None:
                self.surge.answered(now)
                self._outcome(attempt, now, person=True)
            return
        line = self._drop(attempt, now)
        if line is not None:
            self.over += 1
            self._outcome(attempt, now, person=False)
            for rings in self.experience.ring_times(line.route):
                rings.machine((now if line.answered_at is None else line.answered_at) - line.dialed_at)

    def served(self, attempt: AttemptId, now: float) -> None:
        """The person was joined to an agent. The agent's own change of state is told by `agent_is`."""
        self._live_answer(attempt, now, abandoned=False)

    def abandoned(self, attempt: AttemptId, now: float) -> None:
        """The person met no agent in time (or was taken for a machine)."""
        self._live_answer(attempt, now, abandoned=True)

    def ended(self, attempt: AttemptId, now: float, *, released: bool = False) -> None:
        """The line is gone and nobody is counted for it: no answer, busy, failed, hung up first, or released by us."""
        line = self._drop(attempt, now)
        if line is None:
            return
        self.over += 1
        if line.stage is LineStage.WAITING:  # how the dial came out is known already
            return
        if not released:
            self._outcome(attempt, now, person=False)
        for rings in self.experience.ring_times(line.route):
            (rings.released if released else rings.nobody)(now - line.dialed_at)

    def reconcile(self, live: Iterable[AttemptId]) -> None:
        """Forget every line that the switch no longer has."""
        keep = set(live)
        self.lines = {attempt: line for attempt, line in self.lines.items() if attempt in keep}
        for notes in (self.told, self.facts, self.predicted, self.outcomes):
            for attempt in notes.keys() - keep:
                del notes[attempt]

    def _live_answer(self, attempt: AttemptId, now: float, *, abandoned: bool) -> None:
        q = self.predicted.get(attempt)
        line = self._drop(attempt, now)
        if line is None:
            return
        self.over += 1
        self.live += 1
        self.lost += abandoned
        self._count_recent(now, abandoned=abandoned)
        if q is not None:
            self.calibration.answered(q, abandoned=abandoned)
        if line.stage is not LineStage.WAITING:
            self._outcome(attempt, now, person=True)
        answered_at = line.since if line.answered_at is None else line.answered_at
        needed_at = line.since if line.stage is LineStage.WAITING else now
        for rings in self.experience.ring_times(line.route):
            rings.person(answered_at - line.dialed_at, needed_at - answered_at)
        self.budget.answered(abandoned=abandoned, tallies=self.tallies, agents=len(self.agents), now=now)

    def _count_recent(self, now: float, *, abandoned: bool) -> None:
        minute = now // 60.0
        if not self.recent or self.recent[-1][0] != minute:
            self.recent.append([minute, 0.0, 0.0])
        self.recent[-1][1] += 1.0
        self.recent[-1][2] += abandoned

    def _alarm(self, now: float) -> tuple[WindowTally, ...]:
        """A window that binds when the last quarter of an hour surely abandoned more than twice the target."""
        while self.recent and self.recent[0][0] < now // 60.0 - 14.0:
            self.recent.popleft()
        answered, abandoned = sum(one[1] for one in self.recent), sum(one[2] for one in self.recent)
        twice = 2.0 * self.settings.target
        sure = abandoned - twice * answered > 1.64 * math.sqrt(twice * (1.0 - twice) * answered)
        if answered < _ALARM_ANSWERS or not sure:
            return ()
        return (WindowTally("last 15 minutes", twice, int(answered), int(abandoned)),)

    def _outcome(self, attempt: AttemptId, now: float, *, person: bool) -> None:
        """Note how a dial came out, and count outcomes in the order of dialing.

        Persons answer sooner than the others ring out: counted as they come, the first outcomes of a burst would all
        be persons and the last none.
        """
        if attempt not in self.order:  # given up as stuck
            return
        self.outcomes[attempt] = person
        while self.order:
            first, dialed_at = next(iter(self.order.items()))
            if first not in self.outcomes and first in self.lines and now - dialed_at < _STUCK_S:
                break
            self.order.popitem(last=False)
            told, facts, came = self.told.pop(first, None), self.facts.pop(first, None), self.outcomes.pop(first, None)
            if came is None:
                continue
            self.experience.answers.outcome(came, now, told)
            if facts is not None:
                self.experience.accounts.learn(facts, person=came)

    def _advance(self, attempt: AttemptId, stage: LineStage, now: float) -> LineView | None:
        line = self.lines.get(attempt)
        if not self._hear(now) or line is None or _ORDER[line.stage] >= _ORDER[stage]:
            self.ignored += 1
            return None
        line = replace(line, stage=stage, since=now)
        self.lines[attempt] = line
        return line

    def _drop(self, attempt: AttemptId, now: float) -> LineView | None:
        line = self.lines.pop(attempt, None) if self._hear(now) else None
        if line is None:
            self.ignored += 1
            return None
        self.predicted.pop(attempt, None)
        self.gone[attempt] = None
        if len(self.gone) > _GONE_KEPT:
            self.gone.popitem(last=False)
        return line

    def _hear(self, now: float) -> bool:
        """Take note that something happened; False for an instant that cannot be."""
        if not math.isfinite(now):
            return False
        self.heard_at = max(self.heard_at, now)
        return True

    # --- the picture ----------------------------------------------------------------------------------------------

    def snapshot(
        self,
        now: float,
        *,
        tallies: tuple[WindowTally, ...],
        capacity: Capacity,
        health: Health,
        candidates: tuple[Candidate, ...] = (),
        inbound_waiting: int = 0,
        inbound_per_s: float = 0.0,
    ) -> FloorSnapshot:
        """The floor now. Windows and limits are the caller's: they live in the ledger and on the trunks."""
        bare = FloorSnapshot(
            now=now,
            settings=self.settings,
            agents=tuple(self.agents.values()),
            lines=tuple(self.lines.values()),
            tallies=tallies,
            capacity=capacity,
            health=health,
            candidates=candidates,
            inbound_waiting=inbound_waiting,
            inbound_per_s=inbound_per_s,
        )
        return self._with_forecast(bare)

    def enrich(self, snapshot: FloorSnapshot) -> FloorSnapshot:
        """Complete a snapshot the caller made of its own truth about agents and lines with all that was learned.

        Lines and agents keep their states and times; they get their chances and speeds from here, when they are known.
        """
        lines = tuple([_with_known(line, self.lines.get(line.attempt)) for line in snapshot.lines])
        agents = tuple(
            agent
            if (seen := self.agents.get(agent.agent)) is None or seen.pace == agent.pace
            else replace(agent, pace=seen.pace)
            for agent in snapshot.agents
        )
        return self._with_forecast(replace(snapshot, lines=lines, agents=agents))

    def _with_forecast(self, snapshot: FloorSnapshot) -> FloorSnapshot:
        """Theta, the tables and the answer rate as of the snapshot's instant; nothing, if that cannot be."""
        if not math.isfinite(snapshot.now):
            return snapshot
        self.tallies = snapshot.tallies
        self.rebuild(snapshot.now)
        answers = self.experience.answers
        cold = answers.seen < SURE_FROM
        theta = self.budget.theta(snapshot.tallies, len(self.agents))
        theta = min(theta, _COLD_THETA * self.settings.target) if cold else theta
        rosy = self.calibration.broken() and (self.calibration.ratio() or 0.0) > 1.0
        theta = theta / 2 if rosy else theta
        candidates = tuple(replace(one, answer_p=answers.calibrated(one.answer_p)) for one in snapshot.candidates)
        return replace(
            snapshot,
            tallies=(*snapshot.tallies, *self._alarm(snapshot.now)),
            theta=theta,
            forecast=self.forecast,
            candidates=candidates,
            answer_p=answers.rate(),
            answer_p_high=answers.upper(),
            dials_known=min(answers.seen, SURE_FROM),
            surge=self.surge.look(snapshot.now),
            totals=Totals(self.dials, self.over, self.live, self.lost, self.wrapped),
        )

    def rebuild(self, now: float) -> None:
        """Make new forecast tables when the present ones are due; a few milliseconds."""
        age = now - self.built_at
        known = self.experience.answers.seen
        due = _FIRST_REBUILD_S if known < SURE_FROM else REBUILD_S
        if 0.0 <= age < due:
            return
        spans = {AgentState.TALKING: list[float](), AgentState.WRAP_UP: list[float]()}
        for agent in self.agents.values():
            state = AgentState.TALKING if agent.state in _ON_CALL else agent.state
            if state in spans:
                spans[state].append(now - agent.since)
        ringing: dict[str, list[float]] = {}
        for line in self.lines.values():
            if line.stage in {LineStage.DIALING, LineStage.RINGING}:
                ringing.setdefault(line.route, []).append(now - line.dialed_at)
        version = 1 if self.forecast is None else self.forecast.version + 1
        talking, wrapping = spans[AgentState.TALKING], spans[AgentState.WRAP_UP]
        self.forecast = self.experience.forecast(version, self.settings, talking, wrapping, ringing)
        self.surge.expect(self.forecast.route(""), self.experience.rings[""].verdict_s)
        self.built_at = now


def _is_late(now: float, since: float) -> bool:
    """Whether something was overtaken by what is known already; much earlier, and the clock was put back."""
    return since - LATE_S <= now < since


def _with_known(line: LineView, known: LineView | None) -> LineView:
    """The line with what was learned of it; the same object when it has that already, as most have."""
    if known is None or (
        line.answer_p == known.answer_p and line.human_p == known.human_p and line.answered_at == known.answered_at
    ):
        return line
    return replace(line, answer_p=known.answer_p, human_p=known.human_p, answered_at=known.answered_at)
