"""What the engine keeps about pacing beside the decision: memory, health, alarms, and the words people read."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from accounts.model import Campaign, CampaignStatus, Claim, Order
from agent_gateway.agent import Agent, AgentState
from agent_gateway.disposition import COLLECTIONS, Recorded
from agent_gateway.floor_events import Disposed
from dialer.call import CallRecord, CallState
from dialer.floor_view import pacing_settings
from dialer.link_health import LinkHealth
from dialer.pacer import CampaignPacer, calls_left, explain
from dialer.pacing_memory import PacingMemory
from dialer.tally import AbandonmentTally
from dialer.testing.world import settings
from domain.clock import ManualClock
from domain.ids import AgentId, AttemptId, CampaignId, DebtId, PersonId, PhoneId
from domain.mode import Mode
from domain.outcomes import Verdict
from domain.phone import PhoneNumber
from pacing.floor import Pacer
from pacing.snapshot import WindowTally
from pacing.value import PartyFacts

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
CAMPAIGN = Campaign(CampaignId(7), "Cards", CampaignStatus.RUNNING, settings(mode=Mode.PREDICTIVE))
ATTEMPT = AttemptId("a" * 32)


def pacer() -> CampaignPacer:
    return CampaignPacer(CAMPAIGN, Pacer(pacing_settings(CAMPAIGN.settings)))


def claim(**changes: object) -> Claim:
    held = Claim(
        entry=1,
        campaign=CAMPAIGN.id,
        person=PersonId(1),
        debt=DebtId(1),
        phone=PhoneId(1),
        number=PhoneNumber("+12125551000"),
        priority=0,
        attempts=2,
        reserved_agent_only=False,
        engine="test",
        until=NOW,
    )
    return replace(held, **changes)


def told(known: CampaignPacer, *records: CallRecord) -> Pacer:
    """Dial one line and let its record go through these states."""
    known.dialed(ATTEMPT, 0.0, claim(), NOW, route="carrier", agent=None)
    before = CallRecord()
    for record in records:
        known.call_changed(ATTEMPT, before, record, 30.0)
        before = record
    return known.learned


# --- memory ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"version": 0}', '{"version": 1, "answers": {}}', "\0" * 99])
def test_a_file_that_cannot_be_used_means_priors_and_one_line_in_the_log(tmp_path, text):
    (tmp_path / "7.json").write_text(text)
    with capture_logs() as logs:
        learned = asyncio.run(PacingMemory(tmp_path).recall(CAMPAIGN.id, pacing_settings(CAMPAIGN.settings)))
    assert learned.experience.answers.seen == 0
    assert [(line["log_level"], line["campaign"]) for line in logs] == [("warning", 7)]


def test_no_file_is_no_trouble(tmp_path):
    with capture_logs() as logs:
        asyncio.run(PacingMemory(tmp_path).recall(CAMPAIGN.id, pacing_settings(CAMPAIGN.settings)))
    assert logs == []


def test_a_folder_that_cannot_be_written_is_logged_and_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with capture_logs() as logs:
        PacingMemory(tmp_path / "file").keep_now(CAMPAIGN.id, pacer().learned)
    assert [line["log_level"] for line in logs] == ["error"]


def test_what_was_kept_is_recalled_and_nothing_else_lies_about(tmp_path):
    learned = told(pacer(), CallRecord(state=CallState.ENDED, ended_at=20.0, cause=19, rang_at=1.0))
    memory = PacingMemory(tmp_path / "pacing")
    asyncio.run(memory.keep(CAMPAIGN.id, learned))
    again = asyncio.run(memory.recall(CAMPAIGN.id, pacing_settings(CAMPAIGN.settings)))
    assert again.experience.answers.seen == 1
    assert [file.name for file in (tmp_path / "pacing").iterdir()] == ["7.json"]
    assert "version" in json.loads((tmp_path / "pacing" / "7.json").read_text())


# --- what a call teaches --------------------------------------------------------------------------------------------


def test_an_attempt_that_was_not_dialed_here_teaches_nothing():
    known = pacer()
    known.call_changed(ATTEMPT, CallRecord(), CallRecord(state=CallState.RINGING, rang_at=1.0), 1.0)
    assert (known.learned.ignored, known.learned.lines) == (0, {})


@pytest.mark.parametrize(
    ("end", "seen"),
    [
        (CallRecord(released_by_us=True, cause=16), 0),
        (CallRecord(cause=None), 0),
        (CallRecord(released_by_us=True, rang_out=True, cause=16), 1),
        (CallRecord(cause=17), 1),
    ],
    ids=["given up by pacing", "end unknown", "rang out", "busy"],
)
def test_only_an_end_that_says_something_counts_as_nobody(end, seen):
    learned = told(pacer(), replace(end, state=CallState.ENDED, ended_at=20.0))
    assert (learned.experience.answers.seen, learned.lines, learned.ignored) == (seen, {}, 0)


def person(**changes: object) -> CallRecord:
    ready = CallRecord(state=CallState.WAITING, answered_at=8.0, judged_at=9.5, verdict=Verdict.HUMAN)
    return replace(ready, **changes)


def test_a_person_joined_in_time_is_served_once():
    learned = told(
        pacer(),
        person(),
        person(state=CallState.CONNECTING),
        person(state=CallState.TALKING, joined_at=9.6),
        person(state=CallState.ENDED, joined_at=9.6, ended_at=60.0, cause=16),
    )
    assert (learned.live, learned.lost, learned.over, learned.ignored) == (1, 0, 1, 0)


def test_a_person_joined_after_the_treatment_began_is_abandoned_once():
    learned = told(
        pacer(),
        person(),
        person(state=CallState.TREATED, treated_at=11.5),
        person(state=CallState.TALKING, treated_at=11.5, joined_at=13.0),
        person(state=CallState.ENDED, treated_at=11.5, joined_at=13.0, ended_at=60.0, cause=16),
    )
    assert (learned.live, learned.lost, learned.ignored) == (1, 1, 0)


def test_agents_come_change_and_go():
    known = pacer()
    here = Agent(AgentId("ann"), AgentState.READY, since=1.0)
    known.muster([here])
    known.agent_changed(replace(here, state=AgentState.TALKING, since=5.0))
    assert known.learned.agents[here.id].since == 5.0
    known.agent_changed(replace(here, state=AgentState.OFFLINE, since=9.0))
    assert known.learned.agents == {}


def test_agents_without_the_campaigns_skills_are_not_counted():
    skilled = replace(CAMPAIGN, settings=settings(mode=Mode.PREDICTIVE, skills=("spanish",)))
    known = CampaignPacer(skilled, Pacer(pacing_settings(skilled.settings)))
    known.muster([Agent(AgentId("ann"), AgentState.READY)])
    assert known.learned.agents == {}


def test_a_broken_forecast_raises_one_alarm_and_says_so():
    known = pacer()
    with capture_logs() as logs:
        for k in range(400):
            attempt = AttemptId(f"{k:032x}")
            known.learned.dialed(attempt, float(k), q=0.01)
            known.call_changed(attempt, CallRecord(), person(answered_at=k + 8.0, judged_at=k + 9.0), k + 9.0)
            before = person(answered_at=k + 8.0, judged_at=k + 9.0)
            known.call_changed(attempt, before, replace(before, state=CallState.TREATED, treated_at=k + 11.0), k + 11.0)
    figures = known.figures((WindowTally("day", 0.03, 400, 400),))
    assert (known.alarms, figures.broken, [line["log_level"] for line in logs]) == (1, True, ["error"])
    assert "ALARM" in explain("no new line", figures)


def test_the_facts_of_an_account_are_in_its_own_local_time():
    held = claim(last_at=NOW - timedelta(hours=3), last_outcome="busy", line_type="mobile", zone="America/Los_Angeles")
    facts = pacer().facts_of(held, NOW)
    assert (facts.tries, facts.last, facts.line_type, facts.local_hour, facts.weekday) == (2, "busy", "mobile", 7, 1)
    assert facts.since_last_h == pytest.approx(3.0)
    assert pacer().facts_of(claim(), NOW).local_hour == 10


# --- budget and health ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answered", "abandoned", "left"), [(0, 0, 1), (0, 1, 0), (100, 1, 3), (100, 9, 0)])
def test_calls_left_are_those_until_the_brake(answered, abandoned, left):
    assert calls_left(WindowTally("day", 0.03, answered, abandoned)) == left


def test_the_brake_is_told_in_words():
    words = explain("no new line", pacer().figures((WindowTally("30 days", 0.03, 10, 1),)))
    assert 'window "30 days" is used up' in words


def test_the_days_time_ends_when_calling_ends():
    tally = AbandonmentTally(0.03, "America/New_York", {date(2026, 11, 24): (10, 0)}, day_binds=False)
    day, month = tally.windows(NOW)
    assert (day.remaining_s, day.binds, month.binds) == (11 * 3600.0, False, True)
    assert tally.windows(NOW + timedelta(hours=12))[0].remaining_s == 0.0


def test_late_events_count_for_a_second():
    clock = ManualClock(NOW)
    health = LinkHealth(clock, None)
    health.handled(clock.monotonic() - 0.7)
    health.handled(clock.monotonic())
    assert health.health(link_up=True).queue_lag_s == pytest.approx(0.7)
    clock.advance(1.1)
    assert health.health(link_up=True).queue_lag_s == 0.0


def test_silence_is_counted_from_the_last_word():
    clock = ManualClock(NOW)
    heard = clock.monotonic()
    clock.advance(3.5)
    assert LinkHealth(clock, lambda: heard).health(link_up=True).quiet_s == pytest.approx(3.5)


# --- which accounts first -------------------------------------------------------------------------------------------


def test_what_an_agent_says_teaches_who_answers_such_numbers():
    known = pacer()
    known.dialed(ATTEMPT, 0.0, claim(use="work"), NOW, route="carrier", agent=None)
    before = known.learned.experience.parties.overall()
    said = COLLECTIONS.by_code("wrong_number")
    for _ in range(2):  # told twice, it counts once
        known.disposed(Disposed(ATTEMPT, AgentId("ann"), Recorded(said)))
    parties = known.learned.experience.parties
    assert (parties.everyone.calls, parties.everyone.right) == (1.0, 0.0)
    assert parties.chance(PartyFacts(2, "work", "")) < parties.overall() < before


@pytest.mark.parametrize("said", [None, COLLECTIONS.by_code("silence"), COLLECTIONS.by_code("do_not_call")])
def test_what_does_not_tell_who_it_was_teaches_nothing(said):
    known = pacer()
    known.dialed(ATTEMPT, 0.0, claim(), NOW, route="carrier", agent=None)
    known.disposed(Disposed(ATTEMPT, AgentId("ann"), Recorded(said)))
    known.disposed(Disposed(AttemptId("b" * 32), AgentId("ann"), Recorded(COLLECTIONS.by_code("promise"))))
    assert known.learned.experience.parties.everyone.calls == 0.0


def test_of_equal_priority_the_larger_balance_comes_first_and_never_before_a_higher_priority():
    known = pacer()
    held = [
        claim(entry=1, priority=5, balance_cents=100),
        claim(entry=2, balance_cents=20_000),
        claim(entry=3, balance_cents=0),
        claim(entry=4, balance_cents=90_000),
    ]
    assert [one.entry for one in known.ranked(held, NOW)] == [1, 4, 2, 3]


def test_of_equal_balances_the_number_where_the_right_person_answers_comes_first():
    known = pacer()
    for _ in range(30):
        known.learned.experience.parties.learn(PartyFacts(2, "home", ""), right=True)
        known.learned.experience.parties.learn(PartyFacts(2, "work", ""), right=False)
    held = [claim(entry=1, use="work", balance_cents=500), claim(entry=2, use="home", balance_cents=500)]
    assert [one.entry for one in known.ranked(held, NOW)] == [2, 1]


def test_the_order_is_explained_where_value_decides_it():
    by_value = replace(CAMPAIGN, settings=replace(CAMPAIGN.settings, order=Order.VALUE))
    known = pacer()
    assert known.figures(()).order == ""
    known.update(by_value)
    known.learned.experience.parties.learn(PartyFacts(), right=True)
    words = explain("2 new lines", known.figures(()))
    assert "Of equal priority" in words
    assert "chance of the right person (52% of those who answer, 1 conversations known)" in words


def test_a_campaigns_rest_and_most_lines_are_pacings() -> None:
    paced = pacing_settings(replace(CAMPAIGN.settings, rest_s=15.0, max_lines=40))
    assert (paced.idle_floor_s, paced.max_lines) == (15.0, 40)
