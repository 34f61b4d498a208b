"""Edges that many small changes to the law were found not to disturb: each of these notices some of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import compliance
from compliance import walltime
from compliance.facts import (
    Address,
    CalledNumber,
    CallFacts,
    CampaignPolicy,
    Channel,
    Consent,
    ConsentKind,
    Emergency,
    GivenTo,
    HistoryEvent,
    LineType,
    NumberUse,
    Preference,
    PreferenceKind,
    Purpose,
    Registries,
    Relationship,
    Result,
    StatedLocation,
    Suppression,
    SuppressionKind,
    Voice,
)
from compliance.moment import all_over
from domain.mode import Mode

pytestmark = pytest.mark.unit

ET, GUAM, HAVANA = "America/New_York", "Pacific/Guam", "America/Havana"
NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
BOTH = (Address(tz=ET), Address(tz=GUAM))


def call(now: datetime = NOON, **more: object) -> CallFacts:
    plain = CallFacts(
        now=now,
        purpose=Purpose.DEBT_THIRD_PARTY,
        number=CalledNumber("+18005550147", LineType.FIXED),
        id="X",
        person="P1",
        debt="D1",
        addresses=(Address(tz=ET),),
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def rules(facts: CallFacts, policy: compliance.Policy) -> list[str]:
    return [reason.rule for reason in compliance.decide(facts, policy).reasons]


def event(at: datetime, result: Result = Result.NO_ANSWER, **more: object) -> HistoryEvent:
    plain = HistoryEvent(at, result, "P1", ("D1",), ("D1",), "+18005550147")
    return replace(plain, **more)  # type: ignore[arg-type]


# --- walls -----------------------------------------------------------------------------------------------------------

ZONES = [ET, GUAM, HAVANA, "Australia/Lord_Howe", "America/St_Johns", "America/Santiago", "Asia/Kolkata", "UTC"]


@given(
    naive=st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31)),  # noqa: DTZ001
    ahead=st.integers(1, 40 * 86_400),
    zone=st.sampled_from(ZONES),
)
def test_a_wall_is_not_reached_before_the_instant_promised(naive: datetime, ahead: int, zone: str) -> None:
    instant = naive.replace(tzinfo=UTC)
    target = walltime.wall(instant, zone) + timedelta(seconds=ahead)
    found = walltime.until_wall(instant, zone, target)
    here = walltime.zone(zone)
    assert found > instant
    changed = (found - SECOND).astimezone(here).utcoffset() != found.astimezone(here).utcoffset()
    assert walltime.wall(found, zone) == target or (changed and found.microsecond == 0)
    for part in range(1, 8):  # nowhere on the way has the wall reached it
        between = instant + (found - instant) * part / 8
        assert walltime.wall(between, zone) < target


@pytest.mark.parametrize(
    ("at", "target", "found"),
    [
        ("2027-03-14T06:00:00", "2027-03-14T08:00:00", "2027-03-14T07:00:00"),  # first to the change of the clock
        ("2027-03-14T07:00:00", "2027-03-14T08:00:00", "2027-03-14T12:00:00"),
        ("2026-11-01T04:00:00.25", "2026-11-01T08:00:00", "2026-11-01T06:00:00"),
        ("2026-11-01T06:00:00", "2026-11-01T08:00:00", "2026-11-01T13:00:00"),
        ("2027-03-14T06:59:59.5", "2027-03-14T03:00:00", "2027-03-14T07:00:00"),
        ("2026-11-20T17:00:00", "2026-11-20T12:00:00.000001", "2026-11-20T17:00:00.000001"),
    ],
)
def test_a_wall_is_waited_for_to_the_second(at: str, target: str, found: str) -> None:
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    expected = datetime.fromisoformat(found).replace(tzinfo=UTC)
    assert walltime.until_wall(instant, ET, datetime.fromisoformat(target)) == expected


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2026-01-15", 1, "2026-02-15"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-01-30", 1, "2026-02-28"),
        ("2026-01-29", 1, "2026-02-28"),
        ("2026-01-28", 1, "2026-02-28"),
        ("2026-01-27", 1, "2026-02-27"),
        ("2027-01-29", 13, "2028-02-29"),
        ("2026-08-31", 18, "2028-02-29"),
        ("2026-12-31", 0, "2026-12-31"),
        ("2026-12-01", 1, "2027-01-01"),
        ("2026-05-31", 1, "2026-06-30"),
        ("2026-11-30", 3, "2027-02-28"),
        ("2026-07-31", 5, "2026-12-31"),
    ],
)
def test_months_later_is_the_same_day_or_the_last_of_a_shorter_month(day: str, months: int, later: str) -> None:
    assert walltime.add_months(date.fromisoformat(day), months) == date.fromisoformat(later)


def test_zone_data_of_the_machine_is_never_read() -> None:
    import zoneinfo

    zoneinfo.reset_tzpath(to=["/usr/share/zoneinfo"])
    walltime.use_packaged_tzdata()
    assert zoneinfo.TZPATH == ()


def test_several_ends_are_over_with_the_last_and_one_without_an_end_never() -> None:
    early, late = NOON, NOON + DAY
    assert all_over([early, late]) == all_over([late, early]) == late
    assert all_over([early, None]) is None
    assert all_over([]) is None


# --- hours -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guard", "opens"),
    [(0, "2026-11-24T09:00:00"), (10_799, "2026-11-24T09:00:00"), (10_800, "2026-11-24T13:00:00")],
)
def test_a_stretch_shorter_than_the_guard_is_passed_over(policy: compliance.Policy, guard: int, opens: str) -> None:
    """France opens at 10 for three hours, and at 14 for six."""
    facts = CallFacts(
        now=datetime(2026, 11, 24, 8, tzinfo=UTC),
        purpose=Purpose.TELEMARKETING,
        number=CalledNumber("+33199001234"),
        campaign_country="FR",
        addresses=(Address(country="FR", tz="Europe/Paris"),),
        consents=(Consent(ConsentKind.WRITTEN_MARKETING, GivenTo.CREDITOR, NOON - DAY),),
        policy=CampaignPolicy(close_guard_seconds=guard),
    )
    decision = compliance.decide(facts, policy)
    assert decision.retry_at == datetime.fromisoformat(opens).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "allowed"),
    [
        ("2026-11-21T01:59:59.999999", True),
        ("2026-11-21T02:00:00", False),
        ("2026-11-20T12:59:59.999999", False),
        ("2026-11-20T13:00:00", True),
        ("2026-11-20T13:00:00.000001", True),
    ],
)
def test_hours_are_kept_to_the_microsecond(policy: compliance.Policy, now: str, allowed: bool) -> None:
    instant = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert compliance.decide(call(instant), policy).allowed is allowed


def test_of_several_closed_places_the_last_to_open_is_named(policy: compliance.Policy) -> None:
    early, late = Address(tz=ET), Address(tz="America/Los_Angeles")
    now = datetime(2026, 11, 20, 10, tzinfo=UTC)
    for addresses in ((early, late), (late, early)):
        decision = compliance.decide(call(now, addresses=addresses), policy)
        assert [reason.rule for reason in decision.reasons] == ["US-FDC-01"]
        assert "Los_Angeles" in decision.reasons[0].detail
        assert "opens Fri 20 Nov 08:00" in decision.reasons[0].detail


@pytest.mark.parametrize(
    ("now", "blocked", "retry"),
    [
        ("2026-11-20T11:00:00", True, None),
        ("2026-11-21T13:00:00", True, "2026-11-21T15:00:00"),  # the night before reaches into Saturday, till 10
        ("2026-11-21T15:00:00", False, None),
        ("2026-11-20T16:00:00", False, None),
    ],
)
def test_a_time_that_runs_past_midnight_belongs_to_the_day_it_begins_on(
    policy: compliance.Policy, now: str, blocked: bool, retry: str | None
) -> None:
    nights = (Preference(PreferenceKind.INCONVENIENT_TIME, frozenset({4}), 22 * 60, 10 * 60),)
    instant = datetime.fromisoformat(now).replace(tzinfo=UTC)
    decision = compliance.decide(call(instant, preferences=nights), policy)
    assert (not decision.allowed) is blocked
    assert retry is None or decision.retry_at == datetime.fromisoformat(retry).replace(tzinfo=UTC)


def test_of_several_inconvenient_times_and_zones_the_last_to_end_is_promised(policy: compliance.Policy) -> None:
    short = Preference(PreferenceKind.INCONVENIENT_TIME, frozenset(), 11 * 60, 13 * 60)
    long = Preference(PreferenceKind.INCONVENIENT_TIME, frozenset(), 11 * 60, 15 * 60)
    for preferences in ((short, long), (long, short)):
        for zones in ((ET, "America/Chicago"), ("America/Chicago", ET)):
            facts = call(preferences=preferences, addresses=tuple(Address(tz=zone) for zone in zones))
            reason = compliance.decide(facts, policy).reasons[0]
            assert reason.rule == "US-FDC-03"
            assert reason.detail.endswith("until 15:00")
            assert "Chicago" in reason.detail


def test_emergencies_of_one_state_are_over_with_the_last(policy: compliance.Policy) -> None:
    ends = [NOON + timedelta(days=3), NOON + timedelta(days=2)]
    facts = call(
        purpose=Purpose.TELEMARKETING,
        mode=Mode.MANUAL,
        addresses=(Address(zip="70112", state="LA"),),
        registries=Registries(NOON.date()),
        emergencies=tuple(Emergency("LA", None, end) for end in ends),
    )
    decision = compliance.decide(facts, policy)
    assert [reason.rule for reason in decision.reasons] == ["US-LA-1E"]
    assert decision.retry_at == datetime(2026, 11, 23, 17, tzinfo=UTC)
    endless = replace(facts, emergencies=(*facts.emergencies, Emergency("LA")))
    assert compliance.decide(endless, policy).retry_at is None


# --- lists -----------------------------------------------------------------------------------------------------------


def test_suppressions_of_one_kind_are_over_with_the_last_and_name_since_when(policy: compliance.Policy) -> None:
    first = Suppression(SuppressionKind.CEASE, until=NOON + timedelta(days=2))
    second = Suppression(SuppressionKind.CEASE, since=NOON - timedelta(days=9), until=NOON + timedelta(days=3))
    for suppressions in ((first, second), (second, first)):
        decision = compliance.decide(call(suppressions=suppressions), policy)
        assert decision.retry_at == NOON + timedelta(days=3)
        assert decision.reasons[0].detail == "cease on record since 2026-11-11"
    endless = compliance.decide(call(suppressions=(first, Suppression(SuppressionKind.CEASE))), policy)
    assert (endless.retry_at, endless.reasons[0].detail) == (None, "cease on record")


def _french(now: datetime, refusal: Suppression, *zones: str) -> CallFacts:
    return CallFacts(
        now=now,
        purpose=Purpose.TELEMARKETING,
        number=CalledNumber("+33199001234"),
        campaign_country="FR",
        addresses=tuple(Address(country="FR", tz=zone) for zone in zones or ("Europe/Paris",)),
        consents=(Consent(ConsentKind.WRITTEN_MARKETING, GivenTo.CREDITOR, NOON - timedelta(days=99)),),
        suppressions=(refusal,),
    )


def test_a_refusal_with_an_end_of_its_own_ends_with_it_and_at_the_latest_after_sixty_days(
    policy: compliance.Policy,
) -> None:
    refused = Suppression(SuppressionKind.REFUSAL, since=datetime(2026, 11, 2, 12, tzinfo=UTC))
    ends = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
    assert compliance.decide(_french(NOON, refused), policy).retry_at == datetime(2027, 1, 1, tzinfo=UTC) + timedelta(
        days=3, hours=9
    )  # 1 January is a holiday, 2 and 3 a weekend
    soon = replace(refused, until=ends)
    assert compliance.decide(_french(NOON, soon), policy).retry_at == ends + timedelta(
        minutes=30
    )  # lunch is over at 14
    late = replace(refused, until=datetime(2027, 6, 1, tzinfo=UTC))
    assert compliance.decide(_french(NOON, late), policy).retry_at == datetime(2027, 1, 4, 9, tzinfo=UTC)


def test_sixty_days_are_over_when_they_are_in_every_zone(policy: compliance.Policy) -> None:
    refused = Suppression(SuppressionKind.REFUSAL, since=datetime(2026, 9, 27, 23, 30, tzinfo=UTC))  # 28th in Paris
    west = "America/Martinique"
    for zones in (("Europe/Paris", west), (west, "Europe/Paris")):
        decision = compliance.decide(_french(datetime(2026, 11, 26, 15, tzinfo=UTC), refused, *zones), policy)
        assert "REFUSAL" in [reason.code for reason in decision.reasons]
        assert decision.retry_at == datetime(2026, 11, 27, 14, tzinfo=UTC)


def _solicit(now: datetime, file_date: date, *addresses: Address) -> CallFacts:
    return call(
        now,
        purpose=Purpose.TELEMARKETING,
        mode=Mode.MANUAL,
        addresses=addresses or BOTH,
        registries=Registries(file_date),
    )


def test_a_registry_file_is_as_old_as_in_the_zone_farthest_east(policy: compliance.Policy) -> None:
    now = datetime(2026, 11, 20, 22, tzinfo=UTC)  # 17:00 in New York, 08:00 of the 21st in Guam
    assert "US-FCC-12F" not in rules(_solicit(now, date(2026, 10, 21)), policy)
    assert "US-FCC-12F" in rules(_solicit(now, date(2026, 10, 20)), policy)
    assert "US-FCC-12F" not in rules(_solicit(now, date(2026, 10, 20), Address(tz=ET)), policy)


@pytest.mark.parametrize(
    ("file_date", "held"), [("2026-11-20", False), ("2026-11-21", False), ("2026-11-22", True), ("2026-11-23", True)]
)
def test_a_file_of_tomorrow_may_be_todays_of_farther_east_and_one_of_the_day_after_is_not(
    policy: compliance.Policy, file_date: str, held: bool
) -> None:
    day = date.fromisoformat(file_date)
    assert ("US-FCC-12F" in rules(_solicit(NOON, day, Address(tz=ET)), policy)) is held
    decision = compliance.decide(_solicit(NOON, day, Address(tz=ET)), policy)
    opens = datetime(day.year, day.month, day.day, 13, tzinfo=UTC) - DAY
    assert decision.retry_at == (opens if held else None)


def test_a_file_dated_ahead_waits_for_the_zone_farthest_west(policy: compliance.Policy) -> None:
    now = datetime(2026, 11, 20, 22, tzinfo=UTC)
    for addresses in (BOTH, BOTH[::-1]):
        decision = compliance.decide(_solicit(now, date(2026, 11, 22), *addresses), policy)
        assert "US-FCC-12F" in [reason.rule for reason in decision.reasons]
        assert decision.retry_at == datetime(2026, 11, 21, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ported", "hour", "free"),
    [
        ("2026-11-05", 13, True),
        ("2026-11-05", 14, False),  # in Guam it is the 21st by then, and day 16
        ("2026-11-20", 13, True),
        ("2026-11-21", 14, False),  # ported on the 21st: in New York that is tomorrow
        ("2026-11-06", 14, True),
    ],
)
def test_the_fifteen_days_of_a_ported_number_count_in_every_zone(
    policy: compliance.Policy, ported: str, hour: int, free: bool
) -> None:
    number = CalledNumber("+18005550147", LineType.FIXED, ported_at=date.fromisoformat(ported))
    now = datetime(2026, 11, 20, hour, tzinfo=UTC)
    facts = call(now, number=number, voice=Voice.PRERECORDED, addresses=BOTH)
    assert ("US-FCC-02" not in rules(facts, policy)) is free


def test_a_number_ported_tomorrow_may_hear_a_recording_from_tomorrow_on(policy: compliance.Policy) -> None:
    number = CalledNumber("+18005550147", LineType.FIXED, ported_at=date(2026, 11, 21))
    decision = compliance.decide(call(number=number, voice=Voice.PRERECORDED), policy)
    assert decision.retry_at == datetime(2026, 11, 21, 13, tzinfo=UTC)


def test_rules_expire_with_their_last_day_in_the_zone_farthest_east(policy: compliance.Policy) -> None:
    packs = [replace(pack, expires=date(2026, 11, 20)) if pack.country == "US" else pack for pack in policy.packs]
    expiring = compliance.Policy(packs, policy.places, policy.holidays, policy.tzdata)
    assert "BASE-COUNTRY" not in rules(call(datetime(2026, 11, 20, 13, tzinfo=UTC), addresses=BOTH), expiring)
    assert "BASE-COUNTRY" in rules(call(datetime(2026, 11, 20, 14, tzinfo=UTC), addresses=BOTH), expiring)


# --- consent and relationship ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bought", "lifted"),
    [(NOON, True), (NOON + SECOND, False), (datetime(2025, 5, 20, 17, tzinfo=UTC), False)],
)
def test_a_relationship_begins_with_the_purchase_and_ends_eighteen_months_later(
    policy: compliance.Policy, bought: datetime, lifted: bool
) -> None:
    facts = _solicit(NOON, NOON.date(), Address(tz=ET))
    listed = replace(
        facts,
        suppressions=(Suppression(SuppressionKind.NATIONAL_DNC),),
        relationship=Relationship(last_purchase_at=bought),
    )
    assert ("US-FCC-12" not in rules(listed, policy)) is lifted


def test_a_relationship_that_lies_ahead_lifts_from_then_on(policy: compliance.Policy) -> None:
    ahead = NOON + timedelta(hours=1)
    facts = replace(
        _solicit(NOON, NOON.date(), Address(tz=ET)), suppressions=(Suppression(SuppressionKind.NATIONAL_DNC),)
    )
    known = compliance.decide(replace(facts, relationship=Relationship(last_inquiry_at=ahead)), policy)
    assert known.retry_at == ahead
    consent = Consent(ConsentKind.WRITTEN_MARKETING, GivenTo.CREDITOR, ahead)
    assert compliance.decide(replace(facts, consents=(consent,)), policy).retry_at == ahead


@pytest.mark.parametrize(
    ("talked_at", "debts", "ended"),
    [
        (NOON - timedelta(hours=2), ("D1",), False),  # the consent was given in this very conversation
        (NOON - timedelta(hours=2) + SECOND, ("D1",), True),
        (NOON, ("D1",), True),
        (NOON + SECOND, ("D1",), False),
        (NOON - timedelta(hours=1), ("D2",), False),
    ],
)
@pytest.mark.parametrize("debt", [None, "D1"])
def test_direct_consent_ends_with_the_first_conversation_after_it(
    policy: compliance.Policy, talked_at: datetime, debts: tuple[str, ...], ended: bool, debt: str | None
) -> None:
    consent = Consent(ConsentKind.CALL_BACK, GivenTo.COLLECTOR, NOON - timedelta(hours=2), debt=debt)
    facts = call(consents=(consent,), history=(event(talked_at, Result.CONVERSATION, debts=debts),))
    assert compliance.decide(facts, policy).under_consent is not ended


def test_of_several_revocations_the_last_counts_and_one_of_this_instant_does(policy: compliance.Policy) -> None:
    now = datetime(2027, 2, 5, 17, tzinfo=UTC)
    given = Consent(ConsentKind.PRERECORDED, GivenTo.CREDITOR, now - timedelta(days=5))
    revoked = replace(given, given_at=now - timedelta(days=99), debt="D9")
    line = {"number": CalledNumber("+18005550147", LineType.MOBILE), "voice": Voice.PRERECORDED}
    for instants, held in (
        ((now - timedelta(days=9), now - timedelta(days=8)), False),
        ((now - timedelta(days=9), now - timedelta(days=1)), True),
        ((now - timedelta(days=1), now - timedelta(days=9)), True),
        ((now,), True),
        ((now + SECOND,), False),
    ):
        ended = tuple(replace(revoked, revoked_at=at) for at in instants)
        assert ("US-FCC-09" in rules(call(now, consents=(given, *ended), **line), policy)) is held


# --- reserved agents -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
def test_with_the_abandonment_budget_used_up_only_calls_with_an_agent_are_placed(
    policy: compliance.Policy, mode: Mode
) -> None:
    decision = compliance.decide(call(mode=mode, abandonment_brake=True), policy)
    reserved = mode in {Mode.PREVIEW, Mode.MANUAL}
    assert (decision.allowed, decision.retry_at) == (reserved, None)
    assert [reason.code for reason in decision.reasons] == ([] if reserved else ["RESERVED_AGENT_REQUIRED"])
    assert "RESERVED_AGENT_ONLY" in decision.flags
    held = compliance.decide(call(mode=mode, abandonment_brake=True, agent_guaranteed=True), policy)
    assert held.allowed
    assert "RESERVED_AGENT_ONLY" in held.flags
    free = compliance.decide(call(mode=mode, agent_guaranteed=True), policy)
    assert "RESERVED_AGENT_ONLY" not in free.flags
    plain = compliance.decide(call(mode=mode), policy)
    assert "RESERVED_AGENT_ONLY" not in plain.flags


def test_a_block_for_another_reason_does_not_ask_for_an_agent(policy: compliance.Policy) -> None:
    ceased = call(suppressions=(Suppression(SuppressionKind.CEASE),))
    assert "RESERVED_AGENT_ONLY" not in compliance.decide(ceased, policy).flags
    both = replace(ceased, abandonment_brake=True)
    assert "RESERVED_AGENT_ONLY" in compliance.decide(both, policy).flags


def test_a_stated_place_that_ends_ahead_is_gone_at_that_instant(policy: compliance.Policy) -> None:
    ends = NOON + timedelta(minutes=7)
    facts = call(stated_locations=(StatedLocation(tz=GUAM, until=ends),))
    assert compliance.decide(facts, policy).retry_at == ends
    assert compliance.decide(replace(facts, now=ends), policy).allowed


# --- counts that one change or another did not disturb ---------------------------------------------------------------


def _at_work(*history: HistoryEvent, **more: object) -> CallFacts:
    number = CalledNumber("+14045550147", LineType.FIXED, NumberUse.WORK)
    return call(number=number, addresses=(Address(zip="30303", state="GA"),), history=history, **more)


def test_the_one_call_at_work_is_any_call_there_but_those_under_consent(policy: compliance.Policy) -> None:
    before = event(NOON - timedelta(days=99), number_use=NumberUse.WORK, number="+14045550147")
    assert "US-FDC-04" in rules(_at_work(before), policy)
    assert "US-FDC-04" in rules(_at_work(replace(before, voicemail_service=False)), policy)
    assert "US-FDC-04" in rules(_at_work(before, relationship=Relationship(NOON - DAY)), policy)
    assert "US-FDC-04" in rules(_at_work(before, agent_guaranteed=True), policy)
    assert "US-FDC-04" not in rules(_at_work(replace(before, under_consent=True)), policy)
    granted = Consent(ConsentKind.CALL_BACK, GivenTo.COLLECTOR, NOON - DAY)
    assert "US-FDC-04" not in rules(_at_work(before, consents=(granted,)), policy)


def test_an_agreed_call_back_may_be_one_more_than_the_cap_of_the_day(policy: compliance.Policy) -> None:
    today = [event(datetime(2026, 11, 20, hour, tzinfo=UTC)) for hour in (6, 7, 8)]
    granted = Consent(ConsentKind.CALL_BACK, GivenTo.COLLECTOR, NOON - timedelta(hours=1))
    capped = rules(call(history=tuple(today)), policy)
    assert {"US-FDC-14D", "US-FDC-14P"} <= set(capped)
    assert compliance.decide(call(history=tuple(today), consents=(granted,)), policy).allowed


def test_a_letter_of_the_first_instant_of_a_day_is_of_that_day(policy: compliance.Policy) -> None:
    letter = event(
        datetime(2026, 11, 16, 5, tzinfo=UTC), Result.SENT, channel=Channel.LETTER, creditor="C1", number="+14165550147"
    )
    facts = CallFacts(
        now=NOON,
        purpose=Purpose.DEBT_THIRD_PARTY,
        number=CalledNumber("+14165550147"),
        campaign_country="CA",
        person="P1",
        debt="D1",
        addresses=(Address(state="ON", country="CA", tz="America/Toronto"),),
        history=(letter,),
    )
    assert "CA-ON-D3" in rules(replace(facts, now=datetime(2026, 11, 21, 17, tzinfo=UTC)), policy)
    assert "CA-ON-D3" not in rules(replace(facts, now=datetime(2026, 11, 22, 5, tzinfo=UTC)), policy)
