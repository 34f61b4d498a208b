"""How attempts ended: outcomes beside the ledger's attempts, and where each sends its account. Append-only.

An outcome is written once; what is learned later (an agent's disposition) is a further row, and the last one holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from accounts import retry
from accounts.campaigns import read_settings
from accounts.dialect import lock_persons_then_numbers
from accounts.entries import EntryEvent
from accounts.errors import NotFoundError
from accounts.fact_rows import AnyRow
from accounts.model import CampaignSettings, Ending
from accounts.moves import Move, move_all
from accounts.phone_order import phone_after, usable_phones
from accounts.tables import (
    attempt_outcomes,
    attempts,
    campaigns,
    debts,
    list_entries,
    numbers,
    open_attempts,
    persons,
    phones,
)
from domain.ids import AttemptId
from domain.outcomes import Outcome

_INSERT_OUTCOME: Final = insert(attempt_outcomes)
_CLOSE: Final = (
    delete(open_attempts)
    .where(open_attempts.c.attempt_id.in_(bindparam("attempts", expanding=True)))
    .returning(open_attempts.c.attempt_id)
)
_SAME_OUTCOMES: Final = (
    select(attempts.c.entry_id, attempt_outcomes.c.outcome, func.count(func.distinct(attempts.c.id)).label("times"))
    .join_from(attempts, attempt_outcomes, attempt_outcomes.c.attempt_id == attempts.c.id)
    .where(attempts.c.entry_id.in_(bindparam("entries", expanding=True)))
    .group_by(attempts.c.entry_id, attempt_outcomes.c.outcome)
)
_ATTEMPT: Final = (
    select(
        attempts,
        campaigns.c.settings,
        persons.c.zone,
        list_entries.c.attempts.label("made"),
        list_entries.c.state,
        debts.c.priority,
    )
    .join_from(attempts, list_entries, attempts.c.entry_id == list_entries.c.id)
    .join(campaigns, attempts.c.campaign_id == campaigns.c.id)
    .join(persons, attempts.c.person_id == persons.c.id)
    .join(debts, attempts.c.debt_id == debts.c.id)
    .where(attempts.c.id.in_(bindparam("attempts", expanding=True)))
)
_LAST: Final = (
    select(attempt_outcomes)
    .where(attempt_outcomes.c.attempt_id == bindparam("attempt"))
    .order_by(attempt_outcomes.c.seq.desc())
    .limit(1)
)


def record_outcome(tx: Connection, attempt: AttemptId, ending: Ending, now: datetime) -> bool:
    """Write how an attempt ended and move its account by the campaign's retry table.

    Returns:
        False when an outcome was there already: nothing is changed (a later correction is a disposition).

    Raises:
        NotFoundError: no such attempt.
    """
    written = record_outcomes(tx, {attempt: ending}, now)
    if attempt not in written:
        raise NotFoundError("there is no such attempt in the ledger")
    return written[attempt]


def record_outcomes(tx: Connection, endings: Mapping[AttemptId, Ending], now: datetime) -> Mapping[AttemptId, bool]:
    """The same for several; attempts that are not in the ledger are not in the answer."""
    rows = tx.execute(_ATTEMPT, {"attempts": list(endings)}).all()
    lock_persons_then_numbers(tx, {row.person_id for row in rows}, {row.number for row in rows})
    closed = set(tx.execute(_CLOSE, {"attempts": [row.id for row in rows]}).scalars()) if rows else set()
    add_outcomes(tx, [Ended(row, endings[row.id]) for row in rows if row.id in closed], now)
    return {row.id: row.id in closed for row in rows}


def correct_outcome(tx: Connection, attempt: AttemptId, outcome: Outcome, now: datetime) -> None:
    """Add a truer outcome to an ended attempt (an agent's disposition); the earlier row stays.

    Raises:
        NotFoundError: no such attempt, or it has not ended.
    """
    row = tx.execute(_ATTEMPT, {"attempts": [attempt]}).one_or_none()
    last = tx.execute(_LAST, {"attempt": attempt}).one_or_none()
    if row is None or last is None:
        raise NotFoundError("there is no such ended attempt in the ledger")
    if last.outcome == outcome:
        return
    ending = Ending(
        outcome,
        cause=last.cause,
        sip_status=last.sip_status,
        verdict=last.verdict,
        verdict_cause=last.verdict_cause,
        rang_at=last.rang_at,
        answered_at=last.answered_at,
        treated_at=last.treated_at,
        joined_at=last.joined_at,
        ended_at=last.ended_at,
        agent=last.agent_id,
        message_left=last.message_left,
        bridged_s=last.bridged_s,
        announced=last.announced,
    )
    add_outcomes(tx, [Ended(row, ending, seq=last.seq + 1)], now)


@dataclass(frozen=True, slots=True)
class Ended:
    """One outcome of an attempt, the `seq`-th.

    Attributes:
        row: of the statement `_ATTEMPT`.
    """

    row: AnyRow
    ending: Ending
    seq: int = 1


def add_outcomes(tx: Connection, ended: Sequence[Ended], now: datetime) -> None:
    """Insert outcome rows and apply the retry rule to each account."""
    if not ended:
        return
    tx.execute(_INSERT_OUTCOME, [_outcome_row(one, now) for one in ended])
    for one in ended:
        if _settings(one).rule_for(one.ending.outcome).flag_phone:
            _flag_phone(tx, one.row, one.ending.outcome, now)
    usable = usable_phones(tx, {one.row.person_id for one in ended})
    same = _same_outcomes(tx, {one.row.entry_id for one in ended})
    move_all(tx, [_retried(one, usable[one.row.person_id], same, now) for one in ended])


def _outcome_row(one: Ended, now: datetime) -> dict[str, object]:
    ending = one.ending
    return {
        "attempt_id": one.row.id,
        "seq": one.seq,
        "at": now,
        "outcome": ending.outcome.value,
        "cause": ending.cause,
        "sip_status": ending.sip_status,
        "verdict": ending.verdict,
        "verdict_cause": ending.verdict_cause,
        "rang_at": ending.rang_at,
        "answered_at": ending.answered_at,
        "treated_at": ending.treated_at,
        "joined_at": ending.joined_at,
        "ended_at": ending.ended_at,
        "agent_id": ending.agent,
        "message_left": ending.message_left,
        "bridged_s": ending.bridged_s,
        "announced": ending.announced,
    }


def _settings(one: Ended) -> CampaignSettings:
    return read_settings(one.row.settings)


def _retried(one: Ended, usable: Sequence[int], same: Counter[tuple[int, str]], now: datetime) -> Move:
    """Where the retry rule sends the account."""
    row, settings, outcome = one.row, _settings(one), one.ending.outcome
    rule = settings.rule_for(outcome)
    after = retry.step(
        rule,
        now,
        row.zone or settings.zone,
        same_outcomes=same[row.entry_id, outcome.value],
        attempts=_made(row, settings, same),
        max_attempts=settings.max_attempts,
        usable=len(usable),
    )
    values: dict[str, object] = {
        "due_at": after.due_at,
        "reason": after.reason,
        "priority": row.priority,
        "claimed_by": None,
    }
    if after.event is EntryEvent.RETRY:
        values["reserved_agent_only"] = after.reserved_agent
        if after.next_phone or row.phone_id not in usable:
            values["phone_id"] = phone_after(usable, row.phone_id)
    return Move(row.entry_id, after.event, values)


def _made(row: AnyRow, settings: CampaignSettings, same: Counter[tuple[int, str]]) -> int:
    """Attempts that use up the account: a trunk that is down for an hour must not exhaust a list."""
    made: int = row.made
    return made if made < settings.max_attempts else made - same[row.entry_id, Outcome.FAILED.value]


def _flag_phone(tx: Connection, row: AnyRow, outcome: Outcome, now: datetime) -> None:
    tx.execute(update(phones).where(phones.c.id == row.phone_id).values(unusable=outcome.value))
    if outcome is Outcome.SIT:
        tx.execute(update(numbers).where(numbers.c.e164 == row.number).values(sit_at=now))


def _same_outcomes(tx: Connection, entries: Collection[int]) -> Counter[tuple[int, str]]:
    """How many attempts of an entry ever had an outcome, by both."""
    found = tx.execute(_SAME_OUTCOMES, {"entries": sorted(entries)})
    return Counter({(row.entry_id, row.outcome): row.times for row in found})


def still_open(tx: Connection, engine: str) -> Sequence[AttemptId]:
    """Attempts of an engine that have no outcome yet, oldest first."""
    found = tx.execute(
        select(open_attempts.c.attempt_id).where(open_attempts.c.engine == engine).order_by(open_attempts.c.attempt_id)
    )
    return [AttemptId(attempt) for attempt in found.scalars()]


def sweep(
    tx: Connection,
    engine: str,
    now: datetime,
    alive: Collection[AttemptId] = (),
    told: Mapping[AttemptId, Ending] = MappingProxyType({}),
) -> Sequence[AttemptId]:
    """Close the attempts that an earlier run of this engine left without an end.

    Args:
        alive: attempts the switch still has; they are adopted, not closed.
        told: how some of them ended, by what the switch wrote down.

    Returns:
        Those that are closed as `unknown`.
    """
    closed = {
        attempt: told.get(attempt) or Ending(Outcome.UNKNOWN)
        for attempt in still_open(tx, engine)
        if attempt not in alive
    }
    record_outcomes(tx, closed, now)
    return [attempt for attempt, ending in closed.items() if ending.outcome is Outcome.UNKNOWN]
