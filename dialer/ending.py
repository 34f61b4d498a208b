"""What became of a call, as an outcome: the engine's knowledge and the switch's cause, by one table. Pure."""

from __future__ import annotations

from typing import Final

from dialer.call import CallRecord
from domain.outcomes import Outcome, Verdict

_OF_STATUS: Final = {
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
}
_CANNOT_SERVE: Final = frozenset({500, 502, 503, 504})
_OF_MACHINE: Final = {Verdict.MACHINE: Outcome.MACHINE, Verdict.FAX: Outcome.FAX, Verdict.SIT: Outcome.SIT}


def outcome_of(record: CallRecord) -> Outcome:
    """The outcome of an ended call.

    A person who was joined to an agent had a conversation, late or not; that the treatment had begun is told apart. A
    person who was treated and never joined was abandoned; one who went before the deadline hung up.
    """
    if record.joined_at is not None:
        return Outcome.CONVERSATION
    if record.verdict is not None and record.verdict.is_machine:
        return _OF_MACHINE[record.verdict]
    if record.treated:
        return Outcome.ABANDONED
    if record.answered_at is not None:
        return Outcome.LIVE_HANGUP if record.cause is not None else Outcome.UNKNOWN
    return _unanswered(record)


def _unanswered(record: CallRecord) -> Outcome:
    if record.sent_at is None and record.cause is None:
        return Outcome.FAILED  # the order surely never reached the switch
    if record.released_by_us:
        return Outcome.CANCELLED if record.rang_at is None else Outcome.NO_ANSWER
    if record.cause is None:
        return Outcome.UNKNOWN
    if record.sip_status in _CANNOT_SERVE:
        return Outcome.FAILED if record.rang_at is None else Outcome.NO_ANSWER
    if record.sip_status in _OF_STATUS:
        return _OF_STATUS[record.sip_status]
    return Outcome.NO_ANSWER if record.rang_at is not None or record.was_ringing else Outcome.FAILED
