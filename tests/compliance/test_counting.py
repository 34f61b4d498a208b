"""Each way of counting by itself, under a pack of one rule: spans, keys, what drops out when, and who lifts what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import compliance
from compliance import frequency, walltime
from compliance.facts import (
    Address,
    CalledNumber,
    CallFacts,
    CampaignPolicy,
    Channel,
    Consent,
    ConsentKind,
    Direction,
    GivenTo,
    HistoryEvent,
    NumberUse,
    PartyRole,
    Purpose,
    Result,
    Voice,
)
from compliance.frequency import Span, SpanKind
from domain.mode import Mode

pytestmark = pytest.mark.unit

ET, GUAM, HAVANA = "America/New_York", "Pacific/Guam", "America/Havana"
NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)  # a Friday, 12:00 in New York

Bare = Callable[[str], compliance.Policy]


def call(now: datetime, *history: HistoryEvent, zone: str = ET, **more: object) -> CallFacts:
    facts = CallFacts(
        now=now,
        purpose=Purpose.DEBT_THIRD_PARTY,
        number=CalledNumber("+18005550147"),  # of no place: the address alone speaks
        id="X",
        person="P1",
        debt="D1",
        addresses=(Address(tz=zone),),
        history=history,
    )
    return replace(facts, **more)  # type: ignore[arg-type]


def event(at: datetime, result: Result = Result.NO_ANSWER, **more: object) -> HistoryEvent:
    plain = HistoryEvent(at, result, "P1", ("D1",), ("D1",), "+18005550147", "C1", campaign="K1", subject="S1")
    return replace(plain, **more)  # type: ignore[arg-type]


def count(window: str, maximum: int = 1, kind: str = "frequency", **more: str) -> str:
    lines = [f'kind = "{kind}"', f"max = {maximum}", f'window = ["{window}"]']
    return "\n".join([*lines, *(f"{key} = {value}" for key, value in more.items())])


def blocked(facts: CallFacts, policy: compliance.Policy) -> bool:
    return "R" in [reason.rule for reason in compliance.decide(facts, policy).reasons]


def local(day: str, clock: str = "12:00:00", zone: str = ET) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=walltime.zone(zone)).astimezone(UTC)


# --- spans -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "first_counted", "free_at"),
    [
        ("calendar_days 1", "2026-11-20", "2026-11-21"),
        ("calendar_days 2", "2026-11-19", "2026-11-22"),
        ("calendar_days 7", "2026-11-14", "2026-11-27"),
        ("calendar_week", "2026-11-15", "2026-11-23"),  # Sunday to Saturday reaches back, Monday to Sunday ahead
        ("calendar_month", "2026-11-01", "2026-12-01"),
    ],
)
def test_a_span_of_dates_begins_and_ends_at_midnight_there(
    bare: Bare, window: str, first_counted: str, free_at: str
) -> None:
    policy = bare(count(window))
    begins = local(first_counted, "00:00:00")
    assert blocked(call(NOON, event(begins)), policy)
    assert not blocked(call(NOON, event(begins - timedelta(seconds=1))), policy)
    found = compliance.decide(call(NOON, event(NOON - timedelta(minutes=1))), policy)
    assert found.retry_at == local(free_at, "00:00:00")


@pytest.mark.parametrize("weekday", range(7))
def test_a_calendar_week_is_both_kinds_of_week(bare: Bare, weekday: int) -> None:
    policy = bare(count("calendar_week"))
    today = date(2026, 11, 16) + timedelta(days=weekday)
    now = local(today.isoformat())
    mondays_week = {today - timedelta(days=weekday) + timedelta(days=n) for n in range(7)}
    sundays_week = {today - timedelta(days=(weekday + 1) % 7) + timedelta(days=n) for n in range(7)}
    for back in range(10):
        day = today - timedelta(days=back)
        counted = day in mondays_week | sundays_week
        assert blocked(call(now, event(local(day.isoformat(), "11:00:00"))), policy) is counted, day


@pytest.mark.parametrize(("hours", "window"), [(1, "rolling_hours 1"), (168, "rolling_hours 168")])
def test_a_span_of_hours_ends_to_the_second(bare: Bare, hours: int, window: str) -> None:
    policy, span = bare(count(window)), timedelta(hours=hours)
    assert blocked(call(NOON, event(NOON - span + timedelta(seconds=1))), policy)
    assert not blocked(call(NOON, event(NOON - span)), policy)
    assert compliance.decide(call(NOON, event(NOON)), policy).retry_at == NOON + span


def test_what_once_happened_counts_for_ever_where_the_rule_says_so(bare: Bare) -> None:
    found = compliance.decide(call(NOON, event(datetime(2001, 1, 1, tzinfo=UTC))), bare(count("ever")))
    assert ([reason.rule for reason in found.reasons], found.retry_at) == (["R"], None)


@pytest.mark.parametrize("maximum", [1, 2, 3])
def test_a_count_below_the_maximum_permits_and_at_it_blocks_until_enough_have_dropped_out(
    bare: Bare, maximum: int
) -> None:
    policy = bare(count("rolling_hours 100", maximum))
    history = [event(NOON - timedelta(hours=10 * n)) for n in range(1, 6)]
    assert not blocked(call(NOON, *history[: maximum - 1]), policy)
    assert blocked(call(NOON, *history[:maximum]), policy)
    last_to_leave = sorted(each.at for each in history)[5 - maximum]
    assert compliance.decide(call(NOON, *history), policy).retry_at == last_to_leave + timedelta(hours=100)


@pytest.mark.parametrize(
    ("windows", "says"),
    [
        ('calendar_days 1", "rolling_hours 90', "90 hours"),
        ('calendar_days 9", "rolling_hours 2', "9 days by date"),
        ('calendar_days 9", "ever', "all time"),
        ('calendar_week", "rolling_hours 2', "a calendar week"),
        ('calendar_month", "rolling_hours 2', "a calendar month"),
        ('calendar_days 1", "rolling_hours 2', "today"),
    ],
)
def test_the_reason_names_the_span_that_lasts_longest(bare: Bare, windows: str, says: str) -> None:
    found = compliance.decide(call(NOON, event(NOON - timedelta(hours=1))), bare(count(windows)))
    assert found.reasons[0].detail.startswith(f"1 counted in {says}")
    assert (", the limit is 1" in found.reasons[0].detail) is True


def test_of_several_zones_the_one_that_lasts_longest_decides(bare: Bare) -> None:
    policy = bare(count("calendar_days 1"))
    both = (Address(tz=ET), Address(tz=GUAM))
    now = datetime(2026, 11, 20, 10, tzinfo=UTC)  # 05:00 in New York, 20:00 in Guam
    for addresses in (both, both[::-1]):
        facts = call(now, event(now - timedelta(hours=1)), addresses=addresses)
        found = compliance.decide(facts, policy)
        assert found.retry_at == local("2026-11-21", "00:00:00")
        over_in_guam = replace(facts, now=datetime(2026, 11, 20, 15, tzinfo=UTC))
        assert blocked(over_in_guam, policy)


def test_a_states_count_goes_by_the_dates_of_that_state(bare: Bare) -> None:
    policy = bare(count("calendar_days 1", states='["DC"]'))
    evening = event(datetime(2026, 11, 19, 23, tzinfo=UTC))  # still the 19th in the District, the 20th in Guam
    facts = call(datetime(2026, 11, 20, 13, tzinfo=UTC), evening)
    places = (Address(tz=ET, state="DC"), Address(tz=GUAM))
    for addresses in (places, places[::-1]):
        assert not blocked(replace(facts, addresses=addresses), policy)
    everywhere = bare(count("calendar_days 1"))
    assert blocked(replace(facts, addresses=places), everywhere)


@pytest.mark.parametrize("window", ["calendar_days 1", "calendar_days 7", "calendar_week", "calendar_month"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    at=st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31)),  # noqa: DTZ001
    later=st.timedeltas(timedelta(0), timedelta(days=40)),
    zone=st.sampled_from([ET, GUAM, HAVANA, "Australia/Lord_Howe", "America/St_Johns", "America/Santiago"]),
)
def test_counting_by_dates_is_counting_by_the_calendar_on_the_wall(
    window: str, at: datetime, later: timedelta, zone: str, policy: compliance.Policy
) -> None:
    """The instant from which events count, and the date on which one drops out, say the same."""
    name, _, n = window.partition(" ")
    span = Span(SpanKind(name), int(n or 1))
    then, now = at.replace(tzinfo=UTC), at.replace(tzinfo=UTC) + later
    moment = compliance.gate.moment_at(call(now, zone=zone), now, policy)
    today, day = walltime.wall(now, zone).date(), walltime.wall(then, zone).date()
    inside = frequency.in_span(then, span, zone, moment)
    assert inside is (today < frequency._first_free_day(day, span))


def test_a_week_lasts_for_an_event_as_long_as_it_counts() -> None:
    span = Span(SpanKind.CALENDAR_WEEK)
    for n in range(7):
        day = date(2026, 11, 16) + timedelta(days=n)
        counted = [d for d in range(14) if frequency._first_day(day + timedelta(days=d), span) <= day]
        assert frequency._first_free_day(day, span) == day + timedelta(days=max(counted) + 1)
        assert counted == list(range(len(counted)))


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        ("2026-11-20", ET, "2026-11-20T05:00:00+00:00"),
        ("2026-07-01", ET, "2026-07-01T04:00:00+00:00"),
        ("2026-11-01", HAVANA, "2026-11-01T04:00:00+00:00"),  # 00:00 comes twice: the first one
        ("2026-03-08", HAVANA, "2026-03-08T05:00:00+00:00"),  # 00:00 does not come: the change to 01:00
    ],
)
def test_a_local_day_begins_at_its_first_instant(day: str, zone: str, begins: str) -> None:
    assert walltime.beginning(date.fromisoformat(day), zone) == datetime.fromisoformat(begins)


# --- what counts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "mine", "other"),
    [
        ("person", {"person": "P1"}, {"person": "P2"}),
        ("debt", {"debts": ("D1", "D9")}, {"debts": ("D2",)}),
        ("account", {"accounts": ("D1",)}, {"accounts": ("A2",)}),
        ("number", {"number": "+18005550147"}, {"number": "+18005550199"}),
        ("creditor", {"creditor": "C1"}, {"creditor": "C2"}),
        ("campaign", {"campaign": "K1"}, {"campaign": "K2"}),
        ("subject", {"subject": "S1"}, {"subject": "S2"}),
    ],
)
def test_a_key_joins_what_is_the_same_or_unknown(
    bare: Bare, key: str, mine: dict[str, object], other: dict[str, object]
) -> None:
    policy = bare(count("rolling_hours 24", count_by=f'["{key}"]'))
    known = {"creditor": "C1", "campaign": "K1", "subject": "S1"}
    unknown = {name: () if isinstance(value, tuple) else None for name, value in mine.items()}
    before = event(NOON - timedelta(hours=1))
    assert blocked(call(NOON, replace(before, **mine), **known), policy)  # type: ignore[arg-type]
    assert blocked(call(NOON, replace(before, **unknown), **known), policy)  # type: ignore[arg-type]
    assert not blocked(call(NOON, replace(before, **other), **known), policy)  # type: ignore[arg-type]
    nothing = {"person": None, "debt": None, "account": None}
    silent = key != "number"
    assert blocked(call(NOON, replace(before, **other), **nothing), policy) is silent  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "counted", "not_counted"),
    [
        ('channels = ["sms"]', {"channel": Channel.SMS}, {}),
        ('directions = ["in"]', {"direction": Direction.IN}, {}),
        ('directions = ["in", "out"]', {"direction": Direction.IN}, {"channel": Channel.EMAIL}),
        ('results = ["machine"]', {"result": Result.MACHINE}, {}),
        ('exclude = ["machine"]', {"result": Result.BUSY}, {"result": Result.MACHINE}),
        ("", {}, {"result": Result.BUSY}),
        ("", {}, {"party_role": PartyRole.ATTORNEY}),
        ('count_roles = ["attorney"]', {"party_role": PartyRole.ATTORNEY}, {}),
        ('count_uses = ["work"]', {"number_use": NumberUse.WORK}, {}),
        ('count_voice = "prerecorded"', {"voice": Voice.PRERECORDED}, {}),
        (
            'count_voice = "prerecorded"',
            {"result": Result.ABANDONED, "message_left": True},
            {"result": Result.ABANDONED},
        ),
        ('count_voice = "prerecorded"', {"voice": Voice.PRERECORDED}, {"message_left": True}),
        ("", {}, {"under_consent": True}),
        ("count_consented = true", {"under_consent": True}, {"result": Result.SIT}),
        ("voicemail_only = true", {}, {"voicemail_service": False}),
        ("voicemail_only = true", {}, {"voicemail_service": False, "result": Result.MAILBOX_FULL}),
        ("voicemail_only = true", {"voicemail_service": False, "result": Result.MACHINE}, {"result": Result.BUSY}),
        ("", {"voicemail_service": False}, {"result": Result.FAILED}),
    ],
)
def test_only_what_the_rule_counts_is_counted(
    bare: Bare, setting: str, counted: dict[str, object], not_counted: dict[str, object]
) -> None:
    policy = bare(count("rolling_hours 24") + "\n" + setting)
    before = event(NOON - timedelta(hours=1))
    assert blocked(call(NOON, replace(before, **counted)), policy)  # type: ignore[arg-type]
    assert not blocked(call(NOON, replace(before, **not_counted)), policy)  # type: ignore[arg-type]


def test_texts_have_no_use_of_a_number(bare: Bare) -> None:
    policy = bare(count("rolling_hours 24", channels='["call", "sms"]', count_uses='["home"]'))
    text = event(NOON - timedelta(hours=1), Result.SENT, channel=Channel.SMS, number_use=NumberUse.WORK)
    assert blocked(call(NOON, text), policy)
    assert not blocked(call(NOON, replace(text, channel=Channel.CALL)), policy)


def test_after_the_first_conversation_the_others_count_and_it_does_not(bare: Bare) -> None:
    policy = bare(count("rolling_hours 1000", 2, after_first="true", count_by='["person", "creditor"]'))
    hours = [timedelta(hours=n) for n in (40, 30, 20, 10)]
    talk, one, two, three = (event(NOON - span) for span in hours)
    talked = replace(talk, result=Result.CONVERSATION)
    known = {"creditor": "C1"}
    assert not blocked(call(NOON, talk, one, two, three, **known), policy)
    assert blocked(call(NOON, talked, one, two, **known), policy)
    assert not blocked(call(NOON, talked, one, **known), policy)
    assert not blocked(call(NOON, one, two, replace(three, result=Result.CONVERSATION), **known), policy)
    assert not blocked(call(NOON, replace(talked, creditor="C2"), one, two, **known), policy)
    assert not blocked(call(NOON, replace(talked, person="P2"), one, two, **known), policy)
    again = replace(two, result=Result.CONVERSATION)
    assert blocked(call(NOON, talked, one, again, **known), policy)


GRANT = Consent(ConsentKind.CALL_FREQUENCY, GivenTo.COLLECTOR, NOON - timedelta(hours=2))


@pytest.mark.parametrize(
    ("setting", "lifting", "lifts"),
    [
        ("", {"consents": (GRANT,)}, True),
        ("consent_lifts = false", {"consents": (GRANT,)}, False),
        ("", {"consents": (replace(GRANT, kind=ConsentKind.PRERECORDED),)}, False),
        ('lifted_by = ["prerecorded"]', {"consents": (replace(GRANT, kind=ConsentKind.PRERECORDED),)}, True),
        ("", {"relationship": compliance.facts.Relationship(NOON - timedelta(days=9))}, False),
        ("relationship_lifts = true", {"relationship": compliance.facts.Relationship(NOON - timedelta(days=9))}, True),
        ("", {"agent_guaranteed": True}, False),
        ("reserved_lifts = true", {"agent_guaranteed": True}, True),
        ("reserved_lifts = true", {"mode": Mode.PREVIEW}, True),
    ],
)
def test_only_what_the_rule_names_lifts_it(bare: Bare, setting: str, lifting: dict[str, object], lifts: bool) -> None:
    policy = bare(count("rolling_hours 24") + "\n" + setting)
    before = event(NOON - timedelta(hours=3))
    assert blocked(call(NOON, before), policy)
    assert blocked(call(NOON, before, **lifting), policy) is not lifts


# --- the campaign's own limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("per", ["debt", "person"])
def test_a_cap_of_nothing_permits_nothing(bare: Bare, per: str) -> None:
    own = CampaignPolicy(daily_cap_debt=0, daily_cap_person=0)
    found = compliance.decide(call(NOON, policy=own), bare(f'kind = "daily_cap"\nper = "{per}"'))
    assert ([reason.rule for reason in found.reasons], found.retry_at) == (["R"], None)


def test_a_day_with_its_cap_used_up_is_over_when_it_is_over_in_every_zone(bare: Bare) -> None:
    policy, own = bare('kind = "daily_cap"\nper = "person"'), CampaignPolicy(daily_cap_person=1)
    now = datetime(2026, 11, 20, 10, tzinfo=UTC)
    for zones in ((ET, GUAM), (GUAM, ET)):
        facts = call(now, event(now - timedelta(hours=1)), policy=own, addresses=tuple(Address(tz=z) for z in zones))
        assert compliance.decide(facts, policy).retry_at == local("2026-11-21", "00:00:00")
    only_new_york = replace(facts, history=(event(local("2026-11-20", "00:00:00")),))
    assert blocked(only_new_york, policy)
    assert not blocked(
        replace(only_new_york, addresses=(Address(tz=ET),), history=(event(local("2026-11-19")),)), policy
    )


def test_the_gap_is_since_the_last_call_of_all(bare: Bare) -> None:
    policy = bare('kind = "min_gap"')
    history = [event(NOON - timedelta(hours=hours)) for hours in (1, 30, 2)]
    found = compliance.decide(call(NOON, *history), policy)
    assert found.retry_at == NOON + timedelta(hours=3)
    assert not blocked(call(NOON, history[1]), policy)
    stranger = replace(history[0], person="P2", number="+18005550199")
    assert not blocked(call(NOON, stranger), policy)


# --- the wait after a notice -----------------------------------------------------------------------------------------


def test_the_wait_is_since_the_first_letter_about_the_debt(bare: Bare) -> None:
    policy = bare('kind = "notice_wait"\ndays = 6')
    letter = event(local("2026-11-16"), Result.SENT, channel=Channel.LETTER)
    early, late = letter, replace(letter, at=local("2026-11-19"))
    for history in ((early, late), (late, early)):
        assert compliance.decide(call(NOON, *history), policy).retry_at == local("2026-11-22", "00:00:00")
    assert compliance.decide(call(NOON, late), policy).retry_at == local("2026-11-25", "00:00:00")
    assert not blocked(call(local("2026-11-22", "00:00:00"), early), policy)
    for change in ({"channel": Channel.EMAIL}, {"direction": Direction.IN}, {"debts": ("D2",)}):
        found = compliance.decide(call(local("2026-11-30"), replace(early, **change)), policy)  # type: ignore[arg-type]
        assert ([reason.rule for reason in found.reasons], found.retry_at) == (["R"], None)


def test_a_letter_of_this_very_instant_has_been_sent_and_one_of_the_next_has_not(bare: Bare) -> None:
    policy = bare('kind = "notice_wait"\ndays = 6')
    letter = event(NOON, Result.SENT, channel=Channel.LETTER)
    assert compliance.decide(call(NOON, letter), policy).retry_at == local("2026-11-26", "00:00:00")
    ahead = replace(letter, at=NOON + timedelta(seconds=1))
    assert compliance.decide(call(NOON, ahead), policy).retry_at is None


def test_the_wait_is_over_when_it_is_over_in_every_zone(bare: Bare) -> None:
    policy = bare('kind = "notice_wait"\ndays = 6')
    letter = event(datetime(2026, 11, 16, 10, tzinfo=UTC), Result.SENT, channel=Channel.LETTER)
    for zones in ((ET, GUAM), (GUAM, ET)):
        facts = call(NOON, letter, addresses=tuple(Address(tz=zone) for zone in zones))
        assert compliance.decide(facts, policy).retry_at == local("2026-11-22", "00:00:00")


# --- in force, next instant ------------------------------------------------------------------------------------------


def test_a_rule_is_in_force_as_soon_as_its_day_has_begun_in_any_zone(bare: Bare) -> None:
    policy = bare(count("rolling_hours 24") + "\neffective_from = 2026-11-21")
    both = (Address(tz=ET), Address(tz=GUAM))
    for hour, inside in ((13, False), (14, True)):  # Guam's Saturday begins at 14:00
        now = datetime(2026, 11, 20, hour, tzinfo=UTC)
        assert blocked(call(now, event(now - timedelta(hours=1)), addresses=both), policy) is inside


def test_a_rule_that_ends_stays_until_its_last_day_is_over_everywhere(bare: Bare) -> None:
    policy = bare(count("ever") + "\neffective_to = 2026-11-20")
    both = (Address(tz=GUAM), Address(tz=ET))
    found = compliance.decide(call(NOON, event(NOON - timedelta(days=9)), addresses=both), policy)
    assert found.retry_at == local("2026-11-21", "00:00:00")
