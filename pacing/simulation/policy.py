"""What a pacing policy is to the simulator: a function of snapshots, with a period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from pacing.controller import decide
from pacing.decision import PacingDecision
from pacing.settings import PacingSettings
from pacing.snapshot import FloorSnapshot

EVERY_TEAM: Final = 1_000_000


class Policy(Protocol):
    """Made before the workload is read; sees nothing but snapshots."""

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> PacingSettings:
        """The campaign settings the floor runs with under this policy."""
        ...

    @property
    def tick_s(self) -> float:
        """How often it is asked."""
        ...

    @property
    def events_up_to(self) -> int:
        """Team size up to which it is also asked whenever an agent comes free or a line comes to nothing."""
        ...

    def decide(self, snapshot: FloorSnapshot) -> PacingDecision: ...


@dataclass(frozen=True, slots=True)
class Production:
    """The decision code the engine runs, in any of its modes. Larger teams have so many events that a tick suffices."""

    name: str
    settings: PacingSettings
    tick_s: float = 0.5
    events_up_to: int = 50

    def decide(self, snapshot: FloorSnapshot) -> PacingDecision:
        return decide(snapshot)
