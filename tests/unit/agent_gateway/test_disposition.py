"""Dispositions: what is refused, then what is recorded."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from agent_gateway.disposition import (
    COLLECTIONS,
    Details,
    Disposition,
    DispositionError,
    DispositionSet,
    Need,
    Recorded,
    Scope,
)
from domain.money import Money
from domain.outcomes import Outcome
from domain.reasons import ReasonCode

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
PROMISE = Details(promise=Money(5000), promise_on=date(2026, 3, 20))


@pytest.mark.parametrize(
    ("dispositions", "complaint"),
    [
        ((Disposition("Paid", "1", "Paid"),), "code 'Paid' is malformed"),
        ((Disposition("paid", "12", "Paid"),), "key '12' is malformed"),
        ((Disposition("paid", "*1", "Paid"),), "malformed"),
        ((Disposition("paid", "1", "Paid", "AB"),), "letter 'AB' is malformed"),
        ((Disposition("paid", "1", "Paid", "r"),), "letter 'r' is a command"),
        ((Disposition("paid", "1", "Paid"), Disposition("paid", "2", "Paid")), "code is used twice"),
        ((Disposition("paid", "1", "Paid"), Disposition("spoke", "1", "Spoke")), "key is used twice"),
        ((Disposition("paid", "1", "P", "a"), Disposition("spoke", "2", "S", "a")), "letter is used twice"),
    ],
)
def test_a_faulty_set_is_refused_when_it_is_made(dispositions: tuple[Disposition, ...], complaint: str) -> None:
    with pytest.raises(DispositionError, match=complaint):
        DispositionSet(dispositions)


@pytest.mark.parametrize(
    ("code", "details", "complaint"),
    [
        ("nonsense", Details(), "unknown disposition"),
        ("promise", Details(), "needs an amount and a day"),
        ("promise", Details(promise=Money(100)), "needs an amount and a day"),
        ("promise", Details(promise=Money(0), promise_on=NOW.date()), "more than zero"),
        ("promise", Details(promise=Money(-1), promise_on=NOW.date()), "more than zero"),
        ("promise", Details(promise=Money(1), promise_on=date(2026, 3, 8)), "between today and a year"),
        ("promise", Details(promise=Money(1), promise_on=date(2028, 3, 8)), "between today and a year"),
        ("callback", Details(), "needs a day and time to call"),
        ("callback", Details(callback_at=datetime(2026, 3, 11, 9, 0)), "with its zone"),  # noqa: DTZ001
        ("callback", Details(callback_at=NOW - timedelta(minutes=1)), "between now and half a year"),
        ("callback", Details(callback_at=NOW + timedelta(days=365)), "between now and half a year"),
        ("spoke", Details(note="x" * 2001), "at most 2000 characters"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_what_to_do(code: str, details: Details, complaint: str) -> None:
    with pytest.raises(DispositionError, match=complaint):
        COLLECTIONS.record(code, details, NOW)


def test_nothing_said_in_time_is_a_conversation() -> None:
    assert Recorded(disposition=None).outcome is Outcome.CONVERSATION


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("paid", Outcome.CONVERSATION),
        ("third_party", Outcome.THIRD_PARTY),
        ("wrong_number", Outcome.WRONG_NUMBER),
        ("machine", Outcome.MACHINE),
        ("cease", Outcome.CONVERSATION),
    ],
)
def test_the_outcome_follows_from_the_disposition(code: str, outcome: Outcome) -> None:
    assert COLLECTIONS.record(code, Details(), NOW).outcome is outcome


def test_a_promise_keeps_amount_and_day() -> None:
    assert COLLECTIONS.record("promise", PROMISE, NOW).details == PROMISE


def test_details_that_do_not_belong_to_the_disposition_are_dropped() -> None:
    recorded = COLLECTIONS.record("wrong_number", Details(PROMISE.promise, PROMISE.promise_on, note="no"), NOW)
    assert recorded.details == Details(note="no")


def test_by_telephone_a_promise_is_recorded_with_what_is_missing() -> None:
    recorded = COLLECTIONS.record_keys("1")
    assert recorded is not None
    assert recorded.missing == {Need.PROMISE}
    assert COLLECTIONS.record_keys("#9") is None


def test_whatever_the_law_hangs_on_is_in_the_default_set() -> None:
    stops = {item.suppression.code: item.suppression.scope for item in COLLECTIONS.dispositions if item.suppression}
    assert stops == {
        ReasonCode.THIRD_PARTY: Scope.PHONE,
        ReasonCode.WRONG_NUMBER: Scope.PHONE,
        ReasonCode.INTERNAL_DNC: Scope.PHONE,
        ReasonCode.ATTORNEY: Scope.PERSON,
        ReasonCode.DISPUTE: Scope.DEBT,
        ReasonCode.DECEASED: Scope.PERSON,
        ReasonCode.BANKRUPTCY: Scope.PERSON,
        ReasonCode.CEASE: Scope.PERSON,
        ReasonCode.IDENTITY_THEFT: Scope.DEBT,
    }


def test_every_disposition_has_one_key_on_a_keyboard() -> None:
    keyboard = [item.letter or item.keys for item in COLLECTIONS.dispositions]
    assert all(len(key) == 1 for key in keyboard)
    assert len(set(keyboard)) == len(keyboard)
