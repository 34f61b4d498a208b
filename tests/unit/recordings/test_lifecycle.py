"""The recording's transition table, every state against every event, and the page drawn from it."""

from itertools import product
from pathlib import Path

import pytest

from recordings.lifecycle import TRANSITIONS, RecordingEvent, RecordingState, advance, mermaid

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[3] / "docs/reference/recording-states.md"


@pytest.mark.parametrize(("state", "event"), list(product(RecordingState, RecordingEvent)))
def test_an_event_moves_as_the_table_says_or_changes_nothing(state: RecordingState, event: RecordingEvent) -> None:
    assert advance(state, event) is TRANSITIONS.get((state, event), state)


def test_every_state_can_be_reached() -> None:
    assert {RecordingState.EXPECTED, *TRANSITIONS.values()} == set(RecordingState)


def test_sealed_and_void_are_the_end() -> None:
    leaving = {state for state, _ in TRANSITIONS}
    assert set(RecordingState) - leaving == {RecordingState.SEALED, RecordingState.VOID}


def test_only_audio_in_the_object_store_can_be_sealed() -> None:
    before = {state for state, event in TRANSITIONS if event is RecordingEvent.SEALED}
    assert before == {RecordingState.CHECKED, RecordingState.DEFECTIVE}


def test_the_page_in_the_docs_shows_the_table() -> None:
    assert f"```mermaid\n{mermaid()}```" in PAGE.read_text(encoding="utf-8")
