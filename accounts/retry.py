"""What becomes of an account after an attempt: the campaign's retry table applied. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from accounts.entries import EntryEvent
from accounts.model import RetryRule, RetryWait
from domain.outcomes import Outcome

PARTS_OF_DAY: Final = (time(8), time(12), time(17))
"""When morning, afternoon and evening begin. The gate, not this table, keeps calls inside the lawful window."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with the account: `event`, and for a retry the instant, the phone and whether an agent is needed."""

    event: EntryEvent
    due_at: datetime
    reason: str
    next_phone: bool = False
    reserved_agent: bool = False


def step(
    rule: RetryRule, now: datetime, zone: str, *, same_outcomes: int, attempts: int, max_attempts: int, usable: int
) -> Step:
    """The next step after an attempt.

    Args:
        zone: IANA zone of the person.
        same_outcomes: attempts on this account with this outcome, this one included.
        attempts: all attempts on this account in this campaign, this one included.
        usable: the person's phones still in use after `rule.flag_phone` took effect.
    """
    reason = rule.outcome.value
    if rule.wait is RetryWait.NEVER:
        ended = EntryEvent.REACH if rule.outcome is Outcome.CONVERSATION else EntryEvent.EXHAUST
        return Step(ended, now, reason)
    if usable == 0:
        return Step(EntryEvent.EXHAUST, now, "no_phone")
    if attempts >= max_attempts:
        return Step(EntryEvent.EXHAUST, now, "max_attempts")
    if rule.limit and same_outcomes >= rule.limit:
        return Step(EntryEvent.EXHAUST, now, reason)
    return Step(EntryEvent.RETRY, _due(rule, now, zone), reason, rule.next_phone, rule.reserved_agent)


def _due(rule: RetryRule, now: datetime, zone: str) -> datetime:
    match rule.wait:
        case RetryWait.AFTER:
            return now + rule.delay
        case RetryWait.NEXT_PART_OF_DAY:
            return next_part_of_day(now, zone)
        case RetryWait.NEVER:
            raise ValueError("a rule that never retries has no next instant")
        case _:
            assert_never(rule.wait)


def next_part_of_day(now: datetime, zone: str) -> datetime:
    """The next beginning of a morning, afternoon or evening after `now`, at the person's place, in UTC."""
    local = now.astimezone(ZoneInfo(zone))
    for day in (local.date(), local.date() + timedelta(days=1)):
        for begin in PARTS_OF_DAY:
            instant = datetime.combine(day, begin, local.tzinfo).astimezone(UTC)
            if instant > now:
                return instant
    raise AssertionError("a day without a morning")
