"""Key codes on an agent's telephone: a small pure state machine from keys to what the agent means.

A star begins a command (`*1` ready, `*2` pause after the call, `*3` hold and back, `*0` hang up the call, `*9` sign
out). While wrapping up, a digit alone, or `#` and a digit, is a disposition; while an account is shown, `#` dials it
and `0` skips it. At any other time keys without a star mean nothing to the dialer (the person may be at a menu of their
own).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Command(StrEnum):
    """What a starred code asks for."""

    READY = "*1"
    PAUSE = "*2"
    HOLD = "*3"
    HANG_UP = "*0"
    SIGN_OUT = "*9"


class Preview(StrEnum):
    """What an agent answers who is shown an account.

    `#` means nothing by itself anywhere else: whoever presses a digit twice after a call dials nobody by it.
    """

    DIAL = "#"
    SKIP = "0"


class Asked(StrEnum):
    """What the agent is being asked, which decides what keys without a star mean."""

    NOTHING = "nothing"
    PREVIEW = "preview"
    DISPOSITION = "disposition"


@dataclass(frozen=True, slots=True)
class DispositionKeys:
    """The keys of a disposition: a digit, or `#` and a digit."""

    keys: str


@dataclass(frozen=True, slots=True)
class Keypad:
    """A telephone's keys so far.

    Attributes:
        prefix: `*`, `#` or nothing.
        since: monotonic seconds at which the prefix was pressed.
    """

    prefix: str = ""
    since: float = 0.0


BETWEEN_KEYS_S: Final = 3.0
"""A prefix older than this is forgotten."""
_DIGITS: Final = frozenset("0123456789")


def press(
    keypad: Keypad, key: str, now: float, asked: Asked = Asked.NOTHING
) -> tuple[Keypad, Command | DispositionKeys | Preview | None]:
    """One key more.

    Args:
        keypad: the keys before.
        key: one of `0`-`9`, `*`, `#`; anything else clears the prefix.
        now: monotonic seconds.
        asked: what is being waited for.

    Returns:
        The keys now pending, and what the agent means if the code is complete.
    """
    prefix = keypad.prefix if now - keypad.since <= BETWEEN_KEYS_S else ""
    if key == "*" or (key == "#" and asked is Asked.DISPOSITION):
        return Keypad(key, now), None
    if prefix == "*":
        return Keypad(), _COMMANDS.get(prefix + key)
    if asked is Asked.PREVIEW:
        return Keypad(), _ANSWERS.get(key)
    meant = asked is Asked.DISPOSITION and key in _DIGITS
    return Keypad(), DispositionKeys(prefix + key) if meant else None


_ANSWERS: Final = {answer.value: answer for answer in Preview}
_COMMANDS: Final = {command.value: command for command in Command}
