"""The voices of the test carrier: 8 kHz mu-law files made from a script by espeak-ng, beside Debian's recorded prompts.

Clips are whole and timed to the sample, with a little room noise under everything, so that the dialplan only plays them
and a detector hears what it would hear on a telephone line rather than digital silence.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tomllib
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Samples = npt.NDArray[np.float64]
"""Sound at 8000 samples a second, full scale -1 to 1."""

RATE: Final = 8000
SPEECH_AT_S: Final = 2.8
"""When a person speaks again after answering: by then every detector that waits for 0.8 s of silence has judged."""

LISTENS_S: Final = 1.0
"""How long a person listens after the greeting at least."""

_VERSION: Final = b"1"  # part of the stamp: raise it when the way clips are made changes
_SPEECH_DBFS: Final = -20.0
_ROOM_DBFS: Final = -62.0
_SIT_HZ: Final = (913.8, 1370.6, 1776.7)  # ITU-T E.180 / Telcordia SR-2275, "intercept": low, low, low frequencies
_SIT_S: Final = (0.274, 0.274, 0.380)

_Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
_Seconds = Annotated[float, Field(ge=0, le=10)]


class SpeechError(RuntimeError):
    """The script is wrong, or a voice could not be made."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Row):
    """A piece of an announcement: text for a voice, a recorded prompt, or a pause."""

    say: str = ""
    voice: str = "en-us"
    speed: int = 165
    prompt: Annotated[str, Field(pattern=r"^[a-z0-9-]*$")] = ""
    pause_s: _Seconds = 0


class Person(_Row):
    """Somebody who answers a telephone."""

    name: _Name
    voice: str
    speed: int = 165
    pickup_s: _Seconds
    hello: str
    speech: str


class Announcement(_Row):
    """Something that speaks to nobody in particular."""

    name: _Name
    pickup_s: _Seconds
    parts: tuple[Part, ...]


class Script(_Row):
    """Everything the carrier's parties say."""

    person: tuple[Person, ...]
    wordy_person: tuple[Person, ...]
    voicemail: tuple[Announcement, ...]
    terse_voicemail: tuple[Announcement, ...]
    mailbox_full: tuple[Announcement, ...]
    intercept: tuple[Announcement, ...]


class Speaker(Protocol):
    """Where sound comes from."""

    def say(self, text: str, voice: str, speed: int) -> Samples:
        """Text spoken by a voice at so many words a minute, silence trimmed at both ends."""
        ...

    def prompt(self, name: str) -> Samples:
        """A recorded prompt by its name."""
        ...


