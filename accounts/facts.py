"""The facts the gate decides on, read from the store.

Always read inside the transaction that acts on the decision. An attempt without an outcome is given as `unknown`,
which counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Executable, and_, bindparam, exists, func, or_, select
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
    owned_numbers,
    persons,
    phones,
    preferences,
    stated_locations,
    suppressions,
)
from compliance import facts as law
from domain.ids import AttemptId
from domain.mode import Mode
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.telephony import Treatment

HISTORY: Final = timedelta(days=62)
"""How far back history is read: the longest counting period in the rule packs, in full."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ANSWERED_BY_CLOSE_S: Final = 30
"""Added to the ring time: a call must not only ring but be over with its greeting before a window closes."""

Facts = law.CallFacts
AnyRow = Row[*tuple[Any, ...]]

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
        owned_numbers.c.enabled.label("caller_id_enabled"),
        owned_numbers.c.daily_cap.label("caller_id_cap"),
        owned_numbers.c.zone.label("caller_id_zone"),
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
    .outerjoin(owned_numbers, owned_numbers.c.e164 == bindparam("caller_id"))
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
            and_(attempts.c.person_id == bindparam("person"), attempts.c.reserved_at >= bindparam("since")),
            and_(attempts.c.number == bindparam("number"), attempts.c.reserved_at >= bindparam("since")),
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
            and_(contacts.c.person_id == bindparam("person"), contacts.c.at >= bindparam("since")),
            and_(contacts.c.number == bindparam("number"), contacts.c.at >= bindparam("since")),
        )
    )
)
_SUPPRESSIONS: Final = select(suppressions).where(
    or_(
        suppressions.c.number == bindparam("number"),
        suppressions.c.person_id == bindparam("person"),
        suppressions.c.debt_id == bindparam("debt"),
    )
)
_ADDRESSES: Final = select(addresses).where(addresses.c.person_id == bindparam("person"))
_STATED: Final = select(stated_locations).where(stated_locations.c.person_id == bindparam("person"))
_CONSENTS: Final = select(consents).where(consents.c.person_id == bindparam("person"))
_EMERGENCIES: Final = select(emergencies).where(
    emergencies.c.country == bindparam("country"),
    func.coalesce(emergencies.c.ended_at, emergencies.c.until) > bindparam("now"),
)
_PREFERENCES: Final = select(preferences).where(preferences.c.person_id == bindparam("person"))


@dataclass(frozen=True, slots=True)
class Context:
    """The rows around one account in one campaign."""

    row: AnyRow
    settings: CampaignSettings


@dataclass(frozen=True, slots=True)
class Gathered:
    """Facts for the gate, and what the ledger itself looks at.

    Attributes:
        open_since: when the latest attempt on this person or number that has not ended was reserved.
    """

    facts: law.CallFacts
    open_since: datetime | None


def context(tx: Connection, entry: int, caller_id: PhoneNumber | None = None) -> Context | None:
    """The rows around a list entry, and that of the number to be shown; None where the entry does not exist."""
    shown = None if caller_id is None else caller_id.e164
    row = tx.execute(_CONTEXT, {"entry": entry, "caller_id": shown}).one_or_none()
    return None if row is None else Context(row, read_settings(row.settings))


def gather(
    tx: Connection,
    about: Context,
    now: datetime,
    mode: Mode,
    *,
    agent_guaranteed: bool,
    without: AttemptId | None = None,
    braked: bool = False,
) -> Gathered:
    """Read everything that counts for a call to this account's present phone.

    Args:
        without: an attempt that is not looked at, for it is the one that is being decided on.
        braked: the campaign's abandonment budget is used up.
    """
    row, settings = about.row, about.settings
    purpose = law.Purpose(settings.purpose)
    since = EPOCH if purpose is law.Purpose.LOCATION_INFO else now - HISTORY  # once in a lifetime is counted there
    keys = {"person": row.person_id, "number": row.e164, "debt": row.debt_id, "since": since}
    there = {"country": settings.country, "now": now}
    attempted, open_since = _attempts(tx, keys, without)
    facts = law.CallFacts(
        now=now,
        purpose=purpose,
        number=law.CalledNumber(
            row.e164,
            law.LineType(row.line_type),
            law.NumberUse(row.use),
            row.exchange_zip,
            row.ported_at,
        ),
        id=str(row.entry),
        mode=mode,
        agent_guaranteed=agent_guaranteed,
        campaign_country=settings.country,
        campaign=str(row.campaign_id),
        subject=settings.subject,
        creditor=row.creditor,
        person=str(row.person_id),
        debt=str(row.debt_id),
        account=_account(row),
        debt_kind=law.DebtKind(row.debt_kind),
        addresses=tuple(
            law.Address(place.zip, place.state, place.city, place.country, place.tz)
            for place in tx.execute(_ADDRESSES, keys)
        ),
        stated_locations=tuple(
            law.StatedLocation(place.zip, place.state, place.tz, place.until)
            for place in _rows(tx, row.has_stated, _STATED, keys)
        ),
        history=(
            *attempted,
            *(_contact(contact, row.creditor) for contact in _rows(tx, row.has_contacts, _CONTACTS, keys)),
        ),
        consents=tuple(_consent(consent) for consent in _rows(tx, row.has_consents, _CONSENTS, keys)),
        suppressions=tuple(_suppression(found) for found in _rows(tx, row.has_suppressions, _SUPPRESSIONS, keys)),
        preferences=tuple(_preference(wish) for wish in _rows(tx, row.has_preferences, _PREFERENCES, keys)),
        registries=law.Registries(
            settings.national_dnc_file_date, law.Reassigned(row.rnd) if row.rnd else None, row.rnd_checked_at
        ),
        relationship=law.Relationship(row.last_purchase_at, row.last_inquiry_at),
        emergencies=tuple(
            law.Emergency(found.state, found.starts_at, found.ended_at or found.until)
            for found in _rows(tx, row.has_emergencies, _EMERGENCIES, there)
        ),
        policy=_policy(settings),
        abandonment_brake=braked,
    )
    return Gathered(facts, open_since)


