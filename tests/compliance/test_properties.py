"""What must hold of every decision, whatever the facts: found by hypothesis over mixed facts and clock changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import compliance
from compliance import gate, walltime, wire
from compliance.facts import (
    Address,
    CalledNumber,
    CallFacts,
    CampaignPolicy,
    Channel,
    Consent,
    ConsentKind,
    DebtKind,
    Direction,
    Emergency,
    GivenTo,
    HistoryEvent,
    LineType,
    NumberUse,
    PartyRole,
    Preference,
    PreferenceKind,
    Purpose,
    Reassigned,
    Registries,
    Relationship,
    Result,
    StatedLocation,
    Suppression,
    SuppressionKind,
    Voice,
)
from compliance.packs import parse_pack
from compliance.policy import known_names
from compliance.windows import WindowParams
from domain.mode import Mode

pytestmark = pytest.mark.unit

FEW = settings(max_examples=12)
SOME = settings(max_examples=40)

# Around clock changes of 2026-2028 in North America, holidays and ordinary days; whole minutes, so that stepping by
# minutes meets every edge.
ANCHORS = [
    datetime(2026, 11, 1, tzinfo=UTC),
    datetime(2026, 11, 22, tzinfo=UTC),
    datetime(2026, 12, 24, tzinfo=UTC),
    datetime(2027, 3, 14, tzinfo=UTC),
    datetime(2027, 11, 7, tzinfo=UTC),
    datetime(2028, 3, 12, tzinfo=UTC),
    datetime(2028, 11, 5, tzinfo=UTC),
]


@st.composite
def instants(draw: st.DrawFn, around: datetime, days: int) -> datetime:
    return around + timedelta(minutes=draw(st.integers(-days * 1440, days * 1440)))


NUMBERS = [
    "+12125550147",
    "+18125550147",
    "+19285550147",
    "+16715550123",
    "+18085550123",
    "+13055550147",
    "+18015550147",
    "+16175550147",
    "+12065550147",
    "+12025550147",
    "+18005550147",
    "+19075550123",
]
ADDRESSES = [
    Address(zip="10001", state="NY"),
    Address(zip="47708", state="IN"),
    Address(state="TN"),
    Address(zip="86515", state="AZ"),
    Address(zip="02108", state="MA"),
    Address(zip="98101", state="WA"),
    Address(zip="20001", state="DC"),
    Address(zip="33130", state="FL"),
    Address(zip="84101", state="UT"),
    Address(tz="America/Santiago"),
    Address(zip="96910", state="GU"),
]


@st.composite
def histories(draw: st.DrawFn, now: datetime) -> tuple[HistoryEvent, ...]:
    events = st.builds(
        HistoryEvent,
        at=st.integers(-9 * 1440, 0).map(lambda minutes: now + timedelta(minutes=minutes)),
        result=st.sampled_from(Result),
        person=st.sampled_from(["P1", "P2"]),
        debts=st.sampled_from([("D1",), ("D2",), ("D1", "D2")]),
        accounts=st.sampled_from([("A1",), ("A2",)]),
        number=st.sampled_from(NUMBERS[:3]),
        direction=st.sampled_from([Direction.OUT, Direction.OUT, Direction.IN]),
        channel=st.sampled_from([Channel.CALL, Channel.CALL, Channel.SMS]),
        party_role=st.sampled_from([PartyRole.CONSUMER, PartyRole.SPOUSE, PartyRole.ATTORNEY]),
        voice=st.sampled_from(Voice),
        voicemail_service=st.booleans(),
        under_consent=st.booleans(),
        number_use=st.sampled_from(NumberUse),
        subject=st.sampled_from([None, "solar"]),
    )
    return tuple(draw(st.lists(events, max_size=12)))


@st.composite
def mixed_facts(draw: st.DrawFn) -> CallFacts:
    now = draw(instants(draw(st.sampled_from(ANCHORS)), 3))
    near = instants(now, 10)
    return CallFacts(
        id="X",
        now=now,
        purpose=draw(st.sampled_from([Purpose.DEBT_THIRD_PARTY, Purpose.DEBT_FIRST_PARTY, Purpose.TELEMARKETING])),
        number=CalledNumber(
            draw(st.sampled_from(NUMBERS)),
            draw(st.sampled_from(LineType)),
            draw(st.sampled_from(NumberUse)),
        ),
        mode=draw(st.sampled_from(Mode)),
        voice=draw(st.sampled_from([Voice.LIVE, Voice.LIVE, Voice.PRERECORDED])),
        person="P1",
        debt="D1",
        account="A1",
        subject="solar",
        debt_kind=draw(st.sampled_from([DebtKind.OTHER, DebtKind.STUDENT_LOAN, DebtKind.MORTGAGE])),
        addresses=tuple(draw(st.lists(st.sampled_from(ADDRESSES), max_size=2))),
        stated_locations=draw(
            st.one_of(st.just(()), st.builds(lambda until: (StatedLocation(tz="America/Denver", until=until),), near))
        ),
        history=draw(histories(now)),
        consents=tuple(
            draw(
                st.lists(
                    st.builds(
                        Consent,
                        kind=st.sampled_from(ConsentKind),
                        given_to=st.sampled_from(GivenTo),
                        given_at=near,
                        until=st.one_of(st.none(), near),
                    ),
                    max_size=2,
                )
            )
        ),
        suppressions=tuple(
            draw(
                st.lists(
                    st.builds(
                        Suppression,
                        kind=st.sampled_from(SuppressionKind),
                        person=st.sampled_from(["P1", "P2"]),
                        since=st.one_of(st.none(), near),
                        until=near,
                    ),
                    max_size=1,
                )
            )
        ),
        preferences=tuple(
            draw(
                st.lists(
                    st.builds(
                        Preference,
                        kind=st.just(PreferenceKind.INCONVENIENT_TIME),
                        weekdays=st.frozensets(st.integers(0, 6)),
                        start=st.integers(0, 1439),
                        end=st.integers(1, 1440),
                    ),
                    max_size=2,
                )
            )
        ),
        registries=Registries(date(2026, 11, 1) if now.year == 2026 else now.date(), Reassigned.NO),
        relationship=Relationship(last_purchase_at=draw(st.one_of(st.none(), near))),
        emergencies=draw(st.one_of(st.just(()), st.builds(lambda u: (Emergency("FL", None, u),), near))),
        policy=CampaignPolicy(
            min_gap_minutes=draw(st.sampled_from([0, 240])),
            daily_cap_debt=draw(st.integers(1, 3)),
            close_guard_seconds=draw(st.sampled_from([0, 60, 120])),
        ),
    )


def _open(facts: CallFacts, instant: datetime, policy: compliance.Policy) -> bool:
    moment = gate.moment_at(facts, instant, policy)
    return not any(blocks for _, blocks in gate.evaluated(moment))


def _minutes(start: datetime, end: datetime) -> Iterable[datetime]:
    instant = start
    while instant < end:
        yield instant
        instant += timedelta(minutes=1)


@FEW
@given(facts=mixed_facts())
def test_retry_at_is_the_first_open_minute_found_by_stepping(facts: CallFacts, policy: compliance.Policy) -> None:
    decision = compliance.decide(facts, policy)
    assume(decision.retry_at is not None)
    assert decision.retry_at is not None
    assert _open(facts, decision.retry_at, policy)
    last = min(decision.retry_at, facts.now + timedelta(days=9))
    assert not [instant for instant in _minutes(facts.now, last) if _open(facts, instant, policy)]
    assert not _open(facts, decision.retry_at - timedelta(seconds=1), policy)


@FEW
@given(facts=mixed_facts())
def test_no_retry_means_that_no_hour_of_the_next_weeks_is_open(facts: CallFacts, policy: compliance.Policy) -> None:
    decision = compliance.decide(facts, policy)
    assume(not decision.allowed and decision.retry_at is None)
    hours = [facts.now + timedelta(minutes=20 * n) for n in range(3 * 24 * 30)]
    assert not [instant for instant in hours if _open(facts, instant, policy)]


@SOME
@given(facts=mixed_facts(), address=st.sampled_from(ADDRESSES))
def test_adding_a_place_never_turns_block_into_allow(
    facts: CallFacts, address: Address, policy: compliance.Policy
) -> None:
    before = compliance.decide(facts, policy)
    assume(facts.number.line_type is not LineType.FIXED)
    assume(any(reason.code != "NO_LOCATION" for reason in before.reasons))
    after = compliance.decide(replace(facts, addresses=(*facts.addresses, address)), policy)
    assert not after.allowed


@SOME
@given(facts=mixed_facts(), kind=st.sampled_from(SuppressionKind))
def test_adding_a_suppression_never_turns_block_into_allow(
    facts: CallFacts, kind: SuppressionKind, policy: compliance.Policy
) -> None:
    before = compliance.decide(facts, policy)
    after = compliance.decide(replace(facts, suppressions=(*facts.suppressions, Suppression(kind))), policy)
    assert before.allowed or not after.allowed
    assert {reason.rule for reason in before.reasons} <= {reason.rule for reason in after.reasons}


@SOME
@given(facts=mixed_facts(), data=st.data())
def test_the_order_of_facts_does_not_matter(facts: CallFacts, data: st.DataObject, policy: compliance.Policy) -> None:
    mixed = replace(
        facts,
        history=tuple(data.draw(st.permutations(facts.history))),
        consents=tuple(data.draw(st.permutations(facts.consents))),
        suppressions=tuple(data.draw(st.permutations(facts.suppressions))),
        preferences=tuple(data.draw(st.permutations(facts.preferences))),
    )
    one, other = compliance.decide(facts, policy), compliance.decide(mixed, policy)
    assert (one.outcome, one.retry_at, one.counted, one.flags) == (
        other.outcome,
        other.retry_at,
        other.counted,
        other.flags,
    )
    assert [(r.code, r.rule) for r in one.reasons] == [(r.code, r.rule) for r in other.reasons]


@SOME
@given(facts=mixed_facts(), minutes=st.integers(0, 10 * 1440))
def test_one_more_call_never_turns_block_into_allow(facts: CallFacts, minutes: int, policy: compliance.Policy) -> None:
    before = compliance.decide(facts, policy)
    event = HistoryEvent(
        facts.now - timedelta(minutes=minutes), Result.NO_ANSWER, "P1", ("D1",), ("A1",), facts.number.e164
    )
    after = compliance.decide(replace(facts, history=(*facts.history, event)), policy)
    assert before.allowed or not after.allowed


@SOME
@given(facts=mixed_facts(), months=st.integers(0, 36), minutes=st.integers(0, 44_000))
def test_an_allowed_call_is_inside_every_window_of_every_place(
    facts: CallFacts, months: int, minutes: int, policy: compliance.Policy
) -> None:
    day = walltime.add_months(date(2026, 1, 1), months)
    instant = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes)
    fresh = Registries(instant.date(), Reassigned.NO)
    plain = replace(facts, now=instant, registries=fresh, history=(), suppressions=(), consents=(), preferences=())
    decision = compliance.decide(plain, policy)
    assume(decision.allowed or decision.retry_at is not None)
    instant = decision.retry_at or instant
    assert compliance.decide(replace(plain, now=instant), policy).allowed
    ground = gate.moment_at(plain, instant, policy).ground
    windows = [bound for bound in ground.rules if isinstance(bound.rule.params, WindowParams)]
    for place in ground.locations:
        local = walltime.wall(instant, place.zone)
        assert 8 * 60 <= local.hour * 60 + local.minute < 21 * 60
    assert windows
    for bound in windows:
        params = bound.rule.params
        assert isinstance(params, WindowParams)
        for place in bound.places:
            local = walltime.wall(instant, params.zone or place.zone)
            minute = local.hour * 60 + local.minute
            assert any(start <= minute < end for start, end in params.hours(local.date(), policy.holidays))


HEAD = (
    '[pack]\nid = "added"\ncountry = "US"\nversion = "1"\ntitle = "Added"\nreviewed_on = 2026-11-22\n'
    '[[rule]]\nid = "ADDED"\n'
)
TAIL = (
    'purpose = ["debt_third_party", "debt_first_party", "telemarketing"]\nseverity = "hard"\ncitation = "c"\n'
    'confidence = "policy"\ntext = "t"\n'
)
ADDED = [
    'kind = "window"\nhours = { all = "12:00-13:00" }',
    'kind = "window"\nstates = ["MA"]\nhours = { weekday = "09:00-18:00", sat = "none", sun = "none" }',
    'kind = "frequency"\nmax = 1\nwindow = ["calendar_days 3"]\ncount_by = ["person"]',
    'kind = "frequency"\nmax = 2\nwindow = ["rolling_hours 90", "calendar_week"]',
    'kind = "cool_off"\nmax = 1\nwindow = ["calendar_month"]\nresults = ["conversation"]',
    'kind = "consent"\nany_of = ["written_marketing"]',
    'kind = "suppression"\nsuppression = "legal_hold"',
    'kind = "reserved_agent"\nmax = 1\nwindow = ["ever"]\nreserved_lifts = true',
    'kind = "notice_wait"\ndays = 3',
    'kind = "medium"',
]


@pytest.fixture(scope="module")
def tightened(policy: compliance.Policy) -> list[compliance.Policy]:
    """The shipped rules with one more, several times."""
    known = known_names(policy.places, policy.holidays)
    packs = [parse_pack(HEAD + rule + "\n" + TAIL, "added.toml", known, customer=True) for rule in ADDED]
    return [compliance.Policy([*policy.packs, pack], policy.places, policy.holidays, policy.tzdata) for pack in packs]


@SOME
@given(facts=mixed_facts(), chosen=st.integers(0, len(ADDED) - 1))
def test_adding_a_rule_never_turns_block_into_allow(
    facts: CallFacts, chosen: int, policy: compliance.Policy, tightened: list[compliance.Policy]
) -> None:
    before, after = compliance.decide(facts, policy), compliance.decide(facts, tightened[chosen])
    assert before.allowed or not after.allowed
    assert {reason.rule for reason in before.reasons} <= {reason.rule for reason in after.reasons}
    if before.retry_at is not None and after.retry_at is not None:
        assert before.retry_at <= after.retry_at


@SOME
@given(facts=mixed_facts())
def test_replay_from_the_audit_row_is_identical(facts: CallFacts, policy: compliance.Policy) -> None:
    row = wire.facts_json(facts)
    again = wire.facts_from_json(row)
    assert again == facts
    assert wire.facts_json(again) == row
    decision = compliance.decide(facts, policy)
    replayed = compliance.decide(again, policy)
    assert wire.decision_json(replayed) == wire.decision_json(decision)
    assert wire.decision_from_json(wire.decision_json(decision)) == decision
    fresh = compliance.Policy(policy.packs, policy.places, policy.holidays, policy.tzdata)
    assert compliance.decide(facts, fresh) == decision
