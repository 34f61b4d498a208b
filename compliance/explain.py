"""A sentence per rule, in the words of a compliance officer: what was asked, what was found, what follows."""

from __future__ import annotations

from dataclasses import dataclass

from compliance import frequency as fr
from compliance.facts import CallFacts
from compliance.gate import decide, evaluated, moment_at
from compliance.moment import Bound, Moment
from compliance.policy import Policy
from compliance.rules import Kind
from compliance.windows import WindowParams, hours_words


@dataclass(frozen=True, slots=True)
class Sentence:
    """What one rule says of the call."""

    rule: str
    citation: str
    blocks: bool
    text: str


def explain(facts: CallFacts, policy: Policy) -> tuple[Sentence, ...]:
    """Every rule that was asked, in the order of the gate, then what follows."""
    moment = moment_at(facts, facts.now, policy)
    sentences: list[Sentence] = []
    for bound, blocks in evaluated(moment):
        rule = bound.rule
        if blocks:
            found = "; ".join(block.detail for block in blocks)
            sentences.append(Sentence(rule.id, rule.citation, True, f"{rule.text} Blocks: {found}."))
        else:
            sentences.append(Sentence(rule.id, rule.citation, False, f"{rule.text} Permits: {_found(bound, moment)}."))
    return tuple(sentences)


def conclusion(facts: CallFacts, policy: Policy) -> str:
    """What follows from all rules together."""
    decision = decide(facts, policy)
    versions = f"rules {decision.policy}, time-zone data {decision.tzdata}"
    if decision.allowed:
        flags = f" Heed: {', '.join(decision.flags)}." if decision.flags else ""
        return f"The call may be placed ({versions}).{flags}"
    when = f"{decision.retry_at:%Y-%m-%d %H:%M:%S} UTC" if decision.retry_at is not None else None
    after = (
        f"by these facts alone it may be placed from {when}" if when else "only a person or a new fact can lift this"
    )
    return f"The call must not be placed ({versions}); {after}."


def _found(bound: Bound, moment: Moment) -> str:
    """What a rule that permits found."""
    rule, facts = bound.rule, moment.facts
    params = rule.params
    if isinstance(params, WindowParams):
        return _times(bound, params, moment)
    if isinstance(params, fr.FrequencyParams):
        return _count(bound, params, moment)
    match rule.kind:
        case Kind.SUPPRESSION:
            return "nothing of the kind is on record for this call"
        case Kind.REGISTRY:
            return f"the file is of {facts.registries.national_dnc_file_date}"
        case Kind.REASSIGNED:
            return f"the database answered {facts.registries.rnd or 'nothing, it was not asked'}"
        case Kind.CONSENT:
            return "a consent in force covers the call"
        case Kind.LOCATION:
            return "known places: " + ", ".join(
                dict.fromkeys(f"{place.zone} ({place.source})" for place in moment.ground.locations)
            )
        case Kind.NUMBER_CLASS:
            return f"the number is {moment.ground.number_class}"
        case Kind.COUNTRY:
            return f"the number belongs to the campaign's country, {facts.campaign_country}"
        case Kind.MIN_GAP:
            return f"no call within the last {facts.policy.min_gap_minutes} minutes"
        case Kind.DAILY_CAP:
            return "today's calls are below the campaign's cap"
        case _:
            return "nothing in the facts speaks against the call"


def _times(bound: Bound, params: WindowParams, moment: Moment) -> str:
    parts = []
    for place in bound.places:
        zone = params.zone or place.zone
        local = moment.wall(zone)
        hours = hours_words(params.hours(local.date(), moment.holidays))
        parts.append(f"{local:%a %H:%M} in {zone} ({place.source}), hours {hours}")
    return "; ".join(parts)


def _count(bound: Bound, params: fr.FrequencyParams, moment: Moment) -> str:
    facts = moment.facts
    zone = bound.places[0].zone if bound.places else moment.zones[0]
    events = [event.at for event in facts.history if fr.counts(event, params, facts)]
    counted = [
        f"{sum(fr.in_span(at, span, zone, moment) for at in events)} in {fr.span_words(span)}" for span in params.spans
    ]
    excluded = len(facts.history) - len(events)
    rest = f", {excluded} other contacts do not count" if excluded else ""
    return f"{' and '.join(counted)}, the limit is {params.max}{rest}"
