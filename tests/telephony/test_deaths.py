"""Engine or Asterisk dies, for real: talks go on, answered people are treated, nothing is uncounted or dialed twice."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

import pytest

from dialer.asterisk.install import installed_root
from dialer.testing.auto_agent import Habits
from dialer.testing.carrier_file import EndedBy
from dialer.testing.number_plan import Behaviour, number_for
from dialer.testing.scene import Books, Scene, books, played
from domain.outcomes import Outcome

pytestmark = [pytest.mark.telephony, pytest.mark.long, pytest.mark.timeout(600)]

ONE_AGENT = ("amira",)
CLIPS = Path(tempfile.gettempdir()) / f"fairdial-clips-{os.getuid()}"
TALKATIVE = Habits(talk_mean_s=6.0, talk_cv=0.1, hangs_up=1.0, wrap_mean_s=1.0)


def numbers(*behaviours: Behaviour):
    return [number_for(behaviour, "404", index) for index, behaviour in enumerate(behaviours)]


async def at_rest(scene: Scene) -> Books:
    await scene.engine.stop()
    return books(scene)


async def all_over(scene: Scene, placed: int) -> None:
    """Wait until so many calls have been placed since the engine's start and none is up."""
    await scene.engine.until(lambda report: report.placed >= placed and not report.calls, seconds=120)


def faults(found: Books) -> tuple[int, int, int]:
    return found.uncounted, found.twice, found.open


async def test_a_conversation_outlives_the_engine_and_is_adopted_by_the_next(tmp_path: Path) -> None:
    people = numbers(Behaviour.HUMAN_PATIENT, Behaviour.HUMAN)
    async with played(tmp_path, installed_root(), ONE_AGENT, people, habits=TALKATIVE, clips=CLIPS) as scene:
        await scene.engine.until(lambda report: "talking" in report.calls.values())
        (attempt,) = scene.engine.report.calls
        await scene.engine.kill()
        await asyncio.sleep(1.0)
        (call,) = scene.calls()
        went_on = call.ended_at is None
        await scene.engine.start()
        await scene.engine.until(lambda report: report.calls.get(attempt) == "talking", seconds=5)
        await scene.engine.until(lambda report: report.agents.get("amira") == "talking", seconds=5)
        await all_over(scene, 1)
        found = await at_rest(scene)
    assert went_on
    assert faults(found) == (0, 0, 0)
    assert found.fates[attempt].outcomes == (Outcome.CONVERSATION,)
    assert found.fates[attempt].recorded


async def test_a_line_that_rings_when_the_engine_dies_is_released_and_counted(tmp_path: Path) -> None:
    async with played(tmp_path, installed_root(), ONE_AGENT, numbers(Behaviour.NO_ANSWER), clips=CLIPS) as scene:
        await scene.engine.until(lambda report: "ringing" in report.calls.values())
        await scene.engine.kill()
        await scene.engine.start()
        await scene.engine.until(lambda report: not report.calls)
        found = await at_rest(scene)
        (call,) = scene.calls()
    assert faults(found) == (0, 0, 0)
    assert call.ended_by is EndedBy.DIALER
    assert all(fate.outcomes[0].counts_toward_caps for fate in found.fates.values())


async def test_who_answers_while_the_engine_is_dead_gets_the_treatment_from_the_dialplan(tmp_path: Path) -> None:
    async with played(tmp_path, installed_root(), ONE_AGENT, numbers(Behaviour.HUMAN_PATIENT), clips=CLIPS) as scene:
        await scene.engine.until(lambda report: "ringing" in report.calls.values())
        await scene.engine.kill()
        async with asyncio.timeout(60):
            while (call := scene.calls()[0]).ended_at is None:
                await asyncio.sleep(0.1)
        await scene.engine.start()
        found = await at_rest(scene)
    assert call.answered_at is not None
    assert call.ended_by is EndedBy.DIALER
    assert (call.ended_at - call.answered_at).total_seconds() < 15
    assert faults(found) == (0, 0, 0)


async def test_after_asterisk_died_agents_come_back_and_dialing_goes_on(tmp_path: Path) -> None:
    people = numbers(Behaviour.HUMAN_PATIENT, Behaviour.HUMAN, Behaviour.HUMAN)
    async with played(tmp_path, installed_root(), ONE_AGENT, people, clips=CLIPS) as scene:
        await scene.engine.until(lambda report: "talking" in report.calls.values())
        (attempt,) = scene.engine.report.calls
        began = await scene.restart_asterisk(away_s=2.0)
        await scene.engine.until(lambda report: not report.calls or attempt not in report.calls)
        await scene.invite_after(began, seconds=90)
        found = await at_rest(scene)
    assert faults(found) == (0, 0, 0)
    assert found.fates[attempt].outcomes == (Outcome.CONVERSATION,)


@pytest.mark.parametrize("fault", ["cut", "clog", "freeze"])
async def test_a_conversation_goes_on_over_a_wire_that_is_cut_clogged_or_dead(tmp_path: Path, fault: str) -> None:
    people = numbers(Behaviour.HUMAN_PATIENT, Behaviour.HUMAN)
    habits = Habits(talk_mean_s=25.0, talk_cv=0.01, hangs_up=1.0, wrap_mean_s=1.0)

    async def clogged() -> None:
        scene.wire.clog()
        await asyncio.sleep(15.0)
        scene.wire.clear()

    async def cut() -> None:
        scene.wire.cut()
        await asyncio.sleep(0.1)

    async with played(tmp_path, installed_root(), ONE_AGENT, people, habits=habits, clips=CLIPS) as scene:
        await scene.engine.until(lambda report: "talking" in report.calls.values())
        (attempt,) = scene.engine.report.calls
        await {"cut": cut, "clog": clogged, "freeze": lambda: scene.freeze_asterisk(10.0)}[fault]()
        back = time.time()
        await scene.engine.until(lambda report: report.link_up and report.calls.get(attempt) == "talking", seconds=20)
        await scene.invite_after(back, seconds=90)
        found = await at_rest(scene)
    assert faults(found) == (0, 0, 0)
    assert found.fates[attempt].outcomes == (Outcome.CONVERSATION,)
