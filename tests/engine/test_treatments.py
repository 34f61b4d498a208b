"""What a person without an agent gets, where the law forbids a recorded message."""

from dataclasses import replace

import pytest

from dialer.originate import NO_PRERECORDED_FALLBACK
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import Allow, Setup, World, settings
from domain.mode import Mode
from domain.outcomes import Outcome
from domain.telephony import Treatment

pytestmark = pytest.mark.engine

MESSAGE = settings(mode=Mode.POWER, ratio=2.0, treatment=Treatment.MESSAGE)
BUSY_FLOOR = Script(ring_s=4, talk_s=60, patience_s=60, presses="9")


def treated_with(tmp_path, flags):
    async def scenario(w: World):
        finished = await w.until_finished(1)
        return finished[0].outcome, finished[0].record.treatment, [how for _number, how in w.seen.opt_outs]

    decide = replace(Allow(), flags=flags)
    setup = Setup(
        tmp_path, MESSAGE, agents=1, accounts=2, script_for=lambda _number: BUSY_FLOOR, decide=lambda _facts: decide
    )
    return world.run(setup, scenario)


def test_a_forbidden_message_becomes_a_plain_hang_up(tmp_path):
    told = treated_with(tmp_path, (NO_PRERECORDED_FALLBACK,))
    assert told == (Outcome.ABANDONED, Treatment.HANGUP, [])


def test_a_lawful_message_is_played_and_key_9_in_it_is_an_opt_out(tmp_path):
    assert treated_with(tmp_path, ()) == (Outcome.ABANDONED, Treatment.MESSAGE, ["key 9"])
