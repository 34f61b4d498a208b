"""What every campaign's loop works with: the store, the floor, the trunks, and the engine that owns the live calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from accounts.async_store import AsyncStore
from accounts.facts import Facts
from accounts.model import Campaign, Claim, Refusal, Reservation, Ruling
from agent_gateway.agent import Agent
from agent_gateway.floor import Floor
from dialer.holds import Holds
from dialer.previews import Previews
from dialer.shift_plan import ShiftPlan
from dialer.stop_switch import StopSwitch
from dialer.trunks import Trunk
from domain.clock import Clock
from domain.ids import AttemptId, CampaignId
from domain.phone import PhoneNumber
from pacing.snapshot import Health, LineView


class Calls(Protocol):
    """What the loop asks of the engine that owns the live calls."""

    def lines(self, campaign: CampaignId) -> Sequence[LineView]:
        """Calls that need an agent and have none; those of other campaigns marked."""
        ...

    def health(self) -> Health: ...
    def beside(self, campaign: CampaignId) -> Sequence[tuple[float, int]]:
        """Theta and lines without an agent of each other campaign that predicts for the same agents."""
        ...

    def release(self, attempt: AttemptId) -> None: ...
    def may_dial(self) -> bool: ...
    def start(
        self,
        campaign: Campaign,
        held: Claim,
        reservation: Reservation,
        caller_id: PhoneNumber,
        agent: Agent | None,
        trunk: Trunk,
    ) -> None: ...
    def blocked(self, held: Claim, refusal: Refusal) -> None: ...
    def not_sent(self, attempt: AttemptId, trunk: Trunk) -> None:
        """A reserved attempt that was never sent: recorded so, and its channel given back."""
        ...


@dataclass(frozen=True, slots=True)
class LoopTools:
    """What every campaign's loop works with."""

    store: AsyncStore
    floor: Floor
    calls: Calls
    trunks: dict[str, Trunk]
    clock: Clock
    stop_switch: StopSwitch
    decide: Callable[[Facts], Ruling]
    engine: str
    holds: Holds
    shifts: ShiftPlan
    previews: Previews
