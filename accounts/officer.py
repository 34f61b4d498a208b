"""What a compliance officer reads: recorded decisions with the facts they were made on, and accounts seen by the gate.

Nothing here writes. Where a decision is looked at again, the facts are those of its own row, never those of today.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from accounts import facts as fact_reader
from accounts.entries import EntryState
from accounts.errors import NotFoundError
from accounts.model import Ruling
from accounts.tables import campaigns, decisions, list_entries, phones
from compliance.facts import CallFacts
from compliance.wire import facts_from_json
from domain.ids import AttemptId, CampaignId
from domain.mode import Mode
from domain.phone import PhoneNumber
from domain.reasons import Reason, ReasonCode

CLOSED: Final = (EntryState.EXHAUSTED.value, EntryState.REACHED.value, EntryState.CLOSED.value)
"""Accounts that are not called again by themselves; parked ones are shown, for a rule holds them."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision as it was written before its call.

    Attributes:
        facts: what it was decided on; None where the row has been thinned out.
    """

    id: AttemptId
    at: datetime
    allowed: bool
    reasons: tuple[Reason, ...]
    retry_at: datetime | None
    counted: bool
    flags: tuple[str, ...]
    policy: str
    policy_hash: str
    tzdata: str
    facts: CallFacts | None


def decision_of(tx: Connection, attempt: AttemptId) -> Recorded:
    """The decision written before an attempt (or instead of one, where it blocked).

    Raises:
        NotFoundError: there is none of this id.
        WireError: its facts cannot be read.
    """
    row = tx.execute(select(decisions).where(decisions.c.id == attempt)).one_or_none()
    if row is None:
        raise NotFoundError("there is no decision of that id in the store; check the 32 digits, and which store is set")
    return _recorded(row)


def _recorded(row: Row[tuple[Any, ...]]) -> Recorded:
    return Recorded(
        AttemptId(row.id),
        row.at,
        row.outcome == "allow",
        tuple(
            Reason(ReasonCode(found["code"]), found["rule"], found["citation"], found["detail"])
            for found in row.reasons
        ),
        row.retry_at,
        row.counted,
        tuple(row.flags),
        row.policy,
        row.policy_hash,
        row.tzdata,
        None if row.facts is None else facts_from_json(row.facts),
    )


def differences(recorded: Recorded, replayed: Ruling) -> tuple[str, ...]:
    """In what a replay differs from the record, as `field: recorded, now ...`; empty when it is the same in all."""
    return tuple(
        f"{name}: recorded {before}, now {after}"
        for name in ("allowed", "reasons", "retry_at", "counted", "flags", "policy", "policy_hash", "tzdata")
        if (before := _plain(getattr(recorded, name))) != (after := _plain(getattr(replayed, name)))
    )


def _plain(value: object) -> str:
    """A field in the words of the record, so that equal text is equal value."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return "; ".join(_plain(item) for item in value) or "none"
    if isinstance(value, Reason):
        return f"{value.rule} {value.code.value} [{value.citation}] {value.detail}"
    return "none" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class KnownAt:
    """An account whose present phone is a number, as the gate would see it."""

    campaign: str
    facts: CallFacts


def facts_for_number(tx: Connection, number: PhoneNumber, at: datetime) -> Sequence[KnownAt]:
    """The facts for every account that would be called at this number, by campaign and entry."""
    statement = (
        select(list_entries.c.id, campaigns.c.name)
        .join_from(list_entries, phones, list_entries.c.phone_id == phones.c.id)
        .join(campaigns, list_entries.c.campaign_id == campaigns.c.id)
        .where(phones.c.e164 == number.e164)
        .order_by(campaigns.c.id, list_entries.c.id)
    )
    found = [(row.name, _facts(tx, row.id, at)) for row in tx.execute(statement).all()]
    return [KnownAt(name, facts) for name, facts in found if facts is not None]


def _facts(tx: Connection, entry: int, at: datetime) -> CallFacts | None:
    about = fact_reader.context(tx, entry)
    if about is None:
        return None
    mode = about.settings.mode
    guaranteed = mode in {Mode.PREVIEW, Mode.MANUAL, Mode.PROGRESSIVE} or about.row.reserved_agent_only
    return fact_reader.gather(tx, fact_reader.Question(about, at, mode, guaranteed)).facts


def open_entries(tx: Connection, campaign: CampaignId) -> int:
    """How many accounts of a campaign's list may still be called."""
    return tx.execute(
        select(func.count()).where(list_entries.c.campaign_id == campaign, list_entries.c.state.not_in(CLOSED))
    ).scalar_one()


def facts_of_list(
    tx: Connection, campaign: CampaignId, at: datetime, after: int, limit: int
) -> tuple[Sequence[CallFacts], int | None]:
    """Facts of the next open accounts of a list.

    Args:
        after: the entry the last batch ended with; 0 at first.

    Returns:
        The facts, and the entry they end with; None when the list is at its end.
    """
    entries = (
        tx.execute(
            select(list_entries.c.id)
            .where(
                list_entries.c.campaign_id == campaign, list_entries.c.state.not_in(CLOSED), list_entries.c.id > after
            )
            .order_by(list_entries.c.id)
            .limit(limit)
        )
        .scalars()
        .all()
    )
    found = [facts for entry in entries if (facts := _facts(tx, entry, at)) is not None]
    return found, entries[-1] if entries else None


def facts_decided(
    tx: Connection, start: datetime, end: datetime, after: AttemptId | None, limit: int
) -> tuple[Sequence[CallFacts], AttemptId | None]:
    """Facts of the next decisions made in a span of time, each under the id of its decision.

    Args:
        after: the decision the last batch ended with; None at first.

    Returns:
        The facts, and the decision they end with; None when the span is at its end. Rows without facts are left out.
    """
    rows = tx.execute(
        select(decisions.c.id, decisions.c.facts)
        .where(
            decisions.c.id > (after or _first_id(start - _ID_EARLIER)),
            decisions.c.id < _first_id(end),  # an id is made before its decision
            decisions.c.at >= start,
            decisions.c.at < end,
        )
        .order_by(decisions.c.id)
        .limit(limit)
    ).all()
    found = [replace(facts_from_json(row.facts), id=row.id) for row in rows if row.facts is not None]
    return found, AttemptId(rows[-1].id) if rows else None


_ID_EARLIER: Final = timedelta(hours=1)
"""An id is at most that much older than its decision; ids sort by time and so spare reading the whole table."""


def _first_id(instant: datetime) -> AttemptId:
    return AttemptId(f"{int(instant.timestamp() * 1000):012x}" + "0" * 20)
