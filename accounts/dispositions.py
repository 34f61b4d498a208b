"""Recording what an agent said became of a call: the note itself, and everything that follows from it.

A disposition can make the outcome truer (`third_party`, `wrong_number`), forbid calls, promise money, or ask for a call
at another time. All of it is one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, insert, select, update

from accounts import endings
from accounts.entries import EntryEvent
from accounts.errors import NotFoundError
from accounts.fact_rows import AnyRow
from accounts.moves import CALLBACK, CALLBACK_PRIORITY, move
from accounts.suppression import suppress
from accounts.tables import attempts, callbacks, dispositions, phones, promises
from compliance.facts import SuppressionKind
from domain.ids import AgentId, AttemptId, DebtId, PersonId
from domain.money import Money
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.reasons import ReasonCode


class Reach(StrEnum):
    """What a suppression reaches."""

    PHONE = "phone"
    PERSON = "person"
    DEBT = "debt"


@dataclass(frozen=True, slots=True)
class Said:
    """What an agent said about a call, checked.

    Attributes:
        code: the disposition's stable name.
        outcome: a truer outcome, or None to leave the one recorded.
        suppression: the reason for which calls are forbidden from now on, and how far that reaches.
    """

    code: str
    outcome: Outcome | None = None
    suppression: ReasonCode | None = None
    reach: Reach = Reach.PHONE
    promise: Money | None = None
    promise_on: date | None = None
    callback_at: datetime | None = None
    note: str = ""


_KINDS: Final = {kind.name: kind for kind in SuppressionKind}


def record_disposition(tx: Connection, attempt: AttemptId, agent: AgentId | None, said: Said, now: datetime) -> None:
    """Write a disposition and what follows from it; the attempt must have ended.

    Raises:
        NotFoundError: no such attempt, or it has no outcome yet.
    """
    row = tx.execute(select(attempts).where(attempts.c.id == attempt)).one_or_none()
    if row is None:
        raise NotFoundError("there is no such attempt in the ledger")
    tx.execute(
        insert(dispositions),
        {"attempt_id": attempt, "agent_id": agent, "code": said.code, "note": said.note or None, "at": now},
    )
    if said.suppression is not None:
        _forbid(tx, said.suppression, said.reach, row, f"agent:{agent}", now)
    if said.outcome is not None:
        endings.correct_outcome(tx, attempt, said.outcome, now)
    if said.promise is not None and said.promise_on is not None:
        tx.execute(
            insert(promises),
            {
                "debt_id": row.debt_id,
                "attempt_id": attempt,
                "amount_cents": said.promise.cents,
                "currency": said.promise.currency,
                "due_on": said.promise_on,
                "made_at": now,
            },
        )
    if said.callback_at is not None:
        _call_back(tx, row.entry_id, attempt, agent, said.callback_at, now)


def _forbid(tx: Connection, code: ReasonCode, reach: Reach, row: AnyRow, source: str, now: datetime) -> None:
    kind = _KINDS.get(code.name)
    number = PhoneNumber(row.number)
    if kind is None:  # not a suppression the law knows: this phone is simply of no use for this person
        tx.execute(update(phones).where(phones.c.id == row.phone_id).values(unusable=code.value.lower()))
        return
    match reach:
        case Reach.PHONE if kind is SuppressionKind.WRONG_NUMBER:
            suppress(tx, kind, now, number=number, person=PersonId(row.person_id), source=source)
        case Reach.PHONE:
            suppress(tx, kind, now, number=number, source=source)
        case Reach.PERSON:
            suppress(tx, kind, now, person=PersonId(row.person_id), source=source)
        case Reach.DEBT:
            suppress(tx, kind, now, debt=DebtId(row.debt_id), source=source)


def _call_back(
    tx: Connection, entry: int, attempt: AttemptId, agent: AgentId | None, due_at: datetime, now: datetime
) -> None:
    tx.execute(
        insert(callbacks),
        {"entry_id": entry, "attempt_id": attempt, "agent_id": agent, "due_at": due_at, "made_at": now},
    )
    move(
        tx,
        entry,
        EntryEvent.CALL_BACK,
        due_at=due_at,
        reason=CALLBACK,
        priority=CALLBACK_PRIORITY,
        claimed_by=None,
    )
