"""One account as it arrives from a client, and how it becomes rows: person, debt, phones, addresses, list entry.

Storing the same record twice changes nothing; storing a later one updates what it says and keeps what it does not.
Persons are recognised by client and reference, or by first phone and last name where there is no reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from accounts.dialect import insert_or_ignore
from accounts.entries import EntryEvent, EntryState
from accounts.model import DebtStatus
from accounts.moves import move, move_debt, revive_person, revive_phoneless
from accounts.tables import addresses, debts, list_entries, numbers, persons, phones
from domain.ids import CampaignId, DebtId, ListId, PersonId
from domain.money import Money
from domain.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class PhoneRecord:
    """A phone of a person. `line_type` and `use` in the words of the compliance case format."""

    number: PhoneNumber
    line_type: str = "unknown"
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


_PERSON: Final = select(persons).where(persons.c.client_id == bindparam("client"), persons.c.key == bindparam("key"))
_DEBT: Final = select(debts).where(debts.c.client_id == bindparam("client"), debts.c.account == bindparam("account"))
_PHONES: Final = select(phones).where(phones.c.person_id == bindparam("person"))
_ADDRESSES: Final = select(addresses).where(addresses.c.person_id == bindparam("person"))


def person_key(record: AccountRecord) -> str:
    """What makes two records the same person within one client."""
    if record.reference is not None:
        return f"ref:{record.reference}"
    return f"tel:{record.phones[0].number.e164}:{record.last_name.casefold()}"


def store_account(
    tx: Connection, client: int, record: AccountRecord, now: datetime, into: tuple[CampaignId, ListId] | None = None
) -> Stored:
    """Insert or update everything a record says; put it on a campaign's list when `into` is given."""
    person, person_new, person_changed = _store_person(tx, client, record, now)
    phones_changed = _store_phones(tx, person, record)
    address_changed = record.address is not None and _store_address(tx, person, record.address)
    debt, new, debt_changed = _store_debt(tx, client, person, record, now)
    listed = False
    if record.status is not DebtStatus.OPEN:
        close_entries(tx, debt)
    elif into is not None:
        listed = _store_entry(tx, debt, person, record, now, into)
    if not person_new and (phones_changed or address_changed):
        revive_person(tx, person)
        usable = first_usable_phone(tx, person)
        if usable is not None:
            revive_phoneless(tx, person, usable)
    changed = person_changed or phones_changed or address_changed or debt_changed or listed
    double = _double(tx, client, person, record) if person_new else None
    return Stored(DebtId(debt), PersonId(person), new, changed and not new, double)


def _double(tx: Connection, client: int, person: int, record: AccountRecord) -> PersonId | None:
    other = (
        select(phones.c.person_id)
        .join_from(phones, persons, phones.c.person_id == persons.c.id)
        .where(phones.c.e164.in_([phone.number.e164 for phone in record.phones]))
        .where(persons.c.client_id == client, persons.c.id != person)
        .order_by(phones.c.person_id)
        .limit(1)
    )
    return tx.execute(other).scalar_one_or_none()


def _store_person(tx: Connection, client: int, record: AccountRecord, now: datetime) -> tuple[int, bool, bool]:
    key = person_key(record)
    found = tx.execute(_PERSON, {"client": client, "key": key}).one_or_none()
    if found is None:
        values = {
            "client_id": client,
            "key": key,
            "reference": record.reference,
            "name": record.name,
            "zone": record.zone,
            "created_at": now,
        }
        return tx.execute(insert(persons).values(values).returning(persons.c.id)).scalar_one(), True, True
    told = {"name": record.name} | ({"zone": record.zone} if record.zone else {})
    return found.id, False, _update_where_other(tx, persons, found, told)


