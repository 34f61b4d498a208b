"""The agent's transition table: every event in every state, then what the fields say afterwards."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_gateway.agent import (
    EVENT_KINDS,
    Agent,
    AgentEvent,
    AgentState,
    CallOver,
    Cause,
    Confirm,
    Dispose,
    GoReady,
    HeartbeatLost,
    Join,
    LegConnected,
    LegLost,
    Offer,
    Part,
    Pause,
    PreviewTimeout,
    PutOnHold,
    Reconnect,
    Release,
    Reserve,
    SignIn,
    SignOut,
    Skip,
    Wish,
    WrapTimeout,
)
from agent_gateway.diagram import page
from agent_gateway.lifecycle import TRANSITIONS, Choice, Refusal, Refused, apply
from domain.ids import AgentId, AttemptId, LegId

pytestmark = pytest.mark.unit

LEG, CALL = LegId("1" * 32), AttemptId("a" * 32)
OTHER_LEG, OTHER_CALL = LegId("2" * 32), AttemptId("b" * 32)
EVENTS: dict[type[AgentEvent], AgentEvent] = {
    SignIn: SignIn(LEG, frozenset({"en"})),
    Reconnect: Reconnect(),
    LegConnected: LegConnected(LEG),
    LegLost: LegLost(LEG, deliberate=False),
    GoReady: GoReady(),
    Pause: Pause("lunch"),
    Offer: Offer(CALL),
    Confirm: Confirm(CALL),
    Skip: Skip(CALL, "bad_data"),
    PreviewTimeout: PreviewTimeout(CALL),
    Reserve: Reserve(CALL),
    Release: Release(CALL),
    Join: Join(CALL),
    PutOnHold: PutOnHold(CALL),
    Part: Part(CALL),
    CallOver: CallOver(CALL),
    Dispose: Dispose(CALL),
    WrapTimeout: WrapTimeout(CALL),
    SignOut: SignOut(),
    HeartbeatLost: HeartbeatLost(),
}
_ME = Agent(AgentId("ann"), leg=LEG, leg_up=True, reason=None, since=1.0, idle_since=1.0)
AGENTS = {
    AgentState.OFFLINE: Agent(AgentId("ann")),
    AgentState.PAUSED: replace(_ME, state=AgentState.PAUSED, reason="break"),
    AgentState.READY: replace(_ME, state=AgentState.READY),
    AgentState.PREVIEW: replace(_ME, state=AgentState.PREVIEW, attempt=CALL),
    AgentState.RESERVED: replace(_ME, state=AgentState.RESERVED, attempt=CALL),
    AgentState.TALKING: replace(_ME, state=AgentState.TALKING, attempt=CALL, on_line=True),
    AgentState.HOLD: replace(_ME, state=AgentState.HOLD, attempt=CALL, on_line=True),
    AgentState.WRAP_UP: replace(_ME, state=AgentState.WRAP_UP, attempt=CALL, on_line=False),
}
# One letter a state, in the order of EVENT_KINDS; a dot is refused.
LETTERS = dict(zip("OPRLVTHW", AgentState, strict=True))
EXPECTED = """
         si rc lu ll rd pa of co sk pv rs rl jo ho pt ov di wt so hb
