"""What each block promises by itself: until when it surely holds, and which place or span it names.

`retry_at` hides most of this: the search looks again wherever a promise ends. A promise that is too short costs time,
one that is too long skips an hour in which the call was allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

import compliance
from compliance import gate
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
    PartyRole,
    Preference,
    PreferenceKind,
    Purpose,
    Registries,
    Relationship,
    Result,
    StatedLocation,
    Suppression,
    SuppressionKind,
)
from compliance.moment import Block
from domain.mode import Mode

pytestmark = pytest.mark.unit

Bare = Callable[[str], compliance.Policy]

ET, LIMA, CHICAGO, GUAM = "America/New_York", "America/Lima", "America/Chicago", "Pacific/Guam"
NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)  # a Friday, 12:00 in New York and in Lima
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def call(now: datetime = NOON, *zones: str, **more: object) -> CallFacts:
    plain = CallFacts(
        now=now,
        purpose=Purpose.DEBT_THIRD_PARTY,
        number=CalledNumber("+18005550147", LineType.FIXED),  # of no place: the addresses alone speak
        id="X",
        person="P1",
        debt="D1",
        addresses=tuple(Address(tz=zone) for zone in zones or (ET,)),
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def event(at: datetime, result: Result = Result.NO_ANSWER, **more: object) -> HistoryEvent:
    plain = HistoryEvent(at, result, "P1", ("D1",), ("D1",), "+18005550147")
    return replace(plain, **more)  # type: ignore[arg-type]


def blocks(facts: CallFacts, policy: compliance.Policy) -> dict[str, Block]:
    moment = gate.moment_at(facts, facts.now, policy)
    return {block.rule.id: block for _, found in gate.evaluated(moment) for block in found}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- hours -----------------------------------------------------------------------------------------------------------


def test_of_two_places_that_open_at_the_same_instant_the_first_is_named(policy: compliance.Policy) -> None:
    night = at("2026-11-20T09:00")
    assert f"in {ET} " in blocks(call(night, ET, LIMA), policy)["US-FDC-01"].detail
    assert f"in {LIMA} " in blocks(call(night, LIMA, ET), policy)["US-FDC-01"].detail


@pytest.mark.parametrize(
    ("guard", "opens"),
    [(0, "Tue 24 Nov 10:00"), (10_799, "Tue 24 Nov 10:00"), (10_800, "Tue 24 Nov 14:00"), (21_600, None)],
)
def test_the_opening_named_is_one_the_guard_leaves_something_of(
    policy: compliance.Policy, guard: int, opens: str | None
) -> None:
    """France opens at 10 for three hours, and at 14 for six."""
    facts = call(
        at("2026-11-24T08:00"),
        purpose=Purpose.TELEMARKETING,
        number=CalledNumber("+33199001234"),
        campaign_country="FR",
        addresses=(Address(country="FR", tz="Europe/Paris"),),
        policy=CampaignPolicy(close_guard_seconds=guard),
    )
    detail = blocks(facts, policy)["FR-01"].detail
    assert detail.endswith(f"; opens {opens}" if opens else "hours 10:00-13:00, 14:00-20:00")


@pytest.mark.parametrize(
    ("now", "why"), [("2026-11-29T15:00", "no calls on a Sunday"), ("2026-12-25T15:00", "no calls on this holiday")]
)
def test_a_closed_day_is_named(policy: compliance.Policy, now: str, why: str) -> None:
    facts = call(
        at(now),
        purpose=Purpose.TELEMARKETING,
        mode=Mode.MANUAL,
        addresses=(Address(zip="70112", state="LA"),),
        registries=Registries(at(now).date()),
    )
    assert why in blocks(facts, policy)["US-LA-1"].detail


# --- times the consumer called inconvenient --------------------------------------------------------------------------


def stated(start: str, end: str) -> Preference:
    minutes = [60 * int(text[:2]) + int(text[3:]) for text in (start, end)]
    return Preference(PreferenceKind.INCONVENIENT_TIME, frozenset(), *minutes)


def test_of_several_stated_times_the_last_to_end_is_promised(policy: compliance.Policy) -> None:
    short, long = stated("11:00", "13:00"), stated("11:00", "15:00")
    for preferences in ((short, long), (long, short)):
        found = blocks(call(preferences=preferences), policy)["US-FDC-03"]
        assert found.until == at("2026-11-20T20:00")


def test_of_two_zones_whose_stated_time_ends_together_the_first_is_named(policy: compliance.Policy) -> None:
    noon = (stated("11:00", "13:00"),)
    assert f"in {ET} " in blocks(call(NOON, ET, LIMA, preferences=noon), policy)["US-FDC-03"].detail
    assert f"in {LIMA} " in blocks(call(NOON, LIMA, ET, preferences=noon), policy)["US-FDC-03"].detail


def test_a_time_stated_from_midnight_is_guarded_in_the_last_minute_of_the_day_before(policy: compliance.Policy) -> None:
    early = call(at("2026-11-21T04:59:30"), preferences=(stated("00:00", "08:00"),))
    assert "US-FDC-03" not in blocks(early, policy)
    guarded = replace(early, policy=CampaignPolicy(close_guard_seconds=60))
    assert blocks(guarded, policy)["US-FDC-03"].until == at("2026-11-21T13:00")


def test_of_the_time_of_yesterday_and_the_guarded_one_of_today_the_later_end_is_promised(
    policy: compliance.Policy,
) -> None:
    nearly_all_day = (stated("22:00", "21:59"),)
    facts = call(at("2026-11-21T02:58:30"), preferences=nearly_all_day, policy=CampaignPolicy(close_guard_seconds=120))
    assert blocks(facts, policy)["US-FDC-03"].until == at("2026-11-22T02:59")


@pytest.mark.parametrize(
    ("now", "held"),
    [
        ("2026-11-20T04:59:59", False),
        ("2026-11-20T05:00:00", True),
        ("2026-11-21T04:59:59", True),
        ("2026-11-21T05:00:00", False),
    ],
)
def test_a_time_stated_without_hours_is_the_whole_day_and_no_more(
    policy: compliance.Policy, now: str, held: bool
) -> None:
    friday = (Preference(PreferenceKind.INCONVENIENT_TIME, frozenset({4})),)
    assert ("US-FDC-03" in blocks(call(at(now), preferences=friday), policy)) is held


def test_a_stated_time_that_ends_when_it_begins_is_the_whole_day(policy: compliance.Policy) -> None:
    assert blocks(call(preferences=(stated("10:00", "10:00"),)), policy)["US-FDC-03"].until == at("2026-11-21T15:00")


# --- lists -----------------------------------------------------------------------------------------------------------


def test_the_days_of_a_refusal_are_promised_to_the_zone_in_which_they_end_last(policy: compliance.Policy) -> None:
    refused = Suppression(SuppressionKind.REFUSAL, since=at("2026-09-27T23:30"))  # the 28th in Paris
    for zones in (("Europe/Paris", "America/Martinique"), ("America/Martinique", "Europe/Paris")):
        facts = call(
            purpose=Purpose.TELEMARKETING,
            number=CalledNumber("+33199001234"),
            campaign_country="FR",
            addresses=tuple(Address(country="FR", tz=zone) for zone in zones),
            suppressions=(refused,),
        )
        found = {block.until for block in blocks(facts, policy).values() if block.code == "REFUSAL"}
        assert found == {at("2026-11-26T23:00")}


def test_a_suppression_with_an_end_is_promised_to_it(policy: compliance.Policy) -> None:
    ends = Suppression(SuppressionKind.CEASE, until=NOON + DAY)
    assert blocks(call(suppressions=(ends,)), policy)["US-FDC-06"].until == NOON + DAY
    assert blocks(call(suppressions=(Suppression(SuppressionKind.CEASE),)), policy)["US-FDC-06"].until is None


def test_a_file_dated_ahead_is_promised_to_the_zone_farthest_west(policy: compliance.Policy) -> None:
    for zones in ((ET, GUAM), (GUAM, ET)):
        facts = call(NOON, *zones, purpose=Purpose.TELEMARKETING, registries=Registries(date(2026, 11, 23)))
        assert blocks(facts, policy)["US-FCC-12F"].until == at("2026-11-22T05:00")


def test_consent_of_the_very_instant_of_a_revocation_is_revoked(policy: compliance.Policy) -> None:
    now = at("2027-02-05T17:00")
    revoked = Consent(ConsentKind.PRERECORDED, GivenTo.CREDITOR, now - 9 * DAY, revoked_at=now - DAY, debt="D9")
    again = Consent(ConsentKind.PRERECORDED, GivenTo.CREDITOR, now - DAY)
    line = {"number": CalledNumber("+18005550147", LineType.MOBILE), "voice": compliance.facts.Voice.PRERECORDED}
    assert "US-FCC-09" in blocks(call(now, consents=(revoked, again), **line), policy)
    later = replace(again, given_at=now - DAY + SECOND)
    assert "US-FCC-09" not in blocks(call(now, consents=(revoked, later), **line), policy)


# --- counts ----------------------------------------------------------------------------------------------------------


def test_of_two_spans_that_end_together_the_first_of_the_rule_is_named(bare: Bare) -> None:
    counting = bare('kind = "frequency"\nmax = 1\nwindow = ["calendar_days 1", "rolling_hours 24"]')
    midnight = event(at("2026-11-20T05:00"))
    found = blocks(call(history=(midnight,)), counting)["R"]
    assert found.until == at("2026-11-21T05:00")
    assert found.detail.startswith("1 counted in today,")


def test_a_count_says_how_many_and_per_what(bare: Bare) -> None:
    span = 'kind = "frequency"\nmax = 1\nwindow = ["calendar_days 1"]'
    assert "per" not in blocks(call(history=(event(NOON),)), bare(span))["R"].detail
    assert " per debt" in blocks(call(history=(event(NOON),)), bare(f'{span}\ncount_by = ["debt"]'))["R"].detail


def test_the_days_after_a_letter_are_promised_to_the_zone_in_which_they_end_last(policy: compliance.Policy) -> None:
    for zones in (("America/Toronto", "America/Regina"), ("America/Regina", "America/Toronto")):
        facts = call(
            number=CalledNumber("+14165550147"),
            campaign_country="CA",
            addresses=tuple(Address(state="ON", country="CA", tz=zone) for zone in zones),
            history=(event(at("2026-11-16T17:00"), Result.SENT, channel=Channel.LETTER),),
        )
        assert blocks(facts, policy)["CA-ON-D3"].until == at("2026-11-22T06:00")


# --- when rules come and go ------------------------------------------------------------------------------------------

CLOSED = 'kind = "reserved_agent"\nmax = 1\nwindow = ["ever"]\nreserved_lifts = true'


def test_a_rule_of_one_state_comes_into_force_by_the_clock_of_that_state(bare: Bare) -> None:
    rule = 'kind = "suppression"\nsuppression = "cease"\nstates = ["NY"]\neffective_from = 2026-11-21'
    places = (Address(zip="10001", state="NY"), Address(tz=GUAM))  # in Guam it is the 21st already
    facts = call(at("2026-11-21T04:59:59"), addresses=places, suppressions=(Suppression(SuppressionKind.CEASE),))
    dated = bare(rule)
    assert "R" not in blocks(facts, dated)
    assert "R" in blocks(replace(facts, now=at("2026-11-21T05:00")), dated)


def test_a_rule_for_a_number_of_no_known_place_comes_into_force_by_universal_time(bare: Bare) -> None:
    dated = bare('kind = "suppression"\nsuppression = "cease"\neffective_from = 2026-11-21')
    facts = call(at("2026-11-20T23:59:59"), addresses=(), suppressions=(Suppression(SuppressionKind.CEASE),))
    assert "R" not in blocks(facts, dated)
    assert "R" in blocks(replace(facts, now=at("2026-11-21T00:00")), dated)


@pytest.mark.parametrize(
    ("zone", "now", "over"),
    [
        ("Pacific/Honolulu", "2026-11-21T05:00", "2026-11-21T10:00"),  # the last day still, though not in London
        (GUAM, "2026-11-20T05:00", "2026-11-20T14:00"),
        (ET, "2026-11-10T17:00", "2026-11-21T05:00"),
    ],
)
def test_a_block_without_an_end_is_over_with_the_last_day_of_its_rule(
    bare: Bare, zone: str, now: str, over: str
) -> None:
    dated = bare('kind = "suppression"\nsuppression = "cease"\neffective_to = 2026-11-20')
    facts = call(at(now), zone, suppressions=(Suppression(SuppressionKind.CEASE),))
    assert compliance.decide(facts, dated).retry_at == at(over)


def test_a_message_that_may_not_be_played_until_a_rule_ends_holds_the_call_until_then(bare: Bare) -> None:
    dated = bare('kind = "consent"\nany_of = ["sms"]\nwhen = { voice = "prerecorded" }\neffective_to = 2026-11-20')
    facts = call(mode=Mode.PREDICTIVE, policy=CampaignPolicy(abandon_message=True))
    decision = compliance.decide(facts, dated)
    assert [reason.code for reason in decision.reasons] == ["RESERVED_AGENT_REQUIRED"]
    assert decision.retry_at == at("2026-11-21T05:00")
    assert compliance.decide(call(mode=Mode.PREDICTIVE), dated).allowed


def test_a_number_ported_lately_is_a_landline_again_when_it_leaves_the_list(policy: compliance.Policy) -> None:
    leaves = NOON + timedelta(hours=1)
    facts = call(
        number=CalledNumber("+18005550147", LineType.FIXED, ported_at=date(2026, 11, 10)),
        voice=compliance.facts.Voice.PRERECORDED,
        suppressions=(Suppression(SuppressionKind.NATIONAL_DNC, until=leaves),),
    )
    decision = compliance.decide(facts, policy)
    assert "CONSENT" in [reason.code for reason in decision.reasons]
    assert decision.retry_at == leaves


def test_rules_of_the_past_hold_nothing_up(bare: Bare) -> None:
    dated = bare('kind = "suppression"\nsuppression = "cease"\neffective_to = 2026-11-01')
    facts = call(suppressions=(Suppression(SuppressionKind.CEASE),))
    assert compliance.decide(facts, dated).allowed


def test_places_without_a_common_hour_have_no_next_instant_until_one_of_them_is_left(bare: Bare) -> None:
    hours = bare('kind = "window"\nhours = { all = "08:00-16:00" }')
    apart = call(NOON, ET, "Asia/Karachi")
    assert compliance.decide(apart, hours).retry_at is None
    left = NOON + timedelta(days=200, minutes=1)
    until = StatedLocation(tz="Asia/Karachi", until=left)
    assert compliance.decide(call(stated_locations=(until,)), hours).retry_at == left


# --- every rule ------------------------------------------------------------------------------------------------------


def test_a_rule_that_does_not_block_answers_with_an_empty_tuple(policy: compliance.Policy, bare: Bare) -> None:
    old = NOON - timedelta(days=90)
    facts = call(
        registries=Registries(NOON.date()),
        suppressions=(
            Suppression(SuppressionKind.CEASE, until=old),
            Suppression(SuppressionKind.NATIONAL_DNC),
            Suppression(SuppressionKind.INTERNAL_DNC, person="P2"),
        ),
        emergencies=(Emergency("FL"),),
        history=(event(old), event(old + DAY), event(old + 2 * DAY)),
        relationship=Relationship(old),
        consents=(
            Consent(ConsentKind.WRITTEN_MARKETING, GivenTo.CREDITOR, old),
            Consent(ConsentKind.HOURS, GivenTo.COLLECTOR, old),
        ),
        preferences=(stated("11:00", "13:00"),),
    )
    work = CalledNumber("+18005550147", LineType.FIXED, NumberUse.WORK)
    lifted = bare('kind = "consent"\nany_of = ["sms"]\nrelationship_lifts = true')
    played = replace(facts, policy=CampaignPolicy(abandon_message=True))
    asked = 0
    for purpose in Purpose:
        for role in PartyRole:
            for number in (facts.number, work):
                for consents in (facts.consents, ()):
                    for law in (policy, lifted):
                        asking = replace(played, purpose=purpose, party_role=role, number=number, consents=consents)
                        for _, found in gate.evaluated(gate.moment_at(asking, NOON, law)):
                            assert isinstance(found, tuple)
                            asked += 1
    assert asked > 1000
