"""The installation's settings: one TOML file, any key overridable from the environment, checked once at start.

`fairdial.toml` in the working directory (or the file named by FAIRDIAL_CONFIG). Environment variables are named
FAIRDIAL_<KEY>, nested keys with two underscores. Secrets are not settings: they are generated per installation into
files under the state directory.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from dialer.asterisk.settings import NumberFormat, SessionTimers
from dialer.shift_plan import PlannedShift, planned
from pacing.settings import SettingsError as PacingSettingsError

CONFIG_VARIABLE: Final = "FAIRDIAL_CONFIG"
DEFAULT_CONFIG: Final = Path("fairdial.toml")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
E164 = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]


Codec = Literal["ulaw", "alaw", "g722", "opus", "slin"]


class SettingsError(Exception):
    """The settings cannot be used; the message names each key and what is wrong with it."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CompanySettings(_Section):
    """Who calls: spoken in messages, so it must be true and must not reveal a debt."""

    name: str = Field(default="Example Services", min_length=2, max_length=60, pattern=r"^[\w .,&'-]+$")
    callback_number: E164 = "+12125550100"


class TrunkSettings(_Section):
    """A way out to a carrier."""

    name: Name
    host: str = "127.0.0.1"
    port: int = Field(default=5060, ge=1, le=65535)
    username: str = ""
    register_with_carrier: bool = True
    """Without it the carrier knows our address; a username is then used to answer its challenges."""
    channels: int = Field(default=30, ge=1, le=5000)
    calls_per_second: float = Field(default=5.0, gt=0, le=500)
    number_format: NumberFormat = NumberFormat.E164
    """How the carrier wants numbers: e164 (+15550100), digits (15550100) or national (5550100)."""
    prefix: str = Field(default="", pattern=r"^[0-9]{0,8}$")
    """Digits before the called number."""
    codecs: tuple[Codec, ...] = Field(default=("ulaw", "alaw"), min_length=1)
    """Best first."""
    qualify_s: int = Field(default=30, ge=0, le=3600)
    """Seconds between questions whether the carrier answers; 0 for none."""
    session_timers: SessionTimers = SessionTimers.NO
    symmetric_rtp: bool = True
    """Send media to where the carrier's comes from, whatever it says; right behind most routers."""
    live: bool = False
    """A trunk that reaches real telephones. Everything else must be on loopback."""
    live_confirmed_by: str = ""
    """The person who answers for switching it on."""

    @model_validator(mode="after")
    def _loopback_unless_live(self) -> Self:
        if self.live and not self.live_confirmed_by.strip():
            raise ValueError(f"trunk {self.name}: live = true needs live_confirmed_by, the name of a person")
        if not self.live and not _is_loopback(self.host):
            raise ValueError(f"trunk {self.name}: {self.host} is not on this machine; set live = true to call out")
        if self.register_with_carrier and not self.username:
            raise ValueError(f"trunk {self.name}: a trunk that registers needs a username")
        return self


class AgentSettings(_Section):
    """An agent who may sign in. The secret is generated."""

    name: Name
    skills: tuple[Name, ...] = ()
    hours: str = ""
    """Planned hours, as 09:00-17:30; nothing is dialed for the agent in the two minutes before they end."""
    breaks: tuple[str, ...] = ()
    """Planned breaks within them, as 12:00-12:30."""
    zone: str = ""
    """IANA zone of these times."""

    @model_validator(mode="after")
    def _hours_are_whole(self) -> Self:
        self.shift()
        return self

    def shift(self) -> PlannedShift | None:
        """The planned hours, if there are any."""
        if not self.hours:
            if self.breaks or self.zone:
                raise ValueError(f"agent {self.name}: breaks and zone need hours")
            return None
        try:
            return planned(self.hours, self.breaks, self.zone)
        except (ValueError, OSError, ZoneInfoNotFoundError, PacingSettingsError) as error:
            raise ValueError(f"agent {self.name}: {error}") from error


class GatewaySettings(_Section):
    """Where agents' screens connect."""

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)


class RedisSection(_Section):
    url: str = ""
    """Empty: this engine is by itself. Else what all engines on one account store share, as redis://host:6379/0."""
    password_file: Path | None = None
    """Holds the password; the address then names the user, as redis://default@host:6379/0."""


class WebSection(_Section):
    """Where health, readiness and metrics are served. They ask for no password: keep them off open networks."""

    host: str = "127.0.0.1"
    port: int = Field(default=8780, ge=0, le=65535)


