"""Whatever happens in whatever order: caps hold, the funnel adds up, and every account is somewhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, select

from accounts import claim, endings, funnel
from accounts.dispositions import Said, record_disposition
from accounts.model import Claim, DebtStatus, Ending, Reservation
from accounts.store import open_store
from accounts.tables import attempt_outcomes, attempts, list_entries
from compliance.facts import CallFacts, Result
from domain.ids import AttemptId
from domain.outcomes import Outcome
from domain.reasons import ReasonCode

from .conftest import NOON, Answer, Floor, blocked

pytestmark = pytest.mark.store
CAP = 4
ACCOUNTS = 5
UNCOUNTED = {Result.BUSY, Result.SIT, Result.FAILED}


def capped(facts: CallFacts) -> Answer:
    """Two persons share the accounts; each may be tried so often."""
    return Answer(allowed=sum(event.result not in UNCOUNTED for event in facts.history) < CAP)


class AnyOrder(RuleBasedStateMachine):
    """A campaign on which anything may happen."""

    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory()
        self.floor = Floor.on(open_store(Path(self.folder.name) / "accounts.db", NOON))
        for n in range(ACCOUNTS):
            self.floor.account(n, reference=f"P{n % 2}")
        self.held: list[Claim] = []
        self.open_attempts: list[AttemptId] = []
        self.ended: list[AttemptId] = []

    def teardown(self) -> None:
        self.floor.store.close()
        self.folder.cleanup()

    @rule(n=st.integers(1, 3), engine=st.sampled_from(["e1", "e2"]))
    def claim(self, n: int, engine: str) -> None:
        self.held += self.floor.claims(n, engine)

    @precondition(lambda self: self.held)
    @rule()
    def reserve(self) -> None:
        made = self.floor.reserve(self.held.pop(0), capped)
        self.open_attempts += [one.attempt for one in [made] if isinstance(one, Reservation)]

    @precondition(lambda self: self.held)
    @rule(code=st.sampled_from(ReasonCode), hours=st.none() | st.integers(0, 30))
    def block(self, code: ReasonCode, hours: int | None) -> None:
        retry_at = None if hours is None else self.floor.now + timedelta(hours=hours)
        self.floor.reserve(self.held.pop(), lambda _facts: blocked(code, retry_at))

    @precondition(lambda self: self.held)
    @rule()
    def release(self) -> None:
        self.floor.store.write(claim.release, [self.held.pop()])

    @precondition(lambda self: self.open_attempts)
    @rule(outcome=st.sampled_from(Outcome))
    def end(self, outcome: Outcome) -> None:
        attempt = self.open_attempts.pop(0)
        self.floor.store.write(endings.record_outcome, attempt, Ending(outcome), self.floor.now)
        self.ended.append(attempt)

    @precondition(lambda self: self.ended)
    @rule(
        outcome=st.none() | st.sampled_from([Outcome.THIRD_PARTY, Outcome.MACHINE, Outcome.WRONG_NUMBER]),
        hours=st.none() | st.integers(0, 30),
        stop=st.none() | st.sampled_from([ReasonCode.INTERNAL_DNC, ReasonCode.THIRD_PARTY, ReasonCode.DISPUTE]),
    )
    def say(self, outcome: Outcome | None, hours: int | None, stop: ReasonCode | None) -> None:
        callback = None if hours is None else self.floor.now + timedelta(hours=hours)
        said = Said("said", outcome, stop, callback_at=callback)
        self.floor.store.write(record_disposition, self.ended[-1], None, said, self.floor.now)

    @rule(engine=st.sampled_from(["e1", "e2"]))
    def crash(self, engine: str) -> None:
        lost = self.floor.store.write(endings.sweep, engine, self.floor.now)
        self.open_attempts = [attempt for attempt in self.open_attempts if attempt not in lost]
        self.held = [held for held in self.held if held.engine != engine]

    @rule(hours=st.sampled_from([0.01, 1, 5, 30]))
    def wait(self, hours: float) -> None:
        self.floor.later(hours=hours)

    @rule(n=st.integers(0, ACCOUNTS - 1), close=st.booleans())
    def reimport(self, n: int, close: bool) -> None:
        status = {True: DebtStatus.CLOSED, False: DebtStatus.OPEN}[close]
        self.floor.account(n, reference=f"P{n % 2}", status=status)

    @invariant()
    def caps_hold(self) -> None:
        counted = (
            select(attempts.c.person_id, func.count())
            .outerjoin(attempt_outcomes, attempt_outcomes.c.attempt_id == attempts.c.id)
            .where(attempt_outcomes.c.outcome.is_(None) | attempt_outcomes.c.outcome.not_in(sorted(UNCOUNTED)))
            .where(func.coalesce(attempt_outcomes.c.seq, 1) == 1)
            .group_by(attempts.c.person_id)
        )
        rows = self.floor.store.read(lambda tx: tx.execute(counted).all())
        assert all(count <= CAP for _person, count in rows)

    @invariant()
    def the_funnel_adds_up(self) -> None:
        found = self.floor.store.read(funnel.funnel, self.floor.campaign, self.floor.now)
        listed = select(func.count()).select_from(list_entries)
        assert found.total == ACCOUNTS == self.floor.store.read(lambda tx: tx.execute(listed).scalar_one())
        assert found.headline

    @invariant()
    def no_account_is_dialed_twice_at_once(self) -> None:
        assert len(set(self.open_attempts)) == len(self.open_attempts)
        assert set(self.floor.store.read(endings.still_open, "e1")) | set(
            self.floor.store.read(endings.still_open, "e2")
        ) == set(self.open_attempts)


AnyOrder.TestCase.settings = settings(
    max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnyOrder = AnyOrder.TestCase
