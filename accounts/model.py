"""Frozen values that go into and come out of the account store.

No SQL and no I/O here. Settings of a campaign, the claim an engine holds, the reservation it gets, and the words for
their states. Instants are aware datetimes everywhere; the store keeps them as microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from domain.ids import AgentId, AttemptId, CampaignId, DebtId, PersonId, PhoneId
from domain.mode import Mode
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.reasons import Reason
from domain.telephony import RecordingMode, Treatment


class Order(StrEnum):
    """Which of a campaign's due accounts are dialed first. A higher priority always comes first."""

    PRIORITY = "priority"
    """Of equal priority: as the list has them."""
    VALUE = "value"
    """Of equal priority: those of whom more is to be expected for the time they take."""


class DebtStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    RECALLED = "recalled"


class RetryWait(StrEnum):
    """When a retried account is due again."""

    AFTER = "after"
    """`delay` after the attempt ended."""
    NEXT_PART_OF_DAY = "next_part_of_day"
    """The next morning (08), afternoon (12) or evening (17) at the person's place."""
    NEVER = "never"
    """Not again in this campaign."""


@dataclass(frozen=True, slots=True)
class RetryRule:
    """What happens to an account after an attempt with this outcome.

    Attributes:
        outcome: the outcome it answers.
        wait: how the next instant is found.
        delay: for `AFTER`.
        limit: attempts with this outcome after which the account is exhausted (0: no limit of its own).
        next_phone: go on to the person's next phone; without one, the same again, or exhausted where the number is
            flagged unusable.
        flag_phone: the number cannot be reached (SIT) or is not theirs: take it out of use.
        reserved_agent: the next attempt needs an agent held for it before it is placed.
    """

    outcome: Outcome
    wait: RetryWait
    delay: timedelta = timedelta(0)
    limit: int = 0
    next_phone: bool = False
    flag_phone: bool = False
    reserved_agent: bool = False


_DAY = timedelta(days=1)

