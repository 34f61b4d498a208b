"""Netstrings (`5:hello,`): how baresip's control connection frames its JSON. No I/O."""

from __future__ import annotations

from typing import Final

_LONGEST: Final = 1_000_000
_LENGTH_DIGITS: Final = 7


class NetstringError(ValueError):
    """The bytes are no netstring; the connection cannot be read any further."""


def encode(payload: bytes) -> bytes:
    """One netstring."""
    return b"%d:%b," % (len(payload), payload)


class NetstringReader:
    """Bytes in, payloads out."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, received: bytes) -> list[bytes]:
        """The payloads that are complete now.

        Raises:
            NetstringError: no length, a length beyond a megabyte, or no comma at the end.
        """
        self._buffer += received
        payloads: list[bytes] = []
        while (payload := self._next()) is not None:
            payloads.append(payload)
        return payloads

    def _next(self) -> bytes | None:
        head, colon, rest = self._buffer.partition(b":")
        if not colon and len(head) <= _LENGTH_DIGITS and (head.isdigit() or not head):
            return None
        if not colon or not head.isdigit() or len(head) > _LENGTH_DIGITS or int(head) > _LONGEST:
            raise NetstringError("a netstring begins with the number of its bytes and a colon")
        length = int(head)
        if len(rest) <= length:
            return None
        if rest[length : length + 1] != b",":
            raise NetstringError("a netstring ends with a comma")
        self._buffer = rest[length + 1 :]
        return rest[:length]
