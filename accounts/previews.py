"""Accounts that were shown to an agent and not dialed: put back, with a row that says who, when and why.

A look is no attempt: it counts for no cap, and no decision is written for it beyond the gate's own of blocks. The rows
are events, which nothing changes or removes; their `attempt` is the id the call would have had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select, update

from accounts.claim import release
from accounts.entries import EntryEvent, sources, target
from accounts.journal import Event, record_events
from accounts.model import Claim
from accounts.tables import debts, events, list_entries
from domain.ids import AgentId, AttemptId, CampaignId

SKIPPED: Final = "preview_skipped"
MISSED: Final = "preview_missed"
SKIP_AGAIN: Final = timedelta(hours=1)
"""How long a skipped account is shown to nobody."""
REASON: Final = "skipped"
"""The reason of an entry that waits because an agent skipped it."""


@dataclass(frozen=True, slots=True)
class Look:
    """An agent's look at a claimed account; `attempt` is the id its call would have had."""

    held: Claim
    attempt: AttemptId
    agent: AgentId


def skip(tx: Connection, look: Look, reason: str | None, now: datetime) -> datetime:
    """The agent does not want the account now: it is due again in `SKIP_AGAIN`; returns that instant.

    A claim that has moved on since stays where it is; the row is written in any case.
    """
    again = now + SKIP_AGAIN
    tx.execute(
        update(list_entries)
        .where(
            list_entries.c.id == look.held.entry,
            list_entries.c.claimed_by == look.held.engine,
            list_entries.c.state.in_(sources(EntryEvent.SKIP)),
        )
        .values(state=target(EntryEvent.SKIP).value, due_at=again, reason=REASON, claimed_by=None)
    )
    _write(tx, SKIPPED, look, reason, now)
    return again


def miss(tx: Connection, look: Look, now: datetime) -> None:
    """The agent said nothing in time: the account goes back, for whoever is there."""
    release(tx, [look.held])
    _write(tx, MISSED, look, None, now)


def _write(tx: Connection, kind: str, look: Look, reason: str | None, now: datetime) -> None:
    data = {"entry": look.held.entry, "reason": reason}
    record_events(tx, [Event(kind, now, look.attempt, look.held.campaign, look.agent, data)])


@dataclass(frozen=True, slots=True)
class NotDialed:
    """One account that an agent was shown and did not have dialed.

    Attributes:
        kind: `preview_skipped` or `preview_missed`.
        account: the client's reference of the debt.
        reason: the skip reason, if one was given.
    """

    at: datetime
    kind: str
    agent: AgentId
    account: str
    reason: str | None


def not_dialed(tx: Connection, campaign: CampaignId, since: datetime) -> Sequence[NotDialed]:
    """What a campaign's agents were shown from `since` on and did not have dialed, in order."""
    rows = tx.execute(
        select(events)
        .where(events.c.campaign_id == campaign, events.c.kind.in_((SKIPPED, MISSED)), events.c.at >= since)
        .order_by(events.c.at, events.c.id)
    ).all()
    accounts = _accounts(tx, sorted({row.data["entry"] for row in rows}))
    return [
        NotDialed(row.at, row.kind, AgentId(row.agent_id), accounts.get(row.data["entry"], ""), row.data["reason"])
        for row in rows
    ]


def _accounts(tx: Connection, entries: Sequence[int]) -> dict[int, str]:
    found = tx.execute(
        select(list_entries.c.id, debts.c.account)
        .join_from(list_entries, debts, list_entries.c.debt_id == debts.c.id)
        .where(list_entries.c.id.in_(entries))
    )
    return {row.id: row.account for row in found}