class DatabaseSettings(_Section):
    url: str = ""
    """Empty: SQLite in the state directory. Else an SQLAlchemy address, as postgresql+psycopg://user@host/name."""
    password_file: Path | None = None
    """Holds the password of the user in the address."""


Days = Annotated[int, Field(ge=0, le=36_500)]


class RetentionSection(_Section):
    """For how many days each kind is kept; 0 is for ever. See docs/howto/operate.md."""

    recordings: Days = 0
    attempts: Days = 0
    blocked: Days = 0
    contacts: Days = 0
    events: Days = 0
    persons: Days = 0


class AsteriskSection(_Section):
    """The private Asterisk."""

    binary: str = ""
    """Path of an Asterisk of your own; empty: the private root, installed once by `dialer asterisk install`."""
    root: Path = Path("/var/cache/fairdial")
    """Folder that holds the private root."""
    start: bool = True
    """False: `dialer asterisk run` keeps it running, under a service manager or in a container; the engine joins it."""
    address: str = "127.0.0.1"
    """Where SIP and media listen; another one only for a trunk or phones beyond this machine."""
    external_address: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]*$")] = ""
    """What carriers are told instead of `address`, behind a router that translates addresses."""
    local_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    """Networks that are told `address` all the same."""
    sip_port: int = Field(default=5160, ge=1024, le=65535)
    ami_port: int = Field(default=5138, ge=1024, le=65535)
    http_port: int = Field(default=5188, ge=1024, le=65535)
    rtp_first: int = Field(default=16000, ge=1024, le=65534)
    rtp_last: int = Field(default=17999, ge=1025, le=65535)


class Settings(BaseSettings):
    """Everything an installation is set up with."""

    model_config = SettingsConfigDict(
        env_prefix="FAIRDIAL_", env_nested_delimiter="__", extra="forbid", frozen=True, toml_file=DEFAULT_CONFIG
    )

    state_dir: Path = Path("var")
    company: CompanySettings = CompanySettings()
    database: DatabaseSettings = DatabaseSettings()
    retention: RetentionSection = RetentionSection()
    asterisk: AsteriskSection = AsteriskSection()
    gateway: GatewaySettings = GatewaySettings()
    web: WebSection = WebSection()
    redis: RedisSection = RedisSection()
    engine_name: Name = "engine"
    """The same at each start, and no other engine's on the same account store."""
    trunks: tuple[TrunkSettings, ...] = ()
    agents: tuple[AgentSettings, ...] = ()
    owned_numbers: tuple[E164, ...] = ()
    """Numbers that may be shown as caller ID, and on which calls come in."""
    allowed_countries: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")], ...] = ("US",)
    customer_packs: tuple[Path, ...] = ()
    """Files of own rules, which tighten, or loosen presumptions under a person's name."""
    recordings_least_free_mb: int = Field(default=500, ge=1)
    """Room that recordings must have before a recorded call is placed. A hundred talks write 200 MB a minute."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)

    @property
    def database_url(self) -> str | Path:
        """Where the account store is, with its password.

        Raises:
            SettingsError: the password cannot be read.
        """
        if not self.database.url:
            return self.state_dir / "fairdial.db"
        return _with_password("database", self.database.url, self.database.password_file)

    @property
    def redis_url(self) -> str:
        """What engines share, with its password; empty for an engine by itself.

        Raises:
            SettingsError: the password cannot be read.
        """
        return self.redis.url and _with_password("redis", self.redis.url, self.redis.password_file)


def load() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: one line for each mistake.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    if named is not None and not Path(named).is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names a file that is not there; correct it or unset it")
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in e['loc']) or 'settings'}: {e['msg']}" for e in error.errors()]
        raise SettingsError("; ".join(lines)) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{named or DEFAULT_CONFIG} is not text in UTF-8; save it as such") from None
    except ValueError as error:
        raise SettingsError(f"{named or DEFAULT_CONFIG} is not TOML: {error}; correct it there") from None
    except OSError as error:
        raise SettingsError(f"{named or DEFAULT_CONFIG} cannot be read: {error.strerror}; check its owner") from None


def _with_password(section: str, url: str, file: Path | None) -> str:
    """An address with the password that its own file holds."""
    if file is None:
        return url
    try:
        password = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{section}.password_file cannot be read; correct the path, or the file's owner") from None
    try:
        address = make_url(url)
    except ArgumentError:
        raise SettingsError(f"{section}.url is no address; docs/howto/operate.md shows one") from None
    if not address.username or address.password or not password:
        raise SettingsError(f"{section}.url names a user and no password, and {section}.password_file holds one")
    return address.set(password=password).render_as_string(hide_password=False)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
