"""Reading carrier.jsonl: cut lines, foreign lines and half a call never stop the reader, and are never passed over."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.testing.carrier_file import CarrierCall, Direction, EndedBy, fold, read_calls, read_file
from dialer.testing.number_plan import Behaviour
from domain.outcomes import Outcome

pytestmark = pytest.mark.unit


def line(at: float, event: str, channel: str = "1.0", extra: str = "") -> bytes:
    fields = {"eventtime": at, "eventtype": event, "uniqueid": channel, "eventextra": extra, "clock": "unix"}
    return json.dumps(fields).encode() + b"\n"


def user(at: float, event: str, channel: str = "1.0", **facts: str) -> bytes:
    return line(at, event, channel, json.dumps({"extra": urlencode(facts)}))


def invite(at: float, channel: str = "1.0", **facts: str) -> bytes:
    usual = {
        "call_id": f"call-{channel}",
        "called": "13122340001",
        "behaviour": "human",
        "nth": "2",
        "tone": "640",
        "from": '"Acme, \\"Inc\\"" <sip:+13125550100@127.0.0.1>;tag=x',
        "asserted": "<sip:+13125550199@127.0.0.1>",
    }
    return user(at, "INVITE", channel, **(usual | facts))


def hangup(at: float, channel: str = "1.0", source: str = "dialplan/builtin", cause: int = 16) -> bytes:
    return line(at, "HANGUP", channel, json.dumps({"hangupcause": cause, "hangupsource": source, "dialstatus": ""}))


def only(*lines: bytes) -> CarrierCall:
    file = fold(lines)
    assert file.bad_lines == 0
    [call] = file.calls
    return call


@pytest.mark.parametrize(
    "bad",
    [
        b"\n",
        b"not json\n",
        b"[]\n",
        b"null\n",
        b'{"eventtime": 1.0}\n',
        b'{"eventtime": "soon", "eventtype": "ANSWER", "uniqueid": "1.0"}\n',
        b'{"eventtime": 1e300, "eventtype": "ANSWER", "uniqueid": "1.0"}\n',
        b'{"eventtime": NaN, "eventtype": "ANSWER", "uniqueid": "1.0"}\n',
        b"\xff\xfe\n",
        invite(5.0, behaviour="robot"),
        line(5.0, "INVITE", "1.0", "{}"),
        line(5.0, "INVITE", "1.0", json.dumps({"extra": "call_id=x&called=1"})),
        line(5.0, "HANGUP", "1.0", "not json"),
        line(5.0, "PRESS", "1.0", json.dumps({"extra": "key=9"})),
        line(5.0, "ANSWER")[:-1],
        line(5.0, "ANSWER")[:20],
    ],
)
def test_a_bad_line_is_counted_and_the_others_are_read(bad: bytes) -> None:
    file = fold([invite(1.0), bad, hangup(9.0)])
    assert file.bad_lines == 1
    assert [call.call_id for call in file.calls] == ["call-1.0"]


@given(st.lists(st.binary(max_size=200)))
def test_nothing_in_a_file_stops_the_reader(lines: list[bytes]) -> None:
    file = fold([*lines, b"\n", invite(1.0, "7.7")])
    assert [call.call_id for call in file.calls] == ["call-7.7"]


@given(st.integers(0, 2000))
def test_a_file_cut_anywhere_loses_the_last_line_at_most(size: int) -> None:
    whole = invite(1.0) + line(2.0, "ANSWER") + hangup(3.0)
    cut = whole[: min(size, len(whole))]
    file = fold(cut.splitlines(keepends=True))
    assert file.bad_lines == (0 if cut == b"" or cut.endswith(b"\n") else 1)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "carrier.jsonl")


def test_a_call_is_told_from_invite_to_bye(tmp_path: Path) -> None:
    file = tmp_path / "carrier.jsonl"
    lines = [
        line(100.000001, "CHAN_START"),
        invite(100.5),
        user(101.0, "RINGING", sip="180"),
        line(104.25, "ANSWER"),
        user(108.0, "MARK"),
        user(109.0, "PRESS", digit="9"),
        line(109.5, "DTMF", "1.0", json.dumps({"digit": "1", "duration_ms": "100"})),
        hangup(111.0, source="PJSIP/fairdial-00000001", cause=0),
    ]
    file.write_bytes(b"".join(lines))
    [call] = read_calls(file)
    assert (call.call_id, call.called, call.behaviour, call.nth) == ("call-1.0", "+13122340001", Behaviour.HUMAN, 2)
    assert call.invited_at == datetime(1970, 1, 1, 0, 1, 40, 1, tzinfo=UTC)
    times = [call.rang_at, call.answered_at, call.marked_at, call.ended_at]
    assert [at and at.timestamp() for at in times] == [101.0, 104.25, 108.0, 111.0]
    assert (call.ended_by, call.cause) == (EndedBy.DIALER, 0)
    assert (call.caller_id, call.asserted) == ("+13125550100", "+13125550199")
    assert (call.pressed, call.heard, call.tone_hz) == ("9", "1", 640)


def test_the_first_ringing_counts() -> None:
    call = only(invite(1.0), user(2.0, "RINGING", sip="183"), user(3.0, "RINGING", sip="180"))
    assert call.rang_at is not None
    assert call.rang_at.timestamp() == 2.0


def test_a_call_still_up_has_no_end() -> None:
    call = only(invite(1.0), line(2.0, "ANSWER"))
    assert (call.ended_at, call.ended_by, call.cause) == (None, None, None)


def test_the_party_ends_what_the_dialplan_ends() -> None:
    assert only(invite(1.0), hangup(2.0)).ended_by is EndedBy.PARTY
    assert only(invite(1.0), hangup(2.0, source="", cause=0)).ended_by is EndedBy.PARTY


def test_a_machine_has_no_marking_tone() -> None:
    assert only(invite(1.0, behaviour="voicemail")).tone_hz is None


def test_a_caller_that_was_not_registered_was_blocked_whoever_it_called() -> None:
    call = only(invite(1.0), user(1.1, "UNREGISTERED"), hangup(1.2, cause=21))
    assert call.expected == {Outcome.CARRIER_BLOCKED}


def test_events_of_several_calls_may_be_mixed_and_late() -> None:
    file = fold(
        [hangup(9.0, "2.0"), invite(5.0, "2.0"), invite(1.0, "1.0"), line(3.0, "ANSWER", "2.0"), hangup(4.0, "1.0")]
    )
    assert [call.channel for call in file.calls] == ["1.0", "2.0"]
    assert file.calls[1].answered_at is not None


def test_a_call_to_the_dialer_is_told_from_the_answer_on() -> None:
    facts = {"call_id": "in-1", "called": "13125550199", "caller": "14152340304", "tone": "560"}
    call = only(line(1.0, "CHAN_START"), line(2.0, "ANSWER"), user(2.1, "CALLER", behaviour="human_presses_9", **facts))
    assert call.direction is Direction.TO_DIALER
    assert (call.called, call.caller_id, call.asserted) == ("+13125550199", "+14152340304", "")


def test_a_call_to_the_dialer_that_nobody_answers_leaves_no_record() -> None:
    assert fold([line(1.0, "CHAN_START"), hangup(9.0)]).calls == ()


@pytest.mark.parametrize(
    ("header", "number"),
    [
        ("<sip:+13125550100@127.0.0.1>;tag=1", "+13125550100"),
        ("sip:13125550100@127.0.0.1", "13125550100"),
        ("<tel:+13125550100>", "+13125550100"),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', "anonymous"),
        ("garbage", ""),
        ("", ""),
    ],
)
def test_the_number_is_found_in_a_header(header: str, number: str) -> None:
    assert only(invite(1.0, **{"from": header})).caller_id == number
