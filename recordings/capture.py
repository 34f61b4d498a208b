"""From raw audio in the switch's spool to a checked, hashed, catalogued recording; one at a time, off the event loop.

The order makes a crash harmless at every step: the raw audio is removed only after the object is durable and its row
committed, and what is done twice gives the same bytes under the same key.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar

import structlog

from domain.clock import Clock
from domain.ids import AttemptId, is_call_id, new_recording_id
from recordings.audio import BYTES_PER_SECOND, CHANNELS, PACKET_BYTES, AudioError, WavFile, open_raw, write_wav
from recordings.catalogue import Catalogue, CatalogueError, CatalogueRow, FinishedCall
from recordings.check import LENGTH_TOLERANCE_S, Expected, Finding, FindingCode, Heard, check
from recordings.lifecycle import FINAL, RecordingEvent, RecordingState, advance
from recordings.listening import ListeningCopyError, make_listening_copy
from recordings.listening import suffix as listening_suffix
from recordings.objects import NoSpaceError, ObjectStore, ObjectStoreError, is_no_space, recording_key

log = structlog.get_logger(__name__)

PATIENCE_S: Final = 3.0
"""How long after the hang-up the switch may take to close its file."""
LOOK_S: Final = 0.05
"""Time between two looks at a file that may still grow."""
RAW_SUFFIX: Final = ".raw"

_T = TypeVar("_T")


class OffLoop(Protocol):
    """The one door to worker threads: runs blocking work and waits for it. `asyncio.to_thread` is one."""

    def __call__(self, work: Callable[[], _T], /) -> Awaitable[_T]: ...


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one raw file in the object store."""

    key: str
    wav: WavFile
    heard: Heard | None
    findings: tuple[Finding, ...]
    listening_key: str | None


