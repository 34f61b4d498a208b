"""What an installation says about its Asterisk: trunks, agents' phones, numbers, limits."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, assert_never

import phonenumbers

from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.ports import Ports
from domain.phone import PhoneNumber

PREFIX: Final = re.compile(r"[0-9]{0,8}")
KNOWN_CODECS: Final = frozenset({"ulaw", "alaw", "g722", "opus", "slin"})


@cache
def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class NumberFormat(StrEnum):
    """How a carrier wants numbers written."""

    E164 = "e164"
    """Plus sign, country code, number."""
    DIGITS = "digits"
    """The same without the plus sign."""
    NATIONAL = "national"
    """Without country code; only for a trunk that calls one country."""


class SessionTimers(StrEnum):
    """RFC 4028: whether long calls are refreshed, so that a far end that vanished is noticed."""

    NO = "no"
    YES = "yes"
    """When the carrier asks for it."""
    REQUIRED = "required"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Registration:
    """How a trunk knows us when it does not know our address."""

    user: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SipTrunk:
    """How to reach one carrier; what it allows at once is `dialer.trunks.TrunkLimits`, kept by the engine.

    Attributes:
        name: what an origination calls it.
        host: the carrier's SIP server.
        port: its UDP port.
        registration: user and secret to register with; None when the carrier knows our IP address.
        digest: user and secret for a carrier that challenges INVITEs and takes no registration.
        codecs: best first.
        number_format: how called numbers and ours are written.
        prefix: digits before the called number.
        qualify_s: seconds between OPTIONS pings, 0 for none.
        session_timers: see `SessionTimers`.
        symmetric_rtp: send media to where the carrier's comes from, whatever it says.
    """

    name: str
    host: str
    port: int = 5060
    registration: Registration | None = None
    codecs: tuple[str, ...] = ("ulaw", "alaw")
    number_format: NumberFormat = NumberFormat.E164
    prefix: str = ""
    qualify_s: int = 0
    session_timers: SessionTimers = SessionTimers.NO
    symmetric_rtp: bool = True
    digest: Registration | None = None

    def __post_init__(self) -> None:
        if unknown := set(self.codecs) - KNOWN_CODECS:
            raise AsteriskError(f"trunk {self.name}: unknown codec {sorted(unknown)}; known: {sorted(KNOWN_CODECS)}")
        if not self.codecs:
            raise AsteriskError(f"trunk {self.name}: name at least one codec of {sorted(KNOWN_CODECS)}")
        if PREFIX.fullmatch(self.prefix) is None:
            raise AsteriskError(f"trunk {self.name}: a prefix is up to 8 digits")
        if self.registration is not None and self.digest is not None:
            raise AsteriskError(f"trunk {self.name}: it registers, or it has a digest of its own, not both")

    @property
    def is_loopback(self) -> bool:
        """Whether calls on this trunk cannot leave the machine."""
        return _is_loopback(self.host)

    @property
    def credentials(self) -> Registration | None:
        """What answers the carrier's challenges."""
        return self.registration or self.digest

    def dialed(self, number: PhoneNumber) -> str:
        """A number as this trunk wants it called."""
        return self.prefix + self.shown(number)

    def shown(self, number: PhoneNumber) -> str:
        """A number of ours as this trunk wants it shown."""
        match self.number_format:
            case NumberFormat.E164:
                return number.e164
            case NumberFormat.DIGITS:
                return number.digits
            case NumberFormat.NATIONAL:
                return phonenumbers.national_significant_number(phonenumbers.parse(number.e164))
            case _:
                assert_never(self.number_format)


@dataclass(frozen=True, slots=True)
class AgentPhone:
    """An agent's SIP phone.

    Attributes:
        name: the agent's sign-in name; also the SIP user.
        secret: what the phone registers with.
    """

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineDetection:
    """Parameters of app_amd, milliseconds. The defaults decide 0.8 s after a short greeting ends."""

    total_analysis: int = 5000
    initial_silence: int = 2500
    after_greeting_silence: int = 800
    greeting: int = 1500
    min_word_length: int = 100
    max_word_length: int = 5000
    between_words_silence: int = 50
    max_words: int = 2
    silence_threshold: int = 256


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, as recorded messages say it. Never what about."""

    company: str
    number: PhoneNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskSettings:
    """Everything one dialer instance is rendered from.

    Attributes:
        name: the instance's name, and its folder under `state`.
        state: folder for all instances' files, such as var/asterisk.
        ports: ports on `address`.
        address: address for SIP and media; loopback unless a trunk is elsewhere.
        external_address: what a carrier outside `local_networks` is told instead, behind a router that translates.
        local_networks: networks (CIDR) that are told `address`.
        identity: spoken in messages.
        trunks: ways out.
        agents: phones that may register.
        owned_numbers: numbers that answer when somebody calls back.
        detection: machine detection.
        hold_s: longest time a person is held after the agent's leg was lost.
        max_call_s: hard limit for any outbound call, answered part.
        agent_silence_s: an agent's phone that sends no media this long is gone.
    """

    name: str = "dialer"
    state: Path
    ports: Ports
    address: str = "127.0.0.1"
    external_address: str = ""
    local_networks: tuple[str, ...] = ()
    identity: Identity
    trunks: tuple[SipTrunk, ...] = ()
    agents: tuple[AgentPhone, ...] = ()
    owned_numbers: tuple[PhoneNumber, ...] = ()
    detection: MachineDetection = MachineDetection()
    hold_s: float = 10.0
    max_call_s: int = 7200
    agent_silence_s: int = 5

    def __post_init__(self) -> None:
        names = [trunk.name for trunk in self.trunks] + [agent.name for agent in self.agents]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise AsteriskError(f"trunks and agents share one space of names; used twice: {', '.join(twice)}")
