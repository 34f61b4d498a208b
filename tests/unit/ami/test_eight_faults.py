"""One test per fault of unchanged panoramisk 1.4, each of which ours must not have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from panoramisk import Manager
from prometheus_client import CollectorRegistry

from dialer.ami.actions import Originate, Ping, Setvar
from dialer.ami.client import AmiClient
from dialer.ami.codec import AmiMessage
from dialer.ami.errors import AmiError, CloseReason, ConnectionClosedError, InvalidActionError
from dialer.ami.event_queue import Connected, Disconnected, Received
from dialer.testing.ami_peer import AmiPeer, ignore

pytestmark = pytest.mark.unit

ORIGINATE = Originate("PJSIP/15550100@loop", "0" * 32, "fd-answered", "s", 30_000)


async def events_until(client: AmiClient, last: str) -> list[str]:
    """Names of the events up to and with `last`; the link's own news by the name of its type."""
    names = []
    async with asyncio.timeout(5):
        async for event in client.events():
            names.append(event.message.event_name if isinstance(event, Received) else type(event).__name__)
            if names[-1] == last:
                break
    return names


def test_ours_is_panoramisks_manager() -> None:
    assert issubclass(AmiClient, Manager)


async def test_1_an_originate_cut_off_before_its_answer_is_never_sent_again(peer: AmiPeer, client: AmiClient) -> None:
    def cut(peer: AmiPeer, action: dict[str, str]) -> None:
        peer.drop()

    peer.scripts["Originate"] = cut

    with pytest.raises(ConnectionClosedError) as caught:
        await client.send(ORIGINATE)
    await peer.heard("Login", times=2)
    await client.wait_connected(5)
    await client.send(Ping())

    assert caught.value.maybe_done is True
    assert len(peer.actions("Originate")) == 1


async def test_2_a_connection_lost_after_queued_leaves_nobody_waiting(peer: AmiPeer, client: AmiClient) -> None:
    peer.scripts["Originate"] = lambda peer, action: peer.respond(action, ("Message", "Originate successfully queued"))

    reply = await client.send(ORIGINATE)
    peer.scripts["Setvar"] = ignore
    waiting = asyncio.create_task(client.send(Setvar("1", "X", "1"), deadline_s=60))
    await peer.heard("Setvar")
    peer.drop()

    assert reply.response.text("message") == "Originate successfully queued"
    with pytest.raises(ConnectionClosedError):
        await asyncio.wait_for(waiting, 5)


async def test_3_an_observer_that_raises_costs_neither_connection_nor_packet(
    peer: AmiPeer, client: AmiClient, registry: CollectorRegistry
) -> None:
    def broken(client: AmiClient, event: AmiMessage) -> None:
        raise RuntimeError("bug")

    heard: list[str] = []
    client.register_event("Hang*", broken)
    client.register_event("*", lambda client, event: heard.append(event.event_name))

    peer.send_raw(b"Event: Hangup\r\n\r\nEvent: BridgeEnter\r\n\r\n")

    assert (await events_until(client, "BridgeEnter"))[-2:] == ["Hangup", "BridgeEnter"]
    assert heard == ["Hangup", "BridgeEnter"]
    assert registry.get_sample_value("dialer_ami_listener_errors_total") == 1.0
    assert peer.connections == 1


async def test_3_a_consumer_that_raises_costs_nothing_but_its_own_event(peer: AmiPeer, client: AmiClient) -> None:
    peer.send_raw(b"Event: Hangup\r\n\r\nEvent: BridgeEnter\r\n\r\n")

    async def consume() -> None:
        async for _ in client.events():
            raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        await consume()

    assert (await events_until(client, "BridgeEnter"))[-2:] == ["Hangup", "BridgeEnter"]
    assert client.is_connected


async def test_4_a_value_with_line_breaks_reaches_nobody(peer: AmiPeer, client: AmiClient) -> None:
    poison = "x\r\n\r\nAction: Command\r\nCommand: core stop now"

    with pytest.raises(InvalidActionError):
        await client.send(Setvar("1", "X", poison))
    await client.send(Ping())

    assert [action["Action"] for action in peer.received] == ["Login", "Ping"]


