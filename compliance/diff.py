"""What a change of rules would do: the calls whose answer differs between two policies, and a pre-launch count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from compliance.decision import Decision
from compliance.facts import CallFacts
from compliance.gate import decide
from compliance.policy import Policy


@dataclass(frozen=True, slots=True)
class Change:
    """One call that two policies answer differently."""

    facts: CallFacts
    before: Decision
    after: Decision

    @property
    def what(self) -> str:
        if self.before.outcome is not self.after.outcome:
            return f"{self.before.outcome} -> {self.after.outcome}"
        if _rules(self.before) != _rules(self.after):
            return f"still {self.after.outcome}, other reasons"
        return f"still {self.after.outcome}, other time or flags"


def changes(calls: Iterable[CallFacts], old: Policy, new: Policy) -> Iterator[Change]:
    """The calls that change, in order."""
    for facts in calls:
        before, after = decide(facts, old), decide(facts, new)
        if (before.outcome, _rules(before), before.retry_at, before.flags) != (
            after.outcome,
            _rules(after),
            after.retry_at,
            after.flags,
        ):
            yield Change(facts, before, after)


def _rules(decision: Decision) -> frozenset[str]:
    return frozenset(reason.rule for reason in decision.reasons)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that is new, gone or other."""

    id: str
    what: str


def rule_changes(old: Policy, new: Policy) -> tuple[RuleChange, ...]:
    """Rules that differ between two policies, by id."""
    before = {(rule.id, rule.effective_from): rule for rule in old.rules}
    after = {(rule.id, rule.effective_from): rule for rule in new.rules}
    found = []
    for key in sorted(before.keys() | after.keys(), key=str):
        one, other = before.get(key), after.get(key)
        if one is None:
            found.append(RuleChange(key[0], "new"))
        elif other is None:
            found.append(RuleChange(key[0], "gone"))
        else:
            names = [name for name in _COMPARED if getattr(one, name) != getattr(other, name)]
            if names:
                found.append(RuleChange(key[0], "changed: " + ", ".join(names)))
    return tuple(found)


_COMPARED = (
    "kind", "purposes", "country", "states", "cities", "basis", "except_countries", "except_states", "when", "params",
    "effective_from", "effective_to", "severity",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the gate would do with a list now.

    Attributes:
        callable_now: calls that may be placed.
        by_rule: blocked calls by the first rule that blocks; adds up with `callable_now` to all calls.
        touched: blocked calls by every rule that blocks; a call may stand under several.
        next_callable: blocked calls by the hour (UTC) at which they may be placed.
        held: blocked calls that only a person or a new fact can lift.
    """

    callable_now: int
    by_rule: tuple[tuple[str, int], ...]
    touched: tuple[tuple[str, int], ...]
    next_callable: tuple[tuple[datetime, int], ...]
    held: int


def preflight(calls: Iterable[CallFacts], policy: Policy) -> Preflight:
    """Count what each rule will skip before a campaign starts, with a histogram of the next callable times."""
    first: Counter[str] = Counter()
    every: Counter[str] = Counter()
    hours: Counter[datetime] = Counter()
    callable_now = held = 0
    for facts in calls:
        decision = decide(facts, policy)
        if decision.allowed:
            callable_now += 1
            continue
        first[decision.reasons[0].rule] += 1
        every.update({reason.rule for reason in decision.reasons})
        if decision.retry_at is None:
            held += 1
        else:
            hours[_hour(decision.retry_at)] += 1
    return Preflight(callable_now, _ranked(first), _ranked(every), tuple(sorted(hours.items())), held)


def _hour(instant: datetime) -> datetime:
    return instant - timedelta(minutes=instant.minute, seconds=instant.second, microseconds=instant.microsecond)


def _ranked(counter: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counter.items(), key=lambda item: (-item[1], item[0])))
