"""Near the end of a shift nothing is dialed for the agent any more, in any mode; others go on."""

import asyncio

import pytest

from dialer.shift_plan import ShiftPlan, planned
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import Setup, World, settings
from domain.ids import AgentId
from domain.mode import Mode

pytestmark = pytest.mark.engine

# Scenarios begin at 15:00 UTC and a few seconds; from 15:02 on nothing is dialed for who leaves at 15:04.
ENDS_SOON = planned("09:00-15:04", (), "UTC")
BREAK_SOON = planned("09:00-17:00", ("15:04-15:10",), "UTC")


def placed_by_minute(folder, mode, plan, agents) -> list[int]:
    async def scenario(w: World) -> list[int]:
        counts = []
        for _ in range(6):
            before = w.engine.counters.placed
            await asyncio.sleep(60.0)
            counts.append(w.engine.counters.placed - before)
        return counts

    shifts = ShiftPlan({AgentId("agent0"): plan})
    script = Script(ring_s=4.0, talk_s=10.0, patience_s=60.0)
    setup = Setup(folder, settings(mode=mode, wrap_up_s=5.0), agents, 300, lambda _number: script, shifts=shifts)
    return world.run(setup, scenario)


@pytest.mark.parametrize("mode", [Mode.PROGRESSIVE, Mode.PREDICTIVE])
def test_nothing_is_dialed_for_an_agent_about_to_go_on_a_break(tmp_path, mode):
    minutes = placed_by_minute(tmp_path, mode, BREAK_SOON, 1)
    assert minutes[0] > 0
    assert minutes[2] == 0
    assert minutes[5] > 0  # an agent who is ready in the break's time works through it


def test_others_go_on_when_one_is_about_to_leave(tmp_path):
    minutes = placed_by_minute(tmp_path, Mode.PROGRESSIVE, ENDS_SOON, 2)
    assert all(minutes)
    assert minutes[2] < 0.75 * minutes[1]
