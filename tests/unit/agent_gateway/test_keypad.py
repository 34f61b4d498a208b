"""Key codes on an agent's telephone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_gateway.keypad import Asked, Command, DispositionKeys, Keypad, Preview, press

pytestmark = pytest.mark.unit


def typed(
    keys: str, asked: Asked = Asked.NOTHING, *, seconds_between: float = 0.5
) -> list[Command | DispositionKeys | Preview]:
    keypad, meant = Keypad(), []
    for number, key in enumerate(keys):
        keypad, code = press(keypad, key, 100 + number * seconds_between, asked)
        meant += [code] if code is not None else []
    return meant


@pytest.mark.parametrize("keys", ["", "1", "#1", "*", "*#", "*5", "*x1", "1*", "ABCD"])
def test_keys_that_mean_nothing_in_a_call_are_ignored(keys: str) -> None:
    assert typed(keys) == []


def test_a_prefix_is_forgotten_after_three_seconds() -> None:
    assert typed("*1", seconds_between=3.5) == []
    assert typed("*1", Asked.DISPOSITION, seconds_between=3.5) == [DispositionKeys("1")]


def test_a_second_star_begins_again() -> None:
    assert typed("**2") == [Command.PAUSE]


@pytest.mark.parametrize("command", Command)
@pytest.mark.parametrize("asked", Asked)
def test_a_starred_code_is_a_command_at_any_time(command: Command, asked: Asked) -> None:
    assert typed(command.value, asked) == [command]


def test_while_wrapping_up_a_digit_is_a_disposition() -> None:
    assert typed("7", Asked.DISPOSITION) == [DispositionKeys("7")]
    assert typed("#3", Asked.DISPOSITION) == [DispositionKeys("#3")]


@pytest.mark.parametrize("keys", ["1", "5", "9", "*#", "x"])
def test_a_slip_while_an_account_is_shown_neither_dials_nor_skips_it(keys: str) -> None:
    assert typed(keys, Asked.PREVIEW) == []


@pytest.mark.parametrize("answer", Preview)
def test_while_an_account_is_shown_one_key_dials_and_one_skips(answer: Preview) -> None:
    assert typed(answer.value, Asked.PREVIEW) == [answer]


def test_two_codes_in_a_row_are_two_codes() -> None:
    assert typed("*0*1") == [Command.HANG_UP, Command.READY]


@given(st.text(max_size=30), st.sampled_from(Asked))
def test_no_sequence_of_keys_makes_more_codes_than_keys(keys: str, asked: Asked) -> None:
    assert len(typed(keys, asked)) <= len(keys)
