"""`python -m benchmarks.memory`: what an engine's process holds, with an empty store and with a million accounts.

The same engine on the simulated switch, in virtual time, in a process of its own for each row: real gate, real store on
disk, twenty agents who take calls for as long as there are any to make (`dialing`), or nobody signed in (`idle`). What
differs between the rows of one kind is the store alone. RSS is what the process holds at the end; the peak includes its
start.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import compliance
from accounts.store import open_store
from benchmarks.claim_reserve import prepare
from dialer.testing.world import TUESDAY

ALLOWED_MB: Final = 50.0
CALLS: Final = 400
PATIENCE_S: Final = 300.0
"""Of virtual time, for an engine that has nobody to call."""
AGENTS: Final = 20


@dataclass(frozen=True, slots=True)
class Held:
    """What a process held at its end, in megabytes, and how many calls it had made."""

    rss_mb: float
    peak_mb: float
    calls: int


def child(folder: Path, agents: int) -> Held:
    """Run an engine on the store in `folder` and measure this process."""
    import structlog

    from compliance.facts import CallFacts
    from dialer.testing import world
    from dialer.testing.simulated_switch import Script
    from dialer.testing.world import Setup, World, settings

    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    policy = compliance.load_policy(keep_in=folder.parent / "cache")

    def decide(facts: CallFacts) -> compliance.Decision:
        return compliance.decide(facts, policy)

    async def scenario(w: World) -> int:
        began = w.clock.monotonic()
        await w.until(
            lambda: len(w.seen.finished) >= CALLS or w.clock.monotonic() - began >= PATIENCE_S, 2 * PATIENCE_S
        )
        return len(w.seen.finished)

    script = Script(ring_s=4, talk_s=20)
    setup = Setup(folder, settings(), agents=agents, accounts=0, script_for=lambda _number: script, decide=decide)
    calls = world.run(setup, scenario)
    status = dict(
        re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", Path("/proc/self/status").read_text("ascii"), re.MULTILINE)
    )
    return Held(int(status["VmRSS"]) / 1000, int(status["VmHWM"]) / 1000, calls)


def measured(folder: Path, agents: int) -> Held:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", "--child", str(folder), "--agents", str(agents)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return Held(**json.loads(lines[-1]))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--accounts", type=int, default=1_000_000)
    arguments.add_argument("--folder", type=Path, help="where the stores are made; default: a temporary folder")
    arguments.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--agents", type=int, default=AGENTS, help=argparse.SUPPRESS)
    told = arguments.parse_args()
    if told.child is not None:
        print(json.dumps(asdict(child(told.child, told.agents))))
        return
    print("| accounts | engine | calls | RSS MB | above empty MB | peak MB | store file MB |")
    print("|---:|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(dir=told.folder) as folder:
        compliance.load_policy(keep_in=Path(folder) / "cache")  # what an installation makes at its first start
        empty: dict[int, float] = {}
        for size in (0, told.accounts):
            for agents, kind in ((0, "idle"), (AGENTS, "dialing")):
                place = Path(folder) / f"{size}-{agents}"
                _make(place, Path(folder) / f"{size}.db", size)
                held = measured(place, agents)
                above = held.rss_mb - empty.setdefault(agents, held.rss_mb)
                file_mb = (place / "store.db").stat().st_size / 1e6
                print(
                    f"| {size:,} | {kind} | {held.calls} | {held.rss_mb:.0f} | {above:+.1f} | {held.peak_mb:.0f} | "
                    f"{file_mb:.0f} |",
                    flush=True,
                )
                (place / "store.db").unlink()
    load_1, load_5, _ = os.getloadavg()
    print(f"\nAllowed: {ALLOWED_MB:.0f} MB above. Load average at the end: {load_1:.1f} (1 min), {load_5:.1f} (5 min).")


def _make(place: Path, made: Path, size: int) -> None:
    """A folder with a store of so many accounts; made once for each size and copied."""
    if not made.exists():
        store = open_store(made, TUESDAY)
        began = time.monotonic()
        prepare(store, size)
        store.close()
        print(f"(a store of {size:,} accounts, made in {time.monotonic() - began:.0f} s)", file=sys.stderr)
    place.mkdir()
    (place / "store.db").write_bytes(made.read_bytes())


if __name__ == "__main__":
    main()
