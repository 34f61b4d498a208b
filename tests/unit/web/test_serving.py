"""The HTTP server as it is in production: a real socket on loopback, beside the engine on one event loop."""

import asyncio
from types import SimpleNamespace
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry

from dialer.timings import LoopWatch
from web import operations
from web.listening import AddressTakenError, listen

pytestmark = pytest.mark.unit


def test_an_address_that_is_taken_is_said_before_anything_starts():
    with listen("127.0.0.1", 0) as holder, pytest.raises(AddressTakenError, match=r"\[web\] in fairdial.toml"):
        listen("127.0.0.1", holder.getsockname()[1])


async def test_health_is_answered_while_serving_and_the_port_is_free_afterwards():
    registry = CollectorRegistry()
    app = SimpleNamespace(registry=registry, loop_watch=LoopWatch(registry), engine=None)
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    async with operations.serving(app, listener) as address:
        answer = await asyncio.to_thread(lambda: urlopen(f"{address}/health", timeout=10).read())
    assert b'"alive"' in answer
    listen("127.0.0.1", port).close()
