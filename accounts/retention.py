"""What has been kept long enough: counted, table by table, with what stays all the same and why. Removes nothing.

A period of 0 days keeps for ever. Whatever the periods say, a row stays as long as a rule may still count it (the
longest look-back of the facts; for ever where a call asked for somebody's whereabouts, which the law allows once), and
whatever belongs to a debt that is disputed, or to whose person somebody may go to court, stays until that is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, exists, func, or_, select

from accounts.campaigns import everyone
from accounts.facts import HISTORY
from accounts.model import DebtStatus
from accounts.tables import (
    attempts,
    contacts,
    debts,
    decisions,
    events,
    list_entries,
    persons,
    phones,
    recordings,
    suppressions,
)
from compliance.facts import Purpose, SuppressionKind
from domain.ids import CampaignId

_OPEN_QUARRELS: Final = frozenset({SuppressionKind.DISPUTE, SuppressionKind.IDENTITY_THEFT, SuppressionKind.LITIGATOR})


@dataclass(frozen=True, slots=True)
class Periods:
    """For how many days each kind is kept; 0 is for ever.

    Attributes:
        recordings: audio and its catalogue row.
        attempts: attempts with their decision, outcomes and dispositions.
        blocked: decisions that blocked a call.
        contacts: calls that came in, letters, another dialer's history.
        events: the domain's events.
        persons: name, numbers and addresses of persons all of whose debts are closed.
    """

    recordings: int = 0
    attempts: int = 0
    blocked: int = 0
    contacts: int = 0
    events: int = 0
    persons: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """One kind of row.

    Attributes:
        before: what is older has been kept long enough; None: kept for ever.
        goes: rows that would be removed.
        counted: rows that old which a rule may still count.
        quarrelled: rows that old which belong to an open quarrel.
    """

    kind: str
    before: datetime | None
    goes: int = 0
    counted: int = 0
    quarrelled: int = 0


@dataclass(frozen=True, slots=True)
class _Kind:
    rows: FromClause
    at: ColumnElement[datetime]
    quarrel: ColumnElement[bool]
    counts: ColumnElement[bool] | None = None
    only: ColumnElement[bool] | None = None


def plan(tx: Connection, periods: Periods, now: datetime) -> Sequence[Share]:
    """What would be removed now, and what stays though it is old enough."""
    kinds = _kinds(now, _asked_for_whereabouts(tx))
    return [_share(tx, name, kind, getattr(periods, name), now) for name, kind in kinds.items()]


def _share(tx: Connection, name: str, kind: _Kind, days: int, now: datetime) -> Share:
    if days == 0:
        return Share(name, None)
    before = now - timedelta(days=days)
    old = [kind.at < before, *([] if kind.only is None else [kind.only])]
    counts = or_(kind.at >= now - HISTORY, kind.counts) if kind.counts is not None else None
    total = _count(tx, kind, *old)
    counted = 0 if counts is None else _count(tx, kind, *old, counts)
    stays = kind.quarrel if counts is None else or_(kind.quarrel, counts)
    return Share(name, before, total - _count(tx, kind, *old, stays), counted, _count(tx, kind, *old, kind.quarrel))


def _count(tx: Connection, kind: _Kind, *conditions: ColumnElement[bool]) -> int:
    counting: Select[Any] = select(func.count()).select_from(kind.rows).where(and_(*conditions))
    return int(tx.execute(counting).scalar_one())


def _kinds(now: datetime, whereabouts: Sequence[CampaignId]) -> Mapping[str, _Kind]:
    of_attempt = attempts.alias("of_attempt")
    attempt_of_recording = exists(
        select(of_attempt.c.id).where(
            of_attempt.c.id == recordings.c.attempt_id, _quarrel(now, of_attempt.c.person_id, of_attempt.c.debt_id)
        )
    )
    attempt_of_event = exists(
        select(of_attempt.c.id).where(
            of_attempt.c.id == events.c.attempt_id, _quarrel(now, of_attempt.c.person_id, of_attempt.c.debt_id)
        )
    )
    entry_of_decision = exists(
        select(list_entries.c.id).where(
            list_entries.c.id == decisions.c.entry_id, _quarrel(now, list_entries.c.person_id, list_entries.c.debt_id)
        )
    )
    closed = ~exists(
        select(debts.c.id).where(debts.c.person_id == persons.c.id, debts.c.status == DebtStatus.OPEN.value)
    )
    last_change = select(func.max(debts.c.updated_at)).where(debts.c.person_id == persons.c.id).scalar_subquery()
    called_lately = exists(
        select(attempts.c.id).where(attempts.c.person_id == persons.c.id, attempts.c.reserved_at >= now - HISTORY)
    )
    return {
        "recordings": _Kind(recordings, recordings.c.made_at, attempt_of_recording),
        "attempts": _Kind(
            attempts,
            attempts.c.reserved_at,
            _quarrel(now, attempts.c.person_id, attempts.c.debt_id),
            attempts.c.campaign_id.in_(whereabouts),
        ),
        "blocked": _Kind(decisions, decisions.c.at, entry_of_decision, only=decisions.c.outcome == "block"),
        "contacts": _Kind(
            contacts,
            contacts.c.at,
            _quarrel(now, contacts.c.person_id, contacts.c.debt_id),
            contacts.c.campaign_id.in_(whereabouts),
        ),
        "events": _Kind(events, events.c.at, attempt_of_event),
        "persons": _Kind(
            persons,
            func.coalesce(last_change, persons.c.created_at),
            _quarrel(now, persons.c.id),
            called_lately,
            only=closed,
        ),
    }


def _quarrel(now: datetime, person: ColumnElement[int], debt: ColumnElement[int] | None = None) -> ColumnElement[bool]:
    """Whether an open quarrel touches the person, the debt (any of the person's, where none is named) or a number."""
    numbers = select(phones.c.e164).where(phones.c.person_id == person)
    owed = select(debts.c.id).where(debts.c.person_id == person)
    return exists(
        select(suppressions.c.id).where(
            suppressions.c.kind.in_([kind.value for kind in _OPEN_QUARRELS]),
            or_(suppressions.c.until.is_(None), suppressions.c.until > now),
            or_(
                suppressions.c.person_id == person,
                suppressions.c.debt_id.in_(owed) if debt is None else suppressions.c.debt_id == debt,
                suppressions.c.number.in_(numbers),
            ),
        )
    )


def _asked_for_whereabouts(tx: Connection) -> Sequence[CampaignId]:
    found = everyone(tx)
    return [campaign.id for campaign in found if campaign.settings.purpose == Purpose.LOCATION_INFO]
