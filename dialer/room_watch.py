"""Whether recordings have room to grow: free space where they are written and where they are kept, every few seconds.

A call that is to be recorded is not placed where its recording may not fit: what is said in it could not be proven.
Calls that are up go on. Dialing resumes by itself once there is room, with some to spare.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

_log = structlog.get_logger(__name__)

EVERY_S: Final = 5.0
TO_SPARE: Final = 1.25
"""Dialing resumes with so many times the least room, or it would stop and go with every sealed recording."""


def free_bytes(folder: Path) -> int:
    """Room on the file system of a folder.

    Raises:
        OSError: it cannot be looked at.
    """
    return shutil.disk_usage(folder).free


class RoomWatch:
    """Knows the last answer.

    Args:
        folders: where recordings are written, and where they are kept.
        least_bytes: below this nothing that is recorded is dialed.
        free: how room is measured.
    """

    def __init__(self, folders: Sequence[Path], least_bytes: int, free: Callable[[Path], int] = free_bytes) -> None:
        self.trouble = ""
        self._folders = folders
        self._least = least_bytes
        self._free = free

    async def run(self) -> None:
        """Look from time to time until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Look once."""
        before = self.trouble
        least = self._least * TO_SPARE if before else self._least
        troubles = [await self._trouble_in(folder, least) for folder in self._folders]
        self.trouble = next((words for words in troubles if words), "")
        if bool(before) != bool(self.trouble):
            _log.warning("room for recordings", trouble=self.trouble or "none")

    async def _trouble_in(self, folder: Path, least: float) -> str:
        try:
            free = await asyncio.to_thread(self._free, folder)
        except FileNotFoundError:
            return ""  # not made yet: there is nothing in it that could have used up the room
        except OSError as error:
            return f"the recordings in {folder} cannot be looked at ({error.strerror}): nothing recorded is dialed"
        if free >= least:
            return ""
        return (
            f"recordings have {free / 1e6:.0f} MB left in {folder}, {least / 1e6:.0f} MB are needed: "
            "nothing recorded is dialed; make room"
        )
