"""`dialer asterisk install | render | start | run | stop | status`: the private Asterisk from the command line."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import typer
from rich.console import Console
from rich.status import Status

from dialer import settings as settings_file
from dialer.asterisk.install import check_version, install
from dialer.asterisk.installation import own_instance

app = typer.Typer(help="The private Asterisk: install, configure, start and stop.", no_args_is_help=True)
_console = Console()
_PHASES: Final = {
    "Retrieving": "fetching",
    "Validating": "fetching",
    "Extracting": "unpacking",
    "Unpacking": "unpacking",
}


class _Progress:
    """debootstrap's hundreds of lines as one moving line; everything else is printed."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._packages = 0

    def __call__(self, line: str) -> None:
        step = re.match(r"I: (\w+) (\S+)", line)
        if step is None:
            if not line.startswith(("I:", "W:")):
                self._status.console.print(line, markup=False, highlight=False)
            return
        self._packages += step[1] == "Retrieving"
        doing = _PHASES.get(step[1], "setting up")
        self._status.update(f"{doing} {step[2].rstrip('.')} ({self._packages} packages so far)")


@app.command("install")
def install_command() -> None:
    """Fetch Asterisk into a private folder. Needs root or sudo, once; about a minute and 600 MB."""
    section = settings_file.load().asterisk
    with _console.status("looking for the private Asterisk") as status:
        root = install(section.root, _Progress(status))
        version = check_version(root)
    _console.print(f"{version} in {root.path}", markup=False, highlight=False)


@app.command()
def render() -> None:
    """Write the configuration files and the spoken messages."""
    instance = own_instance(settings_file.load())
    instance.render()
    _console.print(f"configuration written to {instance.place.etc}", markup=False, highlight=False)


@app.command()
def start() -> None:
    """Write the configuration, start Asterisk, wait until it answers."""
    instance = own_instance(settings_file.load())
    instance.render()
    asyncio.run(instance.start())
    _say_status(running=True, detail=f"process {instance.pid()}, AMI on 127.0.0.1:{instance.ports.ami}")


@app.command("run")
def run_command() -> None:
    """Write the configuration and turn into Asterisk: for containers and service managers (asterisk.start = false)."""
    instance = own_instance(settings_file.load())
    instance.render()
    asyncio.run(instance.wait_startable())
    instance.become()


@app.command()
def stop() -> None:
    """Stop Asterisk; calls in progress end."""
    instance = own_instance(settings_file.load())
    asyncio.run(instance.stop())
    _say_status(running=False, detail=str(instance.place.folder))


@app.command()
def status() -> None:
    """Say whether Asterisk runs; exit status 3 when it does not."""
    instance = own_instance(settings_file.load())
    known = instance.status()
    detail = f"process {known.pid}, AMI on 127.0.0.1:{known.ports.ami}" if known.running else str(known.folder)
    _say_status(running=known.running, detail=detail)
    if not known.running:
        raise typer.Exit(3)


def _say_status(*, running: bool, detail: str) -> None:
    _console.print(f"{'running' if running else 'stopped'}: {detail}", markup=False, highlight=False)
