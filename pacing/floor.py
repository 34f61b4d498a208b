"""The floor as pacing sees it: fed with what happens, it yields snapshots.

One `Pacer` belongs to one campaign. The engine tells it each event with the instant at which it happened and asks for
a snapshot when it wants a decision. Events that come twice, late or about something unknown change nothing and are
counted (`ignored`): a pacing loop never ends over one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from domain.ids import AgentId, AttemptId
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
    WindowTally,
)

_ORDER: Final = {LineStage.DIALING: 0, LineStage.RINGING: 1, LineStage.ANSWERED: 2, LineStage.WAITING: 3}


@dataclass(slots=True)
class Pacer:
    """The floor of one campaign and what has been learned on it."""

    settings: PacingSettings
    agents: dict[AgentId, AgentView] = field(default_factory=dict)
    lines: dict[AttemptId, LineView] = field(default_factory=dict)
    theta: float = 0.0
    ignored: int = 0
    """Events that came twice, out of order or about something unknown."""
    heard_at: float = float("-inf")
    """Instant of the newest event."""

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
        """The agent is in `state` since `now` (or, said again of the same state, has other announcements)."""
        before = self.agents.get(agent)
        same = before is not None and before.state is state
        since = before.since if before is not None and same else now
        self.agents[agent] = AgentView(agent, state, since, leaves_at, leaves_after_call, returns_at, 1.0, skills)

    def agent_left(self, agent: AgentId, now: float) -> None:
        """The agent signed out or was lost."""
        self.heard_at = max(self.heard_at, now)
        if self.agents.pop(agent, None) is None:
            self.ignored += 1

    # --- lines ----------------------------------------------------------------------------------------------------

    def dialed(
        self, attempt: AttemptId, now: float, *, answer_p: float, route: str = "", reserved_for: AgentId | None = None
    ) -> None:
        """A call was ordered."""
        if attempt in self.lines:
            self.ignored += 1
            return
        self.lines[attempt] = LineView(attempt, LineStage.DIALING, now, now, answer_p, route, reserved_for)

    def rang(self, attempt: AttemptId, now: float) -> None:
        """The far end rings."""
        self._advance(attempt, LineStage.RINGING, now)

    def answered(self, attempt: AttemptId, now: float) -> None:
        """Something answered; detection has begun."""
        self._advance(attempt, LineStage.ANSWERED, now)

    def judged(self, attempt: AttemptId, now: float, *, human: bool) -> None:
        """Detection decided. `human` also when it was not sure: then an agent is needed."""
        if human:
            self._advance(attempt, LineStage.WAITING, now)
        else:
            self._drop(attempt, now)

    def served(self, attempt: AttemptId, now: float) -> None:
        """The person was joined to an agent. The agent's own change of state is told by `agent_is`."""
        self._drop(attempt, now)

    def abandoned(self, attempt: AttemptId, now: float) -> None:
        """The person met no agent in time (or was taken for a machine)."""
        self._drop(attempt, now)

    def ended(self, attempt: AttemptId, now: float) -> None:
        """The line is gone without a person: no answer, busy, failed, released, or the person hung up first."""
        self._drop(attempt, now)

    def reconcile(self, live: Iterable[AttemptId]) -> None:
        """Forget every line that the switch no longer has."""
        keep = set(live)
        self.lines = {attempt: line for attempt, line in self.lines.items() if attempt in keep}

    def _advance(self, attempt: AttemptId, stage: LineStage, now: float) -> None:
        self.heard_at = max(self.heard_at, now)
        line = self.lines.get(attempt)
        if line is None or _ORDER[line.stage] >= _ORDER[stage]:
            self.ignored += 1
            return
        self.lines[attempt] = replace(line, stage=stage, since=now)

    def _drop(self, attempt: AttemptId, now: float) -> None:
        self.heard_at = max(self.heard_at, now)
        if self.lines.pop(attempt, None) is None:
            self.ignored += 1

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
        return FloorSnapshot(
            now=now,
            settings=self.settings,
            agents=tuple(self.agents.values()),
            lines=tuple(self.lines.values()),
            tallies=tallies,
            capacity=capacity,
            health=health,
            theta=self.theta,
            candidates=candidates,
            inbound_waiting=inbound_waiting,
            inbound_per_s=inbound_per_s,
        )
