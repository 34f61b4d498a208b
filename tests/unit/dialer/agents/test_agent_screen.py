"""The agent's terminal without a terminal: keys, messages, forms, and what is drawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agent_gateway.agent import AgentState, Cause, Wish
from agent_gateway.disposition import COLLECTIONS
from agent_gateway.protocol import (
    Bye,
    CallMessage,
    Choice,
    DialRequest,
    DispositionRequest,
    Done,
    ErrorMessage,
    HangUpRequest,
    HoldRequest,
    Line,
    PauseRequest,
    ReadyRequest,
    Request,
    ResumeRequest,
    SignOutRequest,
    SkipRequest,
    StateMessage,
    Welcome,
    disposition_choices,
)
from dialer.agent_client import LinkLost
from dialer.agent_screen import LEFT, Screen, amount_of, day_of, instant_of, press, take
from dialer.agent_view import clock, draw

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
WELCOME = Welcome(
    agent="ann",
    name="Ann",
    heartbeat_s=5,
    pause_reasons=(Choice(code="lunch", label="Lunch"),),
    skip_reasons=(Choice(code="bad_data", label="The data looks wrong"),),
)
CALL = CallMessage(
    attempt="a" * 32,
    person="Ada [bold]Lovelace[/bold] \x1b[31m",
    lines=(Line(label="Balance", text="120.00 USD"),),
    say=("This call may be recorded.",),
    preview_s=45.0,
    wrap_up_s=30.0,
    dispositions=disposition_choices(COLLECTIONS),
)


def state(name: AgentState, *, elapsed_s: float = 0.0, **fields: object) -> StateMessage:
    in_call = name in {AgentState.PREVIEW, AgentState.RESERVED, AgentState.TALKING, AgentState.HOLD, AgentState.WRAP_UP}
    standard = {
        "reason": None,
        "phone_connected": True,
        "wish": Wish.NONE,
        "wish_reason": None,
        "attempt": CALL.attempt if in_call else None,
    }
    return StateMessage(state=name, elapsed_s=elapsed_s, calendar=NOON, **(standard | fields))  # type: ignore[arg-type]


def screen(name: AgentState, **fields: object) -> Screen:
    shown = take(take(Screen("ann"), WELCOME, 100.0), state(name, **fields), 100.0)
    return take(shown, CALL, 100.0) if shown.state and shown.state.attempt else shown


def typed(shown: Screen, *keys: str) -> tuple[Screen, list[Request]]:
    asked = []
    for key in keys:
        shown, request = press(shown, key)
        asked += [request] if request is not None else []
    return shown, asked


def drawn(shown: Screen, now: float = 100.0, width: int = 100) -> str:
    console = Console(width=width, height=30, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(draw(shown, now))
    return captured.get()


# --- keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (AgentState.READY, "h"),
        (AgentState.READY, "l"),
        (AgentState.READY, "1"),
        (AgentState.TALKING, "1"),
        (AgentState.TALKING, "a"),
        (AgentState.RESERVED, "n"),
        (AgentState.READY, "d"),
        (AgentState.RESERVED, "d"),
        (AgentState.TALKING, "s"),
        (AgentState.PREVIEW, "1"),
        (AgentState.PREVIEW, "h"),
        (AgentState.PREVIEW, "enter"),
        (AgentState.OFFLINE, "p"),
        (AgentState.WRAP_UP, "z"),
        (AgentState.WRAP_UP, "#"),
        (AgentState.WRAP_UP, "escape"),
    ],
)
def test_a_key_without_a_meaning_does_nothing(name: AgentState, key: str) -> None:
    shown, asked = typed(screen(name), key)
    assert asked == []
    assert (shown.form, shown.picking) == (None, None)


@pytest.mark.parametrize(
    ("name", "key", "request_type"),
    [
        (AgentState.PAUSED, "r", ReadyRequest),
        (AgentState.OFFLINE, "r", ReadyRequest),
        (AgentState.TALKING, "h", HangUpRequest),
        (AgentState.HOLD, "h", HangUpRequest),
        (AgentState.TALKING, "l", HoldRequest),
        (AgentState.HOLD, "l", ResumeRequest),
    ],
)
def test_one_key_asks_for_one_thing(name: AgentState, key: str, request_type: type[Request]) -> None:
    _, asked = typed(screen(name), key)
    assert [type(request) for request in asked] == [request_type]


@pytest.mark.parametrize(
    "choice", [choice for choice in CALL.dispositions if not choice.needs], ids=lambda choice: choice.code
)
def test_every_outcome_without_details_is_one_key(choice: object) -> None:
    assert isinstance(choice, type(CALL.dispositions[0]))
    _, asked = typed(screen(AgentState.WRAP_UP), choice.letter or choice.keys)
    assert [request.code for request in asked if isinstance(request, DispositionRequest)] == [choice.code]


def test_signing_out_takes_two_presses() -> None:
    shown, asked = typed(screen(AgentState.READY), "q")
    assert (shown.leaving, asked) == (True, [])
    assert "again to sign out" in drawn(shown)
    assert typed(shown, "escape")[0].leaving is False
    assert [type(request) for request in typed(shown, "q")[1]] == [SignOutRequest]


def test_a_pause_is_picked_from_the_gateways_reasons() -> None:
    shown, _ = typed(screen(AgentState.READY), "p")
    assert "1  Lunch" in drawn(shown)
    assert typed(shown, "9")[1] == []
    assert typed(shown, "1")[1] == [PauseRequest(type="pause", reason="lunch")]


def test_one_key_dials_the_account_on_the_screen() -> None:
    assert typed(screen(AgentState.PREVIEW), "d")[1] == [DialRequest(type="dial", attempt=CALL.attempt)]


@pytest.mark.parametrize(("key", "reason"), [("1", "bad_data"), ("s", None), ("enter", None)])
def test_skipping_asks_why_and_takes_no_reason_for_an_answer(key: str, reason: str | None) -> None:
    shown, asked = typed(screen(AgentState.PREVIEW), "s")
    assert asked == []
    assert "1  The data looks wrong" in drawn(shown)
    assert typed(shown, key)[1] == [SkipRequest(type="skip", attempt=CALL.attempt, reason=reason)]


@pytest.mark.parametrize("key", ["escape", "9", "d"])
def test_the_reasons_to_skip_can_be_left_and_nothing_is_dialed_by_it(key: str) -> None:
    shown, asked = typed(screen(AgentState.PREVIEW), "s", key)
    assert (shown.picking, asked) == (None, [])


def test_an_account_that_is_not_on_the_screen_yet_cannot_be_dialed_or_skipped() -> None:
    newer = take(screen(AgentState.PREVIEW), state(AgentState.PREVIEW, attempt="b" * 32), 100.0)
    assert typed(newer, "d", "s", "s")[1] == []


def test_the_reasons_close_when_the_account_is_taken_back() -> None:
    shown, _ = typed(screen(AgentState.PREVIEW), "s")
    gone = take(shown, state(AgentState.PAUSED, reason=Cause.PREVIEW_MISSED), 145.0)
    assert (gone.picking, gone.call) == (None, None)
    assert "it went back: press r to go on" in drawn(gone)


def test_why_one_account_was_not_dialed_can_still_be_read_when_the_next_is_shown() -> None:
    told = take(screen(AgentState.READY), ErrorMessage(ref=None, code="not_dialed", message="Not dialed: cap"), 100.0)
    assert "Not dialed: cap" in drawn(take(told, state(AgentState.PREVIEW), 100.0))
    assert "Not dialed: cap" not in drawn(take(told, state(AgentState.TALKING), 100.0))


def test_a_promise_asks_for_amount_and_day_and_says_what_is_wrong_with_them() -> None:
    shown, asked = typed(screen(AgentState.WRAP_UP), "1", *"ten", "enter")
    assert asked == []
    assert "not an amount" in drawn(shown)
    shown, asked = typed(shown, "backspace", "backspace", "backspace", *"50.5", "enter", *"+7", "enter")
    assert asked == [
        DispositionRequest(type="disposition", code="promise", promise_amount="50.5", promise_on=date(2026, 3, 17))
    ]
    assert shown.form is None


def test_a_callback_asks_when() -> None:
    _, asked = typed(screen(AgentState.WRAP_UP), "3", *"+2h", "enter")
    assert [request.callback_at for request in asked if isinstance(request, DispositionRequest)] == [
        NOON + timedelta(hours=2)
    ]


def test_a_form_can_be_left() -> None:
    shown, asked = typed(screen(AgentState.WRAP_UP), "1", *"50", "escape")
    assert (shown.form, asked) == (None, [])


def test_a_note_typed_while_talking_goes_with_the_disposition_and_no_further() -> None:
    shown, _ = typed(screen(AgentState.TALKING), "n", *"likes q and h", "enter")
    shown = take(shown, state(AgentState.WRAP_UP), 110.0)
    assert "likes q and h" in drawn(shown)
    _, asked = typed(shown, "4")
    assert [request.note for request in asked if isinstance(request, DispositionRequest)] == ["likes q and h"]
    assert take(shown, state(AgentState.READY), 120.0).note == ""


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (amount_of, "0"),
        (amount_of, "-5"),
        (amount_of, "1.234"),
        (day_of, "soon"),
        (day_of, "+"),
        (day_of, "2027-02-30"),
        (instant_of, "+2"),
        (instant_of, "2027-01-31"),
    ],
)
def test_what_cannot_be_read_is_refused_with_an_example(read: object, text: str) -> None:
    assert callable(read)
    with pytest.raises(ValueError, match=r".+"):
        read(text, NOON)


# --- messages ----------------------------------------------------------------------------------------------------


def test_a_form_closes_when_the_wrap_up_time_is_over() -> None:
    shown, _ = typed(screen(AgentState.WRAP_UP), "1", *"50")
    after = take(shown, state(AgentState.READY), 130.0)
    assert after.form is None
    assert "recorded as a conversation" in drawn(after)


def test_a_note_being_typed_survives_the_end_of_the_conversation() -> None:
    shown, _ = typed(screen(AgentState.TALKING), "n", *"half")
    after = take(shown, state(AgentState.WRAP_UP), 110.0)
    assert after.form is not None
    assert after.form.text == "half"


def test_without_a_gateway_nothing_is_asked_and_one_may_quit() -> None:
    lost = take(screen(AgentState.TALKING), LinkLost(), 101.0)
    assert "NOT CONNECTED" in drawn(lost)
    assert typed(lost, "h", "r")[1] == []
    assert typed(lost, "q")[0].over == LEFT


def test_what_went_wrong_is_shown_until_the_next_key() -> None:
    shown = take(screen(AgentState.READY), ErrorMessage(ref="1", code="not_now", message="not possible"), 100.0)
    assert "not possible" in drawn(shown)
    assert "not possible" not in drawn(typed(shown, "x")[0])


def test_a_goodbye_ends_the_screen() -> None:
    assert take(screen(AgentState.READY), Bye(reason="expired"), 100.0).over == "expired"
    assert take(screen(AgentState.READY), Done(ref="1"), 100.0) == screen(AgentState.READY)


# --- what is drawn -----------------------------------------------------------------------------------------------


def test_the_timer_counts_from_when_the_state_began() -> None:
    assert "1:15" in drawn(screen(AgentState.TALKING, elapsed_s=60.0), now=115.0)
    assert "0:20 left" in drawn(screen(AgentState.WRAP_UP), now=110.0)
    assert "0:35 left" in drawn(screen(AgentState.PREVIEW), now=110.0)


def test_texts_of_the_account_are_shown_as_text() -> None:
    picture = drawn(screen(AgentState.TALKING))
    assert "Ada [bold]Lovelace[/bold]" in picture
    assert "\x1b" not in picture
    assert "This call may be recorded." in picture


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reason": Cause.UNREACHABLE}, "your phone cannot be reached"),
        ({"reason": "lunch"}, "Lunch"),
        ({"reason": "something_new"}, "something_new"),
    ],
)
def test_why_an_agent_gets_no_calls_is_said_in_words(fields: dict[str, object], words: str) -> None:
    assert words in drawn(screen(AgentState.OFFLINE, **fields))


def test_an_announced_pause_is_shown() -> None:
    assert "then pause (Lunch)" in drawn(screen(AgentState.TALKING, wish=Wish.PAUSE, wish_reason="lunch"))


@pytest.mark.parametrize("name", AgentState)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_state_can_be_drawn_at_any_width(name: AgentState, width: int) -> None:
    assert name.replace("_", "-").upper() in drawn(screen(name), width=width)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3601, "1:00:01")])
def test_spans_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@given(st.sampled_from(AgentState), st.lists(st.sampled_from([*"rphlnqds1379#axz+.0", "enter", "escape", "backspace"])))
def test_no_sequence_of_keys_breaks_the_screen(name: AgentState, keys: list[str]) -> None:
    shown, _ = typed(screen(name), *keys)
    assert draw(replace(shown, notice="x"), 100.0)
