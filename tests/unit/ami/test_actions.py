"""Actions as bytes: nothing in a value can become a line of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.ami.actions import (
    Action,
    Bridge,
    CoreShowChannels,
    Filter,
    Hangup,
    Login,
    Logoff,
    Originate,
    Ping,
    Redirect,
    Repeat,
    Setvar,
    Status,
    encode,
)
from dialer.ami.errors import InvalidActionError

pytestmark = pytest.mark.unit

ATTEMPT = "0" * 32


def originate(**variables: str) -> Originate:
    return Originate("PJSIP/15550100@loop", ATTEMPT, "fd-answered", "s", 30_000, "15550199", variables)


@pytest.mark.parametrize(
    "poison", ["\r\n\r\nAction: Command\r\nCommand: core stop now", "\n", "\r", "\0", "\x85", "\u2028"]
)
@pytest.mark.parametrize(
    "make",
    [
        lambda value: Redirect(value, "fd-hold", "s"),
        lambda value: Redirect(ATTEMPT, value, "s"),
        Hangup,
        lambda value: Bridge(ATTEMPT, value),
        lambda value: Setvar(ATTEMPT, "FD_X", value),
        lambda value: Login("engine", value),
        lambda value: originate(FD_MESSAGE=value),
        lambda value: originate(**{value: "1"}),
    ],
)
def test_a_line_break_in_any_value_is_refused(make: object, poison: str) -> None:
    with pytest.raises(InvalidActionError) as caught:
        encode(make(f"a{poison}"), "1")  # type: ignore[operator]

    assert "core stop" not in str(caught.value)
    assert caught.value.maybe_done is False


@pytest.mark.parametrize("value", ["a,b", 'say "hi"', "back\\slash"])
def test_what_asterisk_would_cut_out_of_a_variable_is_refused(value: str) -> None:
    with pytest.raises(InvalidActionError, match="FD_MESSAGE"):
        encode(originate(FD_MESSAGE=value), "1")


@pytest.mark.parametrize("name", ["", "1A", "A B", "A=B", "FUNC(a", "FUNC(${X})", "A,B"])
def test_a_strange_variable_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidActionError):
        encode(originate(**{name: "1"}), "1")


def test_a_line_longer_than_asterisk_reads_is_refused() -> None:
    with pytest.raises(InvalidActionError, match="longer"):
        encode(Setvar(ATTEMPT, "FD_X", "x" * 1000), "1")


def test_more_lines_than_asterisk_reads_are_refused() -> None:
    with pytest.raises(InvalidActionError, match="lines"):
        encode(originate(**{f"V{n}": "1" for n in range(150)}), "1")


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidActionError, match="UTF-8"):
        encode(Setvar(ATTEMPT, "FD_X", "\ud800"), "1")


def test_a_hang_up_cannot_be_a_pattern_for_many_channels() -> None:
    with pytest.raises(InvalidActionError, match="slash"):
        encode(Hangup("/.*/"), "1")


def test_a_variable_without_a_channel_is_refused() -> None:
    with pytest.raises(InvalidActionError, match="global"):
        encode(Setvar("", "FD_X", "1"), "1")


def test_a_secret_never_shows_in_a_repr() -> None:
    assert "hush" not in repr(Login("engine", "hush"))


def test_an_originate_as_asterisk_reads_it() -> None:
    action = originate(**{"FD_AMD": "1", "PJSIP_HEADER(add,P-Asserted-Identity)": "<sip:+15550199@127.0.0.1>"})

    assert encode(action, "7").decode() == (
        "Action: Originate\r\nActionID: 7\r\nChannel: PJSIP/15550100@loop\r\n"
        f"ChannelId: {ATTEMPT}\r\nContext: fd-answered\r\nExten: s\r\nPriority: 1\r\nTimeout: 30000\r\nAsync: true\r\n"
        "CallerID: 15550199\r\nVariable: FD_AMD=1\r\n"
        "Variable: PJSIP_HEADER(add,P-Asserted-Identity)=<sip:+15550199@127.0.0.1>\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("action", "repeat", "lines"),
    [
        (originate(), Repeat.NEVER_REPEATED, None),
        (
            Redirect("c", "fd-hold", "s"),
            Repeat.NEVER_REPEATED,
            "Channel: c\r\nContext: fd-hold\r\nExten: s\r\nPriority: 1\r\n",
        ),
        (Bridge("a", "b"), Repeat.NEVER_REPEATED, "Channel1: a\r\nChannel2: b\r\nTone: no\r\n"),
        (Hangup("c"), Repeat.NEVER_REPEATED, "Channel: c\r\nCause: 16\r\n"),
        (Setvar("c", "X", "1"), Repeat.REPEATABLE, "Channel: c\r\nVariable: X\r\nValue: 1\r\n"),
        (Login("u", "p"), Repeat.REPEATABLE, "Username: u\r\nSecret: p\r\nEvents: on\r\n"),
        (Filter("Hangup"), Repeat.REPEATABLE, "Operation: Add\r\nMatchCriteria: action(include),name(Hangup)\r\n"),
        (CoreShowChannels(), Repeat.REPEATABLE, ""),
        (Status(("FD_AGENT", "X")), Repeat.REPEATABLE, "Variables: FD_AGENT,X\r\n"),
        (Ping(), Repeat.REPEATABLE, ""),
        (Logoff(), Repeat.REPEATABLE, ""),
    ],
    ids=lambda value: value.name if isinstance(value, Action) else "",
)
def test_every_action_has_its_class_and_its_lines(action: Action, repeat: Repeat, lines: str | None) -> None:
    encoded = encode(action, "7").decode()
    head = f"Action: {action.name}\r\nActionID: 7\r\n"

    assert action.repeat is repeat
    assert encoded == head + lines + "\r\n" if lines is not None else encoded.startswith(head)


@given(value=st.text())
def test_whatever_a_value_holds_it_stays_one_line_or_is_refused(value: str) -> None:
    try:
        encoded = encode(originate(FD_X=value), "1")
    except InvalidActionError:
        return
    assert encoded.count(b"\r\n\r\n") == 1
    assert encoded.count(b"\nAction: ") == 0
    assert encoded.count(b"\n") == encode(originate(FD_X="1"), "1").count(b"\n")
