"""`dialer compliance`: one answer a line, sentences for officers, tables, comparisons; clear errors."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

import compliance
from compliance import dnc
from compliance.batch import decide_each
from compliance.cases import read_case
from compliance.diff import preflight
from compliance.explain import conclusion, explain
from compliance.facts import CallFacts
from dialer.compliance_cli import app

pytestmark = pytest.mark.unit

CASES = Path(__file__).parents[1] / "data" / "compliance" / "cases.jsonl"
RUN = CliRunner()


def _facts() -> list[CallFacts]:
    read = [read_case(line, 1) for line in CASES.read_text("utf-8").splitlines()]
    return [case for case in read if isinstance(case, CallFacts)]


def test_a_file_that_is_not_there_ends_with_one_line(tmp_path: Path) -> None:
    found = RUN.invoke(app, ["check", str(tmp_path / "absent.jsonl")])
    assert found.exit_code == 2
    assert "cannot be read" in found.output


def test_check_answers_each_line_in_order_from_file_and_input() -> None:
    by_file = RUN.invoke(app, ["check", str(CASES)])
    by_input = RUN.invoke(app, ["check", "-"], input=CASES.read_bytes())
    assert by_file.output == by_input.output
    given = [json.loads(line)["id"] for line in CASES.read_text("utf-8").splitlines()]
    assert [json.loads(line)["id"] for line in by_file.output.splitlines()] == given


def test_check_answers_bad_lines_in_their_places() -> None:
    found = RUN.invoke(app, ["check"], input=b'\xef\xbb\xbf{"id": "A"}\r\n\xff\n\n')
    answers = [json.loads(line) for line in found.output.splitlines()]
    assert [answer["id"] for answer in answers] == ["A", None, None]
    assert [answer["reasons"][0]["detail"].split(":")[0] for answer in answers] == ["line 1", "line 2", "line 3"]


def test_abandonment_answers_each_line_and_fails_on_a_bad_one(tmp_path: Path) -> None:
    good = {"id": "A02", "formula": "us", "live": 1000, "abandoned": 31, "machines": 400}
    file = tmp_path / "counts.jsonl"
    file.write_text(json.dumps(good) + "\n", encoding="utf-8")
    found = RUN.invoke(app, ["abandonment", str(file)])
    row = json.loads(found.output)
    assert (found.exit_code, row["verdict"], row["rate"], row["calls_left"]) == (0, "breach", 0.031, 0)
    assert row["binding"] == "law"
    for bad in (
        "x",
        "[]",
        '{"formula": "xx"}',
        '{"formula": "us", "live": -1}',
        '{"formula": "us", "limit": 0.2}',
        '{"formula": "us", "lives": 1}',
        '{"formula": "us", "limit": "x"}',
    ):
        refused = RUN.invoke(app, ["abandonment", "-"], input=bad + "\n")
        assert refused.exit_code == 1, bad
        assert "line 1:" in json.loads(refused.output)["error"]


def test_explain_says_a_sentence_for_every_rule() -> None:
    found = RUN.invoke(app, ["explain", "+12125550147", "--at", "2026-12-01T12:00:00Z", "--zip", "10001"])
    assert found.exit_code == 0
    assert "NO  US-FDC-01" in found.output
    assert "07:00 in America/New_York (address 10001)" in found.output
    assert found.output.splitlines()[-1].endswith("it may be placed from 2026-12-01 13:00:00 UTC.")
    short = RUN.invoke(app, ["explain", "+12125550147", "--at", "2026-12-01T12:00:00Z", "--blocking"])
    assert len(short.output.splitlines()) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["2125550147", "--at", "2026-12-01T12:00:00Z"],
        ["+12125550147", "--at", "noon"],
        ["+12125550147", "--at", "2026-12-01T12:00:00Z", "--purpose", "fun"],
    ],
)
def test_explain_refuses_what_it_cannot_read(arguments: list[str]) -> None:
    found = RUN.invoke(app, ["explain", *arguments])
    assert found.exit_code == 2


def test_explain_agrees_with_the_gate_on_every_visible_case(policy: compliance.Policy) -> None:
    for facts in _facts():
        decision = compliance.decide(facts, policy)
        blocking = {sentence.rule for sentence in explain(facts, policy) if sentence.blocks}
        assert blocking == {reason.rule for reason in decision.reasons}
        assert ("must not" in conclusion(facts, policy)) is not decision.allowed


def test_a_batch_decides_as_the_gate_does(policy: compliance.Policy) -> None:
    for facts, decision in decide_each([*_facts(), *_facts()], policy):
        alone = compliance.decide(facts, policy)
        assert (alone.outcome, alone.retry_at, alone.reasons, alone.flags) == (
            decision.outcome,
            decision.retry_at,
            decision.reasons,
            decision.flags,
        )


def _packs(folder: Path) -> Path:
    folder.mkdir()
    for entry in resources.files("compliance.policies").iterdir():
        if entry.name.endswith(".toml"):
            (folder / entry.name).write_bytes(entry.read_bytes())
    return folder


def test_policy_diff_names_the_rules_and_the_calls_that_change(tmp_path: Path) -> None:
    old, new = _packs(tmp_path / "old"), tmp_path / "new"
    shutil.copytree(old, new)
    same = RUN.invoke(app, ["policy", "diff", str(old), str(new), "--against", str(CASES)])
    assert "no call changes" in same.output
    text = (new / "us.toml").read_text("utf-8")
    (new / "us.toml").write_text(text.replace("max = 7\n", "max = 6\n"), encoding="utf-8")
    found = RUN.invoke(app, ["policy", "diff", str(old), str(new), "--against", str(CASES)])
    assert "rule US-FDC-10: changed: params" in found.output
    assert "call F01: allow -> block; now blocked by: US-FDC-10" in found.output


def test_preflight_adds_up(policy: compliance.Policy) -> None:
    facts = _facts()
    found = preflight(facts, policy)
    assert found.callable_now + sum(count for _, count in found.by_rule) == len(facts)
    assert sum(count for _, count in found.next_callable) + found.held == len(facts) - found.callable_now
    shown = RUN.invoke(app, ["preflight", str(CASES), "--at", "2026-12-01T17:00:00"])
    assert shown.exit_code == 0


def test_a_registry_is_built_or_refused_with_one_line(tmp_path: Path) -> None:
    source, target = tmp_path / "212.txt", tmp_path / "us.dnc"
    source.write_text("212,5550147\n", encoding="ascii")
    asked = ["dnc-build", str(source), "--to", str(target), "--date", "2026-11-01"]
    assert RUN.invoke(app, asked).exit_code == 0
    assert "+12125550147" in dnc.open_list(target)
    source.write_text("x\n", encoding="ascii")
    refused = RUN.invoke(app, asked)
    assert refused.exit_code == 2
    assert "212.txt:1" in refused.output.replace("\n", "")


def test_rules_are_listed_for_a_country() -> None:
    found = RUN.invoke(app, ["rules", "--country", "FR"])
    assert "FR-01" in found.output
    assert "US-FDC" not in found.output
