"""`dialer simulate` as a manager meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.simulate_cli import app
from dialer.simulate_tables import print_run
from pacing.simulation.study import standard_document

pytestmark = pytest.mark.unit

run = CliRunner().invoke

WHAT_IF = ("what-if", "--talk-s", "30", "--hours", "0.15", "--shifts", "3")


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
        [*WHAT_IF, "--agents", "2,4", "--answer-rate", "0.3", "--picture", str(picture), "--json"],
    )
    small, large = json.loads(result.stdout)
    assert (small["agents"], large["agents"]) == (2, 4)
    assert large["utilisation"]["low"] <= large["utilisation"]["mean"] <= large["utilisation"]["high"]
    assert picture.read_text().startswith("<svg")


@pytest.mark.parametrize("columns", ["80", "120"])
def test_what_if_fits_a_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = run(app, [*WHAT_IF, "--agents", "1,3", "--answer-rate", "0.3"]).stdout.splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert any("conversations" in line for line in lines)
    assert any("per agent hour" in line for line in lines)
    assert sum(" to " in line for line in lines) == 2


def test_a_team_that_reaches_nobody_is_shown_without_a_wait() -> None:
    nobody = [*WHAT_IF, "--agents", "1", "--answer-rate", "0.000001"]
    (found,) = json.loads(run(app, [*nobody, "--json"]).stdout, parse_constant=pytest.fail)
    assert found["idle_s"] is None
    assert " – " in run(app, nobody).stdout


def test_two_shifts_are_too_few_for_a_range() -> None:
    assert run(app, [*WHAT_IF[:-1], "2", "--agents", "3", "--answer-rate", "0.3"]).exit_code == 2


@pytest.mark.parametrize(
    "arguments", [["--agents", "x", "--answer-rate", "0.2"], ["--agents", "5", "--answer-rate", "2"]]
)
def test_what_if_refuses_figures_that_cannot_be(arguments: list[str]) -> None:
    assert run(app, ["what-if", *arguments]).exit_code == 2


def test_the_table_speaks_of_percent_and_milliseconds_and_of_no_fields(tmp_path: Path) -> None:
    shown = run(app, ["--workload", str(workload(tmp_path))]).stdout
    assert "talk and wrap-up, of signed-in time" in shown
    assert "ms, p99 " in shown
    assert not set("_[{") & set(shown.split("\n", 1)[1])


def test_figures_that_are_missing_many_or_new_are_shown_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_run(
        {"workload": "w", "policy": "p", "seed": 1, "idle_s_per_call": None, "days": [0.01] * 7 + [0.03], "odd_one": 7}
    )
    shown = " ".join(capsys.readouterr().out.split())
    assert "wait between calls –" in shown
    assert "1.00 %, … (8 days, the worst 3.00 %)" in shown
    assert "odd one 7" in shown
