"""The rows around accounts that may be called: read for one or for many with the same few statements.

A call in quantity costs what its statements cost, so an account has none of its own: a reader asks for all it is going
to decide about, and `facts` makes of the rows what the gate is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Executable, and_, bindparam, exists, or_, select
from sqlalchemy.engine import Row

from accounts.campaigns import read_settings
from accounts.model import CampaignSettings
from accounts.tables import (
    addresses,
    attempt_outcomes,
    attempts,
    campaigns,
    clients,
    consents,
    contacts,
    debts,
    emergencies,
    list_entries,
    numbers,
    persons,
    phones,
    preferences,
    stated_locations,
    suppressions,
)

AnyRow = Row[*tuple[Any, ...]]

_persons: Final[BindParameter[Any]] = bindparam("persons", expanding=True)
_numbers: Final[BindParameter[Any]] = bindparam("numbers", expanding=True)
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
        debts.c.client_id,
        debts.c.loan_account,
        debts.c.status.label("debt_status"),
        clients.c.name.label("creditor"),
        persons.c.zone,
        persons.c.last_purchase_at,
        persons.c.last_inquiry_at,
        phones.c.use,
        numbers.c.e164,
        numbers.c.line_type,
        numbers.c.exchange_zip,
        numbers.c.ported_at,
        numbers.c.rnd,
        numbers.c.rnd_checked_at,
        # Most persons have none of these: finding that out here spares a statement each.
        exists().where(stated_locations.c.person_id == list_entries.c.person_id).label("has_stated"),
        exists().where(consents.c.person_id == list_entries.c.person_id).label("has_consents"),
        exists().where(preferences.c.person_id == list_entries.c.person_id).label("has_preferences"),
        exists(select(emergencies.c.id)).label("has_emergencies"),
        or_(
            exists().where(contacts.c.person_id == list_entries.c.person_id),
            exists().where(contacts.c.number == numbers.c.e164),
        ).label("has_contacts"),
        or_(
            exists().where(suppressions.c.number == numbers.c.e164),
            exists().where(suppressions.c.person_id == list_entries.c.person_id),
            exists().where(suppressions.c.debt_id == list_entries.c.debt_id),
        ).label("has_suppressions"),
    )
    .join_from(list_entries, campaigns, list_entries.c.campaign_id == campaigns.c.id)
    .join(debts, list_entries.c.debt_id == debts.c.id)
    .join(clients, debts.c.client_id == clients.c.id)
    .join(persons, list_entries.c.person_id == persons.c.id)
    .join(phones, list_entries.c.phone_id == phones.c.id)
    .join(numbers, phones.c.e164 == numbers.c.e164)
    .where(list_entries.c.id.in_(bindparam("entries", expanding=True)))
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
        attempts.c.under_consent,
        debts.c.client_id,
        debts.c.loan_account,
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
            and_(attempts.c.person_id.in_(_persons), attempts.c.reserved_at >= bindparam("since")),
            and_(attempts.c.number.in_(_numbers), attempts.c.reserved_at >= bindparam("since")),
        )
    )
    .order_by(attempts.c.id, attempt_outcomes.c.seq)
)
_CONTACTS: Final = (
    select(contacts, debts.c.client_id, debts.c.loan_account, phones.c.use)
    .join_from(contacts, debts, contacts.c.debt_id == debts.c.id, isouter=True)
    .outerjoin(phones, and_(phones.c.person_id == contacts.c.person_id, phones.c.e164 == contacts.c.number))
    .where(
        or_(
            and_(contacts.c.person_id.in_(_persons), contacts.c.at >= bindparam("since")),
            and_(contacts.c.number.in_(_numbers), contacts.c.at >= bindparam("since")),
        )
    )
    .order_by(contacts.c.id)
)
_SUPPRESSIONS: Final = (
    select(suppressions)
    .where(
        or_(
            suppressions.c.number.in_(_numbers),
            suppressions.c.person_id.in_(_persons),
            suppressions.c.debt_id.in_(bindparam("debts", expanding=True)),
        )
    )
    .order_by(suppressions.c.id)
)
_ADDRESSES: Final = select(addresses).where(addresses.c.person_id.in_(_persons)).order_by(addresses.c.id)
_STATED: Final = (
    select(stated_locations).where(stated_locations.c.person_id.in_(_persons)).order_by(stated_locations.c.id)
)
_CONSENTS: Final = select(consents).where(consents.c.person_id.in_(_persons)).order_by(consents.c.id)
_PREFERENCES: Final = select(preferences).where(preferences.c.person_id.in_(_persons)).order_by(preferences.c.id)
_EMERGENCIES: Final = select(emergencies).order_by(emergencies.c.id)


@dataclass(frozen=True, slots=True)
class Context:
    """The rows around one account in one campaign."""

    row: AnyRow
    settings: CampaignSettings


def contexts(tx: Connection, entries: Collection[int]) -> dict[int, Context]:
    """The rows around list entries, by entry; entries that do not exist are left out."""
    found = tx.execute(_CONTEXT, {"entries": list(entries)})
    return {row.entry: Context(row, read_settings(row.settings)) for row in found}


class Rows:
    """Rows of one statement, found by the columns they may be asked by.

    Args:
        rows: in the order in which they are to be given.
        columns: names of the columns.
    """

    def __init__(self, rows: Iterable[AnyRow], *columns: str) -> None:
        self._rows = tuple(rows)
        self._places: dict[tuple[str, object], list[int]] = {}
        for place, row in enumerate(self._rows):
            for column in columns:
                self._places.setdefault((column, getattr(row, column)), []).append(place)

    def matching(self, **sought: object) -> Sequence[AnyRow]:
        """Rows of which any of these columns has this value."""
        places = {place for key in sought.items() for place in self._places.get(key, ())}
        return [self._rows[place] for place in sorted(places)]


@dataclass(frozen=True, slots=True)
class Found:
    """What the store has about some accounts; each is asked for the rows of one person, number or debt.

    Attributes:
        attempts: one row for each outcome of an attempt, or one without an outcome; of one attempt in order.
    """

    attempts: Rows
    contacts: Rows
    suppressions: Rows
    addresses: Rows
    stated: Rows
    consents: Rows
    preferences: Rows
    emergencies: Rows


def read_about(tx: Connection, accounts: Collection[AnyRow], since: datetime) -> Found:
    """Everything that may count for a call to these accounts (rows of contexts), history from an instant on."""

    def some(whose: Collection[AnyRow], statement: Executable, *columns: str) -> Rows:
        if not whose:
            return _NONE
        keys = {
            "persons": sorted({row.person_id for row in whose}),
            "numbers": sorted({row.e164 for row in whose}),
            "debts": sorted({row.debt_id for row in whose}),
            "since": since,
        }
        return Rows(tx.execute(statement, keys), *columns)

    def of(flag: str) -> Collection[AnyRow]:
        return [row for row in accounts if getattr(row, flag)]

    return Found(
        attempts=some(accounts, _ATTEMPTS, "person_id", "number"),
        contacts=some(of("has_contacts"), _CONTACTS, "person_id", "number"),
        suppressions=some(of("has_suppressions"), _SUPPRESSIONS, "person_id", "number", "debt_id"),
        addresses=some(accounts, _ADDRESSES, "person_id"),
        stated=some(of("has_stated"), _STATED, "person_id"),
        consents=some(of("has_consents"), _CONSENTS, "person_id"),
        preferences=some(of("has_preferences"), _PREFERENCES, "person_id"),
        emergencies=some(of("has_emergencies"), _EMERGENCIES, "country"),
    )


_NONE: Final = Rows(())
