"""Rules that count: caps, presumptions, cool-offs, gaps, and calls that need a reserved agent after certain outcomes.

A count is of events that have not yet dropped out of the rule's span at the instant judged. Each event has an instant
at which it drops out; the rule blocks while `max` or more remain, so the end of a block is the drop-out of the event
that brings the count below it. With several spans or several zones, all must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final

from compliance import walltime
from compliance.facts import (
    NEVER_CONNECTED,
    CallFacts,
    Channel,
    ConsentKind,
    Direction,
    HistoryEvent,
    NumberUse,
    PartyRole,
    Result,
    Voice,
)
from compliance.locations import Location
from compliance.moment import Block, Moment, all_over, same_debt, same_person
from compliance.rules import Rule
from domain.reasons import ReasonCode


class SpanKind(StrEnum):
    CALENDAR_DAYS = "calendar_days"
    """Local dates; today is one of the n."""
    ROLLING_HOURS = "rolling_hours"
    CALENDAR_WEEK = "calendar_week"
    """Monday to Sunday of the local date, and Sunday to Saturday too: the law does not say."""
    CALENDAR_MONTH = "calendar_month"
    EVER = "ever"


@dataclass(frozen=True, slots=True)
class Span:
    kind: SpanKind
    n: int = 1


class Key(StrEnum):
    """What an event must have in common with the call to be counted."""

    PERSON = "person"
    HOUSEHOLD = "household"
    """The person or the spouse."""
    DEBT = "debt"
    ACCOUNT = "account"
    NUMBER = "number"
    CREDITOR = "creditor"
    CAMPAIGN = "campaign"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class FrequencyParams:
    """Parameters of `frequency`, `cool_off` and `reserved_agent`.

    Attributes:
        max: blocks when the count has reached it.
        spans: every one is counted by itself.
        count_by: all of them must match.
        results: that count; empty: all but `exclude`.
        roles: parties with whom contacts count; empty: all but the attorney.
        uses: of the numbers called; empty: any.
        voice: recorded calls alone, a recorded message on an abandoned call among them.
        consented: whether calls under a direct consent count.
        consent_lifts: direct consent lifts the rule and this call then does not count.
        lifted_by: further consents that lift it.
        revoked_by: kinds of consent whose revocation, for whatever matter, also ends `lifted_by` given before it.
        relationship_lifts: an established business relationship lifts it.
        voicemail_only: an unanswered call counts only where a message could have been left.
        reserved_lifts: an agent reserved before dialing lifts it.
        after_first: only contacts after the first conversation count, the first itself not.
        code: named in the reason.
    """

    max: int
    spans: tuple[Span, ...]
    count_by: tuple[Key, ...] = ()
    channels: frozenset[Channel] = frozenset({Channel.CALL})
    directions: frozenset[Direction] = frozenset({Direction.OUT})
    results: frozenset[Result] = frozenset()
    exclude: frozenset[Result] = NEVER_CONNECTED
    roles: frozenset[PartyRole] = frozenset()
    uses: frozenset[NumberUse] = frozenset()
    voice: Voice | None = None
    consented: bool = False
    consent_lifts: bool = True
    lifted_by: frozenset[ConsentKind] = frozenset()
    revoked_by: frozenset[ConsentKind] = frozenset()
    relationship_lifts: bool = False
    voicemail_only: bool = False
    reserved_lifts: bool = False
    after_first: bool = False
    code: ReasonCode = ReasonCode.FREQUENCY


_UNANSWERED: Final = frozenset({Result.NO_ANSWER, Result.CANCELLED, Result.MAILBOX_FULL})

_MATCH: Final[Mapping[Key, Callable[[HistoryEvent, CallFacts], bool]]] = {
    Key.PERSON: same_person,
    Key.HOUSEHOLD: lambda event, facts: (
        same_person(event, facts)
        or event.party_role is PartyRole.SPOUSE
        or (facts.party_role is PartyRole.SPOUSE and event.party_role is PartyRole.CONSUMER)
    ),
    Key.DEBT: same_debt,
    Key.ACCOUNT: lambda event, facts: facts.account is None or not event.accounts or facts.account in event.accounts,
    Key.NUMBER: lambda event, facts: event.number is None or event.number == facts.number.e164,
    Key.CREDITOR: lambda event, facts: facts.creditor is None or event.creditor in {None, facts.creditor},
    Key.CAMPAIGN: lambda event, facts: facts.campaign is None or event.campaign in {None, facts.campaign},
    Key.SUBJECT: lambda event, facts: facts.subject is None or event.subject in {None, facts.subject},
}


def counts(event: HistoryEvent, params: FrequencyParams, facts: CallFacts) -> bool:
    """Whether the rule counts the event at all, whenever it was."""
    if event.channel not in params.channels or event.direction not in params.directions:
        return False
    if event.result not in params.results if params.results else event.result in params.exclude:
        return False
    if event.party_role not in params.roles if params.roles else event.party_role is PartyRole.ATTORNEY:
        return False
    if params.uses and event.channel is Channel.CALL and event.number_use not in params.uses:
        return False
    if params.voice is not None and not _recorded(event):
        return False
    if event.under_consent and not params.consented:
        return False
    if params.voicemail_only and event.result in _UNANSWERED and not event.voicemail_service:
        return False
    for key in params.count_by:  # noqa: SIM110  # four times as fast as all() on the hottest path
        if not _MATCH[key](event, facts):
            return False
    return True


def _recorded(event: HistoryEvent) -> bool:
    return event.voice is Voice.PRERECORDED or (event.result is Result.ABANDONED and event.message_left)


def check_frequency(rule: Rule, places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks when the count has reached the rule's maximum in any of its spans, in any zone."""
    params = rule.params
    assert isinstance(params, FrequencyParams)  # noqa: S101  # the loader pairs kinds and parameters
    facts = moment.facts
    if params.reserved_lifts and facts.agent_reserved:
        return ()
    events = moment.tallies.get(id(params))
    if events is None:
        events = [event.at for event in facts.history if counts(event, params, facts)]
        if params.after_first:
            events = _after_first(events, params, facts)
        moment.tallies[id(params)] = events
    if len(events) < params.max or _lifted(params, moment):
        return ()
    zones = {place.zone: None for place in places} or dict.fromkeys(moment.zones)
    worst: tuple[int, Span, datetime | None] | None = None
    for span in params.spans:
        for zone in zones if span.kind is not SpanKind.ROLLING_HOURS else ("UTC",):
            found = _over(events, span, params.max, zone, moment)
            if found is not None and (worst is None or _later(found[1], worst[2])):
                worst = (found[0], span, found[1])
    if worst is None:
        return ()
    count, span, until = worst
    return (Block(params.code, rule, _detail(params, count, span, until, moment), until),)


