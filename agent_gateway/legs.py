"""Agents' legs: rung at sign-in, kept up between calls, and brought in line with what the switch says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from agent_gateway import agent as happened
from agent_gateway.agent import Agent, AgentState, Wish
from agent_gateway.floor_events import CallOrphaned, ReservationLost
from agent_gateway.lifecycle import Refused
from agent_gateway.orders import Orders
from agent_gateway.seats import Seats
from domain.ids import AgentId, AttemptId, LegId
from domain.telephony import LiveChannel, Telephony

_log = structlog.get_logger(__name__)
_NOT_IN_CALL: Final = frozenset({AgentState.PREVIEW, AgentState.RESERVED})
"""States with an attempt that the switch need not have."""
_PUT_DOWN: Final = frozenset({0, 16})
"""Q.850 causes of a phone that was put down (a BYE without a Reason reads 0); one that vanished ends with another."""


class Legs:
    """Rings, adopts and drops legs; tells the agents' table what became of them.

    Args:
        timeout_s: how long a phone may ring before its agent is unreachable.
    """

    def __init__(self, seats: Seats, telephony: Telephony, orders: Orders, timeout_s: float) -> None:
        self._seats = seats
        self._telephony = telephony
        self._orders = orders
        self._timeout_s = timeout_s
        self._dropped: set[LegId] = set()

    def ring(self, agent: AgentId, leg: LegId) -> None:
        """Call the agent's phone; give up when it does not answer in time."""
        seat = self._seats[agent]
        seat.leg_timer = asyncio.get_running_loop().call_later(self._timeout_s, self._silent, agent, leg)
        self._orders.give(agent, "call_agent", self._telephony.call_agent(agent, leg), lambda: self._silent(agent, leg))

    def drop(self, agent: AgentId, leg: LegId) -> None:
        """Hang a leg up; nothing it still says counts."""
        self._dropped.add(leg)
        self._orders.give(agent, "hang_up", self._telephony.hang_up(leg))

    def up(self, agent: AgentId, leg: LegId) -> None:
        """A phone was picked up: the one that was rung, or one the agent calls in from."""
        if leg in self._dropped or agent not in self._seats:
            self.drop(agent, leg)
            return
        seat = self._seats[agent]
        wanted_ready = seat.agent.wish is Wish.READY
        if seat.agent.leg not in {None, leg} and not seat.agent.leg_up:
            self._give_up_ringing(seat.agent)
        if not seat.agent.is_signed_in:  # the agent rang in from the phone, or the leg outlived the engine
            self._seats.apply(agent, happened.SignIn(leg, seat.agent.skills))
            if wanted_ready:
                self._seats.apply(agent, happened.GoReady())
        if isinstance(self._seats.apply(agent, happened.LegConnected(leg)), Refused) and seat.agent.leg != leg:
            self.drop(agent, leg)

    def ended(self, agent: AgentId, leg: LegId, cause: int | None) -> None:
        """A leg is gone. One that was put down on purpose ends its call; otherwise the person is without an agent."""
        self._dropped.discard(leg)
        before = self._seats.agent(agent)
        if before.leg != leg:
            return
        after = self._seats.apply(agent, happened.LegLost(leg, cause in _PUT_DOWN))
        if isinstance(after, Refused) or before.attempt is None or before.state is AgentState.PREVIEW:
            return
        if after.state is AgentState.WRAP_UP:
            if before.on_line:  # the agent put the phone down: that ends the call
                self._orders.give(agent, "hang_up", self._telephony.hang_up(before.attempt))
        elif before.state is AgentState.RESERVED:
            self._seats.tell(ReservationLost(before.attempt, agent))
        else:
            self._seats.tell(CallOrphaned(before.attempt, agent))

    def joined(self, attempt: AttemptId, leg: LegId) -> None:
        """A call is bridged with a leg."""
        seat = self._seats.of_leg(leg)
        if seat is None or isinstance(self._seats.apply(seat.agent.id, happened.Join(attempt)), Refused):
            _log.warning("call joined to an agent who is not kept for it", attempt=attempt, leg=leg)

    def parted(self, attempt: AttemptId, leg: LegId) -> None:
        """A call and a leg are no longer bridged."""
        seat = self._seats.of_leg(leg)
        if seat is not None and seat.agent.attempt == attempt:
            self._seats.apply(seat.agent.id, happened.Part(attempt))

    def reconcile(self, channels: Sequence[LiveChannel]) -> None:
        """Legs that are gone take their agents offline; calls that are gone are over; a leg of an enrolled agent nobody
        is using is adopted, together with the call it is in; any other leg is dropped.
        """
        legs = {channel.id: channel for channel in channels if channel.agent is not None}
        attempts = {channel.id for channel in channels if channel.agent is None}
        for seat in self._seats:
            before = seat.agent
            if before.attempt is not None and before.state not in _NOT_IN_CALL and before.attempt not in attempts:
                self._seats.apply(before.id, happened.CallOver(before.attempt))
            if before.leg is not None and before.leg_up and before.leg not in legs:
                self.ended(before.id, before.leg, cause=None)
        for channel in legs.values():
            self._adopt(channel)

    def _adopt(self, channel: LiveChannel) -> None:
        if channel.agent is None or not channel.answered:
            return
        leg, agent = LegId(channel.id), self._seats.agent(channel.agent)
        if agent.leg != leg or not agent.leg_up:
            self.up(channel.agent, leg)
        now = self._seats.agent(channel.agent)
        if channel.joined_with is not None and now.leg == leg and now.state is not AgentState.TALKING:
            self._seats.apply(now.id, happened.Join(AttemptId(channel.joined_with)))

    def _silent(self, agent: AgentId, leg: LegId) -> None:
        """The phone has not answered, or could not be rung."""
        now = self._seats.agent(agent)
        if now.leg == leg and not now.leg_up:
            self._give_up_ringing(now)

    def _give_up_ringing(self, agent: Agent) -> None:
        """Stop ringing a phone: it does not answer, or is connected by another leg, perhaps in a conversation."""
        if agent.leg is not None:
            self.drop(agent.id, agent.leg)
            self._seats.apply(agent.id, happened.LegLost(agent.leg, deliberate=False))
