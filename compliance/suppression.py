"""Rules about whom not to call: suppressions, do-not-call registries, reassigned numbers, the party, the medium, work.

An opt-out of any kind acts at once: a revocation period allowed by law is an outer limit, not a permission.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from compliance import walltime
from compliance.facts import (
    CallFacts,
    Channel,
    ConsentKind,
    GivenTo,
    NumberUse,
    PartyRole,
    PreferenceKind,
    Purpose,
    Reassigned,
    Suppression,
    SuppressionKind,
)
from compliance.frequency import FrequencyParams, check_frequency
from compliance.locations import Location
from compliance.moment import Block, Moment, all_over
from compliance.rules import Rule
from domain.reasons import ReasonCode


@dataclass(frozen=True, slots=True)
class SuppressionParams:
    """Parameters of `suppression`.

    Attributes:
        kind: the suppression the rule is about; its name in capitals is the reason's code.
        days: local dates the suppression lasts, its own day being the first; None: until it is lifted.
        lifted_by: consents that lift it.
        relationship_lifts: an established business relationship lifts it.
        except_roles: parties whom it does not concern.
        spouse_too: it protects the spouse like the person, when both are asked about the same debt.
    """

    kind: SuppressionKind
    days: int | None = None
    lifted_by: frozenset[ConsentKind] = frozenset()
    relationship_lifts: bool = False
    except_roles: frozenset[PartyRole] = frozenset()
    spouse_too: bool = False


_ABOUT_DEBTS: Final = frozenset({Purpose.DEBT_THIRD_PARTY, Purpose.DEBT_FIRST_PARTY, Purpose.LOCATION_INFO})


def check_suppression(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks while a suppression of the rule's kind matches the call."""
    params, facts = rule.params, moment.facts
    assert isinstance(params, SuppressionParams)  # noqa: S101  # the loader pairs kinds and parameters
    if not facts.suppressions or facts.party_role in params.except_roles:
        return ()
    found = [s for s in facts.suppressions if s.kind is params.kind and _concerns(s, facts, params)]
    running = [(s, end) for s in found if (end := _runs_to(s, params, moment)) is not False]
    if not running or (params.lifted_by and moment.consented(params.lifted_by)):
        return ()
    if params.relationship_lifts and moment.relationship():
        return ()
    until = all_over(end if isinstance(end, datetime) else None for _, end in running)
    since = next((s.since for s, _ in running if s.since is not None), None)
    detail = f"{params.kind.replace('_', ' ')} on record" + (f" since {since:%Y-%m-%d}" if since else "")
    return (Block(ReasonCode(params.kind.upper()), rule, detail, until),)


def _concerns(suppression: Suppression, facts: CallFacts, params: SuppressionParams) -> bool:
    """Whether every key the suppression has is the call's.

    Whom a call is for, or about which debt a collection call is, may be unknown: then it may be the one.
    """
    person = suppression.person is None or facts.person in {None, suppression.person}
    unnamed = facts.debt is None and facts.account is None and facts.purpose in _ABOUT_DEBTS
    if params.spouse_too and facts.party_role is PartyRole.SPOUSE and suppression.debt is not None:
        person = True
    return (
        person
        and (suppression.number is None or suppression.number == facts.number.e164)
        and (unnamed or suppression.debt is None or suppression.debt == facts.debt)
        and (unnamed or suppression.account is None or suppression.account == facts.account)
    )


def _runs_to(suppression: Suppression, params: SuppressionParams, moment: Moment) -> datetime | bool | None:
    """Until when it surely runs (None: without end), or False where it does not run now."""
    if suppression.since is not None and moment.instant < suppression.since:
        return False
    ends: list[datetime] = []
    if suppression.until is not None:
        if moment.instant >= suppression.until:
            return False
        ends.append(suppression.until)
    if params.days is not None and suppression.since is not None:
        free = {
            zone: walltime.wall(suppression.since, zone).date() + timedelta(days=params.days) for zone in moment.zones
        }
        held = [zone for zone, day in free.items() if moment.wall(zone).date() < day]
        if not held:
            return False
        ends.append(max(walltime.until_wall(moment.instant, z, walltime.midnight(free[z])) for z in held))
    return min(ends) if ends else None


@dataclass(frozen=True, slots=True)
class RegistryParams:
    """Parameters of `registry`: how many days old the do-not-call file may be."""

    max_age_days: int


