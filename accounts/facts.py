"""The facts the gate decides on, read from the store in the field names of the compliance case format.

Read twice for every call: in bulk when an account is claimed, and again inside the reserving transaction. An attempt
without an outcome is given as `unknown`, which counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, or_, select
from sqlalchemy.engine import Row

from accounts.campaigns import read_settings
from accounts.model import CampaignSettings, Mode
from accounts.tables import (
    addresses,
    attempt_outcomes,
    attempts,
    campaigns,
    clients,
    consents,
    contacts,
    debts,
    list_entries,
    numbers,
    persons,
    phones,
    preferences,
    stated_locations,
    suppressions,
)
from domain.outcomes import Outcome

HISTORY: Final = timedelta(days=62)
"""How far back history is read: the longest counting period in the rule packs, in full."""

Facts = Mapping[str, object]

_CONTEXT: Final = (
    select(
        list_entries.c.id.label("entry"),
        list_entries.c.state,
        list_entries.c.due_at,
        list_entries.c.claimed_by,
        list_entries.c.attempts,
        list_entries.c.reserved_agent_only,
        list_entries.c.blocked_phones,
        list_entries.c.last_block,
        list_entries.c.person_id,
        list_entries.c.debt_id,
        list_entries.c.phone_id,
        campaigns.c.id.label("campaign_id"),
        campaigns.c.status.label("campaign_status"),
        campaigns.c.settings,
        campaigns.c.fence,
        debts.c.account,
        debts.c.kind.label("debt_kind"),
        debts.c.status.label("debt_status"),
        clients.c.name.label("creditor"),
        persons.c.zone,
        phones.c.use,
        numbers.c.e164,
        numbers.c.line_type,
        numbers.c.exchange_zip,
        numbers.c.ported_at,
        numbers.c.rnd,
        numbers.c.rnd_checked_at,
    )
    .join_from(list_entries, campaigns, list_entries.c.campaign_id == campaigns.c.id)
    .join(debts, list_entries.c.debt_id == debts.c.id)
    .join(clients, debts.c.client_id == clients.c.id)
    .join(persons, list_entries.c.person_id == persons.c.id)
    .join(phones, list_entries.c.phone_id == phones.c.id)
    .join(numbers, phones.c.e164 == numbers.c.e164)
    .where(list_entries.c.id == bindparam("entry"))
)
_ATTEMPTS: Final = (
    select(
        attempts.c.id,
        attempts.c.reserved_at,
        attempts.c.number,
        attempts.c.person_id,
        attempts.c.debt_id,
        attempts.c.campaign_id,
        attempts.c.mode,
        attempts.c.subject,
        phones.c.use,
        clients.c.name.label("creditor"),
        attempt_outcomes.c.seq,
        attempt_outcomes.c.outcome,
        attempt_outcomes.c.message_left,
    )
    .join_from(attempts, phones, attempts.c.phone_id == phones.c.id)
    .join(debts, attempts.c.debt_id == debts.c.id)
    .join(clients, debts.c.client_id == clients.c.id)
    .outerjoin(attempt_outcomes, attempt_outcomes.c.attempt_id == attempts.c.id)
    .where(
        or_(
            and_(attempts.c.person_id == bindparam("person"), attempts.c.reserved_at >= bindparam("since")),
            and_(attempts.c.number == bindparam("number"), attempts.c.reserved_at >= bindparam("since")),
        )
    )
    .order_by(attempts.c.id, attempt_outcomes.c.seq)
)
_CONTACTS: Final = select(contacts).where(
    or_(
        and_(contacts.c.person_id == bindparam("person"), contacts.c.at >= bindparam("since")),
        and_(contacts.c.number == bindparam("number"), contacts.c.at >= bindparam("since")),
    )
)
_SUPPRESSIONS: Final = select(suppressions).where(
    or_(suppressions.c.number == bindparam("number"), suppressions.c.person_id == bindparam("person"))
)
_ADDRESSES: Final = select(addresses).where(addresses.c.person_id == bindparam("person"))
_STATED: Final = select(stated_locations).where(stated_locations.c.person_id == bindparam("person"))
_CONSENTS: Final = select(consents).where(consents.c.person_id == bindparam("person"))
_PREFERENCES: Final = select(preferences).where(preferences.c.person_id == bindparam("person"))


@dataclass(frozen=True, slots=True)
class Context:
    """The rows around one account in one campaign."""

    row: Row[*tuple[Any, ...]]
    settings: CampaignSettings


@dataclass(frozen=True, slots=True)
class Gathered:
    """Facts for the gate, and what the ledger itself looks at.

    Attributes:
        open_since: when the latest attempt on this person or number that has not ended was reserved.
    """

    facts: Facts
    open_since: datetime | None


def context(tx: Connection, entry: int) -> Context | None:
    """The rows around a list entry; None where it does not exist."""
    row = tx.execute(_CONTEXT, {"entry": entry}).one_or_none()
    return None if row is None else Context(row, read_settings(row.settings))


def gather(tx: Connection, about: Context, now: datetime, mode: Mode, *, agent_guaranteed: bool) -> Gathered:
    """Read everything that counts for a call to this account's present phone."""
    row, settings = about.row, about.settings
    keys = {"person": row.person_id, "number": row.e164, "since": now - HISTORY}
    history, open_since = _history(tx, keys)
    facts: dict[str, object] = {
        "id": str(row.entry),
        "now": now,
        "purpose": settings.purpose,
        "mode": mode.value,
        "agent_guaranteed": agent_guaranteed,
        "campaign_country": settings.country,
        "campaign": str(row.campaign_id),
        "creditor": row.creditor,
        "person": str(row.person_id),
        "debt": str(row.debt_id),
        "account": str(row.debt_id),
        "debt_kind": row.debt_kind,
        "number": _present(
            e164=row.e164,
            line_type=row.line_type,
            use=row.use,
            exchange_zip=row.exchange_zip,
            ported_at=row.ported_at,
        ),
        "addresses": _rows(tx, _ADDRESSES, keys, ("zip", "state", "city", "country", "tz")),
        "stated_locations": _rows(tx, _STATED, keys, ("zip", "state", "tz", "until")),
        "history": history,
        "consents": [
            _present(
                kind=consent.kind,
                given_to=consent.given_to,
                given_at=consent.given_at,
                until=consent.until,
                revoked_at=consent.revoked_at,
                number=consent.number,
                debt=_text(consent.debt_id),
            )
            for consent in tx.execute(_CONSENTS, keys)
        ],
        "suppressions": [
            _present(
                kind=suppression.kind,
                number=suppression.number,
                person=_text(suppression.person_id),
                debt=_text(suppression.debt_id),
                since=suppression.since,
                until=suppression.until,
                scope=suppression.scope,
            )
            for suppression in tx.execute(_SUPPRESSIONS, keys)
        ],
        "preferences": [
            _present(
                kind=wish.kind,
                days=wish.days,
                medium=wish.medium,
                **{"from": wish.from_time, "to": wish.to_time},
            )
            for wish in tx.execute(_PREFERENCES, keys)
        ],
        "policy": dict(settings.policy),
    }
    if row.rnd is not None:
        facts["registries"] = _present(rnd=row.rnd, rnd_checked_at=row.rnd_checked_at)
    if settings.subject is not None:
        facts["subject"] = settings.subject
    return Gathered(facts, open_since)


