"""The summary: the carrier's word against the engine's, and nothing counted in the engine's favour."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from domain.outcomes import Outcome, Verdict
from domain.reasons import ReasonCode
from domain.telephony import Treatment
from reports.attempt_lines import AttemptFile, AttemptLine, BlockedLine, RecordingLine, RunLine
from reports.goals import demo_goals
from reports.joining import join
from reports.summary import Percentiles, agrees, is_abandoned, percentiles, summarise, write_summary
from reports.terminal import report
from tests.unit.reports.carrier import Call, Truth

pytestmark = pytest.mark.unit

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
FIELDS = [
    "attempts",
    "outcomes",
    "carrier_truth",
    "outcome_agreement",
    "amd_confusion",
    "connected",
    "abandoned",
    "connect_ms",
    "answer_to_agent_ms",
    "recordings",
    "recordings_bad",
    "duplicate_dials",
    "blocked",
]


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def line(n: int = 1, outcome: Outcome = Outcome.CONVERSATION, **more: object) -> AttemptLine:
    base = AttemptLine(
        attempt=f"{n:032x}",
        account=f"A{n}",
        number=f"+1212555{n:04d}",
        campaign="demo",
        reserved_at=at(0),
        sent_at=at(0),
        ended_at=at(60),
        outcome=outcome,
    )
    return replace(base, **more)


def talk(n: int = 1, verdict_at: float = 3.0, joined_at: float = 3.02) -> AttemptLine:
    """A person who was connected."""
    return line(
        n,
        verdict=Verdict.HUMAN,
        verdict_at=at(verdict_at),
        joined_at=at(joined_at),
        recording_expected=True,
        agent="ann",
    )


def call(n: int = 1, truth: Truth = Truth.HUMAN, answered: float | None = 1.0, **more: object) -> Call:
    base = Call(
        called=f"+1212555{n:04d}",
        behaviour=truth,
        invited_at=at(0.1),
        rang_at=at(0.2),
        answered_at=None if answered is None else at(answered),
        ended_at=at(60),
    )
    return replace(base, **more)


def recording(n: int = 1, **more: object) -> RecordingLine:
    base = RecordingLine(attempt=f"{n:032x}", state="checked", path="x", seconds=57.0, sha256="0" * 64)
    return replace(base, **more)


def file_of(
    *lines: AttemptLine, recordings: tuple[RecordingLine, ...] = (), blocked: tuple[BlockedLine, ...] = ()
) -> AttemptFile:
    run = RunLine(started_at=NOON, calendar_offset_s=0)
    return AttemptFile(run, lines, {each.attempt: each for each in recordings}, blocked, ())


# --- agreement -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_attempt_the_carrier_never_saw_agrees_with_nothing(outcome: Outcome) -> None:
    assert not agrees(None, outcome)


@pytest.mark.parametrize(
    ("truth", "answered", "outcome"),
    [
        (Truth.HUMAN, 1.0, Outcome.MACHINE),
        (Truth.HUMAN, 1.0, Outcome.NO_ANSWER),
        (Truth.HUMAN, 1.0, Outcome.CANCELLED),
        (Truth.HUMAN, 1.0, Outcome.UNKNOWN),
        (Truth.HUMAN, None, Outcome.CONVERSATION),
        (Truth.HUMAN, None, Outcome.LIVE_HANGUP),
        (Truth.HUMAN, None, Outcome.BUSY),
        (Truth.VOICEMAIL, 1.0, Outcome.CONVERSATION),
        (Truth.VOICEMAIL, None, Outcome.MACHINE),
        (Truth.BUSY, None, Outcome.NO_ANSWER),
        (Truth.BUSY, None, Outcome.CANCELLED),
        (Truth.BUSY, 1.0, Outcome.BUSY),
        (Truth.NO_ANSWER, None, Outcome.BUSY),
        (Truth.NO_ANSWER, 1.0, Outcome.NO_ANSWER),
    ],
)
def test_an_outcome_against_the_truth_does_not_agree(truth: Truth, answered: float | None, outcome: Outcome) -> None:
    assert not agrees(call(truth=truth, answered=answered), outcome)


@pytest.mark.parametrize(
    ("truth", "answered", "outcome"),
    [
        (Truth.HUMAN, 1.0, Outcome.CONVERSATION),
        (Truth.HUMAN, 1.0, Outcome.THIRD_PARTY),
        (Truth.HUMAN, 1.0, Outcome.ABANDONED),
        (Truth.HUMAN, None, Outcome.NO_ANSWER),
        (Truth.HUMAN, None, Outcome.CANCELLED),
        (Truth.VOICEMAIL, 1.0, Outcome.MACHINE),
        (Truth.VOICEMAIL, None, Outcome.CANCELLED),
        (Truth.BUSY, None, Outcome.BUSY),
        (Truth.NO_ANSWER, None, Outcome.NO_ANSWER),
    ],
)
def test_an_outcome_that_fits_agrees(truth: Truth, answered: float | None, outcome: Outcome) -> None:
    assert agrees(call(truth=truth, answered=answered), outcome)


def test_who_never_rang_cannot_have_been_released_while_ringing() -> None:
    assert not agrees(call(answered=None, rang_at=None), Outcome.NO_ANSWER)


# --- abandonment ---------------------------------------------------------------------------------------------------


def abandoned(attempt: AttemptLine, carrier: Call) -> bool:
    return is_abandoned(join(file_of(attempt), [carrier]).pairs[0])


@pytest.mark.parametrize(
    "attempt",
    [
        line(outcome=Outcome.ABANDONED),
        line(outcome=Outcome.MACHINE, verdict=Verdict.MACHINE),
        line(outcome=Outcome.FAX, verdict=Verdict.FAX),
        line(outcome=Outcome.UNKNOWN),
        line(outcome=Outcome.NO_ANSWER),
        line(outcome=Outcome.CONVERSATION),
        line(outcome=Outcome.ABANDONED, treated_at=at(4), treatment=Treatment.LATE_AGENT, joined_at=at(6)),
        line(outcome=Outcome.CONVERSATION, treated_at=at(4), treatment=Treatment.LATE_AGENT, joined_at=at(6)),
        line(outcome=Outcome.LIVE_HANGUP, treated_at=at(4), treatment=Treatment.LATE_AGENT),
    ],
    ids=["said so", "machine", "fax", "unknown", "no answer", "never joined", "late", "late, not said", "hung up late"],
)
def test_a_person_without_an_agent_in_time_is_abandoned_whatever_the_engine_says(attempt: AttemptLine) -> None:
    assert abandoned(attempt, call())


def test_a_person_who_hung_up_first_is_not_abandoned() -> None:
    assert not abandoned(line(outcome=Outcome.LIVE_HANGUP), call())


def test_a_person_connected_in_time_is_not_abandoned() -> None:
    assert not abandoned(talk(), call())


def test_a_machine_is_not_abandoned_unless_the_engine_took_it_for_a_person() -> None:
    assert not abandoned(line(outcome=Outcome.MACHINE), call(truth=Truth.VOICEMAIL))
    assert abandoned(line(outcome=Outcome.ABANDONED), call(truth=Truth.VOICEMAIL))


# --- recordings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        recording(findings=("quiet",)),
        recording(state="defective"),
        recording(state="captured", path=None, sha256=None),
        recording(state="missing", path=None, sha256=None, findings=("no_file",)),
        recording(sha256=None),
    ],
)
def test_a_recording_with_any_fault_is_bad(bad: RecordingLine) -> None:
    summary, evidence = summarise(file_of(talk(), recordings=(bad,)), [call()])
    assert summary.recordings_bad == 1
    assert list(evidence.bad_recordings) == [bad.attempt]


def test_a_bridge_too_short_for_any_audio_has_no_bad_recording() -> None:
    _, evidence = summarise(file_of(talk(), recordings=(recording(state="void", path=None, sha256=None),)), [call()])
    assert evidence.bad_recordings == {}


def test_a_recording_that_was_never_made_is_bad() -> None:
    summary, evidence = summarise(file_of(talk()), [call()])
    assert (summary.recordings, summary.recordings_bad) == (0, 1)
    assert evidence.bad_recordings == {talk().attempt: ("never_made",)}


# --- the whole -----------------------------------------------------------------------------------------------------


def test_two_empty_files_make_a_summary_that_meets_no_goal_by_accident() -> None:
    summary, _ = summarise(file_of(), [])
    assert (summary.outcome_agreement, summary.connect_ms) == (0.0, Percentiles(None, None))
    missed = {goal.name for goal in demo_goals(summary, {"CEASE": 8}) if not goal.met}
    assert missed == {"attempts", "outcome_agreement", "connected", "abandoned", "connect_ms p99", "blocked"}


def test_a_small_run_is_counted() -> None:
    lines = (
        talk(1),
        talk(2, 3.0, 3.05),
        line(3, Outcome.MACHINE, verdict=Verdict.MACHINE, verdict_at=at(3)),
        line(4, Outcome.MACHINE, verdict=Verdict.MACHINE, verdict_at=at(3)),
        line(5, Outcome.BUSY),
        line(6, Outcome.ABANDONED, verdict=Verdict.HUMAN, verdict_at=at(3), treated_at=at(5)),
    )
    calls = [
        call(1),
        call(2),
        call(3, ended_at=at(3.1)),
        call(4, Truth.VOICEMAIL),
        call(5, Truth.BUSY, None),
        call(6, ended_at=at(6)),
    ]
    blocked = (
        BlockedLine(account="B1", code=ReasonCode.CEASE, at=at(2)),
        BlockedLine(account="B1", code=ReasonCode.CALL_WINDOW, at=at(1)),
        BlockedLine(account="B2", code=ReasonCode.CEASE, at=at(1)),
        BlockedLine(account="A1", code=ReasonCode.COOL_OFF, at=at(70)),
    )
    summary, evidence = summarise(file_of(*lines, recordings=(recording(1), recording(2)), blocked=blocked), calls)
    assert summary.attempts == 6
    assert summary.outcomes == {"abandoned": 1, "busy": 1, "conversation": 2, "machine": 2}
    assert summary.carrier_truth == {"busy": 1, "human": 4, "voicemail": 1}
    assert summary.outcome_agreement == pytest.approx(5 / 6)
    assert summary.amd_confusion == {"human": {"human": 3, "machine": 1}, "voicemail": {"machine": 1}}
    assert (summary.connected, summary.abandoned) == (2, 2)
    assert summary.connect_ms == Percentiles(20.0, 50.0)
    assert summary.answer_to_agent_ms == Percentiles(2050.0, 5000.0)
    assert (summary.recordings, summary.recordings_bad, summary.duplicate_dials) == (2, 0, 0)
    assert summary.blocked == {"CALL_WINDOW": 1, "CEASE": 1}
    assert [each.attempt for each in evidence.disagreements] == [lines[2].attempt]


def test_an_answered_call_without_a_verdict_has_a_column_of_its_own() -> None:
    summary, _ = summarise(file_of(line(outcome=Outcome.LIVE_HANGUP)), [call()])
    assert summary.amd_confusion == {"human": {"none": 1}}


def test_a_late_agent_spoils_neither_the_connect_time_nor_hides_the_wait() -> None:
    late = line(outcome=Outcome.ABANDONED, verdict_at=at(3), treated_at=at(5), joined_at=at(8))
    summary, _ = summarise(file_of(late), [call()])
    assert (summary.connected, summary.abandoned) == (0, 1)
    assert summary.connect_ms == Percentiles(None, None)
    assert summary.answer_to_agent_ms == Percentiles(7000.0, 7000.0)


def test_a_moved_calendar_does_not_change_the_wait() -> None:
    moved = file_of(talk())
    shift = timedelta(days=-19)
    lines = tuple(
        replace(
            each, sent_at=at(0) + shift, verdict_at=at(3) + shift, joined_at=at(3.02) + shift, ended_at=at(60) + shift
        )
        for each in moved.attempts
    )
    run = RunLine(started_at=NOON + shift, calendar_offset_s=shift.total_seconds())
    summary, _ = summarise(AttemptFile(run, lines, {}, (), ()), [call()])
    assert summary.answer_to_agent_ms == Percentiles(2020.0, 2020.0)


def test_a_person_who_waits_for_ever_makes_the_percentile_unmeasured_not_small() -> None:
    summary, _ = summarise(file_of(line(outcome=Outcome.ABANDONED, ended_at=None)), [call(ended_at=None)])
    assert summary.answer_to_agent_ms == Percentiles(None, None)


@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_a_percentile_is_a_measured_value_that_covers_its_share(values: list[float]) -> None:
    result = percentiles(values)
    for value, share in ((result.p50, 0.5), (result.p99, 0.99)):
        assert value is not None
        assert any(math.isclose(value, each, abs_tol=0.001) for each in values)
        assert sum(each <= value + 0.001 for each in values) >= share * len(values)


def test_the_file_has_exactly_the_fields_and_no_part_is_left(tmp_path: Path) -> None:
    summary, _ = summarise(file_of(talk(), recordings=(recording(),)), [call()])
    write_summary(summary, tmp_path / "summary.json")
    content = json.loads((tmp_path / "summary.json").read_text())
    assert list(content) == FIELDS
    assert (content["connect_ms"], content["outcome_agreement"]) == ({"p50": 20.0, "p99": 20.0}, 1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_the_printed_report_shows_what_is_wrong_and_the_goals() -> None:
    summary, evidence = summarise(file_of(talk(), line(2, Outcome.MACHINE)), [call(), call(2), call(3)])
    console = Console(file=StringIO(), width=100)
    console.print(report(summary, evidence, demo_goals(summary, {})))
    text = console.file.getvalue()
    assert f"{line(2).attempt}   human         machine" in text
    assert "never_made" in text
    assert "INVITEs at the carrier that no attempt accounts for: 1" in text
    assert "goals missed" in text
