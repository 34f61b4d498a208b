"""The actions we send, as frozen values, and how they become bytes.

Each action knows whether it may ever be sent twice: a `NEVER_REPEATED` one that got lost is reported, not repeated.
The encoder refuses what would end a line early (a value with CR and LF would be read as a second action), what Asterisk
would cut or rewrite in `Variable`, and lines longer than Asterisk reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final

from dialer.ami.errors import InvalidActionError


class Repeat(StrEnum):
    """May the action be sent again when nobody knows whether it arrived?"""

    REPEATABLE = "repeatable"
    NEVER_REPEATED = "never_repeated"


@dataclass(frozen=True, slots=True)
class Listing:
    """Names of the events that make up the answer of a list action."""

    item: str
    end: str


@dataclass(frozen=True, slots=True)
class Action:
    """One order to Asterisk."""

    name: ClassVar[str]
    repeat: ClassVar[Repeat]
    listing: ClassVar[Listing | None] = None

    def headers(self) -> Iterator[tuple[str, str]]:
        """The lines after `Action` and `ActionID`."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Login(Action):
    """Names us. `events` is on or off for all classes the user may read."""

    name = "Login"
    repeat = Repeat.REPEATABLE

    username: str
    secret: str = field(repr=False)
    events: str = "on"

    def headers(self) -> Iterator[tuple[str, str]]:
        yield "Username", self.username
        yield "Secret", self.secret
        yield "Events", self.events


@dataclass(frozen=True, slots=True)
class Ping(Action):
    """Asks for a sign of life."""

    name = "Ping"
    repeat = Repeat.REPEATABLE


@dataclass(frozen=True, slots=True)
class Filter(Action):
    """Lets Asterisk send this session only events whose name was asked for; each `Filter` adds one name.

    Matches by name (`MatchCriteria`, since Asterisk 18.24, 20.9 and 21.4). Needs the write class `system`.
    """

    name = "Filter"
    repeat = Repeat.REPEATABLE

    event: str

    def headers(self) -> Iterator[tuple[str, str]]:
        yield "Operation", "Add"
        yield "MatchCriteria", f"action(include),name({self.event})"


@dataclass(frozen=True, slots=True)
class Originate(Action):
    """Places a call and runs the dialplan at `context`, `exten`, priority 1 when it is answered.

    Attributes:
        channel: what to call, as `PJSIP/15550100@trunk`.
        channel_id: Uniqueid the channel will have.
        timeout_ms: from the INVITE to the answer.
        caller_id: number to show; empty for the endpoint's own.
        variables: channel variables or functions to set; a name may be `FUNCTION(argument,argument)`.
    """

    name = "Originate"
    repeat = Repeat.NEVER_REPEATED

    channel: str
    channel_id: str
    context: str
    exten: str
    timeout_ms: int
    caller_id: str = ""
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def headers(self) -> Iterator[tuple[str, str]]:
        yield "Channel", self.channel
        yield "ChannelId", self.channel_id
        yield "Context", self.context
        yield "Exten", self.exten
        yield "Priority", "1"
        yield "Timeout", str(self.timeout_ms)
        yield "Async", "true"
        if self.caller_id:
            yield "CallerID", self.caller_id
        for variable, value in self.variables.items():
            _check_variable(variable, value)
            yield "Variable", f"{variable}={value}"


@dataclass(frozen=True, slots=True)
class Redirect(Action):
    """Moves a channel (by name or Uniqueid) to priority 1 of an extension."""

    name = "Redirect"
    repeat = Repeat.NEVER_REPEATED

    channel: str
    context: str
    exten: str

    def headers(self) -> Iterator[tuple[str, str]]:
        yield "Channel", self.channel
        yield "Context", self.context
        yield "Exten", self.exten
        yield "Priority", "1"


@dataclass(frozen=True, slots=True)
class Bridge(Action):
    """Puts two channels (by name or Uniqueid) into one bridge, without a tone."""

    name = "Bridge"
    repeat = Repeat.NEVER_REPEATED

    channel1: str
    channel2: str

    def headers(self) -> Iterator[tuple[str, str]]:
        yield "Channel1", self.channel1
        yield "Channel2", self.channel2
        yield "Tone", "no"


@dataclass(frozen=True, slots=True)
class Hangup(Action):
    """Ends one channel (by name or Uniqueid) with a Q.850 cause."""

    name = "Hangup"
    repeat = Repeat.NEVER_REPEATED

    channel: str
    cause: int = 16

    def headers(self) -> Iterator[tuple[str, str]]:
        if self.channel.startswith("/"):
            raise InvalidActionError(
                "a channel to hang up may not begin with a slash: Asterisk would take it for a pattern"
            )
        yield "Channel", self.channel
        yield "Cause", str(self.cause)


