"""Emergencies, relationships, loan accounts, consent and the brake reach the gate from the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

import compliance
from accounts import campaigns, emergencies, journal
from accounts.emergencies import Emergency
from accounts.errors import ConflictError, NotFoundError
from accounts.importing.history import near_cap
from accounts.journal import Contact
from accounts.model import Refusal, RefusalCause, Reservation
from accounts.records import AddressRecord
from accounts.rule_record import record_rules
from accounts.tables import events
from compliance import facts as law
from dialer.cli import app
from domain.ids import AgentId
from domain.outcomes import Outcome
from domain.reasons import ReasonCode

from .conftest import NOON, SETTINGS, Answer, Floor, blocked

pytestmark = pytest.mark.store
RUN = CliRunner()
LOUISIANA = AddressRecord("70112", "LA", "New Orleans")
HURRICANE = Emergency(
    "US", "LA", NOON - timedelta(hours=1), NOON + timedelta(days=5), "https://lpsc.example/dnc", "Ada Counsel"
)


@pytest.fixture(scope="module")
def policy() -> compliance.Policy:
    return compliance.load_policy()


def seen(floor: Floor, **changes: object) -> law.CallFacts:
    """The facts the gate is asked about for the account due next."""
    (held,) = floor.claims(1)
    found: list[law.CallFacts] = []

    def look(facts: law.CallFacts) -> Answer:
        found.append(facts)
        return Answer(allowed=False, retry_at=floor.now)

    floor.reserve(held, look, **changes)  # type: ignore[arg-type]
    return found[0]


# --- emergencies -----------------------------------------------------------------------------------------------------


def test_an_emergency_is_a_fact_of_the_very_next_reservation_and_ends_as_declared(floor: Floor) -> None:
    floor.account(1, address=LOUISIANA)
    assert seen(floor).emergencies == ()
    assert floor.store.write(emergencies.declare, [HURRICANE], NOON) == 1
    floor.later(seconds=1)
    assert seen(floor).emergencies == (law.Emergency("LA", HURRICANE.starts_at, HURRICANE.until),)
    floor.now = HURRICANE.until
    assert seen(floor).emergencies == ()


def test_it_stops_solicitation_there_before_the_next_call(floor: Floor, policy: compliance.Policy) -> None:
    solicits = replace(SETTINGS, purpose="telemarketing", national_dnc_file_date=NOON.date())
    campaign = floor.store.write(campaigns.create, "sells", solicits, NOON)
    floor.store.write(campaigns.move, campaign, "start")
    floor.campaign, floor.list_id = campaign, floor.store.write(campaigns.list_id, campaign, "all", NOON)
    floor.account(1, address=LOUISIANA)
    floor.store.write(emergencies.declare, [HURRICANE], NOON)
    (held,) = floor.claims(1)
    answer = floor.reserve(held, lambda facts: compliance.decide(facts, policy))
    assert isinstance(answer, Refusal)
    assert "US-LA-1E" in [reason.rule for reason in answer.reasons]


def test_the_same_declaration_again_changes_nothing_and_another_countrys_is_no_fact(floor: Floor) -> None:
    floor.account(1)
    abroad = replace(HURRICANE, country="CA", state="QC")
    assert floor.store.write(emergencies.declare, [HURRICANE, abroad], NOON) == 2
    assert floor.store.write(emergencies.declare, [HURRICANE, abroad], NOON) == 0
    assert [found.state for found in seen(floor).emergencies] == ["LA"]


def test_an_emergency_that_is_over_is_refused_and_nothing_of_its_file_is_kept(floor: Floor) -> None:
    over = replace(HURRICANE, until=NOON)
    with pytest.raises(ConflictError, match="is over"):
        floor.store.write(emergencies.declare, [HURRICANE, over], NOON)
    assert floor.store.read(emergencies.known, NOON) == []


def test_ended_before_its_time_those_who_waited_for_it_are_due_again(floor: Floor) -> None:
    floor.account(1)
    floor.account(2)
    floor.store.write(emergencies.declare, [HURRICANE], NOON)
    one, two = floor.claims(2)
    floor.reserve(one, lambda _: blocked(ReasonCode.CALL_DAY, HURRICANE.until))
    floor.reserve(two, lambda _: blocked(ReasonCode.FREQUENCY, HURRICANE.until))
    (found,) = floor.store.read(emergencies.known, NOON)
    floor.later(minutes=1)
    floor.store.write(emergencies.end, found.id, "Ada Counsel", floor.now)
    assert [held.debt for held in floor.claims(9)] == [one.debt]
    assert floor.store.read(emergencies.known, floor.now) == []
    with pytest.raises(NotFoundError):
        floor.store.write(emergencies.end, found.id, "Ada Counsel", floor.now)


@pytest.fixture
def desk(common_floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Floor:
    monkeypatch.setenv("FAIRDIAL_DATABASE__URL", common_floor.url)
    return common_floor


def run(*arguments: str) -> tuple[int, str]:
    found = RUN.invoke(app, ["compliance", "emergency", *arguments], env={"COLUMNS": "200"})
    return found.exit_code, f"{found.output}{found.exception or ''}"


GOOD = ["declare", "LA", "--until", "2099-12-01T00:00:00-06:00", "--proof", "order 7", "--by", "Ada Counsel"]


def _with(**changes: str) -> list[str]:
    words = {"state": "LA", "--until": GOOD[3], "--proof": "order 7", "--by": "Ada Counsel"} | changes
    state = words.pop("state")
    return ["declare", state, *(part for pair in words.items() for part in pair)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (_with(state="Louisiana"), "is no state of US"),
        (_with(state="la"), "is no state of US"),
        (_with(**{"--country": "ZZ"}), "is no state of ZZ"),
        (_with(**{"--until": "soon"}), "until: 'soon' is no instant"),
        (_with(**{"--until": "2099-12-01T00:00:00"}), "until: an offset is needed"),
        (_with(**{"--from": "2099-12-02T00:00:00Z"}), "until: it lies before the beginning"),
        (_with(**{"--from": "yesterday"}), "from: 'yesterday' is no instant"),
        (_with(**{"--proof": " "}), "proof: a line of text"),
        (_with(**{"--proof": "a\nb"}), "proof: a line of text"),
        (_with(**{"--by": "x"}), "--by: name the person"),
        (_with(**{"--until": "2001-12-01T00:00:00Z", "--from": "2001-01-01T00:00:00Z"}), "is over"),
        (["end", "7", "--by", "Ada Counsel"], "no emergency of that number"),
        (["load", "nowhere.toml", "--by", "Ada Counsel"], "cannot be read as TOML"),
    ],
)
def test_what_an_officer_mistypes_is_refused_in_one_line(desk: Floor, arguments: list[str], says: str) -> None:
    code, output = run(*arguments)
    assert code != 0
    assert says in output
    assert desk.store.read(emergencies.known, NOON) == []


def test_an_officer_declares_lists_and_ends(desk: Floor) -> None:
    desk.account(1)
    assert run(*GOOD)[0] == 0
    (found,) = desk.store.read(emergencies.known, NOON)
    assert (found.state, found.until, found.declared_by) == ("LA", datetime(2099, 12, 1, 6, tzinfo=UTC), "Ada Counsel")
    assert [each.state for each in seen(desk).emergencies] == ["LA"]
    assert "order 7" in run("list")[1]
    assert run("end", str(found.id), "--by", "Ben Officer")[0] == 0
    assert "order 7" not in run("list")[1]


FILE = """[[emergency]]
state = "LA"
from = 2026-11-01T00:00:00-06:00
until = 2099-12-01T00:00:00-06:00
proof = "order 7"
[[emergency]]
state = "NY"
until = 2099-12-01T00:00:00-05:00
proof = "order 8"
"""


def test_a_file_of_emergencies_is_loaded_whole_and_once(desk: Floor, tmp_path: Path) -> None:
    file = tmp_path / "emergencies.toml"
    file.write_text(
        FILE.replace(
            "until = 2099-12-01T00:00:00-05:00", "until = 2099-12-01T00:00:00-05:00\nfrom = 2026-11-01T00:00:00Z"
        )
    )
    assert "2 new, 0 as before" in run("load", str(file), "--by", "Ada Counsel")[1]
    assert "0 new, 2 as before" in run("load", str(file), "--by", "Ada Counsel")[1]
    assert [found.state for found in desk.store.read(emergencies.known, NOON)] == ["LA", "NY"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('state = "NY"', 'state = "New York"', "emergency 2: state: 'New York'"),
        ('proof = "order 8"', "", "emergency 2: proof"),
        ('proof = "order 8"', 'proof = "x"\ncolour = "red"', "emergency 2: colour: unknown"),
        ("until = 2099-12-01T00:00:00-05:00", "until = 2099-12-01", "emergency 2: until: an offset"),
        ("until = 2099-12-01T00:00:00-05:00", "", "emergency 2: until"),
        ('[[emergency]]\nstate = "LA"', '[other]\nx = 1\n[[emergency]]\nstate = "LA"', "and nothing else"),
        ("[[emergency]]", "[emergency", "cannot be read as TOML"),
    ],
)
def test_a_file_with_a_mistake_switches_nothing_on(desk: Floor, tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in FILE
    file = tmp_path / "emergencies.toml"
    head, _, tail = FILE.rpartition(old) if old != '[[emergency]]\nstate = "LA"' else FILE.partition(old)
    file.write_text(head + new + tail)
    code, output = run("load", str(file), "--by", "Ada Counsel")
    assert (code != 0, says in output.replace("\n", "")) == (True, True), output
    assert desk.store.read(emergencies.known, NOON) == []


# --- what else was not told ------------------------------------------------------------------------------------------


def test_the_latest_purchase_and_inquiry_any_account_tells_of_make_the_relationship(floor: Floor) -> None:
    first, later = NOON - timedelta(days=90), NOON - timedelta(days=9)
    floor.account(1, reference="P1", last_purchase_at=later, last_inquiry_at=first)
    floor.account(2, reference="P1", last_purchase_at=first, last_inquiry_at=later)
    floor.account(3, reference="P1")
    assert seen(floor).relationship == law.Relationship(later, later)


def test_loans_serviced_together_are_one_account_in_facts_and_history(floor: Floor, policy: compliance.Policy) -> None:
    loan = {"reference": "P1", "kind": "student_loan", "loan_account": "SL-9"}
    floor.account(1, priority=2, **loan)
    floor.account(2, priority=1, **loan)
    (held,) = floor.claims(1)
    floor.end(floor.reserve(held), Outcome.NO_ANSWER)
    other = floor.account(1, reference="P1", kind="student_loan").debt  # says nothing of the loan account: it stays
    floor.store.write(journal.record_contact, Contact(NOON, "no_answer", person=held.person, debt=other))
    floor.later(minutes=10)
    facts = seen(floor)
    assert facts.account is not None
    assert facts.account.endswith("/SL-9")
    assert {event.accounts for event in facts.history} == {(facts.account,)}
    assert all(compliance.moment.same_debt(event, facts) for event in facts.history)
    assert not any(facts.debt in event.debts for event in facts.history)


def test_a_call_made_under_direct_consent_is_remembered_as_that(floor: Floor) -> None:
    floor.account(1)
    for consented in (True, False):
        (held,) = floor.claims(1)
        made = floor.reserve(held, lambda _, under=consented: Answer(under_consent=under))
        assert isinstance(made, Reservation)
        floor.end(made, Outcome.NO_ANSWER)
        floor.later(days=1)
    assert [event.under_consent for event in seen(floor).history] == [True, False]


def test_the_gate_says_when_a_call_relies_on_direct_consent(policy: compliance.Policy) -> None:
    consent = law.Consent(law.ConsentKind.CALL_BACK, law.GivenTo.COLLECTOR, NOON - timedelta(hours=1))
    plain = law.CallFacts(NOON, law.Purpose.DEBT_THIRD_PARTY, law.CalledNumber("+12125560001"))
    assert not compliance.decide(plain, policy).under_consent
    assert compliance.decide(replace(plain, consents=(consent,)), policy).under_consent


def test_with_the_budget_used_up_only_calls_with_an_agent_are_reserved(floor: Floor) -> None:
    floor.account(1)
    (held,) = floor.claims(1)
    request = replace(floor.request(held), braked=True)
    from accounts import ledger

    refused = floor.store.write(ledger.reserve, request, lambda _: Answer())
    assert isinstance(refused, Refusal)
    assert refused.cause is RefusalCause.RESERVED_AGENT_REQUIRED
    told: list[law.CallFacts] = []

    def look(facts: law.CallFacts) -> Answer:
        told.append(facts)
        return Answer()

    made = floor.store.write(ledger.reserve, replace(request, agent=AgentId("a1")), look)
    assert isinstance(made, Reservation)
    assert (told[0].abandonment_brake, told[0].agent_guaranteed) == (True, True)


def test_the_report_of_who_is_near_a_cap_counts_our_own_calls_too(floor: Floor) -> None:
    debt = floor.account(1).debt
    for outcome in (Outcome.NO_ANSWER, Outcome.MACHINE, Outcome.BUSY, None):
        (held,) = floor.claims(1)
        made = floor.reserve(held)
        if outcome is not None:
            floor.end(made, outcome)
        floor.later(days=1)
    for hours in (1, 2):
        contact = Contact(floor.now - timedelta(hours=hours), "conversation", person=held.person, debt=debt)
        floor.store.write(journal.record_contact, contact)
    found = floor.store.read(near_cap, floor.now, frozenset({debt}))
    assert (found.debts, found.persons, found.talked) == ({5: 1}, {5: 1}, 1)
    assert floor.store.read(near_cap, floor.now + timedelta(days=9), frozenset({debt})).debts == {}


def test_the_rules_an_engine_works_by_and_what_was_loosened_are_written_down(floor: Floor, tmp_path: Path) -> None:
    pack = tmp_path / "ours.toml"
    pack.write_text(
        '[pack]\nid = "ours"\ncountry = "US"\nversion = "1"\ntitle = "Ours"\nreviewed_on = 2026-11-22\n\n[[loosen]]\n'
        'rule = "US-FDC-10"\nmax = 8\napproved_by = "A. Counsel"\napproved_on = 2026-11-20\nreason = "reviewed"\n'
    )
    loosened = compliance.load_policy(customer=[pack])
    floor.store.write(record_rules, loosened, "engine", NOON)
    rows = floor.store.read(lambda tx: tx.execute(select(events.c.kind, events.c.data).order_by(events.c.id)).all())
    assert sorted(row.kind for row in rows) == ["rule_loosened", "rules_in_force"]
    (found,) = [row.data for row in rows if row.kind == "rule_loosened"]
    assert (found["rule"], found["max"], found["digest"]) == ("US-FDC-10", 8, loosened.digest)
    assert "Counsel" not in str(found)
