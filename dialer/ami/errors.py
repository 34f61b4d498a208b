"""Why a connection closed and why an action did not succeed.

Every failed action says whether Asterisk may have carried it out all the same (`maybe_done`): an originate that may
have been done is counted as made and never sent again.
"""

from __future__ import annotations

from enum import StrEnum


class CloseReason(StrEnum):
    """Why a connection is gone."""

    REQUESTED = "requested"
    """We were told to stop."""
    CONNECT_FAILED = "connect_failed"
    """Nobody listens there, or not in time."""
    NOT_AMI = "not_ami"
    """The peer does not greet as an Asterisk manager."""
    AUTH_FAILED = "auth_failed"
    """Asterisk refused name and secret."""
    NOT_BOOTED = "not_booted"
    """Logged in, but Asterisk did not say in time that it is fully booted."""
    CONNECTION_BROKEN = "connection_broken"
    """The peer closed, or the network did."""
    PEER_DEAD = "peer_dead"
    """The connection stands, but Ping is not answered."""
    OVERRUN = "overrun"
    """Events came faster than they were consumed, and none of them may be dropped."""


class AmiError(Exception):
    """An action did not succeed.

    Attributes:
        maybe_done: True when Asterisk may have carried it out (it was written, and no answer came).
    """

    def __init__(self, message: str, *, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class InvalidActionError(AmiError, ValueError):
    """The action cannot be written as AMI lines without changing its meaning; nothing was sent."""


class NotConnectedError(AmiError):
    """There is no logged-in connection; nothing was sent.

    Attributes:
        reason: why the last connection, or the last attempt at one, ended; None before the first.
    """

    def __init__(self, message: str, reason: CloseReason | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class ConnectionClosedError(AmiError):
    """The connection went away while the action waited.

    Attributes:
        reason: why it went away.
    """

    def __init__(self, message: str, reason: CloseReason, *, maybe_done: bool) -> None:
        super().__init__(message, maybe_done=maybe_done)
        self.reason = reason


class ActionTimeoutError(AmiError):
    """No answer before the action's deadline."""


class ActionRefusedError(AmiError):
    """Asterisk answered with an error; the action was not carried out.

    Attributes:
        detail: Asterisk's own words, as `No such channel`.
    """

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.detail = detail
