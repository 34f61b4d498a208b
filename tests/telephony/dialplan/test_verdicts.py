"""What answered: every kind ends in the right word from the dialplan, and only machines are hung up on."""

from __future__ import annotations

import pytest

from tests.telephony.dialplan.floor import Floor

pytestmark = pytest.mark.telephony


@pytest.mark.parametrize(
    ("number", "verdict"),
    [
        ("+12025550200", "MACHINE"),
        ("+12025550300", "FAX"),
        ("+12025550700", "FAX"),
        ("+12025550400", "SIT"),
    ],
    ids=["voicemail", "fax answering", "fax calling", "intercept tones"],
)
async def test_a_machine_is_named_and_hung_up_on(floor: Floor, number: str, verdict: str) -> None:
    attempt = await floor.call(number, FD_AMD="1")
    heard = await floor.verdict(attempt)
    ended = await floor.gone(attempt)
    assert heard["Verdict"] == verdict
    assert ended["Cause"] == "16"
    assert not floor.dialer.seen(UserEvent="FairdialTreatment", Attempt=attempt)


@pytest.mark.parametrize(
    ("number", "verdict"),
    [("+12025550100", "HUMAN"), ("+12025550500", "NOTSURE")],
    ids=["says hello", "says nothing"],
)
async def test_a_person_is_kept_until_the_deadline(floor: Floor, number: str, verdict: str) -> None:
    attempt = await floor.call(number, FD_AMD="1", FD_CONNECT_S="0.5", FD_TREATMENT="hangup")
    heard = await floor.verdict(attempt)
    treated = await floor.dialer.until(UserEvent="FairdialTreatment", Attempt=attempt)
    assert heard["Verdict"] == verdict
    assert heard["Cause"]
    assert treated.at - heard.at >= 0.45


async def test_the_answer_is_told_before_anything_else(floor: Floor) -> None:
    attempt = await floor.call("+12025550100", FD_AMD="1")
    answered = await floor.dialer.until(UserEvent="FairdialAnswered", Attempt=attempt)
    judged = await floor.verdict(attempt)
    assert answered["Uniqueid"] == attempt
    assert answered.at < judged.at


async def test_without_detection_the_answer_is_the_verdict(floor: Floor) -> None:
    attempt = await floor.call("+12025550100")
    heard = await floor.verdict(attempt)
    assert (heard["Verdict"], heard["Cause"]) == ("OFF", "off")


async def test_a_hangup_during_detection_is_told(floor: Floor) -> None:
    attempt = await floor.call("+12025550100", FD_AMD="1")
    await floor.dialer.until(UserEvent="FairdialAnswered", Attempt=attempt)
    channel = await floor.channel_of(floor.carrier, "0100")
    await floor.carrier.send("Hangup", Channel=channel)
    heard = await floor.verdict(attempt)
    assert heard["Verdict"] == "HANGUP"
