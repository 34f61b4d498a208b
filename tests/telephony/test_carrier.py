"""Every behaviour of the test carrier as a bare caller meets it, and what the carrier wrote about it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dialer.asterisk.install import install
from dialer.asterisk.ports import lease
from dialer.testing.carrier import Carrier, CarrierError, CarrierSettings
from dialer.testing.carrier_file import CarrierCall, Direction, EndedBy, read_calls, read_file
from dialer.testing.number_plan import Behaviour, number_for, tone_hz
from dialer.testing.profile import behaviour_of, draw
from domain.phone import PhoneNumber
from tests.telephony.bare_caller import BareCaller, Heard, level_dbfs, loudest_hz, seconds

pytestmark = pytest.mark.telephony

SEED = 7
CALLER = PhoneNumber("+13125550100")
LISTEN_S = 14.0
PEOPLE = (Behaviour.HUMAN, Behaviour.HUMAN_PATIENT, Behaviour.HUMAN_PRESSES_9, Behaviour.SLOW_HUMAN)
ANSWERED = (
    *PEOPLE,
    Behaviour.HUMAN_HANGS_UP_EARLY,
    Behaviour.HUMAN_HANGS_UP_LATE,
    Behaviour.WORDY_HUMAN,
    Behaviour.VOICEMAIL,
    Behaviour.TERSE_VOICEMAIL,
    Behaviour.MAILBOX_FULL,
    Behaviour.FAX,
    Behaviour.FAX_CNG,
)


def number(behaviour: Behaviour) -> PhoneNumber:
    return number_for(behaviour, "312", 10 + list(Behaviour).index(behaviour))


def profile_numbers() -> list[PhoneNumber]:
    return [number_for(None, "206", k) for k in range(8)]


@dataclass(frozen=True)
class Evening:
    """All behaviours called at once: what the caller heard and what the carrier wrote."""

    heard: dict[Behaviour, Heard]
    written: dict[Behaviour, CarrierCall]
    by_profile: list[CarrierCall]


def caller_of(carrier: Carrier, password: str | None = None) -> BareCaller:
    trunk = carrier.trunk()
    assert trunk.registration is not None
    return BareCaller((trunk.host, trunk.port), trunk.registration.user, password or trunk.registration.secret)


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    with lease(worker) as block:
        folder = tmp_path_factory.mktemp("carrier")
        carrier = Carrier(CarrierSettings(folder=folder, ports=block.instance(0), seed=SEED), install())
        asyncio.run(carrier.start())
        yield carrier
        asyncio.run(carrier.stop())


async def call_everybody(carrier: Carrier) -> tuple[dict[Behaviour, Heard], list[Heard]]:
    caller = caller_of(carrier)
    await caller.open()
    assert await caller.register() == 200
    patience = dict.fromkeys(Behaviour, 40.0) | {Behaviour.NO_ANSWER: 3.0}
    calls = [
        caller.call(number(behaviour).e164, answered_s=LISTEN_S, ringing_s=patience[behaviour])
        for behaviour in Behaviour
    ]
    drawn = [caller.call(each.e164, answered_s=0.5, ringing_s=0.2) for each in profile_numbers()]
    heard = await asyncio.gather(*calls, *drawn)
    caller.close()
    return dict(zip(Behaviour, heard[: len(calls)], strict=True)), heard[len(calls) :]


@pytest.fixture(scope="module")
def evening(carrier: Carrier) -> Evening:
    heard, drawn = asyncio.run(call_everybody(carrier))
    by_call_id = {call.call_id: call for call in read_calls(carrier.file)}
    return Evening(
        heard=heard,
        written={behaviour: by_call_id[each.call_id] for behaviour, each in heard.items()},
        by_profile=[by_call_id[each.call_id] for each in drawn],
    )


# --- refusals -----------------------------------------------------------------------------------------------------


async def test_a_wrong_password_cannot_register(carrier: Carrier) -> None:
    caller = caller_of(carrier, password="not-the-password")
    await caller.open()
    assert await caller.register() == 401
    caller.close()


async def test_a_wrong_password_cannot_call(carrier: Carrier) -> None:
    caller = caller_of(carrier, password="not-the-password")
    await caller.open()
    heard = await caller.call(number(Behaviour.HUMAN).e164, answered_s=1)
    caller.close()
    assert heard.final == 401
    assert heard.call_id not in {call.call_id for call in read_calls(carrier.file)}


async def test_a_caller_that_has_not_registered_is_refused(carrier: Carrier) -> None:
    caller = caller_of(carrier)
    await caller.open()
    await caller.register(expires=0)
    heard = await caller.call(number(Behaviour.HUMAN_PATIENT).e164, answered_s=1)
    caller.close()
    assert heard.codes() == [403]
    [call] = [call for call in read_calls(carrier.file) if call.call_id == heard.call_id]
    assert not call.registered


def test_keys_that_no_telephone_has_cannot_be_pressed(carrier: Carrier) -> None:
    with pytest.raises(CarrierError, match="digits"):
        carrier.call_in(CALLER, CALLER, press="9\nApplication: System")


def test_the_carrier_never_leaves_loopback(carrier: Carrier) -> None:
    with pytest.raises(CarrierError, match="loopback"):
        CarrierSettings(folder=Path("unused"), ports=carrier.settings.ports, address="0.0.0.0")


# --- what a caller meets --------------------------------------------------------------------------------------------


def test_every_call_is_challenged(evening: Evening) -> None:
    assert all(heard.challenged for heard in evening.heard.values())


@pytest.mark.parametrize(
    ("behaviour", "codes"),
    [
        *((behaviour, [180, 200]) for behaviour in ANSWERED if behaviour is not Behaviour.SLOW_HUMAN),
        (Behaviour.SLOW_HUMAN, [183, 200]),
        (Behaviour.BUSY, [486]),
        (Behaviour.NO_ANSWER, [180, 487]),  # cancelled by the caller
        (Behaviour.REJECTED, [180, 603]),
        (Behaviour.BLOCKED, [403]),
        (Behaviour.SIT, [183, 404]),
        (Behaviour.UNALLOCATED, [404]),
        (Behaviour.CONGESTED, [503]),
    ],
)
def test_responses_are_those_of_the_plan(evening: Evening, behaviour: Behaviour, codes: list[int]) -> None:
    assert evening.heard[behaviour].codes() == codes


@pytest.mark.parametrize("behaviour", PEOPLE)
def test_a_person_says_hello_and_waits_for_an_answer(evening: Evening, behaviour: Behaviour) -> None:
    audio = evening.heard[behaviour].audio()
    assert max(level_dbfs(seconds(audio, at / 10, at / 10 + 0.2)) for at in range(16)) > -30
    assert level_dbfs(seconds(audio, 1.9, 2.2)) < -45


@pytest.mark.parametrize("behaviour", PEOPLE)
def test_a_person_ends_with_the_marking_tone_of_the_number(evening: Evening, behaviour: Behaviour) -> None:
    audio = evening.heard[behaviour].audio()
    last = seconds(audio, len(audio) / 8000 - 1.2, len(audio) / 8000 - 0.2)
    assert abs(loudest_hz(last) - tone_hz(number(behaviour))) <= 2
    assert level_dbfs(last) > -20


def test_a_person_who_hangs_up_early_is_gone_before_two_seconds(evening: Evening) -> None:
    heard = evening.heard[Behaviour.HUMAN_HANGS_UP_EARLY]
    assert heard.party_hung_up
    assert 0.8 < heard.ended_at - heard.final_at < 2.5  # the carrier waits up to 0.5 s for media that we never send


def test_a_person_who_hangs_up_late_is_gone_soon_after(evening: Evening) -> None:
    heard = evening.heard[Behaviour.HUMAN_HANGS_UP_LATE]
    assert heard.party_hung_up
    assert 2.4 < heard.ended_at - heard.final_at < 4.5


def test_a_person_hangs_up_alone_and_a_patient_one_does_not(evening: Evening) -> None:
    assert evening.heard[Behaviour.SLOW_HUMAN].final_at > 6
    assert not evening.heard[Behaviour.HUMAN_PATIENT].party_hung_up


def test_slow_human_gives_ring_back_as_early_media(evening: Evening) -> None:
    heard = evening.heard[Behaviour.SLOW_HUMAN]
    assert heard.provisional[-1][0] > 5.9
    assert 430 < loudest_hz(seconds(heard.early(), 0.2, 0.8)) < 490


def test_the_one_who_presses_9_is_heard_pressing_9(evening: Evening) -> None:
    assert evening.heard[Behaviour.HUMAN_PRESSES_9].digits == [9]
    assert evening.written[Behaviour.HUMAN_PRESSES_9].pressed == "9"


def test_voicemail_greets_beeps_and_listens(evening: Evening) -> None:
    audio = evening.heard[Behaviour.VOICEMAIL].audio()
    tenths = [seconds(audio, at / 10, at / 10 + 0.1) for at in range(int(len(audio) / 800) - 1)]
    beep = [at for at, tenth in enumerate(tenths) if level_dbfs(tenth) > -20 and abs(loudest_hz(tenth) - 1000) <= 10]
    assert beep[-1] > 60
    assert level_dbfs(seconds(audio, beep[-1] / 10 + 0.3, beep[-1] / 10 + 0.5)) < -60


def test_a_full_mailbox_hangs_up_by_itself(evening: Evening) -> None:
    heard = evening.heard[Behaviour.MAILBOX_FULL]
    assert heard.party_hung_up
    assert heard.ended_at - heard.final_at > 5


def test_a_fax_answers_with_its_tone(evening: Evening) -> None:
    audio = evening.heard[Behaviour.FAX].audio()
    assert abs(loudest_hz(seconds(audio, 2.5, 4.0)) - 2100) <= 2
    cng = evening.heard[Behaviour.FAX_CNG].audio()
    assert abs(loudest_hz(seconds(cng, 0.4, 3.0)) - 1100) <= 2


def test_an_intercept_begins_with_the_special_information_tones(evening: Evening) -> None:
    early = evening.heard[Behaviour.SIT].early()
    begins = float(np.flatnonzero(np.abs(early) > 0.02)[0] / 8000)
    tones = [loudest_hz(seconds(early, begins + at, begins + at + 0.2)) for at in (0.03, 0.31, 0.62)]
    assert tones == pytest.approx([914, 1371, 1777], abs=5)


# --- what the carrier wrote -----------------------------------------------------------------------------------------


def test_the_file_is_whole_and_tells_the_truth(carrier: Carrier, evening: Evening) -> None:
    assert read_file(carrier.file).bad_lines == 0
    assert {behaviour: call.behaviour for behaviour, call in evening.written.items()} == {b: b for b in Behaviour}
    assert {call.called for call in evening.written.values()} == {number(b).e164 for b in Behaviour}
    assert {call.direction for call in evening.written.values()} == {Direction.FROM_DIALER}


def test_the_file_says_who_called(evening: Evening) -> None:
    assert {call.caller_id for call in evening.written.values()} == {CALLER.e164}
    assert {call.asserted for call in evening.written.values()} == {CALLER.e164}


def test_the_file_says_when_it_rang_was_answered_and_ended(evening: Evening) -> None:
    for behaviour in ANSWERED:
        call = evening.written[behaviour]
        assert call.rang_at is not None
        assert call.answered_at is not None
        assert call.ended_at is not None
        assert call.invited_at < call.rang_at < call.answered_at < call.ended_at


@pytest.mark.parametrize("behaviour", [b for b in Behaviour if b not in ANSWERED])
def test_the_file_says_that_nobody_answered(evening: Evening, behaviour: Behaviour) -> None:
    assert evening.written[behaviour].answered_at is None
    assert evening.written[behaviour].ended_at is not None


def test_the_file_says_who_hung_up(evening: Evening) -> None:
    ended = {behaviour: evening.written[behaviour].ended_by for behaviour in Behaviour}
    expected = {
        behaviour: EndedBy.PARTY
        if heard.party_hung_up or (heard.final != 200 and behaviour is not Behaviour.NO_ANSWER)
        else EndedBy.DIALER
        for behaviour, heard in evening.heard.items()
    }
    assert ended == expected


def test_the_ring_time_can_be_foretold(carrier: Carrier, evening: Evening) -> None:
    ring_ms = carrier.settings.profile.ring.table()
    for behaviour in (Behaviour.HUMAN, Behaviour.VOICEMAIL, Behaviour.SLOW_HUMAN):
        call = evening.written[behaviour]
        assert call.rang_at is not None
        assert call.answered_at is not None
        foretold = ring_ms[draw(SEED, number(behaviour), call.nth).ring_row] / 1000
        assert (call.answered_at - call.rang_at).total_seconds() == pytest.approx(foretold, abs=1.0)


def test_profile_numbers_behave_as_foretold(carrier: Carrier, evening: Evening) -> None:
    foretold = [behaviour_of(each, carrier.settings.profile, SEED, 1) for each in profile_numbers()]
    assert [call.behaviour for call in evening.by_profile] == foretold


# --- the other direction, and accidents -------------------------------------------------------------------------------


async def test_a_person_calls_in_and_presses_9(carrier: Carrier) -> None:
    dialer = caller_of(carrier)
    await dialer.open()
    assert await dialer.register() == 200
    owned, person = PhoneNumber("+13125550199"), number_for(Behaviour.HUMAN, "415", 3)
    carrier.call_in(owned, person, press="9")
    heard, called, sender = await dialer.answer(listen_s=9)
    dialer.close()
    [call] = [call for call in read_calls(carrier.file) if call.direction is Direction.TO_DIALER]
    assert called == owned.e164
    assert person.e164 in sender
    assert heard.digits == [9]
    assert (call.call_id, call.called, call.caller_id, call.pressed) == (heard.call_id, owned.e164, person.e164, "9")


async def test_a_caller_that_vanishes_disturbs_nobody(carrier: Carrier) -> None:
    vanishing, other = caller_of(carrier), caller_of(carrier)
    await vanishing.open()
    await vanishing.register()
    call = asyncio.create_task(vanishing.call(number(Behaviour.HUMAN_PATIENT).e164, answered_s=60))
    while not any(each.answered_at and not each.ended_at for each in read_calls(carrier.file)):
        await asyncio.sleep(0.05)
    call.cancel()
    vanishing.close()
    await other.open()
    await other.register()
    assert (await other.call(number(Behaviour.BUSY).e164, answered_s=1)).codes() == [486]
    other.close()


async def test_a_killed_carrier_leaves_whole_lines_and_goes_on_in_the_same_file(carrier: Carrier) -> None:
    caller = caller_of(carrier)
    await caller.open()
    await caller.register()
    calls = [asyncio.create_task(caller.call(number(Behaviour.HUMAN).e164, answered_s=60)) for _ in range(10)]
    while sum(call.rang_at is not None for call in read_calls(carrier.file)[-10:]) < 10:
        await asyncio.sleep(0.02)
    carrier.instance.kill()
    for call in calls:
        call.cancel()
    caller.close()
    before = read_file(carrier.file)
    assert before.bad_lines == 0
    assert [call.ended_at for call in before.calls[-10:]] == [None] * 10
    await carrier.start()
    again = caller_of(carrier)
    await again.open()
    assert await again.register() == 200
    assert (await again.call(number(Behaviour.UNALLOCATED).e164, answered_s=1)).codes() == [404]
    again.close()
    after = read_file(carrier.file)
    assert (len(after.calls), after.bad_lines) == (len(before.calls) + 1, 0)
