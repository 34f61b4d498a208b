"""One account as it arrives from a client, and how it becomes rows: person, debt, phones, addresses, list entry.

Storing the same records twice changes nothing; storing later ones updates what they say and keeps what they do not.
Persons are recognised by client and reference, or by first phone and last name where there is no reference. Of several
accounts of one person, the first that brought the person decides about name and order of phones; the others only add.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, select, update

from accounts.dialect import insert_or_ignore
from accounts.entries import EntryEvent, EntryState
from accounts.model import DebtStatus
from accounts.moves import CALLBACK_PRIORITY, move, move_debt, revive_person, revive_phoneless
from accounts.tables import addresses, debts, list_entries, numbers, persons, phones
from domain.ids import CampaignId, DebtId, ListId, PersonId
from domain.money import Money
from domain.phone import PhoneNumber

UNKNOWN_LINE: Final = "unknown"


@dataclass(frozen=True, slots=True)
class PhoneRecord:
    """A phone of a person. `line_type` and `use` in the words of the compliance case format."""

    number: PhoneNumber
    line_type: str = UNKNOWN_LINE
    use: str = "home"
    exchange_zip: str | None = None


@dataclass(frozen=True, slots=True)
class AddressRecord:
    zip: str | None = None
    state: str | None = None
    city: str | None = None
    country: str = "US"
    lat: float | None = None
    lon: float | None = None
    tz: str | None = None


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """One debt of one person, as a client gives it.

    Attributes:
        account: the client's account reference.
        reference: the client's reference for the person; None: first phone and last name stand for it.
        phones: in the order in which they are to be tried.
        zone: IANA zone of the person, for parts of the day only.
        loan_account: number under which student loans are serviced together; they are then one debt to the law.
        last_purchase_at, last_inquiry_at: of the person, with the client; the latest that any account says holds.
    """

    account: str
    name: str
    last_name: str
    phones: tuple[PhoneRecord, ...]
    balance: Money
    reference: str | None = None
    address: AddressRecord | None = None
    kind: str = "other"
    status: DebtStatus = DebtStatus.OPEN
    priority: int = 0
    zone: str | None = None
    loan_account: str | None = None
    last_purchase_at: datetime | None = None
    last_inquiry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing a record did.

    Attributes:
        double_of: for a new person, another person of the same client who has one of the phones.
    """

    debt: DebtId
    person: PersonId
    new: bool
    changed: bool
    double_of: PersonId | None = None


def person_key(record: AccountRecord) -> str:
    """What makes two records the same person within one client."""
    if record.reference is not None:
        return f"ref:{record.reference}"
    return f"tel:{record.phones[0].number.e164}:{record.last_name.casefold()}"


def store_account(
    tx: Connection, client: int, record: AccountRecord, now: datetime, into: tuple[CampaignId, ListId] | None = None
) -> Stored:
    """Insert or update everything one record says; put it on a campaign's list when `into` is given."""
    return store_accounts(tx, client, [record], now, into)[0]


def store_accounts(
    tx: Connection,
    client: int,
    records: Sequence[AccountRecord],
    now: datetime,
    into: tuple[CampaignId, ListId] | None = None,
) -> Sequence[Stored]:
    """The same for several records, whose accounts differ, with a few statements for all of them together."""
    batch = _Batch(client, now, into)
    keys = [person_key(record) for record in records]
    _persons(tx, batch, records, keys)
    of = [batch.persons[key]["id"] for key in keys]
    _phones(tx, batch, records, of)
    _addresses(tx, batch, records, of)
    debt_ids = _debts(tx, batch, records, of)
    _entries(tx, batch, records, of, debt_ids)
    for person in batch.fuller - batch.new_persons:
        revive_person(tx, person)
        usable = batch.first_usable(person)
        if usable is not None:
            revive_phoneless(tx, person, usable)
    doubles = _doubles(tx, batch, records, of)
    return [
        Stored(
            DebtId(debt),
            PersonId(person),
            new=debt in batch.new_debts,
            changed=debt not in batch.new_debts and index in batch.changed,
            double_of=doubles.get(index),
        )
        for index, (debt, person) in enumerate(zip(debt_ids, of, strict=True))
    ]


_Row = dict[str, Any]


@dataclass(slots=True)
class _Batch:
    """What the store holds about the records' persons and debts, kept current while they are stored.

    Attributes:
        persons: rows by key; `phones`: rows by person, then number; `new_persons`, `new_debts`: ids made here.
        changed: indexes of records that changed something.
        fuller: persons who got a phone or an address.
    """

    client: int
    now: datetime
    into: tuple[CampaignId, ListId] | None
    persons: dict[str, _Row] = field(default_factory=dict)
    phones: dict[int, dict[str, _Row]] = field(default_factory=dict)
    new_persons: set[int] = field(default_factory=set)
    new_debts: set[int] = field(default_factory=set)
    changed: set[int] = field(default_factory=set)
    fuller: set[int] = field(default_factory=set)

    def first_usable(self, person: int) -> int | None:
        """The phone to begin with; None where all have been taken out of use."""
        usable = [row for row in self.phones.get(person, {}).values() if row["unusable"] is None]
        return min(usable, key=lambda row: (row["rank"], row["id"]))["id"] if usable else None

    def takes_word_of(self, record: AccountRecord, key: str) -> bool:
        """Whether this account is the one that decides about its person's name and order of phones."""
        return bool(self.persons[key]["told_by"] == record.account)