def check_registry(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks without a do-not-call file, or with one that is too old: only a newer file lifts it; or dated ahead."""
    params = rule.params
    assert isinstance(params, RegistryParams)  # noqa: S101  # the loader pairs kinds and parameters
    file_date: date | None = moment.facts.registries.national_dnc_file_date
    if file_date is None:
        return (Block(ReasonCode.REGISTRY_STALE, rule, "the date of the do-not-call file is not known", None),)
    ages = [(day - file_date).days for day in moment.days()]
    if max(ages) > params.max_age_days:
        detail = f"the do-not-call file is {max(ages)} days old; at most {params.max_age_days} are allowed"
        return (Block(ReasonCode.REGISTRY_STALE, rule, detail, None),)
    if min(ages) < -1:  # a day ahead can be today's file, issued east of here
        last = min(moment.zones, key=moment.wall)
        until = walltime.until_wall(moment.instant, last, walltime.midnight(file_date - walltime.DAY))
        return (Block(ReasonCode.REGISTRY_STALE, rule, "the do-not-call file is dated in the future", until),)
    return ()


@dataclass(frozen=True, slots=True)
class ReassignedParams:
    """Parameters of `reassigned`: answers of the Reassigned Numbers Database that block."""

    answers: frozenset[Reassigned]


def check_reassigned(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks when the database said that the number has a new subscriber, or gives no safe harbour."""
    params = rule.params
    assert isinstance(params, ReassignedParams)  # noqa: S101  # the loader pairs kinds and parameters
    answer = moment.facts.registries.rnd
    if answer is None or answer not in params.answers:
        return ()
    detail = f"the Reassigned Numbers Database answered {answer.replace('_', ' ')!r}"
    return (Block(ReasonCode.REASSIGNED, rule, detail, None),)


@dataclass(frozen=True, slots=True)
class PartyParams:
    """Parameters of `party`: who must not be called for the rule's purposes."""

    roles: frozenset[PartyRole]


def check_party(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks a call to a party the purpose does not permit."""
    params = rule.params
    assert isinstance(params, PartyParams)  # noqa: S101  # the loader pairs kinds and parameters
    role = moment.facts.party_role
    if role not in params.roles:
        return ()
    detail = f"a {role.replace('_', ' ')} must not be called for this purpose"
    return (Block(ReasonCode.THIRD_PARTY, rule, detail, None),)


def check_medium(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks when the person asked not to be called by telephone."""
    asked = any(
        p.kind is PreferenceKind.NO_MEDIUM and p.medium in {None, Channel.CALL} for p in moment.facts.preferences
    )
    return (Block(ReasonCode.PREFERENCE, rule, "the person asked not to be telephoned", None),) if asked else ()


@dataclass(frozen=True, slots=True)
class WorkplaceParams:
    """Parameters of `workplace`.

    Attributes:
        once: while it is not known whether the employer objects, a number at work may be called this often.
        once_except_states: states whose own cap on calls at work takes the place of `once`.
    """

    once: FrequencyParams | None = None
    once_except_states: frozenset[str] = field(default_factory=frozenset)


def check_workplace(rule: Rule, places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks calls at work after any "not at work", and repeated ones while nothing is known."""
    params, facts = rule.params, moment.facts
    assert isinstance(params, WorkplaceParams)  # noqa: S101  # the loader pairs kinds and parameters
    if facts.number.use is not NumberUse.WORK or facts.party_role is PartyRole.ATTORNEY:
        return ()  # the attorney's own office is not where the consumer works
    if any(p.kind is PreferenceKind.NO_WORKPLACE for p in facts.preferences):
        return (Block(ReasonCode.WORKPLACE, rule, "the person must not be called at work", None),)
    states = {location.state for location in moment.ground.locations}
    if params.once is None or not states.isdisjoint(params.once_except_states):
        return ()
    counted = Rule(**{name: getattr(rule, name) for name in _RULE_FIELDS if name != "params"}, params=params.once)
    return check_frequency(counted, places, moment)


_RULE_FIELDS = tuple(Rule.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class ConsentParams:
    """Parameters of `consent`: what the technology used needs.

    Attributes:
        any_of: one of these kinds of consent.
        given_to: to whom; None: to the caller or the creditor.
        relationship_lifts: an established business relationship stands in for it.
        ported_days: days after a number was ported to wireless during which it may be treated as a landline.
        ported_unless: do-not-call lists on which the number must not stand for that.
        revoked_by: kinds of consent whose revocation, for whatever matter, also ends what was given before it; the
            rule then says nothing where none was revoked.
    """

    any_of: frozenset[ConsentKind]
    given_to: GivenTo | None
    relationship_lifts: bool
    ported_days: int | None
    ported_unless: frozenset[SuppressionKind]
    revoked_by: frozenset[ConsentKind]


def check_consent(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks a call for which the technology used needs a consent that is not in force."""
    params = rule.params
    assert isinstance(params, ConsentParams)  # noqa: S101  # the loader pairs kinds and parameters
    revoked = moment.last_revocation(params.revoked_by) if params.revoked_by else None
    if params.revoked_by and revoked is None:
        return ()
    if moment.consented(params.any_of, params.given_to, after=revoked):
        return ()
    if params.relationship_lifts and moment.relationship():
        return ()
    if _just_ported(params, moment):
        return ()
    wanted = " or ".join(sorted(kind.replace("_", " ") for kind in params.any_of))
    since = f" given since the revocation of {revoked:%Y-%m-%d}" if revoked is not None else ""
    return (Block(ReasonCode.CONSENT, rule, f"no consent in force of the kind: {wanted}{since}", None),)


def _just_ported(params: ConsentParams, moment: Moment) -> bool:
    """Whether the number was ported to wireless so lately that it may be taken for a landline."""
    ported, facts = moment.facts.number.ported_at, moment.facts
    if params.ported_days is None or ported is None:
        return False
    ages = [(day - ported).days for day in moment.days()]
    if min(ages) < 0 or max(ages) > params.ported_days:
        return False
    lists = [SuppressionParams(kind) for kind in params.ported_unless]
    return not any(
        s.kind is listed.kind and _concerns(s, facts, listed) and _runs_to(s, listed, moment) is not False
        for s in facts.suppressions
        for listed in lists
    )
