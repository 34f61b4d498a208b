"""The call's table: every pair of state and event, enumerated."""

from itertools import product
from pathlib import Path

import pytest

from dialer.call import TRANSITIONS, CallEvent, CallState, IllegalCallEventError, diagram, next_state

pytestmark = pytest.mark.unit

PAIRS = list(product(CallState, CallEvent))
LEGAL = [(state, event) for state, event in PAIRS if event in TRANSITIONS[state]]
ILLEGAL = [(state, event) for state, event in PAIRS if event not in TRANSITIONS[state]]
SOMEBODY_LISTENS = [CallState.WAITING, CallState.CONNECTING, CallState.HELD, CallState.TREATED]


@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_an_event_without_a_meaning_is_refused_and_says_so(state, event):
    with pytest.raises(IllegalCallEventError, match=f"{state.value} cannot take {event.value}"):
        next_state(state, event)


@pytest.mark.parametrize(("state", "event"), LEGAL)
def test_a_legal_event_leads_to_a_state_of_the_table(state, event):
    assert next_state(state, event) in TRANSITIONS


@pytest.mark.parametrize("state", [s for s in CallState if s is not CallState.ENDED])
def test_every_live_call_can_end_at_any_moment(state):
    assert next_state(state, CallEvent.ENDED) is CallState.ENDED


def test_an_ended_call_takes_nothing():
    assert TRANSITIONS[CallState.ENDED] == {}


def test_only_a_reserved_agent_leads_to_talking():
    sources = {state for state, row in TRANSITIONS.items() if CallState.TALKING in row.values()}
    assert sources == {CallState.CONNECTING}


@pytest.mark.parametrize("state", SOMEBODY_LISTENS)
def test_nobody_who_listens_is_left_without_a_way_to_an_agent(state):
    assert CallState.CONNECTING in TRANSITIONS[state].values() or CallState.TALKING in TRANSITIONS[state].values()


def test_the_diagram_names_every_state():
    assert all(state.value in diagram() for state in CallState)


def test_the_page_of_call_states_is_current():
    page = Path(__file__).parents[3] / "docs" / "reference" / "call-states.md"
    assert diagram() in page.read_text(encoding="utf-8")
