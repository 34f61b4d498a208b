"""Lines that Asterisk wrote while no engine listened: what they say in any order, and what nonsense cannot do."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer import call_lines
from dialer.call_lines import FILE, CallLines, Heard, Told, fold
from domain.ids import AttemptId, channel_of, new_attempt_id
from domain.outcomes import Outcome

pytestmark = pytest.mark.unit

BORN = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
NOW = BORN + timedelta(hours=1)
OFFSET = timedelta(days=2, seconds=7)
"""The calendar is ahead of the machine's clock, by which Asterisk writes."""
ATTEMPT = new_attempt_id(BORN)
OTHER = new_attempt_id(BORN)


def line(kind: str, seconds: float, extra: object = "", channel: str = ATTEMPT) -> bytes:
    at = (BORN - OFFSET).timestamp() + seconds
    text = extra if isinstance(extra, str) else json.dumps(extra)
    written = {"eventtime": at, "eventtype": kind, "uniqueid": channel, "eventextra": text}
    return json.dumps(written, separators=(",", ":")).encode() + b"\n"


def said(kind: str, seconds: float, word: str) -> bytes:
    return line(kind, seconds, {"extra": word})


def hang_up(seconds: float, cause: int, channel: str = ATTEMPT) -> bytes:
    extra = {"hangupcause": cause, "hangupsource": "PJSIP/carrier-00000001", "dialstatus": ""}
    return line("HANGUP", seconds, extra, channel)


ANSWERED = (line("ANSWER", 10),)
TALK = (
    *ANSWERED,
    said("VERDICT", 12, "HUMAN"),
    line("BRIDGE_ENTER", 13, {"bridge_id": "x", "bridge_technology": "simple_bridge"}),
    line("BRIDGE_EXIT", 43),
    line("BRIDGE_ENTER", 45),
    line("BRIDGE_EXIT", 50),
    hang_up(51, 16),
)


def heard(lines: Sequence[bytes], wanted: Sequence[AttemptId] = (ATTEMPT,), now: datetime = NOW) -> Heard:
    return fold(lines, wanted, OFFSET, now)


def told(*lines: bytes) -> Told:
    found = heard(lines)
    assert found.bad_lines == 0
    return found.told[ATTEMPT]


# --- nonsense ---------------------------------------------------------------------------------------------------------

NONSENSE = [
    b"\n",
    b"",
    b"{}\n",
    b"\x00\xff\xfe\n",
    b'{"uniqueid":"' + ATTEMPT.encode() + b'"}\n',
    b'{"uniqueid":"' + ATTEMPT.encode() + b'","eventtime":"soon","eventtype":"HANGUP"}\n',
    b'{"uniqueid":"' + ATTEMPT.encode() + b'","eventtime":1e400,"eventtype":"ANSWER"}\n',
    b'{"uniqueid":"' + ATTEMPT.encode() + b'","eventtime":-1e300,"eventtype":"ANSWER"}\n',
    b'{"uniqueid":"' + ATTEMPT.encode() + b'","uniqueid":"' + OTHER.encode() + b'","eventtime":1,"eventtype":"X"}\n',
    line("ANSWER", 10)[:-1],
    line("ANSWER", 10)[:40],
    line("ANSWER", -3600),
    line("ANSWER", 2 * 3600),
    line("HANGUP", 5, "not JSON"),
    line("HANGUP", 5, {"hangupcause": "16'; DROP TABLE"}),
    line("HANGUP", 5, {"hangupcause": 99999}),
    line("VERDICT", 5, {"extra": "H" * 100}),
    line("A" * 100, 5),
]


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_a_line_that_makes_no_sense_is_counted_and_changes_nothing(nonsense: bytes) -> None:
    clean, dirty = heard(TALK), heard([nonsense, *TALK, nonsense])
    assert dirty.told == clean.told
    assert dirty.bad_lines == 2


@given(st.lists(st.binary(max_size=200)))
def test_no_bytes_raise(lines: list[bytes]) -> None:
    assert heard(lines).told == {}


@given(st.lists(st.sampled_from([*TALK, *NONSENSE]), max_size=20))
def test_every_line_is_used_or_counted(lines: list[bytes]) -> None:
    assert heard(lines).bad_lines == sum(line in NONSENSE for line in lines)


def test_calls_that_nobody_asked_for_are_passed_over_without_being_read() -> None:
    unread = line("ANSWER", 10, channel=OTHER).replace(b"eventtime", b"nonsense")
    assert heard([unread, line("ANSWER", 10, channel="1795338387.0")]) == Heard({}, 0)


# --- any order --------------------------------------------------------------------------------------------------------


@given(st.permutations(TALK), st.lists(st.sampled_from(TALK)))
def test_order_and_repetition_say_nothing(order: Sequence[bytes], again: list[bytes]) -> None:
    assert heard([*order, *again]) == heard(TALK)


@given(st.lists(st.sampled_from([*TALK, said("TREATED", 14, "message"), said("VERDICT", 11, "FAX")]), unique=True))
def test_any_part_of_the_lines_gives_an_outcome_of_the_cautious_kind(lines: list[bytes]) -> None:
    for known in heard(lines).told.values():
        assert known.ending.outcome.counts_toward_caps
        assert known.over is (TALK[-1] in lines)


