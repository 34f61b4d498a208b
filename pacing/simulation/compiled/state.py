"""What the compiled floor keeps: flat arrays, because compiled code knows no objects.

A line and an agent are indices. Counters live in `ints` and `floats` under the names below, so that every compiled
function takes the one `State`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_SOURCES: Final = sorted(Path(__file__).parent.glob("*.py"))
_VERSION: Final = hashlib.sha256(b"".join(source.read_bytes() for source in _SOURCES)).hexdigest()[:16]
# Numba's own cache looks at one file only, and would go on using code from before a change in another one.
_CACHE: Final = Path(tempfile.gettempdir()) / f"fairdial-numba-{os.getuid()}" / _VERSION
setattr(numba.config, "CACHE_DIR", str(_CACHE))  # noqa: B010 - the module makes its settings at run time

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as machine code, kept between runs."""
    return cast("Callable[P, R]", numba.njit(cache=True)(function))


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """The same, for functions only compiled code calls: they compile faster."""
    options: Any = {"cache": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast("Callable[P, R]", numba.njit(**options)(function))


# Agents' states.
GONE: Final = 0
READY: Final = 1
RESERVED: Final = 2
TALKING: Final = 3
WRAP_UP: Final = 4
PAUSED: Final = 5

# Lines' stages.
FREE: Final = 0
RINGING: Final = 1
ANSWERED: Final = 2
WAITING: Final = 3

# Events, in the order in which simultaneous ones are handled.
ANSWER: Final = 0
NOBODY: Final = 1
VERDICT: Final = 2
TALK_END: Final = 3
WRAP_END: Final = 4
PAUSE: Final = 5
PAUSE_END: Final = 6
DEADLINE: Final = 7

# Places in `ints`.
HEAP: Final = 0
SEQUENCE: Final = 1
N_ACTIVE: Final = 2
N_WAITING: Final = 3
N_READY: Final = 4
N_TALKING: Final = 5
N_AGENTS: Final = 6
SERVED: Final = 7
ABANDONED: Final = 8
ALL_OVER: Final = 9
ALL_ANSWERED: Final = 10
ALL_ABANDONED: Final = 11
ALL_WRAPPED: Final = 12
DAY_ANSWERED: Final = 13
DAY_ABANDONED: Final = 14
DAY: Final = 15
FIRST_OPEN: Final = 16
SEEN: Final = 17
STEP: Final = 18
N_INTS: Final = 24

# Places in `floats`.
NOW: Final = 0
TALK_S: Final = 1
WRAP_S: Final = 2
IDLE_S: Final = 3
PAUSED_S: Final = 4
LINE_S: Final = 5
LINE_AT: Final = 6
AGENT_S: Final = 7
AGENT_AT: Final = 8
REACHED: Final = 9
DIALS: Final = 10
GAP_S: Final = 11
OUTCOME_AT: Final = 12
THETA_BASE: Final = 13
LEVEL: Final = 14
UP: Final = 16  # and the two after it: score, dials and persons of the test for a jump up
DOWN: Final = 19
N_FLOATS: Final = 24

# Places in `load`.
P_MEAN: Final = 0
AMPLITUDE: Final = 1
PERIOD_S: Final = 2
REPEAT_S: Final = 3
POST_DIAL_S: Final = 4
AMD_S: Final = 5
GRACE_S: Final = 6
VERDICT_LAG_S: Final = 7
HUMAN_AS_MACHINE: Final = 8
PAUSES_PER_S: Final = 9
PAUSE_MEAN_S: Final = 10
END_S: Final = 11
BEGIN_S: Final = 12
TARGET: Final = 13
N_LOAD: Final = 14

# Places in `memory`, where VICIdial's rule keeps what it knows.
DUE_SAMPLE: Final = 0
DUE_ADAPT: Final = 1
DUE_DROPS: Final = 2
DUE_PASS: Final = 3
DUE_DAY: Final = 4
MIDNIGHT: Final = 5  # and the two after it: over, wrapped, abandoned
MINUTE: Final = 8  # and the one after it: over, abandoned a minute ago
SAMPLES: Final = 10
CALLS_TODAY: Final = 11
DROPPED_TODAY: Final = 12
CALLS_MINUTE: Final = 13
DROPPED_MINUTE: Final = 14
N_MEMORY: Final = 16

OUTCOMES: Final = 1 << 17
"""Dials whose outcomes can be waited for at once."""


class State(NamedTuple):
    """One floor.

    Attributes:
        load: the workload's figures, see the names above.
        steps, staff: [k, (from_s, factor)] of the answer chance; [k, (from_s, agents, at once)].
        spreads: [k, (of, weight, kind, a, b, most)] components of all distributions, see `draw`.
        first: where each distribution's components begin, and where the last one's end.
        others: [k, (share, distribution, is machine)] of what is no person.
        relative: accounts' chances as multiples of the mean, with their cumulative weights.
        rule: the policy's figures.
        agent_table, line_table: what a rule looks up by an agent's elapsed or a line's age class.
    """

    ints: Ints
    floats: Floats
    load: Floats
    steps: Floats
    staff: Floats
    spreads: Floats
    first: Ints
    others: Floats
    relative: Floats
    rule: Floats
    talk_table: Floats
    wrap_table: Floats
    line_table: Floats
    odds: Floats
    heap_at: Floats
    heap_what: Ints
    active: Ints
    waiting: Ints
    line_stage: Ints
    line_person: Ints
    line_agent: Ints
    line_mark: Ints
    line_place: Ints
    line_at: Floats
    line_human: Floats
    agent_state: Ints
    agent_since: Floats
    agent_call: Ints
    agent_leaving: Ints
    agent_pause_due: Ints
    agent_hired: Ints
    outcomes: Ints
    blocks: Ints
    days: Ints
    samples: Floats
    memory: Floats
    pmf: Floats


def new_state(known: dict[str, Any], *, agents: int, lines: int, length_s: float) -> State:
    """An empty floor; `known` are the fields that come from the workload and the policy."""
    whole = {
        "ints": N_INTS, "waiting": lines, "line_stage": lines, "line_person": lines,
        "line_agent": lines, "line_mark": lines, "agent_state": agents, "agent_call": agents,
        "agent_leaving": agents, "agent_pause_due": agents, "agent_hired": agents, "outcomes": OUTCOMES,
    }  # fmt: skip
    real = {"floats": N_FLOATS, "line_at": lines, "line_human": lines, "agent_since": agents}
    heap = 2 * lines + 4 * agents + 64
    fields: dict[str, Any] = {name: np.zeros(size, np.int64) for name, size in whole.items()}
    fields |= {name: np.zeros(size) for name, size in real.items()}
    fields["heap_at"] = np.zeros(heap)
    fields["heap_what"] = np.zeros((heap, 3), np.int64)
    fields["line_place"] = np.arange(lines, dtype=np.int64)
    fields["active"] = np.arange(lines, dtype=np.int64)
    fields["blocks"] = np.zeros((int(length_s // 900) + 2, 2), np.int64)
    fields["days"] = np.zeros((int(length_s // 28800) + 2, 2), np.int64)
    fields["samples"] = np.zeros((15, 3))
    fields["memory"] = np.zeros(N_MEMORY)
    fields["pmf"] = np.zeros((12, 64))
    return State(**(fields | known))
