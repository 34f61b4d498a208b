"""Where recordings are kept: a small object-store protocol, and the local folder that is its default.

An object appears whole or not at all, is never replaced by different content, and is readable by its owner alone.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from domain.ids import AttemptId, is_call_id

_KEY: Final = re.compile(r"[0-9a-z][0-9a-z_-]*(?:[/.][0-9a-z][0-9a-z_-]*)*")
_LONGEST_KEY: Final = 200
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ObjectStoreError(Exception):
    """The store did not do what was asked. The message says why and what to do."""


class NoSpaceError(ObjectStoreError):
    """The disk is full, or its quota used up. Nothing was lost: free space and try again."""


class ObjectStore(Protocol):
    """Keeps files under keys. Calls block; keep them off the event loop."""

    def put(self, key: str, source: Path) -> None:
        """Take a finished file over into the store; `source` is gone afterwards. Durable when this returns.

        Putting the same content under the same key again is no error.

        Raises:
            NoSpaceError: no room; `source` is as it was.
            ObjectStoreError: the key holds different content, or is no key.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """Open for reading (seekable).

        Raises:
            ObjectStoreError: there is no such object.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether the key holds an object."""
        ...


def is_no_space(error: OSError) -> bool:
    """Whether an error means that the disk or a quota is full."""
    return error.errno in _NO_SPACE


def recording_key(attempt: AttemptId, suffix: str) -> str:
    """The key of an attempt's recording: the day the attempt was made (its id begins with it, RFC 9562) and its id.

    It depends on the attempt alone, so that a recording finished again after a crash finds its own place.

    Raises:
        ObjectStoreError: not an attempt id.
    """
    if not is_call_id(attempt):
        raise ObjectStoreError("not an attempt id: 32 lower-case hex digits are expected")
    try:
        day = datetime.fromtimestamp(int(attempt[:12], 16) / 1000, UTC).strftime("%Y/%m/%d")
    except (ValueError, OverflowError, OSError):  # 48 bits of milliseconds reach beyond the year 9999
        day = "undated"
    return f"{day}/{attempt}{suffix}"


class FolderStore:
    """Objects as files below one folder, 0600 in folders 0700."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = root

    def put(self, key: str, source: Path) -> None:
        target = self._path(key)
        try:
            self._make_folders(target.parent)
            if target.exists():
                if not _same_content(source, target):
                    raise ObjectStoreError(f"{key} holds different content already; it was not replaced")
                source.unlink()
                return
            self._move(source, target)
        except OSError as error:
            if is_no_space(error):
                raise NoSpaceError(f"no space left for recordings in {self._root}: free some") from error
            raise ObjectStoreError(f"cannot store {key} in {self._root}: {error.strerror}") from error

    def _make_folders(self, folder: Path) -> None:
        """Each with mode 0700: `mkdir(parents=True)` gives parents the default mode."""
        for each in (*reversed(folder.relative_to(self._root).parents), folder.relative_to(self._root)):
            (self._root / each).mkdir(mode=0o700, exist_ok=True)

    def _move(self, source: Path, target: Path) -> None:
        """Rename where the folder is on the same file system, else copy beside the target first."""
        try:
            with source.open("rb") as file:
                os.fsync(file.fileno())
            source.chmod(0o600)
            source.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_then_rename(source, target)
            source.unlink()
        _sync_folders(target.parent, self._root)

    def open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except FileNotFoundError as error:
            raise ObjectStoreError(f"no object {key} in {self._root}") from error

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def _path(self, key: str) -> Path:
        if len(key) > _LONGEST_KEY or _KEY.fullmatch(key) is None:
            raise ObjectStoreError("not an object key: lower-case letters, digits, - _ . and / are expected")
        return self._root / key


def _same_content(one: Path, other: Path) -> bool:
    with one.open("rb") as left, other.open("rb") as right:
        while True:
            a, b = left.read(1 << 16), right.read(1 << 16)
            if a != b:
                return False
            if not a:
                return True


def _copy_then_rename(source: Path, target: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out, source.open("rb") as file:
            shutil.copyfileobj(file, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
        part.rename(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _sync_folders(folder: Path, root: Path) -> None:
    """Make a new name durable, and those of the folders above it up to the root."""
    for each in (folder, *folder.parents):
        descriptor = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if each == root:
            return
