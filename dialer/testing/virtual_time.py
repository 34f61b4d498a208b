"""Virtual time: an event loop whose clock jumps to the next timer as soon as nothing is left to do.

Time never advances while an executor job is in flight: the loop counts every job at its own door, so a slow database
call is instantaneous in virtual time instead of a race. Real sockets still work; they are polled before each jump.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class StalledError(RuntimeError):
    """Nothing is scheduled, no job is in flight, and the main coroutine still waits: it would wait for ever."""


class _VirtualSelector(selectors.DefaultSelector):
    """Waits in virtual time. `select(timeout)` jumps by `timeout` unless something real is ready or in flight."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.jobs_in_flight = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.jobs_in_flight:
            return super().select(None)  # the job's end wakes the loop through its self-pipe
        if timeout is None:
            raise StalledError("virtual time has nothing to advance to: a task waits for something that never comes")
        self.seconds += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; `time()` starts at zero."""

    def __init__(self) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.seconds

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        self._virtual.jobs_in_flight += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._job_done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109  # signature of 3.12
        # The join runs in a thread of its own that does not pass through run_in_executor.
        self._virtual.jobs_in_flight += 1
        await super().shutdown_default_executor()

    def _job_done(self, _future: asyncio.Future[T]) -> None:
        self._virtual.jobs_in_flight -= 1


class VirtualClock:
    """Clock of a VirtualLoop: the calendar starts at `start` and runs with the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()


def run(main: Callable[[VirtualClock], Coroutine[None, None, T]], start: datetime) -> T:
    """Run `main(clock)` to its end in virtual time and return its result.

    Raises:
        StalledError: `main` waits for something that nobody will bring.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main(VirtualClock(runner.get_loop(), start)))
