"""From the spool to the catalogue: every fault ends in a row that says so, and no audio is ever lost."""

import asyncio
import errno
import hashlib
import os
import wave
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import ManualClock
from domain.ids import AttemptId
from recordings import capture as capture_module
from recordings.audio import PACKET_BYTES, Party
from recordings.capture import Capture, is_settled
from recordings.catalogue import CatalogueError, CatalogueRow, FinishedCall, MemoryCatalogue
from recordings.check import FindingCode
from recordings.lifecycle import RecordingState
from recordings.objects import FolderStore, NoSpaceError
from tests.unit.recordings.sound import (
    AGENT_HZ,
    ATTEMPT,
    CUSTOMER_HZ,
    OTHER,
    good_raw,
    raw,
    silence,
    speech,
    spool_file,
    tone,
)

pytestmark = pytest.mark.unit

TONES = {Party.CUSTOMER: CUSTOMER_HZ, Party.AGENT: AGENT_HZ}
CALL = FinishedCall(ATTEMPT, bridged_s=2.0, announced=True, tones=TONES)
Pause = Callable[[float], Awaitable[None]]


class Place:
    """A spool, a store and a catalogue in a temporary folder; pausing only moves the clock."""

    def __init__(self, folder: Path, catalogue: MemoryCatalogue | None = None) -> None:
        self.spool = folder / "recording"
        self.spool.mkdir(exist_ok=True)
        self.staging = folder / "staging"
        self.store = FolderStore(folder / "objects")
        self.catalogue = catalogue or MemoryCatalogue()
        self.clock = ManualClock(datetime(2026, 11, 3, 15, tzinfo=UTC))
        self.during_pause: list[Callable[[], object]] = []
        self.capture = Capture(self.spool, self.staging, self.store, self.catalogue, self.clock, pause=self._pause)

    async def _pause(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for act in self.during_pause[:1]:
            act()
        del self.during_pause[:1]

    def put(self, data: bytes, attempt: str = ATTEMPT) -> Path:
        return spool_file(self.spool, attempt, data)

    async def row(self, call: FinishedCall = CALL) -> CatalogueRow:
        row = await self.capture.finish(call)
        assert row is not None
        return row

    def leftovers(self) -> list[str]:
        return [path.name for folder in (self.spool, self.staging) if folder.is_dir() for path in folder.iterdir()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def codes(row: CatalogueRow) -> list[FindingCode]:
    return [finding.code for finding in row.findings]


# --- what can be wrong ---------------------------------------------------------------------------------------------


async def test_no_file_is_a_missing_recording_with_its_reason(place: Place) -> None:
    row = await place.row()
    assert (row.state, codes(row), row.key, row.channels) == (RecordingState.MISSING, [FindingCode.NO_FILE], None, 0)
    assert place.clock.monotonic() >= capture_module.PATIENCE_S


async def test_an_empty_file_is_a_missing_recording_and_is_not_looked_at_again(place: Place) -> None:
    place.put(b"")
    row = await place.row()
    assert (row.state, codes(row)) == (RecordingState.MISSING, [FindingCode.NOT_AUDIO])
    assert place.leftovers() == []


@pytest.mark.parametrize("data", [b"\0", b"\0\0\0"])
async def test_a_file_without_sound_is_a_missing_recording_and_its_raw_stays(place: Place, data: bytes) -> None:
    path = place.put(data)
    row = await place.row()
    assert (row.state, codes(row)) == (RecordingState.MISSING, [FindingCode.NOT_AUDIO])
    assert path.exists()


async def test_a_link_in_the_spool_is_not_followed(place: Place, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(good_raw())
    (place.spool / f"{ATTEMPT}.raw").symlink_to(secret)
    row = await place.row()
    assert (row.state, codes(row)) == (RecordingState.MISSING, [FindingCode.NOT_AUDIO])
    assert secret.exists()


async def test_a_pipe_in_the_spool_does_not_block(place: Place) -> None:
    os.mkfifo(place.spool / f"{ATTEMPT}.raw")
    row = await place.row()
    assert codes(row) == [FindingCode.NOT_AUDIO]


@pytest.mark.parametrize("extra", [1, 2, 3])
async def test_bytes_that_are_no_whole_frame_are_left_out_and_reported(place: Place, extra: int) -> None:
    place.put(good_raw() + b"\1" * extra)
    row = await place.row()
    assert (row.state, codes(row)) == (RecordingState.DEFECTIVE, [FindingCode.PARTIAL_FRAME])
    assert row.seconds == 2.0


async def test_audio_that_was_cut_is_kept_as_defective(place: Place) -> None:
    place.put(good_raw()[: 16000 * 2])
    row = await place.row()
    assert (row.state, codes(row), row.seconds) == (RecordingState.DEFECTIVE, [FindingCode.LENGTH], 1.0)
    assert row.key is not None
    assert place.store.exists(row.key)


async def test_silence_of_one_party_is_found(place: Place) -> None:
    place.put(raw(tone(CUSTOMER_HZ, 2), silence(2)))
    row = await place.row(replace(CALL, tones={}))
    assert [(finding.code, finding.party) for finding in row.findings] == [(FindingCode.QUIET, Party.AGENT)]


async def test_exchanged_channels_are_found(place: Place) -> None:
    place.put(raw(tone(AGENT_HZ, 2), tone(CUSTOMER_HZ, 2)))
    assert codes(await place.row()) == [FindingCode.WRONG_CHANNEL] * 2


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "x", "A" * 32, "0" * 31 + "\n", f"{ATTEMPT}/.."])
def test_a_name_that_is_no_attempt_id_is_refused_at_the_door(place: Place, name: str) -> None:
    with pytest.raises(ValueError, match="not an attempt id"):
        place.capture.submit(replace(CALL, attempt=AttemptId(name)))
    assert place.capture.waiting == 0


async def test_a_full_disk_while_writing_keeps_the_raw_audio(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.put(good_raw())

    def full(self: wave.Wave_write, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(wave.Wave_write, "writeframesraw", full)
        row = await place.row()
    assert (row.state, codes(row), row.key) == (RecordingState.CAPTURED, [FindingCode.NO_SPACE], None)
    assert path.read_bytes() == good_raw()
    assert place.leftovers() == [path.name]
    assert (await place.row()).state is RecordingState.CHECKED


async def test_a_full_store_keeps_the_raw_audio_until_another_recording_finds_room(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put(good_raw())
    place.put(good_raw(), OTHER)

    def full(self: FolderStore, key: str, source: Path) -> None:
        raise NoSpaceError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(FolderStore, "put", full)
        kept = await place.row()
    assert kept.state is RecordingState.CAPTURED
    async with running(place):
        place.capture.submit(replace(CALL, attempt=OTHER))
        await place.capture.drain()
    assert {row.state for row in place.catalogue.rows.values()} == {RecordingState.CHECKED}
    assert place.catalogue.rows[ATTEMPT].recording == kept.recording
    assert (place.leftovers(), place.capture.kept) == ([], {})


async def test_raw_audio_that_may_not_be_read_is_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.put(good_raw())

    def forbidden(path: Path) -> BinaryIO:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(capture_module, "open_raw", forbidden)
    row = await place.row()
    assert (row.state, codes(row)) == (RecordingState.CAPTURED, [FindingCode.UNREADABLE])
    assert path.exists()


async def test_a_catalogue_that_fails_keeps_the_raw_audio_and_the_work_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.put(good_raw())

    async def locked(row: CatalogueRow) -> None:
        raise CatalogueError("the database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(place.catalogue, "write", locked)
        assert await place.capture.finish(CALL) is None
    assert path.exists()
    assert place.capture.kept == {ATTEMPT: CALL}
    assert (await place.row()).state is RecordingState.CHECKED
    assert place.leftovers() == []


async def test_a_listening_copy_that_fails_does_not_touch_the_evidence(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put(good_raw())

    def broken(evidence: Path, target: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(capture_module, "make_listening_copy", broken)
    row = await place.row()
    assert (row.state, row.listening_key) == (RecordingState.CHECKED, None)


# --- what should happen --------------------------------------------------------------------------------------------


async def test_a_good_recording_is_checked_hashed_and_catalogued(place: Place) -> None:
    place.put(good_raw())
    row = await place.row()
    assert row == place.catalogue.rows[ATTEMPT]
    assert (row.state, row.findings, row.announced, row.channels) == (RecordingState.CHECKED, (), True, 2)
    assert (row.seconds, row.bridged_s, row.made_at) == (2.0, 2.0, place.clock.now())
    assert row.key == f"2024/11/03/{ATTEMPT}.wav"
    with place.store.open(row.key) as file:
        content = file.read()
    assert (row.size, row.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert place.leftovers() == []


async def test_left_is_the_customer_and_right_the_agent(place: Place) -> None:
    place.put(raw(speech(2, seed=1), speech(2, seed=2)))
    row = await place.row(replace(CALL, tones={}))
    assert row.key is not None
    with place.store.open(row.key) as file, wave.open(file) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (2, 2, 8000)
        samples = np.frombuffer(wav.readframes(wav.getnframes()), dtype="<i2").reshape(-1, 2)
    assert np.array_equal(samples[:, 0], speech(2, seed=1).astype("<i2"))
    assert np.array_equal(samples[:, 1], speech(2, seed=2).astype("<i2"))


async def test_a_listening_copy_lies_beside_and_is_smaller(place: Place) -> None:
    place.put(good_raw())
    row = await place.row()
    assert row.listening_key is not None
    with place.store.open(row.listening_key) as file:
        assert 0 < len(file.read()) < row.size / 3


@pytest.mark.parametrize("data", [None, b""])
async def test_a_call_that_was_never_bridged_leaves_no_row_and_no_file(place: Place, data: bytes | None) -> None:
    _ = [place.put(each) for each in (data,) if each is not None]
    assert await place.capture.finish(replace(CALL, bridged_s=0)) is None
    assert (place.catalogue.rows, place.leftovers()) == ({}, [])


@pytest.mark.parametrize("data", [None, b""])
async def test_a_bridge_too_short_for_any_audio_is_no_missing_recording(place: Place, data: bytes | None) -> None:
    _ = [place.put(each) for each in (data,) if each is not None]
    row = await place.row(replace(CALL, bridged_s=0.25))
    assert (row.state, row.bridged_s, codes(row), place.leftovers()) == (RecordingState.VOID, 0.25, [], [])


async def test_a_bridge_long_enough_for_audio_and_none_is_a_missing_recording(place: Place) -> None:
    row = await place.row(replace(CALL, bridged_s=0.35))
    assert (row.state, codes(row)) == (RecordingState.MISSING, [FindingCode.NO_FILE])


async def test_audio_of_a_call_that_was_never_bridged_is_not_thrown_away(place: Place) -> None:
    place.put(good_raw())
    row = await place.row(replace(CALL, bridged_s=0))
    assert (row.state, codes(row)) == (RecordingState.DEFECTIVE, [FindingCode.LENGTH])


async def test_a_file_still_being_written_is_waited_for(place: Place) -> None:
    whole = good_raw()
    place.put(whole[:32768])
    place.during_pause = [lambda: None, lambda: place.put(whole[: 32768 + 640]), lambda: place.put(whole)]
    assert (await place.row()).state is RecordingState.CHECKED


async def test_finishing_the_same_call_twice_changes_nothing(place: Place) -> None:
    place.put(good_raw())
    first = await place.row()
    assert await place.row() == first


@given(size=st.integers(0, 400_000), bridged=st.floats(0, 12))
def test_a_growing_file_is_never_taken_for_closed(size: int, bridged: float) -> None:
    assert not is_settled(size - 1, size, bridged)
    assert not is_settled(None, size, bridged)


@given(buffers=st.integers(1, 100).filter(lambda n: n % 5))
def test_a_file_that_ends_in_a_full_write_buffer_is_not_closed(buffers: int) -> None:
    assert not is_settled(buffers * 32768, buffers * 32768, None)


@given(packets=st.integers(1, 10_000))
def test_a_closed_file_as_long_as_the_bridge_is_settled(packets: int) -> None:
    assert is_settled(packets * PACKET_BYTES, packets * PACKET_BYTES, packets * 0.02)


# --- the queue and starting again ----------------------------------------------------------------------------------


class running:  # noqa: N801 - reads as a verb: async with running(place)
    """The capture's one task, ended with the block."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._place.capture.run())

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_a_bad_recording_does_not_stop_the_next(place: Place) -> None:
    place.put(good_raw(), OTHER)
    async with running(place):
        place.capture.submit(CALL)
        place.capture.submit(replace(CALL, attempt=OTHER))
        await place.capture.drain()
    assert place.catalogue.rows[ATTEMPT].state is RecordingState.MISSING
    assert place.catalogue.rows[OTHER].state is RecordingState.CHECKED
    assert place.capture.waiting == 0


async def test_what_a_crash_left_in_the_spool_is_finished(tmp_path: Path) -> None:
    place = Place(tmp_path, MemoryCatalogue(owed=[CALL]))
    place.put(good_raw())
    place.put(good_raw(), OTHER)
    place.staging.mkdir()
    (place.staging / "half.wav.part").write_bytes(b"RIFF")
    async with running(place):
        assert await place.capture.recover(alive=()) == 2
        await place.capture.drain()
    rows = place.catalogue.rows
    assert (rows[ATTEMPT].state, rows[ATTEMPT].bridged_s) == (RecordingState.CHECKED, 2.0)
    assert (rows[OTHER].state, rows[OTHER].bridged_s) == (RecordingState.CHECKED, None)
    assert place.leftovers() == []


async def test_a_recording_owed_without_a_file_gets_its_row(tmp_path: Path) -> None:
    place = Place(tmp_path, MemoryCatalogue(owed=[CALL]))
    async with running(place):
        assert await place.capture.recover(alive=()) == 1
        await place.capture.drain()
    assert place.catalogue.rows[ATTEMPT].state is RecordingState.MISSING


async def test_a_recording_known_to_be_missing_is_not_waited_for_at_every_start(tmp_path: Path) -> None:
    place = Place(tmp_path, MemoryCatalogue(owed=[CALL]))
    missing = await place.row()
    assert await place.capture.recover(alive=()) == 0
    place.put(good_raw())
    async with running(place):
        assert await place.capture.recover(alive=()) == 1
        await place.capture.drain()
    found = place.catalogue.rows[ATTEMPT]
    assert (found.state, found.recording) == (RecordingState.CHECKED, missing.recording)


async def test_calls_still_alive_are_left_to_be_recorded(tmp_path: Path) -> None:
    place = Place(tmp_path, MemoryCatalogue(owed=[CALL]))
    place.put(good_raw())
    place.put(b"", OTHER)
    assert await place.capture.recover(alive={ATTEMPT, OTHER}) == 0
    assert sorted(place.leftovers()) == [f"{ATTEMPT}.raw", f"{OTHER}.raw"]


@pytest.mark.parametrize("step", ["object stored", "row written"])
async def test_a_crash_between_two_steps_does_no_harm(tmp_path: Path, step: str) -> None:
    before = Place(tmp_path)
    path = before.put(good_raw())
    first = await before.row()
    path.write_bytes(good_raw())  # as if the raw audio had not been removed yet
    rows = {"object stored": {}, "row written": {ATTEMPT: first}}[step]
    after = Place(tmp_path)
    after.catalogue.rows |= rows
    async with running(after):
        await after.capture.recover(alive=())
        await after.capture.drain()
    assert after.leftovers() == []
    assert (after.catalogue.rows[ATTEMPT].sha256, after.catalogue.rows[ATTEMPT].key) == (first.sha256, first.key)


async def test_the_empty_raw_of_a_call_never_bridged_is_removed_at_start(place: Place) -> None:
    place.put(b"")
    assert await place.capture.recover(alive=()) == 0
    assert place.leftovers() == []


async def test_files_with_strange_names_are_left_alone(place: Place) -> None:
    (place.spool / "evil\n$(reboot).raw").write_bytes(b"x")
    (place.spool / "notes.txt").write_bytes(b"x")
    assert await place.capture.recover(alive=()) == 0
    assert sorted(place.leftovers()) == ["evil\n$(reboot).raw", "notes.txt"]


async def test_the_event_loop_goes_on_while_a_recording_is_made(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put(good_raw())
    loop = asyncio.get_running_loop()
    seen = asyncio.Event()
    copy = capture_module.make_listening_copy

    def waits_for_the_loop(evidence: Path, target: Path) -> None:
        asyncio.run_coroutine_threadsafe(set_event(seen), loop).result(timeout=30)
        copy(evidence, target)

    monkeypatch.setattr(capture_module, "make_listening_copy", waits_for_the_loop)
    assert (await place.row()).listening_key is not None
    assert seen.is_set()


async def set_event(event: asyncio.Event) -> None:
    event.set()