DEFAULT_RETRY: tuple[RetryRule, ...] = (
    RetryRule(Outcome.CONVERSATION, RetryWait.NEVER),
    RetryRule(Outcome.THIRD_PARTY, RetryWait.AFTER, _DAY, limit=2),
    RetryRule(Outcome.WRONG_NUMBER, RetryWait.AFTER, next_phone=True, flag_phone=True),
    RetryRule(Outcome.ABANDONED, RetryWait.AFTER, _DAY, limit=2, reserved_agent=True),
    RetryRule(Outcome.LIVE_HANGUP, RetryWait.AFTER, _DAY, limit=3),
    RetryRule(Outcome.MACHINE, RetryWait.NEXT_PART_OF_DAY, limit=6, next_phone=True),
    RetryRule(Outcome.VOICEMAIL_LEFT, RetryWait.AFTER, 2 * _DAY, limit=3),
    RetryRule(Outcome.MAILBOX_FULL, RetryWait.NEXT_PART_OF_DAY, limit=6, next_phone=True),
    RetryRule(Outcome.FAX, RetryWait.AFTER, next_phone=True, flag_phone=True),
    RetryRule(Outcome.NO_ANSWER, RetryWait.NEXT_PART_OF_DAY, limit=10, next_phone=True),
    RetryRule(Outcome.CANCELLED, RetryWait.NEXT_PART_OF_DAY, limit=10),
    RetryRule(Outcome.BUSY, RetryWait.AFTER, timedelta(minutes=5), limit=8),
    RetryRule(Outcome.SIT, RetryWait.AFTER, next_phone=True, flag_phone=True),
    RetryRule(Outcome.CARRIER_BLOCKED, RetryWait.AFTER, _DAY, limit=3, next_phone=True),
    RetryRule(Outcome.FAILED, RetryWait.AFTER, timedelta(minutes=10)),
    RetryRule(Outcome.UNKNOWN, RetryWait.AFTER, _DAY, limit=3),
)
"""The shipped table; one rule for every outcome (a test holds that)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A campaign's own limits on calls about debts, beside the law's.

    Attributes:
        min_gap_minutes: since the last outgoing call to the same number or person.
        daily_cap_debt, daily_cap_person: outgoing calls on the local date.
    """

    min_gap_minutes: int = 240
    daily_cap_debt: int = 2
    daily_cap_person: int = 3


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """Everything a campaign is set up with. What the law asks for has no default.

    Attributes:
        purpose: family of rules, in the words of the compliance case format (`debt_third_party`, ...).
        country: ISO 3166 alpha-2; the rule packs the campaign may use and the region numbers are read in.
        creditor: name of the client on whose behalf calls are made.
        caller_ids: owned numbers, E.164.
        trunk: name of the trunk in settings.
        failover: further trunks, in order, for calls that the one before refused before any ringing.
        ratio: lines per ready agent in power mode.
        order: which accounts of equal priority come first.
        target_abandonment: share of live answers that predictive may abandon.
        max_lines: most lines without an agent at once; None leaves it to pacing, trunks and accounts.
        rest_s: rest that pacing plans for each agent between two calls.
        release_ringing: let predictive give up lines that have rung the legal 15 s when too many people would answer.
        connect_within_s: from the end of the greeting (from the answer without detection) to the treatment.
        preview_s: how long an agent may look at an account before saying dial or skip, where agents do.
        max_attempts: attempts on one account after which it is exhausted; those that failed on our side are left out.
        zone: IANA zone used for parts of the day where the person's own is not known.
        limits: the campaign's own limits beside the law.
        national_dnc_file_date: of the registry file the numbers were scrubbed against; telemarketing needs it.
    """

    purpose: str
    country: str
    creditor: str
    caller_ids: tuple[str, ...]
    recording: RecordingMode
    treatment: Treatment
    trunk: str = "carrier"
    mode: Mode = Mode.PROGRESSIVE
    ratio: float = 1.0
    target_abandonment: float = 0.03
    max_lines: int | None = None
    rest_s: float = 0.0
    release_ringing: bool = False
    detect_machine: bool = True
    connect_within_s: float = 2.0
    late_agent_s: float = 5.0
    message: str = "safe-harbour"
    ring_timeout_s: float = 25.0
    setup_timeout_s: float = 60.0
    wrap_up_s: float = 30.0
    preview_s: float = 45.0
    max_attempts: int = 20
    subject: str | None = None
    zone: str = "America/New_York"
    skills: tuple[str, ...] = ()
    failover: tuple[str, ...] = ()
    limits: Limits = Limits()
    national_dnc_file_date: date | None = None
    retry: tuple[RetryRule, ...] = DEFAULT_RETRY
    order: Order = Order.PRIORITY

    @property
    def agents_dial(self) -> bool:
        """Whether no call is placed before its agent has seen the account and said so."""
        return self.mode in {Mode.PREVIEW, Mode.MANUAL}

    @property
    def trunks(self) -> tuple[str, ...]:
        """All trunks of the campaign, best first."""
        return (self.trunk, *self.failover)

    def rule_for(self, outcome: Outcome) -> RetryRule:
        """The campaign's rule for an outcome, or the shipped one where its table has none."""
        for rule in (*self.retry, *DEFAULT_RETRY):
            if rule.outcome is outcome:
                return rule
        raise LookupError(f"no retry rule for outcome {outcome}")


class CampaignStatus(StrEnum):
    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Campaign:
    id: CampaignId
    name: str
    status: CampaignStatus
    settings: CampaignSettings


