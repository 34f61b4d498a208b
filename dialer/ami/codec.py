"""Bytes from Asterisk in, messages out. No sockets, no clock, no logging: what it drops it counts.

The stream is one greeting line, then blocks of `Key: value` lines, each block ended by an empty line. The first line of
a block says whether it is a response (always parsed) or an event, and which: unwanted events are skipped there, unread.

Nothing that can arrive raises: bytes that are no block are counted as `garbage`, a block beyond the limits is thrown
away up to its end and counted as `oversized`, and bytes that are no UTF-8 become U+FFFD. Text is decoded only once a
block is whole, so a character split over two reads arrives whole. How the stream was cut into reads never matters.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from panoramisk.message import Message

_LINE_END: Final = b"\r\n"
_BLOCK_END: Final = b"\r\n\r\n"
_GREETING: Final = b"Asterisk Call Manager/"
_MAX_GREETING: Final = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one block may hold. Asterisk's longest events stay below a tenth of either."""

    block_bytes: int = 128 * 1024
    block_lines: int = 2000


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first line of the stream.

    Attributes:
        version: the protocol version, as `11.0.0`; None when the peer is not an Asterisk manager.
    """

    version: str | None


class AmiMessage(Message):  # type: ignore[misc]  # panoramisk has no types
    """One response or event: panoramisk's message (headers without regard to case), filled in one pass, with types."""

    def __init__(self, store: dict[str, tuple[str, str | list[str]]]) -> None:
        # The parent's constructor copies header by header through an abstract mapping; ours hands the dict over.
        self._store = store
        self.manager = None

    @classmethod
    def from_block(cls, block: bytes) -> AmiMessage:
        """Parse a block without its end. A header given twice becomes a list; a line without colon is lost."""
        store: dict[str, tuple[str, str | list[str]]] = {}
        for line in block.decode("utf-8", "replace").split("\r\n"):
            key, colon, value = line.partition(":")
            if not colon:
                continue
            value = value.removeprefix(" ")
            lowered = key.lower()
            if lowered in store:
                first_key, earlier = store[lowered]
                store[lowered] = (first_key, [*([earlier] if isinstance(earlier, str) else earlier), value])
            else:
                store[lowered] = (key, value)
        return cls(store)

    def text(self, header: str) -> str:
        """The header's value (the first, if it is given several times); empty when it is absent."""
        entry = self._store.get(header.lower())
        if entry is None:
            return ""
        value = entry[1]
        return value if isinstance(value, str) else value[0]

    def texts(self, header: str) -> tuple[str, ...]:
        """Every value of the header, in order."""
        entry = self._store.get(header.lower())
        if entry is None:
            return ()
        value = entry[1]
        return (value,) if isinstance(value, str) else tuple(value)

    @property
    def event_name(self) -> str:
        """Name of the event; empty for a response."""
        return self.text("event")

    @property
    def reply_to(self) -> str:
        """ActionID of the action it answers; empty when there is none."""
        return self.text("actionid")


class AmiCodec:
    """Takes the stream in any pieces and gives its messages.

    Args:
        wanted: names of the events worth parsing; None for all.
        limits: sizes beyond which a block is thrown away.

    Attributes:
        skipped: unwanted events passed over.
        garbage: blocks that were neither response nor event.
        oversized: blocks beyond the limits.
    """

    def __init__(self, wanted: Collection[str] | None = None, limits: Limits | None = None) -> None:
        self._wanted = None if wanted is None else frozenset(name.encode() for name in wanted)
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._greeted = False
        self._refused = False
        self._discarding = False
        self.skipped = 0
        self.garbage = 0
        self.oversized = 0

    def feed(self, data: bytes) -> list[Greeting | AmiMessage]:
        """Take the next bytes and return what they complete, in order. After a greeting that is none: nothing more."""
        if self._refused:
            return []
        known = len(self._buffer)
        self._buffer += data
        items: list[Greeting | AmiMessage] = []
        if not self._greeted:
            greeting = self._read_greeting()
            if greeting is None:
                return []
            items.append(greeting)
            known = 0
        if not self._refused:
            self._read_blocks(items, known)
        return items

    def _read_greeting(self) -> Greeting | None:
        end = self._buffer.find(_LINE_END)
        if end < 0 and len(self._buffer) <= _MAX_GREETING + 1:
            return None
        self._greeted = True
        line = bytes(self._buffer[: max(end, 0)])
        if end > _MAX_GREETING or not line.startswith(_GREETING):
            self._refused = True
            self._buffer.clear()
            return Greeting(None)
        del self._buffer[: end + len(_LINE_END)]
        return Greeting(line[len(_GREETING) :].decode("ascii", "replace").strip())

    def _read_blocks(self, items: list[Greeting | AmiMessage], known: int) -> None:
        buffer = self._buffer
        # The first `known` bytes hold no block end, or they would have been taken before.
        if buffer.find(_BLOCK_END, max(known - len(_BLOCK_END) + 1, 0)) < 0:
            self._bound_buffer()
            return
        blocks = bytes(buffer).split(_BLOCK_END)
        self._buffer = bytearray(blocks.pop())
        start = int(self._discarding)
        self._discarding = False
        items.extend(AmiMessage.from_block(block) for block in blocks[start:] if self._is_worth_parsing(block))
        self._bound_buffer()

    def _is_worth_parsing(self, block: bytes) -> bool:
        if len(block) > self._limits.block_bytes:
            self.oversized += 1
            return False
        block = block.removeprefix(_LINE_END)  # one empty line too many before it
        if block.startswith(b"Event: "):
            if self._wanted is not None:
                end = block.find(_LINE_END, 7)
                if (block[7:end] if end >= 0 else block[7:]) not in self._wanted:
                    self.skipped += 1
                    return False
        elif not block.startswith(b"Response: "):
            self.garbage += bool(block)
            return False
        if block.count(_LINE_END) >= self._limits.block_lines:
            self.oversized += 1
            return False
        return True

    def _bound_buffer(self) -> None:
        """Hold no more of an endless block than what may be the beginning of its end."""
        keep = len(_BLOCK_END) - 1
        if not self._discarding and len(self._buffer) > self._limits.block_bytes + keep:
            self._discarding = True
            self.oversized += 1
        if self._discarding:
            del self._buffer[:-keep]
