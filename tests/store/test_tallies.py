"""What pacing starts from: live answers and abandoned calls per day, counted from the ledger."""

import pytest

from accounts import tallies
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import Setup, World, settings
from domain.mode import Mode
from domain.telephony import Treatment

pytestmark = pytest.mark.store


@pytest.mark.parametrize("treatment", list(Treatment))
def test_the_ledger_counts_what_the_engine_counted(tmp_path, treatment):
    async def scenario(w: World):
        await w.until_finished(4)
        start = w.clock.now().replace(hour=0)
        days = await w.store.read(tallies.abandonment_by_day, w.campaign, start, "America/New_York")
        status = w.engine.status()[w.campaign]
        return list(days.values()), (status.live_today, status.abandoned_today)

    campaign = settings(mode=Mode.POWER, ratio=4.0, treatment=treatment, wrap_up_s=1.0, late_agent_s=8.0)
    script = Script(ring_s=4, talk_s=4, patience_s=60)
    counted, told = world.run(Setup(tmp_path, campaign, accounts=4, script_for=lambda _number: script), scenario)
    assert counted == [told]
    assert told[1] > 0
