"""The test carrier: a second Asterisk that plays the telephone network: people, machines, refusals.

It demands registration and challenges every call with digest authentication, as a trunk does. What it saw it writes
itself, to `carrier.jsonl`, independent of anything the dialer writes (see `carrier_file`); the number plan says what
to expect of each number.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dialer.asterisk.instance import AMI_USER, Instance, Place
from dialer.asterisk.ports import Ports
from dialer.asterisk.render import TEMPLATES, render_folder
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import Registration, SipTrunk
from dialer.testing.number_plan import BY_SUFFIX, TONES_HZ, Behaviour, tone_hz
from dialer.testing.profile import ROWS, Profile, load_profile
from dialer.testing.speech import EspeakSpeaker, Script, load_script, make_clips
from domain.phone import PhoneNumber

CARRIER_TEMPLATES: Final = TEMPLATES / "carrier"
PROFILE: Final = CARRIER_TEMPLATES / "profile.toml"
SCRIPT: Final = CARRIER_TEMPLATES / "speech.toml"

_USER: Final = "fairdial"
_FILE: Final = "carrier.jsonl"
_PRESSABLE: Final = frozenset("0123456789*#")
SHARED: Final = (
    "acl.conf",
    "ccss.conf",
    "cdr.conf",
    "features.conf",
    "http.conf",
    "indications.conf",
    "logger.conf",
    "pjproject.conf",
    "udptl.conf",
)
"""Configuration that says "none of that" the same way for every instance."""
_EARLY_MS: Final = (900, 1700)
_LATE_MS: Final = (2500, 3500)


class CarrierError(Exception):
    """The test carrier cannot do what was asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Table:
    """256 equally likely values of one global variable of the dialplan, row 0 to 255."""

    name: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CarrierSettings:
    """What distinguishes one test carrier from another.

    Attributes:
        folder: everything it writes is below.
        ports: what it listens on.
        seed: the same seed, numbers and order of calls give the same parties doing the same things.
        profile: chances and times.
        script: what its parties say.
        clips: where the spoken clips are kept; several carriers may share a folder. Default: in `folder`.
        address: where it listens; loopback only.
    """

    folder: Path
    ports: Ports
    seed: int = 1
    profile: Profile = field(default_factory=lambda: load_profile(PROFILE))
    script: Path = SCRIPT
    clips: Path | None = None
    address: str = "127.0.0.1"

    def __post_init__(self) -> None:
        if not self.address.startswith("127."):
            raise CarrierError(f"the test carrier listens on loopback only, not on {self.address}")
        if not 0 <= self.seed < 10**9:
            raise CarrierError(f"seed {self.seed}: 0 to 999999999 is expected")


