"""Claiming: the best accounts that are due now, held for one engine for a while. No permission to call.

A ready account waits in an index by priority; a waiting or claimed one in an index by the instant at which it is due
(for a claim: at which its lease ends). Each claim first makes a bounded number of due accounts ready, then takes the
best: both costs depend on how many rows move, never on how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, select, text, update
from sqlalchemy.sql.dml import ReturningUpdate

from accounts.entries import EntryEvent, sources, target
from accounts.model import Claim
from accounts.tables import attempt_outcomes, attempts, campaigns, debts, list_entries, numbers, persons, phones
from domain.ids import CampaignId, DebtId, PersonId, PhoneId
from domain.phone import PhoneNumber

LEASE: Final = timedelta(seconds=60)
_PROMOTED_AT_ONCE: Final = 500

_entries = list_entries.c
# The states stand in the text, not in parameters, so that both databases see that the partial indexes apply.
_due: Final = (
    select(_entries.id)
    .where(_entries.campaign_id == bindparam("campaign"), text("state IN ('waiting', 'claimed')"))
    .where(_entries.due_at <= bindparam("now"))
    .order_by(_entries.due_at, _entries.priority.desc())
    .limit(_PROMOTED_AT_ONCE)
    .with_for_update(skip_locked=True)
)
PROMOTE: Final = (
    update(list_entries)
    .where(_entries.id.in_(_due))
    .values(state=target(EntryEvent.DUE).value, reason=None, claimed_by=None)
)


def _claim_of(*which: ColumnElement[bool]) -> ReturningUpdate[Any]:
    """Claim the first `n` ready accounts among these."""
    first = (
        select(_entries.id)
        .where(_entries.campaign_id == bindparam("campaign"), text("state = 'ready'"), *which)
        .order_by(_entries.priority.desc(), _entries.id)
        .limit(bindparam("n"))
        .with_for_update(skip_locked=True)
    )
    return (
        update(list_entries)
        .where(_entries.id.in_(first))
        .values(state=target(EntryEvent.CLAIM).value, due_at=bindparam("until"), claimed_by=bindparam("engine"))
        .returning(
            _entries.id,
            _entries.person_id,
            _entries.debt_id,
            _entries.phone_id,
            _entries.priority,
            _entries.attempts,
            _entries.reserved_agent_only,
            select(phones.c.e164).where(phones.c.id == _entries.phone_id).scalar_subquery().label("e164"),
        )
    )


CLAIM: Final = _claim_of()
ONWARD: Final = _claim_of(_entries.priority == bindparam("top"), _entries.id > bindparam("after"))
_BELOW: Final = _claim_of(_entries.priority < bindparam("top"))
TOP: Final = (
    select(_entries.priority)
    .where(_entries.campaign_id == bindparam("campaign"), text("state = 'ready'"))
    .order_by(_entries.priority.desc(), _entries.id)
    .limit(1)
)
_latest: Final = (
    select(attempts.c.id)
    .where(attempts.c.entry_id == _entries.id)
    .order_by(attempts.c.id.desc())
    .limit(1)
    .correlate(list_entries)
    .scalar_subquery()
)
FORECAST: Final = (
    select(
        _entries.id,
        persons.c.zone,
        numbers.c.line_type,
        phones.c.use,
        debts.c.account,
        debts.c.balance_cents,
        debts.c.currency,
        select(attempts.c.reserved_at).where(attempts.c.id == _latest).scalar_subquery().label("last_at"),
        select(attempt_outcomes.c.outcome)
        .where(attempt_outcomes.c.attempt_id == _latest)
        .order_by(attempt_outcomes.c.seq.desc())
        .limit(1)
        .scalar_subquery()
        .label("last_outcome"),
    )
    .join_from(list_entries, persons, _entries.person_id == persons.c.id)
    .join(debts, _entries.debt_id == debts.c.id)
    .join(phones, _entries.phone_id == phones.c.id)
    .join(numbers, phones.c.e164 == numbers.c.e164)
    .where(_entries.id.in_(bindparam("entries", expanding=True)))
)
"""What an answer and its worth are forecast from, for accounts just claimed, and what their client calls them."""
_RELEASE: Final = (
    update(list_entries)
    .where(
        _entries.id.in_(bindparam("entries", expanding=True)),
        _entries.claimed_by == bindparam("engine"),
        _entries.state.in_(sources(EntryEvent.RELEASE)),
    )
    .values(state=target(EntryEvent.RELEASE).value, claimed_by=None)
)
_NEXT_DUE: Final = select(func.min(_entries.due_at)).where(
    _entries.campaign_id == bindparam("campaign"), text("state IN ('waiting', 'claimed')")
)


def claim(
    tx: Connection, campaign: CampaignId, n: int, now: datetime, engine: str, lease: timedelta = LEASE
) -> Sequence[Claim]:
    """Hold up to `n` accounts of a campaign, best first, until `now + lease`.

    Claims that are neither reserved nor released in time become claimable again by themselves, so a crash frees them.
    """
    tx.execute(PROMOTE, {"campaign": campaign, "now": now})
    until = now + lease
    rows = tx.execute(CLAIM, {"campaign": campaign, "n": n, "until": until, "engine": engine}).all()
    return _claims(tx, campaign, rows, engine, until)


def claim_onward(
    tx: Connection,
    campaign: CampaignId,
    n: int,
    now: datetime,
    engine: str,
    lease: timedelta = LEASE,
    places: Mapping[int, int] | None = None,
) -> Sequence[Claim]:
    """As `claim`, but going on in the list behind the accounts that were passed over, instead of at its beginning.

    Accounts of the highest priority there is, from behind its place on; from the beginning, when there are none behind
    it. Where all of that priority are held, lower ones fill up.

    Args:
        places: by priority, the entry behind which to go on; from the beginning where there is none.
    """
    tx.execute(PROMOTE, {"campaign": campaign, "now": now})
    top = tx.execute(TOP, {"campaign": campaign}).scalar_one_or_none()
    if top is None:
        return []
    until = now + lease
    about = {"campaign": campaign, "top": top, "until": until, "engine": engine}
    place = (places or {}).get(top, 0)
    rows = tx.execute(ONWARD, {**about, "n": n, "after": place}).all()
    if not rows and place:
        place = 0
        rows = tx.execute(ONWARD, {**about, "n": n, "after": place}).all()
    if len(rows) < n and not place:
        rows = [*rows, *tx.execute(_BELOW, {**about, "n": n - len(rows)})]
    return _claims(tx, campaign, rows, engine, until)


def _claims(
    tx: Connection, campaign: CampaignId, rows: Sequence[Row[Any]], engine: str, until: datetime
) -> Sequence[Claim]:
    """The claims of rows just taken, best first."""
    known = {row.id: row for row in tx.execute(FORECAST, {"entries": [row.id for row in rows]})} if rows else {}
    return [
        Claim(
            entry=row.id,
            campaign=campaign,
            person=PersonId(row.person_id),
            debt=DebtId(row.debt_id),
            phone=PhoneId(row.phone_id),
            number=PhoneNumber(row.e164),
            priority=row.priority,
            attempts=row.attempts,
            reserved_agent_only=row.reserved_agent_only,
            engine=engine,
            until=until,
            last_at=known[row.id].last_at,
            last_outcome=known[row.id].last_outcome,
            line_type=known[row.id].line_type,
            zone=known[row.id].zone,
            account=known[row.id].account,
            use=known[row.id].use,
            balance_cents=known[row.id].balance_cents,
            currency=known[row.id].currency,
        )
        for row in sorted(rows, key=lambda row: (-row.priority, row.id))
    ]


def release(tx: Connection, claims: Sequence[Claim]) -> None:
    """Give claims of one engine back, for another call to take. A claim that has moved on since is left alone."""
    if claims:
        tx.execute(_RELEASE, {"entries": [held.entry for held in claims], "engine": claims[0].engine})


def next_due(tx: Connection, campaign: CampaignId) -> datetime | None:
    """The earliest instant at which a waiting account becomes due; None when none waits."""
    return tx.execute(_NEXT_DUE, {"campaign": campaign}).scalar_one_or_none()


def take_lease(tx: Connection, campaign: CampaignId, engine: str, now: datetime, until: datetime) -> int | None:
    """Lease a campaign to an engine; returns the fencing number to put into every reservation.

    Taking or renewing one's own lease keeps the number; taking over an expired one raises it, so that whatever the
    former holder still sends is refused. None: another engine holds it.
    """
    row = tx.execute(
        select(campaigns.c.fence, campaigns.c.leased_by, campaigns.c.leased_until)
        .where(campaigns.c.id == campaign)
        .with_for_update()
    ).one()
    if row.leased_by not in {None, engine} and row.leased_until > now:
        return None
    fence: int = row.fence + (row.leased_by != engine)
    tx.execute(
        update(campaigns).where(campaigns.c.id == campaign).values(fence=fence, leased_by=engine, leased_until=until)
    )
    return fence
