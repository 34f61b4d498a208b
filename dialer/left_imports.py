"""Finishes, beside dialing, imports that a crash has left: those still being read are discarded, the others applied."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

import structlog

from accounts.errors import StoreError
from accounts.store import Store
from domain.clock import Clock

_log = structlog.get_logger(__name__)

FIRST_S: Final = 10.0
"""After the start: the first calls come first."""
AGAIN_S: Final = 60.0
"""While somebody imports, or the store fails."""


class _StoppedError(Exception):
    """The engine is to end; the next one goes on where this one stopped."""


async def finish_imports(store: Store, clock: Clock) -> None:
    """Finish what is left; cancelled, it stops after the step it is at."""
    stop = threading.Event()
    try:
        await asyncio.sleep(FIRST_S)
        while not await asyncio.to_thread(_finish, store, clock, stop):  # noqa: ASYNC110  # of other processes
            await asyncio.sleep(AGAIN_S)
    finally:
        stop.set()


def _finish(store: Store, clock: Clock, stop: threading.Event) -> bool:
    from accounts.importing.load import resume  # not imported before the first call

    def go_on(_progress: object) -> None:
        if stop.is_set():
            raise _StoppedError

    try:
        reports = resume(store, clock, go_on)
    except _StoppedError:
        return True
    except StoreError as error:
        _log.error("an import that a crash left cannot be finished; tried again", error=str(error))
        return False
    for report in reports or ():
        _log.info("an import that a crash left is finished", new=report.new, changed=report.changed)
    return reports is not None
