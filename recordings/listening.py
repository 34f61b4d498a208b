"""A small copy of a recording for listening: both parties equally loud, in one channel. Never the evidence.

MP3 where ffmpeg is installed (about a tenth of the evidence's size), else a WAV file in G.711 mu-law, which every
browser plays and which is a quarter of it.
"""

from __future__ import annotations

import shutil
import struct
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from recordings.audio import SAMPLE_RATE

with warnings.catch_warnings():
    # pydub 0.25 has invalid escapes in its source, imports a module that 3.11 calls deprecated, and complains of a
    # missing ffmpeg, which this module handles.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment, effects
    from pydub.exceptions import PydubException

_HEADROOM_DB: Final = 1.0
_QUIETEST_RAISED_DBFS: Final = -60.0
"""A channel below this holds nobody; raising it would only raise noise."""
_MP3_BITRATE: Final = "24k"
_WAVE_FORMAT_MULAW: Final = 7


class ListeningCopyError(Exception):
    """The copy could not be made; the evidence does not depend on it."""


def suffix() -> str:
    """Ending of a listening copy's file name on this machine."""
    return ".listen.mp3" if shutil.which("ffmpeg") else ".listen.wav"


def make_listening_copy(evidence: Path, target: Path) -> None:
    """Write the listening copy of a stereo recording.

    Args:
        evidence: the WAV file; only read.
        target: file to write, ending in `.mp3` or `.wav`.

    Raises:
        OSError: the disk is full or fails.
        ListeningCopyError: the audio cannot be read or ffmpeg refused it.
    """
    try:
        _copy(evidence, target)
    except PydubException as error:
        raise ListeningCopyError(f"no listening copy: {type(error).__name__}") from error


def _copy(evidence: Path, target: Path) -> None:
    with evidence.open("rb") as file:  # given a path, pydub leaves it open
        parties = AudioSegment.from_wav(file).split_to_mono()
    levelled = [
        effects.normalize(party, headroom=_HEADROOM_DB) if party.max_dBFS > _QUIETEST_RAISED_DBFS else party
        for party in parties
    ]
    mixed = levelled[0].overlay(levelled[1])
    if target.suffix == ".mp3":
        mixed.export(str(target), format="mp3", bitrate=_MP3_BITRATE).close()
    else:
        target.write_bytes(mulaw_wav(np.frombuffer(mixed.raw_data, dtype="<i2")))


def mulaw_wav(samples: npt.NDArray[np.int16]) -> bytes:
    """A mono 8 kHz WAV file in G.711 mu-law (RIFF with the `fact` chunk that compressed formats need)."""
    data = mulaw(samples)
    padding = b"\0" * (len(data) % 2)
    fmt = struct.pack("<4sIHHIIHHH", b"fmt ", 18, _WAVE_FORMAT_MULAW, 1, SAMPLE_RATE, SAMPLE_RATE, 1, 8, 0)
    fact = struct.pack("<4sII", b"fact", 4, len(data))
    body = b"WAVE" + fmt + fact + struct.pack("<4sI", b"data", len(data)) + data + padding
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def mulaw(samples: npt.NDArray[np.int16]) -> bytes:
    """Each sample as the nearest of mu-law's 256 values."""
    order = np.argsort(_MULAW_VALUES, kind="stable")
    values = _MULAW_VALUES[order]
    middles = (values[1:] + values[:-1]) / 2
    codes: npt.NDArray[np.uint8] = order[np.searchsorted(middles, samples)].astype(np.uint8)
    return codes.tobytes()


def _decode_table() -> npt.NDArray[np.int32]:
    """What each mu-law code means on a 16-bit scale (ITU-T G.711, table 2b, times 4)."""
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code >> 4) & 0x07)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int32)


_MULAW_VALUES: Final = _decode_table()
