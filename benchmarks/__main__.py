"""`python -m benchmarks [NAME...]`: run benchmarks, print their tables, keep them in `docs/reference/benchmarks.md`.

Each section of the page is the output of one benchmark as it was printed, under the load of the machine at that time.
A run of some benchmarks replaces their sections and leaves the others.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

PAGE: Final = Path("docs/reference/benchmarks.md")
INTRODUCTION: Final = """# Benchmarks

Written by `make bench`; each section says when, and how busy the machine was before it began. Compare the ratios, not
the figures: machines differ, and are shared.
"""
_SECTION: Final = re.compile(r"^## (?P<title>.+?)\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_CONTROL: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One of them: its module with arguments, and what it asks."""

    title: str
    command: tuple[str, ...]
    asked_for_only: bool = False
    """Takes long, or asks something else than how fast."""


BENCHMARKS: Final = {
    "codec": Benchmark("Events read from AMI", ("benchmarks.ami_codec",)),
    "gate": Benchmark("Decisions of the gate", ("benchmarks.gate",)),
    "store": Benchmark("What a call costs at the account store", ("benchmarks.claim_reserve",)),
    "restart": Benchmark("From the start of an engine to its first call", ("benchmarks.restart",)),
    "memory": Benchmark("What an engine holds in memory", ("benchmarks.memory",)),
    "knee": Benchmark("Answered calls a second", ("benchmarks.load", "knee")),
    "floor": Benchmark("A floor of sixty agents", ("benchmarks.load", "floor")),
    "twin": Benchmark("A real floor and the simulator", ("benchmarks.load", "twin"), asked_for_only=True),
    "chaos": Benchmark("Faults under load, on a file", ("benchmarks.chaos",), asked_for_only=True),
    "chaos-servers": Benchmark(
        "Faults under load, on PostgreSQL and Redis", ("benchmarks.chaos", "--servers"), asked_for_only=True
    ),
}


def main() -> None:
    """Run those named on the command line, or all that are not only for the asking."""
    names = sys.argv[1:] or [name for name, each in BENCHMARKS.items() if not each.asked_for_only]
    if unknown := sorted(set(names) - BENCHMARKS.keys()):
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in names:
        benchmark = BENCHMARKS[name]
        print(f"== {benchmark.title}", flush=True)
        began, load = datetime.now(UTC), os.getloadavg()[0]
        output = _run(benchmark.command)
        said = f"{began:%Y-%m-%d %H:%M} UTC, {os.cpu_count()} processors, load {load:.1f} before it began."
        _publish(benchmark.title, f"\n`python -m {' '.join(benchmark.command)}`, {said}\n\n{_as_markdown(output)}\n")


def _run(command: tuple[str, ...]) -> str:
    """Run one, showing what it prints as it comes."""
    lines = []
    with subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed with {process.returncode}; the page keeps what it had")
    return _CONTROL.sub("", "".join(lines))


def _as_markdown(output: str) -> str:
    """Tables that are Markdown already as they are; anything else as it stood on the terminal, without its progress."""
    lines = [line.rstrip() for line in output.splitlines() if not line.startswith("== ")]
    text = "\n".join(lines).strip("\n")
    return text if any(line.startswith("|") for line in lines) else f"```text\n{text}\n```"


def _publish(title: str, body: str) -> None:
    sections = {match["title"]: match["body"] for match in _SECTION.finditer(PAGE.read_text() if PAGE.exists() else "")}
    sections[title] = body
    order = [benchmark.title for benchmark in BENCHMARKS.values()]
    page = [INTRODUCTION, *(f"## {known}\n{sections[known].rstrip()}\n" for known in order if known in sections)]
    PAGE.write_text("\n".join(page))


if __name__ == "__main__":
    main()
