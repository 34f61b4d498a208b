"""What one call costs at the account store, beside a bare durable commit on the same disk in the same run.

    python -m benchmarks.claim_reserve [--large 1000000] [--calls 1000] [--folder DIR] [--url postgresql+psycopg://...]

Each line is one size and one shape of data; times are means in milliseconds. `claim` is per account, taken 40 at a
time as the engine does, and `reserve` per account, allowed or blocked, up to 24 to a durable commit as the engine does;
`alone` is an account reserved by a commit of its own, as when calls are far between. `call` is everything a placed call
costs: claim, facts, gate, reservation, and what blocked accounts cost on the way to it. The gate is the real one.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, text, update

import compliance
from accounts import campaigns, claim, ledger
from accounts.model import CampaignSettings, Claim, Reservation, ReserveRequest
from accounts.store import Store, open_store
from accounts.tables import addresses, debts, list_entries, numbers, persons, phones, suppressions
from compliance.facts import CallFacts
from dialer.campaign_loop import RESERVED_AT_ONCE
from domain.ids import CampaignId, new_attempt_id
from domain.mode import Mode
from domain.phone import PhoneNumber
from domain.telephony import RecordingMode, Treatment

TUESDAY = datetime(2026, 12, 1, tzinfo=UTC)
ALL_OPEN, ONLY_NEW_YORK_OPEN = timedelta(hours=18), timedelta(hours=13, minutes=30)
CALLER_ID = PhoneNumber("+12125550100")
CLAIMED_AT_ONCE = 40
ALONE = 100
"""Accounts reserved by a commit each."""
ONE_IN = 100_000
LOADED_AT_ONCE = 20_000


class Zone(NamedTuple):
    area_code: int
    zip: str
    state: str


ZONES = (Zone(212, "10001", "NY"), Zone(312, "60601", "IL"), Zone(303, "80202", "CO"), Zone(213, "90012", "CA"))


@dataclass(frozen=True)
class Shape:
    """How the data is, and the hour of the day at which it is dialled."""

    name: str
    at: timedelta = ALL_OPEN
    is_due: Callable[[int], bool] | None = None
    is_suppressed: Callable[[int], bool] | None = None


SHAPES = (
    Shape("all due, all allowed"),
    Shape("0.001 % due", is_due=lambda n: n % ONE_IN == 0),
    Shape("one zone of four open", at=ONLY_NEW_YORK_OPEN),
    Shape("90 % blocked", is_suppressed=lambda n: n % 10 != 0),
)


@dataclass
class Stopwatch:
    """Mean times by name."""

    total: dict[str, float] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, seconds: float, times: int = 1) -> None:
        self.total[name] = self.total.get(name, 0.0) + seconds
        self.count[name] = self.count.get(name, 0) + times

    def mean_ms(self, name: str) -> float:
        return 1000 * self.total[name] / self.count[name] if self.count.get(name) else float("nan")

    def cell(self, name: str) -> str:
        return f"{self.mean_ms(name):.2f}" if self.count.get(name) else "-"


# --- data ----------------------------------------------------------------------------------------------------------


def zone_of(n: int) -> Zone:
    return ZONES[n * 7919 % len(ZONES)]


def number_of(n: int) -> str:
    return f"+1{zone_of(n).area_code}{7_200_000 + n // len(ZONES)}"


def load(tx: Connection, campaign: CampaignId, list_id: int, client: int, first: int, last: int) -> None:
    """Plain inserts: the importer is not what is measured here."""
    ns = range(first, last)
    person = {"client_id": client, "name": "Pat Doe", "created_at": TUESDAY}
    tx.execute(insert(persons), [{"id": n, "key": f"ref:P{n}", **person} for n in ns])
    tx.execute(insert(numbers), [{"e164": number_of(n), "line_type": "mobile"} for n in ns])
    tx.execute(
        insert(phones),
        [{"id": n, "person_id": n, "e164": number_of(n), "use": "home", "rank": 0} for n in ns],
    )
    places = [{"person_id": n, "zip": zone_of(n).zip, "state": zone_of(n).state, "country": "US"} for n in ns]
    tx.execute(insert(addresses), places)
    debt = {"client_id": client, "kind": "other", "balance_cents": 10_000, "currency": "USD", "status": "open"}
    own = [{"id": n, "person_id": n, "account": f"A{n}", "priority": n * 31 % 1000, "updated_at": TUESDAY} for n in ns]
    tx.execute(insert(debts), [{**debt, **row} for row in own])
    entry = {"campaign_id": campaign, "list_id": list_id, "attempts": 0, "blocked_phones": 0, "state": "ready"}
    own = [{"id": n, "debt_id": n, "person_id": n, "phone_id": n, "priority": n * 31 % 1000} for n in ns]
    rest = {"due_at": TUESDAY, "reserved_agent_only": False}
    tx.execute(insert(list_entries), [{**entry, **rest, **row} for row in own])


def prepare(store: Store, size: int) -> CampaignId:
    store.write(campaigns.own_number, CALLER_ID, 100_000_000)
    settings = CampaignSettings(
        purpose="debt_third_party",
        country="US",
        creditor="Acme",
        caller_ids=(CALLER_ID.e164,),
        recording=RecordingMode.OFF,
        treatment=Treatment.HANGUP,
    )
    campaign = store.write(campaigns.create, "bench", settings, TUESDAY)
    store.write(campaigns.move, campaign, "start")
    client = store.write(campaigns.client_id, "Acme", TUESDAY)
    list_id = store.write(campaigns.list_id, campaign, "bench", TUESDAY)
    for first in range(1, size + 1, LOADED_AT_ONCE):
        store.write(load, campaign, list_id, client, first, min(first + LOADED_AT_ONCE, size + 1))
    return campaign


def reshape(store: Store, shape: Shape, size: int, now: datetime) -> None:
    """Every account ready again, or as the shape says."""
    store.write(lambda tx: tx.execute(update(list_entries).values(state="ready", due_at=now, last_block=None)))
    if shape.is_due is not None:
        later = {"state": "waiting", "due_at": now + timedelta(days=30)}
        due = [n for n in range(1, size + 1) if shape.is_due(n)] or [size]
        store.write(lambda tx: tx.execute(update(list_entries).values(later)))
        store.write(lambda tx: tx.execute(update(list_entries).where(list_entries.c.id.in_(due)).values(due_at=now)))
    store.write(lambda tx: tx.execute(delete(suppressions)))
    if shape.is_suppressed is not None:
        rows = [
            {"kind": "internal_dnc", "number": number_of(n), "since": TUESDAY, "source": "bench"}
            for n in range(1, size + 1)
            if shape.is_suppressed(n)
        ]
        for first in range(0, len(rows), LOADED_AT_ONCE):
            store.write(lambda tx, some=rows[first : first + LOADED_AT_ONCE]: tx.execute(insert(suppressions), some))


# --- measuring -----------------------------------------------------------------------------------------------------


def dial(
    store: Store, campaign: CampaignId, decide: Callable[[CallFacts], compliance.Decision], calls: int, now: datetime
) -> Stopwatch:
    """Claim and reserve, until so many calls could be placed."""
    watch, placed = Stopwatch(), 0
    while placed < calls:
        began = time.perf_counter()
        held = store.write(claim.claim, campaign, CLAIMED_AT_ONCE, now, "bench", timedelta(hours=1))
        watch.add("claim", time.perf_counter() - began, max(len(held), 1))
        if not held:
            break
        for first in range(0, len(held), RESERVED_AT_ONCE):
            some = held[first : first + RESERVED_AT_ONCE]
            began = time.perf_counter()
            answers = store.write(ledger.reserve_all, [_request(one, now) for one in some], decide)
            watch.add("reserve", time.perf_counter() - began, len(some))
            placed += sum(isinstance(answer, Reservation) for answer in answers)
    watch.add("call", sum(watch.total.values()), max(placed, 1))
    for one in store.write(claim.claim, campaign, ALONE, now, "bench", timedelta(hours=1)):
        began = time.perf_counter()
        store.write(ledger.reserve, _request(one, now), decide)
        watch.add("alone", time.perf_counter() - began)
    return watch


def _request(held: Claim, now: datetime) -> ReserveRequest:
    return ReserveRequest(new_attempt_id(now), held, Mode.POWER, "carrier", CALLER_ID, now)


def bare_commit_ms(folder: Path, commits: int) -> float:
    """One row, one durable transaction, nothing else: what the disk itself asks for."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
    began = time.perf_counter()
    for n in range(commits):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (?)", (n,))
        connection.execute("COMMIT")
    taken = time.perf_counter() - began
    connection.close()
    return 1000 * taken / commits


