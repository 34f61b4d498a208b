"""Secrets of an installation, one file each, readable by its owner alone: generated ones, and those a carrier gave."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from dialer.asterisk.errors import AsteriskError

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,63}")


def generated(folder: Path, name: str) -> str:
    """A secret of our own; made on first use, the same ever after.

    Raises:
        AsteriskError: the file cannot be made, or others may read it.
    """
    file = _file(folder, name)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(file)
    except OSError as error:
        raise AsteriskError(f"cannot keep a secret in {folder}: {error.strerror}") from error
    secret = secrets.token_hex(24)
    with os.fdopen(handle, "w") as stream:
        stream.write(secret)
    return secret


def given(folder: Path, name: str) -> str:
    """A secret that somebody else made and the operator put there.

    Raises:
        AsteriskError: it is not there, or others may read it.
    """
    file = _file(folder, name)
    if not file.is_file():
        raise AsteriskError(f"put the secret into {file} (one line, readable by you alone: chmod 600)")
    return _read(file)


def _file(folder: Path, name: str) -> Path:
    if _NAME.fullmatch(name) is None:
        raise AsteriskError(f"{name[:80]!r} cannot name a secret: letters, digits, dot, dash and underscore")
    return folder / name


def _read(file: Path) -> str:
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise AsteriskError(f"others may read the secret in {file}: chmod 600 {file}")
    return file.read_text().strip()
