"""One instant at which the facts are judged: local times, and what is in force of consents, statements, suppressions.

A check is handed a Moment and answers with blocks. `until` of a block is a promise: the rule surely blocks from this
instant up to `until`, as long as no fact begins or ends in between; None: for as long as the facts stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from operator import attrgetter
from typing import Protocol

from compliance import walltime
from compliance.facts import (
    NEVER_CONNECTED,
    CallFacts,
    Channel,
    Consent,
    ConsentKind,
    DebtKind,
    Direction,
    GivenTo,
    HistoryEvent,
    PartyRole,
    Result,
)
from compliance.locations import Location, NumberClass, NumberPlace
from compliance.rules import Rule
from compliance.tables import Holidays
from domain.mode import Mode
from domain.reasons import ReasonCode


@dataclass(frozen=True, slots=True)
class Block:
    """A rule that says no at one instant."""

    code: ReasonCode
    rule: Rule
    detail: str
    until: datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A rule tied to the places it speaks of for one kind of call."""

    rule: Rule
    check: Check
    places: tuple[Location, ...]
    """One location for each zone, the first that was found."""
    needs: str | None
    """The list of facts without which the rule cannot block."""
    dated: bool
    """The rule is not in force on every day."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a kind of call stands on: its places, and the rules that apply there, in the order of the gate."""

    place: NumberPlace
    number_class: NumberClass
    routed: bool
    """The number belongs to another country than the campaign's."""
    locations: tuple[Location, ...]
    zones: tuple[str, ...]
    rules: tuple[Bound, ...]
    fallback: tuple[Bound, ...]
    """Rules that would be added if a recorded message were played on this live call."""
    announce: bool
    """A party may be where everyone must agree to a recording."""
    counting: bool
    """A rule that counts calls applies, on every day."""
    counting_at_times: tuple[Bound, ...] = ()
    """Rules that count calls, but not on every day."""


@dataclass(slots=True)
class Tallies:
    """What was counted of one call's history, by what asked for it: the same at every instant."""

    instants: dict[object, list[datetime]] = field(default_factory=dict)
    calls: list[HistoryEvent] | None = None


