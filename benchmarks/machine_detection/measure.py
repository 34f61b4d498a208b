"""Who is taken for what: truth against verdict of app_amd, for every behaviour that answers.

A second Asterisk calls the test carrier and runs AMD() with the shipped amd.conf on each answer. Run from the checkout:

    python -m benchmarks.machine_detection.measure --calls 40 --rate 8
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

from dialer.asterisk.install import install
from dialer.asterisk.instance import AMI_USER, Instance, Place
from dialer.asterisk.ports import Ports, lease
from dialer.asterisk.registration import wait_registered
from dialer.asterisk.render import TEMPLATES, environment, render_folder
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import MachineDetection, SipTrunk
from dialer.testing.carrier import SHARED, Carrier, CarrierSettings
from dialer.testing.carrier_file import CarrierCall, read_calls
from dialer.testing.number_plan import Behaviour, number_for

ANSWERING = (
    Behaviour.HUMAN,
    Behaviour.HUMAN_HANGS_UP_LATE,
    Behaviour.HUMAN_PATIENT,
    Behaviour.HUMAN_PRESSES_9,
    Behaviour.SLOW_HUMAN,
    Behaviour.WORDY_HUMAN,
    Behaviour.VOICEMAIL,
    Behaviour.TERSE_VOICEMAIL,
    Behaviour.MAILBOX_FULL,
    Behaviour.FAX,
    Behaviour.FAX_CNG,
)
VERDICTS = ("HUMAN", "MACHINE", "NOTSURE", "HANGUP")
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Judged:
    """One call: the carrier's truth and the detector's verdict."""

    call: CarrierCall
    verdict: str
    cause: str
    after_s: float


def judge(root: PrivateRoot, folder: Path, ports: Ports, trunk: SipTrunk, hold_s: int) -> Instance:
    """The Asterisk that calls and judges."""

    def files(place: Place, ami_secret: str) -> Mapping[str, str]:
        (place.spool / "outgoing").mkdir(parents=True, exist_ok=True)
        values = {
            "ports": ports,
            "trunk": trunk,
            "events": place.log / "verdicts.jsonl",
            "hold_s": hold_s,
            "ami_user": AMI_USER,
            "ami_secret": ami_secret,
        }
        settings = SimpleNamespace(detection=MachineDetection())
        amd = environment(TEMPLATES).get_template("amd.conf.j2").render(settings=settings)
        shared = {name: (TEMPLATES / name).read_text("utf-8") for name in SHARED}
        return shared | {"amd.conf": amd} | render_folder(values, FOLDER)

    return Instance(program=root, folder=folder, ports=ports, files=files)


def dial(caller: Instance, number: str) -> None:
    """Have the judging Asterisk call a number, by call file."""
    lines = [f"Channel: PJSIP/{number}@carrier", 'CallerID: "" <+13125550100>', "MaxRetries: 0", "WaitTime: 40"]
    lines += ["Context: judge", "Extension: s", "Priority: 1", ""]
    waiting = caller.place.spool / f"{secrets.token_hex(8)}.call"
    waiting.write_text("\n".join(lines), "ascii")
    waiting.rename(caller.place.spool / "outgoing" / waiting.name)


def verdicts(caller: Instance) -> dict[str, tuple[str, str, float]]:
    """Call-ID to verdict, cause and time."""
    found = {}
    for line in (caller.place.log / "verdicts.jsonl").read_text("utf-8").splitlines():
        event = json.loads(line)
        facts = parse_qs(json.loads(event["eventextra"])["extra"])
        found[facts["call_id"][0]] = (facts["verdict"][0], facts["cause"][0], float(event["eventtime"]))
    return found


async def run(root: PrivateRoot, folder: Path, calls: int, rate: float, hold_s: int) -> list[Judged]:
    """Call every answering behaviour so many times, so many calls a second."""
    with lease() as block:
        carrier = Carrier(CarrierSettings(folder=folder / "carrier", ports=block.instance(0)), root)
        caller = judge(root, folder / "judge", block.instance(1), carrier.trunk(), hold_s)
        try:
            await carrier.start()
            caller.render()
            await caller.start()
            await wait_registered(caller, "carrier")
            numbers = [number_for(each, "312", k).e164 for k in range(calls) for each in ANSWERING]
            most = 0
            for number in numbers:
                dial(caller, number)
                await asyncio.sleep(1 / rate)
                up = sum(call.ended_at is None for call in read_calls(carrier.file))
                most = max(most, up)
            await finished(carrier, len(numbers))
            print(f"most calls at once: {most}; load average {os.getloadavg()[0]:.1f}")
            said = verdicts(caller)
        finally:
            await caller.stop()
            await carrier.stop()
    return [
        Judged(call, *said[call.call_id][:2], said[call.call_id][2] - call.answered_at.timestamp())
        for call in read_calls(carrier.file)
        if call.call_id in said and call.answered_at is not None
    ]


async def finished(carrier: Carrier, wanted: int) -> None:
    """Wait until every call has begun and ended, two minutes at most."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        calls = read_calls(carrier.file)
        if len(calls) >= wanted and all(call.ended_at is not None for call in calls):
            return
        await asyncio.sleep(1)


def report(judged: Sequence[Judged]) -> None:
    """The confusion matrix, and how long judging took."""
    rows: dict[Behaviour, list[Judged]] = defaultdict(list)
    for each in judged:
        rows[each.call.behaviour].append(each)
    print(f"\n{'truth':<24}" + "".join(f"{verdict:>9}" for verdict in VERDICTS) + "   right   p50 s   p99 s")
    for behaviour in ANSWERING:
        row = rows[behaviour]
        counts = Counter(each.verdict for each in row)
        right = counts["HUMAN" if row and row[0].call.is_person else "MACHINE"] / max(1, len(row))
        times = sorted(each.after_s for each in row) or [0.0]
        p50, p99 = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
        numbers = "".join(f"{counts[verdict]:>9}" for verdict in VERDICTS)
        print(f"{behaviour:<24}{numbers}{right:>8.1%}{p50:>8.2f}{p99:>8.2f}")
    print("\ncauses:", dict(Counter(f"{each.call.behaviour}: {each.cause}" for each in judged)))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20, help="calls to each behaviour")
    parser.add_argument("--rate", type=float, default=6.0, help="calls a second")
    parser.add_argument("--hold", type=int, default=1, help="seconds to stay after the verdict")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report(asyncio.run(run(install(), Path(folder), given.calls, given.rate, given.hold)))


if __name__ == "__main__":
    main()
