"""The compliance officer's commands that read the account store; `compliance_cli` and `cli` say how they are called."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import typer

import compliance
from accounts import officer
from accounts.officer import Recorded
from compliance import explain as explaining
from compliance.facts import CallFacts
from compliance.policy import Policy
from compliance.wire import WireError
from dialer import settings as settings_file
from dialer.command_line import fail, opened_store
from domain.ids import AttemptId
from domain.phone import PhoneNumber, PhoneNumberError


def say(facts: CallFacts, policy: Policy, *, blocking: bool) -> None:
    """A sentence per rule, then what follows."""
    for sentence in explaining.explain(facts, policy):
        if sentence.blocks or not blocking:
            typer.echo(f"{'NO ' if sentence.blocks else 'yes'} {sentence.rule} ({sentence.citation}): {sentence.text}")
    typer.echo(explaining.conclusion(facts, policy))


def explain_attempt(attempt: AttemptId, policy: Policy, *, blocking: bool) -> None:
    """The recorded decision of an attempt, its rules in sentences, and whether replay gives the same."""
    with opened_store() as store:
        try:
            found = store.read(officer.decision_of, attempt)
        except WireError as error:
            fail(f"the facts of this decision cannot be read ({error}); another version wrote them: use that one")
    _recorded(found)
    if found.facts is None:
        typer.echo("The facts of this decision are no longer kept: it cannot be replayed.")
        return
    say(found.facts, policy, blocking=blocking)
    different = officer.differences(found, compliance.decide(found.facts, policy))
    if not different:
        typer.echo("Replay gives the recorded decision bit for bit.")
        return
    typer.echo("Replay does NOT give the recorded decision:")
    for line in different:
        typer.echo(f"  {line}")
    if (found.policy_hash, found.tzdata) != (policy.digest, policy.tzdata):
        typer.echo("The rules or the time-zone data of the record are not those of today; replay it with the former.")
    raise typer.Exit(1)


def _recorded(found: Recorded) -> None:
    answer = "allowed" if found.allowed else "blocked"
    counted = "counts" if found.counted else "does not count"
    typer.echo(
        f"Decided at {found.at:%Y-%m-%d %H:%M:%S.%f} UTC: {answer}, {counted} toward limits; rules {found.policy} "
        f"({found.policy_hash[:12]}), time-zone data {found.tzdata}."
    )


def explain_known(number: str, at: datetime, policy: Policy, *, blocking: bool) -> bool:
    """Explain every account that would be called at a number; False where the store knows none."""
    settings = settings_file.load()
    if isinstance(settings.database_url, Path) and not settings.database_url.exists():
        return False
    try:
        called = PhoneNumber(number)
    except PhoneNumberError:
        return False
    with opened_store(settings) as store:
        known = store.read(officer.facts_for_number, called, at)
    for account in known:
        typer.echo(f"Account {account.facts.debt} in campaign {account.campaign}, facts from the store:")
        say(account.facts, policy, blocking=blocking)
    return bool(known)
