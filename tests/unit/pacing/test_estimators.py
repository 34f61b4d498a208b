"""What is learned on the floor: under censoring, after a jump, and across a restart."""

from __future__ import annotations

import json
import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.ids import AgentId, AttemptId
from domain.mode import Mode
from pacing.answer_rate import AnswerRate
from pacing.budget import Budget, aim_of, team_share
from pacing.controller import decide
from pacing.experience import Experience
from pacing.floor import Pacer
from pacing.forecast import PACES, elapsed_bin, elapsed_bin_start, pace_class
from pacing.hazard import DurationEstimator, survival_at
from pacing.persistence import StateError, from_json, to_json
from pacing.ring_times import RingTimes
from pacing.settings import PacingSettings
from pacing.snapshot import AgentState, Capacity, Health, WindowTally
from pacing.value import PartyFacts, RightParty

pytestmark = pytest.mark.unit

PREDICTIVE = PacingSettings(mode=Mode.PREDICTIVE)


def learned_pacer() -> Pacer:
    """A pacer that has seen some hours."""
    random, pacer, now = Random(3), Pacer(PREDICTIVE), 0.0
    pacer.agent_is(AgentId("ann"), AgentState.READY, now)
    for i in range(400):
        attempt = AttemptId(f"{i:032x}")
        pacer.dialed(attempt, now)
        now += random.uniform(5, 12)
        if random.random() < 0.4:
            pacer.answered(attempt, now)
            pacer.judged(attempt, now + 1.5, human=True)
            pacer.served(attempt, now + 1.6)
            pacer.agent_is(AgentId("ann"), AgentState.TALKING, now + 1.6)
            now += random.expovariate(1 / 50)
            pacer.agent_is(AgentId("ann"), AgentState.WRAP_UP, now + 1.7)
            now += 12.0
            pacer.agent_is(AgentId("ann"), AgentState.READY, now + 1.7)
        else:
            pacer.ended(attempt, now)
    pacer.snapshot(now + 2.0, tallies=(), capacity=Capacity(), health=Health())
    return pacer


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        "{}",
        '{"version": 2}',
        json.dumps({"version": 1, "answers": {"reached": 5, "dials": 1}}),
    ],
)
def test_a_state_of_another_version_or_shape_is_refused(text: str) -> None:
    with pytest.raises(StateError, match="remove it"):
        from_json(text, PREDICTIVE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("base",), float("nan")),
        (("answers", "reached"), -1),
        (("answers", "reached"), 1e9),
        (("talk", "ends"), [1.0]),
        (("talk", "sums"), [1.0, float("inf"), 2.0]),
        (("rings",), {}),
        (("paces", "ann"), ["x", 1]),
    ],
)
def test_a_figure_that_cannot_be_is_refused(path: tuple[str, ...], value: object) -> None:
    document = json.loads(to_json(learned_pacer()))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(StateError):
        from_json(json.dumps(document), PREDICTIVE)


def test_what_was_learned_survives_a_restart() -> None:
    before = learned_pacer()
    after = from_json(to_json(before), PREDICTIVE)
    assert to_json(after) == to_json(before)
    assert after.experience.answers.rate() == before.experience.answers.rate()
    old = before.experience.forecast(1, PREDICTIVE, [], [], {})
    new = after.experience.forecast(1, PREDICTIVE, [], [], {})
    assert np.array_equal(old.talk_busy, new.talk_busy)
    assert np.array_equal(old.route("").arriving, new.route("").arriving)


def test_a_file_of_a_release_that_knew_no_right_parties_is_read() -> None:
    pacer = learned_pacer()
    pacer.experience.parties.learn(PartyFacts(1, "home", "mobile"), right=True)
    document = json.loads(to_json(pacer))
    del document["parties"]
    after = from_json(json.dumps(document), PREDICTIVE)
    assert after.experience.parties == RightParty()
    assert after.experience.answers.rate() == pacer.experience.answers.rate()


