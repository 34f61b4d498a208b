"""Health, readiness and metrics of a whole engine in virtual time."""

import asyncio

import pytest

from accounts.errors import StoreUnreachableError
from dialer.testing import world
from dialer.testing.operated import app_of
from dialer.testing.simulated_switch import Script
from dialer.testing.world import Setup, World, number_of, settings
from domain.mode import Mode
from domain.telephony import Treatment
from web.metrics import EngineCollector
from web.operations import application

from .asgi import get

pytestmark = pytest.mark.engine


def asked(tmp_path, path, before, script=None, **changes):
    """What `path` answers after `before` has happened to a world."""

    async def scenario(w: World):
        app = app_of(w, tmp_path)
        app.registry.register(EngineCollector(app))
        await before(w, app)
        return await get(application(app), path)

    far_end = script or Script(talk_s=5)
    setup = Setup(tmp_path, settings(**changes), agents=1, accounts=2, script_for=lambda _number: far_end)
    return world.run(setup, scenario)


async def nothing(w, app):
    pass


async def cut(w, app):
    w.switch.cut_link()
    await w.until(lambda: not w.engine.link_up)


async def drain(w, app):
    await w.engine.drain()


async def store_away(w, app):
    async def refuse(*_args):
        raise StoreUnreachableError("the account store cannot be reached; start it")

    app.store.read = refuse


async def store_silent(w, app):
    async def wait_for_ever(*_args):
        await asyncio.sleep(3600)

    app.store.read = wait_for_ever


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (cut, "no connection to Asterisk"),
        (drain, "draining"),
        (store_away, "does not work: the account store cannot be reached"),
        (store_silent, "has not answered for 2 s"),
    ],
)
def test_an_engine_that_cannot_dial_is_not_ready_and_says_why(tmp_path, before, reason):
    answer = asked(tmp_path, "/ready", before)
    assert answer.status == 503
    assert not answer.json["ready"]
    assert reason in " ".join(answer.json["reasons"])


def test_one_question_at_a_time_waits_at_a_store_that_does_not_answer(tmp_path):
    questions = []

    async def scenario(w: World):
        app = app_of(w, tmp_path)

        async def wait_for_ever(*_args):
            questions.append(1)
            await asyncio.sleep(3600)

        app.store.read = wait_for_ever
        web = application(app)
        return [(await get(web, "/ready")).status for _ in range(3)]

    assert world.run(Setup(tmp_path, settings()), scenario) == [503, 503, 503]
    assert len(questions) == 1


def test_an_engine_that_can_dial_is_ready(tmp_path):
    answer = asked(tmp_path, "/ready", nothing)
    assert (answer.status, answer.json["ready"], answer.json["reasons"]) == (200, True, [])


def test_it_is_alive_even_when_it_is_not_ready(tmp_path):
    answer = asked(tmp_path, "/health", cut)
    assert (answer.status, answer.json["status"]) == (200, "alive")


async def abandoned(w, app):
    await w.until_finished(1)
    await app.store.read(lambda _tx: None)


def test_metrics_tell_what_became_of_calls(tmp_path):
    script = Script(ring_s=4, talk_s=60, patience_s=60)
    campaign = {"mode": Mode.POWER, "ratio": 2.0, "treatment": Treatment.HANGUP}
    text = asked(tmp_path, "/metrics", abandoned, script, **campaign).text
    for line in (
        'dialer_attempts_ended_total{outcome="abandoned"} 1.0',
        'dialer_attempts_ended_total{outcome="busy"} 0.0',
        "dialer_attempts_placed_total 2.0",
        'dialer_calls{state="talking"} 1.0',
        'dialer_agents{state="talking"} 1.0',
        'dialer_campaign_abandoned_today{campaign="1"} 1.0',
        'dialer_campaign_live_answers_today{campaign="1"} 1.0',
        'dialer_trunk_channels_in_use{trunk="carrier"} 1.0',
        'dialer_store_call_seconds_count{kind="read"} 1.0',
        "dialer_link_up 1.0",
    ):
        assert f"\n{line}\n" in text


def test_metrics_hold_nothing_of_any_person(tmp_path):
    text = asked(tmp_path, "/metrics", abandoned).text
    assert not any(number_of(index).e164[1:] in text for index in range(2))
    assert "Person" not in text
    assert "agent0" not in text
