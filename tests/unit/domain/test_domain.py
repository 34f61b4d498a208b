"""The shared words keep their promises."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import ids, money, phone
from domain.clock import ManualClock, SystemClock
from domain.money import Money, MoneyError
from domain.outcomes import Outcome, Verdict
from domain.phone import PhoneNumber, PhoneNumberError

pytestmark = pytest.mark.unit

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "abc", "12", "+1212555014\r\nAction: Hangup", "(212) 555-0147 x12", "+0", "999" * 9]
)
def test_what_cannot_be_dialled_is_refused_without_repeating_it(text):
    with pytest.raises(PhoneNumberError) as caught:
        phone.parse(text)
    assert text == "" or text not in str(caught.value)


@pytest.mark.parametrize("text", ["(212) 555-0147", "+1 212.555.0147", "1-212-555-0147"])
def test_a_number_is_read_as_people_write_it(text):
    assert phone.parse(text).e164 == "+12125550147"


def test_a_number_shown_by_accident_is_masked():
    number = PhoneNumber("+12125550147")
    assert "5550" not in f"{number} {number!r}"


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "1.234", "ten", "1e99"])
def test_what_is_not_an_amount_is_refused(text):
    with pytest.raises(MoneyError):
        money.parse(text)


@given(st.integers(-(10**11), 10**11))
def test_an_amount_survives_being_printed_and_read(cents):
    assert money.parse(str(Money(cents)).removesuffix(" USD")).cents == cents


@given(st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)).map(lambda d: d.replace(tzinfo=UTC)))  # noqa: DTZ001
def test_an_attempt_id_is_safe_to_send_and_sorts_by_time(instant):
    early, late = ids.new_attempt_id(instant), ids.new_attempt_id(instant + timedelta(milliseconds=2))
    assert ids.is_call_id(early)
    assert early < late


@pytest.mark.parametrize("text", ["", "g" * 32, "A" * 32, "a" * 31, "a" * 32 + "\n", "../" + "a" * 29])
def test_nothing_else_has_the_shape_of_a_call_id(text):
    assert not ids.is_call_id(text)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_what_was_never_connected_escapes_the_caps(outcome):
    assert outcome.counts_toward_caps == (outcome not in {Outcome.BUSY, Outcome.SIT, Outcome.FAILED})


def test_an_uncertain_verdict_is_a_person():
    assert not Verdict.UNCERTAIN.is_machine


def test_manual_time_never_goes_back():
    with pytest.raises(ValueError, match="cannot advance"):
        ManualClock(NOON).advance(-1)


def test_a_moved_calendar_runs_at_the_ordinary_pace():
    clock = SystemClock.starting_at(NOON)
    assert timedelta(0) <= clock.now() - NOON < timedelta(seconds=30)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=20_000)))
def test_the_channel_of_every_invite_tells_its_attempt(later):
    attempt = ids.new_attempt_id(NOON + later)
    channels = [ids.channel_of(attempt, invite) for invite in range(ids.MAX_INVITES)]
    assert channels[0] == attempt
    assert len(set(channels)) == ids.MAX_INVITES
    assert {ids.attempt_of(channel) for channel in channels} == {attempt}
    assert all(ids.is_call_id(channel) for channel in channels)


@pytest.mark.parametrize(("attempt", "invite"), [("x", 1), ("a" * 31, 1), ("0" * 32, 1), ("0" * 16 + "8" * 16, 5)])
def test_no_further_channel_is_made_for_what_is_no_attempt(attempt, invite):
    with pytest.raises(ValueError, match="no channel id"):
        ids.channel_of(attempt, invite)


@pytest.mark.parametrize("other", ["", "a" * 32, "f" * 32, "1700000000.42", "dialer-1700000000.42"])
def test_what_is_no_further_channel_is_left_as_it_is(other):
    assert ids.attempt_of(other) == other
