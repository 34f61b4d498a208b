"""The client against a peer that misbehaves. The eight faults of the unchanged library are in test_eight_faults."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from dialer.ami.actions import CoreShowChannels, Hangup, Originate, Ping, Redirect
from dialer.ami.client import AmiClient, backoff_s
from dialer.ami.errors import (
    ActionRefusedError,
    ActionTimeoutError,
    AmiError,
    CloseReason,
    ConnectionClosedError,
    InvalidActionError,
    NotConnectedError,
)
from dialer.ami.event_queue import Connected, Disconnected, Received
from dialer.testing.ami_peer import AmiPeer, block, hang_up, ignore, refuse

pytestmark = pytest.mark.unit

MakeClient = Callable[..., AmiClient]


async def next_event(client: AmiClient) -> Received | Connected | Disconnected:
    async with asyncio.timeout(5):
        return await anext(client.events())


async def next_named(client: AmiClient, name: str) -> Received:
    while True:
        event = await next_event(client)
        if isinstance(event, Received) and event.message.event_name == name:
            return event


async def next_disconnect(client: AmiClient) -> Disconnected:
    while True:
        event = await next_event(client)
        if isinstance(event, Disconnected):
            return event


# --- getting in -------------------------------------------------------------------------------------------------------


async def test_a_wrong_secret_says_so_at_once(peer: AmiPeer, make_client: MakeClient) -> None:
    peer.scripts["Login"] = refuse("Authentication failed")
    client = make_client(peer.port)

    with pytest.raises(NotConnectedError, match="refuses our secret") as caught:
        await client.wait_connected(5)

    assert caught.value.reason is CloseReason.AUTH_FAILED


async def test_a_secret_put_right_is_taken_without_a_restart(peer: AmiPeer, make_client: MakeClient) -> None:
    good = peer.scripts.pop("Login")
    peer.scripts["Login"] = refuse("Authentication failed")
    client = make_client(peer.port)
    await peer.heard("Login", times=2)

    peer.scripts["Login"] = good

    assert isinstance(await next_event(client), Connected)


async def test_nobody_listening_is_a_connect_failure(peer: AmiPeer, make_client: MakeClient) -> None:
    port = peer.port
    await peer.stop_listening()
    client = make_client(port)

    with pytest.raises(NotConnectedError) as caught:
        await client.wait_connected(0.1)

    assert caught.value.reason is CloseReason.CONNECT_FAILED


async def test_a_peer_that_is_no_asterisk_is_told_apart(make_client: MakeClient) -> None:
    async with AmiPeer(greeting=b"220 mail.example ESMTP\r\n") as peer:
        client = make_client(peer.port)

        with pytest.raises(NotConnectedError, match="host and port") as caught:
            await client.wait_connected(0.2)

    assert caught.value.reason is CloseReason.NOT_AMI
    assert peer.received == []


async def test_a_peer_that_never_greets_is_given_up(make_client: MakeClient) -> None:
    async with AmiPeer(greeting=b"") as peer:
        client = make_client(peer.port, setup_deadline_s=0.05)

        with pytest.raises(NotConnectedError) as caught:
            await client.wait_connected(0.5)

    assert caught.value.reason is CloseReason.NOT_AMI


async def test_an_asterisk_still_starting_is_tried_again(peer: AmiPeer, make_client: MakeClient) -> None:
    ready = peer.scripts["Login"]
    peer.scripts["Login"] = lambda peer, action: peer.respond(action)
    client = make_client(peer.port, setup_deadline_s=0.05)
    await peer.heard("Login", times=2)
    assert client.last_close is not None
    assert client.last_close.reason is CloseReason.NOT_BOOTED

    peer.scripts["Login"] = ready

    assert isinstance(await next_event(client), Connected)


async def test_a_login_that_is_not_answered_is_given_up(peer: AmiPeer, make_client: MakeClient) -> None:
    peer.scripts["Login"] = ignore
    client = make_client(peer.port, setup_deadline_s=0.05)

    await peer.heard("Login", times=2)

    assert client.last_close is not None
    assert client.last_close.reason is CloseReason.PEER_DEAD


async def test_filters_that_asterisk_refuses_leave_the_connection_up(peer: AmiPeer, make_client: MakeClient) -> None:
    peer.scripts["Filter"] = refuse("Permission denied")
    client = make_client(peer.port, wanted=frozenset({"Hangup"}), filter_at_asterisk=True)

    await client.wait_connected(5)

    peer.event("RTCPSent")
    peer.event("Hangup")
    assert (await next_named(client, "Hangup")).message.text("event") == "Hangup"


async def test_each_wanted_event_is_asked_for_after_the_login(peer: AmiPeer, make_client: MakeClient) -> None:
    client = make_client(peer.port, wanted=frozenset({"Hangup", "BridgeEnter"}), filter_at_asterisk=True)

    await client.wait_connected(5)

    assert [f["MatchCriteria"] for f in peer.actions("Filter")] == [
        "action(include),name(BridgeEnter)",
        "action(include),name(Hangup)",
    ]


# --- orders -----------------------------------------------------------------------------------------------------------


async def test_an_order_without_a_connection_is_refused_and_not_kept(peer: AmiPeer, make_client: MakeClient) -> None:
    peer.scripts["Login"] = ignore
    client = make_client(peer.port)
    await peer.heard("Login")

    with pytest.raises(NotConnectedError) as caught:
        await client.send(Hangup("1"))

    assert caught.value.maybe_done is False
    assert peer.actions("Hangup") == []


async def test_an_order_that_asterisk_refuses_was_not_done(peer: AmiPeer, client: AmiClient) -> None:
    peer.scripts["Redirect"] = refuse("No such channel")

    with pytest.raises(ActionRefusedError, match="No such channel") as caught:
        await client.send(Redirect("1", "fd-hold", "s"))

    assert caught.value.maybe_done is False
    assert caught.value.detail == "No such channel"


async def test_every_order_has_a_deadline_and_a_late_answer_is_an_orphan(
    peer: AmiPeer, client: AmiClient, registry: CollectorRegistry
) -> None:
    peer.scripts["Hangup"] = ignore

    with pytest.raises(ActionTimeoutError) as caught:
        await client.send(Hangup("1"), deadline_s=0.02)
    peer.respond(peer.actions("Hangup")[0])
    peer.send(("Response", "Success"), ("ActionID", "of-nobody"))
    await client.send(Ping())

    assert caught.value.maybe_done is True
    assert registry.get_sample_value("dialer_ami_orphan_responses_total") == 2.0
    assert client.is_connected


async def test_an_order_cut_off_after_it_was_written_may_have_been_done(peer: AmiPeer, client: AmiClient) -> None:
    peer.scripts["Redirect"] = hang_up

    with pytest.raises(ConnectionClosedError) as caught:
        await client.send(Redirect("1", "fd-hold", "s"))

    assert caught.value.maybe_done is True
    assert caught.value.reason is CloseReason.CONNECTION_BROKEN


async def test_an_order_that_never_left_was_not_done(client: AmiClient) -> None:
    # The peer reads nothing: asyncio tells the protocol to pause, and the order waits.
    assert client._connection is not None
    client._connection.pause_writing()

    with pytest.raises(ActionTimeoutError) as late:
        await client.send(Hangup("1"), deadline_s=0.02)
    waiting = asyncio.create_task(client.send(Hangup("2")))
    await asyncio.sleep(0)
    client.close()
    with pytest.raises(ConnectionClosedError) as closed:
        await waiting

    assert late.value.maybe_done is False
    assert closed.value.maybe_done is False
    assert closed.value.reason is CloseReason.REQUESTED


async def test_orders_may_be_answered_in_any_order(peer: AmiPeer, client: AmiClient) -> None:
    peer.scripts["Hangup"] = ignore
    first, second = (asyncio.create_task(client.send(Hangup(name))) for name in "ab")
    await peer.heard("Hangup", times=2)

    for action in reversed(peer.actions("Hangup")):
        peer.respond(action, ("Message", action["Channel"]))

    assert [(await task).response.text("message") for task in (first, second)] == ["a", "b"]


async def test_a_list_is_gathered_whole_while_other_events_pass_by(peer: AmiPeer, client: AmiClient) -> None:
    def listed(peer: AmiPeer, action: dict[str, str]) -> None:
        tag = action["ActionID"]
        peer.respond(action, ("EventList", "start"), ("Message", "Channels will follow"))
        peer.event("CoreShowChannel", ActionID=tag, Uniqueid="1")
        peer.event("Hangup", Uniqueid="9")
        peer.event("CoreShowChannel", ActionID=tag, Uniqueid="2")
        peer.event("CoreShowChannelsComplete", ActionID=tag, EventList="Complete", ListItems="2")

    peer.scripts["CoreShowChannels"] = listed

    reply = await client.send(CoreShowChannels())

    assert [item.text("Uniqueid") for item in reply.items] == ["1", "2"]
    assert (await next_named(client, "Hangup")).message.text("Uniqueid") == "9"


async def test_a_list_cut_off_in_the_middle_is_an_error(peer: AmiPeer, client: AmiClient) -> None:
    def cut(peer: AmiPeer, action: dict[str, str]) -> None:
        peer.respond(action, ("EventList", "start"))
        peer.event("CoreShowChannel", ActionID=action["ActionID"], Uniqueid="1")

    peer.scripts["CoreShowChannels"] = cut

    with pytest.raises(ActionTimeoutError):
        await client.send(CoreShowChannels(), deadline_s=0.05)


async def test_a_question_is_asked_again_on_the_next_connection(peer: AmiPeer, client: AmiClient) -> None:
    def once(peer: AmiPeer, action: dict[str, str]) -> None:
        del peer.scripts["Ping"]
        peer.drop()

    peer.scripts["Ping"] = once

    reply = await client.ask(Ping(), deadline_s=5)

    assert reply.response.success
    assert peer.connections == 2


async def test_what_may_never_be_repeated_cannot_be_asked(client: AmiClient) -> None:
    with pytest.raises(InvalidActionError, match="never be sent twice"):
        await client.ask(Hangup("1"), deadline_s=1)


async def test_the_old_door_takes_no_plain_dict(client: AmiClient) -> None:
    with pytest.raises(InvalidActionError):
        client.send_action({"Action": "Command", "Command": "core stop now"})
    with pytest.raises(InvalidActionError):
        client.send_command("core stop now")

    assert (await client.send_action(Ping())).response.success


# --- the connection goes ----------------------------------------------------------------------------------------------


async def test_a_half_open_peer_is_noticed_and_left(peer: AmiPeer, make_client: MakeClient) -> None:
    client = make_client(peer.port, ping_interval_s=0.02, ping_deadline_s=0.05)
    await client.wait_connected(5)
    peer.is_silent = True

    assert (await next_disconnect(client)).reason is CloseReason.PEER_DEAD


async def test_a_peer_closing_in_the_middle_of_a_message_gives_no_half_message(
    peer: AmiPeer, client: AmiClient, half_read: Callable[[AmiClient], Awaitable[None]]
) -> None:
    peer.event("Hangup", Uniqueid="whole")
    await next_named(client, "Hangup")
    peer.send_raw(b"Event: Hangup\r\nUniqueid: ha")
    await half_read(client)
    peer.drop()

    event = await next_event(client)

    assert isinstance(event, Disconnected)
    assert event.reason is CloseReason.CONNECTION_BROKEN


async def test_garbage_and_giant_lines_do_not_end_the_connection(
    peer: AmiPeer, client: AmiClient, registry: CollectorRegistry
) -> None:
    peer.send_raw(b"\xff\xfe\x00garbage\r\n\r\n")
    peer.send_raw(b"Event: Giant\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n")
    peer.event("Hangup", CallerIDName="José")

    assert (await next_named(client, "Hangup")).message.text("CallerIDName") == "José"
    assert registry.get_sample_value("dialer_ami_dropped_blocks_total", {"kind": "garbage"}) == 1.0
    assert registry.get_sample_value("dialer_ami_dropped_blocks_total", {"kind": "oversized"}) == 1.0
    assert peer.connections == 1


async def test_the_going_and_coming_of_the_connection_is_told_in_order(peer: AmiPeer, client: AmiClient) -> None:
    peer.event("Hangup", Uniqueid="1")
    await next_named(client, "Hangup")
    peer.event("Hangup", Uniqueid="2")
    await client.send(Ping())
    peer.drop()
    await peer.heard("Login", times=2)

    kinds = [type(await next_event(client)) for _ in range(3)]

    assert kinds == [Received, Disconnected, Connected]


async def test_after_stop_the_consumer_ends_and_nobody_reconnects(peer: AmiPeer, client: AmiClient) -> None:
    await client.stop()

    kinds = [type(event) async for event in client.events()]

    assert kinds == [Connected, Disconnected]
    assert peer.connections == 1
    with pytest.raises(NotConnectedError):
        await client.wait_connected(1)


# --- the queue --------------------------------------------------------------------------------------------------------


async def test_a_consumer_that_cannot_follow_loses_the_connection_not_the_order(
    peer: AmiPeer, make_client: MakeClient, registry: CollectorRegistry
) -> None:
    client = make_client(peer.port, queue_limit=8, sheddable=frozenset({"Newstate"}))
    await client.wait_connected(5)
    for number in range(12):
        peer.event("Newstate", Uniqueid=str(number))
    await client.send(Ping())
    assert client.is_connected
    peer.scripts["Hangup"] = lambda peer, action: [peer.event("Hangup", Uniqueid=str(number)) for number in range(12)]
    with pytest.raises(ConnectionClosedError) as caught:
        await client.send(Hangup("1"))

    seen = []
    async with asyncio.timeout(5):
        async for event in client.events():
            seen.append(event)
            if isinstance(event, Disconnected):
                break

    assert caught.value.reason is CloseReason.OVERRUN
    hangups = [e.message.text("Uniqueid") for e in seen if isinstance(e, Received) and e.message.event_name == "Hangup"]
    assert hangups == [str(number) for number in range(len(hangups))]
    assert registry.get_sample_value("dialer_ami_events_total", {"fate": "shed"}) == 7.0
    assert registry.get_sample_value("dialer_ami_queue_depth_max") == 8.0
    assert isinstance(await next_event(client), Connected)


async def test_events_are_consumed_by_one_task_only(client: AmiClient) -> None:
    await next_event(client)
    first = asyncio.create_task(anext(client.events()))
    await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="one task"):
        await anext(client.events())

    first.cancel()


async def test_the_time_between_reading_and_consuming_is_measured(
    peer: AmiPeer, client: AmiClient, registry: CollectorRegistry
) -> None:
    peer.event("Hangup")
    await next_named(client, "Hangup")

    assert registry.get_sample_value("dialer_ami_event_lag_seconds_count") == 2.0
    assert registry.get_sample_value("dialer_ami_queue_depth") == 0.0


@given(attempt=st.integers(0, 10_000), seed=st.integers())
def test_the_pause_before_reconnecting_is_random_and_bounded(attempt: int, seed: int) -> None:
    assert 0.0 <= backoff_s(attempt, 0.2, 5.0, random.Random(seed)) <= min(5.0, 0.2 * 2.0 ** min(attempt, 10))


def test_every_failure_says_whether_it_may_have_been_done() -> None:
    for kind in (ActionRefusedError("", ""), NotConnectedError(""), InvalidActionError("")):
        assert isinstance(kind, AmiError)
        assert kind.maybe_done is False


def test_a_block_of_the_scripted_peer_is_a_block() -> None:
    assert block([("Event", "X"), ("A", "b")]) == b"Event: X\r\nA: b\r\n\r\n"


def test_an_originate_is_never_repeated() -> None:
    assert Originate.repeat.value == "never_repeated"
