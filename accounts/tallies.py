"""Counts over the ledger that pacing starts from, and what an engine needs to adopt an attempt it did not make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from accounts.errors import NotFoundError
from accounts.tables import attempt_outcomes, attempts, campaigns, debts
from domain.ids import AttemptId, CampaignId
from domain.outcomes import Outcome
from domain.phone import PhoneNumber

_LIVE = tuple(outcome.value for outcome in Outcome if outcome.is_live_answer)


@dataclass(frozen=True, slots=True)
class Made:
    """An attempt as the ledger has it."""

    attempt: AttemptId
    campaign: CampaignId
    campaign_name: str
    account: str
    number: PhoneNumber
    caller_id: PhoneNumber
    trunk: str
    reserved_at: datetime


def made(tx: Connection, attempt: AttemptId) -> Made:
    """One attempt.

    Raises:
        NotFoundError: the ledger has no such attempt.
    """
    row = tx.execute(
        select(
            attempts.c.campaign_id,
            campaigns.c.name,
            debts.c.account,
            attempts.c.number,
            attempts.c.caller_id,
            attempts.c.trunk,
            attempts.c.reserved_at,
        )
        .join_from(attempts, campaigns, attempts.c.campaign_id == campaigns.c.id)
        .join(debts, attempts.c.debt_id == debts.c.id)
        .where(attempts.c.id == attempt)
    ).one_or_none()
    if row is None:
        raise NotFoundError("the ledger has no such attempt; nothing was changed")
    return Made(
        attempt,
        CampaignId(row.campaign_id),
        row.name,
        row.account,
        PhoneNumber(row.number),
        PhoneNumber(row.caller_id),
        row.trunk,
        row.reserved_at,
    )


def abandonment_by_day(
    tx: Connection, campaign: CampaignId, since: datetime, zone: str
) -> Mapping[date, tuple[int, int]]:
    """Live answers and abandoned calls of a campaign per local day of `zone`, from `since` on.

    The first outcome of an attempt counts: what an agent says later does not change whether somebody was left waiting.
    """
    rows = tx.execute(
        select(attempts.c.reserved_at, attempt_outcomes.c.outcome, attempt_outcomes.c.treated_at)
        .join_from(attempts, attempt_outcomes, attempt_outcomes.c.attempt_id == attempts.c.id)
        .where(
            attempts.c.campaign_id == campaign,
            attempts.c.reserved_at >= since,
            attempt_outcomes.c.outcome.in_(_LIVE),
            attempt_outcomes.c.seq
            == select(func.min(attempt_outcomes.c.seq))
            .where(attempt_outcomes.c.attempt_id == attempts.c.id)
            .correlate(attempts)
            .scalar_subquery(),
        )
    )
    place = ZoneInfo(zone)
    days: dict[date, tuple[int, int]] = {}
    for row in rows:
        day = row.reserved_at.astimezone(place).date()
        answered, abandoned = days.get(day, (0, 0))
        days[day] = (answered + 1, abandoned + (row.treated_at is not None or row.outcome == Outcome.ABANDONED))
    return days
