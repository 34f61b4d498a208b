"""How fast the gate decides: one call, a batch, number to places, the do-not-call list. Prints a table with ratios.

Times are processor seconds of one core.

    python benchmarks/gate.py [--dnc MILLIONS]

The list of 250 million numbers needs about 4 GB of free disk; with less room, or a smaller --dnc, it is scaled down and
the table says so.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

import compliance
from compliance import dnc
from compliance.batch import decide_each, signature
from compliance.facts import (
    Address,
    CalledNumber,
    CallFacts,
    Consent,
    ConsentKind,
    GivenTo,
    HistoryEvent,
    Purpose,
    Result,
)

NOW = datetime(2026, 11, 20, 17, tzinfo=UTC)


def best(run: Callable[[], object], times: int, rounds: int = 15) -> float:
    """Least processor seconds of one run: other work on the machine is not counted."""
    least = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(times):
            run()
        least = min(least, (time.process_time() - start) / times)
    return least


def row(name: str, value: float, unit: str, target: float, *, more_is_better: bool = False) -> None:
    ratio = value / target if more_is_better else target / value
    print(f"{name:<58}{value:>14,.1f} {unit:<12}{target:>14,.0f}{ratio:>9.2f} x")


def base() -> CallFacts:
    history = tuple(
        HistoryEvent(NOW - timedelta(hours=20 + 12 * n), Result.NO_ANSWER, "P1", ("D1",), ("D1",), "+14045550147")
        for n in range(6)
    )
    consents = (Consent(ConsentKind.PRERECORDED, GivenTo.CREDITOR, NOW - timedelta(days=100)),)
    return CallFacts(
        now=NOW,
        purpose=Purpose.DEBT_THIRD_PARTY,
        number=CalledNumber("+14045550147"),
        person="P1",
        debt="D1",
        addresses=(Address(zip="30303", state="GA"),),
        history=history,
        consents=consents,
    )


def single(policy: compliance.Policy) -> None:
    facts = base()
    plain = replace(facts, history=(), consents=())
    row("allow, no history", best(lambda: compliance.decide(plain, policy), 200) * 1e6, "us", 50)
    row("allow, 6 earlier calls, a consent", best(lambda: compliance.decide(facts, policy), 200) * 1e6, "us", 50)
    night = replace(facts, now=datetime(2026, 11, 21, 3, tzinfo=UTC))
    row("block by window, exact retry_at", best(lambda: compliance.decide(night, policy), 100) * 1e6, "us", 1000)
    talk = HistoryEvent(NOW - timedelta(days=1), Result.CONVERSATION, "P1", ("D1",), ("D1",), "+14045550147")
    cooling = replace(facts, history=(*facts.history, talk, talk, talk))
    row(
        "block by cool-off and count, exact retry_at",
        best(lambda: compliance.decide(cooling, policy), 50) * 1e6,
        "us",
        1000,
    )
    seller = replace(
        plain,
        purpose=Purpose.TELEMARKETING,
        number=CalledNumber("+14015550147"),
        now=datetime(2026, 12, 24, 23, 30, tzinfo=UTC),
        addresses=(Address(zip="02903", state="RI"),),
    )
    row("block over a holiday, exact retry_at", best(lambda: compliance.decide(seller, policy), 50) * 1e6, "us", 1000)


def batch(policy: compliance.Policy, size: int) -> None:
    chosen = random.Random(1)
    by_state: dict[str, list[str]] = {}
    for code, place in policy.places.area_codes.items():
        if place.country == "US":
            by_state.setdefault(place.states[0], []).append(code)
    zips = [z for z in chosen.sample(sorted(policy.places.zips), 500) if policy.places.zips[z].state in by_state]
    calls = []
    for n in range(size):
        code = chosen.choice(zips)
        state = policy.places.zips[code].state
        number = CalledNumber(f"+1{chosen.choice(by_state[state])}555{n % 10000:04}")
        calls.append(
            CallFacts(
                now=NOW,
                purpose=Purpose.DEBT_THIRD_PARTY,
                number=number,
                id=str(n),
                person=str(n),
                debt=str(n),
                addresses=(Address(zip=code, state=state),),
            )
        )
    fresh = compliance.Policy(policy.packs, policy.places, policy.holidays, policy.tzdata)
    start = time.process_time()
    allowed = sum(decision.allowed for _, decision in decide_each(calls, fresh))
    spent = time.process_time() - start
    signatures = len({signature(facts, policy) for facts in calls})
    row(
        f"batch of {size:,} ({signatures:,} signatures, {allowed:,} allowed)",
        size / spent,
        "/s",
        200_000,
        more_is_better=True,
    )


def places(policy: compliance.Policy) -> None:
    chosen = random.Random(2)
    codes = sorted(policy.places.area_codes)
    numbers = [f"+1{chosen.choice(codes)}{chosen.randrange(2_000_000, 9_999_999)}" for _ in range(100_000)]
    of_number = policy.places.of_number
    spent = best(lambda: [of_number(number).zones for number in numbers], 1, 5)
    row("number -> zones, 100,000 distinct numbers", spent / len(numbers) * 1e6, "us", 5)


def lists(millions: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="fairdial-dnc-"))
    try:
        free = shutil.disk_usage(folder).free
        fit = max(1, int((free - 2e9) / 13e6))
        size = min(millions, fit)
        if size < 250:
            print(f"-- list scaled down to {size} of 250 million numbers (asked {millions}, disk has room for {fit})")
        source, target = folder / "source.txt", folder / "list.dnc"
        rng = np.random.default_rng(3)
        written = np.empty(size * 1_000_000, dtype=np.int64)
        with source.open("wb") as handle:
            for part in range(size):
                area = rng.integers(200, 1000, 1_000_000, dtype=np.int64)
                rest = rng.integers(2_000_000, 10_000_000, 1_000_000, dtype=np.int64)
                numbers = area * 10_000_000 + rest
                written[part * 1_000_000 : (part + 1) * 1_000_000] = numbers
                digits = (numbers[:, None] // 10 ** np.arange(9, -1, -1, dtype=np.int64)) % 10
                lines = np.full((len(numbers), 11), 10, dtype=np.uint8)
                lines[:, :10] = digits + 48
                handle.write(lines.tobytes())
        start = time.process_time()
        count = dnc.build([source], target, date(2026, 11, 1))
        spent = time.process_time() - start
        source.unlink()
        row(f"list: build {count:,} distinct numbers", spent, "s", 180 * size / 250)
        row("list: on disk", target.stat().st_blocks * 512 / 1e6, "MB", 1300)
        start = time.process_time()
        listed = dnc.open_list(target)
        row("list: open", (time.process_time() - start) * 1e3, "ms", 1000)
        asked = rng.integers(2_002_000_000, 9_999_999_999, 4_000_000, dtype=np.int64)
        listed.contains_national(asked)
        spent = best(lambda: listed.contains_national(asked), 1, 3)
        row("list: look-ups, batched", len(asked) / spent, "/s", 2_000_000, more_is_better=True)
        print(_false_answers(listed, written, asked, count))
    finally:
        shutil.rmtree(folder)


def _false_answers(listed: dnc.DncFile, written: np.ndarray, asked: np.ndarray, count: int) -> str:
    """Whether all numbers written are found, nothing else is listed, and numbers asked at random are told apart."""
    written.sort()
    distinct = 1 + int(np.count_nonzero(written[1:] != written[:-1]))
    found = sum(
        int(listed.contains_national(part.copy()).sum()) for part in np.array_split(written, max(1, len(written) >> 22))
    )
    places = np.minimum(np.searchsorted(written, asked), len(written) - 1)
    wrong = int(np.count_nonzero(listed.contains_national(asked.copy()) != (written[places] == asked)))
    ok = found == len(written) and distinct == count and wrong == 0
    return (
        f"list: {'no false answer' if ok else 'FALSE ANSWERS'}: {found:,} of {len(written):,} written numbers found, "
        f"{count:,} on the list and {distinct:,} written, {wrong:,} of {len(asked):,} asked at random answered wrongly"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dnc", type=int, default=250, help="millions of numbers on the list")
    parser.add_argument("--batch", type=int, default=1_000_000)
    given = parser.parse_args()
    start = time.process_time()
    policy = compliance.load_policy()
    print(f"{'':<58}{'measured':>14} {'':<12}{'target':>14}{'ratio':>11}")
    row("load packs and tables", time.process_time() - start, "s", 5)
    single(policy)
    places(policy)
    batch(policy, given.batch)
    lists(given.dnc)


if __name__ == "__main__":
    main()