def bare_server_commit_ms(store: Store, commits: int) -> float:
    """The same through the store's own connection, for a database server."""
    store.write(lambda tx: tx.execute(text("CREATE TABLE IF NOT EXISTS bench_bare (a bigint)")))
    began = time.perf_counter()
    for n in range(commits):
        store.write(lambda tx, n=n: tx.execute(text("INSERT INTO bench_bare VALUES (:n)"), {"n": n}))
    return 1000 * (time.perf_counter() - began) / commits


COLUMNS = ("accounts", "data", "claim", "reserve", "call", "alone", "bare commit", "call / bare commit")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--small", type=int, default=10_000)
    arguments.add_argument("--large", type=int, default=1_000_000)
    arguments.add_argument("--calls", type=int, default=1000)
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--url", help="an empty database for each size, with {size} in its name")
    told = arguments.parse_args()
    policy = compliance.load_policy()
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---:|---|" + "---:|" * (len(COLUMNS) - 2))
    for size in (told.small, told.large):
        with tempfile.TemporaryDirectory(dir=told.folder) as folder:
            store = open_store(told.url.format(size=size) if told.url else Path(folder) / "accounts.db", TUESDAY)
            campaign = prepare(store, size)
            for day, shape in enumerate(SHAPES):
                now = TUESDAY + timedelta(days=day) + shape.at
                reshape(store, shape, size, now)
                bare = bare_server_commit_ms(store, 500) if told.url else bare_commit_ms(Path(folder), 500)
                watch = dial(store, campaign, lambda facts: compliance.decide(facts, policy), told.calls, now)
                cells = [f"{size:,}", shape.name, f"{watch.mean_ms('claim'):.3f}"]
                cells += [watch.cell(name) for name in ("reserve", "call", "alone")]
                cells += [f"{bare:.2f}", f"{watch.mean_ms('call') / bare:.1f}"]
                print("| " + " | ".join(cells) + " |", flush=True)
            store.close()


if __name__ == "__main__":
    main()
