"""Importing a client's file: nothing by halves, nothing twice, and one clear line for everything that is wrong."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from accounts import claim, funnel, suppression
from accounts.errors import ImportRefusedError
from accounts.importing import ImportPlan, ImportReport, load, preview, resume, steps
from accounts.model import Refusal, Reservation
from accounts.tables import debts, import_rows, imports, list_entries, persons
from compliance.facts import CallFacts, SuppressionKind
from domain.clock import SystemClock
from domain.phone import PhoneNumber

from .conftest import NOON, Answer, Floor

pytestmark = pytest.mark.store
HEADER = "Account Number,Customer ID,Full Name,Phone,Balance,Zip,State\n"
CLOCK = SystemClock.starting_at(NOON)


def row(n: int, name: str = "Pat Doe", balance: str = "100.00") -> str:
    return f'A{n},P{n},"{name}",212556{n:04d},{balance},10001,NY\n'


def bring(floor: Floor, tmp_path: Path, text: str | bytes, **changes: object) -> ImportReport:
    path = tmp_path / "accounts.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    plan = replace(ImportPlan("Acme", floor.campaign), **changes)  # type: ignore[arg-type]
    return load(floor.store, path, plan, CLOCK, tmp_path / "errors.csv")


def errors(tmp_path: Path) -> list[list[str]]:
    with (tmp_path / "errors.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def count(floor: Floor, table: object) -> int:
    return floor.store.read(lambda tx: tx.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "empty"),
        (b"\n\n", "no column names"),
        (HEADER.encode(), "no rows"),
        (b"Name,Balance\nx,1\n", "no column for account, phone"),
        (b"Account,Account,Phone,Balance,Name\n1,1,2125560001,1,x\n", "two columns are named 'Account'"),
        (b"Account,Debt ID,Phone,Balance,Name\n1,1,2125560001,1,x\n", "both look like account"),
        (b"PK\x03\x04\x00\x00garbage", "NUL bytes"),
        (HEADER.encode() + "A1,P1,José,2125560001,1,,\n".encode("cp1252"), "not utf-8 text"),
        (HEADER.encode() + b'A1,P1,"never closed,2125560001,1,,\n' + b"x" * 200_000, "quotation mark"),
    ],
    ids=["empty", "blank", "header", "columns", "double", "ambiguous", "binary", "encoding", "quote"],
)
def test_a_file_that_cannot_be_read_leaves_nothing(floor: Floor, tmp_path: Path, text: bytes, says: str) -> None:
    with pytest.raises(ImportRefusedError, match=says) as refusal:
        bring(floor, tmp_path, text)
    assert "\n" not in str(refusal.value)
    assert [count(floor, table) for table in (persons, debts, list_entries, import_rows, imports)] == [0] * 5
    assert not list(tmp_path.glob("errors.csv*"))


def test_a_file_that_is_not_there_is_one_clear_line(floor: Floor, tmp_path: Path) -> None:
    with pytest.raises(ImportRefusedError, match="no such file"):
        load(floor.store, tmp_path / "nowhere.csv", ImportPlan("Acme"), CLOCK, tmp_path / "errors.csv")


def test_a_file_that_turns_bad_late_leaves_nothing(floor: Floor, tmp_path: Path) -> None:
    text = (HEADER + "".join(row(n) for n in range(900))).encode() + b"A901,P901,\xff\xfe,2125560901,1,,\n"
    with pytest.raises(ImportRefusedError, match="not utf-8"):
        bring(floor, tmp_path, text)
    assert [count(floor, table) for table in (persons, debts, import_rows, imports)] == [0] * 4


def test_bad_rows_are_listed_and_the_others_loaded(floor: Floor, tmp_path: Path) -> None:
    text = HEADER + row(1) + row(2, "two\r\nlines") + row(3, balance="lots") + "A4,P4,Pat,12,5,,\nA5,short\n" + row(6)
    report = bring(floor, tmp_path, text)
    assert (report.rows, report.bad, report.new) == (6, 4, 2)
    assert [(line[0], line[1]) for line in errors(tmp_path)] == [
        ("3", "Full Name"),
        ("4", "Balance"),
        ("5", "Phone"),
        ("6", ""),
    ]
    assert all(line[3] and line[4] for line in errors(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "O'Brien, Pat",
        'Pat ""The Hat"" Doe',
        "=cmd|'/c calc'!A1",
        "<script>alert(1)</script>",
        "Zoë 🙂 Müller",
        "\u05d3\u05d5\u05d3 \u200fDoe",
        "Robert'); DROP TABLE persons;--",
    ],
)
def test_a_strange_name_is_kept_as_it_was_given(floor: Floor, tmp_path: Path, name: str) -> None:
    report = bring(floor, tmp_path, HEADER + row(1, name))
    assert report.new == 1
    stored = floor.store.read(lambda tx: tx.execute(select(persons.c.name)).scalar_one())
    assert stored == name.replace('""', '"')


def test_the_errors_file_holds_no_formulas(floor: Floor, tmp_path: Path) -> None:
    bring(floor, tmp_path, HEADER + row(1) + 'A2,P2,Pat,"=HYPERLINK(""http://x"")",5,,\n')
    assert [line[2] for line in errors(tmp_path)] == ['\'=HYPERLINK("http://x")']


def test_the_same_file_twice_changes_nothing(floor: Floor, tmp_path: Path) -> None:
    text = HEADER + "".join(row(n) for n in range(30))
    assert bring(floor, tmp_path, text).new == 30
    before = floor.store.read(lambda tx: tx.execute(select(debts).order_by(debts.c.id)).all())
    again = bring(floor, tmp_path, text)
    assert (again.new, again.changed, again.same) == (0, 0, 30)
    assert floor.store.read(lambda tx: tx.execute(select(debts).order_by(debts.c.id)).all()) == before
    assert count(floor, list_entries) == 30


def test_a_later_file_updates_balances_and_recalls_what_it_no_longer_names(floor: Floor, tmp_path: Path) -> None:
    bring(floor, tmp_path, HEADER + row(1) + row(2) + row(3))
    report = bring(floor, tmp_path, HEADER + row(1, balance="55.5") + row(2), complete=True)
    assert (report.changed, report.same, report.recalled) == (1, 1, 1)
    rows = floor.store.read(
        lambda tx: tx.execute(select(debts.c.balance_cents, debts.c.status).order_by(debts.c.id)).all()
    )
    assert [tuple(found) for found in rows] == [(5550, "open"), (10000, "open"), (10000, "recalled")]
    assert len(floor.claims()) == 2


def test_a_bad_row_does_not_recall_its_account(floor: Floor, tmp_path: Path) -> None:
    bring(floor, tmp_path, HEADER + row(1) + row(2))
    report = bring(floor, tmp_path, HEADER + row(1) + row(2, balance="?"), complete=True)
    assert report.recalled == 0


def test_a_complete_file_that_would_recall_most_accounts_is_taken_for_a_mistake(floor: Floor, tmp_path: Path) -> None:
    bring(floor, tmp_path, HEADER + "".join(row(n) for n in range(10)))
    with pytest.raises(ImportRefusedError, match="would recall 9 of 10"):
        bring(floor, tmp_path, HEADER + row(1), complete=True)
    assert count(floor, import_rows) == 0
    assert bring(floor, tmp_path, HEADER + row(1), complete=True, recall_any_number=True).recalled == 9


def test_a_suppression_from_a_file_is_in_force_before_the_next_reservation(floor: Floor, tmp_path: Path) -> None:
    bring(floor, tmp_path, HEADER + row(1))
    (held,) = floor.store.write(claim.claim, floor.campaign, 5, floor.now, "e1", timedelta(hours=1))
    bring(floor, tmp_path, HEADER.replace("State", "Do Not Call") + "A1,P1,Pat Doe,2125560001,100,10001,yes\n")

    def heed(facts: CallFacts) -> Answer:
        return Answer(allowed=not facts.suppressions)

    assert isinstance(floor.reserve(held, heed), Refusal)


def test_a_number_suppressed_by_hand_is_in_force_for_a_claim_made_before(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims()
    number = PhoneNumber("+12125560001")
    kind = SuppressionKind.INTERNAL_DNC
    assert floor.store.write(suppression.suppress, kind, floor.now, number=number, source="operator")
    assert not floor.store.write(suppression.suppress, kind, floor.now, number=number, source="operator")
    assert isinstance(floor.reserve(held, lambda facts: Answer(allowed=not facts.suppressions)), Refusal)
    (found,) = floor.store.read(suppression.in_force, floor.now, number=number)
    assert floor.store.write(suppression.lift, found.id, floor.now)
    floor.later(minutes=1)
    (held,) = floor.claims()
    (ended,) = [floor.store.read(suppression.in_force, floor.now, number=number)]
    assert ended == []
    assert isinstance(floor.reserve(held), Reservation)


def test_an_import_that_was_cut_off_is_taken_up_again(
    floor: Floor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = steps.step, []

    def dies(*args: object) -> object:
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "step", dies)
    with pytest.raises(KeyboardInterrupt):
        bring(floor, tmp_path, HEADER + "".join(row(n) for n in range(200)))
    monkeypatch.setattr(steps, "step", real)
    (report,) = resume(floor.store, CLOCK)
    assert report.new == 200
    assert count(floor, list_entries) == 200
    assert count(floor, import_rows) == 0
    assert resume(floor.store, CLOCK) == []


def test_an_import_at_work_in_another_process_is_not_taken_for_one_that_was_left(
    common_floor: Floor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, found = steps.step, []

    def meanwhile(*args: object) -> object:
        found.append(resume(common_floor.store, CLOCK))
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "step", meanwhile)
    assert bring(common_floor, tmp_path, HEADER + row(1)).new == 1
    assert set(found) == {None}
    assert resume(common_floor.store, CLOCK) == []


def test_persons_without_a_reference_are_told_apart_by_phone_and_last_name(floor: Floor, tmp_path: Path) -> None:
    header = "Account,Name,Phone,Balance\n"
    text = header + "A1,Pat Doe,2125560001,1\nA2,pat DOE,2125560001,2\nA3,Kim Roe,2125560001,3\n"
    report = bring(floor, tmp_path, text)
    assert count(floor, persons) == 2
    assert report.doubles == 1
    assert [line[0] for line in errors(tmp_path)] == ["4"]


def test_a_repeated_account_is_listed_and_left_out(floor: Floor, tmp_path: Path) -> None:
    report = bring(floor, tmp_path, HEADER + row(1) + row(2) + row(1, balance="9"))
    assert (report.new, report.bad) == (2, 1)
    assert errors(tmp_path)[0][0] == "4"


def test_a_preview_shows_what_each_column_is_taken_for_and_touches_nothing(floor: Floor, tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text("Kontonummer;Name;Telefon;Betrag;Laune\n1;Ann;030 901820;12.50;gut\n2;Bob;1;x;\n", encoding="utf-8")
    shown = preview(path, region="DE")
    assert shown.columns == {"account": "Kontonummer", "name": "Name", "phone": "Telefon", "balance": "Betrag"}
    assert (list(shown.unused), shown.looked_at, shown.good) == (["Laune"], 2, 1)
    assert len(shown.errors) == 2


def test_a_file_from_a_spreadsheet_with_a_byte_order_mark_is_read(floor: Floor, tmp_path: Path) -> None:
    assert bring(floor, tmp_path, b"\xef\xbb\xbf" + (HEADER + row(1)).encode()).new == 1
    assert bring(floor, tmp_path, (HEADER + row(2)).encode("utf-16")).new == 1


def test_the_funnel_counts_what_was_imported(floor: Floor, tmp_path: Path) -> None:
    bring(floor, tmp_path, HEADER + "".join(row(n) for n in range(7)))
    seen = floor.store.read(funnel.funnel, floor.campaign, floor.now + timedelta(seconds=1))
    assert (seen.total, seen.ready, seen.headline) == (7, 7, "7 ready now")


def test_a_debt_that_turns_out_to_be_another_persons_is_called_about_there(floor: Floor, tmp_path: Path) -> None:
    bring(floor, tmp_path, HEADER + row(1) + row(2))
    bring(floor, tmp_path, HEADER + row(1) + "A2,P3,Kim Roe,2125560003,100,10001,NY\n")
    assert sorted(held.number.e164 for held in floor.claims()) == ["+12125560001", "+12125560003"]


def test_several_accounts_of_one_person_in_one_file_are_one_person(floor: Floor, tmp_path: Path) -> None:
    text = HEADER + "A1,P1,Pat Doe,2125560001,1,,\nA2,P1,Patricia Doe,2125560002,2,,\n"
    for new, same in ((2, 0), (0, 2)):
        report = bring(floor, tmp_path, text)
        assert (report.new, report.changed, report.same) == (new, 0, same)
    assert floor.store.read(lambda tx: tx.execute(select(persons.c.name)).scalars().all()) == ["Pat Doe"]
