"""Reading recordings: levels of single tones, and whether a sound occurs in another."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8000
Samples = NDArray[np.float64]


def stereo(file: Path) -> tuple[Samples, Samples]:
    """(what the customer said, what the customer heard) of an interleaved raw recording."""
    both = np.fromfile(file, dtype="<i2").reshape(-1, 2).astype(np.float64)
    return both[:, 0], both[:, 1]


def mono(file: Path) -> Samples:
    return np.fromfile(file, dtype="<i2").astype(np.float64)


def sound(file: Path) -> Samples:
    with wave.open(str(file)) as reader:
        return np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2").astype(np.float64)


def tone_db(samples: Samples, hertz: float) -> float:
    """Level of one frequency in dBFS, over the whole stretch."""
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / RATE)
    return float(20 * np.log10(np.abs(samples @ turns) * 2 / len(samples) / 32768 + 1e-9))


def likeness(samples: Samples, wanted: Samples) -> tuple[float, float]:
    """Best match of `wanted` inside `samples`: normalised correlation (1 is identical) and where, in seconds."""
    size = len(samples) + len(wanted)
    spectrum = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(wanted, size))
    match = np.fft.irfft(spectrum, size)[: len(samples)]
    at = int(np.argmax(match))
    part = samples[at : at + len(wanted)]
    energy = float(np.linalg.norm(part) * np.linalg.norm(wanted))
    return float(match[at]) / energy if energy else 0.0, at / RATE


def share_heard(samples: Samples, wanted: Samples, piece_s: float = 0.4) -> float:
    """Share of the loud pieces of `wanted` that occur in `samples`. A packet lost on a busy machine costs one piece."""
    size = int(piece_s * RATE)
    pieces = [wanted[start : start + size] for start in range(0, len(wanted) - size + 1, size)]
    loudest = max(float(np.linalg.norm(piece)) for piece in pieces)
    spoken = [piece for piece in pieces if np.linalg.norm(piece) > loudest / 4]
    return sum(likeness(samples, piece)[0] > 0.9 for piece in spoken) / len(spoken)