def _later(one: datetime | None, other: datetime | None) -> bool:
    return other is not None and (one is None or one > other)


def _lifted(params: FrequencyParams, moment: Moment) -> bool:
    if params.consent_lifts and moment.direct_consent():
        return True
    if params.lifted_by and moment.consented(params.lifted_by, after=moment.last_revocation(params.revoked_by)):
        return True
    return params.relationship_lifts and moment.relationship()


def _after_first(events: list[datetime], params: FrequencyParams, facts: CallFacts) -> list[datetime]:
    first = [
        event.at
        for event in facts.history
        if event.result is Result.CONVERSATION and all(_MATCH[key](event, facts) for key in params.count_by)
    ]
    return [at for at in events if first and at > min(first)]


def _over(
    events: Iterable[datetime], span: Span, limit: int, zone: str, moment: Moment
) -> tuple[int, datetime | None] | None:
    """The count, and until when it stays at or above the limit; None where it is below."""
    first = _counts_from(span, zone, moment)
    inside = [at for at in events if at >= first]
    if len(inside) < limit:
        return None
    if span.kind is SpanKind.EVER:
        return len(inside), None
    last_to_leave = sorted(inside)[len(inside) - limit]
    return len(inside), _leaves(last_to_leave, span, zone, moment)


def in_span(at: datetime, span: Span, zone: str, moment: Moment) -> bool:
    """Whether an event at `at` is still in the span. One that lies ahead is: clocks differ, and caution counts."""
    return at >= _counts_from(span, zone, moment)


def _counts_from(span: Span, zone: str, moment: Moment) -> datetime:
    """The first instant whose events are still in the span."""
    match span.kind:
        case SpanKind.EVER:
            return _ALWAYS
        case SpanKind.ROLLING_HOURS:
            return moment.instant - timedelta(hours=span.n) + datetime.resolution
        case _:
            return walltime.beginning(_first_day(moment.wall(zone).date(), span), zone)


_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)


def _first_day(today: date, span: Span) -> date:
    """The earliest local date whose events count today."""
    match span.kind:
        case SpanKind.CALENDAR_DAYS:
            return today - timedelta(days=span.n - 1)
        case SpanKind.CALENDAR_WEEK:
            since_monday, since_sunday = today.weekday(), (today.weekday() + 1) % 7
            return today - timedelta(days=max(since_monday, since_sunday))
        case SpanKind.CALENDAR_MONTH:
            return today.replace(day=1)
        case _:
            raise AssertionError(span.kind)


def _first_free_day(day: date, span: Span) -> date:
    """The first local date on which an event of `day` no longer counts."""
    match span.kind:
        case SpanKind.CALENDAR_DAYS:
            return day + timedelta(days=span.n)
        case SpanKind.CALENDAR_WEEK:
            to_monday = 7 - day.weekday()
            to_sunday = 7 - (day.weekday() + 1) % 7
            return day + timedelta(days=max(to_monday, to_sunday))
        case SpanKind.CALENDAR_MONTH:
            return walltime.add_months(day.replace(day=1), 1)
        case _:
            raise AssertionError(span.kind)


