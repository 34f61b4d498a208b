"""`dialer trunk test`: one call over one trunk, and what the carrier said."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from dialer import settings as settings_file
from dialer import trunk_test
from dialer.asterisk.installation import own_instance, secrets_folder, sip_trunk
from dialer.command_line import console, fail
from dialer.number_wall import NumberWall, RefusedNumberError
from dialer.settings import Settings, TrunkSettings
from dialer.stop_switch import StopSwitch
from dialer.trunk_test import TrunkTest
from domain import phone
from domain.clock import SystemClock
from domain.phone import PhoneNumber

app = typer.Typer(help="Trunks: try one.", no_args_is_help=True)


@app.callback()
def _trunk() -> None:
    """Keeps `test` a sub-command although it is the only one."""


@app.command("test")
def try_out(
    number: Annotated[str, typer.Argument(help="whom to call: a telephone of your own")],
    trunk: Annotated[str, typer.Option(help="name of a trunk in fairdial.toml; needed where there are several")] = "",
    country: Annotated[str, typer.Option(help="country of a number without a plus sign")] = "US",
) -> None:
    """Call one number over one trunk and say what the carrier answers. No attempt; counts as nothing."""
    settings = settings_file.load()
    chosen = _chosen(settings, trunk)
    if not settings.owned_numbers:
        fail("there is no number to show as caller ID; set owned_numbers in fairdial.toml")
    if StopSwitch(settings.state_dir).is_pulled():
        fail("stopped by `dialer stop --now`; `dialer stop --reset` allows calls again")
    called = phone.parse(number, country.upper())
    told = asyncio.run(_place(settings, chosen, called))
    _show(told, chosen, called)
    if told.sip_status != trunk_test.ANSWERED:
        raise typer.Exit(1)


async def _place(settings: Settings, chosen: TrunkSettings, called: PhoneNumber) -> TrunkTest:
    sip = sip_trunk(chosen, secrets_folder(settings))
    live = frozenset(one.name for one in settings.trunks if one.live)
    wall = NumberWall(frozenset(settings.allowed_countries), live)
    try:
        wall.check(called, sip)
        instance = own_instance(settings)
        if not instance.status().running:
            fail("Asterisk does not run; `dialer asterisk start`, or start the engine with `dialer run`")
        return await trunk_test.place(
            instance, sip, called, PhoneNumber(settings.owned_numbers[0]), wall, SystemClock()
        )
    except RefusedNumberError as error:
        fail(f"not called: {error}")


def _chosen(settings: Settings, name: str) -> TrunkSettings:
    known = {trunk.name: trunk for trunk in settings.trunks}
    if not known:
        fail("there is no trunk in fairdial.toml; docs/howto/trunks.md shows one")
    if not name and len(known) > 1:
        fail(f"which trunk? say --trunk with one of: {', '.join(known)}")
    chosen = known.get(name or next(iter(known)))
    if chosen is None:
        fail(f"there is no trunk {name!r} in fairdial.toml; there are: {', '.join(known)}")
    return chosen


def _show(told: TrunkTest, trunk: TrunkSettings, called: PhoneNumber) -> None:
    table = Table(title=f"Trunk {trunk.name}: a call to {called.masked}", title_justify="left", show_header=False)
    status = "nothing came back; see `dialer doctor`" if told.sip_status is None else str(told.sip_status)
    table.add_row("SIP answer", status)
    table.add_row("post-dial delay", _seconds(told.post_dial_s, "no 180 or 183 came"))
    table.add_row("answered after", _seconds(told.answered_s, "not answered"))
    table.add_row("codec", told.codec or "-")
    table.add_row("Q.850 cause", "-" if told.cause is None else str(told.cause))
    console.print(table, highlight=False)


def _seconds(seconds: float | None, without: str) -> str:
    return without if seconds is None else f"{seconds:.2f} s"
