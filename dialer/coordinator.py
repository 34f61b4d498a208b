"""Keeps an engine and the others in touch through the shared state, and never lets dialing wait for it.

The engine talks to the `LeaseBoard`, which is plain memory. One task carries what stands there to the shared state and
back on a short beat. When the shared state does not answer, the board forgets what it knew of other engines and the
account store alone decides, as it does in the end anyway: every reservation compares fencing numbers in its
transaction. So without Redis dialing goes on, slower to notice and blind to the others' figures, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Final

import structlog

from dialer.shared_state import Holder, SharedState, SharedStateError
from domain.clock import Clock
from domain.ids import AgentId, CampaignId

_log = structlog.get_logger(__name__)

BEAT_S: Final = 0.25
"""As long as a tick: a lost lease stops a campaign before its next call but one."""
HOLD_S: Final = 3.0
"""For how long a word counts that is not repeated. Shorter than the store's lease, so a word never outlives it."""
PAUSE_S: Final = 1.0
"""After a failure."""


class LeaseBoard:
    """Which campaigns this engine holds and which are held elsewhere. Never blocks."""

    def __init__(self, engine: str, clock: Clock) -> None:
        self.engine = engine
        self._clock = clock
        self._mine: dict[CampaignId, tuple[int, float]] = {}
        self._elsewhere: dict[CampaignId, tuple[Holder, float]] = {}
        self._asked: set[CampaignId] = set()

    def leased(self, campaign: CampaignId, fence: int, until: float) -> None:
        """The account store has given the campaign to this engine, until an instant of the monotonic clock."""
        self._mine[campaign] = (fence, until)

    def not_leased(self, campaign: CampaignId) -> None:
        """This engine does not dial for the campaign (any more)."""
        self._mine.pop(campaign, None)

    def held_elsewhere(self, campaign: CampaignId) -> str | None:
        """The other engine that surely holds the campaign now; None when only the account store can say."""
        self._asked.add(campaign)
        held = self._elsewhere.get(campaign)
        return held[0].engine if held is not None and held[1] > self._clock.monotonic() else None

    def elsewhere(self) -> dict[CampaignId, str]:
        """All campaigns that other engines surely hold."""
        known = {campaign: self.held_elsewhere(campaign) for campaign in self._elsewhere}
        return {campaign: engine for campaign, engine in known.items() if engine is not None}

    def mine(self) -> dict[CampaignId, tuple[Holder, float]]:
        """This engine's word for each campaign it holds, and the seconds for which it may be given."""
        now = self._clock.monotonic()
        return {
            campaign: (Holder(self.engine, fence), min(HOLD_S, end - now))
            for campaign, (fence, end) in self._mine.items()
            if end > now
        }

    def asked(self) -> frozenset[CampaignId]:
        """Campaigns the engine would dial for and does not hold."""
        return frozenset(self._asked - self._mine.keys())

    def heard(self, campaign: CampaignId, holder: Holder | None) -> None:
        """What the shared state says of a campaign."""
        if holder is None or holder.engine == self.engine:
            self._elsewhere.pop(campaign, None)
        else:
            self._elsewhere[campaign] = (holder, self._clock.monotonic() + HOLD_S)

    def forget_others(self) -> None:
        """Nothing is known of other engines."""
        self._elsewhere.clear()


class Coordinator:
    """The task between the board and the shared state.

    Args:
        agents: who is signed in at this engine now.
        counts: this engine's live figures, by campaign.

    Attributes:
        trouble: what people should know while the shared state does not answer, or when an agent is signed in at more
            than one engine; empty when all is well.
        figures: live figures of campaigns that other engines dial for.
    """

    def __init__(
        self,
        state: SharedState,
        board: LeaseBoard,
        agents: Callable[[], Collection[AgentId]],
        counts: Callable[[], Mapping[CampaignId, Mapping[str, int]]],
    ) -> None:
        self.trouble = ""
        self.figures: Mapping[CampaignId, Mapping[str, int]] = {}
        self._state = state
        self._board = board
        self._agents = agents
        self._counts = counts
        self._silent = False

    async def run(self) -> None:
        """Keep in touch until cancelled; then take back this engine's words."""
        try:
            while True:
                answered = await self.beat()
                await asyncio.sleep(BEAT_S if answered else PAUSE_S)
        finally:
            await self._take_leave()

    async def beat(self) -> bool:
        """Tell and hear everything once; False when the shared state did not answer."""
        try:
            await self._exchange()
        except SharedStateError as error:
            if not self._silent:
                _log.warning("the shared state does not answer", error=str(error))
            self._silent = True
            self._board.forget_others()
            self.figures = {}
            self.trouble = (
                f"{error}: dialing goes on by the account store alone, engines do not see each other's figures"
            )
            return False
        if self._silent:
            _log.info("the shared state answers again")
        self._silent = False
        return True

    async def _exchange(self) -> None:
        board, state = self._board, self._state
        for campaign, (word, seconds) in board.mine().items():
            board.heard(campaign, await state.hold(campaign, word, seconds))
        for campaign in board.asked():
            board.heard(campaign, await state.holder(campaign))
        await state.present(board.engine, self._agents(), HOLD_S)
        for campaign, counts in self._counts().items():
            await state.report(campaign, board.engine, counts, HOLD_S)
        self.figures = {campaign: await state.totals(campaign) for campaign in board.elsewhere()}
        self.trouble = _signed_in_twice(await state.whereabouts())

    async def _take_leave(self) -> None:
        try:
            for campaign, (word, _) in self._board.mine().items():
                await self._state.let_go(campaign, word)
            await self._state.present(self._board.engine, (), HOLD_S)
        except SharedStateError as error:
            _log.info("left without a word to the shared state", error=str(error))


def _signed_in_twice(whereabouts: Mapping[AgentId, frozenset[str]]) -> str:
    """In words, which agents are signed in at more than one engine: each of them would give the same person calls."""
    doubled = {agent: sorted(engines) for agent, engines in sorted(whereabouts.items()) if len(engines) > 1}
    where = ", ".join(f"{agent} at {' and '.join(engines)}" for agent, engines in doubled.items())
    return f"signed in at more than one engine: {where}; sign out at all but one" if doubled else ""
