"""Why something did not happen: codes as data, so that the ledger, a page and a terminal say the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReasonCode(StrEnum):
    """Every reason for which the law or a policy keeps a call from being placed."""

    NUMBER_CLASS = "NUMBER_CLASS"
    COUNTRY_ROUTE = "COUNTRY_ROUTE"
    NO_LOCATION = "NO_LOCATION"
    CALL_WINDOW = "CALL_WINDOW"
    CALL_DAY = "CALL_DAY"
    FREQUENCY = "FREQUENCY"
    COOL_OFF = "COOL_OFF"
    MIN_GAP = "MIN_GAP"
    DAILY_CAP = "DAILY_CAP"
    INTERNAL_DNC = "INTERNAL_DNC"
    NATIONAL_DNC = "NATIONAL_DNC"
    REGISTRY_STALE = "REGISTRY_STALE"
    REASSIGNED = "REASSIGNED"
    CONSENT = "CONSENT"
    CEASE = "CEASE"
    ATTORNEY = "ATTORNEY"
    DISPUTE = "DISPUTE"
    BANKRUPTCY = "BANKRUPTCY"
    DECEASED = "DECEASED"
    WRONG_NUMBER = "WRONG_NUMBER"
    LITIGATOR = "LITIGATOR"
    IDENTITY_THEFT = "IDENTITY_THEFT"
    REFUSAL = "REFUSAL"
    PREFERENCE = "PREFERENCE"
    WORKPLACE = "WORKPLACE"
    THIRD_PARTY = "THIRD_PARTY"
    RESERVED_AGENT_REQUIRED = "RESERVED_AGENT_REQUIRED"
    BAD_INPUT = "BAD_INPUT"


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that said no.

    Attributes:
        code: the kind of reason.
        rule: id of the rule, as `US-FDC-01`.
        citation: where the rule is written, as `12 CFR 1006.6(b)(1)(i)`.
        detail: the facts that decided, in words an officer reads.
    """

    code: ReasonCode
    rule: str
    citation: str
    detail: str