def _persons(tx: Connection, batch: _Batch, records: Sequence[AccountRecord], keys: Sequence[str]) -> None:
    found = tx.execute(select(persons).where(persons.c.client_id == batch.client, persons.c.key.in_(set(keys))))
    batch.persons = {row["key"]: dict(row) for row in found.mappings()}
    first: dict[str, _Row] = {}
    for record, key in zip(records, keys, strict=True):
        if key not in batch.persons:
            row = {"client_id": batch.client, "key": key, "reference": record.reference, "name": record.name}
            known = dict.fromkeys(_RELATIONSHIP)
            first.setdefault(
                key, {**row, "zone": record.zone, "told_by": record.account, "created_at": batch.now, **known}
            )
    if first:
        made = tx.execute(insert(persons).returning(persons.c.id, persons.c.key), list(first.values()))
        for person, key in made:
            batch.persons[key] = {**first[key], "id": person}
            batch.new_persons.add(person)
    for index, (record, key) in enumerate(zip(records, keys, strict=True)):
        if batch.takes_word_of(record, key):
            told = {"name": record.name, "zone": record.zone or batch.persons[key]["zone"]}
            _update_where_other(tx, batch, index, persons, batch.persons[key], told)
        row = batch.persons[key]
        later = {
            name: said
            for name in _RELATIONSHIP
            if (said := getattr(record, name)) is not None and (row[name] is None or row[name] < said)
        }
        _update_where_other(tx, batch, index, persons, row, later)


_RELATIONSHIP: Final = ("last_purchase_at", "last_inquiry_at")


def _phones(tx: Connection, batch: _Batch, records: Sequence[AccountRecord], of: Sequence[int]) -> None:
    _numbers(tx, [phone for record in records for phone in record.phones])
    for row in tx.execute(select(phones).where(phones.c.person_id.in_(set(of)))).mappings():
        batch.phones.setdefault(row["person_id"], {})[row["e164"]] = dict(row)
    fresh: list[_Row] = []
    for index, (record, person) in enumerate(zip(records, of, strict=True)):
        known = batch.phones.setdefault(person, {})
        decides = batch.takes_word_of(record, person_key(record))
        for position, phone in enumerate(record.phones):
            e164 = phone.number.e164
            if e164 not in known:
                rank = position if decides else len(known)
                known[e164] = {"person_id": person, "e164": e164, "use": phone.use, "rank": rank, "unusable": None}
                fresh.append(known[e164])
                batch.changed.add(index)
                batch.fuller.add(person)
            elif decides and "id" in known[e164]:
                told = {"use": phone.use, "rank": position}
                _update_where_other(tx, batch, index, phones, known[e164], told)
    if fresh:
        made = tx.execute(insert(phones).returning(phones.c.id, phones.c.person_id, phones.c.e164), fresh)
        for phone_id, person, e164 in made:
            batch.phones[person][e164]["id"] = phone_id


def _numbers(tx: Connection, told: Sequence[PhoneRecord]) -> None:
    rows = {
        phone.number.e164: {
            "e164": phone.number.e164,
            "line_type": phone.line_type,
            "exchange_zip": phone.exchange_zip,
        }
        for phone in told
    }
    lines = tx.execute(select(numbers.c.e164, numbers.c.line_type).where(numbers.c.e164.in_(rows))).all()
    known = {row.e164: row.line_type for row in lines}
    insert_or_ignore(tx, numbers, [row for e164, row in rows.items() if e164 not in known])
    for e164, row in rows.items():
        if row["line_type"] != UNKNOWN_LINE and known.get(e164, row["line_type"]) != row["line_type"]:
            tx.execute(update(numbers).where(numbers.c.e164 == e164).values(line_type=row["line_type"]))


def _addresses(tx: Connection, batch: _Batch, records: Sequence[AccountRecord], of: Sequence[int]) -> None:
    found = tx.execute(select(addresses).where(addresses.c.person_id.in_(set(of)))).mappings()
    known = {_place(dict(row)) for row in found}
    fresh: list[_Row] = []
    for index, (record, person) in enumerate(zip(records, of, strict=True)):
        if record.address is None:
            continue
        row = {"person_id": person, **{name: getattr(record.address, name) for name in _PLACE}}
        if _place(row) not in known:
            known.add(_place(row))
            fresh.append(row)
            batch.changed.add(index)
            batch.fuller.add(person)
    if fresh:
        tx.execute(insert(addresses), fresh)


_PLACE: Final = ("zip", "state", "city", "country", "lat", "lon", "tz")


def _place(row: Mapping[str, Any]) -> tuple[object, ...]:
    return (row["person_id"], *(row[name] for name in _PLACE))


