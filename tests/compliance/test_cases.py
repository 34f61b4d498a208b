"""The visible acceptance cases: every line is answered as expected; soft ones are reported, not failed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import compliance
from compliance.cases import answer, answer_json, read_case

pytestmark = pytest.mark.unit

CASES = Path(__file__).parents[1] / "data" / "compliance" / "cases.jsonl"


def _cases() -> list[Any]:
    lines = CASES.read_text("utf-8").splitlines()
    return [pytest.param(json.loads(line), line, id=json.loads(line)["id"]) for line in lines]


def _misses(expect: dict[str, Any], given: dict[str, Any]) -> list[str]:
    codes = [reason["code"] for reason in given["reasons"]]
    checks = {
        "outcome": lambda wanted: given["outcome"] == wanted,
        "code": lambda wanted: wanted in codes,
        "counted": lambda wanted: given["counted"] is wanted,
        "flag": lambda wanted: wanted in given["flags"],
        "why": lambda _: True,
    }
    return [key for key, wanted in expect.items() if not checks[key](wanted)]


@pytest.mark.parametrize(("case", "line"), _cases())
def test_a_visible_case_is_answered_as_expected(case: dict[str, Any], line: str, policy: compliance.Policy) -> None:
    given = json.loads(answer_json(answer(read_case(case.get("raw", line), 1), policy)))
    misses = _misses(case["expect"], given)
    if case.get("soft") and misses:
        pytest.xfail(f"soft: {misses} differ: {given}")
    assert misses == [], given


def test_every_answer_names_its_versions(policy: compliance.Policy) -> None:
    decision = answer(read_case(CASES.read_text("utf-8").splitlines()[0], 1), policy)
    assert (decision.policy, decision.tzdata) == ("us-2026.11", policy.tzdata)
    assert len(decision.policy_hash) == 64
