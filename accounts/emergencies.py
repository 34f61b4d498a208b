"""Declared states of emergency that an officer switched on: part of the facts of every reservation from then on.

A declaration always has an end, which can be brought forward; nothing is removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, or_, select, update

from accounts.entries import EntryState
from accounts.errors import ConflictError, NotFoundError
from accounts.tables import emergencies, list_entries
from domain.reasons import ReasonCode


@dataclass(frozen=True, slots=True)
class Emergency:
    """One declaration.

    Attributes:
        country: ISO alpha-2.
        state: of the country, as the rules name it.
        proof: where the declaration can be read.
        declared_by: a person.
    """

    country: str
    state: str
    starts_at: datetime
    until: datetime
    proof: str
    declared_by: str
    id: int = 0


def declare(tx: Connection, found: Sequence[Emergency], now: datetime) -> int:
    """Switch declarations on; those that stand already in the same words are left. How many are new.

    Raises:
        ConflictError: one ends before it begins, or is over.
    """
    new = 0
    for one in found:
        if one.until <= max(one.starts_at, now):
            raise ConflictError(f"the emergency in {one.state} ends before it begins, or is over; correct its end")
        row = {
            "country": one.country,
            "state": one.state,
            "starts_at": one.starts_at,
            "until": one.until,
            "proof": one.proof,
        }
        same = select(emergencies.c.id).where(
            emergencies.c.ended_at.is_(None), *(emergencies.c[k] == row[k] for k in row)
        )
        if tx.execute(same).first() is None:
            tx.execute(insert(emergencies), {**row, "declared_by": one.declared_by, "declared_at": now})
            new += 1
    return new


def end(tx: Connection, emergency: int, by: str, now: datetime) -> None:
    """Bring the end of a declaration forward to now; accounts that waited for it are due again.

    Raises:
        NotFoundError: there is no such declaration that still runs or lies ahead.
    """
    running = update(emergencies).where(
        emergencies.c.id == emergency, emergencies.c.ended_at.is_(None), emergencies.c.until > now
    )
    if tx.execute(running.values(ended_by=by, ended_at=now)).rowcount == 0:
        raise NotFoundError(
            "there is no emergency of that number that runs; `dialer compliance emergency list` has them"
        )
    waiting = list_entries.c.state == EntryState.WAITING.value, list_entries.c.reason == ReasonCode.CALL_DAY.value
    tx.execute(update(list_entries).where(*waiting).values(due_at=now))  # the gate looks at each again


def known(tx: Connection, now: datetime) -> Sequence[Emergency]:
    """Declarations that run or lie ahead, oldest first."""
    last = func.coalesce(emergencies.c.ended_at, emergencies.c.until)
    statement = select(emergencies).where(or_(last > now)).order_by(emergencies.c.id)
    return [
        Emergency(row.country, row.state, row.starts_at, row.until, row.proof, row.declared_by, row.id)
        for row in tx.execute(statement)
    ]
