"""The switch against a scripted Asterisk: what is written, what is refused, what comes back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from dialer.ami.client import AmiClient, AmiSettings
from dialer.asterisk.settings import NumberFormat, SipTrunk
from dialer.number_wall import NumberWall
from dialer.switch import AsteriskSwitch
from dialer.switch_events import WANTED_EVENTS
from dialer.testing.ami_peer import AmiPeer, Headers, hang_up, ignore, refuse
from domain.clock import SystemClock
from domain.ids import AgentId, AttemptId, LegId
from domain.phone import PhoneNumber
from domain.telephony import (
    Ended,
    LinkDown,
    LinkUp,
    LiveChannel,
    Origination,
    Rang,
    RecordingMode,
    SwitchEvent,
    Telephony,
    TelephonyError,
    Treatment,
)

pytestmark = pytest.mark.unit

A = AttemptId("a" * 32)
L = LegId("1" * 32)
ORDER = Origination(
    attempt=A,
    to=PhoneNumber("+12125550132"),
    caller_id=PhoneNumber("+12025550100"),
    trunk="carrier",
    detect_machine=True,
    connect_within_s=1.2,
    treatment=Treatment.LATE_AGENT,
    late_agent_s=5.0,
    message="callback",
    recording=RecordingMode.ANNOUNCE_THEN_RECORD,
    setup_timeout_s=40.0,
)
TRUNKS = (
    SipTrunk(name="carrier", host="127.0.0.1", number_format=NumberFormat.DIGITS),
    SipTrunk(name="plus", host="127.0.0.1"),
    SipTrunk(name="real", host="192.0.2.1"),
)


@pytest.fixture
async def peer() -> AsyncIterator[AmiPeer]:
    async with AmiPeer() as scripted:
        yield scripted


@pytest.fixture
async def switch(peer: AmiPeer) -> AsyncIterator[AsteriskSwitch]:
    clock, registry = SystemClock(), CollectorRegistry()
    settings = AmiSettings(
        "engine",
        "secret",
        port=peer.port,
        wanted=WANTED_EVENTS,
        deadline_s=0.1,
        backoff_first_s=0.01,
        backoff_cap_s=0.02,
    )
    client = AmiClient(settings, clock=clock, rng=random.Random(1), registry=registry)
    client.connect()
    await client.wait_connected(5)
    yield AsteriskSwitch(client, trunks=TRUNKS, wall=NumberWall(frozenset({"US"})), clock=clock, registry=registry)
    await client.stop()


async def next_events(switch: AsteriskSwitch, count: int) -> list[SwitchEvent]:
    events: list[SwitchEvent] = []
    async with asyncio.timeout(5):
        async for event in switch.events():
            events.append(event)
            if len(events) == count:
                break
    return events


def as_telephony(switch: AsteriskSwitch) -> Telephony:
    """Types only: the switch keeps the protocol."""
    return switch


@pytest.mark.parametrize(
    ("order", "says"),
    [
        pytest.param(replace(ORDER, to=PhoneNumber("+12129111234")), "N11", id="a service number"),
        pytest.param(replace(ORDER, to=PhoneNumber("+33140200000")), "FR", id="a country not listed"),
        pytest.param(replace(ORDER, trunk="real"), "live", id="a trunk that is not live"),
        pytest.param(replace(ORDER, trunk="none"), "no trunk", id="an unknown trunk"),
        pytest.param(replace(ORDER, attempt=AttemptId("1,2")), "32", id="a strange attempt id"),
        pytest.param(replace(ORDER, message="a\r\nAction: x"), "message", id="a strange message name"),
    ],
)
async def test_what_may_not_be_called_is_never_written(
    peer: AmiPeer, switch: AsteriskSwitch, order: Origination, says: str
) -> None:
    with pytest.raises(TelephonyError, match=says) as caught:
        await switch.originate(order)

    assert caught.value.maybe_done is False
    assert peer.actions("Originate") == []


@pytest.mark.parametrize(("script", "maybe_done"), [(refuse("no"), False), (ignore, True), (hang_up, True)])
async def test_a_failed_originate_says_whether_it_may_have_been_made(
    peer: AmiPeer, switch: AsteriskSwitch, script: Callable[[AmiPeer, Headers], object], maybe_done: bool
) -> None:
    peer.scripts["Originate"] = script

    with pytest.raises(TelephonyError) as caught:
        await switch.originate(ORDER)

    assert caught.value.maybe_done is maybe_done


@pytest.mark.parametrize("leg", ["s,1", "../x", "1" * 31, "", "a" * 33, "1.2.3"])
async def test_only_a_channels_id_goes_into_an_extension(peer: AmiPeer, switch: AsteriskSwitch, leg: str) -> None:
    with pytest.raises(TelephonyError):
        await switch.join(A, LegId(leg))
    with pytest.raises(TelephonyError):
        await switch.hang_up(LegId(leg))

    assert peer.actions("Redirect") == peer.actions("Hangup") == []


@pytest.mark.parametrize("agent", ["bob@evil", "bob/1", "bob&alice", "", "bob\r\n"])
async def test_only_a_name_is_rung(peer: AmiPeer, switch: AsteriskSwitch, agent: str) -> None:
    with pytest.raises(TelephonyError, match="agent"):
        await switch.call_agent(AgentId(agent), L)

    assert peer.actions("Originate") == []


async def test_a_channel_already_gone_is_no_error_to_hang_up(peer: AmiPeer, switch: AsteriskSwitch) -> None:
    peer.scripts["Hangup"] = refuse("No such channel")
    await switch.hang_up(A)

    peer.scripts["Hangup"] = refuse("Permission denied")
    with pytest.raises(TelephonyError, match="Permission"):
        await switch.hang_up(A)


async def test_a_join_with_a_person_who_has_gone_is_an_error(peer: AmiPeer, switch: AsteriskSwitch) -> None:
    peer.scripts["Redirect"] = refuse("Channel does not exist")

    with pytest.raises(TelephonyError) as caught:
        await switch.join(A, L)

    assert caught.value.maybe_done is False


async def test_a_call_as_asterisk_gets_it(peer: AmiPeer, switch: AsteriskSwitch) -> None:
    await switch.originate(ORDER)

    [action] = peer.actions("Originate")
    assert action == {
        "Action": "Originate",
        "ActionID": A,
        "Channel": "PJSIP/12125550132@carrier",
        "ChannelId": A,
        "Context": "fd-answered",
        "Exten": "s",
        "Priority": "1",
        "Timeout": "40000",
        "Async": "true",
        "CallerID": "12025550100",
        "Variable": "PJSIP_HEADER(add,P-Asserted-Identity)=<sip:12025550100@127.0.0.1>",
    }


async def test_a_trunk_that_wants_a_plus_gets_it(peer: AmiPeer, switch: AsteriskSwitch) -> None:
    await switch.originate(replace(ORDER, trunk="plus"))

    [action] = peer.actions("Originate")
    assert (action["Channel"], action["CallerID"]) == ("PJSIP/+12125550132@plus", "+12025550100")


async def test_each_order_goes_to_its_context(peer: AmiPeer, switch: AsteriskSwitch) -> None:
    await switch.join(A, L)
    await switch.join(A, LegId("1700000000.12"))
    await switch.hold(A)
    await switch.treat(A, Treatment.MESSAGE)
    await switch.call_agent(AgentId("alice"), L)

    redirects = [(r["Channel"], r["Context"], r["Exten"]) for r in peer.actions("Redirect")]
    assert redirects == [
        (A, "fd-connect", L),
        (A, "fd-connect", "1700000000.12"),
        (A, "fd-hold", "s"),
        (A, "fd-treat-message", "s"),
    ]
    [ring] = peer.actions("Originate")
    assert (ring["Channel"], ring["ChannelId"], ring["Context"]) == ("PJSIP/alice", L, "fd-leg")
    assert ring["Variable"] == "FD_AGENT=alice"


async def test_events_come_in_order_with_the_link(peer: AmiPeer, switch: AsteriskSwitch) -> None:
    await switch.originate(ORDER)
    peer.event("DialState", DestChannel="PJSIP/carrier-1", DestUniqueid=A, DialStatus="RINGING")
    peer.event("Hangup", Channel="PJSIP/carrier-1", Uniqueid=A, ChannelStateDesc="Ringing", Cause="19", TechCause="480")
    peer.scripts["Redirect"] = hang_up
    with pytest.raises(TelephonyError):
        await switch.hold(A)

    events = await next_events(switch, 5)

    assert [type(event) for event in events] == [LinkUp, Rang, Ended, LinkDown, LinkUp]


async def test_an_order_that_never_became_a_channel_ends(peer: AmiPeer, switch: AsteriskSwitch) -> None:
    def fail(peer: AmiPeer, action: Headers) -> None:
        peer.respond(action)
        peer.event("OriginateResponse", ActionID=action["ActionID"], Response="Failure", Reason="0")

    peer.scripts["Originate"] = fail
    await switch.originate(ORDER)

    [_, ended] = await next_events(switch, 2)

    assert isinstance(ended, Ended)
    assert ended.attempt == A


async def test_what_lives_in_asterisk(peer: AmiPeer, switch: AsteriskSwitch) -> None:
    def listed(peer: AmiPeer, action: Headers) -> None:
        tag = action["ActionID"]
        peer.respond(action, ("EventList", "start"))
        peer.event("CoreShowChannel", ActionID=tag, Channel="PJSIP/carrier-1", Uniqueid=A, ChannelStateDesc="Up")
        peer.event("CoreShowChannelsComplete", ActionID=tag)

    peer.scripts["CoreShowChannels"] = listed

    assert await switch.live_channels() == [LiveChannel(A, agent=None, answered=True, joined_with=None)]
