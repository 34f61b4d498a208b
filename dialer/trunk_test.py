"""One call over one trunk, to see what the carrier says: `dialer trunk test`. It is no attempt and counts as nothing.

It passes the number wall like every other call, so it leaves this machine only by a trunk that is live. Whoever
answers hears who called, and the call ends.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from prometheus_client import CollectorRegistry

from dialer.ami.actions import Originate
from dialer.ami.client import AmiClient, AmiSettings
from dialer.ami.codec import AmiMessage
from dialer.ami.event_queue import ClientEvent, Received
from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.instance import AMI_USER, Instance
from dialer.asterisk.settings import SipTrunk
from dialer.number_wall import NumberWall
from dialer.switch_events import WANTED_EVENTS, status_in
from domain.clock import Clock
from domain.phone import PhoneNumber

CONNECT_S: Final = 10.0
RING_S: Final = 40.0
DEADLINE_S: Final = 75.0
"""Ringing, the identification, and what a slow carrier takes to say goodbye."""
ANSWERED: Final = 200


@dataclass(frozen=True, slots=True)
class TrunkTest:
    """What the carrier said.

    Attributes:
        sip_status: 200 for an answer; None when nothing was sent or nothing came back.
        post_dial_s: from the order to the first 180 or 183; None when there was none.
        answered_s: from the order to the answer.
        codec: what the call was answered with.
        cause: Q.850 cause of the end; None when Asterisk could not make the call.
    """

    sip_status: int | None = None
    post_dial_s: float | None = None
    answered_s: float | None = None
    codec: str = ""
    cause: int | None = None


async def place(
    instance: Instance, trunk: SipTrunk, number: PhoneNumber, caller_id: PhoneNumber, wall: NumberWall, clock: Clock
) -> TrunkTest:
    """Call the number and wait for the end.

    Raises:
        RefusedNumberError: the number, or any number over this trunk, may not be called.
        AmiError: Asterisk's control connection does not work.
        AsteriskError: the call did not end in time.
    """
    wall.check(number, trunk)
    settings = AmiSettings(AMI_USER, instance.ami_secret, port=instance.ports.ami, wanted=WANTED_EVENTS)
    client = AmiClient(settings, clock=clock, rng=random.Random(), registry=CollectorRegistry())  # noqa: S311  # jitter
    client.connect()
    try:
        await client.wait_connected(CONNECT_S)
        channel = f"trunk-test-{secrets.token_hex(8)}"
        async with asyncio.timeout(DEADLINE_S):
            began = clock.monotonic()
            await client.send(_order(channel, trunk, number, caller_id), action_id=channel)
            return await _follow(client.events(), channel, began)
    except TimeoutError:
        raise AsteriskError(f"the call did not end within {DEADLINE_S:g} s; `dialer asterisk status`") from None
    finally:
        await client.stop()


def _order(channel: str, trunk: SipTrunk, number: PhoneNumber, caller_id: PhoneNumber) -> Originate:
    return Originate(
        channel=f"PJSIP/{trunk.dialed(number)}@{trunk.name}",
        channel_id=channel,
        context="fd-trunk-test",
        exten="s",
        timeout_ms=round(RING_S * 1000),
        caller_id=trunk.shown(caller_id),
    )


async def _follow(events: AsyncIterator[ClientEvent], channel: str, began: float) -> TrunkTest:
    told = TrunkTest()
    async for item in events:
        if isinstance(item, Received):
            told, over = _take(told, item.message, channel, item.at - began)
            if over:
                return told
    raise AsteriskError("Asterisk's control connection ended during the call; `dialer asterisk status`")


def _take(told: TrunkTest, message: AmiMessage, channel: str, after_s: float) -> tuple[TrunkTest, bool]:
    """What an event adds, and whether the call is over."""
    match message.event_name:
        case "DialState" if message.text("DestUniqueid") == channel and told.post_dial_s is None:
            rings = message.text("DialStatus") in {"RINGING", "PROGRESS"}
            return (replace(told, post_dial_s=after_s) if rings else told), False
        case "UserEvent" if message.text("Call") == channel:
            codec = message.text("Codec").strip("()")
            return replace(told, sip_status=ANSWERED, answered_s=after_s, codec=codec), False
        case "Hangup" if message.text("Uniqueid") == channel:
            status = told.sip_status or status_in(message.text("TechCause"))
            return replace(told, sip_status=status, cause=int(message.text("Cause") or 0)), True
        case "OriginateResponse" if message.reply_to == channel and message.text("Response") == "Failure":
            # A busy line says Failure too, before or after its Hangup; only without a channel is this the end.
            return told, message.text("Channel") == "" or message.text("Uniqueid") in {"", "<null>"}
        case _:
            return told, False