class Moment:
    """The facts at one instant. Local times are worked out once.

    All moments of one decision share what was counted of the history.
    """

    __slots__ = ("_direct", "_shared", "_walls", "facts", "ground", "holidays", "instant", "packs", "tallies")

    def __init__(
        self,
        facts: CallFacts,
        instant: datetime,
        ground: Ground,
        holidays: Holidays,
        packs: Mapping[str, PackTerm],
        shared: Tallies,
    ) -> None:
        self._shared = shared
        self.tallies = shared.instants
        self.facts = facts
        self.instant = instant
        self.ground = ground
        self.holidays = holidays
        self.packs = packs
        self._walls: dict[str, datetime] = {}
        self._direct: bool | None = None

    def wall(self, zone: str) -> datetime:
        """Naive local time in the zone."""
        found = self._walls.get(zone)
        if found is None:
            found = self._walls[zone] = walltime.wall(self.instant, zone)
        return found

    def days(self) -> set[date]:
        """Today in every zone; the UTC date where no zone is known."""
        return {self.wall(zone).date() for zone in self.zones}

    def in_force(self, bound: Bound) -> bool:
        """Whether the rule is in force on the local date of any place it speaks of."""
        if not bound.dated:
            return True
        zones = [place.zone for place in bound.places] or self.zones
        return any(bound.rule.in_force(self.wall(zone).date()) for zone in zones)

    def without_agent(self) -> Moment:
        """The same moment as if no agent were reserved."""
        facts = replace(self.facts, agent_guaranteed=False, mode=Mode.PREDICTIVE)
        return Moment(facts, self.instant, self.ground, self.holidays, self.packs, self._shared)

    def at(self, instant: datetime, ground: Ground) -> Moment:
        """The same facts at another instant, on the ground they then stand on."""
        return Moment(self.facts, instant, ground, self.holidays, self.packs, self._shared)

    @property
    def zones(self) -> tuple[str, ...]:
        return self.ground.zones or ("UTC",)

    def calls(self) -> list[HistoryEvent]:
        """Outgoing calls that were connected to the number dialled, in order of time."""
        if self._shared.calls is None:
            placed = (
                event
                for event in self.facts.history
                if event.direction is Direction.OUT
                and event.channel is Channel.CALL
                and event.result not in NEVER_CONNECTED
            )
            self._shared.calls = sorted(placed, key=attrgetter("at"))
        return self._shared.calls

    def consented(
        self, kinds: frozenset[ConsentKind], given_to: GivenTo | None = None, *, after: datetime | None = None
    ) -> bool:
        """Whether a consent of one of the kinds, given later than `after`, is in force for this number and debt."""
        for consent in self.facts.consents:  # quicker than any()
            if (
                consent.kind in kinds
                and (given_to is None or consent.given_to is given_to)
                and (after is None or consent.given_at > after)
                and consent_in_force(consent, self.facts, self.instant)
            ):
                return True
        return False

    def last_revocation(self, kinds: frozenset[ConsentKind]) -> datetime | None:
        """The last revocation of one of the kinds for this number, whatever it was about."""
        mine = {None, self.facts.number.e164}
        ends = (
            consent.revoked_at for consent in self.facts.consents if consent.kind in kinds and consent.number in mine
        )
        return max((at for at in ends if at is not None and at <= self.instant), default=None)

    def relationship(self) -> bool:
        """An established business relationship: 18 months after a purchase, 3 months after an inquiry."""
        known = self.facts.relationship
        return any(
            since is not None and since <= self.instant < _months_later(since, months)
            for since, months in ((known.last_purchase_at, 18), (known.last_inquiry_at, 3))
        )

    def direct_consent(self) -> bool:
        """Direct prior consent to calls above the limits, 12 CFR 1006.14(b)(3)(i).

        It was given to the caller itself, lasts at most seven local days of which the day of consent is the first, and
        ends with the first conversation after it.
        """
        if self._direct is None:
            self._direct = any(
                consent.kind in _DIRECT
                and consent.given_to is GivenTo.COLLECTOR
                and consent_in_force(consent, self.facts, self.instant)
                and self._within_seven_days(consent)
                and not self._used_up(consent)
                for consent in self.facts.consents
            )
        return self._direct

    def agreed_call_back(self) -> bool:
        """Whether direct consent is in force in the form of an agreed call-back."""
        return self.direct_consent() and self.consented(frozenset({ConsentKind.CALL_BACK}), GivenTo.COLLECTOR)

    def _within_seven_days(self, consent: Consent) -> bool:
        return all(
            (self.wall(zone).date() - walltime.wall(consent.given_at, zone).date()).days < 7 for zone in self.zones
        )

    def _used_up(self, consent: Consent) -> bool:
        return any(
            event.result is Result.CONVERSATION
            and event.channel is Channel.CALL
            and consent.given_at < event.at <= self.instant
            and same_person(event, self.facts)
            and (consent.debt is None or consent.debt in event.debts)
            and same_debt(event, self.facts)
            and event.party_role is not PartyRole.ATTORNEY
            for event in self.facts.history
        )


class PackTerm(Protocol):
    """What the gate asks of the pack of a country."""

    @property
    def expires(self) -> date | None:
        """The last local date on which the pack may be used; None: no end."""
        ...


Check = Callable[[Rule, tuple[Location, ...], Moment], tuple[Block, ...]]

_DIRECT = frozenset({ConsentKind.CALL_FREQUENCY, ConsentKind.CALL_BACK})


def all_over(ends: Iterable[datetime | None]) -> datetime | None:
    """Until when several blocks together surely hold: the latest end; None where one of them has none."""
    known: list[datetime] = []
    for end in ends:
        if end is None:
            return None
        known.append(end)
    return max(known, default=None)


def consent_in_force(consent: Consent, facts: CallFacts, instant: datetime) -> bool:
    """Whether a consent covers the number and the debt of the call at the instant."""
    return (
        consent.given_at <= instant
        and (consent.until is None or instant < consent.until)
        and (consent.revoked_at is None or instant < consent.revoked_at)
        and (consent.number is None or consent.number == facts.number.e164)
        and (consent.debt is None or consent.debt == facts.debt)
    )


def same_person(event: HistoryEvent, facts: CallFacts) -> bool:
    """Whether the event is one with the person now called; someone unknown is taken to be that person."""
    return facts.person is None or event.person is None or event.person == facts.person


def same_debt(event: HistoryEvent, facts: CallFacts) -> bool:
    """Whether the event is about the particular debt of the call.

    Student loans serviced under one account number are one debt, 12 CFR 1006.14(b)(4).
    """
    if facts.debt is None or not event.debts or facts.debt in event.debts:
        return True
    return facts.debt_kind is DebtKind.STUDENT_LOAN and facts.account in event.accounts


def _months_later(instant: datetime, months: int) -> datetime:
    day = walltime.add_months(instant.date(), months)
    return instant.replace(year=day.year, month=day.month, day=day.day)
