"""Person and agent in one bridge: the recording, the announcement, what happens when one of them goes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.telephony.dialplan.audio import RATE, likeness, mono, share_heard, sound, stereo, tone_db
from tests.telephony.dialplan.floor import Floor, closed

pytestmark = pytest.mark.telephony
CUSTOMER_HZ, AGENT_HZ = 1000, 440


async def talk(floor: Floor, attempt: str, leg: str) -> float:
    """Join, stay until the person's marking tone has sounded 1.5 s, hang the person up; seconds in the bridge."""
    together = await floor.join(attempt, leg)
    await floor.carrier.until(UserEvent="Marked")
    mark = len(floor.dialer.events)
    await floor.dialer.send("Hangup", Channel=attempt)
    parted = await floor.dialer.until(mark=mark, Event="BridgeLeave", Uniqueid=attempt)
    await floor.gone(attempt)
    return parted.at - together.at


async def test_a_join_to_a_leg_that_is_gone_leaves_the_rest_of_the_time_to_another(floor: Floor) -> None:
    lost, other = await floor.agent("alice"), await floor.agent("bob")
    await floor.hang_up(lost)
    attempt = await floor.call("+12025550101", FD_CONNECT_S="2")
    await floor.verdict(attempt)
    await floor.redirect(attempt, "fd-connect", lost)
    await floor.join(attempt, other)


async def test_a_join_to_a_leg_that_is_gone_does_not_lengthen_the_deadline(floor: Floor) -> None:
    lost = await floor.agent("alice")
    await floor.hang_up(lost)
    attempt = await floor.call("+12025550101", FD_CONNECT_S="1.5")
    judged = await floor.verdict(attempt)
    await floor.redirect(attempt, "fd-connect", lost)
    treated = await floor.dialer.until(UserEvent="FairdialTreatment", Attempt=attempt)
    assert 1.4 <= treated.at - judged.at <= 2.2


async def test_the_recording_holds_the_bridge_from_the_announcement_on_one_party_a_channel(floor: Floor) -> None:
    leg = await floor.agent("alice")
    attempt = await floor.call("+12025550101", FD_RECORDING="announce_then_record", FD_AMD="1")
    await floor.verdict(attempt)
    seconds = await talk(floor, attempt, leg)
    said, heard = stereo(await floor.recorded(attempt))
    likely, at = likeness(heard, sound(floor.exchange.dialer.place.sounds / "recording.wav"))
    assert len(said) / RATE == pytest.approx(seconds, abs=0.15)
    assert likely > 0.9
    assert at < 0.1
    assert tone_db(said[-RATE:], CUSTOMER_HZ) > -35
    assert tone_db(heard[-RATE:], AGENT_HZ) > -35
    assert tone_db(said[-RATE:], AGENT_HZ) < -60
    assert tone_db(heard[-RATE:], CUSTOMER_HZ) < -60


async def test_a_join_that_failed_does_not_use_up_the_announcement(floor: Floor) -> None:
    lost, other = await floor.agent("alice"), await floor.agent("bob")
    await floor.hang_up(lost)
    attempt = await floor.call("+12025550101", FD_RECORDING="announce_then_record")
    await floor.verdict(attempt)
    await floor.redirect(attempt, "fd-connect", lost)
    await talk(floor, attempt, other)
    _, heard = stereo(await floor.recorded(attempt))
    assert share_heard(heard, sound(floor.exchange.dialer.place.sounds / "recording.wav")) > 0.6


async def test_a_person_the_engine_holds_keeps_the_recording_and_frees_the_agent(floor: Floor) -> None:
    leg = await floor.agent("alice")
    attempt = await floor.call("+12025550101", FD_RECORDING="record", FD_AMD="1")
    await floor.verdict(attempt)
    first = await floor.join(attempt, leg)
    await floor.carrier.until(UserEvent="Marked")
    mark = len(floor.dialer.events)
    await floor.redirect(attempt, "fd-hold")
    held = await floor.dialer.until(mark=mark, Event="BridgeLeave", Uniqueid=attempt)
    await floor.dialer.until(mark=mark, Event="BridgeLeave", Uniqueid=leg)
    seconds = held.at - first.at + await talk(floor, attempt, leg)
    said, _ = stereo(await floor.recorded(attempt))
    assert len(said) / RATE == pytest.approx(seconds, abs=0.2)


async def test_the_announcement_is_made_once_though_the_agent_changes(floor: Floor) -> None:
    first, second = await floor.agent("alice"), await floor.agent("bob")
    attempt = await floor.call("+12025550101", FD_RECORDING="announce_then_record")
    await floor.verdict(attempt)
    await floor.join(attempt, first)
    await floor.carrier.until(UserEvent="Marked")
    await floor.redirect(attempt, "fd-hold")
    await talk(floor, attempt, second)
    _, heard = stereo(await floor.recorded(attempt))
    announcement = sound(floor.exchange.dialer.place.sounds / "recording.wav")
    assert likeness(heard, announcement)[0] > 0.9
    assert likeness(heard[RATE * 2 :], announcement)[0] < 0.5


