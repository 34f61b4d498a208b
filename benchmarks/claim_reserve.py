"""What one call costs at the account store, beside a bare durable commit on the same disk in the same run.

    python -m benchmarks.claim_reserve [--large 1000000] [--calls 1000] [--folder DIR] [--url postgresql+psycopg://...]

Each line is one size and one shape of data; times are means in milliseconds. `claim` is per account, taken 40 at a time
as the engine does. `blocked` is an account the gate refused, moved to its retry instant. `call` is everything a placed
call costs: claim, facts, gate and reservation, and what blocked accounts cost on the way to it.
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

from sqlalchemy import Connection, insert, text, update

from accounts import campaigns, claim, ledger
from accounts.model import CampaignSettings, Mode, Reservation, ReserveRequest
from accounts.store import Store, open_store
from accounts.tables import addresses, debts, list_entries, numbers, persons, phones
from compliance.facts import CallFacts
from domain.ids import CampaignId, new_attempt_id
from domain.phone import PhoneNumber
from domain.reasons import Reason, ReasonCode
from domain.telephony import RecordingMode, Treatment

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
CALLER_ID = PhoneNumber("+12125550100")
CLAIMED_AT_ONCE = 40
ZONES = ("NY", "IL", "CO", "CA")
ONE_IN_A_HUNDRED_THOUSAND = 100_000
SHUT = (Reason(ReasonCode.CALL_WINDOW, "B-1", "none", "shut"),)


@dataclass(frozen=True)
class Ruling:
    allowed: bool
    retry_at: datetime | None = None
    reasons: tuple[Reason, ...] = ()
    counted: bool = True
    flags: tuple[str, ...] = ()
    policy: str = "bench"
    policy_hash: str = "0"
    tzdata: str = "none"


ALLOW = Ruling(allowed=True)
BLOCK = Ruling(allowed=False, retry_at=NOW + timedelta(hours=5), reasons=SHUT)


@dataclass(frozen=True)
class Shape:
    """How the data is, and what the gate makes of it."""

    name: str
    decide: Callable[[CallFacts], Ruling]
    due: Callable[[int], bool] = lambda _n: True


SHAPES = (
    Shape("all due, all allowed", lambda _facts: ALLOW),
    Shape("0.001 % due", lambda _facts: ALLOW, lambda n: n % ONE_IN_A_HUNDRED_THOUSAND == 0),
    Shape("one zone of four open", lambda facts: ALLOW if facts.addresses[0].state == "NY" else BLOCK),
    Shape("90 % blocked", lambda facts: ALLOW if int(facts.number.e164[-1]) == 0 else BLOCK),
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


def load(tx: Connection, campaign: CampaignId, list_id: int, client: int, first: int, last: int) -> None:
    """Plain inserts: the importer is not what is measured here."""
    ns = range(first, last)
    e164 = {n: f"+1{2_000_000_000 + n}" for n in ns}
    tx.execute(
        insert(persons),
        [{"id": n, "client_id": client, "key": f"ref:P{n}", "name": "Pat Doe", "created_at": NOW} for n in ns],
    )
    tx.execute(insert(numbers), [{"e164": e164[n], "line_type": "mobile"} for n in ns])
    tx.execute(insert(phones), [{"id": n, "person_id": n, "e164": e164[n], "use": "home", "rank": 0} for n in ns])
    tx.execute(
        insert(addresses),
        [{"person_id": n, "zip": "10001", "state": ZONES[n * 7919 % len(ZONES)], "country": "US"} for n in ns],
    )
    debt = {"client_id": client, "kind": "other", "balance_cents": 10_000, "currency": "USD", "status": "open"}
    tx.execute(
        insert(debts),
        [
            {"id": n, "person_id": n, "account": f"A{n}", "priority": n * 31 % 1000, "updated_at": NOW, **debt}
            for n in ns
        ],
    )
    entry = {"campaign_id": campaign, "list_id": list_id, "attempts": 0, "blocked_phones": 0, "state": "ready"}
    tx.execute(
        insert(list_entries),
        [
            {
                "id": n,
                "debt_id": n,
                "person_id": n,
                "phone_id": n,
                "priority": n * 31 % 1000,
                "due_at": NOW,
                "reserved_agent_only": False,
                **entry,
            }
            for n in ns
        ],
    )


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
    campaign = store.write(campaigns.create, "bench", settings, NOW)
    store.write(campaigns.move, campaign, "start")
    client = store.write(campaigns.client_id, "Acme", NOW)
    list_id = store.write(campaigns.list_id, campaign, "bench", NOW)
    for first in range(1, size + 1, 20_000):
        store.write(load, campaign, list_id, client, first, min(first + 20_000, size + 1))
    return campaign


def reshape(tx: Connection, shape: Shape, size: int) -> None:
    """Every account ready again, or due only in a week where the shape says so."""
    ready, later = {"state": "ready", "due_at": NOW}, {"state": "waiting", "due_at": NOW + timedelta(days=7)}
    if shape.due(1):
        tx.execute(update(list_entries).values(ready))
        return
    tx.execute(update(list_entries).values(later))
    due = [n for n in range(1, size + 1) if shape.due(n)] or [size]
    tx.execute(update(list_entries).where(list_entries.c.id.in_(due)).values(state="waiting", due_at=NOW))


def dial(store: Store, campaign: CampaignId, shape: Shape, calls: int, now: datetime) -> Stopwatch:
    """Claim and reserve until so many calls could be placed or nothing is due."""
    watch, placed = Stopwatch(), 0
    while placed < calls:
        began = time.perf_counter()
        held = store.write(claim.claim, campaign, CLAIMED_AT_ONCE, now, "bench", timedelta(hours=1))
        watch.add("claim", time.perf_counter() - began, max(len(held), 1))
        if not held:
            break
        for one in held:
            began = time.perf_counter()
            request = ReserveRequest(new_attempt_id(now), one, Mode.POWER, "carrier", CALLER_ID, now)
            made = store.write(ledger.reserve, request, shape.decide)
            allowed = isinstance(made, Reservation)
            watch.add("reserve" if allowed else "blocked", time.perf_counter() - began)
            placed += allowed
    watch.add("call", sum(watch.total.values()), max(placed, 1))
    return watch


def bare_commit_ms(folder: Path, commits: int) -> float:
    """One row, one durable transaction, nothing else: what the disk itself asks for."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t (a)")
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


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--small", type=int, default=10_000)
    arguments.add_argument("--large", type=int, default=1_000_000)
    arguments.add_argument("--calls", type=int, default=1000)
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--url", help="an empty database for each size, with {size} in its name")
    told = arguments.parse_args()
    print("| accounts | data | claim ms | blocked ms | reserve ms | call ms | bare commit ms | reserve / commit |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    for size in (told.small, told.large):
        with tempfile.TemporaryDirectory(dir=told.folder) as folder:
            address = told.url.format(size=size) if told.url else Path(folder) / "accounts.db"
            store = open_store(address, NOW)
            campaign = prepare(store, size)
            for day, shape in enumerate(SHAPES):
                store.write(reshape, shape, size)
                bare = bare_server_commit_ms(store, 500) if told.url else bare_commit_ms(Path(folder), 500)
                (Path(folder) / "bare.db").unlink(missing_ok=True)
                watch = dial(store, campaign, shape, told.calls, NOW + timedelta(minutes=day))
                print(
                    f"| {size:,} | {shape.name} | {watch.mean_ms('claim'):.3f} | {watch.mean_ms('blocked'):.2f} "
                    f"| {watch.mean_ms('reserve'):.2f} | {watch.mean_ms('call'):.2f} | {bare:.2f} "
                    f"| {watch.mean_ms('reserve') / bare:.1f} |",
                    flush=True,
                )
            store.close()


if __name__ == "__main__":
    main()
