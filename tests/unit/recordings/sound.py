"""Generated audio for the recording tests."""

from pathlib import Path

import numpy as np

from domain.ids import AttemptId

RATE = 8000
CUSTOMER_HZ = 700.0
AGENT_HZ = 430.0
ATTEMPT = AttemptId("0192f0c1a2b37abc8def0123456789ab")
OTHER = AttemptId("0192f0c1a2b37abc8def0123456789ac")


def tone(hertz: float, seconds: float, dbfs: float = -16.0) -> np.ndarray:
    """A sine whose RMS lies at `dbfs` of full scale."""
    amplitude = 32768 * 10 ** (dbfs / 20) * np.sqrt(2)
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


def speech(seconds: float, dbfs: float = -20.0, seed: int = 1) -> np.ndarray:
    """Noise with the loudness of talk."""
    noise = np.random.default_rng(seed).normal(0, 32768 * 10 ** (dbfs / 20), round(seconds * RATE))
    return np.clip(noise, -32768, 32767)


def raw(customer: np.ndarray, agent: np.ndarray) -> bytes:
    """What the switch writes: customer and agent interleaved."""
    return np.stack([customer, agent], axis=1).astype("<i2").tobytes()


def good_raw(seconds: float = 2.0) -> bytes:
    return raw(tone(CUSTOMER_HZ, seconds), tone(AGENT_HZ, seconds))


def spool_file(spool: Path, attempt: str, data: bytes) -> Path:
    spool.mkdir(exist_ok=True)
    path = spool / f"{attempt}.raw"
    path.write_bytes(data)
    return path
