"""The simulated floor: agents, lines and accounts as a workload describes them, driven by a policy's decisions.

Event by event in continuous time. What happens is told to the same `Pacer` the engine uses, and the policy sees only
the snapshots it yields; how a call will go is drawn here and stays here.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from random import Random
from typing import Any, Final

from domain.ids import AgentId, AttemptId
from domain.mode import Mode
from pacing.decision import PacingDecision
from pacing.floor import Pacer
from pacing.simulation.measure import Measure
from pacing.simulation.policy import Policy
from pacing.simulation.workload import DAY_S, Workload
from pacing.snapshot import AgentState, Candidate, Capacity, FloorSnapshot, Health, LineStage, WindowTally

Watcher = Callable[[FloorSnapshot, PacingDecision], None]
Stopwatch = Callable[[], float]

_CAPACITY: Final = Capacity()
_HEALTH: Final = Health()
_KNOWN_AHEAD: Final = 24
"""How many accounts the policy is told about in advance when their chances are known."""


class Event(IntEnum):
    """What can happen, in the order in which simultaneous events are handled."""

    STAFF = 0
    ANSWER = 1
    NOBODY = 2
    VERDICT = 3
    RING = 4
    TALK_END = 5
    WRAP_END = 6
    PAUSE = 7
    PAUSE_END = 8
    DEADLINE = 9
    TICK = 10


@dataclass(slots=True)
class Line:
    """One dial, with the fate it was born with."""

    attempt: AttemptId
    person: bool
    kind: str
    reserved: Agent | None
    over: bool = False
    dialed_at: float = 0.0


@dataclass(slots=True)
class Agent:
    """One agent at work.

    Attributes:
        turn: counts spells of readiness, so that an entry of the idle queue from an earlier spell is seen to be old.
    """

    id: AgentId
    state: AgentState
    since: float
    turn: int = 0
    leaving: bool = False
    pause_due: bool = False
    call: int = 0


@dataclass(slots=True)
class World:
    """A floor under one policy. `run()` plays the whole workload and returns what was measured."""

    workload: Workload
    policy: Policy
    seed: int
    watcher: Watcher | None = None
    stopwatch: Stopwatch | None = None
    now: float = 0.0
    heap: list[tuple[float, int, int, Any, int]] = field(default_factory=list)
    sequence: int = 0
    agents: dict[AgentId, Agent] = field(default_factory=dict)
    idle: deque[tuple[Agent, int]] = field(default_factory=deque)
    waiting: deque[Line] = field(default_factory=deque)
    flying: dict[AttemptId, Line] = field(default_factory=dict)
    day_answered: int = 0
    day_abandoned: int = 0
    day: int = 0
    hired: int = 0
    dialed: int = 0

    def __post_init__(self) -> None:
        base = Random(f"{self.seed}/{self.workload.name}")
        self._lines, self._talks, self._wraps, self._rest = (Random(base.getrandbits(64)) for _ in range(4))
        load = self.workload
        self._ring, self._talk, self._wrap = load.ring_human.sampler(), load.talk.sampler(), load.wrap.sampler()
        self._others = [(other.kind, other.share, other.after.sampler()) for other in load.other]
        self._relative = deque[float]()
        # The target belongs to the floor, as a campaign's does: whatever the policy, this is what it is held to.
        self.pacer = Pacer(replace(self.policy.settings, target=load.target))
        self.measure = Measure(load.warm_up_s, load.length_s)

    _lines: Random = field(init=False)
    _talks: Random = field(init=False)
    _wraps: Random = field(init=False)
    _rest: Random = field(init=False)
    _ring: Callable[[Random], float] = field(init=False)
    _talk: Callable[[Random], float] = field(init=False)
    _wrap: Callable[[Random], float] = field(init=False)
    _others: list[tuple[str, float, Callable[[Random], float]]] = field(init=False)
    _relative: deque[float] = field(init=False)
    pacer: Pacer = field(init=False)
    measure: Measure = field(init=False)

    # --- the loop -------------------------------------------------------------------------------------------------

    def run(self) -> Measure:
        """Play the workload to its end."""
        for index, step in enumerate(self.workload.agents):
            self._at(step.from_s, Event.STAFF, None, index)
        self._at(0.0, Event.TICK, None)
        end = self.workload.length_s
        handlers = (
            self._staff, self._answer, self._nobody, self._verdict, self._ringing, self._talk_end,
            self._wrap_end, self._pause, self._pause_end, self._deadline, self._tick,
        )  # fmt: skip
        while self.heap:
            t, kind, _, subject, mark = heapq.heappop(self.heap)
            if t > end:
                break
            self.now = t
            handlers[kind](subject, mark)
        self.now = end
        for agent in self.agents.values():
            self.measure.span(agent.state, agent.since, end)
        return self.measure

    def _at(self, t: float, kind: Event, subject: object, mark: int = 0) -> None:
        self.sequence += 1
        heapq.heappush(self.heap, (t, int(kind), self.sequence, subject, mark))

    # --- deciding -------------------------------------------------------------------------------------------------

    def _tick(self, _subject: object, _mark: int) -> None:
        self._at(self.now + self.policy.tick_s, Event.TICK, None)
        self._decide()

    def _prompt(self) -> None:
        """An event the policy may want to act on at once."""
        if len(self.agents) <= self.policy.events_up_to:
            self._decide()

    def _decide(self) -> None:
        self._roll_day()
        snapshot = self.pacer.snapshot(
            self.now, tallies=self._tallies(), capacity=_CAPACITY, health=_HEALTH, candidates=self._candidates()
        )
        if self.policy.settings.mode is Mode.POWER:
            # As in the engine: a fixed ratio is what this mode promises, and no forecast overrules it.
            snapshot = replace(snapshot, forecast=None)
        if self.stopwatch is None:
            decision = self.policy.decide(snapshot)
        else:
            began = self.stopwatch()
            decision = self.policy.decide(snapshot)
            self.measure.decided(self.stopwatch() - began)
        if self.watcher is not None:
            self.watcher(snapshot, decision)
        for attempt in decision.release:
            self._release(attempt)
        for _ in range(decision.lines_to_add):
            if not self._dial(reserve=decision.reserve, q=decision.q):
                break

    def _roll_day(self) -> None:
        """Days are the 8-hour blocks after the warm-up, which is a block of its own (-1): those the answer reports."""
        day = int((self.now - self.workload.warm_up_s) // DAY_S) if self.now >= self.workload.warm_up_s else -1
        if day != self.day:
            self.day, self.day_answered, self.day_abandoned = day, 0, 0

    def _tallies(self) -> tuple[WindowTally, ...]:
        load = self.workload
        if load.window == "none":
            return ()
        left = min(load.warm_up_s + DAY_S * (self.day + 1), load.length_s) - self.now
        binds = load.window == "day_law"
        return (WindowTally("day", load.target, self.day_answered, self.day_abandoned, binds, left),)

    def _candidates(self) -> tuple[Candidate, ...]:
        accounts = self.workload.accounts
        if accounts is None or not accounts.known:
            return ()
        while len(self._relative) < _KNOWN_AHEAD:
            self._relative.append(self._draw_relative())
        return tuple(Candidate(1, min(self.workload.answer.p * relative, 0.95)) for relative in self._relative)

    def _draw_relative(self) -> float:
        """One account's chance to answer as a multiple of the mean."""
        accounts = self.workload.accounts
        if accounts is None:
            return 1.0
        mean = sum(p * w for p, w in zip(accounts.p_values, accounts.weights, strict=True)) / sum(accounts.weights)
        return self._lines.choices(accounts.p_values, accounts.weights)[0] / mean

    # --- lines ----------------------------------------------------------------------------------------------------

    def _dial(self, *, reserve: bool, q: float | None) -> bool:
        agent = None
        if reserve:
            agent = self._next_idle()
            if agent is None:
                return False
            self._agent_to(agent, AgentState.RESERVED)
        load, random, now = self.workload, self._lines, self.now
        known = load.accounts is not None and load.accounts.known
        relative = self._relative.popleft() if self._relative else self._draw_relative()
        chance = min(load.answer.at(now) * relative, 0.95)
        self.dialed += 1
        line = Line(AttemptId(f"{self.dialed:032x}"), random.random() < chance, "", agent, dialed_at=now)
        self.flying[line.attempt] = line
        self.measure.line_out(now)
        told = min(load.answer.p * relative, 0.95) if known else None
        self.pacer.dialed(line.attempt, now, answer_p=told, reserved_for=None if agent is None else agent.id, q=q)
        delay = load.post_dial_delay_s
        if delay > 0.0:
            self._at(now + delay, Event.RING, line)
        else:
            self.pacer.rang(line.attempt, now)
        if line.person:
            line.kind = "person"
            self._at(now + delay + self._ring(random), Event.ANSWER, line)
            return True
        kind, after = self._fate(random.random())
        line.kind = kind
        self._at(now + delay + after(random), Event.ANSWER if kind == "machine" else Event.NOBODY, line)
        return True

    def _fate(self, u: float) -> tuple[str, Callable[[Random], float]]:
        """How a dial that reaches no person ends."""
        for kind, share, after in self._others:
            u -= share
            if u < 0.0:
                return kind, after
        return self._others[-1][0], self._others[-1][2]

    def _ringing(self, line: Line, _mark: int) -> None:
        if not line.over:
            self.pacer.rang(line.attempt, self.now)

    def _answer(self, line: Line, _mark: int) -> None:
        if not line.over:
            self.pacer.answered(line.attempt, self.now)
            self._at(self.now + self.workload.amd_s + self.workload.verdict_lag_s, Event.VERDICT, line)

    def _nobody(self, line: Line, _mark: int) -> None:
        if not line.over:
            self.pacer.ended(line.attempt, self.now)
            self._line_over(line)

    def _verdict(self, line: Line, _mark: int) -> None:
        if line.over:
            return
        if not line.person:
            self.pacer.judged(line.attempt, self.now, human=False)
            self._line_over(line)
            return
        if self.workload.human_as_machine > 0.0 and self._rest.random() < self.workload.human_as_machine:
            self._abandon(line)
            return
        self.pacer.judged(line.attempt, self.now, human=True)
        if self.workload.verdict_lag_s > self.workload.grace_s:
            self._abandon(line)  # known to be a person too late, whoever is free
            return
        kept = line.reserved is not None and self._is_kept(line.reserved)
        agent = line.reserved if kept else self._next_idle()
        if agent is not None:
            self._serve(line, agent)
            return
        self.waiting.append(line)
        self._at(self.now + (self.workload.grace_s - self.workload.verdict_lag_s), Event.DEADLINE, line)

    def _deadline(self, line: Line, _mark: int) -> None:
        if line.over:
            return
        self.waiting.remove(line)
        self._abandon(line)

    def _abandon(self, line: Line) -> None:
        self.pacer.abandoned(line.attempt, self.now)
        self._count_answer(abandoned=True)
        self._line_over(line)

    def _release(self, attempt: AttemptId) -> None:
        """Give a line up, if it may be: what a policy says of an answered or a young one changes nothing."""
        line = self.flying.get(attempt)
        if line is not None and not line.over and self._may_be_released(attempt):
            self.pacer.ended(attempt, self.now, released=True)
            self.measure.released += 1
            self._line_over(line, prompt=False)

    def _may_be_released(self, attempt: AttemptId) -> bool:
        """Whether the line rings and has rung for as long as the law asks."""
        seen = self.pacer.lines[attempt]
        return seen.stage is LineStage.RINGING and seen.since <= self.now - self.pacer.settings.min_ring_s

    def _line_over(self, line: Line, *, prompt: bool = True) -> None:
        """A line ends without an agent; one reserved for it is ready again."""
        line.over = True
        del self.flying[line.attempt]
        self.measure.line_in(self.now)
        if line.reserved is not None and self._is_kept(line.reserved):
            self._ready(line.reserved)
        elif prompt:
            self._prompt()

    def _is_kept(self, agent: Agent) -> bool:
        """Whether the agent a line was reserved for is still there for it."""
        return agent.state is AgentState.RESERVED and agent.id in self.agents

    def _count_answer(self, *, abandoned: bool) -> None:
        self._roll_day()
        self.day_answered += 1
        self.day_abandoned += abandoned
        self.measure.answer(self.now, abandoned=abandoned)

    # --- agents ---------------------------------------------------------------------------------------------------

    def _agent_to(self, agent: Agent, state: AgentState) -> None:
        self.measure.span(agent.state, agent.since, self.now)
        agent.state, agent.since = state, self.now
        self.pacer.agent_is(agent.id, state, self.now, leaves_after_call=agent.leaving)

    def _next_idle(self) -> Agent | None:
        while self.idle:
            agent, turn = self.idle[0]
            if agent.turn == turn and agent.state is AgentState.READY and agent.id in self.agents:
                return agent
            self.idle.popleft()
        return None

    def _serve(self, line: Line, agent: Agent) -> None:
        line.over = True
        del self.flying[line.attempt]
        self.measure.line_in(self.now)
        self.pacer.served(line.attempt, self.now)
        self._count_answer(abandoned=False)
        agent.call += 1
        self._agent_to(agent, AgentState.TALKING)
        self._at(self.now + self._talk(self._talks), Event.TALK_END, agent, agent.call)

    def _talk_end(self, agent: Agent, call: int) -> None:
        if agent.call != call or agent.id not in self.agents:
            return
        self._agent_to(agent, AgentState.WRAP_UP)
        self._at(self.now + self._wrap(self._wraps), Event.WRAP_END, agent, call)
        self._prompt()

    def _wrap_end(self, agent: Agent, call: int) -> None:
        if agent.call == call and agent.id in self.agents:
            self._ready(agent)

    def _ready(self, agent: Agent) -> None:
        """The agent is free: leaves, pauses, takes who waits longest, or waits."""
        if agent.leaving:
            self._sign_out(agent)
            return
        if agent.pause_due:
            agent.pause_due = False
            self._agent_to(agent, AgentState.PAUSED)
            self._at(self.now + self._rest.expovariate(1.0 / max(self.workload.pause_mean_s, 1e-6)),
                     Event.PAUSE_END, agent)  # fmt: skip
            self._prompt()
            return
        agent.turn += 1
        self._agent_to(agent, AgentState.READY)
        while self.waiting:
            line = self.waiting.popleft()
            if not line.over:
                self._serve(line, agent)
                return
        self.idle.append((agent, agent.turn))
        self._prompt()

    def _pause(self, agent: Agent, _mark: int) -> None:
        if agent.id not in self.agents:
            return
        self._next_pause(agent)
        if agent.state is AgentState.PAUSED:
            return
        agent.pause_due = True
        if agent.state is AgentState.READY:
            self._ready(agent)

    def _pause_end(self, agent: Agent, _mark: int) -> None:
        if agent.id in self.agents:
            self._ready(agent)

    def _next_pause(self, agent: Agent) -> None:
        rate = self.workload.pauses_per_agent_hour / 3600.0
        if rate > 0.0:
            self._at(self.now + self._rest.expovariate(rate), Event.PAUSE, agent)

    def _sign_out(self, agent: Agent) -> None:
        self.measure.span(agent.state, agent.since, self.now)
        del self.agents[agent.id]
        self.pacer.agent_left(agent.id, self.now)
        self.measure.staff(self.now, len(self.agents))
        self._prompt()

    def _staff(self, _subject: object, index: int) -> None:
        """The schedule changes: agents sign in, or leave (after their call, or at once)."""
        step = self.workload.agents[index]
        staying = [agent for agent in self.agents.values() if not agent.leaving]
        surplus = len(staying) - int(step.value)
        for agent in staying[-surplus:] if surplus > 0 else []:
            agent.leaving = True
            if step.now or agent.state in {AgentState.READY, AgentState.PAUSED}:
                agent.call += 1  # what was to end this call no longer happens
                self._sign_out(agent)
            else:
                self.pacer.agent_is(agent.id, agent.state, self.now, leaves_after_call=True)
        for _ in range(-surplus):
            self.hired += 1
            agent = Agent(AgentId(f"agent-{self.hired}"), AgentState.READY, self.now)
            self.agents[agent.id] = agent
            self.measure.staff(self.now, len(self.agents))
            self._next_pause(agent)
            self._ready(agent)
