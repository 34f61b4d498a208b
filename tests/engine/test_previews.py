"""The whole engine in virtual time where agents dial: nobody is called before an agent saw the account and said so."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from accounts import campaigns, previews
from accounts.async_store import AsyncStore
from accounts.errors import StoreUnreachableError
from accounts.ledger import reserve_all
from accounts.tables import attempts, decisions, list_entries
from agent_gateway.agent import Agent, AgentState, Cause
from agent_gateway.floor_events import NotDialed, PreviewEnd
from dialer.call_summary import CallSummaries
from dialer.shared_state import Holder
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import TUESDAY, Allow, Setup, World, settings
from domain.mode import Mode
from domain.outcomes import Outcome
from domain.reasons import Reason, ReasonCode

pytestmark = pytest.mark.engine

PREVIEW = settings(mode=Mode.PREVIEW, wrap_up_s=1.0)
TALK = Script(ring_s=1.0, talk_s=5.0)
FULL = Reason(ReasonCode.DAILY_CAP, "T-1", "none", "2 calls today, 2 are allowed")
BLOCKED = Allow(allowed=False, retry_at=TUESDAY + timedelta(hours=2), reasons=(FULL,))


def setup_in(folder, **changes):
    return Setup(folder, **({"settings": PREVIEW, "script_for": lambda _number: TALK} | changes))


async def shown(w: World, index: int = 0):
    """The attempt whose account this agent looks at."""
    await w.until(lambda: w.agent(index).state is AgentState.PREVIEW)
    return w.agent(index).attempt


async def seconds(w: World, span: float):
    end = w.clock.monotonic() + span
    await w.until(lambda: w.clock.monotonic() >= end, seconds=span + 1)


async def rows(w: World, table):
    return await w.store.read(lambda tx: tx.execute(select(func.count()).select_from(table)).scalar_one())


async def states(w: World):
    found = select(list_entries.c.state).order_by(list_entries.c.id)
    return await w.store.read(lambda tx: list(tx.execute(found).scalars()))


async def not_dialed(w: World):
    return await w.store.read(previews.not_dialed, w.campaign, TUESDAY)


def words_to_agents(queue):
    told = [queue.get_nowait() for _ in range(queue.qsize())]
    return [event.words for event in told if isinstance(event, NotDialed)]


# --- what must not happen ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.PREVIEW, Mode.MANUAL])
def test_nobody_is_called_and_nothing_counts_before_an_agent_says_dial(tmp_path, mode):
    async def scenario(w: World):
        await shown(w)
        await seconds(w, 40)
        return w.switch.originated, await rows(w, attempts), await rows(w, decisions), await states(w)

    setup = setup_in(tmp_path, settings=settings(mode=mode), accounts=3)
    assert world.run(setup, scenario) == ([], 0, 0, ["claimed", "ready", "ready"])


def test_what_the_rules_block_is_never_shown(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: len(w.seen.refusals) == 3)
        await seconds(w, 5)
        return w.agent(0).state, await states(w), {refusal.reasons for _, refusal in w.seen.refusals}

    setup = setup_in(tmp_path, accounts=3, decide=lambda _facts: BLOCKED)
    assert world.run(setup, scenario) == (AgentState.READY, ["waiting"] * 3, {(FULL,)})


def test_what_is_blocked_between_the_look_and_the_word_is_not_dialed_and_the_agent_is_told_why(tmp_path):
    rulings = [Allow()]

    async def scenario(w: World):
        told = w.floor.subscribe()
        attempt = await shown(w)
        rulings[0] = BLOCKED
        w.floor.dial(w.agent(0).id, attempt)
        await w.until(lambda: w.agent(0).state is AgentState.READY)
        await w.until(lambda: not w.engine.previews.count())
        return w.switch.originated, await states(w), await rows(w, attempts), words_to_agents(told)

    setup = setup_in(tmp_path, decide=lambda _facts: rulings[0])
    words = "Not dialed: may not be called now: 2 calls today, 2 are allowed (T-1)."
    assert world.run(setup, scenario) == ([], ["waiting"], 0, [words])


def test_silence_pauses_the_agent_and_the_account_goes_to_the_next_one(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: AgentState.PREVIEW in {w.agent(0).state, w.agent(1).state})
        absent = 0 if w.agent(0).state is AgentState.PREVIEW else 1
        began = w.clock.monotonic()
        missed, there = w.agent(absent), 1 - absent
        attempt = await shown(w, there)
        after_s = round(w.clock.monotonic() - began)
        w.floor.dial(w.agent(there).id, attempt)
        (finished,) = await w.until_finished(1)
        paused = w.agent(absent)
        (look,) = await not_dialed(w)
        assert (look.agent, look.account, look.kind, look.reason) == (missed.id, "A0", previews.MISSED, None)
        return after_s, paused.state, paused.reason, finished.record.agent == w.agent(there).id

    found = world.run(setup_in(tmp_path, agents=2), scenario)
    assert found == (45, AgentState.PAUSED, Cause.PREVIEW_MISSED, True)


LEAVING = {
    "pause": lambda w: w.floor.pause(w.agent(0).id, "lunch"),
    "sign out": lambda w: w.floor.sign_out(w.agent(0).id),
    "screen lost": lambda w: w.floor.heartbeat_lost(w.agent(0).id),
    "plug pulled": lambda w: w.switch.leg_gone(w.agent(0).leg),
}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
def test_an_agent_who_leaves_gives_the_account_back(tmp_path, leave):
    async def scenario(w: World):
        await shown(w)
        leave(w)
        await w.until(lambda: not w.engine.previews.count())
        await seconds(w, 2)
        return w.agent(0).attempt, await states(w), w.engine.previews.counts[PreviewEnd.LEFT], await not_dialed(w)

    assert world.run(setup_in(tmp_path), scenario) == (None, ["ready"], 1, [])


STOPPING = {
    "campaign paused": lambda w: w.store.write(campaigns.move, w.campaign, "pause"),
    "stop switch": lambda w: asyncio.to_thread(w.stop_switch.pull),
    "link cut": lambda w: asyncio.to_thread(w.switch.cut_link),
    "draining": lambda w: w.engine.drain(),
}


@pytest.mark.parametrize("stop", STOPPING.values(), ids=STOPPING)
def test_an_account_that_may_not_be_dialed_any_more_is_taken_back_and_shown_to_nobody(tmp_path, stop):
    async def scenario(w: World):
        await shown(w)
        await stop(w)
        await w.until(lambda: not w.engine.previews.count(), seconds=3)
        await seconds(w, 30)
        return w.agent(0).state, await states(w), w.switch.originated, w.engine.previews.counts

    assert world.run(setup_in(tmp_path), scenario) == (AgentState.READY, ["ready"], [], {PreviewEnd.WITHDRAWN: 1})


def test_a_campaign_that_another_engine_dials_for_is_not_shown_here(tmp_path):
    async def scenario(w: World):
        await shown(w)
        w.engine.leases.heard(w.campaign, Holder("other", 99))
        await w.until(lambda: not w.engine.previews.count(), seconds=1)
        return w.agent(0).state, await states(w)

    assert world.run(setup_in(tmp_path), scenario) == (AgentState.READY, ["ready"])


def test_dial_in_the_instant_of_a_stop_calls_nobody(tmp_path):
    async def scenario(w: World):
        told = w.floor.subscribe()
        attempt = await shown(w)
        (tmp_path / "STOP").touch()
        w.floor.dial(w.agent(0).id, attempt)
        await w.until(lambda: not w.engine.previews.count())
        return w.agent(0).state, await states(w), w.switch.originated, await rows(w, attempts), words_to_agents(told)

    state, entries, originated, made, (words,) = world.run(setup_in(tmp_path), scenario)
    assert (state, entries, originated, made) == (AgentState.READY, ["ready"], [], 0)
    assert "stopped by `dialer stop --now`" in words


def test_an_agent_lost_while_the_call_is_being_reserved_is_not_called_for(tmp_path):
    held = asyncio.Event()

    class SlowToReserve(AsyncStore):
        async def write(self, operation, *args, **kwargs):
            answer = await super().write(operation, *args, **kwargs)
            if operation is reserve_all:
                await held.wait()
            return answer

    async def scenario(w: World):
        w.floor.dial(w.agent(0).id, await shown(w))
        await seconds(w, 0.2)
        w.switch.leg_gone(w.agent(0).leg)
        await w.until(lambda: w.agent(0).state is AgentState.OFFLINE)
        held.set()
        await w.until(lambda: not w.engine.previews.count())
        await seconds(w, 5)
        return w.switch.originated, await rows(w, attempts), await states(w)

    assert world.run(setup_in(tmp_path, store=SlowToReserve), scenario) == ([], 1, ["waiting"])


def test_a_store_that_fails_at_the_word_dial_frees_the_agent_and_calls_nobody(tmp_path):
    class FailsToReserve(AsyncStore):
        async def write(self, operation, *args, **kwargs):
            if operation is reserve_all:
                raise StoreUnreachableError("gone")
            return await super().write(operation, *args, **kwargs)

    async def scenario(w: World):
        told = w.floor.subscribe()
        w.floor.dial(w.agent(0).id, await shown(w))
        await w.until(lambda: not w.engine.previews.count())
        return w.agent(0).state, w.switch.originated, words_to_agents(told)

    state, originated, (words,) = world.run(setup_in(tmp_path, store=FailsToReserve), scenario)
    assert (state, originated) == (AgentState.READY, [])
    assert "the account store does not work" in words


# --- what happens -----------------------------------------------------------------------------------------------------


def test_the_word_dial_makes_the_attempt_and_the_person_gets_this_agent(tmp_path):
    async def scenario(w: World):
        attempt = await shown(w)
        w.floor.dial(w.agent(0).id, attempt)
        (finished,) = await w.until_finished(1)
        return finished.attempt == attempt, finished.outcome, finished.record.agent, w.engine.previews.counts

    found = world.run(setup_in(tmp_path), scenario)
    assert found == (True, Outcome.CONVERSATION, "agent0", {PreviewEnd.DIAL: 1})


def test_what_is_known_of_the_account_can_be_read_before_the_call_and_in_it(tmp_path):
    async def scenario(w: World):
        summaries = CallSummaries(w.store, w.engine.previews.entry_of)
        attempt = await shown(w)
        before = await summaries.of(attempt)
        w.floor.dial(w.agent(0).id, attempt)
        await w.until(lambda: w.agent(0).state is AgentState.TALKING)
        during = await summaries.of(attempt)
        return before.person, before.say == during.say, dict(before.lines)["Attempts"], dict(during.lines)["Attempts"]

    found = world.run(setup_in(tmp_path), scenario)
    assert found == ("Person 0", True, "0 on this account", "1 on this account")


def test_telephone_keys_dial_and_skip(tmp_path):
    async def scenario(w: World):
        first = await shown(w)
        await seconds(w, 1)
        w.switch.press(w.agent(0).leg, "0")
        await w.until(lambda: w.agent(0).attempt not in {first, None})
        await seconds(w, 1)
        w.switch.press(w.agent(0).leg, "#")
        (finished,) = await w.until_finished(1)
        return finished.account, [look.account for look in await not_dialed(w)]

    assert world.run(setup_in(tmp_path, accounts=2), scenario) == ("A1", ["A0"])


def test_a_skipped_account_counts_for_nothing_and_comes_back_after_an_hour(tmp_path):
    async def scenario(w: World):
        first = await shown(w)
        w.floor.skip(w.agent(0).id, first, "bad_data")
        await w.until(lambda: not w.engine.previews.count())
        skipped_at, made = w.clock.monotonic(), await rows(w, attempts)
        await w.until(lambda: w.agent(0).state is AgentState.PREVIEW, seconds=7200)
        again_s = w.clock.monotonic() - skipped_at
        (look,) = await not_dialed(w)
        assert (look.agent, look.account, look.kind, look.reason) == ("agent0", "A0", previews.SKIPPED, "bad_data")
        return made, round(again_s / 60)

    assert world.run(setup_in(tmp_path), scenario) == (0, 60)


def test_agents_may_look_for_longer_than_accounts_are_usually_held(tmp_path):
    async def scenario(w: World):
        attempt = await shown(w)
        await seconds(w, 179)
        w.floor.dial(w.agent(0).id, attempt)
        (finished,) = await w.until_finished(1)
        return finished.attempt == attempt, len(w.switch.originated)

    patient = settings(mode=Mode.PREVIEW, preview_s=180.0)
    assert world.run(setup_in(tmp_path, settings=patient), scenario) == (True, 1)


def test_what_was_shown_when_the_engine_died_comes_back_when_its_claim_ends(tmp_path):
    async def scenario(w: World):
        await shown(w)
        died = w.clock.monotonic()
        await w.restart(away_s=5)
        await w.until(lambda: w.agent(0).leg_up)
        w.floor.ready(w.agent(0).id)
        await w.until(lambda: w.agent(0).state is AgentState.PREVIEW)
        again_s = w.clock.monotonic() - died
        w.floor.dial(w.agent(0).id, w.agent(0).attempt)
        (finished,) = await w.until_finished(1)
        return finished.account, 55 < again_s < 62

    assert world.run(setup_in(tmp_path), scenario) == ("A0", True)


def test_a_shift_where_each_agent_dials_every_other_account(tmp_path):
    async def agent_at_work(w: World, index: int):
        while True:
            attempt = await shown(w, index)
            await asyncio.sleep(2 + index)
            answer = w.floor.dial if int(attempt[-1], 16) % 2 else w.floor.skip
            answer(w.agent(index).id, attempt)
            await w.until(lambda: w.agent(index).state is not AgentState.PREVIEW)

    async def scenario(w: World):
        working = [asyncio.create_task(agent_at_work(w, index)) for index in range(4)]
        await w.until(lambda: len(w.seen.finished) + w.engine.previews.counts[PreviewEnd.SKIP] == 40, seconds=3000)
        for task in working:
            task.cancel()
        outcomes = {finished.outcome for finished in w.seen.finished}
        return outcomes, len(w.switch.originated) == len(w.seen.finished), len(await not_dialed(w))

    outcomes, each_once, skipped = world.run(setup_in(tmp_path, agents=4, accounts=40), scenario)
    assert outcomes == {Outcome.CONVERSATION}
    assert each_once
    assert 0 < skipped < 40


# --- whatever agents and the floor do ---------------------------------------------------------------------------------


def plug_pulled(w: World, index: int):
    with suppress(KeyError):  # not connected, or lost while nobody could hear it
        w.switch.leg_gone(w.agent(index).leg)


STEPS = {
    "dial": lambda w, i: w.floor.dial(w.agent(i).id, w.agent(i).attempt),
    "skip": lambda w, i: w.floor.skip(w.agent(i).id, w.agent(i).attempt, "bad_time"),
    "pause": lambda w, i: w.floor.pause(w.agent(i).id, "lunch"),
    "ready": lambda w, i: w.floor.ready(w.agent(i).id),
    "plug": plug_pulled,
    "stop": lambda w, _: w.stop_switch.pull(),
    "go": lambda w, _: w.stop_switch.reset(),
    "cut": lambda w, _: w.switch.cut_link(),
    "mend": lambda w, _: w.switch.mend_link(),
}


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 1), st.sampled_from([0.0, 0.3, 3.0, 50.0])),
        max_size=12,
    )
)
@hypothesis_settings(max_examples=12, deadline=None)
def test_each_call_was_asked_for_and_each_account_has_a_place(tmp_path_factory, steps):
    asked = set()

    async def scenario(w: World):
        dial = w.floor.dial

        def noting(agent, attempt):
            answer = dial(agent, attempt)
            asked.update({attempt} if isinstance(answer, Agent) else ())
            return answer

        w.floor.dial = noting
        for name, index, pause_s in steps:
            STEPS[name](w, index)
            await asyncio.sleep(pause_s)
        w.stop_switch.pull()
        await w.until(lambda: not w.engine.previews.count(), seconds=10)
        w.switch.mend_link()
        await w.until(w.engine.idle, seconds=300)
        made = await w.store.read(lambda tx: set(tx.execute(select(attempts.c.id)).scalars()))
        return {order.attempt for order in w.switch.originated}, made, await states(w)

    setup = setup_in(tmp_path_factory.mktemp("world"), agents=2, accounts=4)
    originated, made, entries = world.run(setup, scenario)
    assert originated <= made <= asked
    assert not {"claimed", "dialing"} & set(entries)