@dataclass(frozen=True, slots=True)
class EspeakSpeaker:
    """espeak-ng and the recorded prompts of a private root.

    Attributes:
        espeak: the command that runs espeak-ng, without arguments.
        environment: what it needs to find its voices.
        prompts: the folder of the recorded prompts, 8 kHz WAV.
    """

    espeak: Sequence[str]
    environment: dict[str, str]
    prompts: Path

    def say(self, text: str, voice: str, speed: int) -> Samples:
        command = [*self.espeak, "-v", voice, "-s", str(speed), "--stdout", "--", text]
        done = subprocess.run(command, capture_output=True, env=self.environment, timeout=60, check=False)  # noqa: S603
        if done.returncode != 0 or not done.stdout:
            raise SpeechError(f"espeak-ng could not speak with voice {voice!r}: {done.stderr.decode(errors='replace')}")
        # espeak-ng writes to a pipe, so its header's length field is a guess: take the frames that are there
        with wave.open(io.BytesIO(done.stdout)) as header:
            rate = header.getframerate()
        raw = done.stdout[44:]
        sound = np.frombuffer(raw[: len(raw) // 2 * 2], dtype="<i2").astype(np.float64) / 32768
        return _level(_trim(_telephone_band(sound, rate)))

    def prompt(self, name: str) -> Samples:
        path = self.prompts / f"{name}.wav"
        try:
            with wave.open(str(path)) as file:
                if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
                    raise SpeechError(f"prompt {path}: 8 kHz, mono, 16 bit is expected")
                raw = file.readframes(file.getnframes())
        except (OSError, wave.Error, EOFError) as error:
            raise SpeechError(f"prompt {path}: {error}; install asterisk-core-sounds-en-wav in the root") from error
        return _level(_trim(np.frombuffer(raw, dtype="<i2").astype(np.float64) / 32768))


def load_script(path: Path) -> Script:
    """Read what the parties say.

    Raises:
        SpeechError: no such file, not TOML, or an entry that is not understood.
    """
    try:
        return Script.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpeechError(f"carrier script {path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SpeechError(f"carrier script {path}: {where}: {first['msg']}") from error


def clips(script: Script, speaker: Speaker) -> Iterator[tuple[str, Samples]]:
    """Every clip by file name (without extension), in the order of the script."""
    for person in (*script.person, *script.wordy_person):
        yield f"person-{person.name}", _person(person, speaker)
    beep = np.concatenate([_silence(0.3), _tone(1000.0, 0.45, -12.0)])
    for voicemail in (*script.voicemail, *script.terse_voicemail):
        yield f"voicemail-{voicemail.name}", np.concatenate([_announce(voicemail, speaker), beep])
    for full in script.mailbox_full:
        yield f"mailbox-full-{full.name}", _announce(full, speaker)
    sit = np.concatenate([_tone(hz, s, -14.0) for hz, s in zip(_SIT_HZ, _SIT_S, strict=True)])
    for intercept in script.intercept:
        yield f"intercept-{intercept.name}", np.concatenate([sit, _announce(intercept, speaker)])
    yield "fax-answer", np.concatenate([_silence(1.8), _tone(2100.0, 3.0, -12.0), _silence(0.075), _v21_flags(1.2)])


def make_clips(script_path: Path, speaker: Speaker, folder: Path) -> int:
    """Write every clip into a folder unless it is already there from the same script; returns how many were made.

    Raises:
        SpeechError: the script is wrong or a voice cannot be made; a stamp is only left when all clips are there.
    """
    script = load_script(script_path)
    stamp = folder / "made-from"
    wanted = hashlib.sha256(_VERSION + script_path.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text("ascii", errors="replace") == wanted:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    made = 0
    for name, sound in clips(script, speaker):
        noise = np.random.default_rng(len(sound)).normal(0, 10 ** (_ROOM_DBFS / 20), len(sound))
        fresh = folder / f".{name}.{os.getpid()}"  # another carrier may be playing from this folder
        fresh.write_bytes(mu_law(sound + noise))
        fresh.replace(folder / f"{name}.ulaw")
        made += 1
    stamp.write_text(wanted, "ascii")
    return made


def mu_law(sound: Samples) -> bytes:
    """G.711 mu-law, one byte a sample: sign, exponent and mantissa of the biased 14-bit magnitude, all inverted."""
    pcm = np.clip(np.round(sound * 32768), -32635, 32635).astype(np.int32)
    biased = np.abs(pcm) + 132
    exponent = np.floor(np.log2(biased)).astype(np.int32) - 7
    mantissa = (biased >> (exponent + 3)) & 0x0F
    sign = np.where(pcm < 0, 0x80, 0)
    coded: npt.NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return coded.tobytes()


def _person(person: Person, speaker: Speaker) -> Samples:
    opening = np.concatenate([_silence(person.pickup_s), speaker.say(person.hello, person.voice, person.speed)])
    missing = max(SPEECH_AT_S - len(opening) / RATE, LISTENS_S)
    return np.concatenate(
        [opening, _silence(missing), speaker.say(person.speech, person.voice, person.speed), _silence(0.2)]
    )


def _announce(announcement: Announcement, speaker: Speaker) -> Samples:
    pieces = [_silence(announcement.pickup_s)]
    for part in announcement.parts:
        pieces += [_spoken(part, speaker), _silence(0.25)]
    return np.concatenate(pieces)


def _spoken(part: Part, speaker: Speaker) -> Samples:
    if part.prompt:
        return speaker.prompt(part.prompt)
    return speaker.say(part.say, part.voice, part.speed) if part.say else _silence(part.pause_s)


def _silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE))


def _tone(hz: float, seconds: float, dbfs: float) -> Samples:
    at = np.arange(round(seconds * RATE)) / RATE
    sound: Samples = 10 ** (dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * hz * at)
    return sound


def _v21_flags(seconds: float) -> Samples:
    """HDLC flags in V.21 channel 2 (300 bit/s, 1650 Hz for 1, 1850 Hz for 0): how a fax introduces itself after CED."""
    bits = np.resize([0, 1, 1, 1, 1, 1, 1, 0], round(seconds * 300))
    hz = np.repeat(np.where(bits == 1, 1650.0, 1850.0), round(RATE / 300))
    sound: Samples = 10 ** (-12 / 20) * np.sqrt(2) * np.sin(2 * np.pi * np.cumsum(hz) / RATE)
    return sound


def _telephone_band(sound: Samples, rate: int) -> Samples:
    """300 to 3400 Hz at 8000 samples a second; done on the spectrum, which is exact for a whole clip."""
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / rate)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    length = round(len(sound) * RATE / rate)
    return np.fft.irfft(spectrum[: length // 2 + 1], length) * (length / len(sound))


def _trim(sound: Samples) -> Samples:
    """Without the quiet (40 dB under the peak) at either end."""
    loud = np.flatnonzero(np.abs(sound) > np.max(np.abs(sound), initial=0.0) / 100)
    if not len(loud):
        raise SpeechError("a voice or prompt came out silent")
    return sound[loud[0] : loud[-1] + 1]


def _level(sound: Samples) -> Samples:
    """Scaled to -20 dBFS root mean square over its louder half, peaks held under full scale."""
    power = np.sort(sound**2)
    rms = float(np.sqrt(np.mean(power[len(power) // 2 :])))
    return np.clip(sound * (10 ** (_SPEECH_DBFS / 20) / rms), -0.95, 0.95)
