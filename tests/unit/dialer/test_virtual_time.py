"""Virtual time jumps over waits, and stands still while real work is in flight."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from dialer.testing import virtual_time
from dialer.testing.virtual_time import StalledError, VirtualClock

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


def test_waiting_for_nothing_is_an_error_and_not_a_hang():
    async def main(_clock: VirtualClock) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(StalledError):
        virtual_time.run(main, START)


def test_an_hour_passes_at_once_and_the_calendar_with_it():
    async def main(clock: VirtualClock) -> datetime:
        await asyncio.sleep(3600)
        return clock.now()

    assert virtual_time.run(main, START) == START + timedelta(hours=1)


def test_timers_fire_in_their_order():
    async def main(_clock: VirtualClock) -> list[str]:
        fired: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(20, fired.append, "late")
        loop.call_later(10, fired.append, "early")
        await asyncio.sleep(30)
        return fired

    assert virtual_time.run(main, START) == ["early", "late"]


def test_no_timer_fires_while_a_store_call_is_held_open():
    async def main(clock: VirtualClock) -> tuple[float, list[str]]:
        loop = asyncio.get_running_loop()
        release = threading.Event()
        fired: list[str] = []
        loop.call_later(1, fired.append, "timer")
        threading.Timer(0.05, release.set).start()
        await loop.run_in_executor(None, release.wait)
        return clock.monotonic(), fired

    assert virtual_time.run(main, START) == (0.0, [])
