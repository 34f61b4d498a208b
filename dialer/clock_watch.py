"""Whether the machine's clock is true: asked of chrony, else of PostgreSQL's clock, once a minute.

Two seconds off and nothing is dialed: hours, counts and the order of events would be wrong. Where nobody can say, calls
that stay on this machine go on with a warning, and calls that leave it wait.
"""

from __future__ import annotations

import asyncio
import csv
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from accounts import server_clock
from accounts.async_store import AsyncStore
from accounts.errors import StoreError
from domain.clock import SystemClock

_log = structlog.get_logger(__name__)

EVERY_S: Final = 60.0
MOST: Final = timedelta(seconds=2)
DEADLINE_S: Final = 5.0
_FIELDS: Final = 14
"""Of a line of `chronyc -c tracking`."""
_OFFSET, _ROOT_DELAY, _ROOT_DISPERSION, _LEAP = 4, 10, 11, 13


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer: the true time less ours, and who says so."""

    offset: timedelta
    by: str


Source = Callable[[], Awaitable[Reading | None]]
"""Asks one clock; None where it has no answer."""


def chrony_offset(line: str) -> timedelta | None:
    """The clock's offset out of a line of `chronyc -c tracking`; None where chrony itself does not know it.

    That is so while it follows no source, and when its own bound of error (half the root delay and the root dispersion,
    RFC 5905) leaves more open than is allowed.
    """
    fields = next(csv.reader([line.strip()]), [])
    if len(fields) != _FIELDS or fields[_LEAP] == "Not synchronised":
        return None
    try:
        offset = float(fields[_OFFSET])
        error = float(fields[_ROOT_DELAY]) / 2 + float(fields[_ROOT_DISPERSION])
        known = timedelta(seconds=offset)
    except (ValueError, OverflowError):
        return None
    return known if error <= MOST.total_seconds() else None


async def ask_chrony() -> Reading | None:
    """What chrony says, where it is installed and answers."""
    program = shutil.which("chronyc")
    if program is None:
        return None
    try:
        process = await asyncio.create_subprocess_exec(
            program, "-c", "-n", "tracking", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(DEADLINE_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    offset = chrony_offset(said.decode("utf-8", "replace"))
    return None if offset is None else Reading(offset, "chrony")


def store_clock(store: AsyncStore) -> Source:
    """Asks the clock of the database server."""

    async def ask() -> Reading | None:
        clock = SystemClock()
        began = clock.monotonic()
        try:
            async with asyncio.timeout(DEADLINE_S):
                offset = await store.read(server_clock.offset, clock)
        except (TimeoutError, StoreError):
            return None
        if offset is None or timedelta(seconds=clock.monotonic() - began) / 2 > MOST:
            return None
        return Reading(offset, "PostgreSQL")

    return ask


class ClockWatch:
    """Knows the last answer. Until the first one nothing is known.

    Args:
        sources: asked in this order; the first answer holds.
        live_trunks: by which calls leave this machine.
    """

    def __init__(self, sources: Sequence[Source], live_trunks: frozenset[str] = frozenset()) -> None:
        self.reading: Reading | None = None
        self._sources = sources
        self._live_trunks = live_trunks

    async def run(self) -> None:
        """Ask from time to time until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Ask once."""
        before = self.trouble, self.warning
        self.reading = None
        for ask in self._sources:
            if (reading := await ask()) is not None:
                self.reading = reading
                break
        if before != (self.trouble, self.warning):
            _log.warning("clock", trouble=self.trouble or "none", warning=self.warning or "none")

    @property
    def trouble(self) -> str:
        """Why no call at all may be placed; empty while the clock is true, or nobody can say."""
        if self.reading is None or abs(self.reading.offset) <= MOST:
            return ""
        seconds = self.reading.offset.total_seconds()
        way = "behind" if seconds > 0 else "ahead"
        return (
            f"the clock is {abs(seconds):.1f} s {way} by {self.reading.by}, at most {MOST.seconds} s are allowed: "
            "nothing is dialed; set the clock, and let chrony keep it"
        )

    @property
    def warning(self) -> str:
        """What should be mended although calls on this machine go on; empty when nothing."""
        if self.reading is not None:
            return ""
        return "nobody can say whether the clock is true: install chrony (or use PostgreSQL on another machine)"

    def trouble_for(self, trunks: Sequence[str]) -> str:
        """Why no call may be placed by these trunks."""
        if self.trouble:
            return self.trouble
        if self.warning and (leaving := [name for name in trunks if name in self._live_trunks]):
            return f"{self.warning}; until then nothing is dialed by {', '.join(leaving)}"
        return ""
