"""The promise that matters most: caps hold under any interleaving, and a crash loses no count."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Table, func, select, text
from sqlalchemy.exc import DBAPIError

from accounts import endings, ledger
from accounts.dispositions import Said, record_disposition
from accounts.journal import Contact, Event, record_contact, record_events
from accounts.model import Claim, Ending, Reservation
from accounts.records import PhoneRecord
from accounts.store import Store, open_store
from accounts.tables import APPEND_ONLY, attempt_outcomes, attempts
from compliance.facts import CallFacts, Result
from domain.outcomes import Outcome
from domain.phone import PhoneNumber

from .conftest import CALLER_ID, NOON, Answer, Floor

pytestmark = pytest.mark.store
CAP = 3
SHARED = PhoneRecord(PhoneNumber("+12125550199"))


def at_most(cap: int) -> Callable[[CallFacts], Answer]:
    """A gate that counts: at most `cap` attempts that count, to this person or this number."""

    def decide(facts: CallFacts) -> Answer:
        made = [event for event in facts.history if event.result not in {Result.BUSY, Result.SIT, Result.FAILED}]
        return Answer(allowed=len(made) < cap)

    return decide


def number_of_attempts(store: Store) -> int:
    return store.read(lambda tx: tx.execute(select(func.count()).select_from(attempts)).scalar_one())


@pytest.mark.parametrize("shared", ["person", "number"])
def test_engines_that_race_for_one_person_or_number_do_not_pass_the_cap(common_floor: Floor, shared: str) -> None:
    for n in range(12):
        same = {"reference": "P1"} if shared == "person" else {"phones": (SHARED,)}
        common_floor.account(n, **same)
    held = common_floor.claims(20)
    stores = [open_store(common_floor.url, NOON) for _ in range(4)]
    gate = Barrier(4)

    def dial(store: Store, mine: list[Claim]) -> int:
        gate.wait()
        won = 0
        for index, one in enumerate(mine):
            now = NOON + timedelta(seconds=index)
            request = replace(common_floor.request(one), now=now)
            answer = store.write(ledger.reserve, request, at_most(CAP))
            for made in [answer] * isinstance(answer, Reservation):
                store.write(endings.record_outcome, made.attempt, Ending(Outcome.NO_ANSWER), now)
                won += 1
        return won

    with ThreadPoolExecutor(4) as pool:
        won = sum(pool.map(dial, stores, [held[part::4] for part in range(4)]))
    for store in stores:
        store.close()
    assert won == number_of_attempts(common_floor.store) <= CAP
    assert won > 0


CHILD = """
import os, sys
from datetime import datetime
from types import SimpleNamespace
from accounts import claim, endings, ledger
from accounts.model import ReserveRequest
from domain.mode import Mode
from accounts.store import open_store
from domain.ids import new_attempt_id
from domain.phone import PhoneNumber

url, caller_id, now = sys.argv[1], PhoneNumber(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
store = open_store(url, now)
allow = SimpleNamespace(
    allowed=True, retry_at=None, reasons=(), counted=True, under_consent=False, flags=(), policy="p", policy_hash="h",
    tzdata="t",
)
(held,) = store.write(claim.claim, 1, 1, now, "dies")
store.write(ledger.reserve, ReserveRequest(new_attempt_id(now), held, Mode.POWER, "t", caller_id, now), lambda _: allow)
os.kill(os.getpid(), 9)
"""


def test_a_process_killed_between_reservation_and_outcome_has_counted(common_floor: Floor) -> None:
    common_floor.account(1)
    url = common_floor.url
    child = subprocess.run([sys.executable, "-c", CHILD, url, CALLER_ID.e164, NOON.isoformat()], check=False)
    assert child.returncode == -9
    assert number_of_attempts(common_floor.store) == 1
    assert len(common_floor.store.write(endings.sweep, "dies", common_floor.now)) == 1
    outcome = common_floor.store.read(lambda tx: tx.execute(select(attempt_outcomes.c.outcome)).scalar_one())
    assert outcome == Outcome.UNKNOWN


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda table: table.name)
@pytest.mark.parametrize("verb", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}"])
def test_what_is_written_in_the_ledger_cannot_be_changed(floor: Floor, table: Table, verb: str) -> None:
    floor.account(1)
    (held,) = floor.claims()
    made = floor.reserve(held)
    assert isinstance(made, Reservation)
    floor.end(made, Outcome.CONVERSATION)
    floor.store.write(record_disposition, made.attempt, None, Said("spoke"), floor.now)
    floor.store.write(record_events, [Event("test", floor.now, made.attempt)])
    floor.store.write(record_contact, Contact(floor.now, "conversation", "in"))
    with pytest.raises(DBAPIError, match="append-only"):
        floor.store.write(lambda tx: tx.execute(text(verb.format(table.name, table.c.keys()[0]))))
