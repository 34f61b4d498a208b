"""What the tests of the law share: the shipped policy, loaded once, and a way to ask it in the public case format."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import compliance
from compliance.cases import answer, answer_json, read_case

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def policy() -> compliance.Policy:
    return compliance.load_policy()


@pytest.fixture(scope="session")
def ask(policy: compliance.Policy) -> Ask:
    """Answers a case given as keyword arguments over a plain collector's call; `codes` and `rules` are added."""

    def answered(**given: Any) -> dict[str, Any]:
        case: dict[str, Any] = {
            "id": "X",
            "purpose": "debt_third_party",
            "person": "P1",
            "debt": "D1",
            "number": {"e164": "+14045550147"},
            "addresses": [{"zip": "30303", "state": "GA"}],
        }
        case.update(given)
        case = {key: value for key, value in case.items() if value is not None}
        found: dict[str, Any] = json.loads(answer_json(answer(read_case(json.dumps(case), 1), policy)))
        found["codes"] = [reason["code"] for reason in found["reasons"]]
        found["rules"] = [reason["rule"] for reason in found["reasons"]]
        return found

    return answered