def test_who_answers_which_numbers_survives_a_restart() -> None:
    pacer, facts = learned_pacer(), PartyFacts(1, "home", "mobile")
    for right in (True, True, False):
        pacer.experience.parties.learn(facts, right=right)
    after = from_json(to_json(pacer), PREDICTIVE)
    assert after.experience.parties == pacer.experience.parties
    assert after.experience.parties.chance(facts) == pacer.experience.parties.chance(facts) > 0.5


@pytest.mark.parametrize("parties", [[], {"": [1.0, 2.0]}, {"x": [1.0]}, {"x": [-1.0, -2.0]}, {"": "many"}, None])
def test_right_parties_that_cannot_be_are_refused(parties: object) -> None:
    document = json.loads(to_json(learned_pacer()))
    document["parties"] = parties
    with pytest.raises(StateError):
        from_json(json.dumps(document), PREDICTIVE)


def test_events_twice_late_or_unknown_change_nothing_and_are_counted() -> None:
    once, twice = Pacer(PREDICTIVE), Pacer(PREDICTIVE)
    a, unknown = AttemptId("a" * 32), AttemptId("b" * 32)
    for pacer, repeats in ((once, 1), (twice, 2)):
        for _ in range(repeats):
            pacer.dialed(a, 1.0)
        for _ in range(repeats):
            pacer.answered(a, 9.0)
        for _ in range(repeats):
            pacer.judged(a, 10.5, human=True)
        for _ in range(repeats):
            pacer.served(a, 11.0)
    twice.rang(a, 3.0)
    twice.abandoned(unknown, 12.0)
    twice.ended(unknown, 12.0)
    twice.agent_left(AgentId("nobody"), 12.0)
    assert to_json(once) == to_json(twice)
    assert (once.ignored, twice.ignored) == (0, 8)


def test_hold_is_part_of_the_talk() -> None:
    pacer, ann = Pacer(PREDICTIVE), AgentId("ann")
    for at, state in ((0.0, AgentState.TALKING), (20.0, AgentState.HOLD), (50.0, AgentState.TALKING)):
        pacer.agent_is(ann, state, at)
    assert pacer.agents[ann].since == 0.0
    pacer.agent_is(ann, AgentState.WRAP_UP, 80.0)
    assert pacer.experience.talk.fresh == [80.0]


def test_the_first_decisions_need_no_history() -> None:
    pacer = Pacer(PREDICTIVE)
    for i in range(10):
        pacer.agent_is(AgentId(f"a{i}"), AgentState.READY, 0.0)
    decision = decide(pacer.snapshot(1.0, tallies=(), capacity=Capacity(), health=Health()))
    assert 5 <= decision.lines_to_add <= 40
    assert decision.theta <= 0.02 + 1e-9


@pytest.mark.parametrize("cut", [20.0, 60.0])
def test_durations_are_learned_without_bias_from_spans_that_were_cut_short(cut: float) -> None:
    random, known = Random(5), DurationEstimator(90.0, 1.2)
    going_on: list[float] = []
    for i in range(500):
        length = random.expovariate(1 / 50)
        if i % 2 and length > cut:
            going_on.append(cut)
        else:
            known.ended(length)
    survival = survival_at(known.cumulative_hazard(going_on), np.array([10.0, 40.0]))
    ignoring = survival_at(known.cumulative_hazard(), np.array([10.0, 40.0]))
    assert survival[0] == pytest.approx(math.exp(-0.2), abs=0.07)
    assert ignoring[1] <= survival[1]


