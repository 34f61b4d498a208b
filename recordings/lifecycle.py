"""The life of a recording: one transition table, from "the campaign records this call" to sealed evidence.

Everything that may happen to a recording is a row of `TRANSITIONS`; the page in docs/ is drawn from the same table.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import structlog

log = structlog.get_logger(__name__)


class RecordingState(StrEnum):
    """Where a recording stands."""

    EXPECTED = "expected"
    """The campaign records; nobody is bridged yet."""
    CAPTURING = "capturing"
    """Person and agent are bridged; the switch writes raw audio to its spool."""
    CAPTURED = "captured"
    """The call is over and the raw audio lies complete in the spool, not yet in the object store."""
    CHECKED = "checked"
    """Stored, hashed, catalogued, every check passed."""
    DEFECTIVE = "defective"
    """Stored, hashed, catalogued, with findings."""
    MISSING = "missing"
    """People were bridged and there is no audio."""
    VOID = "void"
    """The call ended before anyone was bridged, or before any audio could come: there was nothing to record."""
    SEALED = "sealed"
    """Its hash is part of the sealed chain; nothing changes any more."""


class RecordingEvent(StrEnum):
    """What may happen to a recording."""

    JOINED = "joined"
    NEVER_JOINED = "never_joined"
    RAW_COMPLETE = "raw_complete"
    RAW_ABSENT = "raw_absent"
    TOO_SHORT = "too_short"
    STORE_FAILED = "store_failed"
    CHECKS_PASSED = "checks_passed"
    CHECKS_FAILED = "checks_failed"
    SEALED = "sealed"


_S = RecordingState
_E = RecordingEvent

TRANSITIONS: Final[dict[tuple[RecordingState, RecordingEvent], RecordingState]] = {
    (_S.EXPECTED, _E.JOINED): _S.CAPTURING,
    (_S.EXPECTED, _E.NEVER_JOINED): _S.VOID,
    # An engine that died between join and hang-up finds the audio later, without having seen the join.
    (_S.EXPECTED, _E.RAW_COMPLETE): _S.CAPTURED,
    (_S.EXPECTED, _E.RAW_ABSENT): _S.MISSING,
    # A customer offered to a second agent is joined again; the switch goes on in the same file.
    (_S.CAPTURING, _E.JOINED): _S.CAPTURING,
    (_S.CAPTURING, _E.RAW_COMPLETE): _S.CAPTURED,
    (_S.CAPTURING, _E.RAW_ABSENT): _S.MISSING,
    # Who hangs up within a few packets of the join leaves a bridge and no audio.
    (_S.CAPTURING, _E.TOO_SHORT): _S.VOID,
    (_S.CAPTURED, _E.STORE_FAILED): _S.CAPTURED,
    (_S.CAPTURED, _E.CHECKS_PASSED): _S.CHECKED,
    (_S.CAPTURED, _E.CHECKS_FAILED): _S.DEFECTIVE,
    (_S.CHECKED, _E.SEALED): _S.SEALED,
    (_S.DEFECTIVE, _E.SEALED): _S.SEALED,
    # Audio that turns up after it was given up (a slow disk, a restored spool) is still evidence.
    (_S.MISSING, _E.RAW_COMPLETE): _S.CAPTURED,
}

FINAL: Final = frozenset({_S.CHECKED, _S.DEFECTIVE, _S.VOID, _S.SEALED})
"""States in which the spool's raw audio is no longer needed."""


def advance(state: RecordingState, event: RecordingEvent) -> RecordingState:
    """The state after an event. An event that does not belong to the state is logged and changes nothing."""
    following = TRANSITIONS.get((state, event))
    if following is None:
        log.warning("recording_event_out_of_place", state=state.value, recording_event=event.value)
        return state
    return following


def mermaid() -> str:
    """The table as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", f"    [*] --> {_S.EXPECTED}"]
    lines += [f"    {before} --> {after}: {event}" for (before, event), after in TRANSITIONS.items()]
    leaving = {before for before, _ in TRANSITIONS}
    lines += [f"    {state} --> [*]" for state in RecordingState if state not in leaving]
    return "\n".join(lines) + "\n"
