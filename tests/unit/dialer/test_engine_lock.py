"""An engine whose name may be another's places no call until it is certain again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from dialer import engine_lock
from dialer.engine_lock import NO_ANSWER, EngineLock

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_lock, "LOOK_EVERY_S", 0.001)


@asynccontextmanager
async def watched(keep: Callable[[], str]) -> AsyncIterator[EngineLock]:
    lock = EngineLock(keep)
    task = asyncio.create_task(lock.run())
    try:
        yield lock
    finally:
        task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_lock_that_is_lost_takes_dialing_away_and_its_return_gives_it_back() -> None:
    answers: Iterator[str] = iter(["", "somebody has it"])
    again = threading.Event()

    def keep() -> str:
        return next(answers, "" if again.is_set() else "somebody has it")

    async with watched(keep) as lock:
        assert not lock.trouble
        await until(lambda: bool(lock.trouble))
        assert lock.trouble == "somebody has it"
        again.set()
        await until(lambda: not lock.trouble)


async def test_a_server_that_does_not_answer_in_time_takes_dialing_away_before_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_lock, "PATIENCE_S", 0.01)
    answer = threading.Event()

    def keep() -> str:
        answer.wait(20)
        return ""

    async with watched(keep) as lock:
        await until(lambda: lock.trouble == NO_ANSWER)
        answer.set()
        await until(lambda: not lock.trouble)
