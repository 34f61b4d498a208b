"""The least that can place calls over AMI: a socket, Originate, and two events, answered and over.

No store, no rules, no bookkeeping: the limit of Asterisk and carrier on this machine, beside which the engine is held.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dialer.asterisk.instance import AMI_USER, Instance

LAST_CALLS_S: Final = 30.0


@dataclass(slots=True)
class Tally:
    """Calls answered inside the measured span, and how long each took from the order to the answer."""

    answered: int = 0
    setup_s: list[float] = field(default_factory=list)


class BareCaller:
    """Keeps `window` calls in flight over one connection.

    Args:
        number: the k-th number to call, as the trunk wants it.
    """

    def __init__(self, instance: Instance, trunk: str, number: Callable[[int], str]) -> None:
        self._instance = instance
        self._trunk = trunk
        self._number = number
        self._placed = 0
        self._sent: dict[bytes, float] = {}

    async def run(self, window: int, warm_up_s: float, seconds: float) -> Tally:
        """Call for `warm_up_s + seconds` and count the answers of the latter part; waits for the last calls to end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._instance.ports.ami, limit=1 << 20)
        await reader.readline()
        _send(writer, "Login", Username=AMI_USER, Secret=self._instance.ami_secret, Events="call")
        for wanted in ("OriginateResponse", "Hangup"):
            _send(writer, "Filter", Operation="Add", Filter=f"Event: {wanted}")
        tally, began = Tally(), time.perf_counter()
        for _ in range(window):
            self._place(writer)
        async with asyncio.timeout(warm_up_s + seconds + LAST_CALLS_S):
            while self._sent:
                block = await reader.readuntil(b"\r\n\r\n")
                now, sent_at = time.perf_counter() - began, None
                if block.startswith(b"Event: OriginateResponse"):
                    identity = _value(block, b"ActionID")
                    if b"\r\nResponse: Failure\r\n" in block:
                        sent_at = self._sent.pop(identity, None)  # there may have been no channel, so no hang-up
                    elif warm_up_s <= now < warm_up_s + seconds and identity in self._sent:
                        tally.answered += 1
                        tally.setup_s.append(time.perf_counter() - self._sent[identity])
                elif block.startswith(b"Event: Hangup"):
                    sent_at = self._sent.pop(_value(block, b"Uniqueid"), None)
                if sent_at is not None and now < warm_up_s + seconds:
                    self._place(writer)
        writer.close()
        return tally

    def _place(self, writer: asyncio.StreamWriter) -> None:
        self._placed += 1
        identity = f"bare{self._placed}"
        self._sent[identity.encode()] = time.perf_counter()
        channel = f"PJSIP/{self._number(self._placed)}@{self._trunk}"
        wait = {"Application": "Wait", "Data": "10", "Timeout": "30000", "Async": "true"}
        _send(writer, "Originate", ActionID=identity, Channel=channel, ChannelId=identity, **wait)


def _send(writer: asyncio.StreamWriter, action: str, **headers: str) -> None:
    lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())


def _value(block: bytes, name: bytes) -> bytes:
    return block.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]
