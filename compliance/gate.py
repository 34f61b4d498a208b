"""May this call be placed now? Read this first.

    facts --> ground (places and rules for this kind of call, remembered)
          --> every rule's check at `now`, in the order of the gate --> blocks
          --> none: allow. Some: block, with a reason each, and the next instant at which none would be left.

The next instant is found by the same checks, not by a second account of the law: each block promises until when it
surely holds, so the search leaps from promise to promise (and to the instants at which a fact ends or begins) and
stops at the first one with no block. Nothing here knows the time but from the facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from compliance import walltime
from compliance.decision import Answer, Decision, Flag
from compliance.facts import (
    CallFacts,
    HistoryEvent,
    PartyRole,
    Purpose,
    Result,
)
from compliance.frequency import FrequencyParams, counts
from compliance.moment import Block, Bound, Ground, Moment, Tallies, all_over
from compliance.policy import Policy
from compliance.reserved import message_blocks
from compliance.rules import Kind
from domain.reasons import Reason, ReasonCode

_RAPID: Final = timedelta(minutes=5)
_A_WEEK: Final = timedelta(days=7)
_A_DAY_AT_MOST: Final = timedelta(hours=25)
"""Dates are costly to work out: only of calls that can be of one day, the longest of which has an hour more."""
_MOST_LEAPS: Final = 1500
"""After so many leaps, two or three a day where only hours come and go, the places have no common hour."""
_DEBT: Final = frozenset({Purpose.DEBT_THIRD_PARTY, Purpose.DEBT_FIRST_PARTY})


def decide(facts: CallFacts, policy: Policy) -> Decision:
    """Decide whether the call may be placed at `facts.now`.

    The same facts and policy give the same decision, bit for bit.
    """
    moment = moment_at(facts, facts.now, policy)
    blocks = _blocks(moment)
    retry_at = _retry_at(moment, policy, blocks) if blocks else None
    return Decision(
        id=facts.id,
        outcome=Answer.BLOCK if blocks else Answer.ALLOW,
        retry_at=retry_at,
        reasons=tuple(Reason(b.code, b.rule.id, b.rule.citation, b.detail) for b in blocks),
        counted=_counted(moment),
        flags=tuple(_flags(moment, blocks)),
        policy=policy.name_for(facts.campaign_country),
        policy_hash=policy.digest,
        tzdata=policy.tzdata,
        under_consent=moment.direct_consent(),
    )


def moment_at(facts: CallFacts, instant: datetime, policy: Policy) -> Moment:
    """The facts as they stand at an instant."""
    return Moment(facts, instant, _ground(facts, instant, policy), policy.holidays, policy.countries, Tallies())


def _ground(facts: CallFacts, instant: datetime, policy: Policy) -> Ground:
    """Where the call stands at an instant; stated places that have ended are gone."""
    return policy.ground(facts, tuple(s for s in facts.stated_locations if s.until is None or instant < s.until))


def evaluated(moment: Moment) -> Iterator[tuple[Bound, tuple[Block, ...]]]:
    """Every rule in force, with what it blocks: what `explain` tells."""
    for bound in moment.ground.rules:
        if moment.in_force(bound):
            yield bound, bound.check(bound.rule, bound.places, moment)


def _blocks(moment: Moment) -> list[Block]:
    """Everything that blocks at the moment, in the order of the gate; rules whose facts are absent are not asked."""
    blocks: list[Block] = []
    facts = moment.facts
    absent = {name for name in ("suppressions", "preferences", "emergencies", "history") if not getattr(facts, name)}
    for bound in moment.ground.rules:
        if bound.needs in absent or (bound.dated and not moment.in_force(bound)):
            continue
        found = bound.check(bound.rule, bound.places, moment)
        if found:
            blocks.extend(found)
    return blocks


def _retry_at(moment: Moment, policy: Policy, blocks: list[Block]) -> datetime | None:
    """The first instant after now with no block; None where only a person or a new fact can help."""
    facts = moment.facts
    now = facts.now.astimezone(UTC)
    turns = sorted(set(_turning_points(facts, policy)))
    instant = now
    for _ in range(_MOST_LEAPS):
        turn = next((point for point in turns if point > instant), None)
        latest = all_over(block.until for block in blocks)
        following = min((point for point in (latest, turn) if point is not None), default=None)
        if following is None:
            return None
        instant = following.astimezone(UTC)
        blocks = _blocks(moment.at(instant, _ground(facts, instant, policy)))
        if not blocks:
            return instant
    return None


def _turning_points(facts: CallFacts, policy: Policy) -> Iterator[datetime]:
    """Instants after which a block may be gone although its rule could not see it coming."""
    ends = [statement.until for statement in facts.stated_locations]
    ends.extend(suppression.until for suppression in facts.suppressions)
    begins = [facts.relationship.last_purchase_at, facts.relationship.last_inquiry_at]
    begins.extend(consent.given_at for consent in facts.consents)
    yield from (instant for instant in (*ends, *begins) if instant is not None)
    ported = facts.number.ported_at
    if ported is not None:
        for zone in _zones(facts, policy):
            yield walltime.until_wall(facts.now, zone, walltime.midnight(ported))
    ground = policy.ground(facts, facts.stated_locations)
    for bound in (*ground.rules, *(ground.fallback if facts.policy.abandon_message else ())):
        end = bound.rule.effective_to
        if end is not None and end >= facts.now.date() - walltime.DAY:
            for zone in ground.zones or ("UTC",):
                yield walltime.until_wall(facts.now, zone, walltime.midnight(end + walltime.DAY))


def _zones(facts: CallFacts, policy: Policy) -> tuple[str, ...]:
    return policy.ground(facts, facts.stated_locations).zones or ("UTC",)


# --- what an allowed call carries ------------------------------------------------------------------------------------


def _counted(moment: Moment) -> bool:
    """Whether this call would count toward a frequency rule that applies to it."""
    facts = moment.facts
    attorney, consented = facts.party_role is PartyRole.ATTORNEY, moment.direct_consent()
    if not attorney and not consented:
        return moment.ground.counting or any(map(moment.in_force, moment.ground.counting_at_times))
    this = HistoryEvent(
        facts.now,
        Result.CONVERSATION,
        facts.person,
        number=facts.number.e164,
        party_role=facts.party_role,
        voice=facts.voice,
        number_use=facts.number.use,
        under_consent=consented,
    )
    return any(
        bound.rule.kind is Kind.FREQUENCY
        and isinstance(bound.rule.params, FrequencyParams)
        and counts(this, bound.rule.params, facts)
        and moment.in_force(bound)
        for bound in moment.ground.rules
    )


def _flags(moment: Moment, blocks: list[Block]) -> Iterator[Flag]:
    facts = moment.facts
    if moment.ground.fallback and message_blocks(moment):
        yield Flag.NO_PRERECORDED_FALLBACK
    if moment.ground.announce:
        yield Flag.ANNOUNCE_RECORDING
    if _needs_reserved(moment, blocks):
        yield Flag.RESERVED_AGENT_ONLY
    if not _DEBT.isdisjoint({facts.purpose}) and _concentrated(moment):
        yield Flag.CONCENTRATION


def _needs_reserved(moment: Moment, blocks: list[Block]) -> bool:
    """Whether the call is, or would be, allowed only with an agent reserved before dialing."""
    if any(block.code is ReasonCode.RESERVED_AGENT_REQUIRED for block in blocks):
        return True
    if not moment.facts.agent_reserved:
        return False
    return any(
        bound.rule.kind in {Kind.RESERVED_AGENT, Kind.RECORDED_MESSAGE, Kind.BRAKE}
        and bound.check(bound.rule, bound.places, moment.without_agent())
        for bound in moment.ground.rules
    )


def _concentrated(moment: Moment) -> bool:
    """Calls bunched within the last week: four or more on one date, or two unanswered within five minutes.

    Comments 14(b)(2)(i)-2 ff. to Regulation F name both as what can rebut compliance.
    """
    facts = moment.facts
    if not facts.history:
        return False
    since = moment.instant - _A_WEEK
    recent = [event for event in moment.calls() if event.at > since]
    for earlier, later in pairwise(recent):
        if earlier.number == later.number and later.at - earlier.at <= _RAPID:
            return True
    if recent and recent[-1].number == facts.number.e164 and moment.instant - recent[-1].at <= _RAPID:
        return True
    zone, instants = moment.zones[0], [event.at for event in recent]
    instants.append(moment.instant)
    return any(
        fourth - first <= _A_DAY_AT_MOST and walltime.wall(first, zone).date() == walltime.wall(fourth, zone).date()
        for first, fourth in zip(instants, instants[3:], strict=False)
    )
