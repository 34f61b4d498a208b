"""The engine dies, its calls go on and end, and the next engine knows how: by what Asterisk wrote down meanwhile."""

from __future__ import annotations

import asyncio
import stat
import tempfile
from collections.abc import Mapping
from os import getuid
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from accounts.store import open_store
from accounts.tables import attempt_outcomes, attempts
from dialer.asterisk.install import installed_root
from dialer.call_lines import FILE
from dialer.testing.auto_agent import Habits
from dialer.testing.carrier_file import CarrierCall
from dialer.testing.number_plan import Behaviour, number_for
from dialer.testing.scene import TUESDAY, Scene, books, played
from domain.outcomes import Outcome

pytestmark = [pytest.mark.telephony, pytest.mark.long, pytest.mark.timeout(600)]

CLIPS = Path(tempfile.gettempdir()) / f"fairdial-clips-{getuid()}"
AGENTS = ("amira", "bruno", "chloe", "dario", "elena", "farid")
IN_THE_GAP = {
    Behaviour.NO_ANSWER: Outcome.NO_ANSWER,
    Behaviour.VOICEMAIL: Outcome.MACHINE,
    Behaviour.FAX: Outcome.FAX,
    Behaviour.REJECTED: Outcome.CARRIER_BLOCKED,
    Behaviour.HUMAN_HANGS_UP_EARLY: Outcome.LIVE_HANGUP,
    Behaviour.HUMAN_PATIENT: Outcome.ABANDONED,
}
"""In the order of dialing. Nobody releases a line while no engine runs, so each has one outcome."""


async def all_ended(scene: Scene) -> Mapping[str, CarrierCall]:
    """Wait until no call is up at the carrier; the calls by number."""
    async with asyncio.timeout(120):
        while any(call.ended_at is None for call in scene.calls()):
            await asyncio.sleep(0.1)
    return {call.called: call for call in scene.calls()}


def endings(scene: Scene) -> Mapping[str, object]:
    """The first outcome row of each number."""

    def read(tx: Connection) -> dict[str, object]:
        rows = tx.execute(
            select(attempts.c.number, attempt_outcomes)
            .join_from(attempts, attempt_outcomes, attempt_outcomes.c.attempt_id == attempts.c.id)
            .where(attempt_outcomes.c.seq == 1)
        )
        return {row.number: row for row in rows}

    store = open_store(scene.stage.folder / "fairdial.db", TUESDAY)
    try:
        return store.read(read)
    finally:
        store.close()


async def test_lines_that_rang_when_the_engine_died_have_the_outcome_that_the_carrier_saw(tmp_path: Path) -> None:
    people = {number_for(each, "404", index): each for index, each in enumerate(IN_THE_GAP)}
    async with played(tmp_path, installed_root(), AGENTS, people, clips=CLIPS) as scene:
        await scene.engine.until(lambda report: report.placed == len(people), seconds=120)
        await scene.engine.kill()
        calls = await all_ended(scene)
        await scene.engine.start()
        await scene.engine.stop()
        found, ends = books(scene), endings(scene)
        lines = scene.stage.instance.place.call_lines / FILE
        text, mode = lines.read_text(), stat.S_IMODE(lines.stat().st_mode)
    assert {each: ends[number.e164].outcome for number, each in people.items()} == IN_THE_GAP
    assert all(ends[number].outcome in call.expected for number, call in calls.items())
    assert (found.uncounted, found.twice, found.open) == (0, 0, 0)
    assert [number for number in people if number.e164[2:] in text] == []
    assert mode == 0o600


async def test_a_conversation_that_ends_while_no_engine_runs_is_one_with_its_times(tmp_path: Path) -> None:
    habits = Habits(talk_mean_s=60.0, hangs_up=0.0)
    person = number_for(Behaviour.HUMAN, "404", 0)
    async with played(tmp_path, installed_root(), AGENTS[:1], [person], habits=habits, clips=CLIPS) as scene:
        await scene.engine.until(lambda report: "talking" in report.calls.values())
        await scene.engine.kill()
        (call,) = (await all_ended(scene)).values()
        await scene.engine.start()
        await scene.engine.stop()
        (end,) = endings(scene).values()
    assert end.outcome == Outcome.CONVERSATION
    assert None not in {end.answered_at, end.joined_at, end.ended_at}
    assert (end.ended_at - end.answered_at).total_seconds() == pytest.approx(
        (call.ended_at - call.answered_at).total_seconds(), abs=0.5
    )
    assert 0 < end.bridged_s < (call.ended_at - call.answered_at).total_seconds()