def _store_phones(tx: Connection, person: int, record: AccountRecord) -> bool:
    known = {row.e164: row for row in tx.execute(_PHONES, {"person": person})}
    changed = False
    for rank, phone in enumerate(record.phones):
        e164 = phone.number.e164
        row = {"e164": e164, "line_type": phone.line_type, "exchange_zip": phone.exchange_zip}
        insert_or_ignore(tx, numbers, [row])
        if phone.line_type != "unknown":
            tx.execute(
                update(numbers)
                .where(numbers.c.e164 == e164, numbers.c.line_type != phone.line_type)
                .values(line_type=phone.line_type)
            )
        if e164 not in known:
            tx.execute(insert(phones), {"person_id": person, "e164": e164, "use": phone.use, "rank": rank})
            changed = True
        else:
            changed |= _update_where_other(tx, phones, known[e164], {"use": phone.use, "rank": rank})
    return changed


def _store_address(tx: Connection, person: int, address: AddressRecord) -> bool:
    told = {
        "zip": address.zip,
        "state": address.state,
        "city": address.city,
        "country": address.country,
        "lat": address.lat,
        "lon": address.lon,
        "tz": address.tz,
    }
    for row in tx.execute(_ADDRESSES, {"person": person}).mappings():
        if all(row[name] == value for name, value in told.items()):
            return False
    tx.execute(insert(addresses), {"person_id": person, **told})
    return True


def _store_debt(
    tx: Connection, client: int, person: int, record: AccountRecord, now: datetime
) -> tuple[int, bool, bool]:
    told = {
        "person_id": person,
        "kind": record.kind,
        "balance_cents": record.balance.cents,
        "currency": record.balance.currency,
        "status": record.status.value,
        "priority": record.priority,
    }
    found = tx.execute(_DEBT, {"client": client, "account": record.account}).one_or_none()
    if found is None:
        values = {"client_id": client, "account": record.account, "updated_at": now, **told}
        return tx.execute(insert(debts).values(values).returning(debts.c.id)).scalar_one(), True, True
    changed = _update_where_other(tx, debts, found, told, updated_at=now)
    return found.id, False, changed


def _store_entry(
    tx: Connection, debt: int, person: int, record: AccountRecord, now: datetime, into: tuple[CampaignId, ListId]
) -> bool:
    campaign, list_ = into
    found = tx.execute(
        select(list_entries).where(list_entries.c.debt_id == debt, list_entries.c.campaign_id == campaign)
    ).one_or_none()
    if found is not None:
        changed = _update_where_other(tx, list_entries, found, {"priority": record.priority})
        if found.state == EntryState.CLOSED:  # the client has given the account back to us
            changed |= move(tx, found.id, EntryEvent.REOPEN, reason=None)
        return changed
    phone = first_usable_phone(tx, person)
    if phone is None:
        return False
    tx.execute(
        insert(list_entries),
        {
            "campaign_id": campaign,
            "list_id": list_,
            "debt_id": debt,
            "person_id": person,
            "phone_id": phone,
            "state": EntryState.READY.value,
            "due_at": now,
            "priority": record.priority,
            "attempts": 0,
            "reserved_agent_only": False,
            "blocked_phones": 0,
        },
    )
    return True


def first_usable_phone(tx: Connection, person: int) -> int | None:
    """The person's phone to begin with; None where all have been taken out of use."""
    first = (
        select(phones.c.id)
        .where(phones.c.person_id == person, phones.c.unusable.is_(None))
        .order_by(phones.c.rank, phones.c.id)
        .limit(1)
    )
    return tx.execute(first).scalar_one_or_none()


def close_entries(tx: Connection, debt: int) -> None:
    """Take a closed or recalled debt off every list. A call that is on is not cut; it is the last."""
    move_debt(tx, debt, EntryEvent.CLOSE, reason="closed", claimed_by=None)


def _update_where_other(
    tx: Connection, table: Any, row: Row[*tuple[Any, ...]], told: Mapping[str, object], **also: object
) -> bool:
    """Update a row only where it says something else; says whether it did."""
    other = {name: value for name, value in told.items() if row._mapping[name] != value}
    if not other:
        return False
    tx.execute(update(table).where(table.c.id == row.id).values(**other, **also))
    return True