class Capture:
    """Finishes the recordings of ended calls.

    `submit` after a channel's hang-up was seen; `run` is the one task that does the work; `recover` once at start.

    Attributes:
        kept: calls whose raw audio waits in the spool because it could not be stored; tried again after the next
            recording that could, and at the next start.
    """

    def __init__(
        self,
        spool: Path,
        staging: Path,
        store: ObjectStore,
        catalogue: Catalogue,
        clock: Clock,
        *,
        off_loop: OffLoop = asyncio.to_thread,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Args:
        spool: folder in which the switch writes `<attempt id>.raw`.
        staging: folder of our own for half-made files, best on the object store's file system.
        """
        self._spool = spool
        self._staging = staging
        self._store = store
        self._catalogue = catalogue
        self._clock = clock
        self._off_loop = off_loop
        self._pause = pause
        self._queue: deque[FinishedCall] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.kept: dict[AttemptId, FinishedCall] = {}

    @property
    def waiting(self) -> int:
        """Recordings not finished yet, apart from those kept."""
        return len(self._queue)

    def submit(self, call: FinishedCall) -> None:
        """Finish this call's recording soon. Never blocks.

        Raises:
            ValueError: the attempt is not named by an attempt id, and so cannot name a file.
        """
        self._raw(call.attempt)
        self._queue.append(call)
        self._idle.clear()
        self._work.set()

    async def drain(self) -> None:
        """Wait until everything submitted is finished or kept."""
        await self._idle.wait()

    async def run(self) -> None:
        """Finish what is submitted, one at a time, until cancelled."""
        while True:
            if not self._queue:
                self._work.clear()
                self._idle.set()
                await self._work.wait()
            await self.finish(self._queue[0])
            self._queue.popleft()

    async def recover(self, alive: Collection[AttemptId]) -> int:
        """Submit what an earlier run left undone.

        Args:
            alive: attempts whose channels still exist in the switch; their files are still being written.

        Returns:
            How many recordings were submitted.

        Raises:
            CatalogueError: the catalogue cannot be read.
        """
        sizes = await self._off_loop(lambda: _tidy(self._spool, self._staging))
        owed: dict[AttemptId, FinishedCall] = {}
        for call in await self._catalogue.owed():
            if call.attempt not in alive and not await self._is_known_missing(call.attempt, sizes):
                owed[call.attempt] = call
        for attempt, size in sizes.items():
            if attempt in owed or attempt in alive:
                continue
            row = await self._catalogue.find(attempt)
            if size == 0 or (row is not None and row.state in FINAL):
                await self._remove_raw(attempt)
            else:
                owed[attempt] = FinishedCall(attempt, bridged_s=None, announced=None)
        for call in owed.values():
            self.submit(call)
        return len(owed)

    async def _is_known_missing(self, attempt: AttemptId, sizes: Collection[AttemptId]) -> bool:
        """Whether an earlier start has looked for this file in vain, and it has not turned up since."""
        if attempt in sizes:
            return False
        row = await self._catalogue.find(attempt)
        return row is not None and row.state is RecordingState.MISSING

    async def finish(self, call: FinishedCall) -> CatalogueRow | None:
        """Make one recording.

        Returns:
            The row written; None when nobody was bridged and there is no audio, or when the catalogue failed (kept).
        """
        size = await self._settled_size(call)
        if call.bridged_s == 0 and not size:
            await self._remove_raw(call.attempt)
            return None
        try:
            row = await self._catalogue.find(call.attempt)
            if row is None or row.state not in FINAL:
                row = await self._make_row(call, row, size)
                await self._catalogue.write(row)
        except CatalogueError as error:
            log.warning("recording_not_catalogued", attempt=call.attempt, error=str(error))
            self.kept[call.attempt] = call
            return None
        if row.state in FINAL:
            await self._remove_raw(call.attempt)
            self._try_kept_again(call.attempt)
        elif size == 0:
            await self._remove_raw(call.attempt)
        return row

    def _try_kept_again(self, stored: AttemptId) -> None:
        """There is room again: whatever was kept goes back into the queue."""
        self.kept.pop(stored, None)
        for call in self.kept.values():
            self.submit(call)
        self.kept.clear()

    async def _settled_size(self, call: FinishedCall) -> int | None:
        """Wait until the switch has closed the file, at most `PATIENCE_S`; its size, None when there is none."""
        path = self._raw(call.attempt)
        deadline = self._clock.monotonic() + PATIENCE_S
        before: int | None = None
        while True:
            size = await self._off_loop(lambda: _size(path))
            if call.bridged_s == 0 or is_settled(before, size, call.bridged_s) or self._clock.monotonic() >= deadline:
                return size
            before = size
            await self._pause(LOOK_S)

    async def _make_row(self, call: FinishedCall, earlier: CatalogueRow | None, size: int | None) -> CatalogueRow:
        """Do the blocking work and say what came of it."""
        state = RecordingState.EXPECTED if call.bridged_s == 0 else RecordingState.CAPTURING
        if not size and call.bridged_s is not None and call.bridged_s <= LENGTH_TOLERANCE_S:
            # No audio is within what any recording may be shorter than its bridge.
            return self._row(call, earlier, advance(state, RecordingEvent.TOO_SHORT), None, ())
        try:
            made = await self._off_loop(lambda: make(self._raw(call.attempt), call, self._store, self._staging))
        except FileNotFoundError:
            finding = Finding(FindingCode.NO_FILE, "the switch left no file for this call")
            return self._row(call, earlier, advance(state, RecordingEvent.RAW_ABSENT), None, (finding,))
        except AudioError as error:
            finding = Finding(FindingCode.NOT_AUDIO, str(error))
            return self._row(call, earlier, advance(state, RecordingEvent.RAW_ABSENT), None, (finding,))
        except (ObjectStoreError, OSError) as error:
            finding = _kept_because(error)
            self.kept[call.attempt] = call
            log.warning("recording_kept_in_spool", attempt=call.attempt, code=finding.code.value, why=finding.detail)
            state = advance(advance(state, RecordingEvent.RAW_COMPLETE), RecordingEvent.STORE_FAILED)
            return self._row(call, earlier, state, None, (finding,))
        passed = RecordingEvent.CHECKS_FAILED if made.findings else RecordingEvent.CHECKS_PASSED
        state = advance(advance(state, RecordingEvent.RAW_COMPLETE), passed)
        return self._row(call, earlier, state, made, made.findings)

    def _row(
        self,
        call: FinishedCall,
        earlier: CatalogueRow | None,
        state: RecordingState,
        made: Made | None,
        findings: tuple[Finding, ...],
    ) -> CatalogueRow:
        now = self._clock.now()
        if findings:
            log.warning("recording_has_findings", attempt=call.attempt, codes=[each.code.value for each in findings])
        return CatalogueRow(
            recording=earlier.recording if earlier else new_recording_id(now),
            attempt=call.attempt,
            state=state,
            key=made.key if made else None,
            sha256=made.wav.sha256 if made else None,
            seconds=made.wav.seconds if made else 0.0,
            size=made.wav.size if made else 0,
            channels=CHANNELS if made else 0,
            announced=call.announced,
            bridged_s=call.bridged_s,
            made_at=now,
            findings=findings,
            level_dbfs=made.heard.level_dbfs if made and made.heard else {},
            listening_key=made.listening_key if made else None,
        )

    async def _remove_raw(self, attempt: AttemptId) -> None:
        path = self._raw(attempt)
        try:
            await self._off_loop(lambda: path.unlink(missing_ok=True))
        except OSError as error:
            log.warning("raw_audio_not_removed", attempt=attempt, error=error.strerror)

    def _raw(self, attempt: AttemptId) -> Path:
        if not is_call_id(attempt):
            raise ValueError("not an attempt id: 32 lower-case hex digits are expected")
        return self._spool / f"{attempt}{RAW_SUFFIX}"


def is_settled(before: int | None, size: int | None, bridged_s: float | None) -> bool:
    """Whether two looks at a raw file say that the switch has closed it.

    The switch buffers 32 KiB (a second of audio): a size that does not change proves little. A closed file is a whole
    number of 20 ms packets, which a full buffer is not (but once in five seconds), and covers the bridge.
    """
    if size is None or size == 0 or size != before or size % PACKET_BYTES:
        return False
    return bridged_s is None or size >= (bridged_s - LENGTH_TOLERANCE_S) * BYTES_PER_SECOND


def make(raw: Path, call: FinishedCall, store: ObjectStore, staging: Path) -> Made:
    """The blocking work for one recording: WAV, checks, object, listening copy. Safe to do again after a crash.

    Raises:
        FileNotFoundError: there is no raw audio.
        AudioError: the raw audio is no audio, or empty.
        NoSpaceError: the disk is full; the raw audio is untouched.
        ObjectStoreError: the store refuses.
        OSError: the raw audio cannot be read.
    """
    staging.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = recording_key(call.attempt, ".wav")
    staged = staging / f"{call.attempt}.wav.part"
    try:
        with open_raw(raw) as file:
            wav = write_wav(file, staged)
        if wav.frames == 0:
            raise AudioError(f"the raw audio holds no sound: {wav.surplus} bytes")
        heard, findings = check(staged, Expected(call.bridged_s, call.voices, call.tones))
        if wav.surplus:
            partial = Finding(FindingCode.PARTIAL_FRAME, f"{wav.surplus} bytes at the end are no whole sample pair")
            findings = (*findings, partial)
        listening_key = _listening_copy(staged, call.attempt, store, staging)
        store.put(key, staged)
    except OSError as error:
        if is_no_space(error):
            raise NoSpaceError("the disk is full: free some space; the raw audio waits in the spool") from error
        raise
    finally:
        staged.unlink(missing_ok=True)
    return Made(key, wav, heard, findings, listening_key)


def _listening_copy(evidence: Path, attempt: AttemptId, store: ObjectStore, staging: Path) -> str | None:
    """Key of the listening copy, None when it could not be made: the evidence does not depend on it."""
    suffix = listening_suffix()
    key = recording_key(attempt, suffix)
    staged = staging / f"{attempt}{suffix}"
    try:
        make_listening_copy(evidence, staged)
        store.put(key, staged)
    except (OSError, ListeningCopyError, ObjectStoreError) as error:
        log.warning("no_listening_copy", attempt=attempt, error=type(error).__name__)
        return None
    finally:
        staged.unlink(missing_ok=True)
    return key


def _kept_because(error: ObjectStoreError | OSError) -> Finding:
    if isinstance(error, NoSpaceError):
        return Finding(FindingCode.NO_SPACE, str(error))
    if isinstance(error, OSError):
        return Finding(FindingCode.UNREADABLE, f"the raw audio cannot be read: {error.strerror}")
    return Finding(FindingCode.UNREADABLE, str(error))


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return None


def _tidy(spool: Path, staging: Path) -> dict[AttemptId, int]:
    """Remove half-made files of an earlier run; return the spool's raw files with their sizes."""
    if staging.is_dir():
        for part in staging.iterdir():
            part.unlink()
    if not spool.is_dir():
        return {}
    named = {path.stem: path for path in spool.iterdir() if path.suffix == RAW_SUFFIX}
    strangers = [stem for stem in named if not is_call_id(stem)]
    if strangers:
        log.warning("strange_files_in_spool", count=len(strangers))
    return {AttemptId(stem): path.lstat().st_size for stem, path in sorted(named.items()) if is_call_id(stem)}
