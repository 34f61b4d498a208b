"""Nothing may keep the event loop: a whole shift, each step of it measured by the processor time it took."""

import time
from asyncio.events import Handle
from random import Random

import pytest
from sqlalchemy import update

from accounts import campaigns, tables
from dialer.app import status_of
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import Setup, World, settings
from dialer.timings import LATE_S, settled_memory
from domain.mode import Mode

pytestmark = pytest.mark.engine
NOBODY = Script(ring_s=None)


@pytest.fixture
def steps(monkeypatch):
    """Processor seconds of each step on the loop's thread; what else the machine does is not in them."""
    taken = []
    run = Handle._run

    def timed(handle):
        began = time.thread_time()
        run(handle)
        taken.append(time.thread_time() - began)

    monkeypatch.setattr(Handle, "_run", timed)
    with settled_memory():
        yield taken


@pytest.mark.parametrize("mode", [Mode.POWER, Mode.PREDICTIVE])
def test_no_step_of_a_shift_keeps_the_loop(tmp_path, steps, mode):
    """The same shift up to three times: what is slow is slow each time, what the machine's other work costs is not."""

    async def scenario(w: World):
        steps.clear()  # the world's making is not the engine's work
        await w.until_finished(60)

    def longest_of_a_shift():
        rng = Random(1)

        def far_end(_number):
            return rng.choice([Script(ring_s=rng.uniform(2, 20), talk_s=rng.uniform(5, 60)), NOBODY])

        world.run(Setup(tmp_path, settings(mode=mode, ratio=2.0), agents=10, accounts=80, script_for=far_end), scenario)
        assert len(steps) > 1000
        return max(steps)

    assert any(longest_of_a_shift() <= LATE_S for _ in range(3))


def test_an_account_that_nobody_can_decide_about_keeps_no_other_from_being_called(tmp_path):
    faulty = world.number_of(2)

    def decide(facts):
        if facts.number.e164 == faulty.e164:
            raise ZeroDivisionError
        return world.Allow()

    async def scenario(w: World):
        await w.until(lambda: w.engine.counters.ended == 4)
        (status,) = w.engine.status().values()
        return {order.to for order in w.switch.originated}, status.words

    setup = Setup(
        tmp_path, settings(mode=Mode.POWER, ratio=5.0), accounts=5, decide=decide, script_for=lambda _: NOBODY
    )
    called, words = world.run(setup, scenario)
    assert called == {world.number_of(index) for index in range(5)} - {faulty}
    assert words


def test_settings_that_pacing_cannot_work_by_stop_their_campaign_and_not_the_engine(tmp_path):
    async def scenario(w: World):
        def give(ratio):
            changed = campaigns.write_settings(settings(mode=Mode.POWER, ratio=ratio))
            return w.store.write(lambda tx: tx.execute(update(tables.campaigns).values(settings=changed)))

        await w.until(lambda: bool(w.engine.status()))
        await give(50.0)
        await w.until(lambda: not w.engine.status())
        said.extend(status_of(w.engine, w.floor).words.values())
        await give(1.0)
        await w.until(lambda: bool(w.engine.status()))
        await w.until_finished(2)
        said.extend(status_of(w.engine, w.floor).words.values())

    said = []
    world.run(Setup(tmp_path, settings(mode=Mode.POWER), accounts=2, script_for=lambda _: NOBODY), scenario)
    before, after = said
    assert before.startswith("nothing is dialed, its settings cannot be used: pacing setting ratio")
    assert "cannot be used" not in after
