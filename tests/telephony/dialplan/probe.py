"""A bare AMI connection for tests: sends actions, keeps every event with its time, waits for one with a deadline."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Self

from dialer.asterisk.instance import AMI_USER, Instance

Packet = dict[str, str]
DEADLINE_S = 15.0


@dataclass
class Event:
    at: float
    fields: Packet

    def __getitem__(self, key: str) -> str:
        return self.fields.get(key, "")

    def has(self, wanted: Packet) -> bool:
        return all(self.fields.get(key) == value for key, value in wanted.items())


class Probe:
    """Use as an async context manager."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.events: list[Event] = []
        self._news = asyncio.Condition()
        self._number = 0

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._instance.ports.ami)
        await self._reader.readline()
        self._task = asyncio.create_task(self._read())
        await self.send("Login", Username=AMI_USER, Secret=self._instance.ami_secret)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self._writer.close()
        await self._writer.wait_closed()

    async def _read(self) -> None:
        while raw := await self._reader.readuntil(b"\r\n\r\n"):
            lines = [line.partition(": ") for line in raw.decode().split("\r\n") if line]
            packet = {key: value for key, _, value in lines}
            async with self._news:
                self.events.append(Event(time.monotonic(), packet))
                self._news.notify_all()

    async def send(self, action: str, variables: Packet | None = None, **fields: str) -> Event:
        """Send one action; the response. An answer other than Success fails the test."""
        self._number += 1
        number = f"probe-{self._number}"
        pairs = [("Action", action), ("ActionID", number), *fields.items()]
        pairs += [("Variable", f"{name}={value}") for name, value in (variables or {}).items()]
        mark = len(self.events)
        self._writer.write(("".join(f"{key}: {value}\r\n" for key, value in pairs) + "\r\n").encode())
        response = await self.until(mark=mark, ActionID=number)
        assert response["Response"] in {"Success", "Goodbye"}, response.fields
        return response

    async def until(self, mark: int = 0, deadline_s: float = DEADLINE_S, **wanted: str) -> Event:
        """The first event at or after `mark` with these fields; fails when the deadline passes."""
        try:
            async with asyncio.timeout(deadline_s), self._news:
                while True:
                    for event in self.events[mark:]:
                        if event.has(wanted):
                            return event
                    mark = len(self.events)
                    await self._news.wait()
        except TimeoutError:
            seen = "\n".join(str(event.fields) for event in self.events[-30:])
            raise AssertionError(f"no event {wanted} within {deadline_s} s; the last ones:\n{seen}") from None

    def seen(self, **wanted: str) -> list[Event]:
        return [event for event in self.events if event.has(wanted)]
