"""The phases of an import, each a step that is repeated, one short transaction a time, until it says it is done.

`staging`: rows are set aside; `urgent`: those with a suppression are applied; `applying`: the others; `recalling`: open
debts that a complete file does not name are recalled; `clearing`: the rows set aside are removed; `done`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, delete, exists, func, select, update

from accounts.importing.rows import CheckedRow
from accounts.model import DebtStatus
from accounts.records import Stored, close_entries, store_accounts
from accounts.suppression import suppress_account
from accounts.tables import debts, import_rows, imports
from domain.clock import Clock
from domain.ids import CampaignId, DebtId, ListId

STEP_S: Final = 0.02
"""A step stops taking rows after this long; with its commit it stays under 50 ms on an ordinary disk."""
_ROWS_A_STEP: Final = 200
_ROWS_AT_ONCE: Final = 10
_DEBTS_A_STEP: Final = 2_000
_CLEARED_A_STEP: Final = 1_000
ROW: Final = TypeAdapter(CheckedRow)


class Phase(StrEnum):
    STAGING = "staging"
    URGENT = "urgent"
    APPLYING = "applying"
    RECALLING = "recalling"
    CLEARING = "clearing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Running:
    """An import as its row says."""

    id: int
    client: int
    phase: Phase
    position: int
    counts: Mapping[str, int]
    complete: bool
    into: tuple[CampaignId, ListId] | None


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a step did: rows dealt with, and the rows whose new person may be a double of another."""

    phase: Phase
    dealt_with: int
    doubles: tuple[int, ...] = ()


_AFTER: Final[Mapping[Phase, Phase]] = {
    Phase.URGENT: Phase.APPLYING,
    Phase.APPLYING: Phase.RECALLING,
    Phase.RECALLING: Phase.CLEARING,
    Phase.CLEARING: Phase.DONE,
}


def running(tx: Connection, import_id: int) -> Running:
    """Read where an import stands."""
    row = tx.execute(select(imports).where(imports.c.id == import_id)).one()
    into = None if row.campaign_id is None else (CampaignId(row.campaign_id), ListId(row.list_id))
    return Running(row.id, row.client_id, Phase(row.phase), row.position, row.counts, row.complete, into)


def step(tx: Connection, import_id: int, clock: Clock) -> StepReport:
    """Take one import one step further; `Phase.DONE` in the report means there is nothing left."""
    now = running(tx, import_id)
    match now.phase:
        case Phase.URGENT | Phase.APPLYING:
            return _apply(tx, now, clock)
        case Phase.RECALLING:
            return _recall(tx, now, clock)
        case Phase.CLEARING:
            return _clear(tx, now, clock)
        case Phase.STAGING | Phase.DONE:
            return StepReport(now.phase, 0)


def _apply(tx: Connection, now: Running, clock: Clock) -> StepReport:
    urgent = now.phase is Phase.URGENT
    rows = tx.execute(
        select(import_rows.c.line, import_rows.c.row)
        .where(import_rows.c.import_id == now.id, import_rows.c.urgent.is_(urgent))
        .where(import_rows.c.line > now.position, import_rows.c.row.is_not(None))
        .order_by(import_rows.c.line)
        .limit(_ROWS_A_STEP)
    ).all()
    if not rows:
        return _next_phase(tx, now, clock)
    began, counts, done = clock.monotonic(), dict(now.counts), 0
    doubles: list[int] = []
    while done < len(rows) and clock.monotonic() - began < STEP_S:
        some = [ROW.validate_json(text) for _line, text in rows[done : done + _ROWS_AT_ONCE]]
        stored = store_accounts(tx, now.client, [row.record for row in some], clock.now(), now.into)
        for row, result in zip(some, stored, strict=True):
            _count(counts, result)
            _suppress(tx, row, result, counts, now.id, clock)
        doubles += [row.row for row, result in zip(some, stored, strict=True) if result.double_of is not None]
        done += len(some)
    _save(tx, now, now.phase, rows[done - 1].line, counts)
    return StepReport(now.phase, done, tuple(doubles))


