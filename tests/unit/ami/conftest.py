"""A client with short deadlines against a scripted peer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from dialer.ami.client import AmiClient, AmiSettings
from dialer.testing.ami_peer import AmiPeer
from domain.clock import SystemClock


@pytest.fixture
async def peer() -> AsyncIterator[AmiPeer]:
    async with AmiPeer() as scripted:
        yield scripted


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def make_client(registry: CollectorRegistry) -> AsyncIterator[Callable[..., AmiClient]]:
    """Makes clients that pause a hundredth of a second before reconnecting, and stops them all."""
    async with AsyncExitStack() as stack:

        def make(port: int, **changes: Any) -> AmiClient:
            settings = {"backoff_first_s": 0.01, "backoff_cap_s": 0.02, "ping_interval_s": 60.0, **changes}
            client = AmiClient(
                AmiSettings("engine", "secret", port=port, **settings),
                clock=SystemClock(),
                rng=random.Random(1),
                registry=registry,
            )
            stack.push_async_callback(client.stop)
            client.connect()
            return client

        yield make


@pytest.fixture
def half_read() -> Callable[[AmiClient], Awaitable[None]]:
    """Waits until a client has read the beginning of a block."""

    async def wait(client: AmiClient) -> None:
        assert client._connection is not None
        async with asyncio.timeout(5):
            while not client._connection._codec._buffer:  # a read sets no event
                await asyncio.sleep(0)

    return wait


@pytest.fixture
async def client(peer: AmiPeer, make_client: Callable[..., AmiClient]) -> AmiClient:
    """A logged-in client."""
    made = make_client(peer.port)
    await made.wait_connected(5)
    return made
