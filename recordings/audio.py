"""The evidence's format: raw interleaved audio of the switch in, a stereo WAV file out, one party a channel.

Asterisk's MixMonitor with options `D` and `b`, run on the customer's channel, writes 16-bit little-endian samples at
8 kHz in pairs: what came *from* the channel (the customer speaks), then what went *to* it (the agent speaks, and the
announcement). Hence left is the customer and right the agent. (app_mixmonitor.c interleaves read before write.)
"""

from __future__ import annotations

import hashlib
import os
import stat
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

SAMPLE_RATE: Final = 8000
CHANNELS: Final = 2
SAMPLE_BYTES: Final = 2
FRAME_BYTES: Final = CHANNELS * SAMPLE_BYTES
"""One sample of each party."""
BYTES_PER_SECOND: Final = SAMPLE_RATE * FRAME_BYTES
PACKET_BYTES: Final = 160 * FRAME_BYTES
"""What the switch writes at once: 20 ms of both parties. A closed raw file is a whole number of these."""
_LARGEST_WAV: Final = 2**32 - 1 - 44
_BLOCK_FRAMES: Final = SAMPLE_RATE

Samples = npt.NDArray[np.int16]
"""Shape (frames, 2)."""


class Party(StrEnum):
    """Who is heard on a channel."""

    CUSTOMER = "customer"
    AGENT = "agent"


CHANNEL_OF: Final = {Party.CUSTOMER: 0, Party.AGENT: 1}
"""Left is the customer, right the agent."""


class AudioError(Exception):
    """A file is not the audio it should be. The message says what it is instead."""


@dataclass(frozen=True, slots=True)
class WavFile:
    """A WAV file as written.

    Attributes:
        frames: samples per channel.
        surplus: bytes at the end of the raw audio that were no whole frame and were left out.
        size: bytes of the whole file.
        sha256: of the whole file, in lower-case hex.
    """

    frames: int
    surplus: int
    size: int
    sha256: str

    @property
    def seconds(self) -> float:
        return self.frames / SAMPLE_RATE


def open_raw(path: Path) -> BinaryIO:
    """Open raw audio for reading, refusing whatever is not a plain file (a link planted in the spool, a pipe).

    Raises:
        FileNotFoundError: there is none.
        AudioError: it is no plain file, or longer than a WAV file can be.
        OSError: it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise AudioError("the raw audio is a symbolic link; it was not followed") from error
        raise
    file = os.fdopen(descriptor, "rb")
    facts = os.fstat(file.fileno())
    if not stat.S_ISREG(facts.st_mode):
        file.close()
        raise AudioError("the raw audio is not a plain file")
    if facts.st_size > _LARGEST_WAV:
        file.close()
        raise AudioError("the raw audio is longer than a WAV file can be (37 hours)")
    return file


def write_wav(raw: BinaryIO, target: Path) -> WavFile:
    """Write raw audio as a WAV file, mode 0600, on disk (fsync) when this returns.

    Raises:
        OSError: the disk is full or fails; the half-written target is removed, the raw audio is as it was.
    """
    frames = surplus = 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with wave.open(file, "wb") as out:
                out.setparams((CHANNELS, SAMPLE_BYTES, SAMPLE_RATE, 0, "NONE", "not compressed"))
                while block := raw.read(_BLOCK_FRAMES * FRAME_BYTES):
                    surplus = len(block) % FRAME_BYTES
                    whole = block[: len(block) - surplus]
                    out.writeframesraw(whole)
                    frames += len(whole) // FRAME_BYTES
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        target.unlink(missing_ok=True)
        raise
    with target.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return WavFile(frames, surplus, target.stat().st_size, digest)


def read_blocks(wav: wave.Wave_read, frames: int = _BLOCK_FRAMES) -> Iterator[Samples]:
    """The samples of a stereo WAV file, about a second at a time."""
    while block := wav.readframes(frames):
        yield np.frombuffer(block, dtype="<i2").reshape(-1, CHANNELS)
