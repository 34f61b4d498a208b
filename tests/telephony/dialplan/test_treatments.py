"""No agent in time: the dialplan keeps the deadline by itself, with the engine silent or gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.telephony.dialplan.audio import mono, share_heard, sound, tone_db
from tests.telephony.dialplan.floor import Floor, closed
from tests.telephony.dialplan.probe import Probe

pytestmark = pytest.mark.telephony

BETWEEN_KEYS_S = 0.3
"""A person's pace. A key pressed in the very instant the one before was let go may never be sent."""


@pytest.mark.parametrize("treatment", ["late_agent", "message", "hangup"])
async def test_each_treatment_begins_at_the_deadline_and_ends_by_itself(floor: Floor, treatment: str) -> None:
    attempt = await floor.call("+12025550101", FD_CONNECT_S="0.7", FD_TREATMENT=treatment, FD_LATE_S="1")
    judged = await floor.verdict(attempt)
    treated = await floor.dialer.until(UserEvent="FairdialTreatment", Attempt=attempt)
    await floor.dialer.until(Event="Hangup", Uniqueid=attempt, deadline_s=40)
    assert treated["Treatment"] == treatment
    assert 0.65 <= treated.at - judged.at <= 1.5


async def test_an_unknown_treatment_is_a_hangup(floor: Floor) -> None:
    attempt = await floor.call("+12025550101", FD_CONNECT_S="0.3", FD_TREATMENT="lottery")
    treated = await floor.dialer.until(UserEvent="FairdialTreatment", Attempt=attempt)
    await floor.gone(attempt)
    assert treated["Treatment"] == "hangup"


async def test_with_the_engine_dead_the_person_is_treated_and_let_go(floor: Floor, tmp_path: Path) -> None:
    heard = tmp_path / "heard.sln"
    async with Probe(floor.exchange.dialer) as engine:
        doomed = Floor(floor.exchange, engine, floor.carrier, floor.phones)
        attempt = await doomed.call("+12025550101", FD_CONNECT_S="1.0", FD_LATE_S="2")
        await doomed.verdict(attempt)
        await floor.listen(floor.carrier, "0101", heard)
    await floor.carrier.until(Event="Hangup", Exten="0101", Context="behave")
    ringing = mono(await closed(floor.exchange.carrier, heard))[-16000:-8000]
    assert tone_db(ringing, 440) > -35  # ring tone is 440 and 480 Hz
    assert tone_db(ringing, 480) > -35


async def test_the_message_is_heard_and_key_9_is_told(floor: Floor, tmp_path: Path) -> None:
    heard = tmp_path / "heard.sln"
    attempt = await floor.call("+12025550600", FD_CONNECT_S="0.2", FD_TREATMENT="message")
    await floor.verdict(attempt)
    await floor.listen(floor.carrier, "0600", heard)
    key = await floor.dialer.until(UserEvent="FairdialKey", Attempt=attempt)
    await floor.dialer.until(Event="Hangup", Uniqueid=attempt, deadline_s=30)
    sounds = floor.exchange.dialer.place.sounds
    assert key["Key"] == "9"
    told = mono(await closed(floor.exchange.carrier, heard))
    assert share_heard(told, sound(sounds / "safe-harbour.wav")[: 8000 * 3]) > 0.6
    assert share_heard(told, sound(sounds / "opt-out.wav")) > 0.6


async def test_another_key_does_not_end_the_message(floor: Floor) -> None:
    attempt = await floor.call("+12025550102", FD_CONNECT_S="0.2", FD_TREATMENT="message")
    await floor.dialer.until(UserEvent="FairdialTreatment", Attempt=attempt)
    channel = await floor.channel_of(floor.carrier, "0102")
    await floor.carrier.send("PlayDTMF", Channel=channel, Digit="5", Duration="120")
    await floor.dialer.until(Event="DTMFEnd", Uniqueid=attempt, Digit="5")
    await asyncio.sleep(BETWEEN_KEYS_S)
    await floor.carrier.send("PlayDTMF", Channel=channel, Digit="9", Duration="120")
    await floor.dialer.until(UserEvent="FairdialKey", Attempt=attempt, Key="9")


async def test_the_engine_can_begin_a_treatment_early(floor: Floor) -> None:
    attempt = await floor.call("+12025550101", FD_CONNECT_S="30")
    await floor.verdict(attempt)
    await floor.redirect(attempt, "fd-treat-hangup")
    await floor.dialer.until(UserEvent="FairdialTreatment", Attempt=attempt, Treatment="hangup")
    await floor.gone(attempt)


async def test_a_late_agent_is_joined_and_the_ring_tone_stops(floor: Floor, tmp_path: Path) -> None:
    heard = tmp_path / "heard.sln"
    leg = await floor.agent("alice")
    attempt = await floor.call("+12025550101", FD_CONNECT_S="0.2", FD_LATE_S="5")
    await floor.dialer.until(UserEvent="FairdialTreatment", Attempt=attempt)
    await floor.listen(floor.carrier, "0101", heard)
    await floor.join(attempt, leg)
    await floor.carrier.until(UserEvent="Marked")
    await floor.hang_up(attempt)
    last = mono(await closed(floor.exchange.carrier, heard))[-8000:]
    assert tone_db(last, 440) > -35  # the agent's own tone
    assert tone_db(last, 480) < -60
