"""The database server's clock beside ours: known on PostgreSQL, exact to half of the way there and back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from accounts import server_clock
from accounts.async_store import AsyncStore
from accounts.store import Store
from dialer.clock_watch import store_clock
from domain.clock import SystemClock

pytestmark = pytest.mark.store


@pytest.mark.parametrize("seconds", [0, 5, -3600])
def test_a_clock_that_is_off_is_found_out_by_the_servers(store: Store, seconds: int) -> None:
    ours = SystemClock(timedelta(seconds=seconds))
    found = store.read(server_clock.offset, ours)
    known = store.url.get_backend_name() == "postgresql"
    assert (found is not None) is known
    assert found is None or abs(found + timedelta(seconds=seconds)) < timedelta(seconds=1)


def test_the_watch_asks_it_off_the_event_loop(url: str) -> None:
    from accounts.store import open_store

    async def asked() -> tuple[bool, float]:
        store = AsyncStore(open_store(url, SystemClock().now()))
        try:
            reading = await store_clock(store)()
        finally:
            await store.aclose()
        return reading is not None, abs(reading.offset.total_seconds()) if reading is not None else 0.0

    answered, off = asyncio.run(asked())
    assert answered is url.startswith("postgresql")
    assert off < 1.0
