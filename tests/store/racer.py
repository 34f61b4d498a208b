"""A process that reserves for one person as fast as it can, a few accounts at a time, and writes down what it got.

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
AT_ONCE = 3


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
        held = store.write(claim.claim, CampaignId(int(campaign)), AT_ONCE, now, engine)
        requests = [ReserveRequest(new_attempt_id(now), one, Mode.POWER, "trunk", CALLER_ID, now) for one in held]
        answers = store.write(ledger.reserve_all, requests, lambda facts: ruling(allowed=len(facts.history) < int(cap)))
        made = [answer.attempt for answer in answers if isinstance(answer, Reservation)]
        for attempt in made:
            os.write(log, f"{attempt}\n".encode())  # where the engine would send the Originate
        store.write(endings.record_outcomes, dict.fromkeys(made, Ending(Outcome.NO_ANSWER)), now)


if __name__ == "__main__":
    main()
