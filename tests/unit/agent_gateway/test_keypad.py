"""Key codes on an agent's telephone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_gateway.keypad import Command, DispositionKeys, Keypad, press

pytestmark = pytest.mark.unit


def typed(keys: str, *, wrapping_up: bool = False, seconds_between: float = 0.5) -> list[Command | DispositionKeys]:
    keypad, meant = Keypad(), []
    for number, key in enumerate(keys):
        keypad, code = press(keypad, key, 100 + number * seconds_between, wrapping_up=wrapping_up)
        meant += [code] if code is not None else []
    return meant


@pytest.mark.parametrize("keys", ["", "1", "#1", "*", "*#", "*5", "*x1", "1*", "ABCD"])
def test_keys_that_mean_nothing_in_a_call_are_ignored(keys: str) -> None:
    assert typed(keys) == []


def test_a_prefix_is_forgotten_after_three_seconds() -> None:
    assert typed("*1", seconds_between=3.5) == []
    assert typed("*1", seconds_between=3.5, wrapping_up=True) == [DispositionKeys("1")]


def test_a_second_star_begins_again() -> None:
    assert typed("**2") == [Command.PAUSE]


@pytest.mark.parametrize("command", Command)
@pytest.mark.parametrize("wrapping_up", [False, True])
def test_a_starred_code_is_a_command_at_any_time(command: Command, wrapping_up: bool) -> None:
    assert typed(command.value, wrapping_up=wrapping_up) == [command]


def test_while_wrapping_up_a_digit_is_a_disposition() -> None:
    assert typed("7", wrapping_up=True) == [DispositionKeys("7")]
    assert typed("#3", wrapping_up=True) == [DispositionKeys("#3")]


def test_two_codes_in_a_row_are_two_codes() -> None:
    assert typed("*0*1") == [Command.HANG_UP, Command.READY]


@given(st.text(max_size=30), st.booleans())
def test_no_sequence_of_keys_makes_more_codes_than_keys(keys: str, wrapping_up: bool) -> None:
    assert len(typed(keys, wrapping_up=wrapping_up)) <= len(keys)
