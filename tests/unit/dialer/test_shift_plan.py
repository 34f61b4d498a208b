"""Planned hours as settings write them, and what they say of an agent at an instant."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.settings import AgentSettings
from dialer.shift_plan import Absence, ShiftPlan, planned
from domain.ids import AgentId
from pacing.settings import SettingsError

pytestmark = pytest.mark.unit

ANN = AgentId("ann")
DAY = ShiftPlan({ANN: planned("09:00-17:00", ("12:00-12:30",), "America/New_York")})
NIGHT = ShiftPlan({ANN: planned("22:00-06:00", ("02:00-02:20",), "America/New_York")})
NOON = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)  # 12:00 in New York


@pytest.mark.parametrize("hours", ["nine to five", "09:00", "09:00-25:00", "09:00-12:00-17:00", "-"])
def test_hours_that_are_no_span_are_refused(hours):
    with pytest.raises(ValueError, match="09:00-17:30"):
        planned(hours, (), "UTC")


def test_a_break_outside_the_hours_is_refused():
    with pytest.raises(SettingsError, match="breaks"):
        planned("09:00-17:00", ("18:00-19:00",), "UTC")


@pytest.mark.parametrize(
    "bad",
    [
        {"hours": "9 to 5", "zone": "UTC"},
        {"hours": "09:00-17:00", "zone": "Mars/Olympus"},
        {"hours": "09:00-17:00"},
        {"breaks": ("12:00-12:30",)},
        {"hours": "09:00-17:00", "breaks": ("08:00-08:30",), "zone": "UTC"},
    ],
)
def test_settings_name_the_agent_whose_hours_cannot_be(bad):
    with pytest.raises(ValueError, match="agent ann"):
        AgentSettings(name="ann", **bad)


def test_nobody_is_said_to_leave_without_planned_hours():
    assert ShiftPlan().of(ANN, NOON, 5.0) == Absence()


@pytest.mark.parametrize(
    ("plan", "hours_from_noon", "leaves_in_s", "returns_in_s"),
    [
        (DAY, -1.0, 3600.0, None),
        (DAY, 0.25, None, 900.0),
        (DAY, 1.0, 4 * 3600.0, None),
        (DAY, 6.0, None, None),  # works late: has announced nothing
        (DAY, -4.0, None, None),
        (NIGHT, 11.0, 3 * 3600.0, None),
        (NIGHT, 13.0, 3600.0, None),  # after midnight
        (NIGHT, 14.25, None, 300.0),
        (NIGHT, 17.0, 3600.0, None),
    ],
)
def test_the_next_absence_is_that_of_the_plan(plan, hours_from_noon, leaves_in_s, returns_in_s):
    said = plan.of(ANN, NOON + timedelta(hours=hours_from_noon), 1000.0)
    expected = [None if each is None else pytest.approx(1000.0 + each) for each in (leaves_in_s, returns_in_s)]
    assert [said.leaves_at, said.returns_at] == expected


@given(st.floats(0, 365 * 86_400.0), st.floats(0, 1e7))
def test_nobody_is_said_to_leave_in_the_past(later, now):
    for plan in (DAY, NIGHT):
        said = plan.of(ANN, NOON + timedelta(seconds=later), now)
        assert said.leaves_at is None or now < said.leaves_at <= now + 86_400.0
        assert said.returns_at is None or now <= said.returns_at <= now + 86_400.0
