"""Recorded messages: texts to 8 kHz WAV files with espeak-ng, the company's name and number filled in.

Whoever answers may hear them, so no text says what a call is about; a test reads the shipped ones.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.instance import Place
from dialer.asterisk.render import TEMPLATES
from dialer.asterisk.root import AsteriskProgram
from dialer.asterisk.settings import Identity
from domain.phone import PhoneNumber

TEXTS: Final = TEMPLATES / "messages"
HOLD: Final = "hold"
_HOLD_PAUSE_S: Final = 4
_SPEAKABLE: Final = re.compile(r"[^\W_](?:[^\W_]|[ .,&'-]){0,79}")


def spoken_number(number: PhoneNumber) -> str:
    """The national part digit by digit, in the groups people say; espeak would read a number as millions."""
    digits = number.digits
    if number.digits.startswith("1") and len(digits) == 11:
        groups: Sequence[str] = (digits[1:4], digits[4:7], digits[7:])
    else:
        groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    return ", ".join(" ".join(group) for group in groups)


def texts(identity: Identity, folder: Path = TEXTS) -> dict[str, str]:
    """Message name to the words spoken.

    Raises:
        AsteriskError: the company's name holds something that is not said aloud.
    """
    if _SPEAKABLE.fullmatch(identity.company) is None:
        raise AsteriskError("identity.company is spoken aloud: letters, digits, spaces and . , & ' - only, at most 80")
    filled = {"{company}": identity.company, "{number}": spoken_number(identity.number)}
    spoken = {}
    for file in sorted(folder.glob("*.txt")):
        text = " ".join(file.read_text(encoding="utf-8").split())
        for mark, value in filled.items():
            text = text.replace(mark, value)
        if "{" in text:
            raise AsteriskError(f"{file.name} names something other than {{company}} and {{number}}")
        spoken[file.stem] = text
    return spoken


def speak_all(place: Place, program: AsteriskProgram, identity: Identity, folder: Path = TEXTS) -> None:
    """Bring the instance's sounds up to date; unchanged messages are left alone.

    Raises:
        AsteriskError: a text cannot be spoken, or espeak-ng or sox fails.
    """
    wanted = texts(identity, folder)
    made_file = place.sounds / "made.json"
    made: dict[str, str] = json.loads(made_file.read_text()) if made_file.exists() else {}
    for name, text in wanted.items():
        target = place.sounds / HOLD / f"{HOLD}.wav" if name == HOLD else place.sounds / f"{name}.wav"
        digest = hashlib.sha256(text.encode()).hexdigest()
        if made.get(name) == digest and target.exists():
            continue
        target.parent.mkdir(exist_ok=True)
        speak(text, target, program, pause_after_s=_HOLD_PAUSE_S if name == HOLD else 0)
        made[name] = digest
    made_file.write_text(json.dumps(made, indent=1))


def speak(text: str, target: Path, program: AsteriskProgram, *, pause_after_s: float = 0) -> None:
    """One text to one 8 kHz mono WAV file, peak at -3 dB.

    Args:
        text: what is said.
        target: the file; replaced in one step.
        program: where espeak-ng and sox come from.
        pause_after_s: silence at the end.

    Raises:
        AsteriskError: espeak-ng or sox is missing or fails.
    """
    raw, fresh = target.with_suffix(".espeak.wav"), target.with_suffix(".new.wav")
    _run(program, "espeak-ng", ["-v", "en-us", "-s", "150", "-w", str(raw), "--stdin"], text)
    pad = ["pad", "0", f"{pause_after_s:g}"] if pause_after_s else []
    _run(program, "sox_ng", [str(raw), "-r", "8000", "-c", "1", "-b", "16", str(fresh), "gain", "-n", "-3", *pad], "")
    raw.unlink()
    fresh.replace(target)


def _run(program: AsteriskProgram, name: str, arguments: Sequence[str], text: str) -> None:
    try:
        subprocess.run(  # noqa: S603 - fixed words; the text goes in through stdin
            program.command(name, arguments),
            env=program.environment(),
            input=text.encode(),
            capture_output=True,
            check=True,
        )
    except OSError as error:
        raise AsteriskError(f"{name} is needed for recorded messages and cannot be run: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise AsteriskError(
            f"{name} failed on a recorded message: {error.stderr.decode(errors='replace')[-300:]}"
        ) from error
