"""An officer reads from the store why a call was placed, and what a campaign would do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

import compliance
from accounts import officer
from accounts.errors import NotFoundError
from accounts.importing.history import NearCap, load_history, near_cap
from accounts.model import Reservation
from accounts.records import AddressRecord
from accounts.tables import decisions
from dialer import officer_cli
from dialer.cli import app
from domain.clock import SystemClock
from domain.ids import AttemptId
from domain.outcomes import Outcome
from domain.phone import PhoneNumber

from .conftest import NOON, Floor

pytestmark = pytest.mark.store
RUN = CliRunner()
NEW_YORK = AddressRecord("10001", "NY", "New York")


@pytest.fixture(scope="session")
def policy() -> compliance.Policy:
    return compliance.load_policy()


@pytest.fixture
def desk(common_floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Floor:
    """The common_floor, as the store that the commands open."""
    monkeypatch.setenv("FAIRDIAL_DATABASE__URL", common_floor.url)
    return common_floor


def run(*arguments: str) -> tuple[int, str]:
    found = RUN.invoke(app, list(arguments), env={"COLUMNS": "200"})
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, found.output


def placed(floor: Floor, policy: compliance.Policy, **recorded: object) -> AttemptId:
    """A call that was placed; `recorded` is what its record says otherwise than the gate did."""
    floor.account(1, address=NEW_YORK)
    (held,) = floor.claims(1)
    made = floor.reserve(held, lambda facts: replace(compliance.decide(facts, policy), **recorded))  # type: ignore[arg-type]
    assert isinstance(made, Reservation)
    floor.end(made, Outcome.NO_ANSWER)
    return made.attempt


def test_an_attempt_nobody_made_is_not_explained(desk: Floor) -> None:
    with pytest.raises(NotFoundError, match="no decision of that id"):
        desk.store.read(officer.decision_of, AttemptId("0" * 32))


def test_an_attempt_is_explained_by_its_own_facts_and_replays_bit_for_bit(
    desk: Floor, policy: compliance.Policy
) -> None:
    attempt = placed(desk, policy)
    desk.account(1, address=AddressRecord("90012", "CA", "Los Angeles"))
    code, said = run("compliance", "explain", attempt)
    assert code == 0
    assert "allowed, counts toward limits" in said
    assert "yes US-FDC-01" in said
    assert "10:00 in America/New_York (address 10001)" in said
    assert "Los_Angeles" not in said
    assert said.rstrip().endswith("Replay gives the recorded decision bit for bit.")


def test_a_record_that_is_not_what_the_rules_say_is_told_from_its_replay(
    desk: Floor, policy: compliance.Policy
) -> None:
    attempt = placed(desk, policy, counted=False)
    code, said = run("compliance", "explain", attempt)
    assert code == 1
    assert "counted: recorded False, now True" in said


def test_a_number_in_the_store_is_explained_by_what_is_known_of_it(desk: Floor, policy: compliance.Policy) -> None:
    placed(desk, policy)
    code, said = run("compliance", "explain", "+12125560001", "--at", NOON.isoformat())
    assert code == 0
    assert "in campaign demo, facts from the store" in said
    assert "NO " in said
    (known,) = desk.store.read(officer.facts_for_number, PhoneNumber("+12125560001"), later())
    assert [event.result.value for event in known.facts.history] == ["no_answer"]


def later() -> datetime:
    return NOON.replace(hour=18)


def test_a_preflight_adds_up_and_writes_nothing(desk: Floor, policy: compliance.Policy) -> None:
    placed(desk, policy)
    for n in range(2, 5):
        desk.account(n, address=NEW_YORK)
    written = desk.store.read(lambda tx: tx.execute(select(func.count()).select_from(decisions)).scalar_one())
    code, said = run("compliance", "preflight", "demo", "--at", "2026-12-01T15:30:00")
    words = [line.replace("│", " ").split() for line in said.splitlines()]
    assert code == 0
    assert ["callable", "now", "3"] in words
    assert ["accounts", "4"] in words
    assert any(line[:4] == ["Tue", "2026-12-01", "19:00", "1"] for line in words)
    assert desk.store.read(lambda tx: tx.execute(select(func.count()).select_from(decisions)).scalar_one()) == written


def test_a_list_is_read_in_batches_to_its_end(desk: Floor) -> None:
    for n in range(1, 6):
        desk.account(n)
    first, last = desk.store.read(officer.facts_of_list, desk.campaign, NOON, 0, 3)
    assert last is not None
    rest, _ = desk.store.read(officer.facts_of_list, desk.campaign, NOON, last, 3)
    assert (len(first), len(rest)) == (3, 2)
    assert len({facts.id for facts in (*first, *rest)}) == 5


def test_the_decisions_of_a_day_are_read_and_no_others(desk: Floor, policy: compliance.Policy) -> None:
    attempt = placed(desk, policy)
    day = NOON.replace(hour=0)
    found, last = desk.store.read(officer.facts_decided, day, day + timedelta(days=1), None, 10)
    assert [facts.id for facts in found] == [attempt] == [last]
    assert desk.store.read(officer.facts_decided, day, day + timedelta(days=1), last, 10) == ([], None)
    assert desk.store.read(officer.facts_decided, day - timedelta(days=1), day, None, 10) == ([], None)
    assert desk.store.read(officer.facts_decided, NOON, NOON + timedelta(hours=1), None, 10)[1] == attempt


def test_history_of_another_dialer_counts_once_and_bad_rows_are_listed(desk: Floor, tmp_path: Path) -> None:
    desk.account(1)
    file = tmp_path / "old.csv"
    rows = [f"A1,,{NOON - timedelta(hours=n):%Y-%m-%dT%H:%M:%SZ},No Answer" for n in range(1, 6)]
    wrong = ["A1,,2026-11-30T10:00:00,busy", "A1,,2026-11-30T10:00:00Z,hm", "A9,,2026-11-30T10:00:00Z,busy"]
    file.write_text("\n".join(["Account,Phone,Call time,Disposition", *rows, *wrong, ""]), encoding="utf-8")
    first = load_history(desk.store, file, "Acme", NOON, tmp_path / "errors.csv")
    assert (first.rows, first.new, first.same, first.bad) == (8, 5, 0, 3)
    assert len((tmp_path / "errors.csv").read_text("utf-8").splitlines()) == 4
    again = load_history(desk.store, file, "Acme", NOON, tmp_path / "errors.csv")
    assert (again.new, again.same) == (0, 5)
    assert desk.store.read(near_cap, NOON, first.debts) == NearCap(Counter({5: 1}), Counter({5: 1}), 0)
    (known,) = desk.store.read(officer.facts_for_number, PhoneNumber("+12125560001"), NOON)
    assert len(known.facts.history) == 5


def test_history_is_loaded_by_the_command_with_a_report(desk: Floor, tmp_path: Path) -> None:
    desk.account(1)
    file = tmp_path / "old.csv"
    file.write_text("phone;at;result\n+12125560001;2026-11-20T10:00:00;rpc\n", encoding="utf-8")
    code, said = run("import-history", str(file), "--client", "Acme", "--zone", "America/New_York")
    assert code == 0
    assert "1 rows: 1 contacts new, 0 as before, 0 not usable." in said


def test_other_rules_are_tried_on_yesterdays_decisions(
    desk: Floor, policy: compliance.Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(desk, policy)
    clock = SystemClock.starting_at(NOON + timedelta(days=1))
    monkeypatch.setattr(officer_cli, "SystemClock", lambda: clock)
    packs = str(Path(compliance.__file__).parent / "policies")
    code, said = run("compliance", "policy", "diff", packs, packs, "--against", "yesterday")
    assert code == 0
    assert "1 calls: no call changes" in said
