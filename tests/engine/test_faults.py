"""Whatever fails, at whatever point of a call: nothing is dialed twice, nothing uncounted, nobody forgotten."""

import asyncio
import random
from functools import partial

import pytest
from sqlalchemy import select

from accounts import campaigns, suppression
from accounts.errors import StoreFullError, StoreLockedError
from accounts.model import Ending
from accounts.tables import attempt_outcomes
from agent_gateway.agent import AgentState
from dialer.call import CallState
from dialer.call_lines import Told
from dialer.testing import world
from dialer.testing.faults import FailingStore, FaultySwitch, Odds, broken, doubled, settled
from dialer.testing.simulated_switch import Script
from dialer.testing.world import Setup, World, settings
from domain.ids import AgentId
from domain.mode import Mode
from domain.outcomes import Outcome, Verdict
from domain.telephony import Treatment

pytestmark = pytest.mark.engine

POINTS = (
    CallState.WAITING,
    CallState.SENT,
    CallState.RINGING,
    CallState.RELEASING,
    CallState.DETECTING,
    CallState.TALKING,
    CallState.HELD,
)
"""States a call stays in for a while. Who waits once or is treated makes the brake bite: these come first, or alone."""
TALKS = Script(post_dial_s=0.5, ring_s=3, detect_s=1.5, talk_s=12, patience_s=40)
SCRIPTS = (
    TALKS,
    Script(ring_s=None),
    Script(verdict=Verdict.MACHINE),
    Script(verdict=Verdict.UNCERTAIN, ring_s=1, talk_s=5),
    Script(refusal=486, ring_s=0.5, rings=False),
    Script(refusal=603, ring_s=3),
    Script(patience_s=2.0),
    Script(post_dial_s=20),
    Script(ring_s=15.0, talk_s=30),
)


MOSTLY_PEOPLE = (
    *SCRIPTS,
    *[Script(post_dial_s=0.5, ring_s=ring_s, talk_s=25, patience_s=40) for ring_s in range(2, 14)],
)


def any_script(seed):
    draw = random.Random(seed)
    return lambda _number: draw.choice(MOSTLY_PEOPLE)


def busy(tmp_path, seed, accounts=40, **changes):
    """Two agents and more lines than they can serve, so that every state occurs."""
    campaign = settings(**({"mode": Mode.POWER, "ratio": 3.0, "ring_timeout_s": 15.0, "wrap_up_s": 3.0} | changes))
    return Setup(
        tmp_path,
        campaign,
        agents=2,
        accounts=accounts,
        script_for=any_script(seed),
        switch=partial(FaultySwitch, seed=seed),
        store=FailingStore,
    )


async def reach(w: World, state):
    """Wait until a call is in that state; unplugs an agent where that is what it takes."""
    if state is CallState.HELD:
        await w.until(lambda: any(call.record.state is CallState.TALKING for call in w.engine.live()))
        leg = next(call.record.leg for call in w.engine.live() if call.record.state is CallState.TALKING)
        w.switch.leg_gone(leg)
    if state is CallState.RELEASING:  # passes too quickly to be seen
        await w.until(lambda: any(call.record.state is CallState.RINGING for call in w.engine.live()))
        for call in w.engine.live():
            w.engine.release(call.attempt)
        return
    await w.until(lambda: any(call.record.state is state for call in w.engine.live()))


async def cut(w: World):
    w.switch.cut_link()
    await asyncio.sleep(20)
    w.switch.mend_link()


async def blink(w: World):
    w.switch.cut_link()
    w.switch.mend_link()


async def flap(w: World):
    for _ in range(5):
        w.switch.cut_link()
        await asyncio.sleep(0.05)
        w.switch.mend_link()
        await asyncio.sleep(0.001)


async def die(w: World):
    await w.restart(away_s=0.5)


async def die_for_long(w: World):
    await w.restart(away_s=60)


async def crash_switch(w: World):
    w.switch.crash()
    await asyncio.sleep(5)
    w.switch.mend_link()


async def lose_store(w: World):
    w.store.error = StoreLockedError("locked")
    await asyncio.sleep(15)
    w.store.error = None


async def die_and_lose_store(w: World):
    w.store.error = StoreFullError("full")
    await w.restart(away_s=1)
    await asyncio.sleep(5)
    w.store.error = None


async def unplug_everyone(w: World):
    for index in range(2):
        if w.agent(index).leg_up:
            w.switch.leg_gone(w.agent(index).leg)


async def send_everyone_away(w: World):
    w.floor.pause(AgentId("agent0"), "lunch")
    w.floor.sign_out(AgentId("agent1"))


