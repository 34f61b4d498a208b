"""Conditions that few calls meet: rules for all states but some, ported numbers, autodialled calls, other tables."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import compliance
from compliance.facts import DebtKind, LineType, NumberUse, PartyRole, Voice
from compliance.policy import Policy
from compliance.rules import Call, When, holds

pytestmark = pytest.mark.unit

Ask = Callable[..., dict[str, Any]]
CALL = Call(Voice.LIVE, False, LineType.FIXED, False, PartyRole.CONSUMER, NumberUse.HOME, DebtKind.OTHER)


@pytest.mark.parametrize(("now", "rules"), [("13:30", ["CA-POL-01"]), ("17:00", [])])
def test_a_rule_for_all_provinces_but_some_holds_in_the_others(ask: Ask, now: str, rules: list[str]) -> None:
    yukon = {"number": {"e164": "+18005550147"}, "addresses": [{"state": "YT", "country": "CA"}]}
    found = ask(now=f"2026-11-20T{now}:00Z", campaign_country="CA", **yukon)
    assert [rule for rule in found["rules"] if rule == "CA-POL-01"] == rules


def test_a_number_ported_lately_stays_a_landline_whatever_else_holds_it_back(ask: Ask) -> None:
    ported = {"number": {"e164": "+14045550147", "line_type": "fixed", "ported_at": "2026-11-10"}}
    wrong = [{"kind": "wrong_number", "number": "+14045550147"}]
    found = ask(now="2026-11-20T15:00:00Z", voice="prerecorded", suppressions=wrong, **ported)
    assert found["codes"] == ["WRONG_NUMBER"]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_rule_may_be_about_autodialled_calls_or_about_the_others(wanted: bool) -> None:
    when = When(autodialled=wanted)
    assert holds(when, replace(CALL, autodialled=wanted))
    assert not holds(when, replace(CALL, autodialled=not wanted))


def test_another_release_of_the_packages_with_places_and_days_is_another_policy(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: released(name) + ".1")
    assert compliance.load_policy().digest != policy.digest


def test_other_tables_of_places_and_days_are_another_policy(
    policy: Policy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("places.toml", "holidays.toml"):
        (tmp_path / name).write_text("changed")
    shipped = resources.files
    monkeypatch.setattr(resources, "files", lambda name: tmp_path if name == "compliance.tables" else shipped(name))
    assert compliance.load_policy().digest != policy.digest


def test_a_call_counts_by_one_state_while_another_state_does_not_count_yet(ask: Ask) -> None:
    places = {"number": {"e164": "+13055550147"}, "addresses": [{"zip": "21201", "state": "MD"}]}
    before = ask(now="2023-06-01T15:00:00Z", purpose="telemarketing", **places)
    assert before["counted"] is True
    alone = places | {"number": {"e164": "+14105550147"}}
    assert ask(now="2023-06-01T15:00:00Z", purpose="telemarketing", **alone)["counted"] is False