@dataclass(frozen=True, slots=True)
class Claim:
    """An account held for one engine until `until`. Holding it is no permission to call.

    Attributes:
        entry: row of the campaign's list.
        reserved_agent_only: the last attempt was abandoned: only with an agent held for this call.
        last_at, last_outcome: of the latest attempt on the account in this campaign.
        line_type: of the number, as the list or a look-up gave it.
        zone: the person's, where known; for forecasts only, never for the law.
        account: the client's reference of the debt.
        use: of the number, as the list gave it.
        balance_cents, currency: of the debt.
    """

    entry: int
    campaign: CampaignId
    person: PersonId
    debt: DebtId
    phone: PhoneId
    number: PhoneNumber
    priority: int
    attempts: int
    reserved_agent_only: bool
    engine: str
    until: datetime
    last_at: datetime | None = None
    last_outcome: str | None = None
    line_type: str = ""
    zone: str | None = None
    account: str = ""
    use: str = ""
    balance_cents: int = 0
    currency: str = ""


@dataclass(frozen=True, slots=True)
class ReserveRequest:
    """What the engine is about to originate, if the gate allows it.

    Attributes:
        attempt: a fresh id from `domain.ids.new_attempt_id`, also the id of the decision; never used twice.
        agent: the agent held for this call, if one is.
        fence: the engine's lease number on the campaign (0 where leases are not used).
        braked: the campaign's abandonment budget is used up: only with an agent.
    """

    attempt: AttemptId
    claim: Claim
    mode: Mode
    trunk: str
    caller_id: PhoneNumber
    now: datetime
    agent: AgentId | None = None
    fence: int = 0
    braked: bool = False


class Ruling(Protocol):
    """What the gate answers; `compliance`'s decision has this shape."""

    @property
    def allowed(self) -> bool: ...
    @property
    def retry_at(self) -> datetime | None: ...
    @property
    def reasons(self) -> Sequence[Reason]: ...
    @property
    def counted(self) -> bool: ...
    @property
    def under_consent(self) -> bool: ...
    @property
    def flags(self) -> Sequence[str]: ...
    @property
    def policy(self) -> str: ...
    @property
    def policy_hash(self) -> str: ...
    @property
    def tzdata(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """The attempt is durable and counts. Only now may an Originate be sent."""

    attempt: AttemptId
    at: datetime
    flags: tuple[str, ...] = ()


class RefusalCause(StrEnum):
    BLOCKED = "blocked"
    """The gate said no; `reasons` tell why."""
    STALE_CLAIM = "stale_claim"
    """The lease ran out, or the account moved on meanwhile."""
    NOT_RUNNING = "not_running"
    """The campaign is not running."""
    FENCED = "fenced"
    """Another engine has taken the campaign since."""
    IN_CALL = "in_call"
    """Another attempt on this person or number has not ended yet."""
    CALLER_ID_CAP = "caller_id_cap"
    """The caller ID is not owned, not enabled, or has reached its daily cap."""
    RESERVED_AGENT_REQUIRED = "reserved_agent_required"
    """After an abandoned call the next one needs an agent held for it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No attempt was made. The account has moved to `retry_at`, or is parked where that is None."""

    cause: RefusalCause
    retry_at: datetime | None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Screened:
    """Claims that may be tried now, and those that were moved because the gate blocked them."""

    passed: tuple[Claim, ...]
    refused: tuple[tuple[Claim, Refusal], ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, as the engine saw it.

    Attributes:
        cause: Q.850 cause of the hang-up.
        verdict: the detector's word, with its `verdict_cause`.
        answered_at, treated_at, joined_at, ended_at: instants, where they happened. One who was treated was abandoned,
            even if a late agent took the call: that is counted from `treated_at`, not from the outcome.
        agent: who spoke with the person.
        bridged_s: seconds bridged with agents, all bridges together.
        announced: whether both heard that the call is recorded; None when unknown.
    """

    outcome: Outcome
    cause: int | None = None
    sip_status: int | None = None
    verdict: str | None = None
    verdict_cause: str | None = None
    rang_at: datetime | None = None
    answered_at: datetime | None = None
    treated_at: datetime | None = None
    joined_at: datetime | None = None
    ended_at: datetime | None = None
    agent: AgentId | None = None
    message_left: bool = False
    bridged_s: float | None = None
    announced: bool | None = None
