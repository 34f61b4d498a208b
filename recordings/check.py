"""Whether a recording is what it claims to be: header, length, both parties audible, each on its own channel.

A finding never stops a recording from being kept: faulty evidence is still evidence, and says what is wrong with it.
"""

from __future__ import annotations

import math
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from recordings.audio import CHANNEL_OF, CHANNELS, SAMPLE_BYTES, SAMPLE_RATE, Party, Samples, read_blocks

LENGTH_TOLERANCE_S: Final = 0.3
"""How far a recording may differ from the time both parties were bridged."""
AUDIBLE_DBFS: Final = -45.0
"""A party whose loudest second lies below this was not heard."""
_TONE_BLOCK: Final = SAMPLE_RATE // 10
_TONE_SHARE: Final = 0.5
"""A tenth of a second counts as a tone when this much of its power lies at the tone's frequency."""
_TONE_SECONDS: Final = 0.3
"""How long a marking tone must be heard to tell a party."""
_WAV_HEADER: Final = 44


class FindingCode(StrEnum):
    """Everything that can be wrong with a recording."""

    NO_FILE = "no_file"
    NOT_AUDIO = "not_audio"
    PARTIAL_FRAME = "partial_frame"
    HEADER = "header"
    LENGTH = "length"
    QUIET = "quiet"
    WRONG_CHANNEL = "wrong_channel"
    NO_TONE = "no_tone"
    NO_SPACE = "no_space"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: the kind.
        detail: the measured and the expected value, in words.
        party: whose channel, when it is about one.
    """

    code: FindingCode
    detail: str
    party: Party | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a recording should hold.

    Attributes:
        bridged_s: seconds both parties were in one bridge; None when unknown (found after a crash).
        voices: parties who must be audible.
        tones: marking tone of each party in Hz, where the parties send one (tests and the demo); else empty.
    """

    bridged_s: float | None
    voices: frozenset[Party] = frozenset(Party)
    tones: Mapping[Party, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was measured.

    Attributes:
        seconds: length of the audio.
        level_dbfs: per party, RMS of the loudest second against full scale; -inf for digital silence.
        tone_s: per party, seconds in which each marking tone (Hz) was the main sound on the party's channel.
    """

    seconds: float
    level_dbfs: Mapping[Party, float]
    tone_s: Mapping[Party, Mapping[float, float]]


def check(path: Path, expected: Expected) -> tuple[Heard | None, tuple[Finding, ...]]:
    """Measure a WAV file and compare it with what it should hold.

    Returns:
        The measurements (None when the file cannot be read as audio) and the findings, none of which means it is good.
    """
    header = _header_findings(path)
    if header:
        return None, header
    heard = measure(path, tuple(expected.tones.values()))
    return heard, judge(heard, expected)


def _header_findings(path: Path) -> tuple[Finding, ...]:
    """Whether the header says what the data is: two channels of 16 bits at 8 kHz, exactly as long as the file."""
    size = path.stat().st_size
    try:
        with wave.open(str(path), "rb") as wav:
            shape = (wav.getnchannels(), wav.getsampwidth(), wav.getframerate())
            claimed = wav.getnframes() * CHANNELS * SAMPLE_BYTES
    except (wave.Error, EOFError) as error:
        return (Finding(FindingCode.NOT_AUDIO, f"no readable WAV file: {error}"),)
    if shape != (CHANNELS, SAMPLE_BYTES, SAMPLE_RATE):
        return (Finding(FindingCode.HEADER, f"header says {shape[0]} x {8 * shape[1]} bits at {shape[2]} Hz"),)
    if claimed + _WAV_HEADER != size:
        return (Finding(FindingCode.HEADER, f"header says {claimed} bytes of audio, {size - _WAV_HEADER} are there"),)
    return ()


def measure(path: Path, tones: tuple[float, ...] = ()) -> Heard:
    """Length, loudest second of each party, and how long each tone was heard on each channel."""
    loudest = np.zeros(CHANNELS)
    tone_s = np.zeros((CHANNELS, len(tones)))
    frames = 0
    with wave.open(str(path), "rb") as wav:
        for block in read_blocks(wav):
            frames += len(block)
            loudest = np.maximum(loudest, np.sqrt(np.mean(np.square(block, dtype=np.float64), axis=0)))
            if tones:
                tone_s += _tone_seconds(block, tones)
    return Heard(
        seconds=frames / SAMPLE_RATE,
        level_dbfs={party: _dbfs(float(loudest[channel])) for party, channel in CHANNEL_OF.items()},
        tone_s={
            party: dict(zip(tones, tone_s[channel].tolist(), strict=True)) for party, channel in CHANNEL_OF.items()
        },
    )


def _dbfs(rms: float) -> float:
    return 20 * math.log10(rms / 32768) if rms > 0 else -math.inf


def _tone_seconds(block: Samples, tones: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Per channel and tone, the seconds of this block in which the tone holds most of the power.

    The power at one frequency is Goertzel's: |sum x(n) e^(-iwn)|^2, against N/2 times the sum of squares, which is 1
    for a pure tone.
    """
    count = len(block) // _TONE_BLOCK
    if count == 0:
        return np.zeros((CHANNELS, len(tones)))
    pieces = block[: count * _TONE_BLOCK].astype(np.float64).reshape(count, _TONE_BLOCK, CHANNELS)
    times = np.arange(_TONE_BLOCK) / SAMPLE_RATE
    waves = np.exp(-2j * np.pi * np.outer(np.asarray(tones), times))
    at_tone = np.abs(np.einsum("fn,pnc->pcf", waves, pieces)) ** 2
    energy = np.sum(np.square(pieces), axis=1)[:, :, None]
    floor = _TONE_BLOCK * (32768 * 10 ** (AUDIBLE_DBFS / 20)) ** 2
    share = at_tone / (np.maximum(energy, floor) * _TONE_BLOCK / 2)
    counts: npt.NDArray[np.float64] = np.sum(share > _TONE_SHARE, axis=0) * (_TONE_BLOCK / SAMPLE_RATE)
    return counts


def judge(heard: Heard, expected: Expected) -> tuple[Finding, ...]:
    """Compare measurements with expectations; a pure function."""
    findings: list[Finding] = []
    if expected.bridged_s is not None and abs(heard.seconds - expected.bridged_s) > LENGTH_TOLERANCE_S:
        findings.append(
            Finding(FindingCode.LENGTH, f"{heard.seconds:.3f} s of audio for {expected.bridged_s:.3f} s bridged")
        )
    for party in Party:
        level = heard.level_dbfs[party]
        if party in expected.voices and level < AUDIBLE_DBFS:
            findings.append(Finding(FindingCode.QUIET, f"loudest second {level:.1f} dBFS", party))
        if party in expected.tones:
            findings.extend(_tone_findings(party, heard.tone_s[party], expected.tones))
    return tuple(findings)


def _tone_findings(party: Party, tone_s: Mapping[float, float], tones: Mapping[Party, float]) -> list[Finding]:
    own = tone_s[tones[party]]
    others = {other: tone_s[hertz] for other, hertz in tones.items() if other is not party}
    for other, seconds in others.items():
        if seconds > max(own, _TONE_SECONDS):
            return [Finding(FindingCode.WRONG_CHANNEL, f"the {other}'s tone, {seconds:.1f} s of it", party)]
    if own < _TONE_SECONDS:
        return [Finding(FindingCode.NO_TONE, f"{own:.1f} s of {tones[party]:.0f} Hz", party)]
    return []
