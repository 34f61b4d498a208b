"""Many decisions at once: one scalar decision for each distinct signature of facts, given to all that share it.

There is one implementation of the law, `gate.decide`. Two calls share a signature when nothing a rule may look at tells
them apart; the digits of a number beyond its area matter only where history, a suppression or a consent names a number.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from operator import attrgetter

from compliance.decision import Decision
from compliance.facts import CallFacts
from compliance.gate import decide
from compliance.policy import Policy

_RARE = attrgetter(
    "campaign_country", "also", "voice", "agent_guaranteed", "debt_kind", "party_role", "stated_locations",
    "preferences", "emergencies", "abandonment_brake", "policy", "registries", "relationship",
)  # fmt: skip
_NAMED = attrgetter(
    "number.e164", "campaign", "subject", "creditor", "person", "debt", "account", "history", "consents", "suppressions"
)


def signature(facts: CallFacts, policy: Policy) -> Hashable:
    """All that a decision can depend on, but for the id."""
    number = facts.number
    known = facts.history or facts.consents or facts.suppressions or not number.e164.startswith("+1")
    return (
        facts.now,
        facts.purpose,
        facts.mode,
        facts.addresses,
        number.line_type,
        number.use,
        number.exchange_zip,
        number.ported_at,
        _RARE(facts),
        _NAMED(facts) if known else policy.places.of_number(number.e164),
    )


def decide_each(calls: Iterable[CallFacts], policy: Policy) -> Iterator[tuple[CallFacts, Decision]]:
    """Each call with its decision, in order.

    The decision may be that of another call of the same signature: its `id` is then that call's, everything else is
    exactly what `decide` answers.
    """
    known: dict[Hashable, Decision] = {}
    for facts in calls:
        key = signature(facts, policy)
        found = known.get(key)
        if found is None:
            found = known[key] = decide(facts, policy)
        yield facts, found
