"""Several campaigns on shared agents, accounts' own chances, and whether predictions come true."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import AgentId, AttemptId
from domain.mode import Mode
from pacing.answer_model import AccountFacts, AnswerModel
from pacing.calibration import Calibration
from pacing.controller import decide
from pacing.experience import Experience
from pacing.floor import Pacer
from pacing.pool import best_first, decide_jointly, fair_theta
from pacing.settings import PacingSettings
from pacing.snapshot import AgentState, Candidate, Capacity, FloorSnapshot, Health, LineStage, LineView

pytestmark = pytest.mark.unit

PREDICTIVE = PacingSettings(mode=Mode.PREDICTIVE)


def busy_floor(mode: Mode = Mode.PREDICTIVE, ready: int = 6) -> FloorSnapshot:
    pacer = Pacer(PacingSettings(mode=mode))
    for i in range(12):
        state = AgentState.READY if i < ready else AgentState.TALKING
        pacer.agent_is(AgentId(f"a{i}"), state, float(i))
    snapshot = pacer.snapshot(100.0, tallies=(), capacity=Capacity(), health=Health())
    return replace(snapshot, theta=0.03)


def test_two_campaigns_together_dial_no_more_than_one_alone_would() -> None:
    floor = busy_floor()
    first, second = decide_jointly([floor, floor])
    assert first.lines_to_add == decide(floor).lines_to_add > 0
    assert second.lines_to_add == 0


def test_an_agent_reserved_by_one_campaign_is_not_reserved_by_the_next() -> None:
    floor = busy_floor(Mode.PROGRESSIVE, ready=5)
    limited = replace(floor, capacity=Capacity(accounts=3))
    first, second = decide_jointly([limited, floor])
    assert (first.lines_to_add, second.lines_to_add) == (3, 2)


def test_lines_of_another_campaign_count_as_demand_but_not_as_ours() -> None:
    floor = busy_floor()
    foreign = tuple(LineView(AttemptId(f"{i:032x}"), LineStage.RINGING, 95.0, 96.0, 0.9, ours=False) for i in range(12))
    assert decide(replace(floor, lines=foreign)).lines_to_add < decide(floor).lines_to_add
    capped = replace(floor, settings=replace(PREDICTIVE, max_lines=1), lines=foreign[:1])
    assert decide(capped).lines_to_add == 1


def test_incoming_calls_and_rest_take_room_from_dialing() -> None:
    floor = busy_floor()
    base = decide(floor).lines_to_add
    assert decide(replace(floor, inbound_waiting=2)).lines_to_add < base
    assert decide(replace(floor, inbound_per_s=0.3)).lines_to_add < base
    assert decide(replace(floor, settings=replace(PREDICTIVE, inbound_reserve=3))).lines_to_add < base
    rested = replace(floor, settings=replace(PREDICTIVE, idle_floor_s=300.0))
    assert decide(rested).lines_to_add < base


def test_the_worthier_account_is_dialed_first() -> None:
    forecast = Experience().forecast(1, PREDICTIVE, [], [], {})
    poor, likely, worthy = Candidate(1, 0.1), Candidate(1, 0.4), Candidate(1, 0.2, value=10.0)
    for tables in (None, forecast):
        assert best_first([poor, likely, worthy], tables) == [2, 1, 0]


def test_accounts_of_different_kinds_are_told_apart_by_what_came_of_them() -> None:
    random, model = Random(1), AnswerModel()
    fresh, tired = AccountFacts(), AccountFacts(tries=5, since_last_h=1.0, last="no_answer", local_hour=9)
    for _ in range(3000):
        facts, chance = (fresh, 0.4) if random.random() < 0.5 else (tired, 0.08)
        model.learn(facts, person=random.random() < chance)
    assert model.chance(fresh) == pytest.approx(0.4, abs=0.08)
    assert model.chance(tired) == pytest.approx(0.08, abs=0.04)


def test_a_pacer_learns_accounts_from_the_facts_it_is_given() -> None:
    pacer, random = Pacer(PREDICTIVE), Random(2)
    good, bad = AccountFacts(line_type="mobile"), AccountFacts(line_type="landline")
    for i in range(1500):
        attempt, facts = AttemptId(f"{i:032x}"), good if i % 2 else bad
        pacer.dialed(attempt, i * 2.0, facts=facts)
        if random.random() < (0.5 if facts is good else 0.1):
            pacer.answered(attempt, i * 2.0 + 1.0)
            pacer.judged(attempt, i * 2.0 + 1.5, human=True)
            pacer.served(attempt, i * 2.0 + 1.6)
        else:
            pacer.ended(attempt, i * 2.0 + 1.5)
    pacer.dialed(AttemptId("a" * 32), 3001.0, facts=good)
    pacer.dialed(AttemptId("b" * 32), 3001.0, facts=bad)
    assert pacer.lines[AttemptId("a" * 32)].answer_p > 2 * pacer.lines[AttemptId("b" * 32)].answer_p


@pytest.mark.parametrize(("true_factor", "broken"), [(1.0, False), (1.5, False), (6.0, True), (0.05, True)])
def test_a_forecast_that_is_far_out_is_noticed(true_factor: float, broken: bool) -> None:
    random, calibration = Random(6), Calibration()
    for _ in range(3000):
        q = random.uniform(0.005, 0.04)
        calibration.answered(q, abandoned=random.random() < q * true_factor)
    assert calibration.broken() is broken


def test_a_snapshot_of_the_engines_own_is_completed_with_what_was_learned() -> None:
    pacer = Pacer(PREDICTIVE)
    pacer.agent_is(AgentId("a1"), AgentState.READY, 0.0)
    pacer.dialed(AttemptId("a" * 32), 0.0, answer_p=0.6)
    bare = busy_floor()
    mine = replace(bare, lines=(LineView(AttemptId("a" * 32), LineStage.RINGING, 99.0, 99.5, 0.25),), forecast=None)
    full = pacer.enrich(mine)
    assert full.forecast is not None
    assert full.lines[0].answer_p == pytest.approx(0.6)
    assert full.lines[0].dialed_at == 99.0
    assert decide(full).q is not None


NAN = float("nan")


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(
    "line",
    [
        LineView(AttemptId("a" * 32), LineStage.RINGING, NAN, 95.0, 0.2),
        LineView(AttemptId("a" * 32), LineStage.RINGING, 95.0, 95.0, NAN),
        LineView(AttemptId("a" * 32), LineStage.ANSWERED, 95.0, 95.0, 0.2, human_p=NAN),
    ],
)
def test_a_line_with_a_figure_that_is_no_number_dials_nothing(line: LineView) -> None:
    assert decide(replace(busy_floor(), lines=(line,))).lines_to_add == 0


def test_an_agent_of_an_impossible_pace_dials_nothing_and_raises_nothing() -> None:
    floor = busy_floor()
    odd = replace(floor.agents[-1], pace=77)
    decision = decide(replace(floor, agents=(*floor.agents[:-1], odd)))
    assert decision.lines_to_add == 0
    assert "cannot be" in decision.words


@pytest.mark.parametrize("since", [1e9, -1e18, NAN])
def test_an_agent_whose_times_make_no_sense_raises_nothing(since: float) -> None:
    floor = busy_floor()
    odd = replace(floor.agents[-1], since=since)
    assert decide(replace(floor, agents=(*floor.agents[:-1], odd))).lines_to_add >= 0


@given(
    own=st.floats(1e-4, 0.5),
    lines=st.integers(0, 100),
    others=st.lists(st.tuples(st.floats(1e-4, 0.5), st.integers(0, 100)), max_size=5),
)
def test_a_campaign_defers_at_most_by_half_and_only_with_more_than_its_share(
    own: float, lines: int, others: list[tuple[float, int]]
) -> None:
    fair = fair_theta(own, lines, others)
    assert own / 2 <= fair <= own
    few = lines * (1 + len(others)) < lines + sum(count for _, count in others)
    assert fair == own or not few


def test_who_has_all_the_lines_accepts_no_more_than_who_has_none() -> None:
    assert fair_theta(0.03, 9, [(0.02, 0)]) == 0.02
    assert fair_theta(0.02, 0, [(0.03, 9)]) == 0.02
    assert fair_theta(0.03, 9, [(0.001, 0)]) == 0.015
    assert fair_theta(0.03, 0, [(0.02, 0)]) == 0.02
    assert fair_theta(0.03, 9, []) == 0.03


def test_a_burst_does_not_fool_the_answer_rate_although_persons_answer_first() -> None:
    pacer, random = Pacer(PREDICTIVE), Random(9)
    burst = [AttemptId(f"{i:032x}") for i in range(1000)]
    for attempt in burst:
        pacer.dialed(attempt, 0.0)
    persons = [attempt for attempt in burst if random.random() < 0.25]
    for attempt in persons:
        pacer.answered(attempt, 10.0)
        pacer.judged(attempt, 11.5, human=True)
        pacer.served(attempt, 11.6)
    assert pacer.experience.answers.rate() < 0.35
    for attempt in set(burst) - set(persons):
        pacer.ended(attempt, 24.0)
    assert pacer.experience.answers.rate() == pytest.approx(0.25, abs=0.05)


def test_a_quarter_of_an_hour_far_over_the_target_forces_reserved_agents() -> None:
    pacer = Pacer(PREDICTIVE)
    pacer.agent_is(AgentId("ann"), AgentState.READY, 0.0)
    for i in range(100):
        attempt = AttemptId(f"{i:032x}")
        pacer.dialed(attempt, i * 5.0)
        pacer.answered(attempt, i * 5.0 + 1.0)
        (pacer.abandoned if i % 5 == 0 else pacer.served)(attempt, i * 5.0 + 2.0)
    alarmed = decide(pacer.snapshot(510.0, tallies=(), capacity=Capacity(), health=Health()))
    later = decide(pacer.snapshot(2000.0, tallies=(), capacity=Capacity(), health=Health()))
    assert (alarmed.reserve, later.reserve) == (True, False)
    assert "15 minutes" in alarmed.words
