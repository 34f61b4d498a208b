"""The whole engine in virtual time: what becomes of each kind of call, and what must never happen."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from accounts.tables import attempts
from agent_gateway.agent import AgentState
from agent_gateway.disposition import Details
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import Setup, World, settings
from domain.mode import Mode
from domain.outcomes import Outcome, Verdict
from domain.telephony import Treatment

pytestmark = pytest.mark.engine

NOBODY = Script(ring_s=None)


def outcomes_of(tmp_path, script, count=1, **changes):
    async def scenario(w: World):
        return [finished.outcome for finished in await w.until_finished(count)]

    setup = Setup(tmp_path, settings(**changes), agents=1, accounts=count, script_for=lambda _number: script)
    return world.run(setup, scenario)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (Script(), Outcome.CONVERSATION),
        (Script(verdict=Verdict.UNCERTAIN), Outcome.CONVERSATION),
        (Script(verdict=Verdict.MACHINE), Outcome.MACHINE),
        (Script(verdict=Verdict.FAX), Outcome.FAX),
        (Script(patience_s=0.5), Outcome.LIVE_HANGUP),
        (Script(refusal=486, ring_s=0.5, rings=False), Outcome.BUSY),
        (Script(refusal=404, ring_s=0.5, rings=False), Outcome.SIT),
        (Script(refusal=603, ring_s=3), Outcome.CARRIER_BLOCKED),
        (Script(refusal=503, ring_s=0.2, rings=False), Outcome.FAILED),
        (NOBODY, Outcome.NO_ANSWER),
        (Script(post_dial_s=40), Outcome.CANCELLED),
    ],
)
def test_every_ending_has_its_outcome(tmp_path, script, outcome):
    assert outcomes_of(tmp_path, script) == [outcome]


def test_no_agent_signed_in_means_no_call(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: w.clock.monotonic() > 60)
        return w.switch.originated

    assert world.run(Setup(tmp_path, settings(), agents=0, accounts=5), scenario) == []


def test_a_pulled_stop_switch_means_no_call(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: w.clock.monotonic() > 60)
        return w.switch.originated

    (tmp_path / "STOP").touch()
    assert world.run(Setup(tmp_path, settings(), agents=1, accounts=5), scenario) == []


def test_a_ringing_line_is_let_go_after_its_ring_time_and_not_before(tmp_path):
    async def scenario(w: World):
        record = (await w.until_finished(1))[0].record
        return record.ended_at - record.rang_at

    setup = Setup(tmp_path, settings(ring_timeout_s=25.0), script_for=lambda _number: NOBODY)
    assert world.run(setup, scenario) == pytest.approx(25.0, abs=0.05)


def test_progressive_never_has_more_lines_than_agents(tmp_path):
    most = 0

    async def scenario(w: World):
        nonlocal most
        while len(w.seen.finished) < 30:
            await w.until(lambda: True)
            most = max(most, len(w.engine.live()))
            await w.until_finished(len(w.seen.finished) + 1)
        return w.switch.originated

    setup = Setup(tmp_path, settings(), agents=3, accounts=30, script_for=lambda _number: Script(talk_s=5))
    originated = world.run(setup, scenario)
    assert len(originated) == 30
    assert most <= 3


def test_in_progressive_nobody_is_abandoned(tmp_path):
    assert Outcome.ABANDONED not in outcomes_of(tmp_path, Script(talk_s=3), count=20, wrap_up_s=2.0)


@pytest.mark.parametrize("treatment", list(Treatment))
def test_power_dialing_treats_and_counts_whom_it_cannot_serve(tmp_path, treatment):
    script = Script(ring_s=4, talk_s=60, patience_s=60)

    async def scenario(w: World):
        finished = await w.until_finished(1)
        return finished[0].outcome, finished[0].record.treatment, w.engine.status()[w.campaign].abandoned_today

    campaign = settings(mode=Mode.POWER, ratio=2.0, treatment=treatment)
    setup = Setup(tmp_path, campaign, agents=1, accounts=2, script_for=lambda _number: script)
    assert world.run(setup, scenario) == (Outcome.ABANDONED, treatment, 1)


def test_a_late_agent_still_gets_the_person_and_the_call_counts_as_abandoned(tmp_path):
    scripts = iter([Script(talk_s=1, ring_s=4), Script(ring_s=4.2, patience_s=60)])

    async def scenario(w: World):
        await w.until(lambda: w.agent(0).state is AgentState.WRAP_UP)
        await w.until(lambda: any(call.record.treated for call in w.engine.live()))
        w.floor.dispose(w.agent(0).id, "spoke", Details())
        finished = await w.until_finished(2)
        return finished[1].outcome, finished[1].record.treated, w.engine.status()[w.campaign].abandoned_today

    campaign = settings(mode=Mode.POWER, ratio=2.0, treatment=Treatment.LATE_AGENT)
    setup = Setup(tmp_path, campaign, agents=1, accounts=2, script_for=lambda _number: next(scripts))
    assert world.run(setup, scenario) == (Outcome.CONVERSATION, True, 1)


def test_a_person_whose_agent_lost_the_plug_goes_to_the_next_agent_once(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: any(w.agent(i).state is AgentState.TALKING for i in range(2)))
        first = next(w.agent(i) for i in range(2) if w.agent(i).state is AgentState.TALKING)
        w.switch.leg_gone(first.leg)
        await w.until(lambda: any(w.agent(i).state is AgentState.TALKING for i in range(2)))
        finished = await w.until_finished(1)
        return finished[0].outcome, finished[0].record.agent != first.id, finished[0].record.reoffered

    setup = Setup(tmp_path, settings(), agents=2, accounts=1, script_for=lambda _number: Script(talk_s=30))
    assert world.run(setup, scenario) == (Outcome.CONVERSATION, True, True)


def test_every_call_sent_has_its_row_in_the_ledger_before(tmp_path):
    async def scenario(w: World):
        await w.until_finished(10)
        rows = await w.store.read(lambda tx: tx.execute(select(attempts.c.id, attempts.c.reserved_at)).all())
        return {row.id for row in rows}, [order.attempt for order in w.switch.originated]

    setup = Setup(tmp_path, settings(), agents=2, accounts=10, script_for=lambda _number: Script(talk_s=2))
    ledger, sent = world.run(setup, scenario)
    assert set(sent) <= ledger
    assert len(sent) == len(set(sent)) == 10


def test_a_cut_connection_stops_dialing_and_repeats_nothing(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: len(w.switch.originated) == 2)
        w.switch.cut_link()
        before = len(w.switch.originated)
        await w.until(lambda: w.clock.monotonic() > 120)
        during = len(w.switch.originated)
        w.switch.mend_link()
        await w.until_finished(6)
        sent = [order.attempt for order in w.switch.originated]
        return before == during, len(sent) == len(set(sent)) == 6

    setup = Setup(tmp_path, settings(), agents=2, accounts=6, script_for=lambda _number: Script(talk_s=5))
    assert world.run(setup, scenario) == (True, True)


def test_a_bridged_call_survives_a_cut_connection(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: w.agent(0).state is AgentState.TALKING)
        w.switch.cut_link()
        await w.until(lambda: w.clock.monotonic() > 20)
        w.switch.mend_link()
        return [finished.outcome for finished in await w.until_finished(1)]

    setup = Setup(tmp_path, settings(), agents=1, accounts=1, script_for=lambda _number: Script(talk_s=120))
    assert world.run(setup, scenario) == [Outcome.CONVERSATION]


def test_draining_lets_talks_end_and_ringing_go(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: w.agent(0).state is AgentState.TALKING and len(w.engine.live()) == 2)
        await w.engine.drain()
        return sorted(finished.outcome for finished in w.seen.finished)

    scripts = {0: Script(talk_s=40, ring_s=1)}
    setup = Setup(
        tmp_path,
        replace(settings(), mode=Mode.PROGRESSIVE),
        agents=2,
        accounts=2,
        script_for=lambda number: scripts.get(int(number.e164[-4:]) - 1000, NOBODY),
    )
    assert world.run(setup, scenario) == [Outcome.CANCELLED, Outcome.CONVERSATION]
