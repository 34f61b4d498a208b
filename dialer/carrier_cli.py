"""`dialer carrier`: the test carrier in the foreground, for training and for trying out a campaign."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from dialer import settings as settings_file
from dialer.asterisk.install import installed_root
from dialer.asterisk.installation import secrets_folder
from dialer.asterisk.ports import Ports
from dialer.command_line import console, fail
from dialer.settings import Settings
from dialer.testing.carrier import Carrier, CarrierSettings
from dialer.testing.number_plan import PLAN

_BASE_PORT = 25060
_TRUNK = "carrier"


def carrier(
    port: Annotated[
        int, typer.Option(help="first of its ports: SIP; a few more follow", min=1024, max=60000)
    ] = _BASE_PORT,
    seed: Annotated[int, typer.Option(help="same seed, same people", min=1, max=999_999)] = 1,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="leave the trunk's secret where Asterisk reads it")
    ] = False,
) -> None:
    """Run a carrier on this machine that plays people, machines and refusals, until Ctrl-C."""
    settings = settings_file.load()
    running = _described(settings, port, seed)
    if any(trunk.name == _TRUNK and trunk.live for trunk in settings.trunks):
        if not prepare:
            fail(f"trunk {_TRUNK} is live: its secret would be lost; give that trunk another name")
        console.print(f"Trunk {_TRUNK} is live; nothing is prepared for the test carrier.", highlight=False)
    elif prepare:
        _introduce(settings, running, port)
    else:
        asyncio.run(_run(settings, running, port))


def _described(settings: Settings, port: int, seed: int) -> Carrier:
    ports = Ports(sip=port, ami=port + 1, http=port + 2, rtp_first=port + 40 - port % 2, rtp_last=port + 439)
    folder = settings.state_dir.absolute() / "carrier"
    return Carrier(CarrierSettings(folder=folder, ports=ports, seed=seed), installed_root(settings.asterisk.root))


async def _run(settings: Settings, running: Carrier, port: int) -> None:
    await running.start()
    try:
        _introduce(settings, running, port)
        _explain(running)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await stop.wait()
    finally:
        await running.stop()


def _introduce(settings: Settings, running: Carrier, port: int) -> None:
    """Leave the trunk's secret where `dialer run` looks for it, and say what to put into the settings."""
    registration = running.trunk().registration
    if registration is not None:
        secrets = secrets_folder(settings)
        secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = secrets / f"trunk-{_TRUNK}"
        file.touch(mode=0o600)
        file.write_text(registration.secret, encoding="utf-8")
        trunk = f"[[trunks]]\nname = '{_TRUNK}'\nport = {port}\nusername = '{registration.user}'"
        console.print(f"The carrier in fairdial.toml:\n\n{trunk}\n", highlight=False, markup=False)


def _explain(running: Carrier) -> None:
    """Say what can be called, and that it is up."""
    console.print("The carrier is up. The last two digits of a number say who answers:", highlight=False)
    for row in PLAN:
        console.print(f"  ..{row.suffix}  {row.behaviour.value}", highlight=False)
    console.print(f"It writes what it saw to {running.file}. Ctrl-C ends it.", highlight=False, soft_wrap=True)
