"""Key codes on an agent's telephone: a small pure state machine from keys to what the agent means.

A star begins a command (`*1` ready, `*2` pause after the call, `*3` hold and back, `*0` hang up the call, `*9` sign
out). While wrapping up, a digit alone, or `#` and a digit, is a disposition; at any other time keys without a star mean
nothing to the dialer (the person may be at a menu of their own).
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
    keypad: Keypad, key: str, now: float, *, wrapping_up: bool
) -> tuple[Keypad, Command | DispositionKeys | None]:
    """One key more.

    Args:
        keypad: the keys before.
        key: one of `0`-`9`, `*`, `#`; anything else clears the prefix.
        now: monotonic seconds.
        wrapping_up: whether a disposition is being waited for.

    Returns:
        The keys now pending, and what the agent means if the code is complete.
    """
    prefix = keypad.prefix if now - keypad.since <= BETWEEN_KEYS_S else ""
    if key == "*" or (key == "#" and wrapping_up):
        return Keypad(key, now), None
    if key not in _DIGITS:
        return Keypad(), None
    if prefix == "*":
        return Keypad(), _COMMANDS.get(prefix + key)
    return Keypad(), DispositionKeys(prefix + key) if wrapping_up else None


_COMMANDS: Final = {command.value: command for command in Command}
