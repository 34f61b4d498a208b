"""A preview campaign on a real Asterisk: agents at their screens dial some accounts and skip the others."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from os import getuid
from pathlib import Path

import pytest

from accounts import campaigns, previews
from accounts.previews import NotDialed
from accounts.store import open_store
from dialer.asterisk.install import installed_root
from dialer.testing.auto_agent import Habits
from dialer.testing.number_plan import Behaviour, number_for
from dialer.testing.scene import SETTINGS, TUESDAY, books, played
from domain.mode import Mode
from domain.outcomes import Outcome

pytestmark = [pytest.mark.telephony, pytest.mark.long, pytest.mark.timeout(600)]

CLIPS = Path(tempfile.gettempdir()) / f"fairdial-clips-{getuid()}"
ACCOUNTS = 8
HABITS = Habits(look_mean_s=0.5, skips=0.5, talk_mean_s=2.0, hangs_up=1.0, wrap_mean_s=0.2, says_nothing=0.0)


def skipped(folder: Path) -> list[NotDialed]:
    store = open_store(folder / "fairdial.db", TUESDAY)
    try:
        campaign = store.read(campaigns.find, "everyone")
        return list(store.read(previews.not_dialed, campaign.id, TUESDAY))
    finally:
        store.close()


async def test_only_what_an_agent_said_dial_to_is_called_and_every_skip_is_on_record(tmp_path: Path) -> None:
    numbers = [number_for(Behaviour.HUMAN, "404", index) for index in range(ACCOUNTS)]
    settings = replace(SETTINGS, mode=Mode.PREVIEW)
    async with played(tmp_path, installed_root(), ("amira", "bruno"), numbers, settings, HABITS, CLIPS) as scene:
        async with asyncio.timeout(300):
            while len(skipped(tmp_path)) + len(scene.calls()) < ACCOUNTS:
                await asyncio.sleep(0.5)
        await scene.engine.stop()
        looks, found, invited = skipped(tmp_path), books(scene), {call.called for call in scene.calls()}
    dialed = {fate.number for fate in found.fates.values()}
    assert (found.uncounted, found.twice, found.open) == (0, 0, 0)
    assert invited == dialed
    assert {outcome for fate in found.fates.values() for outcome in fate.outcomes} == {Outcome.CONVERSATION}
    assert {look.kind for look in looks} == {previews.SKIPPED}
    accounts = {f"A{numbers.index(number)}" for number in numbers if number.e164 not in dialed}
    assert {look.account for look in looks} == accounts
