"""The policy as loaded: its name and digest, whose rules a number follows, how old the zone data may be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import compliance
from compliance.facts import Address, CalledNumber, CallFacts, LineType, Purpose, StatedLocation, Voice
from compliance.packs import PolicyError
from compliance.policy import Policy
from compliance.rules import Kind

pytestmark = pytest.mark.unit

CALL = CallFacts(
    now=datetime(2026, 11, 20, 17, tzinfo=UTC),
    purpose=Purpose.DEBT_THIRD_PARTY,
    number=CalledNumber("+14045550147"),
    id="X",
    addresses=(Address(zip="30303", state="GA"),),
)
OWN = """[pack]
id = "{0}"
country = "US"
version = "9"
title = "Own"
reviewed_on = 2026-11-22
"""


def own(folder: Path, name: str = "own", rules: str = "") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(OWN.format(name) + rules, encoding="utf-8")
    return path


# --- names and digests -----------------------------------------------------------------------------------------------


def test_rules_are_named_for_their_country_and_version(policy: Policy, tmp_path: Path) -> None:
    version = {pack.country: pack.version for pack in policy.packs}
    assert policy.name_for("US") == f"us-{version['US']}"
    assert policy.name_for("*") == f"base-{version['*']}"
    assert policy.name_for("JP") == "jp-none"
    assert compliance.load_policy(customer=[own(tmp_path)]).name_for("US") == f"us-{version['US']}"
    american = [pack for pack in policy.packs if pack.country == "US"]
    assert Policy(american, policy.places, policy.holidays, policy.tzdata).name_for("*") == "base-none"


def test_the_digest_is_of_all_packs_whatever_their_order(policy: Policy, tmp_path: Path) -> None:
    def digest(packs: list[compliance.packs.Pack]) -> str:
        return Policy(packs, policy.places, policy.holidays, policy.tzdata).digest

    packs = list(policy.packs)
    assert digest(packs) == digest(packs[::-1]) == policy.digest
    assert digest(packs[1:]) != policy.digest
    assert digest([replace(packs[0], digest="0" * 64), *packs[1:]]) != policy.digest
    assert digest([replace(packs[0], version="0"), *packs[1:]]) != policy.digest
    one = compliance.load_policy(customer=[own(tmp_path, "a"), own(tmp_path, "b")])
    other = compliance.load_policy(customer=[own(tmp_path, "b"), own(tmp_path, "a")])
    assert one.digest == other.digest != policy.digest


def test_rules_of_two_packs_may_not_share_a_name(tmp_path: Path) -> None:
    rule = (
        '[[rule]]\nid = "US-FDC-01"\nkind = "medium"\npurpose = ["telemarketing"]\nseverity = "hard"\ncitation = "c"\n'
        'confidence = "policy"\ntext = "t."\n'
    )
    with pytest.raises(PolicyError, match="US-FDC-01 stands already at"):
        compliance.load_policy(customer=[own(tmp_path, rules=rule)])


def test_packs_are_read_from_another_folder(tmp_path: Path) -> None:
    own(tmp_path)
    assert [pack.id for pack in compliance.load_policy(tmp_path).packs] == ["own"]


@pytest.mark.parametrize("minimum", ["2025z", "2026a", "2025zz"])
def test_zone_data_newer_than_the_minimum_is_taken(minimum: str) -> None:
    assert compliance.load_policy(minimum_tzdata=minimum).tzdata >= "2026"


def test_zone_data_of_the_minimum_itself_is_taken(policy: Policy) -> None:
    assert compliance.load_policy(minimum_tzdata=policy.tzdata).tzdata == policy.tzdata


# --- whose rules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("e164", "campaign", "routed"),
    [
        ("+18005550147", "US", False),  # the shared ranges of +1 are at home in all of it
        ("+18005550147", "CA", False),
        ("+18005550147", "PR", False),
        ("+18005550147", "GB", True),
        ("+17875550147", "US", False),
        ("+17875550147", "PR", False),
        ("+17875550147", "CA", True),
        ("+14165550147", "CA", False),
        ("+14165550147", "US", True),
        ("+442079460123", "GB", False),
        ("+442079460123", "US", True),
        ("+12121550147", "GB", False),  # one that cannot exist is refused as such, not sent elsewhere
    ],
)
def test_a_number_follows_the_rules_of_its_country(policy: Policy, e164: str, campaign: str, routed: bool) -> None:
    facts = replace(CALL, number=CalledNumber(e164), campaign_country=campaign)
    assert policy.ground(facts, ()).routed is routed


def test_a_routed_number_is_asked_only_what_any_country_would(policy: Policy) -> None:
    facts = replace(CALL, number=CalledNumber("+442079460123"))
    kinds = {bound.rule.kind for bound in policy.ground(facts, ()).rules}
    assert kinds <= {Kind.NUMBER_CLASS, Kind.COUNTRY, Kind.SUPPRESSION, Kind.MEDIUM, Kind.WORKPLACE}
    assert {Kind.NUMBER_CLASS, Kind.COUNTRY, Kind.SUPPRESSION} <= kinds


def test_a_recording_is_announced_where_everyone_must_agree_and_where_nobody_knows(policy: Policy) -> None:
    toll_free = CalledNumber("+18005550147")
    assert not policy.ground(CALL, ()).announce
    assert policy.ground(replace(CALL, number=toll_free, addresses=()), ()).announce
    assert policy.ground(replace(CALL, number=toll_free, addresses=(Address(tz="America/New_York"),)), ()).announce
    california = policy.ground(replace(CALL, number=toll_free, addresses=(Address(state="CA"),)), ())
    assert california.announce
    assert {bound.rule.kind for bound in california.rules}.isdisjoint({Kind.RECORDING, Kind.CONTENT})
    assert policy.ground(replace(CALL, addresses=(*CALL.addresses, Address(tz="America/New_York"))), ()).announce


def test_grounds_are_told_apart_by_all_that_decides_them(policy: Policy) -> None:
    fixed = replace(CALL, number=replace(CALL.number, line_type=LineType.FIXED))
    ported = replace(fixed, number=replace(fixed.number, ported_at=date(2026, 11, 1)))
    recorded = replace(CALL, voice=Voice.PRERECORDED)
    stated = (StatedLocation(state="CO"),)
    grounds = [policy.ground(facts, ()) for facts in (CALL, fixed, ported, recorded)] + [policy.ground(CALL, stated)]
    assert len({id(ground) for ground in grounds}) == len(grounds)
    again = replace(CALL, number=CalledNumber("+14045550199"), person="P9")
    assert policy.ground(again, ()) is policy.ground(CALL, ())


def test_what_was_remembered_is_forgotten_when_it_grows_too_much(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Policy(policy.packs, policy.places, policy.holidays, policy.tzdata)
    monkeypatch.setattr("compliance.policy._MEMORY", 2)
    calls = [replace(CALL, addresses=(Address(state=state),)) for state in ("GA", "NY", "CA", "TX", "FL")]
    held = []
    for facts in calls:
        assert compliance.decide(facts, fresh) == compliance.decide(facts, policy)
        held.append(len(fresh._grounds))
    assert held == [1, 2, 1, 2, 1]


def test_each_zone_is_asked_once_and_named_by_what_was_found_first(policy: Policy) -> None:
    ground = policy.ground(replace(CALL, addresses=(Address(zip="30303"), Address(zip="10001"))), ())
    window = next(bound for bound in ground.rules if bound.rule.id == "US-FDC-01")
    assert [place.source for place in window.places] == ["address 30303"]
    assert ground.zones == ("America/New_York",)
    assert [place.state for place in ground.locations] == ["GA", "NY", "GA"]
