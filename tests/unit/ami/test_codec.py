"""The codec: any bytes, in any pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.ami.codec import AmiCodec, AmiMessage, Greeting, Limits

pytestmark = pytest.mark.unit

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
HANGUP = b"Event: Hangup\r\nUniqueid: 1\r\nCause: 16\r\n\r\n"
RTCP = b"Event: RTCPSent\r\nSSRC: 0x1\r\n\r\n"


def messages(codec: AmiCodec, *pieces: bytes) -> list[list[tuple[str, object]] | str | None]:
    """What the pieces give, in a form that can be compared."""
    return [
        item.version if isinstance(item, Greeting) else sorted(item.items())
        for piece in pieces
        for item in codec.feed(piece)
    ]


def events(codec: AmiCodec, *pieces: bytes) -> list[AmiMessage]:
    return [item for piece in (GREETING, *pieces) for item in codec.feed(piece) if isinstance(item, AmiMessage)]


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400\r\n\r\n", b"\r\n", b"x" * 5000])
def test_a_peer_that_is_no_manager_is_told_apart_and_then_ignored(banner: bytes) -> None:
    codec = AmiCodec()

    assert codec.feed(banner) == [Greeting(None)]
    assert codec.feed(GREETING + HANGUP) == []


def test_blocks_that_are_neither_response_nor_event_are_counted() -> None:
    codec = AmiCodec()

    assert [e.event_name for e in events(codec, b"\x00\xff\xfe\r\n\r\nnonsense\r\n\r\n", HANGUP)] == ["Hangup"]
    assert codec.garbage == 2


def test_a_giant_block_is_thrown_away_and_the_next_one_is_read() -> None:
    codec = AmiCodec(limits=Limits(block_bytes=100))

    giant = b"Event: Hangup\r\nX: " + b"y" * 1000 + b"\r\n\r\n"
    assert [e.event_name for e in events(codec, giant, HANGUP)] == ["Hangup"]
    assert codec.oversized == 1


def test_an_endless_block_does_not_fill_memory() -> None:
    codec = AmiCodec(limits=Limits(block_bytes=100))
    codec.feed(GREETING)

    for _ in range(1000):
        codec.feed(b"Event: Hangup\r\n" * 10)

    assert codec.oversized == 1
    assert len(codec._buffer) < 200
    assert len(events(codec, b"\r\n" + HANGUP)) == 1


def test_a_block_of_too_many_lines_is_thrown_away() -> None:
    codec = AmiCodec(limits=Limits(block_lines=10))

    assert events(codec, b"Event: Hangup\r\n" + b"a: b\r\n" * 10 + b"\r\n") == []
    assert codec.oversized == 1


def test_a_character_split_over_two_reads_arrives_whole() -> None:
    whole = "Event: Newchannel\r\nCallerIDName: José 😀\r\n\r\n".encode()

    for cut in range(len(whole)):
        [event] = events(AmiCodec(), whole[:cut], whole[cut:])
        assert event.text("CallerIDName") == "José 😀"


def test_bytes_that_are_no_utf8_do_no_harm() -> None:
    [event] = events(AmiCodec(), b"Event: Hangup\r\nCallerIDName: Jos\xe9\r\nCause: 16\r\n\r\n")

    assert event.text("CallerIDName") == "Jos\N{REPLACEMENT CHARACTER}"
    assert event.text("Cause") == "16"


def test_unwanted_events_are_skipped_and_responses_never() -> None:
    codec = AmiCodec(wanted={"Hangup"})

    got = events(codec, RTCP + HANGUP + b"Response: Error\r\nMessage: no\r\n\r\n" + RTCP)

    assert [(m.event_name, m.text("response")) for m in got] == [("Hangup", ""), ("", "Error")]
    assert codec.skipped == 2


def test_a_header_given_twice_keeps_both_values_in_order() -> None:
    [event] = events(AmiCodec(), b"Event: Status\r\nVariable: a=1\r\nVariable: b=2\r\nvariable: c\r\n\r\n")

    assert event.texts("Variable") == ("a=1", "b=2", "c")
    assert event.text("variable") == "a=1"


def test_headers_are_found_whatever_their_case_and_absent_ones_are_empty() -> None:
    [event] = events(AmiCodec(), b"Event: Hangup\r\nCause-txt: Normal: clearing\r\nEmpty: \r\nNoSpace:x\r\n\r\n")

    assert event.text("cause-TXT") == "Normal: clearing"
    assert (event.text("Empty"), event.text("Absent"), event.texts("Absent")) == ("", "", ())
    assert event.text("NoSpace") == "x"


WORDS = st.sampled_from(
    [
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b"Event: ",
        b"Response: Success",
        b"Event: Hangup\r\n",
        b"Event: RTCPSent\r\n",
        b"ActionID: 1",
        b": ",
        b":",
        "é😀".encode(),
        b"\xff\x00",
        HANGUP,
        b"z" * 90,
    ]
)
STREAMS = st.lists(WORDS | st.binary(max_size=20), max_size=40).map(b"".join)


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 2000), max_size=20), greets=st.booleans())
def test_how_the_stream_is_cut_never_changes_the_messages(stream: bytes, cuts: list[int], greets: bool) -> None:
    stream = GREETING * greets + stream
    limits = Limits(block_bytes=80, block_lines=6)
    whole, pieces, single = (AmiCodec({"Hangup"}, limits) for _ in range(3))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]

    expected = messages(whole, stream)

    assert messages(pieces, *(stream[a:b] for a, b in pairwise(edges))) == expected
    assert messages(single, *(stream[i : i + 1] for i in range(len(stream)))) == expected
    assert {codec.oversized for codec in (whole, pieces, single)} == {whole.oversized}
    assert {codec.garbage for codec in (whole, pieces, single)} == {whole.garbage}


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_no_bytes_raise(pieces: list[bytes]) -> None:
    codec = AmiCodec(limits=Limits(block_bytes=100))
    codec.feed(GREETING)

    for piece in pieces:
        for item in codec.feed(piece):
            assert isinstance(item, AmiMessage)
            assert item.success in {True, False}