async def test_the_agent_hears_the_announcement_too(floor: Floor, tmp_path: Path) -> None:
    heard = tmp_path / "heard.sln"
    leg = await floor.agent("alice")
    await floor.listen(floor.phones, "alice", heard)
    attempt = await floor.call("+12025550101", FD_RECORDING="announce_then_record")
    await floor.verdict(attempt)
    await talk(floor, attempt, leg)
    await floor.hang_up(leg)
    assert (
        share_heard(
            mono(await closed(floor.exchange.phones, heard)),
            sound(floor.exchange.dialer.place.sounds / "recording.wav"),
        )
        > 0.6
    )


async def test_record_alone_announces_nothing(floor: Floor) -> None:
    leg = await floor.agent("alice")
    attempt = await floor.call("+12025550101", FD_RECORDING="record")
    await floor.verdict(attempt)
    seconds = await talk(floor, attempt, leg)
    said, heard = stereo(await floor.recorded(attempt))
    assert len(said) / RATE == pytest.approx(seconds, abs=0.15)
    assert tone_db(heard[: RATE // 2], AGENT_HZ) > -35


async def test_off_writes_no_file(floor: Floor) -> None:
    leg = await floor.agent("alice")
    attempt = await floor.call("+12025550101", FD_RECORDING="off")
    await floor.verdict(attempt)
    await talk(floor, attempt, leg)
    assert not floor.recording(attempt).exists()


async def test_a_person_never_joined_leaves_no_file(floor: Floor) -> None:
    attempt = await floor.call("+12025550101", FD_RECORDING="record", FD_CONNECT_S="0.2", FD_TREATMENT="hangup")
    await floor.gone(attempt)
    assert not floor.recording(attempt).exists()


async def test_the_leg_returns_to_its_loop_and_takes_the_next_call(floor: Floor) -> None:
    leg = await floor.agent("alice")
    for _ in range(2):
        attempt = await floor.call("+12025550101")
        await floor.verdict(attempt)
        await floor.join(attempt, leg)
        mark = len(floor.dialer.events)
        await floor.hang_up(attempt)
        await floor.dialer.until(mark=mark, Event="BridgeLeave", Uniqueid=leg)
    assert not floor.dialer.seen(Event="Hangup", Uniqueid=leg)


async def test_a_person_whose_agent_is_lost_is_held_then_joined_to_the_next(floor: Floor) -> None:
    first, second = await floor.agent("alice"), await floor.agent("bob")
    attempt = await floor.call("+12025550101", FD_RECORDING="record")
    await floor.verdict(attempt)
    await floor.join(attempt, first)
    mark = len(floor.dialer.events)
    await floor.hang_up(first)
    await floor.dialer.until(mark=mark, Event="BridgeLeave", Uniqueid=attempt)
    before = floor.recording(attempt).stat().st_size
    await talk(floor, attempt, second)
    assert (await floor.recorded(attempt)).stat().st_size > before
    assert not floor.dialer.seen(UserEvent="FairdialTreatment", Attempt=attempt)


async def test_a_person_held_for_nobody_is_treated(floor: Floor) -> None:
    leg = await floor.agent("alice")
    attempt = await floor.call("+12025550101", FD_TREATMENT="hangup")
    await floor.verdict(attempt)
    await floor.join(attempt, leg)
    lost = await floor.hang_up(leg)
    treated = await floor.dialer.until(UserEvent="FairdialTreatment", Attempt=attempt)
    await floor.gone(attempt)
    assert treated["Treatment"] == "hangup"
    assert 1.9 <= treated.at - lost.at <= 3.5


async def test_a_pulled_plug_is_seen_and_the_person_is_held(floor: Floor) -> None:
    leg = await floor.agent("alice")
    attempt = await floor.call("+12025550101")
    await floor.verdict(attempt)
    await floor.join(attempt, leg)
    phones = floor.exchange.phones.pid()
    assert phones is not None
    os.kill(phones, signal.SIGSTOP)
    try:
        mark = len(floor.dialer.events)
        lost = await floor.dialer.until(mark=mark, Event="Hangup", Uniqueid=leg, deadline_s=8)
        await floor.dialer.until(UserEvent="FairdialTreatment", Attempt=attempt)
    finally:
        os.kill(phones, signal.SIGCONT)
    assert lost["Cause"] != "16"


async def test_a_pulled_plug_is_seen_while_waiting(floor: Floor) -> None:
    leg = await floor.agent("bob")
    phones = floor.exchange.phones.pid()
    assert phones is not None
    os.kill(phones, signal.SIGSTOP)
    try:
        await floor.dialer.until(Event="Hangup", Uniqueid=leg, deadline_s=8)
    finally:
        os.kill(phones, signal.SIGCONT)
