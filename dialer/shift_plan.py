"""When agents leave: shifts and breaks from the settings, on the clock pacing counts by.

Two minutes before a break or the end of a shift nothing is dialed for an agent any more, so that nobody is called for
somebody who will be gone. An agent who works outside the planned hours, or through a break, has announced nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from domain.ids import AgentId
from pacing.shift import Break, Shift

DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class PlannedShift:
    """One agent's planned hours, in a zone."""

    shift: Shift
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Absence:
    """What is planned for an agent, as instants of `Clock.monotonic()`."""

    leaves_at: float | None = None
    returns_at: float | None = None


@dataclass(frozen=True, slots=True)
class ShiftPlan:
    """The planned hours of those agents who have any."""

    shifts: Mapping[AgentId, PlannedShift] = field(default_factory=dict)

    def of(self, agent: AgentId, at: datetime, now: float) -> Absence:
        """What is planned for the agent. `at` is the calendar's word for `now`."""
        planned = self.shifts.get(agent)
        if planned is None:
            return Absence()
        local = at.astimezone(planned.zone)
        second = local.hour * 3600.0 + local.minute * 60.0 + local.second + local.microsecond / 1e6
        if second < planned.shift.begins and second + DAY_S < planned.shift.ends:
            second += DAY_S  # after midnight of a shift that began the evening before
        leaves_at = planned.shift.leaves_at(second, now)
        return Absence(leaves_at if leaves_at > now else None, planned.shift.returns_at(second, now))

    def leaving(self, at: datetime, now: float, within_s: float) -> frozenset[AgentId]:
        """Those who leave within so many seconds."""
        soon = ((agent, self.of(agent, at, now).leaves_at) for agent in self.shifts)
        return frozenset(agent for agent, leaves_at in soon if leaves_at is not None and leaves_at < now + within_s)


def planned(hours: str, breaks: tuple[str, ...], zone: str) -> PlannedShift:
    """Read `09:00-17:30` and breaks written alike.

    Raises:
        ValueError: not such a text, an unknown zone, or times out of order.
    """
    begins, ends = _span(hours, 0.0)
    if ends <= begins:
        ends += DAY_S
    pauses = tuple(Break(*_span(text, begins)) for text in breaks)
    return PlannedShift(Shift(begins, ends, pauses), ZoneInfo(zone))


def _span(text: str, not_before: float) -> tuple[float, float]:
    """Begin and end as seconds since midnight; what is earlier than `not_before` is meant on the next day."""
    try:
        begin, end = (_second(part) for part in text.split("-"))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a span of time: write it as 09:00-17:30") from error
    later = [mark if mark >= not_before else mark + DAY_S for mark in (begin, end)]
    return later[0], later[1]


def _second(text: str) -> float:
    mark = time.fromisoformat(text.strip())
    return mark.hour * 3600.0 + mark.minute * 60.0