# --- what they say ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [
        (17, Outcome.BUSY),
        (18, Outcome.NO_ANSWER),
        (19, Outcome.NO_ANSWER),
        (1, Outcome.SIT),
        (21, Outcome.CARRIER_BLOCKED),
        (34, Outcome.UNKNOWN),  # failed, or rang and failed: only one of them does not count
        (0, Outcome.UNKNOWN),
        (127, Outcome.UNKNOWN),
    ],
)
def test_a_call_that_nobody_answered_ends_by_its_cause(cause: int, outcome: Outcome) -> None:
    known = told(hang_up(20, cause))
    assert (known.ending.outcome, known.ending.cause, known.over) == (outcome, cause, True)
    assert known.ending.ended_at == BORN + timedelta(seconds=20)


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        ([hang_up(11, 16)], Outcome.LIVE_HANGUP),
        ([said("VERDICT", 12, "HUMAN"), hang_up(13, 16)], Outcome.LIVE_HANGUP),
        ([said("VERDICT", 12, "HUMAN"), said("TREATED", 14, "hangup"), hang_up(14, 16)], Outcome.ABANDONED),
        ([said("VERDICT", 12, "NOTSURE"), said("TREATED", 14, "message")], Outcome.ABANDONED),
        ([said("VERDICT", 12, "a new word"), said("TREATED", 14, "message")], Outcome.ABANDONED),
        ([said("VERDICT", 12, "MACHINE"), hang_up(12, 16)], Outcome.MACHINE),
        ([said("VERDICT", 12, "FAX"), hang_up(12, 16)], Outcome.FAX),
        ([said("VERDICT", 12, "SIT"), hang_up(12, 16)], Outcome.SIT),
        ([said("VERDICT", 12, "HUMAN")], Outcome.ABANDONED),  # Asterisk died with a person on the line
        ([], Outcome.UNKNOWN),
    ],
)
def test_a_call_that_was_answered_ends_as_a_live_one_does(lines: list[bytes], outcome: Outcome) -> None:
    known = told(*ANSWERED, *lines)
    assert known.ending.outcome is outcome
    assert known.ending.answered_at == BORN + timedelta(seconds=10)


def test_a_conversation_has_its_times_and_the_seconds_of_all_its_bridges() -> None:
    ending = told(*TALK).ending
    assert ending.outcome is Outcome.CONVERSATION
    times = (ending.answered_at, ending.joined_at, ending.ended_at)
    assert times == tuple(BORN + timedelta(seconds=seconds) for seconds in (10, 13, 51))
    assert ending.bridged_s == 35.0


def test_a_bridge_that_is_not_seen_to_end_lasts_until_the_hang_up() -> None:
    assert told(*(each for each in TALK if b"BRIDGE_EXIT" not in each)).ending.bridged_s == 38.0


def test_a_refused_invite_is_not_the_end_of_an_attempt_that_had_another() -> None:
    further = channel_of(ATTEMPT, 1)
    refused = hang_up(2, 34)
    assert not told(refused, line("ANSWER", 10, channel=further)).over
    known = told(refused, hang_up(30, 17, channel=further))
    assert (known.ending.outcome, known.over) == (Outcome.BUSY, True)


def test_who_pressed_the_key_has_opted_out() -> None:
    assert told(*ANSWERED, said("KEY", 16, "9")).opted_out
    assert not told(*ANSWERED, said("KEY", 16, "5")).opted_out


# --- files ------------------------------------------------------------------------------------------------------------


def in_folder(folder: Path) -> CallLines:
    return CallLines(folder, OFFSET)


def test_nothing_is_known_where_there_is_no_file(tmp_path: Path) -> None:
    assert in_folder(tmp_path / "nowhere").told([ATTEMPT], NOW) == {}


def test_files_put_aside_are_read_too_but_not_those_from_before_the_call(tmp_path: Path) -> None:
    content = {
        f"{FILE}.1": (timedelta(hours=-1), said("TREATED", 14, "message")),
        f"{FILE}.2": (timedelta(seconds=14), b"".join(TALK[:3])),
        FILE: (timedelta(seconds=60), b"".join(TALK[3:])),
    }
    for name, (written, data) in content.items():
        (tmp_path / name).write_bytes(data)
        at = (BORN - OFFSET + written).timestamp()
        os.utime(tmp_path / name, (at, at))
    assert in_folder(tmp_path).told([ATTEMPT], NOW) == heard(TALK).told


def test_an_endless_line_is_one_that_makes_no_sense(tmp_path: Path) -> None:
    endless = b'{"uniqueid":"' + ATTEMPT.encode() + b"x" * 1_000_000 + b"\n"
    (tmp_path / FILE).write_bytes(TALK[0] + endless + b"".join(TALK[1:]))
    with (tmp_path / FILE).open("rb") as stream:
        lines = list(call_lines._split(stream))
    assert max(map(len, lines)) <= call_lines.LONGEST_LINE
    assert (heard(lines).told, heard(lines).bad_lines) == (heard(TALK).told, 1)


def test_a_full_file_is_put_aside_and_an_old_one_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_lines, "ROTATE_BYTES", 10)
    now = datetime.fromtimestamp(time.time(), UTC) + OFFSET
    old, young, present = tmp_path / f"{FILE}.1", tmp_path / f"{FILE}.2", tmp_path / FILE
    for file in (old, young, present):
        file.write_bytes(b"0123456789\n")
    expired = (now - OFFSET - call_lines.KEPT_FOR).timestamp() - 60
    os.utime(old, (expired, expired))
    in_folder(tmp_path).tidy(now)
    assert not old.exists()
    assert young.exists()
    assert not present.exists()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_that_is_not_full_stays(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"".join(TALK))
    in_folder(tmp_path).tidy(NOW)
    assert (tmp_path / FILE).read_bytes() == b"".join(TALK)
