"""The life of one account in one campaign: states, events and the only table that joins them.

Every change of `list_entries.state` goes through `sources` of this table, so a row that is not in a source state is
left alone and the caller sees that nothing moved.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class EntryState(StrEnum):
    READY = "ready"
    """May be claimed now, best first."""
    WAITING = "waiting"
    """Due at `due_at`, for the reason in `reason`."""
    CLAIMED = "claimed"
    """Held by an engine until `due_at`."""
    DIALING = "dialing"
    """An attempt is reserved and has not ended."""
    PARKED = "parked"
    """Blocked until a person or a new fact lifts it."""
    EXHAUSTED = "exhausted"
    """The retry rules are used up, or no usable phone is left."""
    REACHED = "reached"
    """Somebody spoke with the person; the campaign is done with the account."""
    CLOSED = "closed"
    """The debt is closed or recalled."""


class EntryEvent(StrEnum):
    DUE = "due"
    CLAIM = "claim"
    RELEASE = "release"
    RESERVE = "reserve"
    BLOCK_UNTIL = "block_until"
    BLOCK = "block"
    SKIP = "skip"
    RETRY = "retry"
    EXHAUST = "exhaust"
    REACH = "reach"
    CALL_BACK = "call_back"
    CLOSE = "close"
    REOPEN = "reopen"


_S, _E = EntryState, EntryEvent

TRANSITIONS: Final[dict[EntryState, dict[EntryEvent, EntryState]]] = {
    _S.READY: {_E.CLAIM: _S.CLAIMED, _E.BLOCK_UNTIL: _S.WAITING, _E.BLOCK: _S.PARKED, _E.CLOSE: _S.CLOSED},
    _S.WAITING: {_E.DUE: _S.READY, _E.BLOCK: _S.PARKED, _E.CALL_BACK: _S.WAITING, _E.CLOSE: _S.CLOSED},
    _S.CLAIMED: {
        _E.DUE: _S.READY,  # the lease ran out
        _E.RELEASE: _S.READY,
        _E.RESERVE: _S.DIALING,
        _E.BLOCK_UNTIL: _S.WAITING,
        _E.BLOCK: _S.PARKED,
        _E.SKIP: _S.WAITING,  # the agent it was shown to does not want it now
        _E.EXHAUST: _S.EXHAUSTED,
        _E.CLOSE: _S.CLOSED,
    },
    _S.DIALING: {
        _E.RETRY: _S.WAITING,
        _E.EXHAUST: _S.EXHAUSTED,
        _E.REACH: _S.REACHED,
        _E.CALL_BACK: _S.WAITING,
        _E.BLOCK: _S.PARKED,
        _E.CLOSE: _S.CLOSED,
    },
    _S.PARKED: {_E.CALL_BACK: _S.WAITING, _E.REOPEN: _S.READY, _E.CLOSE: _S.CLOSED},
    _S.EXHAUSTED: {_E.CALL_BACK: _S.WAITING, _E.BLOCK: _S.PARKED, _E.REOPEN: _S.READY, _E.CLOSE: _S.CLOSED},
    _S.REACHED: {
        _E.CALL_BACK: _S.WAITING,
        _E.BLOCK: _S.PARKED,
        _E.RETRY: _S.WAITING,  # the agent's disposition says it was not them after all
        _E.EXHAUST: _S.EXHAUSTED,
        _E.REOPEN: _S.READY,
        _E.CLOSE: _S.CLOSED,
    },
    _S.CLOSED: {_E.REOPEN: _S.READY},
}


def target(event: EntryEvent) -> EntryState:
    """The state an event leads to; each event has one."""
    return next(after[event] for after in TRANSITIONS.values() if event in after)


def sources(event: EntryEvent) -> tuple[EntryState, ...]:
    """The states in which an event is known."""
    return tuple(state for state, after in TRANSITIONS.items() if event in after)
