"""Why a campaign dials or does not: counts per state and reason that add up to the size of its lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, select

from accounts.campaigns import get
from accounts.entries import EntryState
from accounts.model import CampaignStatus
from accounts.tables import list_entries
from domain.ids import CampaignId


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """So many accounts in one state for one reason.

    Attributes:
        reason: a reason code of the gate, an outcome, or a word of the store; None where the state says it all.
        next_at: for waiting accounts, when the first of them is due.
    """

    state: EntryState
    reason: str | None
    count: int
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Funnel:
    """A campaign's accounts at one instant.

    Attributes:
        rows: largest first within their state, states in the order of `EntryState`.
        total: size of the campaign's lists; always the sum of `rows`.
        ready: may be claimed now (those whose waiting is over included).
        next_at: the first instant at which more become ready, with `next_count` of them in that minute.
    """

    status: CampaignStatus
    rows: tuple[FunnelRow, ...]
    total: int
    ready: int
    next_at: datetime | None
    next_count: int

    @property
    def headline(self) -> str:
        """What comes next, in one line."""
        if self.status is not CampaignStatus.RUNNING:
            return f"not dialing: the campaign is {self.status}"
        if self.ready:
            return f"{self.ready} ready now"
        if self.next_at is not None:
            return f"exhausted for now: {self.next_count} due from {self.next_at:%Y-%m-%d %H:%M} UTC"
        return "exhausted: nothing is left that could become due by itself"


def funnel(tx: Connection, campaign: CampaignId, now: datetime) -> Funnel:
    """Count a campaign's accounts by state and reason, on one snapshot.

    Raises:
        NotFoundError: no such campaign.
    """
    status = get(tx, campaign).status
    due = (list_entries.c.state == EntryState.WAITING.value) & (list_entries.c.due_at <= now)
    lapsed = (list_entries.c.state == EntryState.CLAIMED.value) & (list_entries.c.due_at <= now)
    state = case((due | lapsed, EntryState.READY.value), else_=list_entries.c.state)
    reason = case((due | lapsed, None), else_=list_entries.c.reason)
    found = tx.execute(
        select(state, reason, func.count(), func.min(list_entries.c.due_at))
        .where(list_entries.c.campaign_id == campaign)
        .group_by(state, reason)
    ).all()
    order = list(EntryState)
    rows = sorted(
        (
            FunnelRow(EntryState(kind), why, count, first if kind == EntryState.WAITING else None)
            for kind, why, count, first in found
        ),
        key=lambda row: (order.index(row.state), -row.count, row.reason or ""),
    )
    waiting = [row.next_at for row in rows if row.next_at is not None]
    next_at = min(waiting, default=None)
    return Funnel(
        status=status,
        rows=tuple(rows),
        total=sum(row.count for row in rows),
        ready=sum(row.count for row in rows if row.state is EntryState.READY),
        next_at=next_at,
        next_count=0 if next_at is None else _due_within_a_minute(tx, campaign, next_at),
    )


def _due_within_a_minute(tx: Connection, campaign: CampaignId, first: datetime) -> int:
    end = first.replace(second=59, microsecond=999_999)
    statement = select(func.count()).where(
        list_entries.c.campaign_id == campaign,
        list_entries.c.state == EntryState.WAITING.value,
        list_entries.c.due_at.between(first, end),
    )
    return tx.execute(statement).scalar_one()


def blocked_by_reason(rows: Sequence[FunnelRow]) -> dict[str, int]:
    """Counts of accounts that wait or are parked, by reason."""
    counts: dict[str, int] = {}
    for row in rows:
        if row.state in {EntryState.WAITING, EntryState.PARKED} and row.reason is not None:
            counts[row.reason] = counts.get(row.reason, 0) + row.count
    return counts
