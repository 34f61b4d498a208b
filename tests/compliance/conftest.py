"""What the tests of the law share: the shipped policy, loaded once, and a way to ask it in the public case format."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import compliance
from compliance.cases import answer, answer_json, read_case
from compliance.packs import parse_pack
from compliance.policy import known_names

Ask = Callable[..., dict[str, Any]]
Bare = Callable[[str], compliance.Policy]

_HEAD = (
    '[pack]\nid = "one"\ncountry = "US"\nversion = "1"\ntitle = "One"\nreviewed_on = 2026-11-22\n[[rule]]\nid = "R"\n'
)
_TAIL = 'purpose = ["debt_third_party"]\nseverity = "hard"\ncitation = "c"\nconfidence = "policy"\ntext = "t"\n'


@pytest.fixture(scope="session")
def policy() -> compliance.Policy:
    return compliance.load_policy()


@pytest.fixture(scope="session")
def bare(policy: compliance.Policy) -> Bare:
    """Makes a policy of one American rule, `R`, beside what every call must heed."""
    known = known_names(policy.places, policy.holidays)
    base = next(pack for pack in policy.packs if pack.country == "*")

    def made(rule: str) -> compliance.Policy:
        packs = [base, parse_pack(f"{_HEAD}{rule}\n{_TAIL}", "one.toml", known)]
        return compliance.Policy(packs, policy.places, policy.holidays, policy.tzdata)

    return made


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
