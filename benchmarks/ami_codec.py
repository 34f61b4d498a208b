"""How many events a second one core takes from the manager interface: ours beside unchanged panoramisk.

The same stream goes through every row in the same run: calls of 34 events each, as an Asterisk without event filters
sends them for a call with machine detection, of which the engine wants seven. Each row is the median of several passes;
the passes of the rows alternate, so that a busy machine slows them all alike.

    python -m benchmarks.ami_codec [events] [passes]
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable

from panoramisk import Manager
from panoramisk.ami_protocol import AMIProtocol
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table

from dialer.ami.codec import AmiCodec, AmiMessage
from dialer.ami.connection import AmiConnection
from dialer.ami.event_queue import EventQueue, Received
from dialer.ami.metrics import AmiMetrics
from dialer.switch_events import WANTED_EVENTS, SwitchEvents
from domain.clock import SystemClock

READ = 64 * 1024
GOAL = 100_000
GREETING = b"Asterisk Call Manager/11.0.0\r\n"
CALL = (
    ["Newchannel", "NewCallerid", "DialBegin", "Newstate", "DialState", "DialEnd", "OriginateResponse"]
    + ["VarSet"] * 7
    + ["Newexten"] * 9
    + ["UserEvent", "UserEvent", "BridgeCreate", "BridgeEnter", "RTCPSent", "RTCPReceived", "DeviceStateChange"]
    + ["BridgeLeave", "HangupRequest", "SoftHangupRequest", "Hangup"]
)


def stream(events: int) -> bytes:
    """That many events of 18 headers each."""
    blocks = [GREETING]
    for number in range(events):
        name, unique = CALL[number % len(CALL)], f"{number // len(CALL):032x}"
        headers = {
            "Event": name,
            "Privilege": "call,all",
            "SequenceNumber": str(number),
            "Channel": f"PJSIP/carrier-{number // len(CALL):08x}",
            "ChannelState": "6",
            "ChannelStateDesc": "Up",
            "CallerIDNum": "12025550100",
            "CallerIDName": "<unknown>",
            "ConnectedLineNum": "12125550132",
            "ConnectedLineName": "José",
            "Language": "en",
            "AccountCode": "",
            "Context": "fd-answered",
            "Exten": "s",
            "Priority": "7",
            "Uniqueid": unique,
            "Linkedid": unique,
            "Cause": "16",
        }
        if name == "UserEvent":
            headers |= {"UserEvent": "FairdialVerdict", "Attempt": unique, "Verdict": "HUMAN", "Cause": "HUMAN-819-800"}
        blocks.append("".join(f"{key}: {value}\r\n" for key, value in headers.items()).encode() + b"\r\n")
    return b"".join(blocks)


def panoramisk(reads: list[bytes], patterns: int) -> None:
    """Unchanged: its protocol, its manager, and observers that do nothing."""
    manager = Manager()
    names = [*sorted(WANTED_EVENTS), *(f"Other{n}" for n in range(20))][:patterns]
    for name in names:
        manager.register_event(name, lambda *_: None)
    protocol = AMIProtocol()
    protocol.connection_made(None)
    protocol.factory, protocol.encoding = manager, "utf8"
    for read in reads:
        protocol.data_received(read)


def plain(reads: list[bytes]) -> None:
    """The least that could be done: split and partition everything into dicts."""
    rest = b""
    for read in reads:
        *blocks, rest = (rest + read).split(b"\r\n\r\n")
        for block in blocks:
            dict(line.partition(": ")[::2] for line in block.decode("utf-8", "replace").split("\r\n"))


def codec(reads: list[bytes], wanted: frozenset[str] | None) -> None:
    """Ours: bytes to messages."""
    ours = AmiCodec(wanted)
    for read in reads:
        ours.feed(read)


async def _whole(reads: list[bytes]) -> None:
    """Ours, all the way: connection, bounded queue, metrics, and the translation into the engine's events."""
    clock, metrics = SystemClock(), AmiMetrics(CollectorRegistry())
    queue = EventQueue(100_000, (), clock, metrics)
    translation = SwitchEvents(["carrier"])

    def take(message: AmiMessage) -> bool:
        return queue.put(Received(clock.monotonic(), message))

    connection = AmiConnection(AmiCodec(WANTED_EVENTS), take, metrics)
    for read in reads:
        connection.data_received(read)
        while len(queue):
            event = await anext(queue)
            if isinstance(event, Received):
                translation.take(event.message, event.at)


def seconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    passes = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    data = stream(events)
    reads = [data[start : start + READ] for start in range(0, len(data), READ)]
    rows: dict[str, Callable[[], None]] = {
        "panoramisk 1.4 unchanged, 12 patterns": lambda: panoramisk(reads, 12),
        "panoramisk 1.4 unchanged, 1 pattern": lambda: panoramisk(reads, 1),
        "plain split into dicts, nothing else": lambda: plain(reads),
        "our codec, every event parsed": lambda: codec(reads, None),
        "our codec, unwanted events filtered": lambda: codec(reads, WANTED_EVENTS),
        "ours to the engine's events, filtered": lambda: asyncio.run(_whole(reads)),
    }
    taken: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(passes):
        for name, run in rows.items():
            taken[name].append(seconds(run))
    rates = {name: events / statistics.median(times) for name, times in taken.items()}
    first = next(iter(rates.values()))
    share = sum(name in WANTED_EVENTS for name in CALL) / len(CALL)
    table = Table(title=f"AMI events a second, one core ({events:,} events, {share:.0%} wanted, median of {passes})")
    for heading in ("", "events/s", "against panoramisk"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}", f"{rate / first:.1f} x")
    Console(width=100).print(table)
    filtered = rates["our codec, unwanted events filtered"]
    print(f"goal: {GOAL:,} events/s with unwanted events filtered: {'met' if filtered >= GOAL else 'MISSED'}")


if __name__ == "__main__":
    main()
