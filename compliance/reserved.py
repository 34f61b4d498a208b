"""Rules of the structure: which numbers may be dialled, whose rules they follow, where the party is, and who must wait.

Also the recorded message on abandoned calls: where it may not be played, only a call with a reserved agent may be made.
"""

from __future__ import annotations

from compliance.locations import Location
from compliance.moment import Block, Moment, all_over
from compliance.rules import Rule
from domain.reasons import ReasonCode


def check_number_class(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks numbers that are never dialled: premium, personal, government, service codes, impossible ones."""
    kind = moment.ground.number_class
    if kind.may_be_dialled:
        return ()
    return (Block(ReasonCode.NUMBER_CLASS, rule, f"{kind} number", None),)


def check_country(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks numbers of another country than the campaign's, and campaigns of a country without rules."""
    campaign = moment.facts.campaign_country
    if campaign not in moment.packs:
        return (Block(ReasonCode.COUNTRY_ROUTE, rule, f"no rules of {campaign} are loaded", None),)
    expires = moment.packs[campaign].expires
    if expires is not None and max(moment.days()) > expires:
        detail = f"the rules of {campaign} expired on {expires}; load newer ones"
        return (Block(ReasonCode.COUNTRY_ROUTE, rule, detail, None),)
    if not moment.ground.routed:
        return ()
    place = moment.ground.place
    detail = f"{place.label} is a number of {place.country}; the campaign may call {campaign} alone"
    return (Block(ReasonCode.COUNTRY_ROUTE, rule, detail, None),)


def check_location(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks when nothing says where the party is."""
    if moment.ground.locations:
        return ()
    return (Block(ReasonCode.NO_LOCATION, rule, "neither the number nor an address says where the party is", None),)


def check_recorded_message(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks a call that could end in a recorded message which may not be played, unless an agent is reserved."""
    facts = moment.facts
    if not facts.policy.abandon_message or facts.agent_reserved:
        return ()
    blocks = message_blocks(moment)
    if not blocks:
        return ()
    until = all_over(block.until for block in blocks)
    cause = ", ".join(dict.fromkeys(f"{block.rule.id} ({block.detail})" for block in blocks))
    detail = f"the message on an abandoned call may not be played: {cause}"
    return (Block(ReasonCode.RESERVED_AGENT_REQUIRED, rule, detail, until),)


def message_blocks(moment: Moment) -> tuple[Block, ...]:
    """What would block the call if a recorded message were played on it."""
    return tuple(
        block
        for bound in moment.ground.fallback
        if moment.in_force(bound)
        for block in bound.check(bound.rule, bound.places, moment)
    )


def check_brake(rule: Rule, _places: tuple[Location, ...], moment: Moment) -> tuple[Block, ...]:
    """Blocks calls without a reserved agent while the abandonment budget is used up."""
    if not moment.facts.abandonment_brake or moment.facts.agent_reserved:
        return ()
    return (Block(ReasonCode.RESERVED_AGENT_REQUIRED, rule, "the abandonment budget is used up", None),)


def check_nothing(_rule: Rule, _places: tuple[Location, ...], _moment: Moment) -> tuple[Block, ...]:
    """For rules that speak to people, not to the gate."""
    return ()
