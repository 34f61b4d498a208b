"""The engine's file: what is written is read back, and damage is located without spoiling the rest."""

import json
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.outcomes import Outcome, Verdict
from domain.reasons import ReasonCode
from domain.telephony import Treatment
from reports.attempt_lines import (
    AttemptLine,
    AttemptLog,
    BlockedLine,
    Line,
    RecordingLine,
    RunLine,
    parse,
    read_attempt_file,
    to_json,
)

pytestmark = pytest.mark.unit

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
ATTEMPT = AttemptLine(
    attempt="0" * 31 + "1",
    account="A-1",
    number="+12125550101",
    campaign="demo",
    reserved_at=NOON,
    outcome=Outcome.BUSY,
)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
maybe = st.none() | instants
attempts = st.builds(
    AttemptLine,
    attempt=st.integers(0, 2**128 - 1).map(lambda n: f"{n:032x}"),
    account=st.text(max_size=20),
    number=st.integers(10**6, 10**13).map(lambda n: f"+1{n}"),
    campaign=st.text(max_size=20),
    reserved_at=instants,
    outcome=st.sampled_from(Outcome),
    sip_call_ids=st.lists(st.text(max_size=30), max_size=3).map(tuple),
    sent_at=maybe,
    answered_at=maybe,
    verdict=st.none() | st.sampled_from(Verdict),
    treatment=st.none() | st.sampled_from(Treatment),
    bridged_s=st.floats(0, 1e6),
    cause=st.none() | st.integers(0, 127),
    agent=st.none() | st.text(max_size=10),
)
recordings = st.builds(
    RecordingLine,
    attempt=st.just(ATTEMPT.attempt),
    state=st.sampled_from(["checked", "missing"]),
    path=st.none() | st.text(),
    seconds=st.floats(0, 1e6),
    sha256=st.none(),
    findings=st.lists(st.text(max_size=10)).map(tuple),
)
blocked = st.builds(BlockedLine, account=st.text(), code=st.sampled_from(ReasonCode), at=instants)
runs = st.builds(RunLine, started_at=instants, calendar_offset_s=st.floats(-1e9, 1e9))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "json_invalid"),
        (b"\xff\xfe", "json_invalid"),
        (b"[]", "dict_type"),
        (b'{"kind":"other"}', "union_tag_invalid"),
        (b'{"kind":"blocked","account":"A","code":"NOPE","at":"2026-11-03T12:00:00Z"}', "code: enum"),
        (b'{"kind":"blocked","account":"A","code":"CEASE","at":"2026-11-03T12:00:00"}', "at: timezone_aware"),
        (b'{"kind":"blocked","account":"A","code":"CEASE"}', "at: missing"),
        (b'{"kind":"run","started_at":"2026-11-03T12:00:00Z","calendar_offset_s":1e999}', "calendar_offset_s: finite"),
    ],
)
def test_a_damaged_line_is_located_and_the_rest_is_read(text: bytes, why: str) -> None:
    file = parse([to_json(ATTEMPT), text, to_json(RunLine(started_at=NOON, calendar_offset_s=0))])
    assert [bad.number for bad in file.bad_lines] == [2]
    assert file.bad_lines[0].why.startswith(why)
    assert (len(file.attempts), file.run is not None) == (1, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attempt", "../x"),
        ("attempt", "0" * 32 + "\n"),
        ("number", "2125550101"),
        ("outcome", "fine"),
        ("verdict", "person"),
        ("failovers", -1),
        ("bridged_s", -0.1),
        ("surprise", 1),
    ],
)
def test_a_field_out_of_its_range_is_refused_without_repeating_it(field: str, value: object) -> None:
    damaged = json.loads(to_json(ATTEMPT)) | {field: value}
    file = parse([json.dumps(damaged).encode()])
    assert file.attempts == ()
    assert file.bad_lines[0].why.startswith(f"{field}: ")
    assert str(value) not in file.bad_lines[0].why.removeprefix(field)


def test_a_file_torn_by_a_crash_loses_its_last_line_only(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    path.write_bytes(to_json(ATTEMPT) + to_json(ATTEMPT)[:-20])
    file = read_attempt_file(path)
    assert (len(file.attempts), [bad.number for bad in file.bad_lines]) == (1, [2])


def test_there_being_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_attempt_file(tmp_path / "attempts.jsonl")


@given(line=attempts | recordings | blocked | runs)
def test_a_line_is_one_line_and_reads_back_the_same(line: Line) -> None:
    text = to_json(line)
    assert text.count(b"\n") == 1
    file = parse([text])
    assert file.bad_lines == ()
    assert line in {file.run, *file.attempts, *file.recordings.values(), *file.blocked}


def test_instants_are_written_in_utc_with_six_decimals() -> None:
    eastern = datetime(2026, 11, 3, 7, tzinfo=timezone(timedelta(hours=-5)))
    text = to_json(BlockedLine(account="A", code=ReasonCode.CEASE, at=eastern))
    assert json.loads(text)["at"] == "2026-11-03T12:00:00.000000Z"


def test_the_later_line_about_an_attempt_replaces_the_earlier() -> None:
    later = json.loads(to_json(ATTEMPT)) | {"outcome": "third_party"}
    file = parse([to_json(ATTEMPT), json.dumps(later).encode()])
    assert [line.outcome for line in file.attempts] == [Outcome.THIRD_PARTY]


def test_an_account_blocked_again_for_the_same_reason_counts_once() -> None:
    lines = [BlockedLine(account="A", code=code, at=NOON) for code in (ReasonCode.CEASE, ReasonCode.CEASE)]
    assert len(parse([to_json(line) for line in lines]).blocked) == 1


def test_the_log_is_private_and_continues_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "var/attempts.jsonl"
    for line in (RunLine(started_at=NOON, calendar_offset_s=3600.0), ATTEMPT):
        log = AttemptLog(path)
        log.write(line)
        log.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    file = read_attempt_file(path)
    assert (file.attempts, file.calendar_offset) == ((ATTEMPT,), timedelta(hours=1))
