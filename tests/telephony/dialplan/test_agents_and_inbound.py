"""Agents' keys and sign-in by phone, calls that come in, and what the control connection may not do."""

from __future__ import annotations

import pytest

from tests.telephony.dialplan.floor import OWN_NUMBER, Floor

pytestmark = pytest.mark.telephony


async def call_in(floor: Floor, number: str, context: str) -> None:
    """Somebody calls through the carrier."""
    contact = f"sip:{number}@127.0.0.1:{floor.exchange.dialer.ports.sip}"
    await floor.carrier.send(
        "Originate",
        Channel=f"PJSIP/fairdial/{contact}",
        Context=context,
        Exten="s",
        Priority="1",
        Async="true",
        CallerID="+12025550142",
    )


async def test_a_number_that_is_not_ours_is_refused(floor: Floor) -> None:
    await call_in(floor, "+12025559999", "listen")
    ended = await floor.carrier.until(Event="Hangup")
    assert ended["TechCause"] == "404"
    assert not floor.dialer.seen(UserEvent="FairdialInbound")


async def test_a_trunk_cannot_reach_the_dialers_own_contexts(floor: Floor) -> None:
    await call_in(floor, "s", "listen")
    ended = await floor.carrier.until(Event="Hangup")
    assert ended["TechCause"] == "404"


@pytest.mark.parametrize("number", [OWN_NUMBER.e164, OWN_NUMBER.digits])
async def test_a_call_back_is_answered_told_and_can_opt_out(floor: Floor, number: str) -> None:
    await call_in(floor, number, "press9")
    began = await floor.dialer.until(UserEvent="FairdialInbound")
    key = await floor.dialer.until(UserEvent="FairdialKey", Attempt=began["Call"])
    await floor.gone(began["Call"])
    assert (began["Called"], began["Caller"]) == (OWN_NUMBER.digits, "12025550142")
    assert key["Key"] == "9"


async def test_keys_are_told_while_waiting_and_while_bridged(floor: Floor) -> None:
    leg = await floor.agent("carol")
    await floor.key("carol", "4")
    await floor.dialer.until(Event="DTMFEnd", Uniqueid=leg, Digit="4", Direction="Received")
    attempt = await floor.call("+12025550101")
    await floor.verdict(attempt)
    await floor.join(attempt, leg)
    await floor.key("carol", "7")
    await floor.dialer.until(Event="DTMFEnd", Uniqueid=leg, Digit="7", Direction="Received")


async def test_an_agent_signs_in_by_phone(floor: Floor) -> None:
    contact = f"sip:*1@127.0.0.1:{floor.exchange.dialer.ports.sip}"
    await floor.phones.send(
        "Originate",
        Channel=f"PJSIP/dials-dave/{contact}",
        Context="listen",
        Exten="s",
        Priority="1",
        Async="true",
    )
    signed = await floor.dialer.until(UserEvent="FairdialSignIn")
    attempt = await floor.call("+12025550101")
    await floor.verdict(attempt)
    await floor.join(attempt, signed["Leg"])
    assert signed["Agent"] == "dave"


async def test_the_control_connection_may_not_run_commands(floor: Floor) -> None:
    with pytest.raises(AssertionError, match="Permission denied"):
        await floor.dialer.send("Command", Command="core show version")


async def test_the_log_holds_no_number(floor: Floor) -> None:
    attempt = await floor.call("+12025550101", FD_CONNECT_S="0.1", FD_TREATMENT="hangup")
    await floor.gone(attempt)
    assert "2025550" not in floor.exchange.dialer.log_tail()
