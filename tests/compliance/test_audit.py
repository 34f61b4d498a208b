"""Cases written from the rules alone by a reader who had not seen the engine, family by family.

Soft expectations rest on our own policy or on a doubtful source: their misses are printed, not failed on.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import compliance
from compliance.cases import answer, answer_json, read_case

pytestmark = pytest.mark.unit

_AUDIT = Path(__file__).parents[1] / "data" / "compliance" / "audit.jsonl"
_FACTS_ASIDE = {"expect", "soft"}


def _families() -> list[Any]:
    families: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in _AUDIT.read_text("utf-8").splitlines():
        case = json.loads(line)
        families[case["id"].partition("-")[0]].append(case)
    return [pytest.param(cases, id=family) for family, cases in families.items()]


def _line(case: dict[str, Any]) -> str:
    return str(case.get("raw") or json.dumps({key: case[key] for key in case.keys() - _FACTS_ASIDE}))


def _misses(expect: dict[str, Any], given: dict[str, Any]) -> list[str]:
    held = {
        "outcome": given["outcome"] == expect.get("outcome"),
        "code": expect.get("code") in [reason["code"] for reason in given["reasons"]],
        "counted": given["counted"] is expect.get("counted"),
        "flag": expect.get("flag") in given["flags"],
    }
    return [key for key, holds in held.items() if key in expect and not holds]


@pytest.mark.parametrize("cases", _families())
def test_a_family_of_cases_read_from_the_rules_is_answered_as_expected(
    cases: list[dict[str, Any]], policy: compliance.Policy
) -> None:
    given = {case["id"]: json.loads(answer_json(answer(read_case(_line(case), 1), policy))) for case in cases}
    missed = [(case, keys) for case in cases if (keys := _misses(case["expect"], given[case["id"]]))]
    print([("soft", case["id"], keys) for case, keys in missed if case.get("soft")])
    wrong = [(case["id"], case["expect"], given[case["id"]]) for case, _ in missed if not case.get("soft")]
    assert wrong == []


def test_half_of_a_surrogate_pair_is_refused_without_stopping_the_answers(policy: compliance.Policy) -> None:
    for raw in (r'{"id": "\ud800", "now": 1}', r'{"id": "x", "\udfff": 1}'):
        given = answer_json(answer(read_case(raw, 4), policy))
        assert "BAD_INPUT" in given
        assert "line 4" in given.encode().decode()


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ('{"id": "K1", "now": 1, "now": 2}', "K1"),
        ('{"id": "K2", "number": {"e164": "x", "e164": "y"}}', "K2"),
        ('{"id": "K3", "policy": {"min_gap_minutes": NaN}}', "K3"),
        ('{"id": "K4", "id": "K5"}', None),
        ('{"id": "K6", "now"', None),
    ],
)
def test_a_refused_line_is_answered_under_its_id_where_one_can_be_read(
    raw: str, read: str | None, policy: compliance.Policy
) -> None:
    assert answer(read_case(raw, 1), policy).id == read
