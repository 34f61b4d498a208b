"""The facts the gate decides on, made of what the store has.

Always read inside the transaction that acts on the decision. An attempt without an outcome is given as `unknown`,
which counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from accounts.fact_rows import AnyRow, Context, Found, contexts, read_about
from accounts.model import CampaignSettings
from compliance import facts as law
from domain.ids import AttemptId
from domain.mode import Mode
from domain.outcomes import Outcome
from domain.telephony import Treatment

HISTORY: Final = timedelta(days=62)
"""How far back history is read: the longest counting period in the rule packs, in full."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ANSWERED_BY_CLOSE_S: Final = 30
"""Added to the ring time: a call must not only ring but be over with its greeting before a window closes."""

Facts = law.CallFacts


@dataclass(frozen=True, slots=True)
class Gathered:
    """Facts for the gate, and what the ledger itself looks at.

    Attributes:
        open_since: when the latest attempt on this person or number that has not ended was reserved.
    """

    facts: law.CallFacts
    open_since: datetime | None


@dataclass(frozen=True, slots=True)
class Question:
    """A call about which the gate is to decide.

    Attributes:
        agent_guaranteed: an agent has been reserved for it.
        without: an attempt that is not looked at, for it is the one that is being decided on.
        braked: the campaign's abandonment budget is used up.
    """

    about: Context
    now: datetime
    mode: Mode
    agent_guaranteed: bool
    without: AttemptId | None = None
    braked: bool = False

    @property
    def purpose(self) -> law.Purpose:
        return law.Purpose(self.about.settings.purpose)

    @property
    def since(self) -> datetime:
        """From when on history counts: location calls are counted once in a lifetime."""
        return EPOCH if self.purpose is law.Purpose.LOCATION_INFO else self.now - HISTORY


def context(tx: Connection, entry: int) -> Context | None:
    """The rows around one list entry; None where it does not exist."""
    return contexts(tx, [entry]).get(entry)


def gather(tx: Connection, question: Question) -> Gathered:
    """Read everything that counts for a call to this account's present phone."""
    return gather_all(tx, [question])[0]


def gather_all(tx: Connection, questions: Sequence[Question]) -> list[Gathered]:
    """The same for several, in their order, at little more than the cost of one."""
    if not questions:
        return []
    since = min(question.since for question in questions)
    found = read_about(tx, [question.about.row for question in questions], since)
    return [_gathered(question, found) for question in questions]


def _gathered(question: Question, found: Found) -> Gathered:
    row, settings, now, since = question.about.row, question.about.settings, question.now, question.since
    person, party = {"person_id": row.person_id}, {"person_id": row.person_id, "number": row.e164}
    attempted, open_since = _attempts(
        [made for made in found.attempts.matching(**party) if made.reserved_at >= since], question.without
    )
    facts = law.CallFacts(
        now=now,
        purpose=question.purpose,
        number=law.CalledNumber(
            row.e164,
            law.LineType(row.line_type),
            law.NumberUse(row.use),
            row.exchange_zip,
            row.ported_at,
        ),
        id=str(row.entry),
        mode=question.mode,
        agent_guaranteed=question.agent_guaranteed,
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
            for place in found.addresses.matching(**person)
        ),
        stated_locations=tuple(
            law.StatedLocation(place.zip, place.state, place.tz, place.until)
            for place in found.stated.matching(**person)
        ),
        history=(
            *attempted,
            *(_contact(met, row.creditor) for met in found.contacts.matching(**party) if met.at >= since),
        ),
        consents=tuple(_consent(consent) for consent in found.consents.matching(**person)),
        suppressions=tuple(_suppression(stop) for stop in found.suppressions.matching(**party, debt_id=row.debt_id)),
        preferences=tuple(_preference(wish) for wish in found.preferences.matching(**person)),
        registries=law.Registries(
            settings.national_dnc_file_date, law.Reassigned(row.rnd) if row.rnd else None, row.rnd_checked_at
        ),
        relationship=law.Relationship(row.last_purchase_at, row.last_inquiry_at),
        emergencies=tuple(
            law.Emergency(declared.state, declared.starts_at, end)
            for declared in found.emergencies.matching(country=settings.country)
            if (end := declared.ended_at or declared.until) > now
        ),
        policy=_policy(settings),
        abandonment_brake=question.braked,
    )
    return Gathered(facts, open_since)


def _policy(settings: CampaignSettings) -> law.CampaignPolicy:
    limits = settings.limits
    return law.CampaignPolicy(
        min_gap_minutes=limits.min_gap_minutes,
        daily_cap_debt=limits.daily_cap_debt,
        daily_cap_person=limits.daily_cap_person,
        close_guard_seconds=int(settings.ring_timeout_s) + ANSWERED_BY_CLOSE_S,
        abandon_message=settings.treatment is Treatment.MESSAGE,
    )


def _attempts(rows: Sequence[AnyRow], without: AttemptId | None) -> tuple[list[law.HistoryEvent], datetime | None]:
    latest: dict[str, AnyRow] = {}
    open_since: datetime | None = None
    for row in rows:
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
