"""The retry table: what becomes of an account after each outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.entries import EntryEvent
from accounts.model import DEFAULT_RETRY, RetryRule, RetryWait
from accounts.retry import PARTS_OF_DAY, Step, next_part_of_day, step
from domain.outcomes import Outcome

pytestmark = pytest.mark.unit
NOW = datetime(2026, 12, 1, 15, 30, tzinfo=UTC)
RULES = {rule.outcome: rule for rule in DEFAULT_RETRY}


def after(rule: RetryRule, same: int = 1, attempts: int = 1, usable: int = 2) -> Step:
    return step(rule, NOW, "America/New_York", same_outcomes=same, attempts=attempts, max_attempts=20, usable=usable)


def test_the_shipped_table_has_one_rule_for_every_outcome() -> None:
    assert sorted(rule.outcome for rule in DEFAULT_RETRY) == sorted(Outcome)


def test_after_the_last_allowed_attempt_the_account_is_exhausted() -> None:
    assert after(RULES[Outcome.BUSY], attempts=20).event is EntryEvent.EXHAUST
    assert after(RULES[Outcome.BUSY], same=8).event is EntryEvent.EXHAUST


def test_without_a_usable_phone_the_account_is_exhausted() -> None:
    assert after(RULES[Outcome.SIT], usable=0) == Step(EntryEvent.EXHAUST, NOW, "no_phone")


def test_a_conversation_ends_the_campaigns_interest() -> None:
    assert after(RULES[Outcome.CONVERSATION]).event is EntryEvent.REACH


def test_busy_is_tried_again_in_five_minutes() -> None:
    assert after(RULES[Outcome.BUSY]) == Step(EntryEvent.RETRY, NOW + timedelta(minutes=5), "busy")


def test_an_abandoned_call_is_followed_only_with_a_reserved_agent() -> None:
    assert after(RULES[Outcome.ABANDONED]).reserved_agent


def test_no_answer_waits_for_the_next_part_of_the_persons_day() -> None:
    assert after(RULES[Outcome.NO_ANSWER]).due_at == datetime(2026, 12, 1, 17, tzinfo=UTC)  # noon in New York


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(["America/New_York", "Pacific/Honolulu", "Europe/Berlin", "Australia/Lord_Howe", "UTC"]),
)
def test_the_next_part_of_the_day_lies_ahead_within_a_day_and_begins_a_part(now: datetime, zone: str) -> None:
    due = next_part_of_day(now, zone)
    assert now < due <= now + timedelta(hours=16)
    assert due.astimezone(ZoneInfo(zone)).time() in PARTS_OF_DAY


@given(st.sampled_from(DEFAULT_RETRY), st.integers(1, 30), st.integers(1, 30), st.integers(0, 3))
def test_a_retry_is_never_due_in_the_past(rule: RetryRule, same: int, attempts: int, usable: int) -> None:
    found = after(rule, same, attempts, usable)
    assert found.due_at >= NOW
    assert (found.event is EntryEvent.RETRY) <= (rule.wait is not RetryWait.NEVER and usable > 0)
