"""Calls bunched together: comments 14(b)(2)(i)-2 ff. to Regulation F say that they can rebut compliance. A flag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import compliance
from compliance.decision import Flag
from compliance.facts import (
    Address,
    CalledNumber,
    CallFacts,
    CampaignPolicy,
    HistoryEvent,
    LineType,
    Purpose,
    Result,
)

pytestmark = pytest.mark.unit

NUMBER = "+18005550147"
NOW = datetime(2026, 11, 20, 17, tzinfo=UTC)  # 12:00 in New York
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86400))


def flagged(policy: compliance.Policy, *ago: timedelta, now: datetime = NOW, numbers: tuple[str, ...] = ()) -> bool:
    """Whether a call after unanswered ones so long ago is flagged."""
    called = numbers or (NUMBER,) * len(ago)
    facts = CallFacts(
        now=now,
        purpose=Purpose.DEBT_THIRD_PARTY,
        number=CalledNumber(NUMBER, LineType.FIXED),
        id="X",
        person="P1",
        debt="D1",
        addresses=(Address(tz="America/New_York"),),
        history=tuple(
            HistoryEvent(now - span, Result.NO_ANSWER, "P1", ("D1",), ("D1",), number)
            for span, number in zip(ago, called, strict=True)
        ),
        policy=CampaignPolicy(min_gap_minutes=0, daily_cap_debt=9, daily_cap_person=9),
    )
    return Flag.CONCENTRATION in compliance.decide(facts, policy).flags


def test_a_first_call_and_one_after_quiet_days_are_not_concentrated(policy: compliance.Policy) -> None:
    assert not flagged(policy)
    assert not flagged(policy, 2 * DAY)
    assert not flagged(policy, 4 * DAY, 2 * DAY)


def test_four_calls_on_one_date_are_concentrated_and_three_are_not(policy: compliance.Policy) -> None:
    assert flagged(policy, 3 * HOUR, 2 * HOUR, HOUR)
    assert not flagged(policy, 2 * HOUR, HOUR)


def test_four_calls_on_two_dates_are_not_concentrated_however_near(policy: compliance.Policy) -> None:
    assert not flagged(policy, 15 * HOUR, 2 * HOUR, HOUR)
    assert not flagged(policy, 20 * HOUR, 19 * HOUR, 18 * HOUR)


def test_four_calls_on_one_earlier_date_are_still_concentrated(policy: compliance.Policy) -> None:
    earlier = [2 * DAY + n * HOUR for n in (3, 2, 1, 0)]
    assert flagged(policy, *earlier)
    assert not flagged(policy, *(span + 5 * DAY + 30 * MINUTE for span in earlier))


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (DAY + 5 * MINUTE, DAY, True),
        (DAY + 5 * MINUTE + SECOND, DAY, False),
        (7 * DAY - SECOND, 7 * DAY - MINUTE, True),
        (7 * DAY, 7 * DAY - MINUTE, False),  # the older of the two is no longer of the last week
        (7 * DAY + HOUR, 7 * DAY + HOUR - MINUTE, False),
        (6 * DAY + HOUR, 6 * DAY + HOUR - MINUTE, True),
    ],
)
def test_two_calls_to_a_number_within_five_minutes_of_the_last_week_are_concentrated(
    policy: compliance.Policy, first: timedelta, second: timedelta, found: bool
) -> None:
    assert flagged(policy, first, second) is found


def test_a_call_within_five_minutes_of_the_last_to_the_number_is_concentrated(policy: compliance.Policy) -> None:
    assert flagged(policy, 5 * MINUTE)
    assert not flagged(policy, 5 * MINUTE + SECOND)


def test_two_calls_within_five_minutes_to_different_numbers_are_not(policy: compliance.Policy) -> None:
    other = "+18005550148"
    assert not flagged(policy, 3 * MINUTE, numbers=(other,))
    assert not flagged(policy, DAY + 3 * MINUTE, DAY, numbers=(NUMBER, other))
    assert flagged(policy, DAY + 3 * MINUTE, DAY, numbers=(other, other))
