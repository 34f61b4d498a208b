"""A campaign's pacing settings, checked once when they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from domain.mode import Mode


class SettingsError(ValueError):
    """A pacing setting is out of range; the message names it and the range."""


@dataclass(frozen=True, slots=True)
class PacingSettings:
    """What a manager sets for one campaign.

    Attributes:
        mode: how lines are tied to agents.
        ratio: lines per ready agent in power mode.
        target: highest share of live answers that may be abandoned in each window that binds.
        grace_s: seconds after the end of the greeting within which an agent must be joined (16 CFR 310.4(b)(4)(ii): 2).
        verdict_lag_s: measured time from the end of the greeting to the detector's verdict; taken off the grace.
        bridge_s: measured time from the order to join until both hear each other; taken off the grace.
        min_ring_s: a line is never released by us before it rang this long (16 CFR 310.4(b)(4)(iii): 15).
        release_ringing: whether lines past `min_ring_s` may be released when too many people would answer.
        max_lines: most lines without an agent at once; None for no limit of the campaign's own.
        max_lines_per_agent: bound on the same per signed-in agent, against a forecast gone wrong.
        idle_floor_s: seconds of rest every agent gets between two calls; caps occupancy.
        leave_guard_s: an agent who leaves within this time gets no new lines dialed for.
        required_skills: skills an agent needs to serve this campaign.
        inbound_reserve: ready agents kept back for incoming calls.
    """

    mode: Mode = Mode.PROGRESSIVE
    ratio: float = 1.0
    target: float = 0.03
    grace_s: float = 2.0
    verdict_lag_s: float = 0.0
    bridge_s: float = 0.0
    min_ring_s: float = 15.0
    release_ringing: bool = False
    max_lines: int | None = None
    max_lines_per_agent: float = 30.0
    idle_floor_s: float = 0.0
    leave_guard_s: float = 120.0
    required_skills: frozenset[str] = frozenset()
    inbound_reserve: int = 0

    def __post_init__(self) -> None:
        _within("ratio", self.ratio, 0.0, 20.0)
        _within("target", self.target, 0.0, 0.5)
        _within("grace_s", self.grace_s, 0.0, 60.0)
        _within("verdict_lag_s", self.verdict_lag_s, 0.0, 60.0)
        _within("bridge_s", self.bridge_s, 0.0, 60.0)
        _within("min_ring_s", self.min_ring_s, 0.0, 120.0)
        _within("max_lines_per_agent", self.max_lines_per_agent, 0.0, 1000.0)
        _within("idle_floor_s", self.idle_floor_s, 0.0, 3600.0)
        _within("leave_guard_s", self.leave_guard_s, 0.0, 3600.0)
        _within("inbound_reserve", self.inbound_reserve, 0, 100_000)
        if self.max_lines is not None:
            _within("max_lines", self.max_lines, 0, 1_000_000)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise SettingsError(f"pacing setting {name} is {value}: give a number from {low:g} to {high:g}")
