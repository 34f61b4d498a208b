"""`dialer run`: the engine, in the foreground, with the live view; and `dialer agents`: who may sign in."""

from __future__ import annotations

import asyncio
import importlib
import signal
import socket
from contextlib import AsyncExitStack, suppress
from typing import Annotated

import structlog
import typer

from accounts import campaigns
from accounts import floor as agent_rows
from accounts.store import open_store
from agent_gateway.server import ServerSettings
from dialer import logs
from dialer import settings as settings_file
from dialer.agent_directory import AgentDirectory
from dialer.app import App, Parts, running
from dialer.asterisk.installation import own_instance, secrets_folder, sip_trunk
from dialer.asterisk.secret_files import generated
from dialer.command_line import console, fail, opened_store
from dialer.settings import Settings
from dialer.shift_plan import ShiftPlan
from dialer.trunks import TrunkLimits
from domain.clock import SystemClock
from domain.ids import AgentId
from domain.phone import PhoneNumber
from web.listening import AddressTakenError, listen

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
"""`dialer run` alone; `dialer.cli` has every command."""
agents_app = typer.Typer(help="Agents: enrol them, list them.", no_args_is_help=True)
CALLER_ID_DAILY_CAP = 400
_log = structlog.get_logger(__name__)


@app.callback()
def _alone() -> None:
    """Makes `run` a command to be named, and not the whole program."""


@app.command()
def run(
    quiet: Annotated[bool, typer.Option(help="no live view")] = False,
    drain: Annotated[bool, typer.Option(help="on Ctrl-C wait for calls to end; without, they live on")] = True,
) -> None:
    """Dial for every running campaign until Ctrl-C. Starts Asterisk if need be, unless asterisk.start is off."""
    settings = settings_file.load()
    if not settings.trunks:
        fail("there is no trunk in fairdial.toml; docs/howto/first-campaign.md shows one, `dialer demo` needs none")
    log = logs.configure(settings.state_dir / "log")
    _log.info("engine starting")
    _write_people(settings, as_engine=True)
    console.print(f"Logs: {log}", highlight=False)
    asyncio.run(_run(settings, quiet=quiet, drain=drain))


async def _run(settings: Settings, *, quiet: bool, drain: bool) -> None:
    clock = SystemClock()
    instance = own_instance(settings)
    if settings.asterisk.start and not instance.status().running:
        console.print("Starting Asterisk")
        instance.render()
        await instance.start()
    secrets = secrets_folder(settings)
    parts = Parts(
        state_dir=settings.state_dir,
        database=settings.database_url,
        instance=instance,
        trunks=tuple(
            (sip_trunk(trunk, secrets), TrunkLimits(trunk.name, trunk.channels, trunk.calls_per_second))
            for trunk in settings.trunks
        ),
        countries=frozenset(settings.allowed_countries),
        clock=clock,
        live_trunks=frozenset(trunk.name for trunk in settings.trunks if trunk.live),
        name=settings.engine_name,
        redis=settings.redis_url,
        customer_packs=settings.customer_packs,
        least_free_bytes=settings.recordings_least_free_mb * 1_000_000,
        shifts=ShiftPlan({AgentId(one.name): shift for one in settings.agents if (shift := one.shift()) is not None}),
        gateway=ServerSettings(host=settings.gateway.host, port=settings.gateway.port),
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        listener = listen(settings.web.host, settings.web.port)
    except AddressTakenError as error:
        fail(str(error))
    with listener:
        await _serve(parts, listener, clock, stop, quiet=quiet, drain=drain)


async def _serve(
    parts: Parts, listener: socket.socket, clock: SystemClock, stop: asyncio.Event, *, quiet: bool, drain: bool
) -> None:
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(running(parts))
        console.print(f"Engine running; agents connect to ws://{parts.gateway.host}:{app.gateway_port}")
        # Imported beside the first calls: a second that nobody who is to be called, or who calls, waits for.
        for module in ("web.operations", "dialer.live_view", "dialer.live_watch"):
            await asyncio.to_thread(importlib.import_module, module)
        from web import operations

        web_address = await stack.enter_async_context(operations.serving(app, listener))
        console.print(f"Health, readiness and metrics: {web_address}", highlight=False)
        view = asyncio.create_task(asyncio.sleep(0) if quiet else _view(app, clock))
        await stop.wait()
        view.cancel()
        with suppress(asyncio.CancelledError):
            await view
        if drain:
            console.print("Stopping: no new calls; waiting for those that are up (Ctrl-C again to leave them)")
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().remove_signal_handler(number)
            await app.settle()
    console.print("Stopped. Asterisk keeps running; `dialer asterisk stop` ends it.")


async def _view(app: App, clock: SystemClock) -> None:
    from dialer.live_view import show
    from dialer.live_watch import LiveWatch

    await show(LiveWatch(app.engine, app.floor, app.capture, app.registry, clock).take, console)


def _write_people(settings: Settings, *, as_engine: bool = False) -> None:
    """Make the settings' agents and owned numbers known to the store.

    Raises:
        SecondEngineError: `as_engine`, and an engine works on it already.
    """
    store = open_store(settings.database_url, SystemClock().now())
    try:
        if as_engine:
            store.lock_engine(settings.engine_name)
        for agent in settings.agents:
            row = agent_rows.Agent(AgentId(agent.name), agent.name.title(), frozenset(agent.skills))
            store.write(agent_rows.put_agent, row)
        for number in settings.owned_numbers:
            store.write(campaigns.own_number, PhoneNumber(number), CALLER_ID_DAILY_CAP)
    finally:
        store.close()


@agents_app.command("secret")
def agent_secret(name: Annotated[str, typer.Argument(help="an agent of fairdial.toml")]) -> None:
    """Give an agent new secrets for the screen, and show those of the telephone. The screen's is shown this once."""
    settings = settings_file.load()
    if name not in {agent.name for agent in settings.agents}:
        fail(f"there is no agent {name} in fairdial.toml; add [[agents]] with name = '{name}'")
    _write_people(settings)
    screen = AgentDirectory(settings.state_dir).enrol(AgentId(name))
    telephone = generated(secrets_folder(settings), f"agent-{name}")
    from rich.table import Table

    section = settings.asterisk
    table = Table(title=f"Secrets of {name}", title_justify="left", show_header=False)
    table.add_row("screen", screen)
    table.add_row("telephone", f"user {name}, password {telephone}, server {section.address}:{section.sip_port} (UDP)")
    console.print(table, highlight=False)


@agents_app.command("list")
def list_agents() -> None:
    """Everyone who may sign in."""
    from rich.table import Table

    table = Table()
    for column in ("agent", "name", "skills", "enabled"):
        table.add_column(column)
    with opened_store() as store:
        for agent in store.read(agent_rows.everyone):
            table.add_row(agent.id, agent.name, ", ".join(sorted(agent.skills)), "yes" if agent.enabled else "no")
    console.print(table)