def _suppress(
    tx: Connection, row: CheckedRow, stored: Stored, counts: dict[str, int], import_id: int, clock: Clock
) -> None:
    if row.suppress is not None:
        numbers = [phone.number for phone in row.record.phones]
        source = f"import:{import_id}"
        added = suppress_account(tx, row.suppress, clock.now(), stored.person, stored.debt, numbers, source)
        counts["suppressed"] = counts.get("suppressed", 0) + added


def _count(counts: dict[str, int], stored: Stored) -> None:
    name = "new" if stored.new else "changed" if stored.changed else "same"
    counts[name] = counts.get(name, 0) + 1
    if stored.double_of is not None:
        counts["doubles"] = counts.get("doubles", 0) + 1


def _recall(tx: Connection, now: Running, clock: Clock) -> StepReport:
    last = tx.execute(select(func.max(debts.c.id))).scalar_one() or 0
    if not now.complete or now.position >= last:
        return _next_phase(tx, now, clock)
    end = now.position + _DEBTS_A_STEP
    gone = tx.execute(
        select(debts.c.id).where(*_absent(now.client, now.id), debts.c.id > now.position, debts.c.id <= end)
    )
    recalled = [DebtId(debt) for debt in gone.scalars()]
    for debt in recalled:
        recall(tx, debt, clock)
    counts = dict(now.counts) | {"recalled": now.counts.get("recalled", 0) + len(recalled)}
    _save(tx, now, now.phase, end, counts)
    return StepReport(now.phase, len(recalled))


def recall(tx: Connection, debt: DebtId, clock: Clock) -> None:
    """Take an account back to its client: no list calls about it any more."""
    tx.execute(update(debts).where(debts.c.id == debt).values(status=DebtStatus.RECALLED.value, updated_at=clock.now()))
    close_entries(tx, debt)


def _absent(client: int, import_id: int) -> tuple[ColumnElement[bool], ...]:
    """Open debts of the client whose account no row of the file named, not even a bad one."""
    named = exists().where(import_rows.c.import_id == import_id, import_rows.c.account == debts.c.account)
    return (debts.c.client_id == client, debts.c.status == DebtStatus.OPEN.value, ~named)


def would_recall(tx: Connection, import_id: int) -> tuple[int, int]:
    """How many open debts of its client a complete file would recall, and how many are open."""
    client = running(tx, import_id).client
    absent = tx.execute(select(func.count()).select_from(debts).where(*_absent(client, import_id))).scalar_one()
    opened = tx.execute(
        select(func.count())
        .select_from(debts)
        .where(debts.c.client_id == client, debts.c.status == DebtStatus.OPEN.value)
    ).scalar_one()
    return absent, opened


def _clear(tx: Connection, now: Running, clock: Clock) -> StepReport:
    if discard(tx, now.id):
        return StepReport(now.phase, 0)
    tx.execute(update(imports).where(imports.c.id == now.id).values(ended_at=clock.now()))
    return _next_phase(tx, now, clock)


def discard(tx: Connection, import_id: int) -> int:
    """Remove some of the rows set aside; zero when none is left."""
    some = (
        select(import_rows.c.line).where(import_rows.c.import_id == import_id).limit(_CLEARED_A_STEP).scalar_subquery()
    )
    removed = delete(import_rows).where(import_rows.c.import_id == import_id, import_rows.c.line.in_(some))
    return tx.execute(removed).rowcount


def _next_phase(tx: Connection, now: Running, _clock: Clock) -> StepReport:
    after = _AFTER[now.phase]
    _save(tx, now, after, 0, now.counts)
    return StepReport(after, 0)


def _save(tx: Connection, now: Running, phase: Phase, position: int, counts: Mapping[str, int]) -> None:
    tx.execute(
        update(imports).where(imports.c.id == now.id).values(phase=phase.value, position=position, counts=dict(counts))
    )