async def pull_stop(w: World):
    w.stop_switch.pull()
    await asyncio.sleep(10)
    w.stop_switch.reset()


async def pause_campaign(w: World):
    await w.store.write(campaigns.move, w.campaign, "pause")
    await asyncio.sleep(5)
    await w.store.write(campaigns.move, w.campaign, "start")


FAULTS = (cut, blink, flap, die, die_for_long, crash_switch, lose_store, die_and_lose_store, unplug_everyone)
ORDERS = (send_everyone_away, pull_stop, pause_campaign)
UNHEARD = {cut, blink, flap, die, die_for_long, crash_switch, die_and_lose_store}


async def go_on(w: World):
    """Agents who are paused or gone come back, as their screens would ask for."""
    for _ in range(4):  # a floor that has not yet heard that a telephone is gone finds nothing to do at first
        for index in range(2):
            w.floor.ready(AgentId(f"agent{index}"))
        await asyncio.sleep(10)


@pytest.mark.parametrize("fault", [*FAULTS, *ORDERS], ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("points", [POINTS, (CallState.TREATED,)], ids=["before", "treated"])
def test_nothing_is_lost_or_doubled_whatever_fails_at_whatever_point(tmp_path, fault, points):
    async def scenario(w: World):
        for state in points:
            await reach(w, state)
            await fault(w)
            await go_on(w)
        await settled(w)
        return await broken(w, heard=fault not in UNHEARD)

    assert world.run(busy(tmp_path, seed=1, accounts=150), scenario) == []


def test_draining_at_whatever_point_ends_every_call(tmp_path):
    async def scenario(w: World, state):
        await reach(w, state)
        await settled(w)
        return await broken(w, heard=True)

    for state in (CallState.RINGING, CallState.DETECTING, CallState.TALKING):
        (tmp_path / state).mkdir()
        assert world.run(busy(tmp_path / state, seed=1, accounts=30), partial(scenario, state=state)) == []


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_or_doubled_on_a_bad_day(tmp_path, seed):
    draw = random.Random(seed)

    async def scenario(w: World):
        doubles = []
        for _ in range(6):
            w.switch.odds = Odds(
                refused=draw.random() * 0.2,
                lost=draw.random() * 0.2,
                unheard=draw.random() * 0.3,
                dropped=draw.random() * 0.1,
                repeated=draw.random() * 0.2,
                swapped=draw.random() * 0.1,
            )
            await asyncio.sleep(draw.uniform(1, 20))
            await draw.choice([*FAULTS, send_everyone_away, pull_stop, pause_campaign])(w)
            doubles += doubled(w)
            await go_on(w)
        await settled(w)
        return doubles + await broken(w, heard=False)

    treatment = draw.choice(list(Treatment))
    assert world.run(busy(tmp_path, seed, accounts=150, treatment=treatment), scenario) == []


@pytest.mark.parametrize("state", [CallState.SENT, CallState.RINGING])
def test_a_restarted_engine_releases_what_rings_and_counts_it(tmp_path, state):
    async def scenario(w: World):
        await reach(w, state)
        await w.restart(away_s=0.2)
        await w.until(lambda: len(w.seen.finished) >= 1)
        (first, *_) = w.seen.finished
        return first.outcome.counts_toward_caps, w.switch.truth[first.attempt].ended

    setup = Setup(tmp_path, settings(), agents=1, accounts=1, script_for=lambda _n: Script(post_dial_s=3, ring_s=None))
    assert world.run(setup, scenario) == (True, True)


def test_a_restarted_engine_adopts_a_conversation_with_its_agent_and_its_line(tmp_path):
    async def scenario(w: World):
        await reach(w, CallState.TALKING)
        await w.restart(away_s=2)
        await w.until(lambda: w.agent(0).state is AgentState.TALKING)
        (call,) = w.engine.live()
        in_use = w.trunks[0].in_use
        (finished,) = await w.until_finished(1)
        return call.record.state, in_use, finished.outcome, finished.record.agent, w.trunks[0].in_use

    setup = Setup(tmp_path, settings(), agents=1, accounts=1, script_for=lambda _number: TALKS)
    expected = (CallState.TALKING, 1, Outcome.CONVERSATION, AgentId("agent0"), 0)
    assert world.run(setup, scenario) == expected


def test_a_call_that_ended_in_the_gap_has_the_outcome_that_the_switch_wrote_down(tmp_path):
    def lines(wanted, now):
        return {attempt: Told(Ending(Outcome.ABANDONED, ended_at=now), over=True, opted_out=True) for attempt in wanted}

    async def scenario(w: World):
        await reach(w, CallState.RINGING)
        (call,) = w.engine.live()
        await w.restart(away_s=60)
        await w.until(lambda: w.engine.link_up)
        number = world.number_of(0)
        opt_outs = await w.store.read(suppression.in_force, w.clock.now(), number=number)
        ends = await w.store.read(lambda tx: tx.execute(select(attempt_outcomes)).all())
        return [(end.attempt_id == call.attempt, end.outcome) for end in ends], [one.source for one in opt_outs]

    script = Script(post_dial_s=1, ring_s=5, talk_s=3, patience_s=5)
    setup = Setup(tmp_path, settings(), agents=1, accounts=1, script_for=lambda _number: script, lines=lines)
    assert world.run(setup, scenario) == ([(True, Outcome.ABANDONED)], ["key 9"])


def test_lines_that_come_a_moment_late_are_waited_for_but_not_for_long(tmp_path):
    asked = []

    def lines(wanted, now):
        asked.append(now)
        return {attempt: Told(Ending(Outcome.UNKNOWN), over=False, opted_out=False) for attempt in wanted}

    async def scenario(w: World):
        await reach(w, CallState.RINGING)
        await w.restart(away_s=60)
        await w.until(lambda: w.engine.link_up)
        return await w.store.read(lambda tx: tx.scalars(select(attempt_outcomes.c.outcome)).all())

    script = Script(post_dial_s=1, ring_s=5, talk_s=3, patience_s=5)
    setup = Setup(tmp_path, settings(), agents=1, accounts=1, script_for=lambda _number: script, lines=lines)
    assert world.run(setup, scenario) == [Outcome.UNKNOWN]
    assert (asked[-1] - asked[1]).total_seconds() < 1.1  # asked[0]: the first engine, with nothing to ask for


def test_a_call_that_ended_during_a_cut_has_the_outcome_that_the_switch_wrote_down(tmp_path):
    def lines(wanted, now):
        return {
            attempt: Told(Ending(Outcome.ABANDONED, treated_at=now), over=True, opted_out=False) for attempt in wanted
        }

    async def scenario(w: World):
        await reach(w, CallState.RINGING)
        await cut(w)
        (finished,) = await w.until_finished(1)
        status = w.engine.status()[w.campaign]
        ends = await w.store.read(lambda tx: tx.scalars(select(attempt_outcomes.c.outcome)).all())
        return finished.outcome, ends, status.abandoned_today

    script = Script(post_dial_s=1, ring_s=5, talk_s=3, patience_s=5)
    setup = Setup(tmp_path, settings(), agents=1, accounts=1, script_for=lambda _number: script, lines=lines)
    assert world.run(setup, scenario) == (Outcome.ABANDONED, [Outcome.ABANDONED], 1)


def test_many_calls_that_ended_during_a_cut_are_read_for_together_and_each_has_its_own_end(tmp_path):
    scans = []

    def lines(wanted, now):
        scans.append(len(wanted))
        return {attempt: Told(Ending(own_end(attempt)), over=True, opted_out=False) for attempt in wanted}

    def own_end(attempt):
        return Outcome.MACHINE if int(attempt, 16) % 2 else Outcome.NO_ANSWER

    async def scenario(w: World):
        await w.until(lambda: sum(call.record.state is CallState.RINGING for call in w.engine.live()) == 12)
        await cut(w)
        await w.until_finished(12)
        finished = w.seen.finished[:12]
        return [one.outcome for one in finished], [own_end(one.attempt) for one in finished]

    campaign = settings(mode=Mode.POWER, ratio=6.0, ring_timeout_s=30.0)
    script = Script(post_dial_s=0.2, ring_s=5, verdict=Verdict.MACHINE)
    setup = Setup(tmp_path, campaign, agents=2, accounts=12, script_for=lambda _number: script, lines=lines)
    told, expected = world.run(setup, scenario)
    assert told == expected
    assert sum(scans) == 12
    assert len([scan for scan in scans if scan]) <= 3


def test_agents_come_back_by_themselves_when_the_switch_does(tmp_path):
    async def scenario(w: World):
        await reach(w, CallState.TALKING)
        await crash_switch(w)
        await w.until(lambda: w.agent(0).leg_up, seconds=10)
        await w.until(lambda: len(w.seen.finished) == 2)
        return [finished.outcome for finished in w.seen.finished]

    setup = Setup(tmp_path, settings(), agents=1, accounts=2, script_for=lambda _number: TALKS)
    assert world.run(setup, scenario) == [Outcome.CONVERSATION, Outcome.CONVERSATION]
