"""Identifiers, one type per noun, so that a debt's id cannot be passed where a person's is meant.

Attempt, leg and recording ids are made here before the thing exists (the attempt's id becomes the channel's id in
Asterisk). They are 32 lower-case hex digits: safe in a channel id, a dialplan extension, a file name and a URL.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Final, NewType

AttemptId = NewType("AttemptId", str)
"""One dial; also the Uniqueid of its channel in Asterisk and the name of its recording."""
LegId = NewType("LegId", str)
"""One nailed-up audio leg of an agent; the Uniqueid of its channel."""
AgentId = NewType("AgentId", str)
"""An agent's sign-in name: letters, digits, dot, dash and underscore."""
RecordingId = NewType("RecordingId", str)
"""One recording in the catalogue."""
CampaignId = NewType("CampaignId", int)
ListId = NewType("ListId", int)
PersonId = NewType("PersonId", int)
DebtId = NewType("DebtId", int)
PhoneId = NewType("PhoneId", int)

_HEX32: Final = re.compile(r"[0-9a-f]{32}")
_FURTHER: Final = "cdef"
"""Version digits that no UUID has; in a channel's id they say which further INVITE of its attempt it is."""
MAX_INVITES: Final = 1 + len(_FURTHER)
"""INVITEs that one attempt may have, the first included."""
_VERSION_AT, _VARIANT_AT, _VARIANTS = 12, 16, "89ab"


def is_call_id(text: str) -> bool:
    """Whether `text` has the shape of an attempt or leg id (and so cannot carry anything else into Asterisk)."""
    return _HEX32.fullmatch(text) is not None


def _uuid7(now: datetime) -> str:
    """A UUID version 7 (RFC 9562, 5.7) as 32 hex digits: 48 bits of Unix milliseconds, then random bits."""
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return f"{value:032x}"


def new_attempt_id(now: datetime) -> AttemptId:
    """A fresh attempt id; ids sort by the instant they were made."""
    return AttemptId(_uuid7(now))


def channel_of(attempt: AttemptId, invite: int) -> str:
    """The id of the channel of an attempt's INVITE.

    The first one's is the attempt's own. That of a further one, sent over another trunk after the first was refused,
    differs in the version digit alone, so that after a crash the channel still says whose it is.

    Args:
        invite: 0 for the first, below MAX_INVITES.

    Raises:
        ValueError: the attempt's id is not one of `new_attempt_id`, or there may not be so many INVITEs.
    """
    if invite == 0:
        return attempt
    if not 0 < invite < MAX_INVITES or not is_call_id(attempt) or attempt[_VARIANT_AT] not in _VARIANTS:
        raise ValueError(f"no channel id for INVITE {invite} of this attempt")
    return attempt[:_VERSION_AT] + _FURTHER[invite - 1] + attempt[_VERSION_AT + 1 :]


def attempt_of(channel: str) -> AttemptId:
    """The attempt whose INVITE made a channel; the id itself where it is that of a first INVITE, or no such id."""
    further = is_call_id(channel) and channel[_VERSION_AT] in _FURTHER and channel[_VARIANT_AT] in _VARIANTS
    return AttemptId(channel[:_VERSION_AT] + "7" + channel[_VERSION_AT + 1 :] if further else channel)


def new_leg_id(now: datetime) -> LegId:
    """A fresh id for an agent's audio leg."""
    return LegId(_uuid7(now))


def new_recording_id(now: datetime) -> RecordingId:
    """A fresh id for a catalogued recording."""
    return RecordingId(_uuid7(now))
