"""The facts of one call about to be placed: everything a decision may look at, frozen, already checked.

What an absent value means stands beside the field. Identifiers are opaque strings: the law compares them, nothing more.
Instants are aware datetimes; `cases.py` reads them from JSON, the account store builds them from rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from domain.mode import Mode

AUTODIALLED: Final = frozenset({"predictive", "power", "progressive"})


class FactsError(ValueError):
    """A fact that cannot be: the message names the field and what is wanted."""

    def __init__(self, where: str, wanted: str) -> None:
        super().__init__(f"{where}: {wanted}")
        self.where = where
        self.wanted = wanted


class Purpose(StrEnum):
    DEBT_THIRD_PARTY = "debt_third_party"
    DEBT_FIRST_PARTY = "debt_first_party"
    TELEMARKETING = "telemarketing"
    INFORMATIONAL = "informational"
    LOCATION_INFO = "location_info"


class Voice(StrEnum):
    LIVE = "live"
    PRERECORDED = "prerecorded"


class LineType(StrEnum):
    MOBILE = "mobile"
    FIXED = "fixed"
    VOIP = "voip"
    TOLL_FREE = "toll_free"
    UNKNOWN = "unknown"


class NumberUse(StrEnum):
    HOME = "home"
    WORK = "work"
    OTHER = "other"


class DebtKind(StrEnum):
    STUDENT_LOAN = "student_loan"
    MORTGAGE = "mortgage"
    VEHICLE = "vehicle"
    MEDICAL = "medical"
    OTHER = "other"


class PartyRole(StrEnum):
    CONSUMER = "consumer"
    SPOUSE = "spouse"
    ATTORNEY = "attorney"
    THIRD_PARTY = "third_party"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    OUT = "out"
    IN = "in"


class Channel(StrEnum):
    CALL = "call"
    SMS = "sms"
    EMAIL = "email"
    LETTER = "letter"


class Result(StrEnum):
    """What became of an earlier contact: `domain.outcomes.Outcome` plus `sent` for texts, mails and letters."""

    NO_ANSWER = "no_answer"
    BUSY = "busy"
    SIT = "sit"
    FAILED = "failed"
    CARRIER_BLOCKED = "carrier_blocked"
    MACHINE = "machine"
    VOICEMAIL_LEFT = "voicemail_left"
    MAILBOX_FULL = "mailbox_full"
    FAX = "fax"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"
    LIVE_HANGUP = "live_hangup"
    THIRD_PARTY = "third_party"
    WRONG_NUMBER = "wrong_number"
    CONVERSATION = "conversation"
    UNKNOWN = "unknown"
    SENT = "sent"


NEVER_CONNECTED: Final = frozenset({Result.BUSY, Result.SIT, Result.FAILED})


class ConsentKind(StrEnum):
    CALL_FREQUENCY = "call_frequency"
    CALL_BACK = "call_back"
    PRERECORDED = "prerecorded"
    WRITTEN_MARKETING = "written_marketing"
    SMS = "sms"
    EMAIL = "email"
    HOURS = "hours"


class GivenTo(StrEnum):
    COLLECTOR = "collector"
    """The caller itself: direct consent."""
    CREDITOR = "creditor"
    """The creditor or the seller."""


class SuppressionKind(StrEnum):
    INTERNAL_DNC = "internal_dnc"
    NATIONAL_DNC = "national_dnc"
    CEASE = "cease"
    ATTORNEY = "attorney"
    DISPUTE = "dispute"
    BANKRUPTCY = "bankruptcy"
    DECEASED = "deceased"
    WRONG_NUMBER = "wrong_number"
    LITIGATOR = "litigator"
    IDENTITY_THEFT = "identity_theft"
    REFUSAL = "refusal"
    LEGAL_HOLD = "legal_hold"


class PreferenceKind(StrEnum):
    INCONVENIENT_TIME = "inconvenient_time"
    NO_MEDIUM = "no_medium"
    NO_WORKPLACE = "no_workplace"


class Reassigned(StrEnum):
    YES = "yes"
    NO = "no"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class CalledNumber:
    """The number to be dialled.

    Attributes:
        e164: plus sign and digits. It need not be a number that exists: the gate answers `NUMBER_CLASS` for those.
        line_type: unknown is treated like mobile, for location and for consent.
        use: whose telephone it is.
        exchange_zip: ZIP or postal code of the rate centre, when known.
        ported_at: day the number was ported to wireless.
    """

    e164: str
    line_type: LineType = LineType.UNKNOWN
    use: NumberUse = NumberUse.HOME
    exchange_zip: str | None = None
    ported_at: date | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A known postal address, any part of it. `tz` (an IANA name) alone decides the zone where it is given."""

    zip: str | None = None
    state: str | None = None
    city: str | None = None
    country: str = "US"
    tz: str | None = None


