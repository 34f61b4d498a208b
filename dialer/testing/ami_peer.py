"""A scripted Asterisk manager on loopback: greets, logs in, answers as told, and can misbehave on order.

Every block it reads is recorded, also a forged one, so that a test can ask what reached the other side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self

Headers = dict[str, str]
Script = Callable[["AmiPeer", Headers], object]

GREETING: Final = b"Asterisk Call Manager/11.0.0\r\n"


class AmiPeer:
    """An AMI server for one test.

    Attributes:
        received: every action read, over all connections, in order; a repeated header keeps its last value.
        connections: how many clients have connected so far.
        scripts: what to do with an action, by its name; without a script it is answered `Success`.
        is_silent: read, but answer nothing (a half-open peer).

    Example:
        >>> async with AmiPeer() as peer:
        ...     settings = AmiSettings("engine", "secret", port=peer.port)
    """

    def __init__(self, *, greeting: bytes = GREETING) -> None:
        self.received: list[Headers] = []
        self.connections = 0
        self.scripts: dict[str, Script] = {"Login": _log_in}
        self.is_silent = False
        self._greeting = greeting
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._handlers: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop_listening()
        self.drop()
        if self._handlers:
            await asyncio.wait(self._handlers)

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None  # noqa: S101  # use it inside `async with`
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop_listening(self) -> None:
        """Refuse new connections from now on."""
        if self._server is not None and self._server.is_serving():
            self._server.close()

    # --- what the peer says -----------------------------------------------------------------------------------------

    def send_raw(self, data: bytes) -> None:
        """Write bytes as they are."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)

    def send(self, *headers: tuple[str, str]) -> None:
        """Write one block."""
        self.send_raw(block(headers))

    def event(self, name: str, **headers: str) -> None:
        """Write one event."""
        self.send(("Event", name), *headers.items())

    def respond(self, action: Headers, *headers: tuple[str, str], response: str = "Success") -> None:
        """Answer an action."""
        self.send(("Response", response), ("ActionID", action.get("ActionID", "")), *headers)

    def drop(self) -> None:
        """Cut the connection without a word."""
        if self._writer is not None:
            self._writer.transport.abort()

    # --- what the peer heard ----------------------------------------------------------------------------------------

    def actions(self, name: str) -> list[Headers]:
        """The actions of that name read so far."""
        return [action for action in self.received if action.get("Action") == name]

    async def heard(self, name: str, times: int = 1) -> Headers:
        """Wait until the action has been read `times` times; returns the last of them."""
        while len(self.actions(name)) < times:
            self._news.clear()
            await self._news.wait()
        return self.actions(name)[times - 1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine always runs in a task
        self._handlers.add(task)
        self.connections += 1
        self._writer = writer
        self.send_raw(self._greeting)
        try:
            while True:
                self._take(await reader.readuntil(b"\r\n\r\n"))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            self._handlers.discard(task)

    def _take(self, raw: bytes) -> None:
        action: Headers = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            key, colon, value = line.partition(": ")
            if colon:
                action[key] = value
        self.received.append(action)
        self._news.set()
        if self.is_silent:
            return
        script = self.scripts.get(action.get("Action", ""))
        if script is None:
            self.respond(action, ("Message", "done"))
        else:
            script(self, action)


def block(headers: Iterable[tuple[str, str]]) -> bytes:
    """The bytes of one message."""
    return "".join(f"{key}: {value}\r\n" for key, value in headers).encode() + b"\r\n"


def _log_in(peer: AmiPeer, action: Headers) -> None:
    peer.respond(action, ("Message", "Authentication accepted"))
    peer.event("FullyBooted", Privilege="system,all", Status="Fully Booted")


def refuse(message: str) -> Script:
    """A script that answers with an error."""
    return lambda peer, action: peer.respond(action, ("Message", message), response="Error")


def ignore(peer: AmiPeer, action: Headers) -> None:
    """A script that answers nothing."""


def hang_up(peer: AmiPeer, action: Headers) -> None:  # noqa: ARG001
    """A script that cuts the connection instead of answering."""
    peer.drop()
