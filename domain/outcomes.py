"""What became of an attempt: one enum for the ledger, the law's history, the carrier's truth and the simulator."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """The end of one attempt."""

    CONVERSATION = "conversation"
    THIRD_PARTY = "third_party"
    WRONG_NUMBER = "wrong_number"
    ABANDONED = "abandoned"
    LIVE_HANGUP = "live_hangup"
    MACHINE = "machine"
    VOICEMAIL_LEFT = "voicemail_left"
    MAILBOX_FULL = "mailbox_full"
    FAX = "fax"
    NO_ANSWER = "no_answer"
    CANCELLED = "cancelled"
    BUSY = "busy"
    SIT = "sit"
    CARRIER_BLOCKED = "carrier_blocked"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def counts_toward_caps(self) -> bool:
        """Whether frequency caps count it. Never connected to the number dialled (12 CFR 1006.14(b)(3)(iv)): no."""
        return self not in _NEVER_CONNECTED

    @property
    def is_live_answer(self) -> bool:
        """Whether a person answered: the denominator of abandonment."""
        return self in _LIVE


_NEVER_CONNECTED: Final = frozenset({Outcome.BUSY, Outcome.SIT, Outcome.FAILED})
_LIVE: Final = frozenset(
    {Outcome.CONVERSATION, Outcome.THIRD_PARTY, Outcome.WRONG_NUMBER, Outcome.ABANDONED, Outcome.LIVE_HANGUP}
)


class Verdict(StrEnum):
    """What answered, as the detector judged it."""

    HUMAN = "human"
    MACHINE = "machine"
    FAX = "fax"
    SIT = "sit"
    UNCERTAIN = "uncertain"
    """Treated as a person: nobody who may be a person is hung up on."""

    @property
    def is_machine(self) -> bool:
        return self in {Verdict.MACHINE, Verdict.FAX, Verdict.SIT}