def _leaves(at: datetime, span: Span, zone: str, moment: Moment) -> datetime:
    if span.kind is SpanKind.ROLLING_HOURS:
        return at + timedelta(hours=span.n)
    free = walltime.midnight(_first_free_day(walltime.wall(at, zone).date(), span))
    return walltime.until_wall(moment.instant, zone, free)


def span_words(span: Span) -> str:
    """`7 days by date`, `168 hours`, as an officer says it."""
    match span.kind:
        case SpanKind.CALENDAR_DAYS:
            return "today" if span.n == 1 else f"{span.n} days by date"
        case SpanKind.ROLLING_HOURS:
            return f"{span.n} hours"
        case SpanKind.CALENDAR_WEEK:
            return "a calendar week"
        case SpanKind.CALENDAR_MONTH:
            return "a calendar month"
        case SpanKind.EVER:
            return "all time"


def _detail(params: FrequencyParams, count: int, span: Span, until: datetime | None, moment: Moment) -> str:
    by = " and ".join(params.count_by)
    what = f"{count} counted in {span_words(span)}" + (f" per {by}" if by else "")
    ends = f"; next {walltime.wall(until, moment.zones[0]):%a %d %b %H:%M} {moment.zones[0]}" if until else ""
    return f"{what}, the limit is {params.max}{ends}"


# --- the campaign's own limits ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwnLimit:
    """Parameters of `min_gap` and `daily_cap`, whose numbers are the campaign's.

    Attributes:
        per: `debt` or `person`, for the daily cap.
    """

    per: Key = Key.PERSON


def check_min_gap(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks too soon after the last outgoing call to the same number or the same person."""
    facts = moment.facts
    gap = timedelta(minutes=facts.policy.min_gap_minutes)
    events = moment.tallies.get("gap")
    if events is None:
        e164 = facts.number.e164
        near = [e.at for e in moment.calls() if e.number == e164 or same_person(e, facts)]
        events = moment.tallies["gap"] = near
    last = events[-1] if events else None
    if last is None or moment.instant >= last + gap or moment.agreed_call_back():
        return ()
    minutes = facts.policy.min_gap_minutes
    detail = (
        f"last call at {walltime.wall(last, moment.zones[0]):%H:%M} {moment.zones[0]}; the gap is {minutes} minutes"
    )
    return (Block(ReasonCode.MIN_GAP, rule, detail, last + gap),)


def check_daily_cap(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks when today's outgoing calls about the debt, or to the person, have reached the campaign's cap."""
    facts, params = moment.facts, rule.params
    assert isinstance(params, OwnLimit)  # noqa: S101  # the loader pairs kinds and parameters
    per_debt = params.per is Key.DEBT
    cap = facts.policy.daily_cap_debt if per_debt else facts.policy.daily_cap_person
    events = moment.tallies.get(id(params))
    if events is None:
        mine = same_debt if per_debt else same_person
        events = moment.tallies[id(params)] = [event.at for event in moment.calls() if mine(event, facts)]
    if len(events) < cap or moment.agreed_call_back():
        return ()
    today = Span(SpanKind.CALENDAR_DAYS, 1)
    if cap == 0:
        return (Block(ReasonCode.DAILY_CAP, rule, "the campaign's cap is 0", None),)
    over = [found for zone in moment.zones if (found := _over(events, today, cap, zone, moment)) is not None]
    if not over:
        return ()
    until = all_over(found[1] for found in over)
    detail = f"{max(found[0] for found in over)} calls today per {params.per}, the campaign's cap is {cap}"
    return (Block(ReasonCode.DAILY_CAP, rule, detail, until),)


@dataclass(frozen=True, slots=True)
class NoticeParams:
    """Parameters of `notice_wait`: local days that must pass after a written notice about the debt."""

    days: int


def check_notice(rule: Rule, places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks until the days after the first letter about the debt have passed."""
    facts, params = moment.facts, rule.params
    assert isinstance(params, NoticeParams)  # noqa: S101  # the loader pairs kinds and parameters
    letters = [
        event.at
        for event in facts.history
        if event.channel is Channel.LETTER
        and event.direction is Direction.OUT
        and event.at <= moment.instant
        and same_debt(event, facts)
    ]
    if not letters:
        return (Block(ReasonCode.COOL_OFF, rule, "no written notice about this debt is on record", None),)
    span = Span(SpanKind.CALENDAR_DAYS, params.days)
    zones = {place.zone: None for place in places}
    held = [zone for zone in zones if in_span(min(letters), span, zone, moment)]
    if not held:
        return ()
    until = max(_leaves(min(letters), span, zone, moment) for zone in held)
    return (Block(ReasonCode.COOL_OFF, rule, f"{params.days} days after the written notice have not passed", until),)
