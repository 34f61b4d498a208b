"""Every agent's state, in one place: each change goes through the table of `lifecycle`; what follows is done here.

That is: a leg that is no longer the agent's is dropped, timers are set, the interval is written, listeners are
told, and whoever waits for an agent is served.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from agent_gateway import agent as happened
from agent_gateway.agent import Agent, AgentEvent, AgentState
from agent_gateway.disposition import Recorded
from agent_gateway.floor_events import (
    AgentChanged,
    CallTerms,
    Disposed,
    FloorEvent,
    FloorJournal,
    PreviewEnd,
    PreviewEnded,
    StateInterval,
)
from agent_gateway.keypad import Keypad
from agent_gateway.lifecycle import Refusal, Refused, apply
from domain.clock import Clock
from domain.ids import AgentId, AttemptId, LegId

_log = structlog.get_logger(__name__)
_PREVIEW_ENDS: Final[dict[type[AgentEvent], PreviewEnd]] = {
    happened.Confirm: PreviewEnd.DIAL,
    happened.Skip: PreviewEnd.SKIP,
    happened.PreviewTimeout: PreviewEnd.MISSED,
    happened.Release: PreviewEnd.WITHDRAWN,
}
"""Any other event that ends a preview is the agent's leaving."""


@dataclass(slots=True)
class Seat:
    """What the floor keeps about one agent beside the agent itself."""

    agent: Agent
    began: datetime
    keypad: Keypad = field(default_factory=Keypad)
    state_timer: asyncio.TimerHandle | None = None
    """Ends a preview or a wrap-up that takes too long."""
    leg_timer: asyncio.TimerHandle | None = None


