"""The number plan: every number valid, every suffix one behaviour, every tone its own."""

from __future__ import annotations

from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.testing.number_plan import (
    BY_BEHAVIOUR,
    BY_SUFFIX,
    PLAN,
    PROFILE_SUFFIX,
    TONES_HZ,
    Behaviour,
    fixed_behaviour,
    markdown_table,
    number_for,
    tone_hz,
)
from domain.phone import PhoneNumber, PhoneNumberError

pytestmark = pytest.mark.unit

AREA_CODES = ("212", "206", "303", "312", "415", "505", "602", "617", "713", "808", "907")
PAGE = Path(__file__).parents[4] / "docs/reference/test-carrier.md"


@pytest.mark.parametrize("area_code", ["", "12", "1234", "112", "abc", "2١2"])
def test_an_impossible_area_code_is_refused(area_code: str) -> None:
    with pytest.raises(ValueError, match="area code"):
        number_for(Behaviour.HUMAN, area_code, 0)


@pytest.mark.parametrize("k", [-1, -100, 10**6])
def test_a_number_beyond_the_plan_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match="k ="):
        number_for(Behaviour.HUMAN, "212", k)


def test_a_number_too_short_has_no_tone() -> None:
    # the shortest E.164 number there is still has the four digits; anything shorter is no number at all
    assert tone_hz(PhoneNumber("+1234567")) in TONES_HZ
    with pytest.raises(PhoneNumberError):
        PhoneNumber("+123")


def test_the_plan_names_each_behaviour_once() -> None:
    assert [row.behaviour for row in PLAN] == list(Behaviour)
    assert len(BY_SUFFIX) == len(Behaviour)
    assert PROFILE_SUFFIX not in BY_SUFFIX


def test_each_behaviour_agrees_with_some_outcome() -> None:
    assert all(row.expected for row in PLAN)


@given(st.sampled_from([*Behaviour, None]), st.sampled_from(AREA_CODES), st.integers(0, 9999))
def test_numbers_are_valid_and_behave_as_asked(behaviour: Behaviour | None, area_code: str, k: int) -> None:
    number = number_for(behaviour, area_code, k)
    assert phonenumbers.is_valid_number(phonenumbers.parse(number.e164))
    assert fixed_behaviour(number) is behaviour
    assert tone_hz(number) == TONES_HZ[k % 100]


def test_numbers_differ() -> None:
    numbers = {number_for(behaviour, "312", k).e164 for behaviour in Behaviour for k in range(1000)}
    assert len(numbers) == len(Behaviour) * 1000


def test_marking_tones_are_apart_from_each_other_and_from_signalling() -> None:
    assert len(set(TONES_HZ)) == 100
    assert all(hz % 20 == 0 and 500 <= hz <= 3000 for hz in TONES_HZ)
    signalling = (697, 770, 852, 941, 1209, 1336, 1477, 1633, 1000, 1100, 2100)
    assert min(abs(hz - other) for hz in TONES_HZ for other in signalling if other != 1000) > 12


def test_people_are_those_who_can_be_talked_to() -> None:
    assert {b for b in Behaviour if BY_BEHAVIOUR[b].person} == {b for b in Behaviour if "human" in b}


def test_the_page_shows_the_plan_as_it_is() -> None:
    assert markdown_table() in PAGE.read_text("utf-8")
