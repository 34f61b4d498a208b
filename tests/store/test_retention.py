"""What has been kept long enough, on both databases: nothing that may still count, nothing that is disputed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts import retention, suppression
from accounts.facts import HISTORY
from accounts.journal import Contact, record_contact
from accounts.model import Claim, DebtStatus
from accounts.retention import Periods, Share
from compliance.facts import SuppressionKind
from domain.outcomes import Outcome
from domain.reasons import ReasonCode

from .conftest import Floor, blocked

pytestmark = pytest.mark.store

YEAR = Periods(recordings=365, attempts=365, blocked=365, contacts=365, events=365, persons=365)


def shares(floor: Floor, periods: Periods = YEAR) -> dict[str, Share]:
    return {share.kind: share for share in floor.store.read(retention.plan, periods, floor.now)}


def called(floor: Floor, n: int, **changes: object) -> Claim:
    """An account that was called today; its claim."""
    floor.account(n, **changes)
    (held,) = [one for one in floor.claims() if one.number.e164.endswith(f"{n:04d}")]
    floor.end(floor.reserve(held), Outcome.NO_ANSWER)
    return held


def goes(floor: Floor, periods: Periods = YEAR) -> dict[str, int]:
    return {kind: share.goes for kind, share in shares(floor, periods).items() if share.goes}


def test_what_is_not_old_enough_stays(floor: Floor) -> None:
    called(floor, 1)
    floor.later(days=364)
    assert goes(floor) == {}


def test_without_a_period_everything_is_kept_for_ever(floor: Floor) -> None:
    called(floor, 1)
    floor.later(days=36_000)
    assert shares(floor, Periods()) == {kind: Share(kind, None) for kind in shares(floor)}


def test_a_period_shorter_than_a_rule_looks_back_is_overruled(floor: Floor) -> None:
    called(floor, 1)
    floor.later(days=HISTORY.days - 1)
    short = shares(floor, Periods(attempts=7))["attempts"]
    assert (short.goes, short.counted) == (0, 1)
    floor.later(days=2)
    short = shares(floor, Periods(attempts=7))["attempts"]
    assert (short.goes, short.counted) == (1, 0)


@pytest.mark.parametrize("by", ["debt", "person", "number"])
def test_nothing_of_an_open_dispute_goes_until_it_is_over(floor: Floor, by: str) -> None:
    held = called(floor, 1)
    floor.later(days=1)
    named = {"debt": {"debt": held.debt}, "person": {"person": held.person}, "number": {"number": held.number}}[by]
    kind = SuppressionKind.LITIGATOR if by == "number" else SuppressionKind.DISPUTE
    floor.store.write(suppression.suppress, kind, floor.now, source="client", **named)
    floor.later(days=400)
    assert shares(floor)["attempts"] == Share("attempts", floor.now - timedelta(days=365), 0, 0, 1)
    (found,) = floor.store.read(suppression.in_force, floor.now)
    floor.store.write(suppression.lift, found.id, floor.now)
    floor.later(seconds=1)
    assert goes(floor) == {"attempts": 1}


def test_persons_stay_while_a_debt_is_open_or_they_were_called_lately(floor: Floor) -> None:
    floor.account(1, status=DebtStatus.CLOSED)
    floor.account(2)
    floor.later(days=400)
    assert goes(floor) == {"persons": 1}
    assert shares(floor)["persons"].counted == 0


def test_each_kind_is_counted_by_itself(floor: Floor) -> None:
    held = called(floor, 1)
    floor.account(2)
    (other,) = [one for one in floor.claims() if one.debt != held.debt]
    floor.reserve(other, lambda _facts: blocked(ReasonCode.WRONG_NUMBER))
    floor.store.write(record_contact, Contact(floor.now, "conversation", direction="in", number=held.number))
    floor.later(days=400)
    assert goes(floor) == {"attempts": 1, "blocked": 1, "contacts": 1}