class Seats:
    """The agents.

    Args:
        drop: hangs up a leg that its agent no longer has.
        came_free: called whenever an agent has become available.

    Attributes:
        refusals: events the table did not allow, counted.
    """

    def __init__(
        self,
        clock: Clock,
        journal: FloorJournal,
        drop: Callable[[AgentId, LegId], None],
        came_free: Callable[[], None],
    ) -> None:
        self.refusals: Counter[tuple[AgentState, str, Refusal]] = Counter()
        self._clock = clock
        self._journal = journal
        self._drop = drop
        self._came_free = came_free
        self._seats: dict[AgentId, Seat] = {}
        self._terms: dict[AttemptId, CallTerms] = {}
        self._listeners: list[asyncio.Queue[FloorEvent]] = []

    def __iter__(self) -> Iterator[Seat]:
        return iter(tuple(self._seats.values()))

    def __contains__(self, agent: AgentId) -> bool:
        return agent in self._seats

    def __getitem__(self, agent: AgentId) -> Seat:
        return self._seats[agent]

    def agent(self, agent: AgentId) -> Agent:
        """The agent as of now; offline if never seen."""
        seat = self._seats.get(agent)
        return Agent(id=agent) if seat is None else seat.agent

    def agent_of(self, attempt: AttemptId) -> Agent | None:
        """Who is reserved for, in or wrapping up this call."""
        return next((seat.agent for seat in self._seats.values() if seat.agent.attempt == attempt), None)

    def of_leg(self, leg: LegId) -> Seat | None:
        """Whose leg this is."""
        return next((seat for seat in self._seats.values() if seat.agent.leg == leg), None)

    def enrol(self, agent: AgentId, skills: frozenset[str]) -> None:
        """Make an agent known."""
        if agent not in self._seats:
            self._seats[agent] = Seat(Agent(id=agent, skills=skills), self._clock.now())

    def terms_of(self, attempt: AttemptId) -> CallTerms:
        """What the call asked for when its agent was taken; the defaults for a call adopted after a restart."""
        return self._terms.get(attempt) or CallTerms()

    def take(self, agent: AgentId, terms: CallTerms, event: happened.Reserve | happened.Offer) -> Agent:
        """Give a call to an agent who was found free for it.

        Raises:
            TypeError: the table does not let the agent go: a defect, not a race.
        """
        self._terms[event.attempt] = terms
        answer = self.apply(agent, event)
        if isinstance(answer, Refused):
            raise TypeError(f"{answer.event} refused in {answer.state}; matching and the agent table disagree")
        return answer

    def apply(self, agent: AgentId, event: AgentEvent) -> Agent | Refused:
        """Let something happen to an agent, if the table allows it now; a refusal is logged and counted."""
        seat = self._seats.get(agent)
        if seat is None:
            return self.refused(Agent(id=agent), type(event).__name__)
        before = seat.agent
        after = apply(before, event, self._clock.monotonic())
        if isinstance(after, Refused):
            return self._count(before, after)
        if after != before:
            seat.agent = after
            self._follow(seat, before, event)
        return seat.agent

    def finish(
        self, agent: AgentId, attempt: AttemptId, event: happened.Dispose | happened.WrapTimeout, recorded: Recorded
    ) -> Agent | Refused:
        """End a wrap-up, with what was recorded of the call."""
        answer = self.apply(agent, event)
        if isinstance(answer, Agent):
            self.tell(Disposed(attempt, agent, recorded))
        return answer

    def refused(self, agent: Agent, event: str) -> Refused:
        """The answer to something that makes no sense now."""
        return self._count(agent, Refused(agent.state, event, Refusal.UNEXPECTED))

    def subscribe(self) -> asyncio.Queue[FloorEvent]:
        """A queue that gets every floor event from now on, in order."""
        queue: asyncio.Queue[FloorEvent] = asyncio.Queue()
        self._listeners.append(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[FloorEvent]) -> None:
        """No more events for this queue."""
        self._listeners.remove(queue)

    def tell(self, event: FloorEvent) -> None:
        """Tell every listener."""
        for queue in self._listeners:
            queue.put_nowait(event)

    def close(self) -> None:
        """No timer goes off any more."""
        for seat in self._seats.values():
            cancel(seat.state_timer)
            cancel(seat.leg_timer)

    def _follow(self, seat: Seat, before: Agent, event: AgentEvent) -> None:
        after = seat.agent
        if (before.state, before.reason) != (after.state, after.reason):
            self._write_interval(seat, before)
        if before.attempt is not None and before.attempt != after.attempt:
            self._terms.pop(before.attempt, None)
        if before.leg is not None and after.leg is None and not isinstance(event, happened.LegLost):
            self._drop(after.id, before.leg)
        self._set_timers(seat, before)
        self.tell(AgentChanged(before, after))
        if before.state is AgentState.PREVIEW and after.state is not before.state and before.attempt is not None:
            reason = event.reason if isinstance(event, happened.Skip) else None
            how = _PREVIEW_ENDS.get(type(event), PreviewEnd.LEFT)
            self.tell(PreviewEnded(before.attempt, after.id, how, reason))
        if after.is_available:
            self._came_free()

    def _set_timers(self, seat: Seat, before: Agent) -> None:
        after = seat.agent
        if after.leg_up or after.leg is None:
            cancel(seat.leg_timer)
        if after.state is before.state:
            return
        cancel(seat.state_timer)
        if after.attempt is None:
            return
        later, terms = asyncio.get_running_loop().call_later, self.terms_of(after.attempt)
        if after.state is AgentState.WRAP_UP:
            nothing, over = Recorded(disposition=None), happened.WrapTimeout(after.attempt)
            seat.state_timer = later(terms.wrap_up_s, self.finish, after.id, after.attempt, over, nothing)
        elif after.state is AgentState.PREVIEW:
            missed = happened.PreviewTimeout(after.attempt)
            seat.state_timer = later(terms.preview_s, self.apply, after.id, missed)

    def _write_interval(self, seat: Seat, before: Agent) -> None:
        now = self._clock.now()
        if before.is_signed_in:
            self._journal.interval(
                StateInterval(before.id, before.state, before.reason, before.attempt, seat.began, now)
            )
        seat.began = now

    def _count(self, agent: Agent, refused: Refused) -> Refused:
        self.refusals[refused.state, refused.event, refused.why] += 1
        _log.info("agent event refused", agent=agent.id, state=refused.state, event_kind=refused.event, why=refused.why)
        return refused


def cancel(timer: asyncio.TimerHandle | None) -> None:
    """Stop a timer, if there is one."""
    if timer is not None:
        timer.cancel()