def test_ring_times_are_learned_although_we_release_lines() -> None:
    random, rings = Random(8), RingTimes()
    for i in range(6000):
        person = random.random() < 0.3
        age = random.uniform(2, 20) if person else random.uniform(22, 25)
        if i % 3 == 0 and age > 12.0:
            rings.released(12.0)
        elif person:
            rings.person(age, 1.5)
        else:
            rings.nobody(age)
    curves = rings.curves()
    assert np.interp(11.0, np.arange(161) * 0.5, curves.person_by) == pytest.approx(0.5, abs=0.05)
    assert np.all(np.diff(curves.person_by) >= -1e-12)
    assert curves.person_by[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(("before", "after"), [(0.4, 0.1), (0.1, 0.4)])
def test_a_jump_of_the_answer_rate_is_followed_within_300_dials(before: float, after: float) -> None:
    random, answers, now = Random(2), AnswerRate(), 0.0
    for _ in range(3000):
        now += 0.5
        answers.outcome(random.random() < before, now)
    assert answers.rate() == pytest.approx(before, abs=0.06)
    for _ in range(300):
        now += 0.5
        answers.outcome(random.random() < after, now)
    assert answers.rate() == pytest.approx(after, abs=0.1)


def test_accounts_own_chances_are_put_right() -> None:
    random, answers = Random(4), AnswerRate()
    for i in range(3000):
        told = 0.1 if i % 2 else 0.5
        answers.outcome(random.random() < 0.6 * told, i * 1.0, told)
    assert answers.calibrated(0.5) == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_an_answer_rate_of_nought_or_one_stays_usable(p: float) -> None:
    answers = AnswerRate()
    for i in range(2000):
        answers.outcome(bool(p), i * 1.0)
    assert 0.005 <= answers.rate() <= answers.upper() <= 0.95


def test_a_slow_agent_is_told_apart_after_enough_calls() -> None:
    known, team = Experience(), 100.0
    for _ in range(100):
        known.handled(AgentId("slow"), 200.0)
    known.handled(AgentId("new"), 400.0)
    assert PACES[pace_class(known.pace(AgentId("slow"), team))] > 1.4
    assert PACES[pace_class(known.pace(AgentId("new"), team))] == 1.0


@given(st.integers(0, 150))
def test_elapsed_rows_begin_where_they_say(row: int) -> None:
    assert elapsed_bin(elapsed_bin_start(row) * (1 + 1e-9) + 1e-9) == row


# --- the price law ---------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(outcomes=st.lists(st.booleans(), max_size=300), agents=st.integers(0, 3000))
def test_theta_stays_within_its_bounds(outcomes: list[bool], agents: int) -> None:
    budget = Budget(0.03)
    for i, lost in enumerate(outcomes):
        budget.answered(abandoned=lost, tallies=(), agents=agents, now=i * 10.0)
        assert 1e-4 <= budget.theta((), agents) <= 0.5


def test_theta_rises_while_nobody_is_lost_and_falls_while_everybody_is() -> None:
    rising, falling = Budget(0.03), Budget(0.03)
    for i in range(200):
        rising.answered(abandoned=False, tallies=(), agents=10, now=i * 5.0)
        falling.answered(abandoned=True, tallies=(), agents=10, now=i * 5.0)
    assert rising.base > 0.024 > falling.base


@given(
    answered=st.integers(0, 20_000),
    abandoned=st.integers(0, 700),
    coming=st.floats(0, 30_000),
    binds=st.booleans(),
)
def test_the_aim_never_exceeds_a_quarter_above_the_target(
    answered: int, abandoned: int, coming: float, binds: bool
) -> None:
    tally = WindowTally("day", 0.03, answered, abandoned, binds)
    aim = aim_of(tally, 1.0, coming)
    assert 0.0 <= aim <= 0.0375
    assert aim_of(WindowTally("day", 0.03, answered, abandoned + 1, binds), 1.0, coming) <= aim


def test_theta_shrinks_as_a_window_that_binds_is_used_up() -> None:
    budget = Budget(0.03)
    thetas = [budget.theta((WindowTally("day", 0.03, 500, lost),), 10) for lost in (5, 13, 14, 15)]
    assert thetas == sorted(thetas, reverse=True)
    assert thetas[0] > 10 * thetas[-1]


def test_large_teams_spend_less_of_the_target() -> None:
    assert [round(team_share(n), 2) for n in (5, 100, 200, 300, 400, 500, 2000)] == [1, 1, 0.95, 0.9, 0.62, 0.33, 0.33]