def _history(tx: Connection, keys: Mapping[str, object]) -> tuple[list[dict[str, object]], datetime | None]:
    latest: dict[str, dict[str, object]] = {}
    open_since: datetime | None = None
    for row in tx.execute(_ATTEMPTS, keys):
        if row.seq is None and (open_since is None or row.reserved_at > open_since):
            open_since = row.reserved_at
        latest[row.id] = _present(
            at=row.reserved_at,
            number=row.number,
            person=str(row.person_id),
            debts=[str(row.debt_id)],
            result=row.outcome or Outcome.UNKNOWN.value,
            mode=row.mode,
            message_left=row.message_left or None,
            number_use=row.use,
            subject=row.subject,
            creditor=row.creditor,
            campaign=str(row.campaign_id),
        )
    others = [
        _present(
            at=row.at,
            direction=row.direction,
            channel=row.channel,
            number=row.number,
            person=_text(row.person_id),
            debts=None if row.debt_id is None else [str(row.debt_id)],
            result=row.result,
            campaign=_text(row.campaign_id),
        )
        for row in tx.execute(_CONTACTS, keys)
    ]
    return [*latest.values(), *others], open_since


def _rows(
    tx: Connection, statement: Any, keys: Mapping[str, object], fields: tuple[str, ...]
) -> list[dict[str, object]]:
    return [_present(**{field: row[field] for field in fields}) for row in tx.execute(statement, keys).mappings()]


def _present(**fields: object) -> dict[str, object]:
    """The fields that have a value: absent means unknown in the case format."""
    return {name: value for name, value in fields.items() if value is not None}


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
