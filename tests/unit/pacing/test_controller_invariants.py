"""What must hold of every decision, whatever the floor looks like."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import AgentId, AttemptId
from domain.mode import Mode
from pacing.controller import brakes, decide
from pacing.decision import CapCode
from pacing.experience import Experience
from pacing.settings import PacingSettings, SettingsError
from pacing.snapshot import (
    AgentState,
    AgentView,
    Capacity,
    FloorSnapshot,
    Health,
    LineStage,
    LineView,
    WindowTally,
)

pytestmark = pytest.mark.unit

NOW = 1000.0


def agents(*states: AgentState) -> tuple[AgentView, ...]:
    return tuple(AgentView(AgentId(f"a{i}"), state, NOW - 30.0) for i, state in enumerate(states))


def lines(count: int) -> tuple[LineView, ...]:
    return tuple(LineView(AttemptId(f"{i:032x}"), LineStage.RINGING, NOW - 5, NOW - 4, 0.25) for i in range(count))


def floor(mode: Mode, *states: AgentState, ringing: int = 0, ratio: float = 2.0) -> FloorSnapshot:
    settings = PacingSettings(mode=mode, ratio=ratio)
    return FloorSnapshot(now=NOW, settings=settings, agents=agents(*states), lines=lines(ringing))


READY, TALKING, PAUSED = AgentState.READY, AgentState.TALKING, AgentState.PAUSED
SPENT = WindowTally("day", 0.03, answered=100, abandoned=4)


@pytest.mark.parametrize("mode", list(Mode))
def test_no_agent_signed_in_and_due_back_means_no_line(mode: Mode) -> None:
    assert decide(floor(mode)).lines_to_add == 0
    assert decide(floor(mode, PAUSED, PAUSED)).caps[0].code is CapCode.NO_AGENT


@pytest.mark.parametrize("mode", [Mode.PREVIEW, Mode.PROGRESSIVE, Mode.POWER])
def test_no_ready_agent_means_no_line_unless_predictive(mode: Mode) -> None:
    decision = decide(floor(mode, TALKING, TALKING))
    assert decision.lines_to_add == 0
    assert CapCode.NO_READY_AGENT in {cap.code for cap in decision.caps}


@pytest.mark.parametrize(
    "health",
    [
        Health(link_up=False),
        Health(quiet_s=3.1),
        Health(queue_lag_s=0.6),
        Health(clock_jump_s=-2.5),
        Health(quiet_s=math.nan),
    ],
)
def test_a_picture_that_cannot_be_trusted_dials_nothing(health: Health) -> None:
    decision = decide(replace(floor(Mode.POWER, READY), health=health))
    assert decision.lines_to_add == 0
    assert decision.caps[0].code is CapCode.STALE


def test_a_figure_that_is_not_a_number_dials_nothing() -> None:
    decision = decide(replace(floor(Mode.POWER, READY), theta=math.nan))
    assert decision.lines_to_add == 0
    assert decision.caps[0].code is CapCode.BAD_SNAPSHOT


@pytest.mark.parametrize(("name", "value"), [("ratio", -1.0), ("target", math.nan), ("grace_s", 99.0)])
def test_a_setting_out_of_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=name):
        PacingSettings(**{name: value})


def test_progressive_dials_one_reserved_line_per_ready_agent() -> None:
    decision = decide(floor(Mode.PROGRESSIVE, READY, READY, TALKING))
    assert decision.lines_to_add == 2
    assert decision.reserve


def test_power_dials_its_ratio_less_what_is_out_already() -> None:
    decision = decide(floor(Mode.POWER, READY, READY, TALKING, ringing=1, ratio=2.5))
    assert decision.lines_to_add == 4
    assert not decision.reserve


def test_the_brake_makes_every_new_line_need_a_reserved_agent() -> None:
    decision = decide(replace(floor(Mode.POWER, READY, READY, ringing=1), tallies=(SPENT,)))
    assert (decision.lines_to_add, decision.reserve, decision.mode) == (1, True, Mode.PROGRESSIVE)
    assert CapCode.BRAKE in {cap.code for cap in decision.caps}


@pytest.mark.parametrize(
    ("answered", "abandoned", "expected"),
    [(0, 0, False), (0, 1, True), (33, 1, True), (34, 1, False), (100, 3, False), (100, 4, True), (99, 3, True)],
)
def test_the_brake_engages_at_the_floor_of_the_budget_plus_one(answered: int, abandoned: int, expected: bool) -> None:
    assert brakes(WindowTally("day", 0.03, answered, abandoned)) is expected


def test_a_window_that_does_not_bind_never_brakes() -> None:
    assert not brakes(WindowTally("hour", 0.03, 10, 10, binds=False))


@pytest.mark.parametrize(
    ("capacity", "code"),
    [
        (Capacity(channels_free=1), CapCode.CHANNELS),
        (Capacity(call_tokens=1), CapCode.CALLS_PER_SECOND),
        (Capacity(caller_id_calls=1), CapCode.CALLER_ID),
        (Capacity(accounts=1), CapCode.ACCOUNTS),
    ],
)
def test_the_outside_limit_that_bound_is_named(capacity: Capacity, code: CapCode) -> None:
    decision = decide(replace(floor(Mode.POWER, READY, READY), capacity=capacity))
    assert decision.lines_to_add == 1
    assert [cap.code for cap in decision.caps] == [code]
    assert "1" in decision.words


def large_floor(ready: int, ringing: int, known: int) -> FloorSnapshot:
    forecast = Experience().forecast(1, PacingSettings(), [], [], {})
    snapshot = floor(Mode.PREDICTIVE, *([READY] * ready), ringing=ringing)
    return replace(snapshot, forecast=forecast, dials_known=known, theta=0.02)


@given(ready=st.integers(1, 1000), ringing=st.integers(0, 1200), known=st.integers(0, 299))
def test_until_the_answer_rate_is_known_a_line_for_each_ready_agent_must_do(
    ready: int, ringing: int, known: int
) -> None:
    decision = decide(large_floor(ready, ringing, known))
    assert decision.lines_to_add <= max(0, max(ready, 300) - ringing)


def test_a_floor_that_opens_says_that_it_waits_for_the_first_outcomes() -> None:
    decision = decide(large_floor(1000, 600, known=12))
    assert decision.lines_to_add == 400
    assert [cap.code for cap in decision.caps] == [CapCode.LEARNING]
    assert "at most 1000 lines at once until 300 outcomes tell how many answer (12 known)" in decision.words


def test_a_floor_that_knows_its_answer_rate_dials_ahead_of_it() -> None:
    assert decide(large_floor(1000, 600, known=300)).lines_to_add > 2000


def test_an_agent_about_to_leave_gets_no_lines() -> None:
    leaving = AgentView(AgentId("a"), READY, NOW - 90, leaves_at=NOW + 100)
    snapshot = replace(floor(Mode.PROGRESSIVE), agents=(leaving,))
    assert decide(snapshot).lines_to_add == 0
    assert decide(replace(snapshot, now=NOW - 30)).lines_to_add == 1


def test_a_decision_goes_stale_after_a_second_and_when_the_clock_steps_back() -> None:
    decision = decide(floor(Mode.PROGRESSIVE, READY))
    assert not decision.is_stale(NOW + 1.0)
    assert decision.is_stale(NOW + 1.1)
    assert decision.is_stale(NOW - 0.1)


states = st.lists(st.sampled_from(list(AgentState)), max_size=12)
counts = st.one_of(st.none(), st.integers(min_value=-3, max_value=20))


@given(
    mode=st.sampled_from(list(Mode)),
    states=states,
    ringing=st.integers(0, 20),
    ratio=st.floats(0, 20),
    free=counts,
    tokens=counts,
    answered=st.integers(0, 500),
    abandoned=st.integers(0, 50),
)
def test_no_cap_is_ever_exceeded(
    mode: Mode,
    states: list[AgentState],
    ringing: int,
    ratio: float,
    free: int | None,
    tokens: int | None,
    answered: int,
    abandoned: int,
) -> None:
    tally = WindowTally("day", 0.03, answered, abandoned)
    snapshot = replace(
        floor(mode, *states, ringing=ringing, ratio=ratio),
        capacity=Capacity(channels_free=free, call_tokens=tokens),
        tallies=(tally,),
    )
    decision = decide(snapshot)
    ready = states.count(READY)
    assert 0 <= decision.lines_to_add <= min(max(0, n) for n in (free, tokens, 10_000) if n is not None)
    assert decision.caps
    assert decision.lines_to_add <= max(0, ready - ringing) or not brakes(tally)


def predictive_floor(states: list[AgentState], ages: list[float], theta: float) -> FloorSnapshot:
    """Agents of various histories, a line for each age, in the order given."""
    forecast = Experience().forecast(1, PacingSettings(), [], [], {})
    team = tuple(AgentView(AgentId(f"a{i}"), state, NOW - 7.0 * (i + 1)) for i, state in enumerate(states))
    out = tuple(
        LineView(AttemptId(f"{i:032x}"), LineStage.RINGING, NOW - age, NOW - age, 0.25) for i, age in enumerate(ages)
    )
    settings = PacingSettings(mode=Mode.PREDICTIVE)
    return FloorSnapshot(now=NOW, settings=settings, agents=team, lines=out, forecast=forecast, theta=theta)


@given(
    states=st.lists(st.sampled_from([READY, TALKING, AgentState.WRAP_UP]), min_size=1, max_size=14),
    ages=st.lists(st.floats(0.0, 24.0), max_size=30),
    theta=st.floats(0.001, 0.3),
    less=st.floats(0.0, 1.0),
    which=st.integers(0, 13),
)
def test_predictive_adds_no_more_when_there_is_less_to_serve_with_or_more_to_serve(
    states: list[AgentState], ages: list[float], theta: float, less: float, which: int
) -> None:
    snapshot = predictive_floor(states, ages, theta)
    usual = decide(snapshot).lines_to_add
    agents = list(snapshot.agents)
    del agents[which % len(agents)]
    likelier = tuple(replace(line, answer_p=0.4) for line in snapshot.lines)
    waiting = LineView(AttemptId("f" * 32), LineStage.WAITING, NOW - 9.0, NOW - 1.0, 0.25)
    assert decide(replace(snapshot, agents=tuple(agents))).lines_to_add <= usual
    assert decide(replace(snapshot, theta=theta * less)).lines_to_add <= usual
    assert decide(replace(snapshot, lines=likelier)).lines_to_add <= usual
    assert decide(replace(snapshot, lines=(*snapshot.lines, waiting))).lines_to_add <= usual
    assert decide(replace(snapshot, inbound_waiting=1)).lines_to_add <= usual
    assert decide(replace(snapshot, inbound_per_s=0.1)).lines_to_add <= usual
