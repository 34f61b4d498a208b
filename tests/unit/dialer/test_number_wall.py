"""The second wall of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.asterisk.settings import SipTrunk
from dialer.number_wall import NumberWall, RefusedNumberError
from domain.phone import PhoneNumber

pytestmark = pytest.mark.unit

LOOP = SipTrunk(name="loop", host="127.0.0.1")
REAL = SipTrunk(name="real", host="sip.example.com")
PERSON = PhoneNumber("+12125550132")
WALL = NumberWall(frozenset({"US", "GB"}))


@pytest.mark.parametrize(
    "e164",
    [
        pytest.param("+19115551234", id="911 as an area code"),
        pytest.param("+12129111234", id="911 as an exchange"),
        pytest.param("+12124111234", id="411 as an exchange"),
        pytest.param("+19005551234", id="premium area code"),
        pytest.param("+12129761234", id="premium exchange"),
        pytest.param("+17005551234", id="carrier's own area code"),
        pytest.param("+15005551234", id="personal number"),
        pytest.param("+12021234567", id="no number of the plan"),
        pytest.param("+449098790000", id="premium, Britain"),
        pytest.param("+448450000000", id="shared cost, Britain"),
        pytest.param("+449991234567", id="emergency, Britain"),
        pytest.param("+18765551234", id="Jamaica looks like the United States"),
        pytest.param("+447624000000", id="Isle of Man looks like Britain"),
        pytest.param("+33140200000", id="a country not listed"),
        pytest.param("+882123456789", id="an international network"),
        pytest.param("+9991234567", id="no country at all"),
    ],
)
def test_refused_on_any_trunk(e164: str) -> None:
    with pytest.raises(RefusedNumberError) as caught:
        NumberWall(WALL.countries, frozenset({"real"})).check(PhoneNumber(e164), LOOP)

    assert e164[3:] not in str(caught.value)


def test_a_trunk_that_leaves_the_machine_is_refused_until_it_is_live() -> None:
    with pytest.raises(RefusedNumberError, match=r"trunk\.live"):
        WALL.check(PERSON, REAL)

    NumberWall(WALL.countries, frozenset({"real"})).check(PERSON, REAL)


@pytest.mark.parametrize("host", ["127.0.0.1.example.com", "localhost", "0.0.0.0", "10.0.0.1"])
def test_only_an_address_of_the_loopback_network_is_loopback(host: str) -> None:
    with pytest.raises(RefusedNumberError):
        WALL.check(PERSON, SipTrunk(name="x", host=host))


@pytest.mark.parametrize("e164", ["+12125550132", "+12025550100", "+18005551234", "+442079460000"])
def test_ordinary_numbers_of_listed_countries_pass(e164: str) -> None:
    WALL.check(PhoneNumber(e164), LOOP)


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True) | st.from_regex(r"\+1[2-9][0-9]{9}", fullmatch=True))
def test_whatever_passes_is_an_ordinary_number_of_a_listed_country(e164: str) -> None:
    try:
        WALL.check(PhoneNumber(e164), LOOP)
    except RefusedNumberError:
        return
    assert e164.startswith(("+1", "+44"))
    assert "11" not in {e164[3:5], e164[6:8]} or e164.startswith("+44")
