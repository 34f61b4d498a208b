"""What happened beside the ledger: domain events, contacts that were not attempts of ours, rows about recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, and_, insert, select

from accounts.dialect import insert_or_ignore
from accounts.tables import attempt_outcomes, attempts, contacts, events, phones, recordings
from domain.ids import AgentId, AttemptId, CampaignId, DebtId, PersonId, new_attempt_id
from domain.phone import PhoneNumber

EVENTS_A_CALL: Final = 12
"""What a call may write at most; raw telephony events do not belong here."""


@dataclass(frozen=True, slots=True)
class Event:
    """One domain event. `data` holds ids, words and numbers; never a name or a note."""

    kind: str
    at: datetime
    attempt: AttemptId | None = None
    campaign: CampaignId | None = None
    agent: AgentId | None = None
    data: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


def record_events(tx: Connection, happened: Sequence[Event]) -> None:
    """Write events, several in one transaction."""
    if happened:
        tx.execute(
            insert(events),
            [
                {
                    "id": new_attempt_id(event.at),
                    "at": event.at,
                    "kind": event.kind,
                    "campaign_id": event.campaign,
                    "attempt_id": event.attempt,
                    "agent_id": event.agent,
                    "data": dict(event.data),
                }
                for event in happened
            ],
        )


def events_of(tx: Connection, attempt: AttemptId) -> Sequence[Event]:
    """What happened in one call, in order."""
    statement = select(events).where(events.c.attempt_id == attempt).order_by(events.c.at, events.c.id)
    return [
        Event(row.kind, row.at, row.attempt_id, row.campaign_id, row.agent_id, row.data)
        for row in tx.execute(statement)
    ]


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact that was not an attempt of ours, in the words of the compliance case format.

    Attributes:
        recorded: a recorded or artificial voice spoke.
        message_left: a recorded message was played on an abandoned call.
        under_consent: the call relied on a direct consent.
    """

    at: datetime
    result: str
    direction: str = "out"
    channel: str = "call"
    number: PhoneNumber | None = None
    person: PersonId | None = None
    debt: DebtId | None = None
    campaign: CampaignId | None = None
    recorded: bool = False
    message_left: bool = False
    under_consent: bool = False


def record_contact(tx: Connection, contact: Contact) -> None:
    """Write a contact; it counts in the history of its person and of its number."""
    tx.execute(
        insert(contacts),
        {
            "at": contact.at,
            "direction": contact.direction,
            "channel": contact.channel,
            "result": contact.result,
            "number": None if contact.number is None else contact.number.e164,
            "person_id": contact.person,
            "debt_id": contact.debt,
            "campaign_id": contact.campaign,
            "voice": "prerecorded" if contact.recorded else None,
            "message_left": contact.message_left,
            "under_consent": contact.under_consent,
        },
    )


def persons_at(tx: Connection, number: PhoneNumber) -> Sequence[PersonId]:
    """Whom a number belongs to, as far as the store knows."""
    found = tx.execute(select(phones.c.person_id).where(phones.c.e164 == number.e164).order_by(phones.c.person_id))
    return [PersonId(person) for person in found.scalars()]


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """One recording in the catalogue; `state`, `findings` and levels in the words of `recordings`."""

    id: str
    attempt: AttemptId
    state: str
    object_key: str | None
    sha256: str | None
    seconds: float
    size: int
    channels: int
    announced: bool | None
    bridged_s: float | None
    made_at: datetime
    findings: tuple[str, ...] = ()
    level_dbfs: Mapping[str, float | None] = field(default_factory=dict)
    listening_key: str | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """An ended call that was bridged and has no recording in a final state."""

    attempt: AttemptId
    campaign: CampaignId
    bridged_s: float | None
    announced: bool | None


def write_recording(tx: Connection, row: RecordingRow) -> None:
    """Insert a recording's row, or replace the row of its attempt."""
    values = {
        "id": row.id,
        "state": row.state,
        "object_key": row.object_key,
        "listening_key": row.listening_key,
        "sha256": row.sha256,
        "size": row.size,
        "seconds": row.seconds,
        "channels": row.channels,
        "announced": row.announced,
        "bridged_s": row.bridged_s,
        "findings": list(row.findings),
        "level_dbfs": dict(row.level_dbfs),
        "made_at": row.made_at,
    }
    insert_or_ignore(tx, recordings, [{"attempt_id": row.attempt, **values}])
    tx.execute(recordings.update().where(recordings.c.attempt_id == row.attempt).values(values))


def find_recording(tx: Connection, attempt: AttemptId) -> RecordingRow | None:
    """The recording of an attempt, if it has one."""
    row = tx.execute(select(recordings).where(recordings.c.attempt_id == attempt)).one_or_none()
    if row is None:
        return None
    return RecordingRow(
        id=row.id,
        attempt=attempt,
        state=row.state,
        object_key=row.object_key,
        sha256=row.sha256,
        seconds=row.seconds,
        size=row.size,
        channels=row.channels,
        announced=row.announced,
        bridged_s=row.bridged_s,
        made_at=row.made_at,
        findings=tuple(row.findings),
        level_dbfs=row.level_dbfs,
        listening_key=row.listening_key,
    )


def recordings_owed(
    tx: Connection, final: frozenset[str], now: datetime, within: timedelta = timedelta(days=30)
) -> Sequence[Owed]:
    """Bridged calls of the last days whose recording is not in a final state, oldest first."""
    statement = (
        select(attempts.c.id, attempts.c.campaign_id, attempt_outcomes.c.bridged_s, attempt_outcomes.c.announced)
        .join_from(attempt_outcomes, attempts, attempt_outcomes.c.attempt_id == attempts.c.id)
        .outerjoin(recordings, and_(recordings.c.attempt_id == attempts.c.id, recordings.c.state.in_(sorted(final))))
        .where(
            attempt_outcomes.c.joined_at >= now - within,
            attempt_outcomes.c.seq == 1,
            recordings.c.id.is_(None),
        )
        .order_by(attempts.c.id)
    )
    return [
        Owed(AttemptId(row.id), CampaignId(row.campaign_id), row.bridged_s, row.announced)
        for row in tx.execute(statement)
    ]
