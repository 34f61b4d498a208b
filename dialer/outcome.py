"""What became of a call: from everything the engine knows of it to one `Outcome`. Pure; one table.

The raw Q.850 cause and SIP status stay with the attempt: the outcome decides what frequency caps count, so an officer
must be able to see what it rests on. Where the facts do not decide, the outcome that counts toward the caps is chosen.

A person joined after the treatment had begun (`late_agent`) has had a conversation: the cool-off starts. That the call
is abandoned as well is counted from `CallRecord.treated`, not from the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, assert_never

from accounts.model import Ending
from dialer.call import CallRecord
from domain.outcomes import Outcome, Verdict
from domain.telephony import Origination, RecordingMode, Treatment

NEVER_SENT: Final = 3
"""Q.850 "no route to destination": what `Ended` says when the switch could not even make the channel."""

_BY_STATUS: Final[Mapping[int, Outcome]] = MappingProxyType(
    {
        486: Outcome.BUSY,
        600: Outcome.BUSY,
        404: Outcome.SIT,
        410: Outcome.SIT,
        484: Outcome.SIT,
        604: Outcome.SIT,
        403: Outcome.CARRIER_BLOCKED,
        603: Outcome.CARRIER_BLOCKED,
        607: Outcome.CARRIER_BLOCKED,
        608: Outcome.CARRIER_BLOCKED,
        408: Outcome.NO_ANSWER,
        480: Outcome.NO_ANSWER,
        487: Outcome.NO_ANSWER,
        500: Outcome.FAILED,
        502: Outcome.FAILED,
        503: Outcome.FAILED,
        504: Outcome.FAILED,
    }
)

_BY_CAUSE: Final[Mapping[int, Outcome]] = MappingProxyType(
    {
        1: Outcome.SIT,  # unallocated number
        22: Outcome.SIT,  # number changed
        28: Outcome.SIT,  # invalid number format
        17: Outcome.BUSY,
        18: Outcome.NO_ANSWER,  # no user responding
        19: Outcome.NO_ANSWER,  # user alerted, no answer
        20: Outcome.NO_ANSWER,  # subscriber absent
        21: Outcome.CARRIER_BLOCKED,  # call rejected
        NEVER_SENT: Outcome.FAILED,
        27: Outcome.FAILED,  # destination out of order
        34: Outcome.FAILED,  # no circuit available
        38: Outcome.FAILED,  # network out of order
        41: Outcome.FAILED,  # temporary failure
        42: Outcome.FAILED,  # switching equipment congestion
    }
)

_CANCELLED_STATUSES: Final = frozenset({None, 408, 480, 487})
"""What a call shows that we took down ourselves; any other status is the carrier's own word, which came first."""


def ending_of(call: CallRecord, outcome: Outcome, order: Origination, calendar: Callable[[float], datetime]) -> Ending:
    """A call that is over, as the ledger keeps it.

    Args:
        calendar: the calendar's word for an instant of the record.
    """

    def at(monotonic: float | None) -> datetime | None:
        return None if monotonic is None else calendar(monotonic)

    recorded = call.joined_at is not None and order.recording is not RecordingMode.OFF
    return Ending(
        outcome=outcome,
        cause=call.cause,
        sip_status=call.sip_status,
        verdict=None if call.verdict is None else call.verdict.value,
        verdict_cause=call.verdict_cause or None,
        rang_at=at(call.rang_at),
        answered_at=at(call.answered_at),
        treated_at=at(call.treated_at),
        joined_at=at(call.joined_at),
        ended_at=at(call.ended_at),
        agent=call.agent,
        message_left=call.treatment is Treatment.MESSAGE,
        bridged_s=None if call.unheard else call.talk_s,
        announced=order.recording is RecordingMode.ANNOUNCE_THEN_RECORD if recorded else None,
    )


def outcome_of(call: CallRecord, *, ring_limit_reached: bool = False) -> Outcome:
    """The outcome of a call that is over, or that was lost.

    Args:
        call: what is known of it.
        ring_limit_reached: it was released by us because it had rung long enough, and for no other reason.
    """
    if call.joined_at is not None:
        return Outcome.CONVERSATION
    if call.answered_at is not None:
        return _of_answered(call)
    if call.ended_at is None or call.cause is None:
        return Outcome.UNKNOWN
    return _of_unanswered(call, ring_limit_reached=ring_limit_reached)


def _of_answered(call: CallRecord) -> Outcome:
    match call.verdict:
        case Verdict.MACHINE:
            return Outcome.MACHINE
        case Verdict.FAX:
            return Outcome.FAX
        case Verdict.SIT:
            return Outcome.SIT
        case Verdict.HUMAN | Verdict.UNCERTAIN | None:
            # Released by us in the instant of the answer: somebody may have said hello to nobody.
            if call.treated or call.released_by_us:
                return Outcome.ABANDONED
            if call.ended_at is None or call.unheard:
                # Lost on the way to an agent. Whoever was judged a person was left alone, as far as anybody knows.
                return Outcome.UNKNOWN if call.verdict is None else Outcome.ABANDONED
            return Outcome.LIVE_HANGUP
        case _:
            assert_never(call.verdict)


def _of_unanswered(call: CallRecord, *, ring_limit_reached: bool) -> Outcome:
    rang = call.rang_at is not None or call.was_ringing
    if call.released_by_us and call.sip_status in _CANCELLED_STATUSES:
        return Outcome.NO_ANSWER if ring_limit_reached else Outcome.CANCELLED
    if call.sip_status is not None:
        outcome = _BY_STATUS.get(call.sip_status, Outcome.UNKNOWN)
    else:
        outcome = _BY_CAUSE.get(call.cause or 0, Outcome.UNKNOWN)
    if rang and outcome in {Outcome.FAILED, Outcome.UNKNOWN}:
        return Outcome.NO_ANSWER
    return outcome
