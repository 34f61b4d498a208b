"""What cannot be: figures, events and saved states that no floor gives. Nothing is raised in a loop, nothing dialed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import AgentId, AttemptId
from domain.mode import Mode
from pacing.controller import decide
from pacing.decision import CapCode
from pacing.floor import Pacer
from pacing.persistence import StateError, from_json, to_json
from pacing.settings import PacingSettings
from pacing.snapshot import AgentState, Candidate, Capacity, FloorSnapshot, Health, WindowTally

pytestmark = pytest.mark.unit

PREDICTIVE = PacingSettings(mode=Mode.PREDICTIVE)
ALICE, LINE = AgentId("alice"), AttemptId("a" * 32)
HUGE = 10**400


def snapshot_of(pacer: Pacer, now: float) -> FloorSnapshot:
    tally = WindowTally("day", 0.03, 1000, 20, remaining_s=9000)
    return pacer.snapshot(now, tallies=(tally,), capacity=Capacity(), health=Health())


def busy_floor(agents: int = 10) -> Pacer:
    pacer = Pacer(PREDICTIVE)
    for i in range(agents):
        pacer.agent_is(AgentId(f"a{i}"), AgentState.READY, 0.0)
    return pacer


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("now", math.inf),
        ("theta", 5.0),
        ("theta", "much"),
        ("answer_p", -1.0),
        ("answer_p", None),
        ("answer_p_high", math.nan),
        ("inbound_waiting", -50),
        ("inbound_per_s", math.inf),
        ("surge", -2.0),
        ("candidates", (Candidate(5, math.nan),)),
        ("candidates", (Candidate(5, 7.0),)),
        ("candidates", (Candidate(-5, 0.2),)),
        ("agents", None),
        ("settings", None),
        ("tallies", (5,)),
        ("health", None),
        ("health", Health(queue_lag_s=None)),  # type: ignore[arg-type]
        ("capacity", Capacity(call_tokens=math.nan)),  # type: ignore[arg-type]
    ],
)
def test_a_snapshot_with_a_figure_that_cannot_be_dials_nothing(name: str, value: object) -> None:
    snapshot = replace(snapshot_of(busy_floor(), 60.0), **{name: value})
    decision = decide(snapshot)
    assert decision.lines_to_add == 0
    assert decision.caps[0].code is CapCode.BAD_SNAPSHOT


def test_a_line_whose_chance_is_not_a_number_dials_nothing() -> None:
    pacer = busy_floor()
    pacer.dialed(LINE, 50.0)
    snapshot = snapshot_of(pacer, 60.0)
    decision = decide(replace(snapshot, lines=(replace(snapshot.lines[0], answer_p=math.nan),)))
    assert (decision.lines_to_add, decision.caps[0].code) == (0, CapCode.BAD_SNAPSHOT)


def test_a_limit_that_is_no_whole_number_is_rounded_down() -> None:
    capacity = Capacity(call_tokens=2.7)  # type: ignore[arg-type]
    decision = decide(replace(snapshot_of(busy_floor(), 60.0), capacity=capacity))
    assert decision.lines_to_add == 2
    assert isinstance(decision.lines_to_add, int)


@pytest.mark.parametrize("instant", [math.nan, math.inf, -math.inf])
def test_an_event_at_an_instant_that_cannot_be_changes_nothing_and_is_counted(instant: float) -> None:
    pacer = busy_floor()
    pacer.dialed(LINE, 10.0)
    before = snapshot_of(pacer, 20.0)
    pacer.agent_is(ALICE, AgentState.READY, instant)
    pacer.agent_left(AgentId("a0"), instant)
    pacer.dialed(AttemptId("b" * 32), instant)
    pacer.rang(LINE, instant)
    pacer.answered(LINE, instant)
    pacer.judged(LINE, instant, human=True)
    pacer.served(LINE, instant)
    pacer.abandoned(LINE, instant)
    pacer.ended(LINE, instant)
    after = snapshot_of(pacer, 20.0)
    assert (after.agents, after.lines, after.totals) == (before.agents, before.lines, before.totals)
    assert pacer.ignored == 9
    assert decide(snapshot_of(pacer, instant)).caps[0].code is CapCode.BAD_SNAPSHOT


def test_what_an_agent_did_earlier_does_not_undo_what_the_agent_does_now() -> None:
    pacer = busy_floor(0)
    pacer.agent_is(ALICE, AgentState.READY, 60.0)
    pacer.agent_is(ALICE, AgentState.TALKING, 50.0)
    pacer.agent_left(ALICE, 55.0)
    (agent,) = snapshot_of(pacer, 61.0).agents
    assert (agent.state, agent.since, pacer.ignored) == (AgentState.READY, 60.0, 2)


def test_an_agent_who_left_is_not_brought_back_by_what_was_before() -> None:
    pacer = busy_floor(0)
    pacer.agent_is(ALICE, AgentState.READY, 60.0)
    pacer.agent_left(ALICE, 80.0)
    pacer.agent_is(ALICE, AgentState.TALKING, 70.0)
    assert snapshot_of(pacer, 81.0).agents == ()
    pacer.agent_is(ALICE, AgentState.READY, 90.0)
    assert len(snapshot_of(pacer, 91.0).agents) == 1


def test_agents_go_on_after_the_clock_was_put_back() -> None:
    pacer = busy_floor(0)
    pacer.agent_is(ALICE, AgentState.READY, 5000.0)
    pacer.agent_is(ALICE, AgentState.TALKING, 1000.0)
    (agent,) = snapshot_of(pacer, 1001.0).agents
    assert (agent.state, agent.since, pacer.ignored) == (AgentState.TALKING, 1000.0, 0)


def test_a_line_that_ended_is_not_dialed_by_an_event_that_comes_again() -> None:
    pacer = busy_floor()
    pacer.dialed(LINE, 10.0)
    pacer.ended(LINE, 30.0)
    pacer.dialed(LINE, 10.0)
    assert snapshot_of(pacer, 31.0).lines == ()
    assert (pacer.ignored, pacer.dials) == (1, 1)


def test_outcomes_that_come_too_late_are_not_kept() -> None:
    pacer = busy_floor()
    stuck = [AttemptId(f"{i:032x}") for i in range(50)]
    for attempt in stuck:
        pacer.dialed(attempt, 0.0)
    pacer.dialed(LINE, 200.0)
    pacer.ended(LINE, 220.0)
    for attempt in stuck:
        pacer.ended(attempt, 230.0)
    assert not pacer.outcomes
    assert not pacer.order


def test_a_clock_put_back_does_not_freeze_the_factor_of_a_sudden_rise() -> None:
    pacer = busy_floor()
    snapshot_of(pacer, 5000.0)
    for i in range(40):
        pacer.dialed(AttemptId(f"{i:032x}"), 5000.0)
        pacer.judged(AttemptId(f"{i:032x}"), 5008.0, human=True)
    assert snapshot_of(pacer, 5009.0).surge > 1.5
    assert snapshot_of(pacer, 1000.0).surge == 1.0


READY, TALKING, WRAP_UP = AgentState.READY, AgentState.TALKING, AgentState.WRAP_UP
agent_events = st.tuples(st.just("agent"), st.integers(0, 3), st.sampled_from([READY, TALKING, WRAP_UP, None]))
line_kinds = st.sampled_from(["dialed", "rang", "answered", "human", "machine", "served", "abandoned", "ended"])
line_events = st.tuples(line_kinds, st.integers(0, 5), st.none())


def tell(pacer: Pacer, kind: str, which: int, state: AgentState | None, now: float) -> None:
    agent, line = AgentId(f"a{which}"), AttemptId(f"{which:032x}")
    match kind:
        case "agent" if state is None:
            pacer.agent_left(agent, now)
        case "agent":
            pacer.agent_is(agent, state or READY, now)
        case "human" | "machine":
            pacer.judged(line, now, human=kind == "human")
        case _:
            getattr(pacer, kind)(line, now)


@given(st.lists(st.one_of(agent_events, line_events), max_size=40))
def test_an_event_told_twice_is_told_once(
    events: list[tuple[str, int, AgentState | None]],
) -> None:
    once, twice = Pacer(PREDICTIVE), Pacer(PREDICTIVE)
    for i, (kind, which, state) in enumerate(events):
        tell(once, kind, which, state, float(i))
        tell(twice, kind, which, state, float(i))
        tell(twice, kind, which, state, float(i))
    a, b = snapshot_of(once, 100.0), snapshot_of(twice, 100.0)
    assert (a.agents, a.lines, a.totals, a.theta, a.answer_p) == (b.agents, b.lines, b.totals, b.theta, b.answer_p)
    assert to_json(once) == to_json(twice)


@given(st.lists(st.one_of(agent_events, line_events), max_size=40), st.randoms())
def test_the_order_in_which_agents_and_lines_are_listed_decides_nothing(
    events: list[tuple[str, int, AgentState | None]], random: Random
) -> None:
    pacer = busy_floor(3)
    for i, (kind, which, state) in enumerate(events):
        tell(pacer, kind, which, state, float(i))
    snapshot = snapshot_of(pacer, 100.0)
    agents, lines = list(snapshot.agents), list(snapshot.lines)
    random.shuffle(agents)
    random.shuffle(lines)
    other = decide(replace(snapshot, agents=tuple(agents), lines=tuple(lines)))
    assert other.lines_to_add == decide(snapshot).lines_to_add


DAMAGE = {
    "a base of four hundred digits": lambda saved: saved.update(base=HUGE),
    "a sum of logarithms of four hundred digits": lambda saved: saved["talk"].update(log_sum=HUGE),
    "a table entry of four hundred digits": lambda saved: saved["talk"]["ends"].__setitem__(0, HUGE),
    "an account's weight of four hundred digits": lambda saved: saved["accounts"].update(x=[HUGE, HUGE]),
    "an absurd table": lambda saved: saved["rings"][""]["tables"].__setitem__(0, [1e300] * 64),
    "an absurd time to the verdict": lambda saved: saved["rings"][""].update(verdict_s=1e12),
    "a version that is no number": lambda saved: saved.update(version=True),
    "more dials than there can be": lambda saved: saved["answers"].update(dials=1e308),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_state_is_refused_and_not_found_out_in_the_loop(damage) -> None:  # type: ignore[no-untyped-def]
    saved = json.loads(to_json(busy_floor()))
    damage(saved)
    with pytest.raises(StateError, match="remove it"):
        from_json(json.dumps(saved), PREDICTIVE)


def test_a_state_with_a_figure_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(StateError, match="remove it"):
        from_json('{"version":1,"base":' + "9" * 5000 + "}", PREDICTIVE)


def test_a_state_at_the_edge_of_what_is_allowed_still_decides() -> None:
    saved = json.loads(to_json(busy_floor()))
    length = len(saved["rings"][""]["tables"][0])
    saved["rings"][""]["tables"][0] = [1e12] * length
    saved["talk"]["ends"] = [1e12] * len(saved["talk"]["ends"])
    restored = from_json(json.dumps(saved), PREDICTIVE)
    assert 0 <= decide(snapshot_of(restored, 60.0)).lines_to_add < 1000
