"""From the cells of one row to an account, or to what is wrong with each of them. Pure.

Names are kept as the client wrote them (normalised to NFC), whatever they contain; only characters that are no text at
all are refused: control characters, and those that turn the direction of the text around them.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from accounts.importing.columns import PHONES, ColumnMap, Field
from accounts.model import DebtStatus
from accounts.records import AccountRecord, AddressRecord, PhoneRecord
from compliance.facts import DebtKind, LineType, NumberUse, SuppressionKind
from domain import money, phone
from domain.money import Money

T = TypeVar("T")
_DIRECTION: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LIMITS: Final = {
    Field.ACCOUNT: 200,
    Field.LOAN_ACCOUNT: 200,
    Field.REFERENCE: 200,
    Field.NAME: 300,
    Field.ZIP: 12,
    Field.STATE: 8,
}
_LIMIT: Final = 100
CURRENCY_LETTERS: Final = 3  # ISO 4217
COUNTRY_LETTERS: Final = 2  # ISO 3166
PRIORITY_LIMIT: Final = 1_000_000_000
_STATUS: Final[Mapping[str, DebtStatus]] = {
    "": DebtStatus.OPEN,
    "open": DebtStatus.OPEN,
    "active": DebtStatus.OPEN,
    "closed": DebtStatus.CLOSED,
    "paid": DebtStatus.CLOSED,
    "settled": DebtStatus.CLOSED,
    "recalled": DebtStatus.RECALLED,
    "withdrawn": DebtStatus.RECALLED,
    "returned": DebtStatus.RECALLED,
}
_NO: Final = frozenset({"", "0", "n", "no", "false"})
_YES: Final = frozenset({"1", "y", "yes", "true", "dnc", "x"})


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one cell (or, with `column` empty, with a row), and what to do."""

    row: int
    column: str
    value: str
    what: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row that can be applied: the account, and a suppression it asks for."""

    row: int
    record: AccountRecord
    suppress: SuppressionKind | None


class _Cells:
    """The cells of one row by field, collecting what is wrong with them."""

    def __init__(self, row: int, cells: Sequence[str], columns: ColumnMap, header: Sequence[str]) -> None:
        self.row, self._cells, self._columns, self._header = row, cells, columns, header
        self.errors: list[RowError] = []

    def raw(self, field: Field) -> str:
        position = self._columns.get(field)
        return "" if position is None or position >= len(self._cells) else self._cells[position].strip()

    def text(self, field: Field) -> str:
        raw = unicodedata.normalize("NFC", self.raw(field))
        if any(unicodedata.category(char) in {"Cc", "Cs", "Co"} or char in _DIRECTION for char in raw):
            self.wrong(field, "holds control characters or line breaks", "remove them from the cell")
            return ""
        limit = _LIMITS.get(field, _LIMIT)
        if len(raw) > limit:
            self.wrong(field, f"is longer than {limit} characters", "shorten it")
            return ""
        return raw

    def wrong(self, field: Field, what: str, what_to_do: str) -> None:
        position = self._columns.get(field)
        column = field.value if position is None else self._header[position]
        self.errors.append(RowError(self.row, column, self.raw(field)[:80], what, what_to_do))


def check_row(
    row: int, cells: Sequence[str], columns: ColumnMap, header: Sequence[str], region: str
) -> CheckedRow | Sequence[RowError]:
    """Check one row completely, so that its owner hears of everything at once.

    Args:
        region: ISO 3166 alpha-2 country for numbers without a plus sign and addresses without a country.
    """
    if len(cells) != len(header):
        what = f"has {len(cells)} cells where the header has {len(header)}"
        return [RowError(row, "", "", what, "put quotation marks around cells that hold the delimiter")]
    read = _Cells(row, cells, columns, header)
    account = read.text(Field.ACCOUNT)
    if not account and not read.errors:
        read.wrong(Field.ACCOUNT, "is empty", "give every row the account's reference")
    name, last_name = _name(read)
    phones = _phones(read, region)
    balance = _balance(read)
    status = _word(read, Field.STATUS, _STATUS)
    kind = _word(read, Field.KIND, {"": DebtKind.OTHER, **{kind.value: kind for kind in DebtKind}})
    address = _address(read, region)
    priority = _priority(read)
    suppress = _suppress(read)
    reference = read.text(Field.REFERENCE) or None
    purchase, inquiry = _day(read, Field.LAST_PURCHASE), _day(read, Field.LAST_INQUIRY)
    if read.errors or balance is None or status is None or kind is None:
        return read.errors
    record = AccountRecord(
        account=account,
        name=name,
        last_name=last_name,
        phones=phones,
        balance=balance,
        reference=reference,
        address=address,
        kind=kind.value,
        status=status,
        priority=priority,
        loan_account=read.text(Field.LOAN_ACCOUNT) or None,
        last_purchase_at=purchase,
        last_inquiry_at=inquiry,
    )
    return CheckedRow(row, record, suppress)


def account_of(cells: Sequence[str], columns: ColumnMap) -> str:
    """The account a row is about, as far as it can be read: a bad row is still no reason to recall the account."""
    position = columns[Field.ACCOUNT]
    return unicodedata.normalize("NFC", cells[position].strip())[:200] if position < len(cells) else ""


def _name(read: _Cells) -> tuple[str, str]:
    full, first, last = read.text(Field.NAME), read.text(Field.FIRST_NAME), read.text(Field.LAST_NAME)
    if not last and full:
        last = full.partition(",")[0] if "," in full else full.split()[-1]
    return full or " ".join(part for part in (first, last) if part), last


def _phones(read: _Cells, region: str) -> tuple[PhoneRecord, ...]:
    line_type = _word(read, Field.PHONE_TYPE, {"": LineType.UNKNOWN, **{kind.value: kind for kind in LineType}})
    use = _word(read, Field.PHONE_USE, {"": NumberUse.HOME, **{kind.value: kind for kind in NumberUse}})
    found: dict[str, PhoneRecord] = {}
    for field in PHONES:
        text = read.raw(field)
        if not text:
            continue
        try:
            number = phone.parse(text, region)
        except phone.PhoneNumberError as error:
            read.wrong(field, f"is no number that could be dialled ({error})", "correct it, or leave the cell empty")
            continue
        first = field is Field.PHONE
        found.setdefault(
            number.e164,
            PhoneRecord(
                number,
                (line_type or LineType.UNKNOWN).value if first else LineType.UNKNOWN.value,
                (use or NumberUse.HOME).value if first else NumberUse.OTHER.value,
            ),
        )
    if not found and not read.errors:
        read.wrong(Field.PHONE, "is empty", "give at least one number")
    return tuple(found.values())


def _balance(read: _Cells) -> Money | None:
    currency = read.text(Field.CURRENCY).upper() or "USD"
    if not (len(currency) == CURRENCY_LETTERS and currency.isascii() and currency.isalpha()):
        read.wrong(Field.CURRENCY, "is no currency code of three letters", "write it as USD")
        return None
    try:
        return money.parse(read.raw(Field.BALANCE), currency)
    except money.MoneyError as error:
        read.wrong(Field.BALANCE, f"is {error}", "write it as 1234.50")
        return None


def _word(read: _Cells, field: Field, words: Mapping[str, T]) -> T | None:
    text = read.raw(field).casefold()
    if text not in words:
        known = ", ".join(sorted(word for word in words if word))
        read.wrong(field, "is not one of the known words", f"use one of: {known}")
        return None
    return words[text]


def _address(read: _Cells, region: str) -> AddressRecord | None:
    zip_, state, city = (read.text(field) or None for field in (Field.ZIP, Field.STATE, Field.CITY))
    country = (read.text(Field.COUNTRY) or region).upper()
    if not (len(country) == COUNTRY_LETTERS and country.isascii() and country.isalpha()):
        read.wrong(Field.COUNTRY, "is no two-letter country code", "write it as US")
    lat, lon = _degrees(read, Field.LATITUDE, 90), _degrees(read, Field.LONGITUDE, 180)
    if zip_ is None and state is None and city is None and (lat is None or lon is None):
        return None
    return AddressRecord(zip_, state.upper() if state else None, city, country, lat, lon)


def _degrees(read: _Cells, field: Field, limit: int) -> float | None:
    text = read.raw(field)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= limit:
        read.wrong(field, f"is not a number of degrees up to {limit}", "correct it, or leave the cell empty")
        return None
    return value


def _day(read: _Cells, field: Field) -> datetime | None:
    """The first instant of a day (UTC), or an instant with an offset: the earlier it was, the sooner it ends."""
    text = read.raw(field)
    if not text:
        return None
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        read.wrong(field, "is no date", "write it as 2026-11-30")
        return None
    return (day if day.tzinfo is not None else day.replace(tzinfo=UTC)).astimezone(UTC)


def _priority(read: _Cells) -> int:
    text = read.raw(Field.PRIORITY)
    if not text:
        return 0
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= PRIORITY_LIMIT:
        read.wrong(Field.PRIORITY, "is no number", "write a number; higher is dialled first")
        return 0
    return round(value)


def _suppress(read: _Cells) -> SuppressionKind | None:
    text = read.raw(Field.SUPPRESS).casefold().replace(" ", "_")
    if text in _NO:
        return None
    if text in _YES:
        return SuppressionKind.INTERNAL_DNC
    if text in set(SuppressionKind):
        return SuppressionKind(text)
    read.wrong(Field.SUPPRESS, "is no kind of suppression", f"use yes, no, or one of: {', '.join(SuppressionKind)}")
    return None
