"""Clips: mu-law as the standard has it, people quiet when a detector listens, and no clip made by halves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.testing.carrier import SCRIPT
from dialer.testing.speech import (
    LISTENS_S,
    RATE,
    SPEECH_AT_S,
    Samples,
    SpeechError,
    clips,
    load_script,
    make_clips,
    mu_law,
)

pytestmark = pytest.mark.unit


@dataclass
class ToneSpeaker:
    """Says everything as a 400 Hz tone, 60 ms a letter."""

    spoken: list[str] = field(default_factory=list)
    fails_at: str = ""

    def say(self, text: str, voice: str, speed: int) -> Samples:
        self.spoken.append(text)
        if text == self.fails_at:
            raise SpeechError("no such voice")
        return self._tone(0.06 * len(text))

    def prompt(self, name: str) -> Samples:
        return self._tone(2.0)

    def _tone(self, seconds: float) -> Samples:
        return 0.1 * np.sin(2 * np.pi * 400 * np.arange(round(seconds * RATE)) / RATE)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "person"),
        ("not TOML", "Expected"),
        ('[[person]]\nname = "../etc"', "person.0.name"),
        ('[[person]]\nname = "x"\nloud = true', "person.0"),
    ],
)
def test_a_script_that_is_not_understood_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "speech.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(SpeechError, match=says):
        load_script(file)


def test_a_voice_that_fails_leaves_no_stamp_and_is_tried_again(tmp_path: Path) -> None:
    failing = ToneSpeaker(fails_at=load_script(SCRIPT).person[-1].hello)
    with pytest.raises(SpeechError):
        make_clips(SCRIPT, failing, tmp_path)
    assert make_clips(SCRIPT, ToneSpeaker(), tmp_path) > 0


def test_clips_are_made_once_and_again_when_the_script_changes(tmp_path: Path) -> None:
    script = tmp_path / "speech.toml"
    script.write_text(SCRIPT.read_text("utf-8"), "utf-8")
    made = make_clips(script, ToneSpeaker(), tmp_path / "clips")
    assert made == len(list((tmp_path / "clips").glob("*.ulaw")))
    assert make_clips(script, ToneSpeaker(), tmp_path / "clips") == 0
    script.write_text(SCRIPT.read_text("utf-8") + "\n# changed\n", "utf-8")
    assert make_clips(script, ToneSpeaker(), tmp_path / "clips") == made


def test_everybody_listens_after_the_greeting() -> None:
    script = load_script(SCRIPT)
    chatty = script.person[0].model_copy(update={"hello": "h" * 60})
    _, sound = next(clips(script.model_copy(update={"person": (chatty,)}), ToneSpeaker()))
    greeting_ends = chatty.pickup_s + 0.06 * 60
    assert not np.any(sound[round(greeting_ends * RATE) : round((greeting_ends + LISTENS_S) * RATE)])


def test_people_are_silent_until_they_speak_again() -> None:
    script = load_script(SCRIPT).model_copy(update={"wordy_person": ()})
    people = [sound for name, sound in clips(script, ToneSpeaker()) if name.startswith("person-")]
    before = round((SPEECH_AT_S - 0.85) * RATE), round(SPEECH_AT_S * RATE)
    assert len(people) >= 8
    assert all(not np.any(sound[slice(*before)]) for sound in people)
    assert all(np.any(sound[before[1] :]) for sound in people)


@given(st.lists(st.integers(-32635, 32635), min_size=1, max_size=200))
def test_mu_law_keeps_a_sample_within_its_step(samples: list[int]) -> None:
    coded = np.frombuffer(mu_law(np.array(samples) / 32768), dtype=np.uint8)
    code = ~coded
    magnitude = (((code & 0x0F).astype(np.int32) << 3) + 132 << ((code >> 4) & 7)) - 132
    heard = np.where(code & 0x80, -magnitude, magnitude)
    assert all(abs(h - s) <= max(4, abs(s) // 16 + 8) for h, s in zip(heard.tolist(), samples, strict=True))


def test_mu_law_of_silence_is_ff() -> None:
    assert mu_law(np.zeros(3)) == b"\xff\xff\xff"