def _debts(tx: Connection, batch: _Batch, records: Sequence[AccountRecord], of: Sequence[int]) -> Sequence[int]:
    names = [record.account for record in records]
    found = tx.execute(select(debts).where(debts.c.client_id == batch.client, debts.c.account.in_(names)))
    known = {row["account"]: dict(row) for row in found.mappings()}
    fresh: list[_Row] = []
    for index, (record, person) in enumerate(zip(records, of, strict=True)):
        told = {
            "person_id": person,
            "kind": record.kind,
            "balance_cents": record.balance.cents,
            "currency": record.balance.currency,
            "status": record.status.value,
            "priority": record.priority,
        }
        loan = {"loan_account": record.loan_account}
        row = known.get(record.account)
        if row is not None and record.loan_account is not None:
            told |= loan
        if row is None:
            first = {"client_id": batch.client, "account": record.account, "updated_at": batch.now}
            fresh.append({**first, **told, **loan})
        elif _update_where_other(tx, batch, index, debts, row, told):
            tx.execute(update(debts).where(debts.c.id == row["id"]).values(updated_at=batch.now))
            _follow_person(tx, batch, row["id"], person)
    if fresh:
        for debt, account in tx.execute(insert(debts).returning(debts.c.id, debts.c.account), fresh):
            known[account] = {"id": debt}
            batch.new_debts.add(debt)
    return [known[name]["id"] for name in names]


def _follow_person(tx: Connection, batch: _Batch, debt: int, person: int) -> None:
    """Where a client says that a debt is another person's, its entries go along."""
    stray = update(list_entries).where(list_entries.c.debt_id == debt, list_entries.c.person_id != person)
    phone = batch.first_usable(person)
    tx.execute(stray.values(person_id=person, **({} if phone is None else {"phone_id": phone})))


def _entries(
    tx: Connection, batch: _Batch, records: Sequence[AccountRecord], of: Sequence[int], debt_ids: Sequence[int]
) -> None:
    for record, debt in zip(records, debt_ids, strict=True):
        if record.status is not DebtStatus.OPEN and debt not in batch.new_debts:
            close_entries(tx, DebtId(debt))
    if batch.into is None:
        return
    campaign, list_ = batch.into
    found = tx.execute(
        select(list_entries).where(list_entries.c.campaign_id == campaign, list_entries.c.debt_id.in_(debt_ids))
    )
    known = {row["debt_id"]: dict(row) for row in found.mappings()}
    fresh: list[_Row] = []
    for index, (record, person, debt) in enumerate(zip(records, of, debt_ids, strict=True)):
        if record.status is not DebtStatus.OPEN:
            continue
        row, phone = known.get(debt), batch.first_usable(person)
        if row is not None:
            if row["priority"] != CALLBACK_PRIORITY:
                _update_where_other(tx, batch, index, list_entries, row, {"priority": record.priority})
            if row["state"] == EntryState.CLOSED:  # the client has given the account back to us
                move(tx, row["id"], EntryEvent.REOPEN, reason=None)
                batch.changed.add(index)
        elif phone is not None:
            place = {"campaign_id": campaign, "list_id": list_, "debt_id": debt, "person_id": person}
            fresh.append({**place, **_ENTRY, "phone_id": phone, "due_at": batch.now, "priority": record.priority})
            batch.changed.add(index)
    if fresh:
        tx.execute(insert(list_entries), fresh)


_ENTRY: Final = {"state": EntryState.READY.value, "attempts": 0, "reserved_agent_only": False, "blocked_phones": 0}


def close_entries(tx: Connection, debt: DebtId) -> None:
    """Take a closed or recalled debt off every list. A call that is on is not cut; it is the last."""
    move_debt(tx, debt, EntryEvent.CLOSE, reason="closed", claimed_by=None)


def _doubles(
    tx: Connection, batch: _Batch, records: Sequence[AccountRecord], of: Sequence[int]
) -> Mapping[int, PersonId]:
    """Indexes of records with a new person, one of whose phones another person of the client has."""
    news = {index: person for index, person in enumerate(of) if person in batch.new_persons}
    if not news:
        return {}
    e164s = {phone.number.e164 for index in news for phone in records[index].phones}
    owners: dict[str, set[int]] = {}
    found = tx.execute(
        select(phones.c.e164, phones.c.person_id)
        .join_from(phones, persons, phones.c.person_id == persons.c.id)
        .where(phones.c.e164.in_(e164s), persons.c.client_id == batch.client)
    )
    for e164, person in found:
        owners.setdefault(e164, set()).add(person)
    doubles: dict[int, PersonId] = {}
    for index, person in news.items():
        # Of two that are new in one batch, the later one is the double.
        others = {other for phone in records[index].phones for other in owners[phone.number.e164] if other < person}
        if others:
            doubles[index] = PersonId(min(others))
    return doubles


def _update_where_other(
    tx: Connection, batch: _Batch, index: int, table: Table, row: _Row, told: Mapping[str, object]
) -> bool:
    """Update a row only where it says something else; says whether it did."""
    other = {name: value for name, value in told.items() if row[name] != value}
    if not other:
        return False
    tx.execute(update(table).where(table.c.id == row["id"]).values(**other))
    row.update(other)
    batch.changed.add(index)
    return True
