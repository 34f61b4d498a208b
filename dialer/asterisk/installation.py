"""The installation's own Asterisk: from the settings file to the instance that dials."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from dialer.asterisk.checks import version_check
from dialer.asterisk.configuration import dialer_instance
from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.install import installed_root
from dialer.asterisk.instance import Instance
from dialer.asterisk.ports import Ports
from dialer.asterisk.root import AsteriskProgram, OwnAsterisk
from dialer.asterisk.secret_files import generated, given
from dialer.asterisk.settings import AgentPhone, AsteriskSettings, Identity, Registration, SipTrunk
from dialer.settings import AsteriskSection, Settings, TrunkSettings
from domain.phone import PhoneNumber

VERSION_S: Final = 10.0


def program(section: AsteriskSection) -> AsteriskProgram:
    """The Asterisk that the settings name: the user's own, or the private root.

    Raises:
        AsteriskError: the own one is not usable or too old, or the private root has not been made.
    """
    if not section.binary:
        return installed_root(section.root)
    own = OwnAsterisk.at(Path(section.binary))
    check = version_check(_version(own))
    if not check.ok:
        raise AsteriskError(f"asterisk.binary: {check.advice}")
    return own


def _version(own: OwnAsterisk) -> str:
    try:
        return subprocess.run(  # noqa: S603  # the operator's own program
            own.command("asterisk", ["-V"]), capture_output=True, text=True, timeout=VERSION_S, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AsteriskError(f"asterisk.binary: {own.binary} cannot be run: {error}") from error


def sip_trunk(settings: TrunkSettings, secrets: Path) -> SipTrunk:
    """A trunk of the settings with its secret, which lies in `secrets` under trunk-<name>.

    Raises:
        AsteriskError: the trunk has a username and its secret is not there.
    """
    known_as = None
    if settings.username:
        known_as = Registration(settings.username, given(secrets, f"trunk-{settings.name}"))
    return SipTrunk(
        name=settings.name,
        host=settings.host,
        port=settings.port,
        registration=known_as if settings.register_with_carrier else None,
        digest=None if settings.register_with_carrier else known_as,
        codecs=settings.codecs,
        number_format=settings.number_format,
        prefix=settings.prefix,
        qualify_s=settings.qualify_s,
        session_timers=settings.session_timers,
        symmetric_rtp=settings.symmetric_rtp,
    )


def agent_phones(settings: Settings) -> tuple[AgentPhone, ...]:
    """Each agent's phone with its generated secret."""
    secrets = secrets_folder(settings)
    return tuple(AgentPhone(agent.name, generated(secrets, f"agent-{agent.name}")) for agent in settings.agents)


def secrets_folder(settings: Settings) -> Path:
    """Where this installation keeps secrets."""
    return settings.state_dir.absolute() / "secrets"


def asterisk_settings(settings: Settings) -> AsteriskSettings:
    """The Asterisk part of an installation's settings.

    Raises:
        AsteriskError: a secret is missing, or two things have one name.
    """
    section = settings.asterisk
    return AsteriskSettings(
        state=settings.state_dir.absolute() / "asterisk",
        ports=Ports(
            sip=section.sip_port,
            ami=section.ami_port,
            http=section.http_port,
            rtp_first=section.rtp_first,
            rtp_last=section.rtp_last,
        ),
        address=section.address,
        external_address=section.external_address,
        local_networks=tuple(str(network) for network in section.local_networks),
        identity=Identity(settings.company.name, PhoneNumber(settings.company.callback_number)),
        trunks=tuple(sip_trunk(trunk, secrets_folder(settings)) for trunk in settings.trunks),
        agents=agent_phones(settings),
        owned_numbers=tuple(PhoneNumber(number) for number in settings.owned_numbers),
    )


def own_instance(settings: Settings) -> Instance:
    """The instance that dials for this installation; nothing is written or started.

    Raises:
        AsteriskError: as `program` and `asterisk_settings`.
    """
    return dialer_instance(asterisk_settings(settings), program(settings.asterisk))
