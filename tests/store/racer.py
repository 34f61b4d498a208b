"""A process that reserves as fast as it can for one person, and writes down each reservation before the next.

python -m tests.store.racer URL CAMPAIGN ENGINE CAP ROUNDS FILE
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from accounts import claim, endings, ledger
from accounts.model import Ending, Reservation, ReserveRequest
from accounts.store import open_store
from domain.ids import CampaignId, new_attempt_id
from domain.mode import Mode
from domain.outcomes import Outcome
from domain.phone import PhoneNumber

NOON = datetime(2026, 12, 1, 15, tzinfo=UTC)
CALLER_ID = PhoneNumber("+12125550100")


def ruling(*, allowed: bool) -> SimpleNamespace:
    versions = {"policy": "p", "policy_hash": "h", "tzdata": "t"}
    return SimpleNamespace(
        allowed=allowed, retry_at=NOON, reasons=(), counted=True, under_consent=False, flags=(), **versions
    )


def main() -> None:
    url, campaign, engine, cap, rounds, path = sys.argv[1:]
    store = open_store(url, NOON)
    log = os.open(Path(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for index in range(int(rounds)):
        now = NOON + timedelta(minutes=5 * index)
        for held in store.write(claim.claim, CampaignId(int(campaign)), 1, now, engine):
            request = ReserveRequest(new_attempt_id(now), held, Mode.POWER, "trunk", CALLER_ID, now)
            made = store.write(ledger.reserve, request, lambda facts: ruling(allowed=len(facts.history) < int(cap)))
            if isinstance(made, Reservation):
                os.write(log, f"{made.attempt}\n".encode())  # where the engine would send the Originate
                store.write(endings.record_outcome, made.attempt, Ending(Outcome.NO_ANSWER), now)


if __name__ == "__main__":
    main()
