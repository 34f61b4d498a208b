"""One row of a file: what is read from it, and what is said about each cell that is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.importing.columns import Field, map_columns
from accounts.importing.errors_file import harmless
from accounts.importing.rows import CheckedRow, RowError, check_row
from compliance.facts import SuppressionKind

pytestmark = pytest.mark.unit
HEADER = [field.value for field in Field]
COLUMNS = map_columns(HEADER)
GOOD = {
    "account": "A1",
    "reference": "P1",
    "name": "Doe, Pat",
    "phone": "(212) 555-0147",
    "balance": "$1,234.50",
    "latitude": "40.7",
    "longitude": "-74.0",
}


def check(**cells: str) -> CheckedRow | list[RowError]:
    row = GOOD | cells
    return check_row(2, [row.get(name, "") for name in HEADER], COLUMNS, HEADER, "US")  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("account", "", "is empty"),
        ("account", "A" * 201, "longer than 200"),
        ("name", "two\nlines", "line breaks"),
        ("name", "a\x00b", "control characters"),
        ("name", "\u202egnp.exe", "control characters"),
        ("phone", "12", "no number"),
        ("phone", "", "is empty"),
        ("phone", "212 555 0147 ext 5", "no number"),
        ("phone_type", "landline?", "known words"),
        ("balance", "many", "not an amount"),
        ("balance", "NaN", "not an amount"),
        ("currency", "dollars", "currency"),
        ("status", "perhaps", "known words"),
        ("kind", "gambling", "known words"),
        ("priority", "first", "is no number"),
        ("priority", "inf", "is no number"),
        ("latitude", "north", "degrees"),
        ("country", "USA!", "two-letter"),
        ("suppress", "maybe", "no kind of suppression"),
    ],
)
def test_what_is_wrong_is_said_with_its_column_and_what_to_do(column: str, cell: str, says: str) -> None:
    errors = check(**{column: cell})
    assert isinstance(errors, list)
    assert [(error.row, error.column) for error in errors] == [(2, column)]
    assert says in errors[0].what
    assert errors[0].what_to_do
    assert "\n" not in errors[0].what + errors[0].what_to_do


def test_everything_that_is_wrong_with_a_row_is_said_at_once() -> None:
    errors = check(account="", phone="x", balance="y")
    assert [error.column for error in errors] == ["account", "phone", "balance"]  # type: ignore[union-attr]


def test_a_good_row_is_read_in_full() -> None:
    row = check(suppress="Cease", phone_2="212-555-0148", phone_use="work", priority="7.6", state="ny")
    assert isinstance(row, CheckedRow)
    record = row.record
    assert [(phone.number.e164, phone.use) for phone in record.phones] == [
        ("+12125550147", "work"),
        ("+12125550148", "other"),
    ]
    assert (record.last_name, record.balance.cents, record.priority) == ("Doe", 123450, 8)
    assert (record.address.state, record.address.country) == ("NY", "US")  # type: ignore[union-attr]
    assert row.suppress is SuppressionKind.CEASE


@given(st.dictionaries(st.sampled_from(HEADER), st.text(max_size=40)))
def test_no_row_whatever_is_in_it_breaks_the_reader(cells: dict[str, str]) -> None:
    found = check(**cells)
    assert isinstance(found, CheckedRow) or (found and all(error.what for error in found))


@given(st.text())
def test_no_cell_of_the_errors_file_is_a_formula_or_spans_lines(cell: str) -> None:
    shown = harmless(cell)
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert len(shown.splitlines()) <= 1
