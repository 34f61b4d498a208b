"""The account store for the event loop: every operation runs on a thread, never on the loop.

Writes go through a single thread, in the order they were asked for; reads have their own. Where a commit is a sync of
the disk, the writes that came while one was under way are committed together by the next. Every job passes the loop's
`run_in_executor`, the one door at which virtual time counts jobs in flight.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection

from accounts.store import Job, Store

P = ParamSpec("P")
R = TypeVar("R")
TOGETHER_AT_MOST: Final = 32
"""Writes committed at once: the first of them should not wait long for the last."""


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
        self._queue = _CommitQueue(store, self._writer) if store.commits_together else None

    async def write(self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation as a transaction of its own; durable when this returns.

        Cancelling the wait does not undo the operation: it is written or fails as if nobody had stopped waiting.
        """
        loop = asyncio.get_running_loop()
        job = partial(self.store.write, operation, *args, **kwargs)
        with self._timing(loop, "write"):
            if self._queue is None:
                return await asyncio.shield(loop.run_in_executor(self._writer, job))
            return await asyncio.shield(self._queue.put(loop, lambda tx: operation(tx, *args, **kwargs)))

    async def read(self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a reading operation on a reading thread."""
        loop = asyncio.get_running_loop()
        with self._timing(loop, "read"):
            return await loop.run_in_executor(self._readers, partial(self.store.read, operation, *args, **kwargs))

    async def aclose(self) -> None:
        """Let every job that was asked for end, then close the store."""
        if self._queue is not None:
            await self._queue.empty()
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


class _CommitQueue:
    """Jobs in order; while the thread commits some, those that come are collected for its next commit."""

    def __init__(self, store: Store, thread: ThreadPoolExecutor) -> None:
        self._store = store
        self._thread = thread
        self._waiting: deque[tuple[Job, asyncio.Future[Any]]] = deque()
        self._committing: asyncio.Future[Sequence[object | Exception]] | None = None

    def put(self, loop: asyncio.AbstractEventLoop, job: Callable[[Connection], R]) -> asyncio.Future[R]:
        """What the job returns or raises, once it is durable or undone."""
        answer: asyncio.Future[R] = loop.create_future()
        self._waiting.append((job, answer))
        if self._committing is None:
            self._commit(loop)
        return answer

    async def empty(self) -> None:
        """Wait until nothing waits and nothing is being committed."""
        while self._committing is not None:
            await asyncio.wait([self._committing])
            await asyncio.sleep(0)  # its answers are given, and the next commit is begun, by then

    def _commit(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER_AT_MOST))]
        jobs = [job for job, _ in batch]
        self._committing = loop.run_in_executor(self._thread, self._store.write_together, jobs)
        self._committing.add_done_callback(partial(self._committed, loop, [answer for _, answer in batch]))

    def _committed(
        self,
        loop: asyncio.AbstractEventLoop,
        answers: Sequence[asyncio.Future[Any]],
        committed: asyncio.Future[Sequence[object | Exception]],
    ) -> None:
        failure = committed.exception()
        results = [failure] * len(answers) if failure is not None else committed.result()
        for answer, result in zip(answers, results, strict=True):
            if answer.cancelled():
                continue
            if isinstance(result, BaseException):
                answer.set_exception(result)
            else:
                answer.set_result(result)
        self._committing = None
        if self._waiting:
            self._commit(loop)
