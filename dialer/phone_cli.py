"""`dialer phone`: an agent's telephone without a person, for training and for trying out a campaign."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from dialer import settings as settings_file
from dialer.asterisk.install import installed_root
from dialer.asterisk.installation import secrets_folder
from dialer.asterisk.secret_files import generated
from dialer.command_line import console, fail
from dialer.settings import Settings
from dialer.testing.softphone import PORTS_PER_PHONE, PhoneSettings, Softphone, SoftphoneError

_BASE_PORT = 25700


def phone(
    name: Annotated[str, typer.Argument(help="an agent of fairdial.toml")],
    port: Annotated[int, typer.Option(help="first of its eight ports", min=1024, max=60000)] = _BASE_PORT,
) -> None:
    """Register an agent's telephone that answers by itself and sends a tone, until Ctrl-C. Not with a live trunk."""
    settings = settings_file.load()
    if name not in {agent.name for agent in settings.agents}:
        fail(f"there is no agent {name} in fairdial.toml; add [[agents]] with name = '{name}'")
    if live := [trunk.name for trunk in settings.trunks if trunk.live]:
        fail(f"trunk {', '.join(live)} is live: people would hear a tone; use a real telephone")
    try:
        asyncio.run(_run(settings, name, port))
    except SoftphoneError as error:
        fail(str(error))


async def _run(settings: Settings, name: str, port: int) -> None:
    section = settings.asterisk
    telephone = PhoneSettings(
        user=name,
        secret=generated(secrets_folder(settings), f"agent-{name}"),
        registrar=(section.address, section.sip_port),
        ports=range(port, port + PORTS_PER_PHONE),
    )
    folder = settings.state_dir.absolute() / "phones" / name
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks, Softphone(installed_root(section.root), telephone, folder) as running:
        console.print(f"The telephone of {name} is registered. Ctrl-C ends it.", highlight=False)
        either = [tasks.create_task(running.ended()), tasks.create_task(stop.wait())]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        for other in either:
            other.cancel()