async def test_5_a_peer_that_stops_answering_ping_is_noticed(
    peer: AmiPeer, make_client: Callable[..., AmiClient]
) -> None:
    client = make_client(peer.port, ping_interval_s=0.02, ping_deadline_s=0.05)
    await client.wait_connected(5)
    peer.scripts["Ping"] = ignore

    assert (await events_until(client, "Disconnected"))[-1] == "Disconnected"
    assert peer.connections >= 1
    assert client.last_close is None or client.last_close.reason is CloseReason.PEER_DEAD


async def test_6_a_character_split_over_two_reads_is_not_lost(
    peer: AmiPeer, client: AmiClient, half_read: Callable[[AmiClient], Awaitable[None]]
) -> None:
    names: list[str] = []
    client.register_event("Newchannel", lambda client, event: names.append(event.text("CallerIDName")))
    data = "Event: Newchannel\r\nCallerIDName: José\r\n\r\n".encode()
    cut = data.index(b"\xa9")

    peer.send_raw(data[:cut])
    await half_read(client)
    peer.send_raw(data[cut:])
    await events_until(client, "Newchannel")

    assert names == ["José"]


async def test_7_consecutive_events_are_handled_in_order(peer: AmiPeer, client: AmiClient) -> None:
    for number in range(50):
        peer.event("Hangup", Uniqueid=str(number))
    peer.event("Last")
    handled: list[str] = []

    async with asyncio.timeout(5):
        async for event in client.events():
            if isinstance(event, Received):
                await asyncio.sleep(0.001 * (len(handled) % 2 == 0))  # every other one takes longer
                handled.append(event.message.text("Uniqueid"))
                if event.message.event_name == "Last":
                    break

    assert handled[:-1] == [str(number) for number in range(50)]


async def test_7_an_observer_that_would_run_out_of_order_is_refused(client: AmiClient) -> None:
    async def slow(client: AmiClient, event: AmiMessage) -> None:
        """Would be a free task per event."""

    with pytest.raises(TypeError, match="events"):
        client.register_event("Hangup", slow)  # type: ignore[arg-type]


async def test_8_an_originate_response_reaches_everybody(peer: AmiPeer, client: AmiClient) -> None:
    def originate(peer: AmiPeer, action: dict[str, str]) -> None:
        peer.respond(action, ("Message", "Originate successfully queued"))
        peer.event("OriginateResponse", ActionID=action["ActionID"], Response="Failure", Reason="0", Uniqueid="x")

    observed: list[str] = []
    client.register_event("OriginateResponse", lambda client, event: observed.append(event.text("Reason")))
    peer.scripts["Originate"] = originate

    await client.send(ORIGINATE)

    assert (await events_until(client, "OriginateResponse"))[-1] == "OriginateResponse"
    assert observed == ["0"]


async def test_the_unchanged_library_does_send_an_originate_again(peer: AmiPeer) -> None:
    """The first fault, shown, so that the day it is repaired upstream is noticed."""

    def cut(peer: AmiPeer, action: dict[str, str]) -> None:
        del peer.scripts["Originate"]
        peer.drop()

    peer.scripts["Originate"] = cut
    manager = Manager(host="127.0.0.1", port=peer.port, username="engine", secret="secret", reconnect_timeout=0)
    await manager.connect()
    await peer.heard("Login")

    future = manager.send_action({"Action": "Originate", "Channel": "PJSIP/15550100@loop"})
    async with asyncio.timeout(5):
        again = await peer.heard("Originate", times=2)

    assert again["ActionID"] == peer.actions("Originate")[0]["ActionID"]
    assert peer.connections == 2
    manager.close()
    future.cancel()
    with suppress(AmiError, asyncio.CancelledError):
        await future


def test_the_kinds_of_link_news_are_distinct() -> None:
    assert Connected(0.0, "11") != Disconnected(0.0, CloseReason.REQUESTED, "11")
