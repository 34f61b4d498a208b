"""Bringing what the engine believes in line with what the switch has: at start, after every cut, and now and then.

After a cut the list of channels is the truth: calls that are gone have ended unheard, bridged calls are adopted, people
who wait get an agent or the dialplan's treatment, ringing lines are released. A call that is missing is given up at the
second look only: an order written just before the cut may still be carried out, and without a cut the list may overtake
the news of the end. Now and then it is looked again, so that no lost message keeps a call, a line or an agent for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, Protocol

import structlog

from accounts import campaigns as campaign_rows
from accounts import endings, suppression, tallies
from accounts.async_store import AsyncStore
from accounts.errors import StoreError
from accounts.model import Campaign, Ending
from agent_gateway.agent import AgentState, Cause, Wish
from agent_gateway.floor import Floor
from compliance.facts import SuppressionKind
from dialer.call import CallState
from dialer.call_actor import CallActor, Lost, StandsAt
from dialer.call_lines import Told
from domain.clock import Clock
from domain.ids import AgentId, AttemptId, is_call_id
from domain.telephony import Ended, LiveChannel, Telephony, TelephonyError

_log = structlog.get_logger(__name__)

LOOK_AGAIN_S: Final = 2.0
"""From the first look at which a call is missing to the one that decides."""
LOOK_EVERY_S: Final = 30.0
LINES_TRIES: Final = 4
LINES_AGAIN_S: Final = 0.25
AGENTS_RETURN_FOR_S: Final = 60.0
"""How long agents whose legs went down with the switch are rung again: telephones have to register anew first."""
_CUT_OFF: Final = frozenset({Cause.UNREACHABLE, Cause.HUNG_UP})


Lines = Callable[[Collection[AttemptId], datetime], Mapping[AttemptId, Told]]
"""What the switch wrote of these attempts until now; blocks."""


class Calls(Protocol):
    """What reconciling asks of the engine that owns the calls."""

    def actors(self) -> Mapping[AttemptId, CallActor]: ...
    def adopt(self, made: tallies.Made, campaign: Campaign) -> CallActor:
        """Follow a call that an earlier run placed."""
        ...


class Reconciliation:
    """The engine's looks at the switch."""

    def __init__(
        self,
        store: AsyncStore,
        telephony: Telephony,
        floor: Floor,
        clock: Clock,
        name: str,
        calls: Calls,
        lines: Lines,
    ) -> None:
        self._store = store
        self._telephony = telephony
        self._floor = floor
        self._clock = clock
        self._name = name
        self._calls = calls
        self._lines = lines
        self._swept = False
        self._missing: frozenset[AttemptId] = frozenset()
        self._looked_at = clock.monotonic()
        self._asked: set[AttemptId] = set()
        self._said: dict[AttemptId, Told] = {}
        self._reading = asyncio.Lock()
        self._returning: dict[AgentId, tuple[bool, float]] = {}

    async def catch_up(self, since: float) -> None:
        """Take the switch's list for the truth, after it could not be heard until `since`. May be repeated.

        Raises:
            TelephonyError: the switch does not tell.
            StoreError: what an earlier run left cannot be read or closed.
        """
        asked_at = self._clock.monotonic()
        channels = await self._telephony.live_channels()
        self._reconcile_agents(channels)
        legs = {channel.id: channel.agent for channel in channels if channel.agent is not None}
        there = _calls_in(channels)
        for attempt, actor in self._calls.actors().items():
            if (channel := there.get(attempt)) is not None:
                actor.tell(StandsAt(channel, since, legs.get(channel.joined_with or "")))
        self._note_missing(there, asked_at)
        if not self._swept:
            await self._sweep(there, legs)
            self._swept = True
        await self._release_unfollowed(there)

    async def keep_looking(self) -> None:
        """Look again until cancelled: soon where a call is missing, else now and then."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            self._bring_agents_back()
            if not self._swept or not (self._missing or self._clock.monotonic() - self._looked_at >= LOOK_EVERY_S):
                continue
            asked_at = self._clock.monotonic()
            try:
                there = _calls_in(await self._telephony.live_channels())
                self._note_missing(there, asked_at)
                await self._release_unfollowed(there)
            except TelephonyError as error:
                _log.info("looking at the switch failed", error=str(error))

    # --- calls ------------------------------------------------------------------------------------------------------

    def _note_missing(self, there: Mapping[str, LiveChannel], asked_at: float) -> None:
        """Give up the calls that are missing for the second time."""
        missing = {
            attempt: actor
            for attempt, actor in self._calls.actors().items()
            if attempt not in there and _was_placed(actor) and actor.ordered_at < asked_at
        }
        for attempt in missing.keys() & self._missing:
            _log.warning("a call ended and nobody told", attempt=attempt, state=missing[attempt].record.state)
            self._floor.on_switch(Ended(attempt, self._clock.monotonic(), 0, None, was_ringing=False))
            missing[attempt].tell(Lost())
        self._missing = frozenset(missing) - self._missing
        self._looked_at = asked_at

    async def _sweep(self, there: Mapping[str, LiveChannel], legs: Mapping[str, AgentId]) -> None:
        """Deal with what an earlier run of this engine left: adopt what lives, count the rest as made."""
        opened = await self._store.read(endings.still_open, self._name)
        ours = frozenset(self._calls.actors())
        alive = frozenset(attempt for attempt in opened if attempt in there and attempt not in ours)
        told = await self._read_lines([attempt for attempt in opened if attempt not in alive | ours])
        known = {attempt: said.ending for attempt, said in told.items()}
        lost = await self._store.write(endings.sweep, self._name, self._clock.now(), alive | ours, known)
        if known:
            _log.info("attempts that ended while no engine ran", known=len(known.keys() - set(lost)))
        if lost:
            _log.warning("attempts of an earlier run have no known end and count as made", attempts=len(lost))
        for attempt in sorted(alive):
            made = await self._store.read(tallies.made, attempt)
            campaign = await self._store.read(campaign_rows.get, made.campaign)
            channel = there[attempt]
            actor = self._calls.adopt(made, campaign)
            actor.tell(StandsAt(channel, self._clock.monotonic(), legs.get(channel.joined_with or "")))

    async def _read_lines(self, ended: Sequence[AttemptId]) -> Mapping[AttemptId, Told]:
        """What the switch wrote of calls that ended with nobody listening. Who opted out is suppressed at once."""
        told: Mapping[AttemptId, Told] = {}
        for _ in range(LINES_TRIES):
            told = await asyncio.to_thread(self._lines, ended, self._clock.now())
            if all(said.over for said in told.values()):
                break
            await asyncio.sleep(LINES_AGAIN_S)  # the last line may be a moment behind the end of its channel
        for attempt in [attempt for attempt, said in told.items() if said.opted_out]:
            number = (await self._store.read(tallies.made, attempt)).number
            opt_out = partial(suppression.suppress, number=number, source="key 9")
            await self._store.write(opt_out, SuppressionKind.INTERNAL_DNC, self._clock.now())
        return told

    async def ending_of(self, attempt: AttemptId) -> Ending | None:
        """How a call ended that could not be heard to its end, by what the switch wrote; None if it wrote nothing.

        After a cut many calls ask at once: whoever comes to read asks for all who wait.
        """
        self._asked.add(attempt)
        async with self._reading:
            await asyncio.sleep(0)  # let those ask whose calls were given up together with this one
            if attempt in self._asked:
                asked, self._asked = self._asked, set()
                try:
                    self._said |= await self._read_lines(sorted(asked))
                except StoreError as error:
                    _log.warning("what the switch wrote cannot be used", error=str(error))
        said = self._said.pop(attempt, None)
        return said.ending if said is not None and said.over else None

    async def _release_unfollowed(self, there: Mapping[str, LiveChannel]) -> None:
        """Take down lines that ring for nobody. Who has answered is with an agent, or is the dialplan's to treat."""
        for name, channel in there.items():
            if name not in self._calls.actors() and is_call_id(name) and not channel.answered:
                _log.warning("a line rings that no call of ours is on; released", attempt=name)
                await self._telephony.hang_up(AttemptId(name))

    # --- agents -----------------------------------------------------------------------------------------------------

    def _reconcile_agents(self, channels: Sequence[LiveChannel]) -> None:
        """The floor's own reconciliation; whoever loses the leg by it is rung again for a while."""
        before = [self._floor.agent(view.id) for view in self._floor.snapshot().agents]
        self._floor.reconcile(channels)
        until = self._clock.monotonic() + AGENTS_RETURN_FOR_S
        for agent in before:
            if agent.leg_up and not agent.is_leaving and self._floor.agent(agent.id).leg is None:
                wants_calls = agent.state is not AgentState.PAUSED or agent.wish is Wish.READY
                self._returning[agent.id] = (wants_calls, until)

    def _bring_agents_back(self) -> None:
        for agent, (wants_calls, until) in tuple(self._returning.items()):
            now = self._floor.agent(agent)
            gone = now.state is AgentState.OFFLINE
            if now.leg_up or (gone and (now.reason not in _CUT_OFF or self._clock.monotonic() >= until)):
                del self._returning[agent]
            elif gone:  # else being rung, or still recording what became of the last call
                self._floor.sign_in(agent, now.skills)
                if wants_calls:
                    self._floor.ready(agent)


def _calls_in(channels: Sequence[LiveChannel]) -> dict[str, LiveChannel]:
    return {channel.id: channel for channel in channels if channel.agent is None}


def _was_placed(actor: CallActor) -> bool:
    """Whether the switch can know of the call: an adopted one, or one that was ordered."""
    return actor.record.state is not CallState.RESERVED or actor.ordered_at > 0
