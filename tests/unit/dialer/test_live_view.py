"""The live view: everything is shown, nothing from outside reaches the terminal raw, a pipe gets plain lines."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agent_gateway.agent import AgentState
from dialer.call import CallState
from dialer.live_view import STAGES, CampaignView, LiveSnapshot, TrunkView, plain_line, render, show
from domain.outcomes import Outcome

pytestmark = pytest.mark.unit

CAMPAIGN = CampaignView("demo", "power", "3 ready agents at ratio 2", live=50, abandoned=1, target=0.03)
SNAPSHOT = LiveSnapshot(
    now=datetime(2026, 11, 3, 15, 4, 12, tzinfo=UTC),
    running_s=252,
    campaigns=(CAMPAIGN,),
    calls={CallState.RINGING: 4, CallState.SENT: 2, CallState.TALKING: 3},
    agents={AgentState.TALKING: 3, AgentState.READY: 2},
    outcomes={Outcome.CONVERSATION: 30, Outcome.NO_ANSWER: 60, Outcome.BUSY: 10},
    link_up=True,
    lag_ms=3.0,
    trunks=(TrunkView("carrier", 9, 60),),
    accounts_left=120,
)
EMPTY = LiveSnapshot(SNAPSHOT.now, 0.0, (), {}, {}, {}, link_up=False, lag_ms=0.0, trunks=())


def drawn(snapshot: LiveSnapshot, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width, height=24, force_terminal=False)
    console.print(render(snapshot))
    return console.file.getvalue()


@pytest.mark.parametrize("nasty", ["\x1b[2Jgone", "[red]markup[/red]", "a\r\nb", "\u202eright to left", "[/]"])
def test_a_hostile_name_is_shown_as_text(nasty: str) -> None:
    text = drawn(replace(SNAPSHOT, campaigns=(replace(CAMPAIGN, name=nasty, why=nasty),)))
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\u202e" not in text


def test_an_idle_dialer_says_what_is_missing() -> None:
    text = drawn(EMPTY)
    for part in ("nobody is signed in", "no campaign is running", "no call has ended yet", "DOWN"):
        assert part in text


def test_a_lost_link_is_seen_in_the_plain_line_too() -> None:
    assert "NO LINK" in plain_line(EMPTY)
    assert "NO LINK" not in plain_line(SNAPSHOT)


def test_raw_audio_that_cannot_be_stored_is_seen() -> None:
    assert "2 cannot be stored" in drawn(replace(SNAPSHOT, recordings_kept=2))


def test_every_state_of_a_call_belongs_to_one_stage() -> None:
    states = [state for states in STAGES.values() for state in states]
    assert sorted(states) == sorted(CallState)


def test_the_numbers_of_the_snapshot_are_on_the_screen() -> None:
    text = drawn(SNAPSHOT)
    for part in (
        "120 accounts left",
        "15:04:12",
        "running 4:12",
        "1 = 2.0%",
        "3.0%",
        "30% by people",
        "9 of 60 channels",
        "3 ms",
        "3 ready agents at ratio 2",
    ):
        assert part in text


def test_it_fits_a_terminal_of_80_by_24() -> None:
    two = replace(SNAPSHOT, campaigns=(CAMPAIGN, CAMPAIGN), outcomes=dict.fromkeys(Outcome, 99))
    lines = drawn(two).splitlines()
    assert len(lines) <= 24
    assert max(len(line.rstrip()) for line in lines) <= 80


@given(
    calls=st.dictionaries(st.sampled_from(CallState), st.integers(0, 5000)),
    agents=st.dictionaries(st.sampled_from(AgentState), st.integers(0, 5000)),
    outcomes=st.dictionaries(st.sampled_from(Outcome), st.integers(0, 10**6)),
    width=st.integers(20, 200),
)
def test_any_snapshot_can_be_drawn_at_any_width(
    calls: Mapping[CallState, int],
    agents: Mapping[AgentState, int],
    outcomes: Mapping[Outcome, int],
    width: int,
) -> None:
    assert drawn(replace(SNAPSHOT, calls=calls, agents=agents, outcomes=outcomes), width)


class EnoughError(Exception):
    pass


@pytest.mark.parametrize(("terminal", "shown"), [(False, "ended 100; people 50, abandoned 1"), (True, "Machinery")])
async def test_the_loop_draws_at_once_and_then_at_every_pause(terminal: bool, shown: str) -> None:
    taken: list[LiveSnapshot] = []

    def take() -> LiveSnapshot:
        taken.append(SNAPSHOT)
        return SNAPSHOT

    async def pause(seconds: float) -> None:
        if len(taken) > 4:
            raise EnoughError

    console = Console(file=StringIO(), width=100, force_terminal=terminal)
    with pytest.raises(EnoughError):
        await show(take, console, pause=pause)
    assert console.file.getvalue().count(shown) >= 4
