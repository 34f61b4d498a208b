"""Room for recordings: when dialing of recorded calls stops, and when it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.room_watch import TO_SPARE, RoomWatch, free_bytes

pytestmark = pytest.mark.unit

LEAST = 1_000
SPOOL, KEPT = Path("spool"), Path("kept")


def look(watch: RoomWatch) -> str:
    asyncio.run(watch.look())
    return watch.trouble


def refuse(error: OSError) -> Callable[[Path], int]:
    def free(_folder: Path) -> int:
        raise error

    return free


def test_a_folder_that_cannot_be_looked_at_is_trouble() -> None:
    assert "cannot be looked at (Permission denied)" in look(
        RoomWatch((SPOOL,), LEAST, refuse(PermissionError(13, "Permission denied")))
    )


def test_a_folder_that_is_not_made_yet_is_none() -> None:
    assert look(RoomWatch((SPOOL,), LEAST, refuse(FileNotFoundError()))) == ""


def test_either_folder_without_room_is_trouble() -> None:
    assert "kept" in look(RoomWatch((SPOOL, KEPT), LEAST, {SPOOL: LEAST, KEPT: LEAST - 1}.__getitem__))


@given(st.lists(st.integers(0, 3 * LEAST), min_size=1))
def test_dialing_stops_below_the_least_and_goes_on_only_with_room_to_spare(rooms: list[int]) -> None:
    now = {"free": 0}
    watch = RoomWatch((SPOOL,), LEAST, lambda _folder: now["free"])
    stopped = False
    for now["free"] in rooms:
        stopped = now["free"] < (LEAST * TO_SPARE if stopped else LEAST)
        assert bool(look(watch)) == stopped


def test_room_is_that_of_the_file_system(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0