@dataclass(frozen=True, slots=True)
class Setvar(Action):
    """Sets a variable of a channel (by name or Uniqueid)."""

    name = "Setvar"
    repeat = Repeat.REPEATABLE

    channel: str
    variable: str
    value: str

    def headers(self) -> Iterator[tuple[str, str]]:
        if not self.channel:
            raise InvalidActionError("Setvar needs a channel: without one it would set a global variable")
        yield "Channel", self.channel
        yield "Variable", self.variable
        yield "Value", self.value


@dataclass(frozen=True, slots=True)
class CoreShowChannels(Action):
    """Lists every channel."""

    name = "CoreShowChannels"
    repeat = Repeat.REPEATABLE
    listing = Listing("CoreShowChannel", "CoreShowChannelsComplete")


@dataclass(frozen=True, slots=True)
class ShowRegistrations(Action):
    """Lists how each registration with a carrier stands; refused where there is none."""

    name = "PJSIPShowRegistrationsOutbound"
    repeat = Repeat.REPEATABLE
    listing = Listing("OutboundRegistrationDetail", "OutboundRegistrationDetailComplete")


@dataclass(frozen=True, slots=True)
class DeviceState(Action):
    """Asks for the state of one SIP endpoint (`Value`): UNAVAILABLE where its far end does not answer OPTIONS."""

    name = "Getvar"
    repeat = Repeat.REPEATABLE

    endpoint: str

    def headers(self) -> Iterator[tuple[str, str]]:
        if re.fullmatch(r"[A-Za-z0-9_-]+", self.endpoint) is None:
            raise InvalidActionError("an endpoint's name holds letters, digits, dash and underscore only")
        yield "Variable", f"DEVICE_STATE(PJSIP/{self.endpoint})"


@dataclass(frozen=True, slots=True)
class Status(Action):
    """Lists every channel with the named variables.

    Attributes:
        variables: names of variables or functions to read, each reported as `Variable: name=value`.
    """

    name = "Status"
    repeat = Repeat.REPEATABLE
    listing = Listing("Status", "StatusComplete")

    variables: tuple[str, ...] = ()

    def headers(self) -> Iterator[tuple[str, str]]:
        if self.variables:
            yield "Variables", ",".join(self.variables)


@dataclass(frozen=True, slots=True)
class Logoff(Action):
    """Says goodbye."""

    name = "Logoff"
    repeat = Repeat.REPEATABLE


LIST_EVENTS: Final = frozenset(
    name
    for listing in (CoreShowChannels.listing, Status.listing, ShowRegistrations.listing)
    if listing is not None
    for name in (listing.item, listing.end)
)
"""Events that are answers; the codec must let them through whoever wants them."""

_MAX_LINE: Final = 1000  # Asterisk's manager.c reads 1024 bytes of a line and discards the message beyond
_MAX_HEADERS: Final = 120  # AST_MAX_MANHEADERS is 128
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_VARIABLE: Final = re.compile(r"_{0,2}[A-Za-z][A-Za-z0-9_]*(?:\([A-Za-z0-9_,-]*\))?")


def encode(action: Action, action_id: str) -> bytes:
    """The action as Asterisk reads it.

    Raises:
        InvalidActionError: a key or value would change the meaning of the message; the text names the header, never
            the value.
    """
    lines = [("Action", action.name), ("ActionID", action_id), *action.headers()]
    if len(lines) > _MAX_HEADERS:
        raise InvalidActionError(
            f"{action.name}: {len(lines)} lines are more than Asterisk reads; send fewer variables"
        )
    return b"".join(_line(action.name, key, value) for key, value in lines) + b"\r\n"


def _line(action: str, key: str, value: str) -> bytes:
    if _KEY.fullmatch(key) is None:
        raise InvalidActionError(f"{action}: a header name may hold letters, digits, dash and underscore only")
    if _CONTROL.search(value) is not None:
        raise InvalidActionError(
            f"{action}: the value of {key} holds a line break or another control character; remove it"
        )
    try:
        line = f"{key}: {value}\r\n".encode()
    except UnicodeEncodeError as error:
        raise InvalidActionError(f"{action}: the value of {key} cannot be written as UTF-8") from error
    if len(line) > _MAX_LINE:
        raise InvalidActionError(f"{action}: the line {key} is longer than the {_MAX_LINE} bytes that Asterisk reads")
    return line


def _check_variable(name: str, value: str) -> None:
    if _VARIABLE.fullmatch(name) is None:
        raise InvalidActionError("Originate: a variable's name is an identifier or FUNCTION(arguments)")
    if any(character in value for character in ',"\\'):
        # Asterisk splits the header at commas and takes quotes and backslashes away.
        raise InvalidActionError(f"Originate: variable {name} holds a comma, quote or backslash; Asterisk would cut it")
