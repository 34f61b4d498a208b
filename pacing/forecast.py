"""What is expected of lines and agents, as tables a decision can read without computing anything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Forecast:
    """Ring, talk and wrap forecasts on one grid of look-ahead times.

    Attributes:
        version: counts rebuilds, so that a recording names each table once.
    """

    version: int
