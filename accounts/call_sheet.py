"""What an agent sees of the account while a call is on: who, for whom, how much, and what was promised before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from accounts.campaigns import read_settings
from accounts.tables import attempts, campaigns, clients, debts, persons, promises
from domain.ids import AttemptId
from domain.money import Money
from domain.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class CallSheet:
    """One account as an agent needs it.

    Attributes:
        attempts: attempts on this debt so far, the present one included.
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


def call_sheet(tx: Connection, attempt: AttemptId) -> CallSheet | None:
    """The sheet of an attempt; None when the ledger does not have it."""
    row = tx.execute(
        select(
            persons.c.name,
            clients.c.name.label("creditor"),
            debts.c.id.label("debt"),
            debts.c.account,
            debts.c.balance_cents,
            debts.c.currency,
            attempts.c.number,
            campaigns.c.name.label("campaign"),
            campaigns.c.settings,
        )
        .join_from(attempts, persons, attempts.c.person_id == persons.c.id)
        .join(debts, attempts.c.debt_id == debts.c.id)
        .join(clients, debts.c.client_id == clients.c.id)
        .join(campaigns, attempts.c.campaign_id == campaigns.c.id)
        .where(attempts.c.id == attempt)
    ).one_or_none()
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
