"""Chances and times of the test carrier: what a profile file may say, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.testing.carrier import PROFILE
from dialer.testing.number_plan import Behaviour, number_for
from dialer.testing.profile import ROWS, Profile, ProfileError, Spread, behaviour_of, draw, load_profile

pytestmark = pytest.mark.unit

SPREAD = {"mean": 4.0, "sigma": 0.5, "least": 0.8, "most": 12.0}


def profile(weights: dict[Behaviour, float]) -> Profile:
    spread = Spread(**SPREAD)
    return Profile(weights=weights, post_dial_delay=spread, ring=spread, talk=spread)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "weights"),
        ("this is not TOML", "Expected"),
        ("[weights]\nrobot = 1", "robot"),
        ("[weights]\nhuman = -1", "weights.human"),
        ("[weights]\nhuman = 1\n[ring]\nmean = 4\nsigma = 1\nleast = 9\nmost = 2", "least is above most"),
        ("[weights]\nhuman = 1\n[ring]\nmean = 4\nsigma = 1\nleast = 1\nmost = 2\nlonger = 3", "ring.longer"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "profile.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ProfileError, match=says):
        load_profile(file)


def test_a_profile_in_which_nothing_is_likely_is_refused() -> None:
    with pytest.raises(ValueError, match="zero"):
        profile({Behaviour.HUMAN: 0})


def test_a_profile_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="No such file"):
        load_profile(tmp_path / "missing.toml")


def test_the_shipped_profile_can_be_read() -> None:
    assert sum(load_profile(PROFILE).weights.values()) == pytest.approx(100)


@given(st.dictionaries(st.sampled_from(list(Behaviour)), st.floats(0.01, 1000), min_size=1))
def test_rows_are_in_proportion_to_the_weights(weights: dict[Behaviour, float]) -> None:
    rows = profile(weights).behaviours()
    total = sum(weights.values())
    assert len(rows) == ROWS
    assert all(abs(rows.count(b) - ROWS * weights.get(b, 0) / total) <= 1 for b in Behaviour)


@given(
    mean=st.floats(0.1, 60),
    sigma=st.floats(0, 2),
    least=st.floats(0, 5),
    width=st.floats(0.1, 100),
)
def test_times_stay_within_their_ends_and_rise(mean: float, sigma: float, least: float, width: float) -> None:
    table = Spread(mean=mean, sigma=sigma, least=least, most=least + width).table()
    assert len(table) == ROWS
    assert list(table) == sorted(table)
    assert 1000 * least - 1 <= table[0] <= table[-1] <= 1000 * (least + width) + 1


def test_the_mean_of_the_demo_s_ring_times_is_about_four_seconds() -> None:
    table = load_profile(PROFILE).ring.table()
    assert 3.7 < sum(table) / len(table) / 1000 < 4.2


def test_a_suffix_decides_whatever_the_profile_says() -> None:
    always_busy = profile({Behaviour.BUSY: 1})
    assert behaviour_of(number_for(Behaviour.FAX, "212", 3), always_busy, 1, 1) is Behaviour.FAX
    assert behaviour_of(number_for(None, "212", 3), always_busy, 1, 1) is Behaviour.BUSY


@given(st.integers(0, 10**9), st.integers(0, 9999), st.integers(1, 50))
def test_a_call_can_be_repeated(seed: int, k: int, nth: int) -> None:
    number = number_for(None, "212", k)
    assert draw(seed, number, nth) == draw(seed, number, nth)


def test_the_next_call_and_another_seed_are_other_draws() -> None:
    number = number_for(None, "212", 0)
    assert len({draw(1, number, 1), draw(1, number, 2), draw(2, number, 1)}) == 3
