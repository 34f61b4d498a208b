"""Suppressions: whom, which number or which debt not to call, why, and until when.

One is in force from the instant its transaction is committed: every reservation reads them again, and a claim made
before does not escape. Lifting one ends it and keeps the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, insert, or_, select, update

from accounts.dialect import lock_persons_then_numbers
from accounts.errors import ConflictError
from accounts.moves import revive_person
from accounts.tables import debts, phones, suppressions
from compliance.facts import SuppressionKind
from domain.ids import DebtId, PersonId
from domain.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A suppression as it stands in the store."""

    id: int
    kind: SuppressionKind
    number: PhoneNumber | None
    person: PersonId | None
    debt: DebtId | None
    since: datetime
    until: datetime | None
    source: str


def suppress(
    tx: Connection,
    kind: SuppressionKind,
    now: datetime,
    *,
    number: PhoneNumber | None = None,
    person: PersonId | None = None,
    debt: DebtId | None = None,
    until: datetime | None = None,
    source: str,
) -> bool:
    """Suppress a number, a person, a debt, or exactly their combination.

    Args:
        source: who or what asked for it: `agent:<id>`, `import:<id>`, `key_9`, `operator`.

    Returns:
        False when the same one is already in force.

    Raises:
        ConflictError: neither number nor person nor debt is named.
    """
    if number is None and person is None and debt is None:
        raise ConflictError("a suppression needs a number, a person or a debt")
    if person is not None and number is not None:
        lock_persons_then_numbers(tx, {person}, {number.e164})
    e164 = None if number is None else number.e164
    same = select(suppressions.c.id).where(
        suppressions.c.kind == kind.value,
        suppressions.c.number.is_not_distinct_from(e164),
        suppressions.c.person_id.is_not_distinct_from(person),
        suppressions.c.debt_id.is_not_distinct_from(debt),
        or_(suppressions.c.until.is_(None), suppressions.c.until > now),
    )
    if tx.execute(same).first() is not None:
        return False
    tx.execute(
        insert(suppressions),
        {
            "kind": kind.value,
            "number": e164,
            "person_id": person,
            "debt_id": debt,
            "since": now,
            "until": until,
            "source": source,
        },
    )
    return True


_NUMBER_KINDS: Final = frozenset(
    {SuppressionKind.INTERNAL_DNC, SuppressionKind.NATIONAL_DNC, SuppressionKind.LITIGATOR}
)
_DEBT_KINDS: Final = frozenset({SuppressionKind.DISPUTE, SuppressionKind.IDENTITY_THEFT})


def suppress_account(
    tx: Connection,
    kind: SuppressionKind,
    now: datetime,
    person: PersonId,
    debt: DebtId,
    numbers: Sequence[PhoneNumber],
    source: str,
) -> int:
    """Suppress what a client's flag on an account means: its numbers, its debt, or the person. How many are new."""
    if kind in _NUMBER_KINDS:
        return sum(suppress(tx, kind, now, number=number, source=source) for number in numbers)
    if kind is SuppressionKind.WRONG_NUMBER:
        return sum(suppress(tx, kind, now, number=number, person=person, source=source) for number in numbers)
    if kind in _DEBT_KINDS:
        return int(suppress(tx, kind, now, debt=debt, source=source))
    return int(suppress(tx, kind, now, person=person, source=source))


def lift(tx: Connection, suppression: int, now: datetime) -> bool:
    """End a suppression; accounts it had parked may be tried again. False when it had ended already."""
    row = tx.execute(select(suppressions).where(suppressions.c.id == suppression)).one_or_none()
    if row is None or (row.until is not None and row.until <= now):
        return False
    tx.execute(update(suppressions).where(suppressions.c.id == suppression).values(until=now))
    concerned = {row.person_id} - {None}
    if row.number is not None:
        concerned |= set(tx.execute(select(phones.c.person_id).where(phones.c.e164 == row.number)).scalars())
    if row.debt_id is not None:
        concerned |= set(tx.execute(select(debts.c.person_id).where(debts.c.id == row.debt_id)).scalars())
    for person in concerned:
        revive_person(tx, person)
    return True


def in_force(tx: Connection, now: datetime, *, number: PhoneNumber | None = None) -> Sequence[Suppressed]:
    """Suppressions in force, oldest first; of one number when it is given."""
    statement = select(suppressions).where(or_(suppressions.c.until.is_(None), suppressions.c.until > now))
    if number is not None:
        statement = statement.where(suppressions.c.number == number.e164)
    return [
        Suppressed(
            row.id,
            SuppressionKind(row.kind),
            None if row.number is None else PhoneNumber(row.number),
            row.person_id,
            row.debt_id,
            row.since,
            row.until,
            row.source,
        )
        for row in tx.execute(statement.order_by(suppressions.c.id))
    ]
