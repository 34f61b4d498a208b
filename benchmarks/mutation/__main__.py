"""`python -m benchmarks.mutation`: change the law a little, many times; a test must notice each change.

    collect tests once --> run them once, noting which lines of the law each passes
          --> for each change: a child process, the change, the tests that pass its line, the best killers first

Children are forked from one process in which everything is loaded, so a change costs what its tests cost. What was
found is kept in `var/mutation.jsonl` under a key that changes with the function around the change: a second run goes on
where the first ended. `--survivors` asks those again that lived; `--publish FILE` writes the table between its markers.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import resource
import sys
import threading
import time
import types
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from benchmarks.mutation import table
from benchmarks.mutation.mutants import Mutant, mutants
from benchmarks.mutation.surgery import operate

_ROOT = Path(__file__).parents[2]
_STORE = _ROOT / "var" / "mutation.jsonl"
_TABLES = {"compliance.locations", "compliance.tables.loader", "compliance.tables.postal"}
_READ_AT_LOADING = {"compliance.packs", "compliance.policy", "compliance.rules"} | _TABLES - {"compliance.locations"}
"""Modules whose work is done when the policy is loaded: it is loaded again under a change of theirs."""
_SLOW = "test_properties.py"
_LONGEST_S = 100
"""Processor seconds a change may take: one that makes a loop endless is noticed too."""
_ALIKE = 3
"""At first so many tests of one function that pass the very same lines are asked; survivors meet all."""


def sources() -> dict[str, str]:
    """Modules of the law and their text."""
    found = {}
    for path in sorted((_ROOT / "compliance").rglob("*.py")):
        name = ".".join(path.relative_to(_ROOT).with_suffix("").parts)
        if not name.endswith("__init__"):
            found[name] = path.read_text("utf-8")
    return found


class Runner:
    """A pytest plugin that takes the place of the loop over the tests."""

    def __init__(self, wanted: Sequence[Mutant], texts: dict[str, str], processes: int, *, deep: bool) -> None:
        self._wanted = wanted
        self._texts = texts
        self._processes = processes
        self._deep = deep
        self._lines: dict[tuple[str, int], set[int]] = defaultdict(set)
        self._took: dict[int, float] = {}
        self._kills: dict[int, int] = defaultdict(int)
        self._items: list[pytest.Item] = []
        self._alike: dict[tuple[str, frozenset[tuple[str, int]]], int] = defaultdict(int)
        self._policy: Any = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = [item for item in session.items if self._deep or _SLOW not in item.nodeid]
        self._once()
        if self._asked(None) != "lived":
            raise pytest.UsageError("the tests fail in a child process without any change: nothing could be learnt")
        self._mutate()
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        made = yield
        if fixturedef.argname == "policy":
            self._policy = made
        return made

    def _run(self, at: int) -> bool:
        """Whether one test passes."""
        item = self._items[at]
        item._initrequest()  # type: ignore[attr-defined]  # as pytest-rerunfailures does
        item.session._setupstate.teardown_exact(item)
        following = self._items[at + 1 if at + 1 < len(self._items) else 0]
        return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))

    def _once(self) -> None:
        began = time.monotonic()
        files = {str(_ROOT / Path(*name.split("."))) + ".py": name for name in self._texts}
        for at, item in enumerate(self._items):
            seen: set[tuple[str, int]] = set()
            start = time.monotonic()
            with _tracing(files, seen):
                passed = self._run(at)
            self._took[at] = time.monotonic() - start
            if not passed:
                raise pytest.UsageError(f"{item.nodeid} fails without any change; mend it first")
            alike = (item.nodeid.partition("[")[0], frozenset(seen))
            self._alike[alike] += 1
            if not self._deep and self._alike[alike] > _ALIKE:  # its like have been taken; survivors meet it later
                continue
            for place in seen:
                self._lines[place].add(at)
        taken = len({at for tests in self._lines.values() for at in tests})
        print(
            f"{len(self._items)} tests, {taken} of them taken, {time.monotonic() - began:.0f} s with tracing",
            flush=True,
        )

    def _asked(self, mutant: Mutant | None) -> str:
        """What one child process says."""
        reader, writer = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(reader)
            self._child(mutant, list(range(0, len(self._items), 10)), writer)
        os.close(writer)
        os.waitpid(pid, 0)
        with os.fdopen(reader) as said:
            return said.read()

    def _mutate(self) -> None:
        running: dict[int, tuple[Mutant, int]] = {}
        waiting = list(self._wanted)
        done = 0
        gc.collect()
        gc.freeze()  # or every child would copy the pages it only looks at
        _STORE.parent.mkdir(exist_ok=True)
        with _STORE.open("a", encoding="utf-8") as store:
            while waiting or running:
                while waiting and len(running) < self._processes:
                    mutant = waiting.pop(0)
                    tests = self._tests(mutant)
                    reader, writer = os.pipe()
                    pid = os.fork()
                    if pid == 0:
                        os.close(reader)
                        self._child(mutant, tests, writer)
                    os.close(writer)
                    running[pid] = (mutant, reader)
                pid, _ = os.wait()
                mutant, reader = running.pop(pid)
                killer = os.read(reader, 64).decode()
                os.close(reader)
                if killer.isdecimal():
                    self._kills[int(killer)] += 1
                by = self._items[int(killer)].nodeid if killer.isdecimal() else (killer or "time")
                store.write(json.dumps({"key": mutant.key, "by": by}) + "\n")
                store.flush()
                done += 1
                if done % 100 == 0:
                    print(f"{done} of {len(self._wanted)}", flush=True)

    def _tests(self, mutant: Mutant) -> list[int]:
        """Tests that pass the line, those that killed most before first, then the quickest.

        What is done when a module is loaded, and a field's default, passes no line of a test: any test may notice.
        """
        name = mutant.module
        if mutant.owner is None or name in _READ_AT_LOADING:
            mine = {at for tests in self._lines.values() for at in tests}
        else:
            first, last = mutant.lines
            mine = {at for line in range(first, last + 1) for at in self._lines.get((name, line), ())}
        return sorted(mine, key=lambda at: (-self._kills[at], self._took[at]))

    def _child(self, mutant: Mutant | None, tests: list[int], writer: int) -> None:
        """Make the change, run the tests until one fails, say which; never returns."""
        gc.disable()
        resource.setrlimit(resource.RLIMIT_CPU, (_LONGEST_S, _LONGEST_S))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        said = "lived"
        try:
            if mutant is not None:
                operate(mutant, self._texts[mutant.module])
                _forget(self._policy, mutant)
            said = next((str(at) for at in tests if not self._run(at)), "lived")
        except BaseException:  # noqa: BLE001  # the change broke the loading itself
            said = "loading"
        os.write(writer, said.encode())
        os._exit(0)


def _forget(policy: Any, mutant: Mutant) -> None:
    """Empty what the loaded policy remembers, or load it again, and the tables where the change may be in them."""
    import compliance
    from compliance import tables

    if mutant.module in _TABLES:
        tables.load_places.cache_clear()
        tables.load_holidays.cache_clear()
    if mutant.owner is None or mutant.module in _READ_AT_LOADING:
        policy.__dict__.update(compliance.load_policy().__dict__)
    policy._grounds.clear()
    policy._choices.clear()
    policy.holidays._years.clear()


@contextlib.contextmanager
def _tracing(files: dict[str, str], seen: set[tuple[str, int]]) -> Iterator[None]:
    def local(frame: types.FrameType, _event: str, _: object) -> Callable[..., Any]:
        seen.add((files[frame.f_code.co_filename], frame.f_lineno))
        return local

    def trace(frame: types.FrameType, _event: str, _: object) -> Callable[..., Any] | None:
        if frame.f_code.co_filename not in files:
            return None
        return local(frame, _event, None)

    threading.settrace(trace)
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]


def known() -> dict[str, str]:
    """What earlier runs found: the key of a change to the test that killed it, `lived` where none did."""
    if not _STORE.exists():
        return {}
    rows = [json.loads(line) for line in _STORE.read_text("utf-8").splitlines()]
    return {row["key"]: row["by"] for row in rows}


def main() -> int:
    """Run what is not known yet, and print or publish the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("modules", nargs="*", help="only these, as compliance.windows")
    asked.add_argument("--survivors", action="store_true", help="ask those again that lived, slow properties included")
    asked.add_argument("--processes", type=int, default=2)
    asked.add_argument("--most", type=int, default=None, help="ask no more than this many")
    asked.add_argument("--publish", type=Path)
    given = asked.parse_args()
    texts = sources()
    every = [each for name, text in texts.items() for each in mutants(name, text)]
    mine = [each for each in every if not given.modules or each.module in given.modules]
    found = known()
    again = {"lived"} if given.survivors else set()
    wanted = [each for each in mine if found.get(each.key) is None or found[each.key] in again]
    wanted = wanted[: given.most]
    print(f"{len(mine)} changes, {len(wanted)} to ask", flush=True)
    if wanted:
        runner = Runner(wanted, texts, given.processes, deep=given.survivors)
        options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-q", "-o", "timeout=0", "-W", "ignore"]
        code = pytest.main([*options, str(_ROOT / "tests" / "compliance")], plugins=[runner])
        if code not in {0, 5}:
            return int(code)
    return table.report(every, known(), given.publish)


if __name__ == "__main__":
    raise SystemExit(main())
