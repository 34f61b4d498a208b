"""The life of an account in a campaign: every pair of state and event."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.entries import TRANSITIONS, EntryEvent, EntryState, sources, target

pytestmark = pytest.mark.unit
PAGE = Path(__file__).parents[3] / "docs/reference/account-states.md"


@pytest.mark.parametrize("event", EntryEvent)
def test_an_event_leads_to_one_state_from_wherever_it_is_known(event: EntryEvent) -> None:
    assert {TRANSITIONS[state][event] for state in sources(event)} == {target(event)}


@pytest.mark.parametrize("state", EntryState)
def test_every_state_but_the_last_can_be_closed_and_every_state_can_be_left(state: EntryState) -> None:
    assert TRANSITIONS[state]
    assert (EntryEvent.CLOSE in TRANSITIONS[state]) is (state is not EntryState.CLOSED)


def test_an_account_is_dialed_only_from_a_claim() -> None:
    assert sources(EntryEvent.RESERVE) == (EntryState.CLAIMED,)
    assert sources(EntryEvent.CLAIM) == (EntryState.READY,)


def test_the_page_draws_the_table() -> None:
    drawn = {line.strip() for line in PAGE.read_text(encoding="utf-8").splitlines() if " --> " in line}
    edges = {f"{state} --> {end}: {event}" for state, after in TRANSITIONS.items() for event, end in after.items()}
    assert drawn == edges | {f"[*] --> {EntryState.READY}"}