class Carrier:
    """A test carrier that can be started, stopped, called and made to call."""

    def __init__(self, settings: CarrierSettings, root: PrivateRoot) -> None:
        """Describe a carrier; nothing is written or started."""
        self.settings = settings
        self._root = root
        self.instance = Instance(
            program=root,
            folder=settings.folder,
            ports=settings.ports,
            files=self._files,
            address=settings.address,
        )

    @property
    def file(self) -> Path:
        """Where it writes what it saw; read it with `carrier_file.read_calls`. Kept from one start to the next."""
        return self.instance.place.log / "cel-custom" / _FILE

    @property
    def clips(self) -> Path:
        """The folder of the spoken clips."""
        return (self.settings.clips or self.instance.place.sounds).absolute()

    @property
    def _secret(self) -> str:
        """The password of the trunk: of this installation, kept from one start to the next."""
        return hashlib.sha256(f"trunk:{self.instance.ami_secret}".encode()).hexdigest()[:32]

    def trunk(self, name: str = "carrier") -> SipTrunk:
        """The dialer's way to this carrier."""
        return SipTrunk(
            name=name,
            host=self.settings.address,
            port=self.settings.ports.sip,
            registration=Registration(user=_USER, secret=self._secret),
            codecs=("ulaw",),
        )

    async def start(self) -> None:
        """Make the clips if they are missing, write the configuration, start.

        Raises:
            AsteriskError: it cannot be started.
            SpeechError: the clips cannot be made.
            ProfileError: the profile makes no sense.
        """
        root = self._root
        speaker = EspeakSpeaker(root.command("espeak-ng"), root.environment(), root.data / "sounds/en_US_f_Allison")
        make_clips(self.settings.script, speaker, self.clips)
        self.instance.render()
        self.file.touch()  # readable from the first moment, whoever reads it
        await self.instance.start()

    async def stop(self) -> None:
        """End it and whatever calls it holds. Not running is no error."""
        await self.instance.stop()

    def call_in(self, called: PhoneNumber, caller: PhoneNumber, press: str = "") -> None:
        """Have a person call one of the dialer's numbers; returns at once.

        Args:
            called: the number the dialer owns.
            caller: who calls; its number also selects the marking tone.
            press: digits the person presses 6 s after the answer, such as "9".

        Raises:
            CarrierError: `press` holds anything but digits, star and hash.
        """
        if not set(press) <= _PRESSABLE or len(press) > 10:
            raise CarrierError(f"cannot press {press!r}: at most ten digits, stars or hashes")
        behaviour = Behaviour.HUMAN_PRESSES_9 if press else Behaviour.HUMAN_PATIENT
        variables = {
            "CALLED": called.digits,
            "CALLER": caller.digits,
            "TONE": str(tone_hz(caller)),
            "PRESS": press,
            "BEHAVIOUR": behaviour.value,
        }
        lines = [
            f"Channel: PJSIP/{called.e164}@{_USER}",
            f'CallerID: "" <{caller.e164}>',
            "MaxRetries: 0",
            "WaitTime: 45",
            "Context: caller",
            "Extension: speaks",
            "Priority: 1",
            *(f"Setvar: {name}={value}" for name, value in variables.items()),
        ]
        # Asterisk takes a call file the moment its name appears, so it must appear whole
        spool = self.instance.place.spool
        waiting = spool / f"{secrets.token_hex(8)}.call"
        waiting.write_text("\n".join(lines) + "\n", "ascii")
        waiting.rename(spool / "outgoing" / waiting.name)

    def _files(self, place: Place, ami_secret: str) -> Mapping[str, str]:
        (place.spool / "outgoing").mkdir(mode=0o700, parents=True, exist_ok=True)
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        values = {
            "address": self.settings.address,
            "ports": self.settings.ports,
            "user": _USER,
            "secret": self._secret,
            "ami_user": AMI_USER,
            "ami_secret": ami_secret,
            "events": _FILE,  # relative: Asterisk cuts a section's name, and so a long path, at 79 characters
            "seed": self.settings.seed,
            "clips": self.clips,
            "by_suffix": BY_SUFFIX,
            "tones_hz": TONES_HZ,
            "tables": tables(self.settings.profile, load_script(self.settings.script)),
        }
        shared = {name: (TEMPLATES / name).read_text("utf-8") for name in SHARED}
        return shared | render_folder(values, CARRIER_TEMPLATES)


def tables(profile: Profile, script: Script) -> tuple[Table, ...]:
    """What the dialplan draws from, by the names it uses."""
    return (
        Table("BEHAVIOUR", tuple(profile.behaviours())),
        Table("PDD", _seconds(profile.post_dial_delay.table())),
        Table("RING", _seconds(profile.ring.table())),
        Table("TALK", _seconds(profile.talk.table())),
        Table("EARLY", _seconds(_even(*_EARLY_MS))),
        Table("LATE", _seconds(_even(*_LATE_MS))),
        Table("PERSON", _clips("person", [row.name for row in script.person])),
        Table("WORDY_PERSON", _clips("person", [row.name for row in script.wordy_person])),
        Table("VOICEMAIL", _clips("voicemail", [row.name for row in script.voicemail])),
        Table("TERSE_VOICEMAIL", _clips("voicemail", [row.name for row in script.terse_voicemail])),
        Table("MAILBOX_FULL", _clips("mailbox-full", [row.name for row in script.mailbox_full])),
        Table("INTERCEPT", _clips("intercept", [row.name for row in script.intercept])),
    )


def _seconds(milliseconds: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{ms / 1000:.3f}" for ms in milliseconds)


def _even(least: int, most: int) -> tuple[int, ...]:
    return tuple(round(least + (most - least) * (row + 0.5) / ROWS) for row in range(ROWS))


def _clips(kind: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{kind}-{names[row % len(names)]}" for row in range(ROWS))
