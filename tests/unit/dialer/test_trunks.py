"""A trunk never takes more channels, nor more calls a second, than the carrier allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.trunks import RECOVERY_S, Trunk, TrunkLimits, take_first

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("channels", "rate"), [(0, 1.0), (1, 0.0), (-1, 1.0), (1, -2.0)])
def test_limits_that_allow_nothing_are_refused(channels, rate):
    with pytest.raises(ValueError, match="must be positive"):
        TrunkLimits("carrier", channels, rate)


def test_a_full_trunk_takes_nothing():
    trunk = Trunk(TrunkLimits("carrier", channels=1, calls_per_second=10), now=0)
    assert trunk.take(0)
    assert not trunk.take(0)
    assert trunk.in_use == 1


def test_a_call_that_is_gone_makes_room():
    trunk = Trunk(TrunkLimits("carrier", channels=1, calls_per_second=10), now=0)
    trunk.take(0)
    trunk.give_back()
    assert trunk.room(0) == 1


def test_a_slow_trunk_still_takes_a_call_when_its_time_has_come():
    trunk = Trunk(TrunkLimits("carrier", channels=9, calls_per_second=0.5), now=0)
    assert trunk.take(0)
    assert not trunk.take(1)
    assert trunk.take(2)


@given(
    rate=st.floats(0.5, 50),
    steps=st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_the_rate_holds_over_any_pattern_of_asking(rate, steps):
    trunk = Trunk(TrunkLimits("carrier", channels=10_000, calls_per_second=rate), now=0)
    now, sent = 0.0, 0
    for step in steps:
        now += step
        sent += sum(trunk.take(now) for _ in range(200))
    assert sent <= max(1.0, rate) + rate * now + 1e-6


def test_a_trunk_in_trouble_takes_nothing_and_says_why():
    trunk = Trunk(TrunkLimits("carrier", channels=9, calls_per_second=10), now=0)
    trunk.trouble = "not registered"
    assert not trunk.take(0)
    assert trunk.words() == "trunk carrier: not registered"


def test_a_trunk_that_is_well_says_nothing():
    assert Trunk(TrunkLimits("carrier", channels=9, calls_per_second=10), now=0).words() == ""


def test_a_503_halves_the_rate_and_so_does_the_next_one():
    trunk = Trunk(TrunkLimits("carrier", channels=9, calls_per_second=8), now=0)
    trunk.overloaded(0)
    assert trunk.rate == 4
    trunk.overloaded(1)
    assert trunk.rate == pytest.approx(2, abs=0.1)


def test_refusals_of_calls_that_were_under_way_halve_it_once():
    trunk = Trunk(TrunkLimits("carrier", channels=9, calls_per_second=8), now=0)
    for _ in range(20):
        trunk.overloaded(0.5)
    assert trunk.rate == 4


def test_a_slowed_trunk_says_so_and_grows_back_slowly():
    trunk = Trunk(TrunkLimits("carrier", channels=9, calls_per_second=8), now=0)
    trunk.overloaded(0)
    assert "503" in trunk.words()
    trunk.room(RECOVERY_S / 4)
    assert trunk.rate == pytest.approx(6)
    trunk.room(RECOVERY_S)
    assert not trunk.slowed


@given(rate=st.floats(0.1, 500), refusals=st.lists(st.floats(0, 30), max_size=100))
def test_however_often_it_refuses_a_trunk_is_always_tried_again(rate, refusals):
    trunk = Trunk(TrunkLimits("carrier", channels=9, calls_per_second=rate), now=0)
    now = 0.0
    for pause in refusals:
        now += pause
        trunk.overloaded(now)
        assert 0 < trunk.rate <= rate
    assert trunk.room(now + 40 / rate) >= 1


def test_the_first_trunk_with_room_takes_the_call():
    first, second = (Trunk(TrunkLimits(name, channels=1, calls_per_second=9), now=0) for name in ("a", "b"))
    assert take_first([first, second], 0) is first
    assert take_first([first, second], 0) is second
    assert take_first([first, second], 0) is None
