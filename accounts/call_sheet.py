"""What an agent sees of the account, before and during a call: who, for whom, how much, what was promised before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, Select, func, select

from accounts.campaigns import read_settings
from accounts.tables import attempts, campaigns, clients, debts, list_entries, persons, phones, promises
from domain.ids import AttemptId
from domain.money import Money
from domain.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class CallSheet:
    """One account as an agent needs it.

    Attributes:
        attempts: attempts on this debt so far, the present one included; in a preview there is none yet.
        promise: the latest promise to pay and its day, if there is one.
    """

    person: str
    creditor: str
    account: str
    balance: Money
    number: PhoneNumber
    campaign: str
    purpose: str
    attempts: int
    promise: tuple[Money, date] | None


_SHEET: Final = (
    select(
        persons.c.name,
        clients.c.name.label("creditor"),
        debts.c.id.label("debt"),
        debts.c.account,
        debts.c.balance_cents,
        debts.c.currency,
        phones.c.e164.label("number"),
        campaigns.c.name.label("campaign"),
        campaigns.c.settings,
    )
    .join_from(list_entries, persons, list_entries.c.person_id == persons.c.id)
    .join(debts, list_entries.c.debt_id == debts.c.id)
    .join(clients, debts.c.client_id == clients.c.id)
    .join(campaigns, list_entries.c.campaign_id == campaigns.c.id)
)
_OF_ENTRY: Final = _SHEET.join(phones, list_entries.c.phone_id == phones.c.id)
_OF_ATTEMPT: Final = _SHEET.join(attempts, attempts.c.entry_id == list_entries.c.id).join(
    phones, attempts.c.phone_id == phones.c.id
)


def call_sheet(tx: Connection, attempt: AttemptId) -> CallSheet | None:
    """The sheet of an attempt; None when the ledger does not have it."""
    return _read(tx, _OF_ATTEMPT.where(attempts.c.id == attempt))


def entry_sheet(tx: Connection, entry: int) -> CallSheet | None:
    """The sheet of an account that would be called now; None when there is no such entry."""
    return _read(tx, _OF_ENTRY.where(list_entries.c.id == entry))


def _read(tx: Connection, wanted: Select[Any]) -> CallSheet | None:
    row = tx.execute(wanted).one_or_none()
    if row is None:
        return None
    made = tx.execute(select(func.count()).select_from(attempts).where(attempts.c.debt_id == row.debt)).scalar_one()
    promised = tx.execute(
        select(promises.c.amount_cents, promises.c.currency, promises.c.due_on)
        .where(promises.c.debt_id == row.debt)
        .order_by(promises.c.made_at.desc())
        .limit(1)
    ).one_or_none()
    return CallSheet(
        person=row.name,
        creditor=row.creditor,
        account=row.account,
        balance=Money(row.balance_cents, row.currency),
        number=PhoneNumber(row.number),
        campaign=row.campaign,
        purpose=read_settings(row.settings).purpose,
        attempts=made,
        promise=None if promised is None else (Money(promised.amount_cents, promised.currency), promised.due_on),
    )
