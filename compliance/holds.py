"""What keeps a whole campaign from dialing, whoever would be called: no rules, expired rules, a stale registry.

The gate says the same of every single call. Said once, beforehand, no account is moved and the reason stands where
people look.
"""

from __future__ import annotations

from datetime import date

from compliance.facts import Purpose
from compliance.policy import Policy
from compliance.rules import Kind
from compliance.suppression import RegistryParams


def holds(policy: Policy, country: str, purpose: Purpose, file_date: date | None, today: date) -> tuple[str, ...]:
    """Why no call of a campaign may be placed, a sentence each; empty where nothing holds all of them.

    Args:
        policy: the rules in force.
        country: whose rules the campaign follows.
        purpose: of its calls.
        file_date: of the do-not-call file its numbers were scrubbed against.
        today: the local date where the campaign calls.
    """
    pack = policy.countries.get(country)
    if pack is None:
        return (f"there are no rules for {country}: nothing is dialed there",)
    found = []
    if pack.expires is not None and today > pack.expires:
        found.append(f"the rules of {country} ({pack.version}) expired on {pack.expires}; load newer ones")
    for rule in policy.rules:
        if rule.kind is Kind.REGISTRY and rule.country == country and rule.binds(frozenset({purpose})):
            assert isinstance(rule.params, RegistryParams)  # noqa: S101  # the loader pairs kinds and parameters
            found.extend(_stale(rule.id, rule.params.max_age_days, file_date, today))
    return tuple(found)


def _stale(rule: str, most: int, file_date: date | None, today: date) -> list[str]:
    if file_date is None:
        return [f"{rule}: the date of the do-not-call file is not known; scrub the list and set it"]
    age = (today - file_date).days
    if age > most:
        return [f"{rule}: the do-not-call file of {file_date} is {age} days old, at most {most} are allowed"]
    return []
