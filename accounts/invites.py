"""Further INVITEs of one attempt: allowed again, and durable, before each is sent.

An attempt whose trunk refused it before any ringing may go out once more over another trunk. It stays one attempt and
counts once; but time has passed since the gate allowed it, so the gate decides again on the facts of this moment (the
attempt itself apart), in the transaction that writes down the INVITE. What each INVITE met is a domain event:
`invite_refused` for the one before, then `invite` for the next, or `failover_blocked` where the gate said no.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from accounts import facts as fact_reader
from accounts.dialect import lock_persons_then_numbers
from accounts.fact_rows import AnyRow, Context
from accounts.journal import Event, record_events
from accounts.model import CampaignStatus, Ruling
from accounts.tables import attempt_outcomes, attempts
from compliance.facts import CallFacts
from domain.ids import AttemptId, CampaignId
from domain.mode import Mode

INVITE: Final = "invite"
INVITE_REFUSED: Final = "invite_refused"
FAILOVER_BLOCKED: Final = "failover_blocked"


@dataclass(frozen=True, slots=True)
class FurtherInvite:
    """An INVITE that is about to be sent because the one before was refused.

    Attributes:
        channel: id of the channel it will have.
        trunk: what it goes out by.
        refused_channel, refused_trunk: the INVITE before.
        sip_status, cause: what that one met.
    """

    attempt: AttemptId
    channel: str
    trunk: str
    refused_channel: str
    refused_trunk: str
    sip_status: int | None
    cause: int | None


def allow_further(tx: Connection, invite: FurtherInvite, now: datetime, decide: Callable[[CallFacts], Ruling]) -> bool:
    """Write down a further INVITE, if it may be sent. False: it must not be; only the refusal is written down."""
    row = tx.execute(select(attempts).where(attempts.c.id == invite.attempt)).one_or_none()
    if row is None:
        return False
    lock_persons_then_numbers(tx, {row.person_id}, {row.number})
    ended = select(attempt_outcomes.c.seq).where(attempt_outcomes.c.attempt_id == invite.attempt)
    if tx.execute(ended).first() is not None:
        return False
    about = fact_reader.context(tx, row.entry_id)
    stands = (
        about is not None
        and about.row.campaign_status == CampaignStatus.RUNNING
        and about.row.fence <= row.fence
        and about.row.e164 == row.number
    )
    ruling = _rule_again(tx, about, row, now, decide) if about is not None and stands else None
    record_events(tx, _happened(invite, CampaignId(row.campaign_id), now, ruling))
    return ruling is not None and ruling.allowed


def _rule_again(
    tx: Connection,
    about: Context,
    row: AnyRow,
    now: datetime,
    decide: Callable[[CallFacts], Ruling],
) -> Ruling:
    mode, guaranteed = Mode(row.mode), row.agent_id is not None
    question = fact_reader.Question(about, now, mode, guaranteed, without=AttemptId(row.id))
    return decide(fact_reader.gather(tx, question).facts)


def _happened(invite: FurtherInvite, campaign: CampaignId, now: datetime, ruling: Ruling | None) -> list[Event]:
    def event(kind: str, at: datetime, **data: str | int | None) -> Event:
        return Event(kind, at, invite.attempt, campaign, data=data)

    refused = event(
        INVITE_REFUSED,
        now - timedelta(microseconds=1),  # it came first, and events are read in the order of their instants
        channel=invite.refused_channel,
        trunk=invite.refused_trunk,
        sip_status=invite.sip_status,
        cause=invite.cause,
    )
    if ruling is None:
        return [refused]
    if ruling.allowed:
        return [refused, event(INVITE, now, channel=invite.channel, trunk=invite.trunk)]
    reasons = ",".join(sorted({reason.code.value for reason in ruling.reasons}))
    return [refused, event(FAILOVER_BLOCKED, now, trunk=invite.trunk, reasons=reasons)]
