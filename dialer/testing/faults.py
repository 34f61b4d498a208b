"""Faults to order, for the simulated world: a switch that mumbles, a store that fails, and what must hold.

Faults are drawn from a seeded generator, so a run that breaks something can be repeated.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select

from accounts import tallies
from accounts.async_store import AsyncStore
from accounts.errors import StoreError
from accounts.store import Store
from accounts.tables import attempt_outcomes, attempts, open_attempts
from agent_gateway.agent import AgentState
from dialer.testing.simulated_switch import Script, SimulatedSwitch
from dialer.testing.world import TUESDAY, World
from domain.clock import Clock
from domain.ids import AttemptId, LegId, channel_of
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.telephony import LinkDown, Origination, SwitchEvent, TelephonyError

P = ParamSpec("P")
R = TypeVar("R")
LATE_S = 1.0
"""How long an order that was given up for lost may take until it is carried out after all."""
IN_A_CALL = frozenset({AgentState.RESERVED, AgentState.TALKING, AgentState.HOLD})


@dataclass(slots=True)
class Odds:
    """Chances of each fault, per order or per event."""

    refused: float = 0.0
    lost: float = 0.0
    """The order goes under; all we hear is that it may have been carried out."""
    unheard: float = 0.0
    """The order is carried out, perhaps late; all we hear is that it may have been."""
    dropped: float = 0.0
    repeated: float = 0.0
    swapped: float = 0.0
    """Two neighbouring events change places."""


class FaultySwitch(SimulatedSwitch):
    """A simulated switch on a bad day."""

    def __init__(self, script_for: Callable[[PhoneNumber], Script], clock: Clock, seed: int = 0) -> None:
        super().__init__(script_for, clock)
        self.odds = Odds()
        self._random = random.Random(seed)  # noqa: S311  # a simulation, not a secret
        self._kept: SwitchEvent | None = None
        self._late: set[asyncio.Task[None]] = set()

    async def originate(self, order: Origination) -> None:
        await self._perhaps(lambda: SimulatedSwitch.originate(self, order))

    async def join(self, attempt: AttemptId, leg: LegId) -> None:
        await self._perhaps(lambda: SimulatedSwitch.join(self, attempt, leg))

    async def _perhaps(self, order: Callable[[], object]) -> None:
        self._require_link()
        draw, odds = self._random.random(), self.odds
        if draw < odds.refused:
            raise TelephonyError("refused", maybe_done=False)
        if draw < odds.refused + odds.lost:
            await asyncio.sleep(LATE_S)
            raise TelephonyError("no answer in time", maybe_done=True)
        if draw < odds.refused + odds.lost + odds.unheard:
            task = asyncio.ensure_future(_later(order, self._random.uniform(0, LATE_S)))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            raise TelephonyError("no answer in time", maybe_done=True)
        await order()  # type: ignore[misc]  # a coroutine

    def _emit(self, event: SwitchEvent) -> None:
        draw, odds = self._random.random(), self.odds
        if isinstance(event, LinkDown) or draw >= odds.dropped + odds.repeated + odds.swapped:
            super()._emit(event)
        elif draw < odds.repeated:
            super()._emit(event)
            super()._emit(event)
        elif draw < odds.repeated + odds.swapped and self._kept is None:
            self._kept = event
            return
        if self._kept is not None:
            kept, self._kept = self._kept, None
            super()._emit(kept)


async def _later(order: Callable[[], object], seconds: float) -> None:
    await asyncio.sleep(seconds)
    try:
        await order()  # type: ignore[misc]
    except TelephonyError:
        return


class FailingStore(AsyncStore):
    """A store that answers with an error for as long as it is told to."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.error: StoreError | None = None

    async def write(self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        if self.error is not None:
            raise self.error
        return await super().write(operation, *args, **kwargs)


# --- what must hold afterwards ----------------------------------------------------------------------------------------


async def broken(world: World, *, heard: bool) -> list[str]:
    """What is wrong with a world whose calls are over; empty when nothing is.

    Args:
        heard: no event was lost: then every outcome is the true one.
    """
    rows = await world.store.read(_rows)
    sent = Counter(channel_of(order.attempt, order.invite) for order in world.switch.originated)
    found = [f"{channel} was sent twice" for channel, times in sent.items() if times > 1]
    attempts_sent = {order.attempt for order in world.switch.originated}
    found += [f"{attempt} was sent and is not in the ledger" for attempt in attempts_sent - rows.outcomes.keys()]
    found += [f"{a} has {len(ends)} outcomes" for a, ends in rows.outcomes.items() if len(ends) != 1]
    found += [f"{attempt} is open" for attempt in rows.open]
    found += [f"trunk {t.limits.name}: {t.in_use} channels are never given back" for t in world.trunks if t.in_use]
    views = world.floor.snapshot().agents
    found += [f"{view.id} is {view.state} without a call" for view in views if view.state in IN_A_CALL]
    for attempt, truth in world.switch.truth.items():
        (outcome,) = rows.outcomes.get(attempt, [Outcome.UNKNOWN])[:1]
        what = f"{attempt} ({truth}) is {outcome}"
        touched = truth.rang or truth.person
        found += [f"{what}: not counted"] * (touched and not outcome.counts_toward_caps and outcome is Outcome.FAILED)
        if heard:
            found += [f"{what}: joined"] * (bool(truth.joined) != (outcome is Outcome.CONVERSATION))
            alone = (truth.treated or truth.cut_off) and not truth.joined
            found += [f"{what}: left alone"] * (alone and outcome is not Outcome.ABANDONED)
    for campaign, status in world.engine.status().items():
        days = await world.store.read(tallies.abandonment_by_day, campaign, TUESDAY, status.campaign.settings.zone)
        ledger = tuple(map(sum, zip((0, 0), *days.values(), strict=True)))
        told = (status.live_today, status.abandoned_today)
        found += [f"pacing counts {told}, the ledger {ledger}"] * (told != ledger)
    return found


@dataclass(slots=True)
class _Rows:
    outcomes: dict[AttemptId, list[Outcome]]
    open: list[AttemptId]


def _rows(tx: Connection) -> _Rows:
    outcomes: dict[AttemptId, list[Outcome]] = {AttemptId(a): [] for a in tx.execute(select(attempts.c.id)).scalars()}
    for row in tx.execute(select(attempt_outcomes.c.attempt_id, attempt_outcomes.c.outcome)):
        outcomes[AttemptId(row.attempt_id)].append(Outcome(row.outcome))
    return _Rows(outcomes, [AttemptId(a) for a in tx.execute(select(open_attempts.c.attempt_id)).scalars()])


async def settled(world: World) -> None:
    """End the day: everything works again, nothing new is dialed, every call comes to its end."""
    if isinstance(world.switch, FaultySwitch):
        world.switch.odds = Odds()
    await world.engine.wait_linked()
    async with asyncio.timeout(900):
        await world.engine.drain()
    await asyncio.sleep(120)  # wrap-ups run out


def doubled(world: World) -> list[str]:
    """Whether, at this instant, an agent is in two calls or a call has two agents."""
    kept = Counter(a.attempt for view in world.floor.snapshot().agents if (a := world.floor.agent(view.id)).attempt)
    return [f"{attempt} has {agents} agents" for attempt, agents in kept.items() if agents > 1]