def _rows(tx: Connection, any_there: bool, statement: Executable, keys: Mapping[str, object]) -> Iterable[AnyRow]:
    return tx.execute(statement, keys) if any_there else ()


def _policy(settings: CampaignSettings) -> law.CampaignPolicy:
    limits = settings.limits
    return law.CampaignPolicy(
        min_gap_minutes=limits.min_gap_minutes,
        daily_cap_debt=limits.daily_cap_debt,
        daily_cap_person=limits.daily_cap_person,
        close_guard_seconds=int(settings.ring_timeout_s) + ANSWERED_BY_CLOSE_S,
        abandon_message=settings.treatment is Treatment.MESSAGE,
    )


def _attempts(
    tx: Connection, keys: Mapping[str, object], without: AttemptId | None
) -> tuple[list[law.HistoryEvent], datetime | None]:
    latest: dict[str, AnyRow] = {}
    open_since: datetime | None = None
    for row in tx.execute(_ATTEMPTS, keys):
        if row.id == without:
            continue
        latest[row.id] = row  # outcomes come in order: the last one holds
        if row.seq is None and (open_since is None or row.reserved_at > open_since):
            open_since = row.reserved_at
    return [_attempt(row) for row in latest.values()], open_since


def _attempt(row: AnyRow) -> law.HistoryEvent:
    result = law.Result(row.outcome or Outcome.UNKNOWN)
    return law.HistoryEvent(
        at=row.reserved_at,
        result=result,
        person=str(row.person_id),
        debts=(str(row.debt_id),),
        accounts=(_account(row),),
        number=row.number,
        creditor=row.creditor,
        party_role=_party(result),
        mode=Mode(row.mode),
        number_use=law.NumberUse(row.use),
        message_left=bool(row.message_left),
        under_consent=row.under_consent,
        subject=row.subject,
        campaign=str(row.campaign_id),
    )


def _account(row: AnyRow) -> str:
    """The account a debt stands in: that of the loans serviced together, else the debt by itself."""
    return str(row.debt_id) if row.loan_account is None else f"{row.client_id}/{row.loan_account}"


def _contact(row: AnyRow, creditor: str) -> law.HistoryEvent:
    debts_ = () if row.debt_id is None else (str(row.debt_id),)
    result = law.Result(row.result)
    return law.HistoryEvent(
        at=row.at,
        result=result,
        person=_text(row.person_id),
        debts=debts_,
        accounts=(_account(row),) if debts_ else (),
        number=row.number,
        creditor=creditor,
        party_role=_party(result),
        direction=law.Direction(row.direction),
        channel=law.Channel(row.channel),
        voice=law.Voice(row.voice or law.Voice.LIVE),
        number_use=law.NumberUse(row.use or law.NumberUse.HOME),
        message_left=row.message_left,
        under_consent=row.under_consent,
        campaign=_text(row.campaign_id),
    )


def _party(result: law.Result) -> law.PartyRole:
    return law.PartyRole.THIRD_PARTY if result is law.Result.THIRD_PARTY else law.PartyRole.CONSUMER


def _consent(row: AnyRow) -> law.Consent:
    return law.Consent(
        law.ConsentKind(row.kind),
        law.GivenTo(row.given_to),
        row.given_at,
        row.until,
        row.revoked_at,
        row.number,
        _text(row.debt_id),
    )


def _suppression(row: AnyRow) -> law.Suppression:
    return law.Suppression(
        law.SuppressionKind(row.kind),
        number=row.number,
        person=_text(row.person_id),
        debt=_text(row.debt_id),
        since=row.since,
        until=row.until,
        scope=row.scope,
    )


def _preference(row: AnyRow) -> law.Preference:
    return law.Preference(
        law.PreferenceKind(row.kind),
        frozenset(row.weekdays or ()),
        row.start,
        row.end,
        None if row.medium is None else law.Channel(row.medium),
    )


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
