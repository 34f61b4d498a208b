"""The join: by Call-ID where there is one, else by number and span, and never by hope."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.outcomes import Outcome
from reports.attempt_lines import AttemptFile, AttemptLine, RunLine
from reports.joining import join
from tests.unit.reports.carrier import Call, Truth

pytestmark = pytest.mark.unit

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
NUMBER, OTHER = "+12125550101", "+12125550202"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def attempt(n: int, sent: float | None, ended: float | None, number: str = NUMBER, **more: object) -> AttemptLine:
    line = AttemptLine(
        attempt=f"{n:032x}",
        account=f"A{n}",
        number=number,
        campaign="demo",
        reserved_at=at(sent or 0),
        outcome=Outcome.NO_ANSWER,
        sent_at=None if sent is None else at(sent),
        ended_at=None if ended is None else at(ended),
    )
    return replace(line, **more)


def call(invited: float, number: str = NUMBER, call_id: str = "") -> Call:
    return Call(number, Truth.NO_ANSWER, at(invited), call_id)


def file_of(*lines: AttemptLine, offset: float = 0) -> AttemptFile:
    return AttemptFile(RunLine(started_at=NOON, calendar_offset_s=offset), lines, {}, (), ())


def matches(*lines: AttemptLine, calls: list[Call], offset: float = 0) -> list[list[float]]:
    joined = join(file_of(*lines, offset=offset), calls)
    return [[(each.invited_at - NOON).total_seconds() for each in pair.calls] for pair in joined.pairs]


def test_an_invite_without_an_attempt_is_a_duplicate_dial() -> None:
    joined = join(file_of(), [call(0)])
    assert (len(joined.orphans), joined.duplicate_dials) == (1, 1)


def test_an_invite_to_another_number_is_not_matched() -> None:
    joined = join(file_of(attempt(1, 0, 20)), [call(0.1, OTHER)])
    assert (joined.pairs[0].call, joined.duplicate_dials) == (None, 1)


@pytest.mark.parametrize("invited", [-1.1, 21.1, 3600])
def test_an_invite_outside_the_attempt_is_not_matched(invited: float) -> None:
    joined = join(file_of(attempt(1, 0, 20)), [call(invited)])
    assert (joined.pairs[0].call, joined.duplicate_dials) == (None, 1)


def test_an_attempt_that_was_never_sent_takes_no_invite() -> None:
    assert join(file_of(attempt(1, None, None)), [call(0)]).duplicate_dials == 1


def test_two_invites_of_one_attempt_are_one_too_many() -> None:
    joined = join(file_of(attempt(1, 0, 20)), [call(0.1), call(5)])
    assert ([len(pair.calls) for pair in joined.pairs], joined.duplicate_dials) == ([2], 1)


def test_a_failover_is_no_duplicate_but_a_third_invite_is() -> None:
    lines = file_of(attempt(1, 0, 20, failovers=1))
    assert join(lines, [call(0.1), call(5)]).duplicate_dials == 0
    assert join(lines, [call(0.1), call(5), call(6)]).duplicate_dials == 1


def test_a_call_id_of_another_run_does_not_fall_back_to_time() -> None:
    joined = join(file_of(attempt(1, 0, 20, sip_call_ids=("a",))), [call(0.1, call_id="b")])
    assert (joined.pairs[0].call, joined.duplicate_dials) == (None, 1)


def test_a_call_id_matches_whatever_the_clocks_say() -> None:
    assert matches(attempt(1, 0, 20, sip_call_ids=("a",)), calls=[call(9999, call_id="a")]) == [[9999]]


def test_retries_to_one_number_are_matched_each_with_its_own_invite() -> None:
    lines = [attempt(1, 0, 20), attempt(2, 300, 320), attempt(3, 600, 620)]
    assert matches(*lines, calls=[call(600.1), call(0.1), call(300.1)]) == [[0.1], [300.1], [600.1]]


def test_a_retry_that_never_reached_the_carrier_does_not_shift_the_others() -> None:
    lines = [attempt(1, 0, 20), attempt(2, 300, 320), attempt(3, 600, 620)]
    assert matches(*lines, calls=[call(0.1), call(600.1)]) == [[0.1], [], [600.1]]


def test_a_call_that_never_ended_is_matched_until_the_next_attempt() -> None:
    assert matches(attempt(1, 0, None), attempt(2, 300, None), calls=[call(0.1), call(300.1)]) == [[0.1], [300.1]]


def test_the_last_invite_of_a_failover_decides() -> None:
    joined = join(file_of(attempt(1, 0, 20, failovers=1)), [call(0.1), call(5)])
    assert joined.pairs[0].call is not None
    assert joined.pairs[0].call.invited_at == at(5)


@given(
    offset=st.integers(-(10**7), 10**7),
    numbers=st.lists(st.sampled_from([NUMBER, OTHER]), max_size=12),
    delays=st.lists(st.floats(0, 5), min_size=12, max_size=12),
)
def test_one_invite_an_attempt_joins_completely_under_any_calendar(
    offset: int, numbers: list[str], delays: list[float]
) -> None:
    lines = [attempt(n, 30 * n + offset, 30 * n + 20 + offset, number) for n, number in enumerate(numbers)]
    calls = [call(30 * n + delays[n], number) for n, number in enumerate(numbers)]
    joined = join(file_of(*lines, offset=offset), calls[::-1])
    assert joined.duplicate_dials == 0
    assert [pair.call for pair in joined.pairs] == calls


@given(surplus=st.integers(0, 5), lost=st.booleans())
def test_every_invite_is_either_matched_or_an_orphan(surplus: int, lost: bool) -> None:
    calls = [call(0.5 * n) for n in range(1 + surplus)] + [call(500)] * lost
    joined = join(file_of(attempt(1, 0, 20)), calls)
    assert sum(len(pair.calls) for pair in joined.pairs) + len(joined.orphans) == len(calls)
    assert joined.duplicate_dials == surplus + lost
