"""A trunk never takes more channels, nor more calls a second, than the carrier allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.trunks import Trunk, TrunkLimits

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
