"""The one queue between the connection and the consumer: bounded, in order, measured.

The reader never waits. When the queue is three quarters full, kinds that were declared sheddable are dropped and
counted; when it is full, the next event is refused and the connection must close (`OVERRUN`): better a gap that is
known, and reconciled, than one that is not. Nothing is ever reordered. News of the connection itself always finds room.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from dialer.ami.codec import AmiMessage
from dialer.ami.errors import CloseReason
from dialer.ami.metrics import AmiMetrics
from domain.clock import Clock


@dataclass(frozen=True, slots=True)
class Received:
    """An event of Asterisk, and when it was read (`Clock.monotonic()`)."""

    at: float
    message: AmiMessage


@dataclass(frozen=True, slots=True)
class Connected:
    """Logged in, Asterisk fully booted. What happened since the last `Disconnected` was not seen."""

    at: float
    version: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone; events that arrived before came before."""

    at: float
    reason: CloseReason
    detail: str


ClientEvent = Received | Connected | Disconnected


class EventQueue:
    """A bounded queue with one consumer (`async for event in queue`).

    Args:
        limit: most events that may wait.
        sheddable: names of events that may be dropped when the queue is nearly full.
    """

    def __init__(self, limit: int, sheddable: Collection[str], clock: Clock, metrics: AmiMetrics) -> None:
        self._limit = limit
        self._shed_from = limit * 3 // 4
        self._sheddable = frozenset(sheddable)
        self._clock = clock
        self._metrics = metrics
        self._queue: deque[ClientEvent] = deque()
        self._deepest = 0
        self._ended = False
        self._consumer: asyncio.Future[None] | None = None
        self._drained: asyncio.Event = asyncio.Event()
        self._drained.set()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, event: Received) -> bool:
        """Add an event; False when there is no room for it."""
        depth = len(self._queue)
        if depth >= self._shed_from and event.message.event_name in self._sheddable:
            self._metrics.events.labels("shed").inc()
            return True
        if depth >= self._limit:
            return False
        self._metrics.events.labels("queued").inc()
        self._append(event)
        return True

    def put_link(self, event: Connected | Disconnected) -> None:
        """Add news of the connection; there is always room."""
        self._append(event)

    def end(self) -> None:
        """Nothing more will come; the consumer's loop ends after what is queued."""
        self._ended = True
        self._wake()

    async def drained(self) -> None:
        """Wait until at most half of the room is taken."""
        await self._drained.wait()

    def __aiter__(self) -> EventQueue:
        return self

    async def __anext__(self) -> ClientEvent:
        while not self._queue:
            if self._ended:
                raise StopAsyncIteration
            if self._consumer is not None:
                raise RuntimeError("the event queue has a consumer already; events are consumed in order by one task")
            self._consumer = asyncio.get_running_loop().create_future()
            try:
                await self._consumer
            finally:
                self._consumer = None
        event = self._queue.popleft()
        if len(self._queue) <= self._limit // 2:
            self._drained.set()
        self._metrics.queue_depth.set(len(self._queue))
        self._metrics.lag_seconds.observe(max(self._clock.monotonic() - event.at, 0.0))
        return event

    def _append(self, event: ClientEvent) -> None:
        self._queue.append(event)
        depth = len(self._queue)
        if depth > self._limit // 2:
            self._drained.clear()
        self._metrics.queue_depth.set(depth)
        if depth > self._deepest:
            self._deepest = depth
            self._metrics.queue_depth_max.set(depth)
        self._wake()

    def _wake(self) -> None:
        if self._consumer is not None and not self._consumer.done():
            self._consumer.set_result(None)