@dataclass(frozen=True, slots=True)
class StatedLocation:
    """Where the consumer said they are. It is added to the other places, never put in their stead."""

    zip: str | None = None
    state: str | None = None
    tz: str | None = None
    until: datetime | None = None
    country: str = "US"


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """An earlier contact or attempt, with every absent value already filled from the call it is history of.

    Attributes:
        number_use: of the number then called.
        voicemail_service: whether a message could have been left there; unknown is True.
        under_consent: the call relied on a consent.
    """

    at: datetime
    result: Result
    person: str | None = None
    debts: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    number: str | None = None
    creditor: str | None = None
    party_role: PartyRole = PartyRole.CONSUMER
    direction: Direction = Direction.OUT
    channel: Channel = Channel.CALL
    mode: Mode | None = None
    voice: Voice = Voice.LIVE
    number_use: NumberUse = NumberUse.HOME
    message_left: bool = False
    voicemail_service: bool = True
    under_consent: bool = False
    subject: str | None = None
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """A permission. Absent `number` or `debt`: all. `until` and `revoked_at` are the first instants without it."""

    kind: ConsentKind
    given_to: GivenTo
    given_at: datetime
    until: datetime | None = None
    revoked_at: datetime | None = None
    number: str | None = None
    debt: str | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """A do-not-call of some kind. An absent key applies to all; `until` is the first instant without it."""

    kind: SuppressionKind
    number: str | None = None
    person: str | None = None
    debt: str | None = None
    account: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Preference:
    """What the consumer asked for, in local time.

    Attributes:
        weekdays: Monday is 0; empty means every day.
        start: minutes after midnight, included.
        end: minutes after midnight (1440 is 24:00), excluded; smaller than `start` runs past midnight.
    """

    kind: PreferenceKind
    weekdays: frozenset[int] = frozenset()
    start: int = 0
    end: int = 1440
    medium: Channel | None = None


@dataclass(frozen=True, slots=True)
class Registries:
    national_dnc_file_date: date | None = None
    rnd: Reassigned | None = None
    """Answer of the Reassigned Numbers Database; None: not asked."""
    rnd_checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Relationship:
    last_purchase_at: datetime | None = None
    last_inquiry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Emergency:
    """A declared state of emergency that an operator switched on."""

    state: str
    starts_at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CampaignPolicy:
    """The campaign's own limits, beside the law.

    Attributes:
        min_gap_minutes: since the last outgoing call to the same number or person (debt).
        daily_cap_debt: outgoing calls about one debt on the local date.
        daily_cap_person: outgoing calls to one person on the local date.
        close_guard_seconds: refuse that long before a window closes (ring time + 30 in a campaign).
        abandon_message: whether abandoned calls get a recorded message.
    """

    min_gap_minutes: int = 240
    daily_cap_debt: int = 2
    daily_cap_person: int = 3
    close_guard_seconds: int = 0
    abandon_message: bool = False


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call, about to be placed at `now`."""

    now: datetime
    purpose: Purpose
    number: CalledNumber
    id: str = ""
    also: frozenset[Purpose] = frozenset()
    """Further purposes of the same call; the rules of all of them apply."""
    mode: Mode = Mode.PREDICTIVE
    voice: Voice = Voice.LIVE
    agent_guaranteed: bool | None = None
    """An agent is reserved before dialing. None: as the mode has it, which is yes in preview and manual mode."""
    campaign_country: str = "US"
    campaign: str | None = None
    subject: str | None = None
    creditor: str | None = None
    person: str | None = None
    debt: str | None = None
    account: str | None = None
    debt_kind: DebtKind = DebtKind.OTHER
    party_role: PartyRole = PartyRole.CONSUMER
    addresses: tuple[Address, ...] = ()
    stated_locations: tuple[StatedLocation, ...] = ()
    history: tuple[HistoryEvent, ...] = ()
    consents: tuple[Consent, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    preferences: tuple[Preference, ...] = ()
    registries: Registries = Registries()
    relationship: Relationship = Relationship()
    emergencies: tuple[Emergency, ...] = ()
    policy: CampaignPolicy = CampaignPolicy()
    abandonment_brake: bool = False
    """The campaign's abandonment budget is used up: only calls with a reserved agent."""

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise FactsError("now", "an instant with an offset is expected")
        if self.account is None and self.debt is not None:
            object.__setattr__(self, "account", self.debt)

    @property
    def agent_reserved(self) -> bool:
        if self.agent_guaranteed is not None:
            return self.agent_guaranteed
        return self.mode in {Mode.PREVIEW, Mode.MANUAL}

    @property
    def autodialled(self) -> bool:
        return self.mode in AUTODIALLED