offline  P  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  O  O
paused   .  P  P  O  R  P  .  .  .  .  .  .  T  .  .  .  .  .  O  O
ready    .  R  .  O  R  P  L  .  .  .  V  .  T  .  .  .  .  .  O  O
preview  .  L  .  O  L  P  .  V  R  P  .  R  .  .  .  .  .  .  O  O
reserved .  V  .  O  V  V  .  .  .  .  .  R  T  .  .  R  .  .  V  V
talking  .  T  .  O  T  T  .  .  .  .  .  .  .  H  W  W  .  .  T  T
hold     .  H  .  O  H  H  .  .  .  .  .  .  T  .  H  W  .  .  H  H
wrap_up  .  W  .  W  W  W  .  .  .  .  .  .  .  .  .  W  R  R  W  W
"""
ROWS = [line.split() for line in EXPECTED.strip().splitlines()[1:]]
CASES = [
    (AgentState(state), kind, letter)
    for state, *letters in ROWS
    for kind, letter in zip(EVENT_KINDS, letters, strict=True)
]


def moved(agent: Agent, *events: AgentEvent, now: float = 5.0) -> Agent:
    for event in events:
        answer = apply(agent, event, now)
        assert isinstance(answer, Agent), (agent.state, event)
        agent = answer
    return agent


def test_the_cases_are_every_event_in_every_state() -> None:
    assert {(state, kind) for state, kind, _ in CASES} == set(product(AgentState, EVENT_KINDS))
    assert set(EVENTS) == set(EVENT_KINDS)


@pytest.mark.parametrize(("state", "kind"), [(state, kind) for state, kind, letter in CASES if letter == "."])
def test_an_event_the_table_lacks_changes_nothing(state: AgentState, kind: type[AgentEvent]) -> None:
    answer = apply(AGENTS[state], EVENTS[kind], 5.0)
    assert answer == Refused(state, kind.__name__, Refusal.UNEXPECTED)


@pytest.mark.parametrize(("state", "kind", "letter"), [case for case in CASES if case[2] != "."])
def test_an_event_leads_where_the_table_says(state: AgentState, kind: type[AgentEvent], letter: str) -> None:
    answer = apply(AGENTS[state], EVENTS[kind], 5.0)
    assert isinstance(answer, Agent)
    assert answer.state is LETTERS[letter]


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (AgentState.PAUSED, LegConnected(OTHER_LEG)),
        (AgentState.TALKING, LegLost(OTHER_LEG, deliberate=True)),
        (AgentState.PREVIEW, Confirm(OTHER_CALL)),
        (AgentState.PREVIEW, Skip(OTHER_CALL)),
        (AgentState.PREVIEW, PreviewTimeout(OTHER_CALL)),
        (AgentState.PREVIEW, Release(OTHER_CALL)),
        (AgentState.RESERVED, Release(OTHER_CALL)),
        (AgentState.RESERVED, Join(OTHER_CALL)),
        (AgentState.HOLD, Join(OTHER_CALL)),
        (AgentState.TALKING, Part(OTHER_CALL)),
        (AgentState.TALKING, CallOver(OTHER_CALL)),
        (AgentState.WRAP_UP, Dispose(OTHER_CALL)),
        (AgentState.WRAP_UP, WrapTimeout(OTHER_CALL)),
    ],
)
def test_an_event_about_another_call_or_leg_changes_nothing(state: AgentState, event: AgentEvent) -> None:
    answer = apply(AGENTS[state], event, 5.0)
    assert isinstance(answer, Refused)
    assert answer.why is Refusal.STALE


def test_a_pause_asked_for_during_a_call_begins_after_the_disposition() -> None:
    talking = moved(AGENTS[AgentState.TALKING], Pause("lunch"))
    assert (talking.state, talking.is_leaving, talking.is_due_back) == (AgentState.TALKING, True, False)
    after = moved(talking, CallOver(CALL), Dispose(CALL))
    assert (after.state, after.reason, after.wish) == (AgentState.PAUSED, "lunch", Wish.NONE)


def test_asking_for_calls_again_takes_the_announced_pause_back() -> None:
    after = moved(AGENTS[AgentState.TALKING], Pause("lunch"), GoReady(), CallOver(CALL), WrapTimeout(CALL))
    assert after.state is AgentState.READY


def test_signing_out_during_a_call_waits_for_its_end() -> None:
    after = moved(AGENTS[AgentState.TALKING], SignOut(), Part(CALL), WrapTimeout(CALL))
    assert (after.state, after.reason, after.leg) == (AgentState.OFFLINE, Cause.SIGNED_OUT, None)


def test_a_lost_screen_leaves_the_conversation_alone_and_a_new_screen_keeps_the_agent() -> None:
    lost = moved(AGENTS[AgentState.TALKING], HeartbeatLost())
    assert (lost.state, lost.is_due_back) == (AgentState.TALKING, False)
    assert moved(lost, CallOver(CALL), WrapTimeout(CALL)).reason == Cause.HEARTBEAT_LOST
    assert moved(lost, Reconnect(), CallOver(CALL), WrapTimeout(CALL)).state is AgentState.READY


def test_a_new_screen_does_not_take_back_a_sign_out_that_was_asked_for() -> None:
    after = moved(AGENTS[AgentState.TALKING], SignOut(), Reconnect(), CallOver(CALL), WrapTimeout(CALL))
    assert after.state is AgentState.OFFLINE


def test_a_phone_put_down_in_a_call_leaves_the_disposition_to_be_given() -> None:
    wrapping = moved(AGENTS[AgentState.TALKING], LegLost(LEG, deliberate=True), CallOver(CALL))
    assert (wrapping.state, wrapping.leg, wrapping.is_due_back) == (AgentState.WRAP_UP, None, False)
    after = moved(wrapping, Dispose(CALL))
    assert (after.state, after.reason) == (AgentState.OFFLINE, Cause.HUNG_UP)


def test_a_plug_pulled_after_the_bridge_broke_is_still_a_lost_agent() -> None:
    parted = moved(AGENTS[AgentState.TALKING], Part(CALL))
    after = moved(parted, LegLost(LEG, deliberate=False))
    assert (after.state, after.reason) == (AgentState.OFFLINE, Cause.UNREACHABLE)


def test_an_agent_becomes_ready_once_the_phone_is_connected() -> None:
    waiting = moved(AGENTS[AgentState.OFFLINE], SignIn(LEG, frozenset()), GoReady())
    assert (waiting.state, waiting.reason) == (AgentState.PAUSED, Cause.CONNECTING)
    assert moved(waiting, LegConnected(LEG)).state is AgentState.READY


def test_an_agent_who_has_not_asked_for_calls_stays_paused_when_the_phone_is_connected() -> None:
    after = moved(AGENTS[AgentState.OFFLINE], SignIn(LEG, frozenset()), LegConnected(LEG))
    assert (after.state, after.reason, after.leg_up) == (AgentState.PAUSED, Cause.NOT_READY, True)


def test_a_call_found_in_progress_with_a_paused_agent_ends_in_the_same_pause() -> None:
    talking = moved(AGENTS[AgentState.PAUSED], Join(CALL))
    assert (talking.state, talking.attempt, talking.on_line) == (AgentState.TALKING, CALL, True)
    after = moved(talking, CallOver(CALL), WrapTimeout(CALL))
    assert (after.state, after.reason) == (AgentState.PAUSED, "break")


def test_a_reservation_that_came_to_nothing_costs_no_place_in_the_queue() -> None:
    after = moved(AGENTS[AgentState.RESERVED], Release(CALL), now=9.0)
    assert (after.state, after.idle_since, after.since) == (AgentState.READY, 1.0, 9.0)
    assert moved(AGENTS[AgentState.WRAP_UP], Dispose(CALL), now=9.0).idle_since == 9.0


def test_who_says_nothing_to_an_account_is_paused_whatever_was_wished_before() -> None:
    after = moved(AGENTS[AgentState.PREVIEW], GoReady(), PreviewTimeout(CALL), now=9.0)
    assert (after.state, after.reason, after.wish) == (AgentState.PAUSED, Cause.PREVIEW_MISSED, Wish.NONE)
    assert (after.attempt, moved(after, GoReady()).state) == (None, AgentState.READY)


@pytest.mark.parametrize("leaving", [Pause("lunch"), SignOut(), HeartbeatLost(), LegLost(LEG, deliberate=True)])
def test_leaving_waits_for_no_account_that_is_only_looked_at(leaving: AgentEvent) -> None:
    after = moved(AGENTS[AgentState.PREVIEW], leaving)
    assert (after.attempt, after.is_due_back, after.wish) == (None, False, Wish.NONE)


def test_who_skips_goes_to_the_end_of_the_queue_and_whose_account_is_taken_back_does_not() -> None:
    shown = moved(AGENTS[AgentState.READY], Offer(CALL))
    assert moved(shown, Skip(CALL), now=9.0).idle_since == 9.0
    assert moved(shown, Release(CALL), now=9.0).idle_since == 1.0
    assert moved(shown, Confirm(CALL), Release(CALL), now=9.0).idle_since == 1.0


def test_a_second_reason_begins_a_second_pause() -> None:
    lunch = moved(AGENTS[AgentState.PAUSED], Pause("lunch"), now=7.0)
    assert (lunch.reason, lunch.since) == ("lunch", 7.0)
    assert moved(lunch, Pause("lunch"), now=8.0).since == 7.0


@pytest.mark.parametrize(
    ("state", "due"),
    [(state, state not in {AgentState.OFFLINE, AgentState.PAUSED}) for state in AgentState],
)
def test_who_is_due_back(state: AgentState, due: bool) -> None:
    assert AGENTS[state].is_due_back is due


@given(
    st.lists(
        st.sampled_from([*EVENTS.values(), LegLost(LEG, deliberate=True), Reserve(OTHER_CALL), Offer(OTHER_CALL)]),
        max_size=40,
    )
)
def test_no_sequence_of_events_leaves_an_agent_in_two_minds(events: list[AgentEvent]) -> None:
    agent = Agent(AgentId("ann"))
    for second, event in enumerate(events):
        answer = apply(agent, event, float(second))
        agent = answer if isinstance(answer, Agent) else agent
        in_call = {AgentState.PREVIEW, AgentState.RESERVED, AgentState.TALKING, AgentState.HOLD, AgentState.WRAP_UP}
        assert (agent.attempt is not None) == (agent.state in in_call)
        assert agent.state is not AgentState.OFFLINE or agent.leg is None
        assert not (agent.state is AgentState.READY and not agent.leg_up)
        assert not (agent.state is AgentState.READY and agent.is_leaving)
        assert not (agent.state is AgentState.PREVIEW and (not agent.leg_up or agent.is_leaving))
        assert (agent.reason is not None) == (agent.state in {AgentState.OFFLINE, AgentState.PAUSED})


def test_every_end_of_a_choice_is_declared() -> None:
    picks = [
        (choice.options, choice.pick(agent, event))
        for row in TRANSITIONS.values()
        for kind, choice in row.items()
        if isinstance(choice, Choice)
        for agent in AGENTS.values()
        for event in (EVENTS[kind],)
    ]
    assert all(state in options for options, state in picks)


def test_the_reference_page_is_drawn_from_this_table() -> None:
    written = Path(__file__).parents[3] / "docs" / "reference" / "agent-states.md"
    assert written.read_text(encoding="utf-8") == page()
