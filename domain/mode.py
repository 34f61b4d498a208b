"""How a campaign dials."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How calls are tied to agents. The law, the ledger and pacing mean the same by each."""

    PREVIEW = "preview"
    """An agent sees the account first and says "dial": one reserved agent per line."""
    MANUAL = "manual"
    """Dialed by hand; as preview in everything the engine does."""
    PROGRESSIVE = "progressive"
    """One line per ready agent, who is reserved for it: nobody who answers is left without."""
    POWER = "power"
    """A fixed number of lines per ready agent; refused where the forecast says it would overrun theta."""
    PREDICTIVE = "predictive"
    """Lines for agents who will be free when people answer, as many as the budget of abandoned calls allows."""
