"""The client side of the agent gateway: one supervised connection, requests out, replies in.

Used by the terminal (`dialer.agent_terminal`) and by the automatic agent of tests and the demo. It signs in, keeps the
heartbeat, and connects again by itself after a cut; the gateway keeps the agent's state meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agent_gateway.protocol import (
    Bye,
    ErrorMessage,
    HeartbeatRequest,
    Reply,
    Request,
    SignInRequest,
    Welcome,
    read_reply,
)

_RETRY_S: Final = (0.2, 0.5, 1.0)
"""Not longer: while screens are away no call is placed."""


class SignInError(Exception):
    """The gateway does not let this agent in; the message says why."""


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The gateway cannot be reached; being tried again."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in."""

    agent: str
    secret: str = field(repr=False)


class GatewayClient:
    """One agent's connection.

    Args:
        url: the gateway, as `ws://127.0.0.1:8765`.
        credentials: who signs in.
    """

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._url = url
        self._credentials = credentials
        self._connection: ClientConnection | None = None
        self._refs = count(1)

    async def replies(self) -> AsyncGenerator[Reply | LinkLost, None]:
        """What the gateway says, over any number of connections, until it says goodbye.

        Raises:
            SignInError: unknown agent, wrong secret, or another version.
        """
        failures = 0
        while True:
            try:
                async with (
                    connect(self._url, open_timeout=5, compression=None) as connection,
                    contextlib.aclosing(self._session(connection)) as session,
                ):
                    async for reply in session:
                        failures = 0
                        yield reply
                        if isinstance(reply, Bye):
                            return
            except (OSError, TimeoutError, ConnectionClosed):
                pass
            except InvalidStatus as error:
                if error.response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise  # not a gateway; one that is just going answers with 503
            finally:
                self._connection = None
            yield LinkLost()
            await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
            failures += 1

    async def send(self, request: Request) -> str | None:
        """Ask for something; returns the reference its reply will carry, None when there is no connection."""
        if self._connection is None:
            return None
        ref = str(next(self._refs))
        try:
            await self._connection.send(request.model_copy(update={"ref": ref}).model_dump_json(exclude_none=True))
        except ConnectionClosed:
            return None
        return ref

    async def break_off(self) -> None:
        """Close the present connection; `replies` opens the next one."""
        if self._connection is not None:
            await self._connection.close()

    async def _session(self, connection: ClientConnection) -> AsyncGenerator[Reply, None]:
        sign_in = SignInRequest(
            type="sign_in", version=1, agent=self._credentials.agent, secret=self._credentials.secret
        )
        await connection.send(sign_in.model_dump_json(exclude_none=True))
        first = read_reply(await connection.recv())
        if isinstance(first, ErrorMessage):
            raise SignInError(first.message)
        self._connection = connection
        yield first
        pulse = first.heartbeat_s if isinstance(first, Welcome) else 5.0
        beating = asyncio.create_task(self._beat(pulse))
        try:
            async for frame in connection:
                yield read_reply(frame)
        finally:
            beating.cancel()

    async def _beat(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self.send(HeartbeatRequest(type="heartbeat"))
