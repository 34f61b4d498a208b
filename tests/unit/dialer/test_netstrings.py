"""Netstrings: what is refused, then that any cutting of the stream gives the same payloads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.testing.netstrings import NetstringError, NetstringReader, encode

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("received", [b"x", b":a,", b"-1:a,", b"2:abc", b"1:ab", b"99999999", b"9999999:", b"1 :a,"])
def test_what_is_no_netstring_is_refused(received: bytes) -> None:
    with pytest.raises(NetstringError):
        NetstringReader().feed(received)


@pytest.mark.parametrize("received", [b"", b"12", b"5:hell", b"5:hello"])
def test_what_is_incomplete_is_waited_for(received: bytes) -> None:
    assert NetstringReader().feed(received) == []


@given(st.lists(st.binary(max_size=50), max_size=10), st.integers(1, 7))
def test_any_cutting_of_the_stream_gives_the_same_payloads(payloads: list[bytes], step: int) -> None:
    stream = b"".join(map(encode, payloads))
    reader = NetstringReader()
    read = [payload for at in range(0, len(stream), step) for payload in reader.feed(stream[at : at + step])]
    assert read == payloads
