"""The watch over the event loop."""

import asyncio
import time
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry

from dialer.testing import virtual_time
from dialer.testing.world import TUESDAY
from dialer.timings import LOOK_EVERY_S, LoopWatch, StoreTimes

pytestmark = pytest.mark.unit


async def watched(work, registry):
    watch = LoopWatch(registry)
    task = asyncio.create_task(watch.run())
    await work()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return watch


async def test_work_that_keeps_the_loop_is_seen():
    async def block():
        await asyncio.sleep(0)
        time.sleep(LOOK_EVERY_S + 0.03)  # noqa: ASYNC251  # blocking is the point
        await asyncio.sleep(LOOK_EVERY_S)

    registry = CollectorRegistry()
    watch = await watched(block, registry)
    assert watch.worst_s >= 0.03
    assert registry.get_sample_value("dialer_loop_late_total") >= 1


def test_a_loop_that_is_on_time_is_not_late():
    registry = CollectorRegistry()

    async def idle(_clock):
        return await watched(lambda: asyncio.sleep(10 * LOOK_EVERY_S + 0.001), registry)

    watch = virtual_time.run(idle, TUESDAY)
    assert (watch.last_s, watch.worst_s) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert registry.get_sample_value("dialer_loop_lag_seconds_count") == 10
    assert registry.get_sample_value("dialer_loop_late_total") == 0


def test_calls_of_the_store_are_counted_by_kind():
    registry = CollectorRegistry()
    times = StoreTimes(registry)
    times.observe("write", 0.002)
    assert registry.get_sample_value("dialer_store_call_seconds_sum", {"kind": "write"}) == 0.002
