"""`dialer simulate` as a manager meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.simulate_cli import app
from pacing.simulation.study import interval, standard_document

pytestmark = pytest.mark.unit

run = CliRunner().invoke


def workload(folder: Path, **changes: object) -> Path:
    path = folder / "floor.json"
    path.write_text(json.dumps({**standard_document(4, 0.3, 30, hours=0.15), "warm_up_s": 60, **changes}))
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not a JSON file"),
        ("[]", "must be an object"),
        ('{"name": "x"}', "is missing"),
        ('{"name": "x", "hours": ' + "9" * 5000 + "}", "an integer with thousands of digits"),
        (json.dumps({**standard_document(4, 0.3, 30), "hours": 10**400}), "workload field hours is inf"),
    ],
)
def test_a_file_that_is_no_workload_ends_with_one_clear_line(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    result = run(app, ["--workload", str(path)])
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_a_missing_file_and_an_unknown_policy_are_said_so(tmp_path: Path) -> None:
    missing = run(app, ["--workload", str(tmp_path / "none.json")])
    unknown = run(app, ["--workload", str(workload(tmp_path)), "--policy", "magic"])
    assert (missing.exit_code, unknown.exit_code) == (2, 2)
    assert "cannot read" in missing.stderr
    assert "no policy 'magic'" in unknown.stderr


def test_the_answer_names_what_was_asked_and_what_came_out(tmp_path: Path) -> None:
    result = run(app, ["--workload", str(workload(tmp_path)), "--policy", "progressive", "--seed", "5", "--json"])
    answer = json.loads(result.stdout)
    assert (answer["policy"], answer["seed"], answer["abandoned"]) == ("progressive", 5, 0)
    assert {"utilisation", "talk_share", "abandonment", "answered", "abandonment_ci95", "worst_15min", "days"} <= set(
        answer
    )
    assert {"lines_per_agent", "idle_s_per_call", "decision_ms"} <= set(answer)


def test_a_floor_that_serves_nobody_answers_with_valid_json(tmp_path: Path) -> None:
    late = workload(tmp_path, grace_s=0, verdict_lag_s=1)
    result = run(app, ["--workload", str(late), "--policy", "power:1", "--json"])
    assert result.exit_code == 0
    assert "Infinity" not in result.stdout
    assert json.loads(result.stdout)["idle_s_per_call"] is None


def test_a_recording_replays_and_a_changed_one_is_noticed(tmp_path: Path) -> None:
    record = tmp_path / "decisions.jsonl"
    assert run(app, ["--workload", str(workload(tmp_path)), "--record", str(record)]).exit_code == 0
    assert run(app, ["replay", str(record)]).exit_code == 0
    record.write_text(record.read_text().replace('"lines_to_add":0', '"lines_to_add":7', 1))
    assert run(app, ["replay", str(record)]).exit_code == 1


@pytest.mark.parametrize(
    "policy",
    [
        "predictive:release=1",
        "progressive",
        "preview",
        "ratio:1.23456789",
        "power:1.23456789",
        "fixed:1.5",
        "eis",
        "eis:0.5",
        "issabel:0.6",
        "vicidial-ratio:1.5",
        "vicidial-average:max=2,difference=-1,intensity=20,available_only=1",
        "vicidial-tapered:latest=1000",
    ],
)
def test_a_recording_of_any_policy_replays_through_that_policy(tmp_path: Path, policy: str) -> None:
    record = tmp_path / "decisions.jsonl"
    load = workload(tmp_path, agents=[{"from_s": 0, "n": 7}])
    assert run(app, ["--workload", str(load), "--policy", policy, "--record", str(record)]).exit_code == 0
    result = run(app, ["replay", str(record)])
    assert (result.exit_code, result.stdout.split()[-2:]) == (0, ["0", "different"])


def test_a_recording_without_a_first_line_is_the_engines_own(tmp_path: Path) -> None:
    record = tmp_path / "decisions.jsonl"
    run(app, ["--workload", str(workload(tmp_path)), "--record", str(record)])
    header, _, rest = record.read_text().partition("\n")
    record.write_text(rest)
    assert json.loads(header) == {"recording": {"format": 1, "policy": "predictive"}}
    assert run(app, ["replay", str(record)]).exit_code == 0


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"format": 2, "policy": "eis"}, "line 1 of the recording cannot be read: it has format 2"),
        ({"format": 1, "policy": "magic"}, "no policy 'magic'"),
        ({"format": 1}, "does not say whose decisions"),
        ({}, "it has format None"),
    ],
)
def test_a_recording_that_cannot_be_taken_again_is_refused(
    tmp_path: Path, header: dict[str, object], words: str
) -> None:
    record = tmp_path / "decisions.jsonl"
    record.write_text(json.dumps({"recording": header}) + "\n")
    result = run(app, ["replay", str(record)])
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


@pytest.mark.parametrize("content", ["", '{"snapshot": {"now": 1.0, "settings": {}, "agents": []}}'])
def test_a_recording_without_a_decision_is_not_taken_for_one_that_agrees(tmp_path: Path, content: str) -> None:
    record = tmp_path / "decisions.jsonl"
    record.write_text(content)
    result = run(app, ["replay", str(record)])
    assert result.exit_code == 1
    assert "holds no decision" in " ".join(result.stderr.split())


def test_a_recording_that_cannot_be_read_is_said_so_by_its_line(tmp_path: Path) -> None:
    record = tmp_path / "decisions.jsonl"
    record.write_text('{"snapshot": {"now": 1.0, "settings": null, "agents": []}}\n{"decision": {}}\n')
    result = run(app, ["replay", str(record)])
    assert result.exit_code == 2
    assert "line 1 of the recording" in " ".join(result.stderr.split())


def test_what_if_answers_with_ranges_and_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "teams.svg"
    result = run(
        app,
        ["what-if", "--agents", "2,4", "--answer-rate", "0.3", "--talk-s", "30", "--hours", "0.15", "--shifts", "2",
         "--picture", str(picture), "--json"],
    )  # fmt: skip
    small, large = json.loads(result.stdout)
    assert (small["agents"], large["agents"]) == (2, 4)
    assert large["utilisation"]["low"] <= large["utilisation"]["mean"] <= large["utilisation"]["high"]
    assert picture.read_text().startswith("<svg")


@pytest.mark.parametrize(
    "arguments", [["--agents", "x", "--answer-rate", "0.2"], ["--agents", "5", "--answer-rate", "2"]]
)
def test_what_if_refuses_figures_that_cannot_be(arguments: list[str]) -> None:
    assert run(app, ["what-if", *arguments]).exit_code == 2


def test_the_interval_of_a_mean_is_students() -> None:
    found = interval([1.0, 2.0, 3.0, 4.0])
    assert found.mean == 2.5
    assert found.high - found.mean == pytest.approx(3.182 * 1.29099 / 2, rel=0.01)
