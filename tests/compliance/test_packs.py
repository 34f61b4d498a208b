"""Policy packs: every mistake is refused with its file and line; customers tighten, and loosen only under a name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import compliance
from compliance import rule_table
from compliance.facts import (
    Address,
    CalledNumber,
    CallFacts,
    Channel,
    ConsentKind,
    Direction,
    GivenTo,
    HistoryEvent,
    NumberUse,
    PartyRole,
    Purpose,
    Result,
    SuppressionKind,
    Voice,
)
from compliance.frequency import FrequencyParams, Key, Span, SpanKind
from compliance.packs import Known, PolicyError, parse_pack
from compliance.policy import known_names
from compliance.rules import Basis, Confidence, Kind, When
from compliance.suppression import ConsentParams, SuppressionParams, WorkplaceParams
from compliance.windows import Hours, WindowParams
from domain.reasons import ReasonCode

pytestmark = pytest.mark.unit

HEAD = """[pack]
id = "mine"
country = "US"
version = "1"
title = "Mine"
reviewed_on = 2026-11-22

"""
RULE = """[[rule]]
id = "X-1"
kind = "window"
purpose = ["debt_third_party"]
hours = { all = "10:00-18:00" }
severity = "hard"
citation = "house rule"
confidence = "policy"
text = "Office hours."
"""


@pytest.fixture(scope="module")
def known(policy: compliance.Policy) -> Known:
    return known_names(policy.places, policy.holidays)


def _swap(old: str, new: str) -> str:
    assert old in RULE
    return HEAD + RULE.replace(old, new)


COUNT = 'kind = "frequency"\nmax = 2\nwindow = ["calendar_days 7"]'
MISTAKES = [
    (_swap('kind = "window"', 'kind = "windo"'), 10, "kind"),
    (_swap('kind = "window"\n', ""), 8, "kind"),
    (_swap('"debt_third_party"', '"debts"'), 11, "purpose"),
    (_swap('purpose = ["debt_third_party"]', "purpose = []"), 11, "purpose"),
    (_swap('purpose = ["debt_third_party"]', 'purpose = "debt_third_party"'), 11, "purpose"),
    (_swap("10:00-18:00", "10-18"), 12, "all"),
    (_swap("10:00-18:00", "18:00-10:00"), 12, "all"),
    (_swap("10:00-18:00", "10:00-25:00"), 12, "all"),
    (_swap("10:00-18:00", "10:00-14:00 13:00-18:00"), 12, "all"),
    (_swap('all = "10:00-18:00"', 'weekday = "10:00-18:00"'), 12, "hours"),
    (_swap('all = "10:00-18:00"', 'all = "10:00-18:00", monday = "none"'), 12, "monday"),
    (_swap('all = "10:00-18:00"', 'all = "10:00-18:00", holiday = "none"'), 12, "hours"),
    (_swap('severity = "hard"', 'severity = "hard"\nholidays = "US-XX"'), 14, "holidays"),
    (_swap('severity = "hard"', 'severity = "hard"\nzone = "US/Nowhere"'), 14, "zone"),
    (_swap('severity = "hard"', 'severity = "soft"'), 13, "severity"),
    (_swap('citation = "house rule"\n', ""), 8, "citation"),
    (_swap('citation = "house rule"', 'citation = " "'), 14, "citation"),
    (_swap('confidence = "policy"', 'confidence = "sure"'), 15, "confidence"),
    (_swap('text = "Office hours."', 'text = "Office hours."\nstates = ["XX"]'), 17, "states"),
    (_swap('text = "Office hours."', 'text = "Office hours."\ncities = ["LA"]'), 17, "cities"),
    (_swap('text = "Office hours."', 'text = "Office hours."\nlifted_by = ["smile"]'), 17, "lifted_by"),
    (_swap('text = "Office hours."', 'text = "Office hours."\nmax = 3'), 17, "max"),
    (_swap('text = "Office hours."', 'text = "Office hours."\neffective_from = "soon"'), 17, "effective_from"),
    (
        _swap('text = "Office hours."', 'text = "x"\neffective_from = 2026-01-02\neffective_to = 2026-01-01'),
        18,
        "effective_to",
    ),
    (_swap('text = "Office hours."', 'text = "x"\nwhen = { voice = "loud" }'), 17, "voice"),
    (_swap('text = "Office hours."', 'text = "x"\nwhen = { moon = "full" }'), 17, "moon"),
    (_swap('hours = { all = "10:00-18:00" }', "hours = 8"), 12, "hours"),
    (_swap('kind = "window"\n', COUNT + "\n"), 14, "hours"),
    (HEAD + RULE + RULE, 17, "id"),
    ("[pack]\nid = 'x'\n" + RULE, 1, "country"),
    (HEAD.replace('version = "1"', "version = 1") + RULE, 4, "version"),
    (HEAD.replace("= 2026-11-22", "= 2026-11-22T10:00:00Z") + RULE, 6, "reviewed_on"),
    (HEAD.replace("= 2026-11-22", '= "2026-11-22"') + RULE, 6, "reviewed_on"),
    (HEAD.replace('title = "Mine"', 'title = ""') + RULE, 5, "title"),
    (HEAD.replace('title = "Mine"\n', 'title = "Mine"\ncolour = "red"\n') + RULE, 6, "colour"),
    (RULE, 1, "pack"),
    ('"pack" = { id = "x" }\n', 1, "country"),
    (HEAD + RULE.replace('kind = "window"\n', 'kind = "consent"\n'), 8, "any_of"),
    ("rule = 3\n" + HEAD, 1, "rule"),
    ("rule = [3]\n" + HEAD, 1, "rule"),
    (_swap("10:00-18:00", ""), 12, "all"),
    (_swap("10:00-18:00", "10:00-10:00"), 12, "all"),
    (_swap("10:00-18:00", "10:00-24:01"), 12, "all"),
    (_swap("10:00-18:00", "24:00-24:00"), 12, "all"),
    (_swap('all = "10:00-18:00"', "all = 10"), 12, "all"),
    (_swap('purpose = ["debt_third_party"]', "purpose = [3]"), 11, "purpose"),
    (_swap('purpose = ["debt_third_party"]', 'purpose = [""]'), 11, "purpose"),
    (_swap('text = "Office hours."', 'text = "x"\nrelationship_lifts = 1'), 17, "relationship_lifts"),
    (_swap('text = "Office hours."', 'text = "x"\nrelationship_lifts = "no"'), 17, "relationship_lifts"),
    (_swap('text = "Office hours."', 'text = "x"\nexcept_states = ["XX"]'), 8, "states"),
    (_swap('text = "Office hours."', 'text = "x"\nbasis = ["rumour"]'), 17, "basis"),
    (_swap('text = "Office hours."', 'text = "x"\nlifted_given_to = "friend"'), 17, "lifted_given_to"),
    (_swap('text = "Office hours."', 'text = "x"\neffective_to = 2026-01-02T00:00:00Z'), 17, "effective_to"),
    (_swap('text = "Office hours."', 'text = "x"\nexcept_countries = [3]'), 17, "except_countries"),
    (_swap('text = "Office hours."', 'text = "x"\nexcept_countries = [""]'), 17, "except_countries"),
    (_swap('text = "Office hours."', 'text = "x"\nexcept_countries = ["GB", 3]'), 17, "except_countries"),
    (_swap('text = "Office hours."', 'text = "x"\nwhen = 3'), 17, "when"),
    (_swap('text = "Office hours."', 'text = "x"\nwhen = { wireless = "yes" }'), 17, "wireless"),
    (_swap('text = "Office hours."', 'text = "x"\ncountry = "US"'), 17, "country"),
    (HEAD + "[extra]\n", 8, "extra"),
    (HEAD + "[further]\n[extra]\n", 9, "extra"),
]


@pytest.mark.parametrize(("text", "line", "key"), MISTAKES)
def test_a_mistake_in_a_pack_is_named_with_its_line(known: Known, text: str, line: int, key: str) -> None:
    with pytest.raises(PolicyError, match=rf"^mine\.toml:{line}: {key}: "):
        parse_pack(text, "mine.toml", known)


@pytest.mark.parametrize(
    "change",
    [
        'max = 0\nwindow = ["calendar_days 7"]',
        "max = 2\nwindow = []",
        'max = 2\nwindow = ["weeks 2"]',
        'max = 2\nwindow = ["calendar_days"]',
        'max = 2\nwindow = ["calendar_month 2"]',
        'max = true\nwindow = ["ever"]',
        'max = 2\nwindow = ["calendar_days 0"]',
    ],
)
def test_a_count_without_a_number_or_a_span_is_refused(known: Known, change: str) -> None:
    text = HEAD + RULE.replace('kind = "window"\n', 'kind = "frequency"\n').replace(
        'hours = { all = "10:00-18:00" }', change
    )
    with pytest.raises(PolicyError, match=r"^mine\.toml:1\d: (max|window): "):
        parse_pack(text, "mine.toml", known)


def test_broken_toml_is_named_with_its_line(known: Known) -> None:
    with pytest.raises(PolicyError, match=r"mine\.toml: not valid TOML: .*line 2"):
        parse_pack("[pack]\nid = \n", "mine.toml", known)


def test_a_pack_that_cannot_be_read_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        compliance.load_policy(customer=[tmp_path / "absent.toml"])
    with pytest.raises(PolicyError, match="no packs"):
        compliance.load_policy(tmp_path)


@pytest.mark.parametrize("minimum", ["2026g", "2027a", "2026zz"])
def test_zone_data_older_than_the_minimum_is_refused(minimum: str) -> None:
    with pytest.raises(PolicyError, match=f"older than {minimum}"):
        compliance.load_policy(minimum_tzdata=minimum)


def test_a_minimum_that_is_no_release_is_refused() -> None:
    with pytest.raises(PolicyError, match="not a release"):
        compliance.load_policy(minimum_tzdata="new")


@pytest.fixture
def customer(tmp_path: Path) -> Callable[[str], compliance.Policy]:
    def load(text: str) -> compliance.Policy:
        path = tmp_path / "mine.toml"
        path.write_text(HEAD + text, encoding="utf-8")
        return compliance.load_policy(customer=[path])

    return load


FACTS = CallFacts(
    now=datetime(2026, 11, 20, 14, tzinfo=UTC),
    purpose=Purpose.DEBT_THIRD_PARTY,
    number=CalledNumber("+14045550147"),
    person="P1",
    debt="D1",
    addresses=(Address(zip="30303"),),
)


def test_a_customer_tightens_with_rules_of_its_own(customer: Callable[[str], compliance.Policy]) -> None:
    policy = customer(RULE)
    decision = compliance.decide(FACTS, policy)
    assert [reason.rule for reason in decision.reasons] == ["X-1"]
    assert decision.retry_at == datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert policy.name_for("US") == "us-2026.11"
    assert policy.digest != compliance.load_policy().digest


LOOSEN = """[[loosen]]
rule = "US-FDC-10"
max = 8
approved_by = "A. Counsel"
approved_on = 2026-11-20
reason = "rebuttal factors reviewed"
"""


def _seven() -> CallFacts:
    days = [datetime(2026, 11, 14 + n // 2, 15 + n % 2, tzinfo=UTC) for n in range(7)]
    history = tuple(
        HistoryEvent(day, Result.NO_ANSWER, person="P1", debts=("D1",), accounts=("D1",), number="+14045550147")
        for day in days
    )
    return replace(FACTS, history=history)


def test_a_presumption_is_loosened_by_a_named_person_alone(customer: Callable[[str], compliance.Policy]) -> None:
    assert not compliance.decide(_seven(), compliance.load_policy()).allowed
    policy = customer(LOOSEN)
    assert compliance.decide(_seven(), policy).allowed
    assert [(item.rule, item.approved_by) for item in policy.loosened] == [("US-FDC-10", "A. Counsel")]
    off = customer(LOOSEN.replace("max = 8", "off = true"))
    assert compliance.decide(_seven(), off).allowed


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("US-FDC-10", "US-FDC-01", "is hard; nobody can loosen it"),
        ("US-FDC-10", "BASE-BRAKE", "is hard; nobody can loosen it"),
        ("US-FDC-10", "US-XXX", "there is no rule"),
        ("max = 8", "max = 6", "has no count that this would raise"),
        ("max = 8", "off = true\nmax = 8", "off:"),
        ("max = 8\n", "", "off:"),
        ('approved_by = "A. Counsel"\n', "", "approved_by: missing"),
        ('reason = "rebuttal factors reviewed"\n', "", "reason: missing"),
        ("rule =", "rules =", "rule: missing"),
        ("rule =", 'colour = "red"\nrule =', "colour: unknown key"),
    ],
)
def test_nothing_else_can_be_loosened(
    customer: Callable[[str], compliance.Policy], old: str, new: str, message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        customer(LOOSEN.replace(old, new))


def test_shipped_packs_cannot_loosen(known: Known) -> None:
    with pytest.raises(PolicyError, match="loosen"):
        parse_pack(HEAD + LOOSEN, "mine.toml", known)


def test_an_expired_pack_blocks_every_call(policy: compliance.Policy) -> None:
    packs = [replace(pack, expires=date(2026, 11, 19) if pack.country == "US" else None) for pack in policy.packs]
    expired = compliance.Policy(packs, policy.places, policy.holidays, policy.tzdata)
    decision = compliance.decide(FACTS, expired)
    assert [reason.code for reason in decision.reasons] == ["COUNTRY_ROUTE"]
    assert "expired on 2026-11-19" in decision.reasons[0].detail
    last_day = replace(FACTS, now=datetime(2026, 11, 19, 15, tzinfo=UTC))
    assert compliance.decide(last_day, expired).allowed


def test_versions_of_a_rule_stand_side_by_side_by_date(known: Known) -> None:
    old = RULE + "effective_to = 2026-08-31\n"
    new = RULE + "effective_from = 2026-09-01\n"
    assert len(parse_pack(HEAD + old + new, "mine.toml", known).rules) == 2
    with pytest.raises(PolicyError, match="stands already at"):
        parse_pack(HEAD + old + new.replace("2026-09-01", "2026-08-31"), "mine.toml", known)
    day = RULE + "effective_from = 2026-08-31\neffective_to = 2026-08-31\n"
    assert len(parse_pack(HEAD + day, "mine.toml", known).rules) == 1
    with pytest.raises(PolicyError, match="stands already at"):
        parse_pack(HEAD + new.replace("2026-09-01", "2026-08-31") + old, "mine.toml", known)


def test_every_rule_is_complete(policy: compliance.Policy) -> None:
    assert {rule.confidence for rule in policy.rules} == set(Confidence)
    for rule in policy.rules:
        assert rule.citation
        assert rule.text.endswith(".")
        assert rule.reviewed_on <= date(2026, 11, 22)
    assert {rule.kind for rule in policy.rules} >= set(Kind) - {Kind.CONTENT}


def test_adding_a_rule_never_turns_block_into_allow(customer: Callable[[str], compliance.Policy]) -> None:
    tightened, plain = customer(RULE), compliance.load_policy()
    for hour in range(24):
        facts = replace(_seven(), now=datetime(2026, 11, 21, hour, tzinfo=UTC))
        before, after = compliance.decide(facts, plain), compliance.decide(facts, tightened)
        assert before.allowed or not after.allowed
        assert {reason.rule for reason in before.reasons} <= {reason.rule for reason in after.reasons}


def test_the_page_of_rules_is_what_the_packs_say(policy: compliance.Policy) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "rules.md"
    assert page.read_text("utf-8") == rule_table.markdown(policy), "run: dialer compliance rules --markdown"


# --- what a rule is read as ------------------------------------------------------------------------------------------


def _params(known: Known, rule: str) -> object:
    head = RULE.replace('kind = "window"\n', "").replace('hours = { all = "10:00-18:00" }\n', "")
    return parse_pack(f"{HEAD}{head}{rule}\n", "mine.toml", known).rules[0].params


def _week(known: Known, hours: str) -> tuple[Hours, ...]:
    params = _params(known, f'kind = "window"\nhours = {hours}')
    assert isinstance(params, WindowParams)
    return params.week


def test_hours_of_all_days_of_weekdays_and_of_one_day_give_way_to_the_narrower(known: Known) -> None:
    week = _week(known, '{ all = "10:00-18:00", weekday = "09:05-20:00", wed = "none", sun = "12:00-13:00" }')
    plain, saturday = ((545, 1200),), ((600, 1080),)
    assert week == (plain, plain, (), plain, plain, saturday, ((720, 780),))
    assert _week(known, '{ all = "10:00-18:00" }') == (((600, 1080),),) * 7


def test_stretches_of_a_day_may_touch_and_reach_from_midnight_to_midnight(known: Known) -> None:
    assert _week(known, '{ all = "00:00-12:30 12:30-24:00" }')[0] == ((0, 750), (750, 1440))


COUNTED = 'kind = "{0}"\nmax = 2\nwindow = ["rolling_hours 24", "calendar_days 7", "calendar_month"]'
SPANS = (Span(SpanKind.CALENDAR_DAYS, 7), Span(SpanKind.CALENDAR_MONTH), Span(SpanKind.ROLLING_HOURS, 24))


@pytest.mark.parametrize(
    ("kind", "code"),
    [("frequency", "FREQUENCY"), ("cool_off", "COOL_OFF"), ("reserved_agent", "RESERVED_AGENT_REQUIRED")],
)
def test_a_count_that_says_no_more_counts_connected_outgoing_calls(known: Known, kind: str, code: str) -> None:
    assert _params(known, COUNTED.format(kind)) == FrequencyParams(
        max=2,
        spans=SPANS,
        count_by=(),
        channels=frozenset({Channel.CALL}),
        directions=frozenset({Direction.OUT}),
        results=frozenset(),
        exclude=frozenset({Result.BUSY, Result.SIT, Result.FAILED}),
        roles=frozenset(),
        uses=frozenset(),
        voice=None,
        consented=False,
        consent_lifts=True,
        lifted_by=frozenset(),
        relationship_lifts=False,
        voicemail_only=False,
        reserved_lifts=False,
        after_first=False,
        code=ReasonCode(code),
    )


def test_a_count_may_say_all_of_it(known: Known) -> None:
    rule = COUNTED.format("frequency") + (
        '\ncount_by = ["person", "debt"]\nchannels = ["sms"]\ndirections = ["in"]\nresults = ["sent"]\n'
        'exclude = ["busy"]\ncount_roles = ["spouse"]\ncount_uses = ["work"]\ncount_voice = "prerecorded"\n'
        'count_consented = true\nconsent_lifts = false\nlifted_by = ["sms"]\nrelationship_lifts = true\n'
        'voicemail_only = true\nreserved_lifts = true\nafter_first = true\ncode = "COOL_OFF"'
    )
    assert _params(known, rule) == FrequencyParams(
        max=2,
        spans=SPANS,
        count_by=(Key.DEBT, Key.PERSON),
        channels=frozenset({Channel.SMS}),
        directions=frozenset({Direction.IN}),
        results=frozenset({Result.SENT}),
        exclude=frozenset({Result.BUSY}),
        roles=frozenset({PartyRole.SPOUSE}),
        uses=frozenset({NumberUse.WORK}),
        voice=Voice.PRERECORDED,
        consented=True,
        consent_lifts=False,
        lifted_by=frozenset({ConsentKind.SMS}),
        relationship_lifts=True,
        voicemail_only=True,
        reserved_lifts=True,
        after_first=True,
        code=ReasonCode.COOL_OFF,
    )


def test_a_suppression_a_consent_and_a_window_are_lifted_by_nothing_unless_they_say_so(known: Known) -> None:
    cease = _params(known, 'kind = "suppression"\nsuppression = "cease"')
    assert cease == SuppressionParams(SuppressionKind.CEASE, None, frozenset(), False, frozenset(), False)
    told = 'kind = "suppression"\nsuppression = "cease"\ndays = 1\nrelationship_lifts = true\nspouse_too = true'
    assert _params(known, told) == SuppressionParams(SuppressionKind.CEASE, 1, frozenset(), True, frozenset(), True)
    sms = frozenset({ConsentKind.SMS})
    assert _params(known, 'kind = "consent"\nany_of = ["sms"]') == ConsentParams(
        sms, None, False, None, frozenset(), frozenset()
    )
    told = 'kind = "consent"\nany_of = ["sms"]\nrelationship_lifts = true\nported_days = 15\ngiven_to = "collector"'
    assert _params(known, told) == ConsentParams(sms, GivenTo.COLLECTOR, True, 15, frozenset(), frozenset())
    window = _params(known, 'kind = "window"\nhours = { all = "none" }')
    assert window == WindowParams(((),) * 7, None, (), None, frozenset(), None, False, None)
    told = 'kind = "window"\nhours = { all = "none" }\nrelationship_lifts = true\nzone = "UTC"'
    assert _params(known, told) == WindowParams(((),) * 7, None, (), None, frozenset(), None, True, "UTC")


def test_a_place_of_work_may_be_called_as_often_as_the_rule_says(known: Known) -> None:
    assert _params(known, 'kind = "workplace"') == WorkplaceParams()
    once = FrequencyParams(
        max=1,
        spans=(Span(SpanKind.EVER),),
        count_by=(Key.PERSON,),
        uses=frozenset({NumberUse.WORK}),
        code=ReasonCode.WORKPLACE,
    )
    told = 'kind = "workplace"\nonce = 1\nonce_except_states = ["MA"]'
    assert _params(known, told) == WorkplaceParams(once, frozenset({"MA"}))


@pytest.mark.parametrize("least", ["max = 1", "max = 2"])
def test_the_least_of_each_number_is_one(known: Known, least: str) -> None:
    text = COUNTED.format("frequency").replace("max = 2", least).replace("days 7", "days 1")
    params = _params(known, text)
    assert isinstance(params, FrequencyParams)
    assert params.spans[0] == Span(SpanKind.CALENDAR_DAYS, 1)


def test_conditions_that_are_not_given_are_not_asked(known: Known) -> None:
    plain = parse_pack(HEAD + RULE, "mine.toml", known).rules[0]
    assert plain.when == When()
    assert (plain.basis, plain.states, plain.cities) == (frozenset(Basis), frozenset(), frozenset())
    assert (plain.effective_from, plain.effective_to) == (None, None)
    assert (plain.pack, plain.where, plain.reviewed_on) == ("mine", "mine.toml:8", date(2026, 11, 22))
    flags = parse_pack(HEAD + RULE + "when = { automated = false, wireless = true }\n", "mine.toml", known).rules[0]
    assert flags.when == When(automated=False, wireless=True)
    day = parse_pack(HEAD + RULE + "reviewed_on = 2026-10-01\n", "mine.toml", known).rules[0]
    assert day.reviewed_on == date(2026, 10, 1)


def test_a_pack_knows_who_made_it_and_when_it_ends(known: Known) -> None:
    plain = parse_pack(HEAD + RULE, "mine.toml", known)
    assert (plain.id, plain.country, plain.version, plain.title) == ("mine", "US", "1", "Mine")
    assert (plain.customer, plain.expires, plain.loosened) == (False, None, ())
    assert plain.digest == hashlib.sha256((HEAD + RULE).encode()).hexdigest()
    text = HEAD.replace('title = "Mine"', 'title = "Mine"\nexpires = 2027-06-30')
    own = parse_pack(text + RULE, "mine.toml", known, customer=True)
    assert (own.customer, own.expires) == (True, date(2027, 6, 30))


def test_a_count_may_be_loosened_to_what_it_is(customer: Callable[[str], compliance.Policy]) -> None:
    policy = customer(LOOSEN.replace("max = 8", "max = 7"))
    assert not compliance.decide(_seven(), policy).allowed
    assert [(item.max, item.where.rpartition(":")[2]) for item in policy.loosened] == [(7, "8")]
    off = customer(LOOSEN.replace("max = 8", "off = true"))
    assert [item.max for item in off.loosened] == [None]
    assert {rule.id for rule in policy.rules} - {rule.id for rule in off.rules} == {"US-FDC-10"}


@pytest.mark.parametrize("loosen", ["3", "[3]", '[{ rule = "US-FDC-10" }]'])
def test_each_loosening_is_a_table_of_its_own(known: Known, loosen: str) -> None:
    with pytest.raises(PolicyError, match=r"mine\.toml: loosen: written as"):
        parse_pack(f"loosen = {loosen}\n{HEAD}", "mine.toml", known, customer=True)
