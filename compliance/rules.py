"""A rule as data: what it is, for whom, since when, on whose word; and the words every kind of rule is written in.

The code knows kinds of rules, never states: a state's law is a record in `policies/*.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from compliance.facts import DebtKind, LineType, NumberUse, PartyRole, Purpose, Voice
from domain.reasons import ReasonCode


class Severity(StrEnum):
    HARD = "hard"
    """Law; nobody can loosen it."""
    PRESUMPTION = "presumption"
    """Enforced like a cap; a named person may loosen it with a reason."""
    GUIDELINE = "guideline"
    """Good practice or the project's own policy."""


class Confidence(StrEnum):
    """How the rule was checked: V1 primary text, V2 secondary source, M* not checked (high, medium, low), P policy."""

    V1 = "V1"
    V2 = "V2"
    MH = "MH"
    MM = "MM"
    ML = "ML"
    POLICY = "policy"


class Basis(StrEnum):
    """What says that a party is in a place."""

    ADDRESS = "address"
    NUMBER = "number"
    STATED = "stated"


class Kind(StrEnum):
    """The kinds of rules, in the order in which the gate checks them and names its reasons."""

    NUMBER_CLASS = "number_class"
    COUNTRY = "country"
    SUPPRESSION = "suppression"
    REGISTRY = "registry"
    REASSIGNED = "reassigned"
    PARTY = "party"
    MEDIUM = "medium"
    WORKPLACE = "workplace"
    CONSENT = "consent"
    LOCATION = "location"
    WINDOW = "window"
    EMERGENCY = "emergency"
    INCONVENIENT_TIME = "inconvenient_time"
    NOTICE_WAIT = "notice_wait"
    FREQUENCY = "frequency"
    COOL_OFF = "cool_off"
    MIN_GAP = "min_gap"
    DAILY_CAP = "daily_cap"
    RESERVED_AGENT = "reserved_agent"
    RECORDED_MESSAGE = "recorded_message"
    BRAKE = "brake"
    RECORDING = "recording"
    CONTENT = "content"
    """For people: script, message, retention. Listed and explained, never decided by the gate."""


STAGE: Mapping[Kind, int] = {kind: index for index, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class When:
    """Conditions on the call itself; an empty one always holds.

    Attributes:
        automated: an autodialled mode or a recorded voice.
        wireless: mobile, or not known to be anything else, or ported to wireless.
    """

    voice: Voice | None = None
    automated: bool | None = None
    autodialled: bool | None = None
    wireless: bool | None = None
    roles: frozenset[PartyRole] = frozenset()
    uses: frozenset[NumberUse] = frozenset()
    debts: frozenset[DebtKind] = frozenset()
    debts_except: frozenset[DebtKind] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One record of a policy pack.

    Attributes:
        purposes: of calls it binds.
        country: ISO alpha-2, or `*` for every country but those in `except_countries`.
        states: empty for the whole country.
        cities: empty for the whole state.
        basis: which kinds of knowledge put a party there.
        message_too: a rule about recorded calls that binds the recorded message on an abandoned call as well.
        params: the values its kind works with; of the class the kind names.
        where: file and line of the record.
    """

    id: str
    kind: Kind
    purposes: frozenset[Purpose]
    country: str
    citation: str
    confidence: Confidence
    reviewed_on: date
    severity: Severity
    text: str
    params: object
    states: frozenset[str] = frozenset()
    cities: frozenset[str] = frozenset()
    basis: frozenset[Basis] = frozenset(Basis)
    except_countries: frozenset[str] = frozenset()
    except_states: frozenset[str] = frozenset()
    when: When = field(default_factory=When)
    message_too: bool = True
    effective_from: date | None = None
    effective_to: date | None = None
    pack: str = ""
    where: str = ""

    @property
    def stage(self) -> int:
        return STAGE[self.kind]

    def in_force(self, day: date) -> bool:
        return (self.effective_from is None or self.effective_from <= day) and (
            self.effective_to is None or day <= self.effective_to
        )

    def binds(self, purposes: frozenset[Purpose]) -> bool:
        return not self.purposes.isdisjoint(purposes)


@dataclass(frozen=True, slots=True)
class Call:
    """The parts of the facts that `When` looks at; hashable, so that a choice of rules can be kept."""

    voice: Voice
    autodialled: bool
    line_type: LineType
    ported: bool
    role: PartyRole
    use: NumberUse
    debt_kind: DebtKind

    @property
    def wireless(self) -> bool:
        return self.ported or self.line_type is not LineType.FIXED


def holds(when: When, call: Call) -> bool:
    """Whether the conditions hold for the call."""
    automated = call.autodialled or call.voice is Voice.PRERECORDED
    return (
        (when.voice is None or when.voice is call.voice)
        and (when.automated is None or when.automated is automated)
        and (when.autodialled is None or when.autodialled is call.autodialled)
        and (when.wireless is None or when.wireless is call.wireless)
        and (not when.roles or call.role in when.roles)
        and (not when.uses or call.use in when.uses)
        and (not when.debts or call.debt_kind in when.debts)
        and call.debt_kind not in when.debts_except
    )


__all__ = [
    "STAGE",
    "Basis",
    "Call",
    "Confidence",
    "Kind",
    "ReasonCode",
    "Rule",
    "Severity",
    "When",
    "holds",
]
