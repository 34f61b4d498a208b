"""The account store for the event loop: every operation runs on a thread, never on the loop.

Writes go through a single thread, in the order they were asked for; reads have their own. Every job passes the loop's
`run_in_executor`, the one door at which virtual time counts jobs in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from accounts.store import Store

P = ParamSpec("P")
R = TypeVar("R")


class AsyncStore:
    """`await store.write(ledger.reserve, request, decide)`: operations as in `Store`, off the event loop.

    Args:
        store: the open store; closed with this.
        readers: threads that read.
        timed: told of each call, `read` or `write`, and the seconds from asking to the answer, failures included.
    """

    def __init__(self, store: Store, readers: int = 2, timed: Callable[[str, float], None] | None = None) -> None:
        self.store = store
        self._timed = timed
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-read")

    async def write(self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation as one durable transaction on the writing thread.

        Cancelling the wait does not undo the operation: it is written or fails as if nobody had stopped waiting.
        """
        loop = asyncio.get_running_loop()
        with self._timing(loop, "write"):
            return await asyncio.shield(
                loop.run_in_executor(self._writer, partial(self.store.write, operation, *args, **kwargs))
            )

    async def read(self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a reading operation on a reading thread."""
        loop = asyncio.get_running_loop()
        with self._timing(loop, "read"):
            return await loop.run_in_executor(self._readers, partial(self.store.read, operation, *args, **kwargs))

    async def aclose(self) -> None:
        """Let running jobs end, then close the store."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._shut_down)

    @contextmanager
    def _timing(self, loop: asyncio.AbstractEventLoop, kind: str) -> Iterator[None]:
        began = loop.time()
        try:
            yield
        finally:
            if self._timed is not None:
                self._timed(kind, loop.time() - began)

    def _shut_down(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self.store.close()
