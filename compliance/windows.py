"""Rules about hours: calling windows with their days and holidays, declared emergencies, inconvenient times.

A window is half open, [open, close), in local wall time, judged at origination.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from compliance import walltime
from compliance.facts import ConsentKind, GivenTo, Preference, PreferenceKind
from compliance.locations import Location
from compliance.moment import Block, Moment, all_over
from compliance.rules import Rule
from compliance.tables import Holidays
from domain.reasons import ReasonCode

Hours = tuple[tuple[int, int], ...]
"""Open stretches of one day in minutes after midnight, in order."""

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HORIZON_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class WindowParams:
    """Parameters of `window`.

    Attributes:
        week: hours of Monday to Sunday.
        holidays: name of a list of days; None where holidays are ordinary days.
        holiday_hours: hours on those days.
        eve_hours: hours on the day before one of those days, where that day is open at all; None: as the weekday.
        lifted_by: consents that lift the rule, when given to `lifted_given_to` (None: to anybody).
        relationship_lifts: an established business relationship lifts it.
        zone: the zone the rule itself names; None: that of each place.
    """

    week: tuple[Hours, ...]
    holidays: str | None
    holiday_hours: Hours
    eve_hours: Hours | None
    lifted_by: frozenset[ConsentKind]
    lifted_given_to: GivenTo | None
    relationship_lifts: bool
    zone: str | None

    def hours(self, day: date, holidays: Holidays) -> Hours:
        """Open stretches of a local day."""
        if self.holidays is not None:
            if holidays.is_holiday(self.holidays, day):
                return self.holiday_hours
            eve = self.eve_hours is not None and holidays.is_holiday(self.holidays, day + walltime.DAY)
            if eve and self.eve_hours is not None and self.week[day.weekday()]:
                return self.eve_hours
        return self.week[day.weekday()]


def check_window(rule: Rule, places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks where the local time of a place lies outside the rule's hours."""
    params = rule.params
    assert isinstance(params, WindowParams)  # noqa: S101  # the loader pairs kinds and parameters
    closed: dict[ReasonCode, Block] = {}
    for place in places:
        zone = params.zone or place.zone
        block = _closed(rule, params, place, zone, moment)
        if block is None:
            continue
        other = closed.get(block.code)
        if other is None or (other.until is not None and (block.until is None or block.until > other.until)):
            closed[block.code] = block
    if closed and lifted(params, moment):
        return ()
    return tuple(closed.values())


def lifted(params: WindowParams, moment: Moment) -> bool:
    """Whether a consent or a relationship lifts the window."""
    if params.lifted_by and moment.consented(params.lifted_by, params.lifted_given_to):
        return True
    return params.relationship_lifts and moment.relationship()


def _closed(rule: Rule, params: WindowParams, place: Location, zone: str, moment: Moment) -> Block | None:
    local = moment.wall(zone)
    opening = _opening(params, local, moment.facts.policy.close_guard_seconds, moment.holidays)
    if opening == local:
        return None
    today = params.hours(local.date(), moment.holidays)
    until = walltime.until_wall(moment.instant, zone, opening) if opening is not None else None
    if not today:
        code, why = ReasonCode.CALL_DAY, _day_words(params, local.date(), moment.holidays)
    else:
        code, why = ReasonCode.CALL_WINDOW, f"hours {hours_words(today)}"
    opens = f"; opens {opening:%a %d %b %H:%M}" if opening is not None else ""
    detail = f"{local:%a %H:%M} in {zone} ({place.source}); {why}{opens}"
    return Block(code, rule, detail, until)


def _opening(params: WindowParams, local: datetime, guard: int, holidays: Holidays) -> datetime | None:
    """The first wall time from `local` on at which the rule's hours are open, or None within the horizon."""
    day = walltime.midnight(local.date())
    for _ in range(_HORIZON_DAYS):
        for start, end in params.hours(day.date(), holidays):
            opening = max(local, day + timedelta(minutes=start))
            if opening < day + timedelta(minutes=end, seconds=-guard):
                return opening
        day += walltime.DAY
    return None


def hours_words(hours: Hours) -> str:
    """`08:00-21:00`, several stretches with commas, `none` for a closed day."""
    return ", ".join(f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in hours) or "none"


def _day_words(params: WindowParams, day: date, holidays: Holidays) -> str:
    if params.holidays is not None and holidays.is_holiday(params.holidays, day):
        return "no calls on this holiday"
    return f"no calls on a {WEEKDAYS[day.weekday()]}"


def check_emergency(rule: Rule, places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks in a state for which an operator switched a declared emergency on."""
    states = {place.state for place in places}
    running = [
        emergency
        for emergency in moment.facts.emergencies
        if emergency.state in states
        and (emergency.starts_at is None or emergency.starts_at <= moment.instant)
        and (emergency.until is None or moment.instant < emergency.until)
    ]
    if not running:
        return ()
    until = all_over(emergency.until for emergency in running)
    names = ", ".join(sorted({emergency.state for emergency in running}))
    return (Block(ReasonCode.CALL_DAY, rule, f"a state of emergency is switched on for {names}", until),)


def check_inconvenient(rule: Rule, places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks at a time the consumer called inconvenient, in the local time of every place."""
    stated = [p for p in moment.facts.preferences if p.kind is PreferenceKind.INCONVENIENT_TIME]
    if not stated or moment.consented(frozenset({ConsentKind.HOURS}), GivenTo.COLLECTOR):
        return ()
    worst: Block | None = None
    for zone in {place.zone: None for place in places} or {"UTC": None}:
        local = moment.wall(zone)
        guard = moment.facts.policy.close_guard_seconds
        ends = [end for preference in stated if (end := _ends(preference, local, guard)) is not None]
        if ends:
            until = walltime.until_wall(moment.instant, zone, max(ends))
            if worst is None or (worst.until is not None and until > worst.until):
                detail = (
                    f"{local:%a %H:%M} in {zone} is a time the consumer called inconvenient; until {max(ends):%H:%M}"
                )
                worst = Block(ReasonCode.PREFERENCE, rule, detail, until)
    return (worst,) if worst is not None else ()


def _ends(preference: Preference, local: datetime, guard: int) -> datetime | None:
    """The wall time at which a stated time that covers `local` ends; None where it does not cover it.

    The guard before a closing hour is kept before a stated time too: the open time closes there.
    """
    for shift in (1, 0, -1):
        day = walltime.midnight(local.date()) + shift * walltime.DAY
        if preference.weekdays and day.weekday() not in preference.weekdays:
            continue
        start = day + timedelta(minutes=preference.start)
        end = day + timedelta(minutes=preference.end)
        if preference.end <= preference.start:
            end += walltime.DAY
        if start - timedelta(seconds=guard) <= local < end:
            return end
    return None
