"""A store per test, and a floor to stand on: one client, one running campaign, one owned number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from accounts import campaigns, claim, endings, ledger, records
from accounts.dialect import IN_MEMORY
from accounts.model import CampaignSettings, Claim, Ending, Refusal, Reservation, ReserveRequest, Ruling
from accounts.store import Store, open_store
from compliance.facts import CallFacts
from dialer.testing import postgres
from domain.ids import AgentId, CampaignId, ListId, new_attempt_id
from domain.mode import Mode
from domain.money import Money
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.reasons import Reason, ReasonCode
from domain.telephony import RecordingMode, Treatment

from .constants import NOON

CALLER_ID = PhoneNumber("+12125550100")
SETTINGS = CampaignSettings(
    purpose="debt_third_party",
    country="US",
    creditor="Acme",
    caller_ids=(CALLER_ID.e164,),
    recording=RecordingMode.OFF,
    treatment=Treatment.HANGUP,
)


@dataclass(frozen=True)
class Answer:
    """What a gate might say; allows unless told otherwise."""

    allowed: bool = True
    retry_at: datetime | None = None
    reasons: tuple[Reason, ...] = ()
    counted: bool = True
    under_consent: bool = False
    flags: tuple[str, ...] = ()
    policy: str = "test-1"
    policy_hash: str = "0"
    tzdata: str = "2026f"


def blocked(code: ReasonCode, retry_at: datetime | None = None) -> Answer:
    return Answer(allowed=False, retry_at=retry_at, reasons=(Reason(code, "T-1", "none", "because"),))


@dataclass
class Floor:
    """Short words for what tests do over and over."""

    store: Store
    campaign: CampaignId
    client: int
    list_id: ListId
    now: datetime = NOON

    @property
    def url(self) -> str:
        address = self.store.url
        return str(address.database) if address.get_backend_name() == "sqlite" else address.render_as_string()

    def later(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now

    def account(self, n: int, **changes: object) -> records.Stored:
        record = records.AccountRecord(
            account=f"A{n}",
            name=f"Pat Nr{n}",
            last_name=f"Nr{n}",
            phones=(records.PhoneRecord(PhoneNumber(f"+1212556{n:04d}")),),
            balance=Money(10_000),
            reference=f"P{n}",
        )
        changed = replace(record, **changes)  # type: ignore[arg-type]
        return self.store.write(records.store_account, self.client, changed, self.now, (self.campaign, self.list_id))

    def claims(self, n: int = 10, engine: str = "e1") -> list[Claim]:
        return list(self.store.write(claim.claim, self.campaign, n, self.now, engine))

    def reserve(
        self,
        held: Claim,
        decide: Callable[[CallFacts], Ruling] = lambda _facts: Answer(),
        agent: AgentId | None = None,
        caller_id: PhoneNumber = CALLER_ID,
        fence: int = 0,
    ) -> Reservation | Refusal:
        request = replace(self.request(held), agent=agent, caller_id=caller_id, fence=fence)
        return self.store.write(ledger.reserve, request, decide)

    def request(self, held: Claim) -> ReserveRequest:
        return ReserveRequest(new_attempt_id(self.now), held, Mode.PROGRESSIVE, "carrier", CALLER_ID, self.now)

    def end(self, made: Reservation | Refusal, outcome: Outcome) -> bool:
        assert isinstance(made, Reservation)
        return self.store.write(endings.record_outcome, made.attempt, Ending(outcome), self.now)

    @classmethod
    def on(cls, store: Store) -> Floor:
        store.write(campaigns.own_number, CALLER_ID, 10_000)
        campaign = store.write(campaigns.create, "demo", SETTINGS, NOON)
        store.write(campaigns.move, campaign, "start")
        client = store.write(campaigns.client_id, "Acme", NOON)
        return cls(store, campaign, client, store.write(campaigns.list_id, campaign, "first", NOON))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    folder = postgres.binaries()
    if folder is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt install postgresql)")
    with postgres.running(folder) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store, on each of the two databases."""
    return address(request, tmp_path)


def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "accounts.db")
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind: what holds for one holds for all."""
    opened = open_store(IN_MEMORY if request.param == "memory" else address(request, tmp_path), NOON)
    yield opened
    opened.close()


@pytest.fixture
def floor(store: Store) -> Floor:
    return Floor.on(store)


@pytest.fixture
def common_floor(url: str) -> Iterator[Floor]:
    """A floor whose store can be opened a second time, and by other processes."""
    opened = open_store(url, NOON)
    yield Floor.on(opened)
    opened.close()
