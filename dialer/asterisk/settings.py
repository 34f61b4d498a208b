"""What an installation says about its Asterisk: trunks, agents' phones, numbers, limits."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.ports import Ports
from domain.phone import PhoneNumber

KNOWN_CODECS: Final = frozenset({"ulaw", "alaw", "g722", "opus", "slin"})


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
        registration: user and secret; None when the carrier knows our IP address.
        codecs: best first.
        plus: whether numbers carry a plus sign on this trunk.
        qualify_s: seconds between OPTIONS pings, 0 for none.
    """

    name: str
    host: str
    port: int = 5060
    registration: Registration | None = None
    codecs: tuple[str, ...] = ("ulaw", "alaw")
    plus: bool = True
    qualify_s: int = 0

    def __post_init__(self) -> None:
        if unknown := set(self.codecs) - KNOWN_CODECS:
            raise AsteriskError(f"trunk {self.name}: unknown codec {sorted(unknown)}; known: {sorted(KNOWN_CODECS)}")
        if not self.codecs:
            raise AsteriskError(f"trunk {self.name}: name at least one codec of {sorted(KNOWN_CODECS)}")

    @property
    def is_loopback(self) -> bool:
        """Whether calls on this trunk cannot leave the machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def user_part(self, number: PhoneNumber) -> str:
        """The number as this trunk wants it dialled."""
        return number.e164 if self.plus else number.digits


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
