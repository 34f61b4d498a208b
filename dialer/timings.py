"""How long the account store and the event loop keep others waiting, for Prometheus.

Calls are steered on one event loop: whatever keeps it for more than ten milliseconds is late for somebody who has just
answered. The watch sees it from outside: it sleeps for a short while and measures how much too late it wakes.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

LOOK_EVERY_S: Final = 0.05
LATE_S: Final = 0.010
"""Longest time a piece of work may keep the event loop."""
_REMEMBERED: Final = round(60 / LOOK_EVERY_S)
_LAG_BUCKETS: Final = (0.001, 0.0025, 0.005, LATE_S, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_STORE_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


TURN_S: Final = 0.0005
"""How long a thread of ours may keep Python to itself while another waits: a person waits for the event loop."""


@contextmanager
def short_turns() -> Iterator[None]:
    """Let the event loop have its turn soon while the store's thread computes; Python's own five milliseconds are long.

    A verdict would otherwise wait for such a turn at each of the system calls between it and the bridge.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def settled_memory() -> Iterator[None]:
    """Spare the garbage collector what was made at start: code, rule packs, tables.

    A full collection would walk these hundreds of thousands of objects on the event loop, and keep it for a third of a
    second each time.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    try:
        yield
    finally:
        gc.unfreeze()


class LoopWatch:
    """Measures the event loop's lag, also as metrics in the registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "dialer_loop_lag_seconds",
            f"How much too late the event loop woke a task that looks every {LOOK_EVERY_S * 1000:.0f} ms.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._late = Counter(
            "dialer_loop_late",
            f"Times the event loop was more than {LATE_S * 1000:.0f} ms late.",
            registry=registry,
        )
        self._recent: deque[float] = deque(maxlen=_REMEMBERED)

    @property
    def last_s(self) -> float:
        """The lag last seen, in seconds; 0 before the first look."""
        return self._recent[-1] if self._recent else 0.0

    @property
    def worst_s(self) -> float:
        """The greatest lag of about the last minute, in seconds."""
        return max(self._recent, default=0.0)

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            self._saw(max(0.0, loop.time() - due))

    def _saw(self, lag_s: float) -> None:
        self._recent.append(lag_s)
        self._seconds.observe(lag_s)
        if lag_s > LATE_S:
            self._late.inc()


class StoreTimes:
    """What `AsyncStore` tells of its calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "dialer_store_call_seconds",
            "From asking the account store to its answer, by kind of call (read, write).",
            ["kind"],
            buckets=_STORE_BUCKETS,
            registry=registry,
        )
        self._kinds = {kind: self._seconds.labels(kind) for kind in ("read", "write")}

    def observe(self, kind: str, seconds: float) -> None:
        """Count one call."""
        self._kinds[kind].observe(seconds)
