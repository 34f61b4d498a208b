"""The account store for the event loop: every call runs on a thread, and every thread job passes one door.

Writes go through a single thread, in the order they were asked for; reads have their own. The door counts jobs in
flight, because virtual time must not advance while one is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from accounts.store import Store

P = ParamSpec("P")
R = TypeVar("R")


class ThreadDoor:
    """The only way from the event loop to a thread.

    Attributes:
        in_flight: jobs handed to a thread whose result has not reached the event loop yet.
    """

    def __init__(self) -> None:
        self.in_flight = 0

    async def run(self, executor: Executor, job: Callable[[], R]) -> R:
        """Run a job on an executor and wait for it. Cancelling the wait does not undo the job."""
        future = asyncio.get_running_loop().run_in_executor(executor, job)
        self.in_flight += 1
        future.add_done_callback(self._landed)
        return await asyncio.shield(future)

    def _landed(self, future: asyncio.Future[R]) -> None:
        self.in_flight -= 1
        if not future.cancelled():
            future.exception()  # seen here too, for a waiter that was cancelled


class AsyncStore:
    """`await store.write(ledger.reserve, request, decide)`: operations as in `Store`, off the event loop."""

    def __init__(self, store: Store, door: ThreadDoor | None = None, readers: int = 2) -> None:
        self.store = store
        self.door = door or ThreadDoor()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-read")

    async def write(self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation as one durable transaction on the writing thread."""
        return await self.door.run(self._writer, partial(self.store.write, operation, *args, **kwargs))

    async def read(self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a reading operation on a reading thread."""
        return await self.door.run(self._readers, partial(self.store.read, operation, *args, **kwargs))

    async def aclose(self) -> None:
        """Let running jobs end, then close the store."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._shut_down)

    def _shut_down(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self.store.close()
