"""Breaks and the end of work, as announcements pacing plans with."""

from __future__ import annotations

import pytest

from domain.ids import AgentId
from domain.mode import Mode
from pacing.controller import decide
from pacing.settings import PacingSettings, SettingsError
from pacing.shift import Break, Shift
from pacing.snapshot import AgentState, AgentView, FloorSnapshot

pytestmark = pytest.mark.unit

NINE, NOON, ONE, FIVE = 32_400.0, 43_200.0, 46_800.0, 61_200.0
SHIFT = Shift(NINE, FIVE, (Break(NOON, ONE),))


@pytest.mark.parametrize(
    ("begins", "ends", "breaks"),
    [
        (FIVE, NINE, ()),
        (NINE, FIVE, (Break(ONE, NOON),)),
        (NINE, FIVE, (Break(FIVE, FIVE + 1),)),
        (float("nan"), FIVE, ()),
        (-1.0, FIVE, ()),
    ],
)
def test_a_shift_that_cannot_be_is_refused(begins: float, ends: float, breaks: tuple[Break, ...]) -> None:
    with pytest.raises(SettingsError, match="shift"):
        Shift(begins, ends, breaks)


@pytest.mark.parametrize(
    ("second", "leaves_in"),
    [(NINE, 10_800.0), (NOON - 60, 60.0), (NOON + 60, 0.0), (ONE, FIVE - ONE), (FIVE + 1, 0.0), (NINE - 1, 0.0)],
)
def test_the_next_leave_is_the_break_or_the_end(second: float, leaves_in: float) -> None:
    assert SHIFT.leaves_at(second, 500.0) == 500.0 + leaves_in


def test_a_break_says_when_it_ends() -> None:
    assert SHIFT.returns_at(NOON + 600, 500.0) == 3500.0
    assert SHIFT.returns_at(NINE, 500.0) is None


@pytest.mark.parametrize(("before_noon_s", "lines"), [(119.0, 0), (121.0, 1)])
def test_nobody_dials_for_an_agent_who_is_about_to_have_lunch(before_noon_s: float, lines: int) -> None:
    agent = AgentView(AgentId("ann"), AgentState.READY, 0.0, leaves_at=SHIFT.leaves_at(NOON - before_noon_s, 900.0))
    floor = FloorSnapshot(now=900.0, settings=PacingSettings(mode=Mode.PROGRESSIVE), agents=(agent,))
    assert decide(floor).lines_to_add == lines
