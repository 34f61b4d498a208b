"""Which rules an engine works by, written down when it starts: versions, and what a customer's people loosened."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from accounts.journal import Event, record_events
from compliance.policy import Policy


def record_rules(tx: Connection, policy: Policy, engine: str, now: datetime) -> None:
    """One event for the rules in force and one for each loosening.

    Who approved a loosening, and why, stands in the customer's pack, whose bytes are part of the digest: names are not
    for events.
    """
    versions = {"engine": engine, "digest": policy.digest, "tzdata": policy.tzdata}
    loosened = [
        Event("rule_loosened", now, data={**versions, "rule": each.rule, "max": each.max, "where": each.where})
        for each in policy.loosened
    ]
    record_events(tx, [Event("rules_in_force", now, data=versions), *loosened])
