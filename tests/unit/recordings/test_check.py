"""The checks: every kind of fault is found, and a good recording has none."""

import io
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.audio import CHANNEL_OF, Party, write_wav
from recordings.check import Expected, FindingCode, Heard, check, judge
from tests.unit.recordings.sound import AGENT_HZ, CUSTOMER_HZ, raw, silence, speech, tone

pytestmark = pytest.mark.unit

TONES = {Party.CUSTOMER: CUSTOMER_HZ, Party.AGENT: AGENT_HZ}


def wav_of(folder: Path, data: bytes) -> Path:
    path = folder / "a.wav"
    write_wav(io.BytesIO(data), path)
    return path


def codes(path: Path, expected: Expected) -> list[tuple[FindingCode, Party | None]]:
    return [(finding.code, finding.party) for finding in check(path, expected)[1]]


def test_a_file_that_is_no_wav_is_named_so(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF but not really")
    assert codes(path, Expected(1.0)) == [(FindingCode.NOT_AUDIO, None)]


def test_an_empty_file_is_no_audio(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    assert codes(path, Expected(1.0)) == [(FindingCode.NOT_AUDIO, None)]


@pytest.mark.parametrize("cut", [1, 2, 640, 16000])
def test_a_truncated_wav_disagrees_with_its_header(tmp_path: Path, cut: int) -> None:
    path = wav_of(tmp_path, raw(speech(2), speech(2)))
    path.write_bytes(path.read_bytes()[:-cut])
    assert codes(path, Expected(2.0)) == [(FindingCode.HEADER, None)]


def test_bytes_behind_the_audio_disagree_with_the_header(tmp_path: Path) -> None:
    path = wav_of(tmp_path, raw(speech(2), speech(2)))
    path.write_bytes(path.read_bytes() + b"\0\0\0\0")
    assert codes(path, Expected(2.0)) == [(FindingCode.HEADER, None)]


def test_a_header_of_another_rate_is_found(tmp_path: Path) -> None:
    path = wav_of(tmp_path, raw(speech(2), speech(2)))
    content = bytearray(path.read_bytes())
    content[24:28] = (16000).to_bytes(4, "little")
    path.write_bytes(content)
    assert codes(path, Expected(2.0)) == [(FindingCode.HEADER, None)]


@pytest.mark.parametrize("bridged", [1.69, 2.31, 10.0])
def test_a_length_off_by_more_than_the_tolerance_is_found(tmp_path: Path, bridged: float) -> None:
    path = wav_of(tmp_path, raw(speech(2), speech(2)))
    assert codes(path, Expected(bridged)) == [(FindingCode.LENGTH, None)]


@pytest.mark.parametrize("bridged", [1.71, 2.0, 2.29, None])
def test_a_length_within_the_tolerance_or_unknown_is_no_finding(tmp_path: Path, bridged: float | None) -> None:
    path = wav_of(tmp_path, raw(speech(2), speech(2)))
    assert codes(path, Expected(bridged)) == []


@pytest.mark.parametrize("quiet", list(Party))
@pytest.mark.parametrize("level", [-math.inf, -60.0, -46.0])
def test_a_party_who_was_not_heard_is_found(tmp_path: Path, quiet: Party, level: float) -> None:
    channels = [speech(2), speech(2)]
    channels[CHANNEL_OF[quiet]] = tone(500, 2, level)
    assert codes(wav_of(tmp_path, raw(*channels)), Expected(2.0)) == [(FindingCode.QUIET, quiet)]


def test_a_party_who_need_not_be_heard_may_be_silent(tmp_path: Path) -> None:
    path = wav_of(tmp_path, raw(silence(2), speech(2)))
    assert codes(path, Expected(2.0, voices=frozenset({Party.AGENT}))) == []


def test_one_word_in_a_long_silence_is_being_heard(tmp_path: Path) -> None:
    word = speech(20)
    word[: 8000 * 15] = 0
    word[8000 * 16 :] = 0
    assert codes(wav_of(tmp_path, raw(word, speech(20))), Expected(20.0)) == []


def test_swapped_channels_are_found_on_both(tmp_path: Path) -> None:
    path = wav_of(tmp_path, raw(tone(AGENT_HZ, 2), tone(CUSTOMER_HZ, 2)))
    assert codes(path, Expected(2.0, tones=TONES)) == [
        (FindingCode.WRONG_CHANNEL, Party.CUSTOMER),
        (FindingCode.WRONG_CHANNEL, Party.AGENT),
    ]


def test_one_party_on_both_channels_is_found(tmp_path: Path) -> None:
    path = wav_of(tmp_path, raw(tone(AGENT_HZ, 2), tone(AGENT_HZ, 2)))
    assert codes(path, Expected(2.0, tones=TONES)) == [(FindingCode.WRONG_CHANNEL, Party.CUSTOMER)]


def test_sound_without_the_marking_tone_is_found(tmp_path: Path) -> None:
    path = wav_of(tmp_path, raw(speech(2), tone(AGENT_HZ, 2)))
    assert codes(path, Expected(2.0, tones=TONES)) == [(FindingCode.NO_TONE, Party.CUSTOMER)]


def test_a_neighbouring_tone_is_not_taken_for_the_own(tmp_path: Path) -> None:
    path = wav_of(tmp_path, raw(tone(CUSTOMER_HZ + 20, 2), tone(AGENT_HZ, 2)))
    assert codes(path, Expected(2.0, tones=TONES)) == [(FindingCode.NO_TONE, Party.CUSTOMER)]


def test_tones_that_begin_after_speech_are_recognised(tmp_path: Path) -> None:
    customer = speech(4)
    customer[8000 * 2 :] = tone(CUSTOMER_HZ, 2)
    assert codes(wav_of(tmp_path, raw(customer, tone(AGENT_HZ, 4))), Expected(4.0, tones=TONES)) == []


def test_measurements_are_what_was_generated(tmp_path: Path) -> None:
    heard, findings = check(wav_of(tmp_path, raw(tone(700, 3, -16), tone(430, 3, -30))), Expected(3.0, tones=TONES))
    assert findings == ()
    assert heard is not None
    assert heard.seconds == 3.0
    assert heard.level_dbfs[Party.CUSTOMER] == pytest.approx(-16, abs=0.1)
    assert heard.level_dbfs[Party.AGENT] == pytest.approx(-30, abs=0.1)
    assert heard.tone_s[Party.CUSTOMER] == {700.0: pytest.approx(3.0), 430.0: 0.0}
    assert heard.tone_s[Party.AGENT] == {700.0: 0.0, 430.0: pytest.approx(3.0)}


@given(
    customer=st.sampled_from(range(500, 2701, 20)),
    agent=st.sampled_from([410, 430, 450, 470, 490, 3010, 3030, 3050]),
    level=st.floats(-40, -6),
)
def test_any_pair_of_marking_tones_is_told_apart(
    tmp_path_factory: pytest.TempPathFactory, customer: int, agent: int, level: float
) -> None:
    folder = tmp_path_factory.mktemp("tones")
    path = wav_of(folder, raw(tone(customer, 1.5, level), tone(agent, 1.5, level)))
    tones = {Party.CUSTOMER: float(customer), Party.AGENT: float(agent)}
    swapped = {Party.CUSTOMER: float(agent), Party.AGENT: float(customer)}
    assert codes(path, Expected(1.5, tones=tones)) == []
    assert {code for code, _ in codes(path, Expected(1.5, tones=swapped))} == {FindingCode.WRONG_CHANNEL}


@given(seconds=st.floats(0, 3600), bridged=st.floats(0, 3600))
def test_length_is_judged_by_the_tolerance_alone(seconds: float, bridged: float) -> None:
    heard = Heard(seconds, dict.fromkeys(Party, -20.0), {})
    findings = judge(heard, Expected(bridged))
    assert bool(findings) == (abs(seconds - bridged) > 0.3)
