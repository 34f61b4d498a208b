"""Several trunks in virtual time: when another INVITE follows, and when it must not."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from accounts import campaigns, invites, journal, suppression
from compliance.facts import SuppressionKind
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import Allow, Setup, World, number_of, settings
from domain.ids import channel_of
from domain.outcomes import Outcome

pytestmark = pytest.mark.engine

TWO = settings(trunk="first", failover=("second",))
ONLY_SECOND = Script(talk_s=3, only_by=frozenset({"second"}))


def trunks_tried(setup, attempts=1):
    """The trunks of all INVITEs in order, and the outcome of the last attempt."""

    async def scenario(w: World):
        finished = await w.until_finished(attempts)
        return [order.trunk for order in w.switch.originated], finished[-1].outcome

    return world.run(setup, scenario)


@pytest.mark.parametrize("status", [404, 403, 408, 480, 486, 487, 600, 603])
def test_what_the_called_side_said_is_not_asked_of_another_trunk(tmp_path, status):
    script = Script(ring_s=0.1, rings=False, refusal=status)
    setup = Setup(tmp_path, TWO, script_for=lambda _number: script)
    assert trunks_tried(setup)[0] == ["first"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_call_that_has_rung_is_never_dialed_again(tmp_path, status):
    script = Script(ring_s=1.0, rings=True, refusal=status)
    setup = Setup(tmp_path, TWO, script_for=lambda _number: script)
    assert trunks_tried(setup) == (["first"], Outcome.NO_ANSWER)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_every_trunk_is_tried_once_and_then_the_attempt_has_failed(tmp_path, status):
    script = Script(ring_s=0.1, rings=False, refusal=status)
    setup = Setup(tmp_path, settings(trunk="a", failover=("b", "c")), script_for=lambda _number: script)
    assert trunks_tried(setup) == (["a", "b", "c"], Outcome.FAILED)


def test_a_person_reached_over_the_second_trunk_is_one_attempt(tmp_path):
    async def scenario(w: World):
        (finished,) = await w.until_finished(1)
        events = await w.store.read(journal.events_of, finished.attempt)
        told = [(event.kind, event.data["trunk"], event.data["channel"]) for event in events]
        return finished, told, [order.attempt for order in w.switch.originated]

    finished, told, sent = world.run(Setup(tmp_path, TWO, script_for=lambda _number: ONLY_SECOND), scenario)
    assert (finished.outcome, finished.order.trunk, len(finished.record.refused)) == (Outcome.CONVERSATION, "second", 1)
    assert sent == [finished.attempt, finished.attempt]
    assert sorted(told) == [  # in virtual time both happen in one instant
        (invites.INVITE, "second", channel_of(finished.attempt, 1)),
        (invites.INVITE_REFUSED, "first", finished.attempt),
    ]


def test_channels_are_given_back_on_both_trunks(tmp_path):
    async def scenario(w: World):
        await w.until_finished(4)
        await w.until(w.engine.idle)
        return [trunk.in_use for trunk in w.engine.trunks()]

    setup = Setup(tmp_path, TWO, accounts=4, script_for=lambda _number: ONLY_SECOND)
    assert world.run(setup, scenario) == [0, 0]


def test_a_carrier_that_says_503_is_called_more_slowly(tmp_path):
    async def scenario(w: World):
        await w.until_finished(1)
        first, second = w.engine.trunks()
        return first.slowed, second.slowed, w.engine.status()[w.campaign].words

    setup = Setup(tmp_path, TWO, agents=2, accounts=2, script_for=lambda _number: ONLY_SECOND)
    slowed, other_slowed, words = world.run(setup, scenario)
    assert (slowed, other_slowed) == (True, False)
    assert "trunk first: the carrier said 503" in words


def test_a_trunk_known_not_to_work_is_passed_over(tmp_path):
    async def scenario(w: World):
        w.engine.trunks()[0].trouble = "not registered"
        await w.until_finished(2)
        return {order.trunk for order in w.switch.originated[1:]}

    setup = Setup(tmp_path, TWO, accounts=2, script_for=lambda _number: Script(talk_s=3))
    assert world.run(setup, scenario) == {"second"}


def test_with_no_trunk_that_works_nothing_is_dialed_and_the_reason_is_said(tmp_path):
    async def scenario(w: World):
        for trunk in w.engine.trunks():
            trunk.trouble = "not registered"
        await w.until(lambda: w.clock.monotonic() > 60)
        before, words = len(w.switch.originated), w.engine.status()[w.campaign].words
        w.engine.trunks()[1].trouble = ""
        await w.until(lambda: len(w.switch.originated) > before)
        return before, words

    setup = Setup(tmp_path, TWO, accounts=9, script_for=lambda _number: Script(ring_s=None))
    before, words = world.run(setup, scenario)
    assert before <= 1
    assert "no trunk works, calls wait: trunk first: not registered; trunk second: not registered" in words


def test_a_stop_switch_pulled_meanwhile_stops_the_second_invite(tmp_path):
    slow = Script(post_dial_s=5.0, ring_s=0.1, rings=False, refusal=503)

    async def scenario(w: World):
        await w.until(lambda: len(w.switch.originated) == 1)
        w.stop_switch.pull()
        await w.until_finished(1)
        return len(w.switch.originated)

    assert world.run(Setup(tmp_path, TWO, script_for=lambda _number: slow), scenario) == 1


def test_a_gap_in_what_was_heard_forbids_a_second_invite(tmp_path):
    slow = Script(post_dial_s=5.0, ring_s=0.1, rings=False, refusal=503)

    async def scenario(w: World):
        await w.until(lambda: len(w.switch.originated) == 1)
        w.switch.cut_link()
        await w.until(lambda: w.clock.monotonic() > 2)
        w.switch.mend_link()
        await w.until_finished(1)
        return len(w.switch.originated)

    assert world.run(Setup(tmp_path, TWO, script_for=lambda _number: slow), scenario) == 1


def test_a_suppression_that_came_meanwhile_forbids_a_second_invite(tmp_path):
    slow = Script(post_dial_s=5.0, ring_s=0.1, rings=False, refusal=503)
    forbidden = replace(Allow(), allowed=False)

    def decide(facts):
        return forbidden if facts.suppressions else Allow()

    async def scenario(w: World):
        await w.until(lambda: len(w.switch.originated) == 1)

        def suppress(tx: Connection) -> bool:
            kind = SuppressionKind.INTERNAL_DNC
            return suppression.suppress(tx, kind, w.clock.now(), number=number_of(0), source="operator")

        await w.store.write(suppress)
        (finished,) = await w.until_finished(1)
        events = await w.store.read(journal.events_of, finished.attempt)
        return len(w.switch.originated), {event.kind for event in events}

    setup = Setup(tmp_path, TWO, script_for=lambda _number: slow, decide=decide)
    assert world.run(setup, scenario) == (1, {invites.INVITE_REFUSED, invites.FAILOVER_BLOCKED})


def test_a_campaign_paused_meanwhile_sends_no_second_invite(tmp_path):
    slow = Script(post_dial_s=5.0, ring_s=0.1, rings=False, refusal=503)

    async def scenario(w: World):
        await w.until(lambda: len(w.switch.originated) == 1)
        await w.store.write(campaigns.move, w.campaign, "pause")
        await w.until_finished(1)
        return len(w.switch.originated)

    assert world.run(Setup(tmp_path, TWO, script_for=lambda _number: slow), scenario) == 1


def test_the_attempt_itself_does_not_stand_in_its_own_way(tmp_path):
    forbidden = replace(Allow(), allowed=False)

    def decide(facts):
        return forbidden if facts.history else Allow()

    setup = Setup(tmp_path, TWO, script_for=lambda _number: ONLY_SECOND, decide=decide)
    assert trunks_tried(setup) == (["first", "second"], Outcome.CONVERSATION)
