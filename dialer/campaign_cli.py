"""`dialer campaign`: create, start, pause, and see why it does or does not dial."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.table import Table

from accounts import campaigns, previews
from accounts.model import CampaignSettings, Order
from dialer import engine_status
from dialer import settings as settings_file
from dialer.command_line import console, fail, opened_store
from dialer.settings import Settings
from domain import phone
from domain.clock import SystemClock
from domain.mode import Mode
from domain.telephony import RecordingMode, Treatment
from reports.terminal import printable

app = typer.Typer(help="Campaigns: create, start, pause, see why.", no_args_is_help=True)

PURPOSES = ("debt_third_party", "debt_first_party", "telemarketing", "informational", "location_info")
NAME = re.compile(r"[\w][\w .-]{0,63}")
DAILY_CAP = 400


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="a name for people; letters, digits, space, dot, dash")],
    purpose: Annotated[str, typer.Option(prompt=f"Purpose ({', '.join(PURPOSES)})", help="which law applies")],
    country: Annotated[str, typer.Option(prompt="Country (two letters)", help="whose rule packs apply")],
    creditor: Annotated[str, typer.Option(prompt="Creditor or seller on whose behalf", help="the client")],
    caller_id: Annotated[str, typer.Option(prompt="Caller IDs (owned numbers, comma between)", help="shown numbers")],
    recording: Annotated[RecordingMode, typer.Option(prompt="Recording", help="announce_then_record, record or off")],
    treatment: Annotated[Treatment, typer.Option(prompt="Treatment of a person without an agent", help="see docs")],
    mode: Annotated[Mode, typer.Option(help="how lines are tied to agents")] = Mode.PROGRESSIVE,
    ratio: Annotated[float, typer.Option(help="lines per ready agent, power mode", min=0.1, max=20)] = 1.0,
    release_ringing: Annotated[
        bool, typer.Option(help="predictive may give up lines that have rung 15 s when too many people would answer")
    ] = False,
    preview_s: Annotated[
        float, typer.Option(help="seconds an agent may look before saying dial or skip, preview", min=5, max=300)
    ] = 45.0,
    trunk: Annotated[list[str] | None, typer.Option(help="name of a trunk; more, best first, to fail over")] = None,
    ring_s: Annotated[float, typer.Option(help="ring time, at least 15", min=15, max=120)] = 25.0,
    zone: Annotated[str, typer.Option(help="IANA zone in which the campaign's days begin")] = "America/New_York",
    order: Annotated[Order, typer.Option(help="which accounts of equal priority come first")] = Order.PRIORITY,
) -> None:
    """Create a campaign. What the law asks for has no default: it is asked for."""
    if NAME.fullmatch(name) is None:
        fail("a campaign's name has 1 to 64 letters, digits, spaces, dots, dashes and underscores")
    if purpose not in PURPOSES:
        fail(f"unknown purpose; choose one of {', '.join(PURPOSES)}")
    numbers = [phone.parse(text.strip(), country.upper()) for text in caller_id.split(",") if text.strip()]
    installation = settings_file.load()
    trunks = _trunks(trunk or [], installation)
    settings = CampaignSettings(
        purpose=purpose,
        country=country.upper(),
        creditor=creditor,
        caller_ids=tuple(number.e164 for number in numbers),
        recording=recording,
        treatment=treatment,
        mode=mode,
        ratio=ratio,
        release_ringing=release_ringing,
        preview_s=preview_s,
        trunk=trunks[0],
        failover=tuple(trunks[1:]),
        ring_timeout_s=ring_s,
        zone=zone,
        order=order,
    )
    now = SystemClock().now()
    with opened_store(installation) as store:
        for number in numbers:
            if number.e164 in installation.owned_numbers:
                store.write(campaigns.own_number, number, DAILY_CAP, zone)
        store.write(campaigns.create, name, settings, now)
    console.print(
        f"Campaign [b]{name}[/b] is a draft. Next: dialer import FILE --campaign '{name}', then campaign start."
    )


@app.command()
def start(name: str) -> None:
    """Let a campaign dial, as soon as an engine runs and agents are ready."""
    _move(name, "start")


@app.command()
def pause(name: str) -> None:
    """Stop placing calls for a campaign; calls that are up go on."""
    _move(name, "pause")


@app.command()
def order(name: str, by: Order) -> None:
    """Which accounts of equal priority come first: `priority`, as the list has them; `value`, the worthiest."""
    with opened_store() as store:
        campaign = store.read(campaigns.find, name)
        store.write(campaigns.change, campaign.id, replace(campaign.settings, order=by))
    console.print(f"Campaign [b]{campaign.name}[/b] now dials by {by.value}; an engine that runs follows at once.")


@app.command()
def pace(
    name: str,
    mode: Annotated[Mode | None, typer.Option(help="how lines are tied to agents")] = None,
    ratio: Annotated[float | None, typer.Option(help="lines per ready agent, power mode", min=0.1, max=20)] = None,
    target: Annotated[
        float | None, typer.Option(help="share of live answers that may be abandoned, as 0.03", min=0, max=0.5)
    ] = None,
    rest_s: Annotated[
        float | None, typer.Option(help="seconds of rest planned for each agent between two calls", min=0, max=3600)
    ] = None,
    max_lines: Annotated[
        int | None, typer.Option(help="most lines without an agent at once; 0 lifts the limit", min=0, max=1_000_000)
    ] = None,
    release_ringing: Annotated[
        bool | None, typer.Option(help="predictive may give up lines that have rung 15 s")
    ] = None,
) -> None:
    """How a campaign is paced: shows it, after changing what is given. An engine that runs follows within seconds."""
    given = {
        "mode": mode,
        "ratio": ratio,
        "target_abandonment": target,
        "rest_s": rest_s,
        "max_lines": max_lines,
        "release_ringing": release_ringing,
    }
    changes: dict[str, Any] = {setting: value for setting, value in given.items() if value is not None}
    if max_lines == 0:
        changes["max_lines"] = None
    with opened_store() as store:
        campaign = store.read(campaigns.find, name)
        settings = replace(campaign.settings, **changes)
        if changes:
            store.write(campaigns.change, campaign.id, settings)
    table = Table(title=f"{campaign.name}: pacing", show_header=False)
    table.add_row("mode", settings.mode.value)
    table.add_row("lines per ready agent (power)", f"{settings.ratio:g}")
    table.add_row("may be abandoned, of live answers", f"{settings.target_abandonment:.1%}")
    table.add_row("rest between two calls", f"{settings.rest_s:g} s")
    table.add_row(
        "most lines at once", "no limit of its own" if settings.max_lines is None else str(settings.max_lines)
    )
    table.add_row("gives up lines that have rung 15 s", "yes" if settings.release_ringing else "no")
    console.print(table)


@app.command()
def status() -> None:
    """All campaigns, and what their loops are doing."""
    settings = settings_file.load()
    running = engine_status.read(settings.state_dir)
    table = Table(title="Campaigns")
    for column in ("campaign", "status", "mode", "what it does now"):
        table.add_column(column)
    with opened_store(settings) as store:
        for campaign in store.read(campaigns.everyone):
            table.add_row(
                campaign.name, campaign.status.value, campaign.settings.mode.value, running.words_for(campaign)
            )
    console.print(table)


@app.command()
def skipped(name: str, days: Annotated[int, typer.Option(help="how far to look back", min=1, max=366)] = 7) -> None:
    """What agents were shown and did not have dialed: when, who, which account, why."""
    table = Table(title=f"Not dialed after a preview, last {days} days")
    for column in ("when (UTC)", "agent", "account", "what", "reason"):
        table.add_column(column)
    with opened_store(settings_file.load()) as store:
        campaign = store.read(campaigns.find, name)
        looks = store.read(previews.not_dialed, campaign.id, SystemClock().now() - timedelta(days=days))
    for look in looks:
        what = "skipped" if look.kind == previews.SKIPPED else "said nothing in time"
        table.add_row(f"{look.at:%Y-%m-%d %H:%M:%S}", look.agent, printable(look.account), what, look.reason or "")
    console.print(table if looks else "Nothing was skipped.")


@app.command()
def why(name: str) -> None:
    """Why a campaign does or does not dial: every account in one row, and what comes next."""
    from accounts import funnel
    from reports.funnel import render

    settings = settings_file.load()
    running = engine_status.read(settings.state_dir)
    with opened_store(settings) as store:
        campaign = store.read(campaigns.find, name)
        counts = store.read(funnel.funnel, campaign.id, SystemClock().now())
    console.print(render(campaign.name, running.words_for(campaign), counts))


def _trunks(named: list[str], installation: Settings) -> list[str]:
    """The trunks a campaign goes out by, best first; all of the installation's where none is named."""
    known = [trunk.name for trunk in installation.trunks]
    if not known:
        fail("there is no trunk in fairdial.toml; docs/howto/trunks.md shows one")
    if unknown := [name for name in named if name not in known]:
        fail(f"there is no trunk {', '.join(unknown)} in fairdial.toml; there are: {', '.join(known)}")
    if len(set(named)) != len(named):
        fail("a trunk is named twice; a campaign tries each one once")
    return named or known


def _move(name: str, event: str) -> None:
    with opened_store() as store:
        campaign = store.read(campaigns.find, name)
        status = store.write(campaigns.move, campaign.id, event)
    console.print(f"Campaign [b]{name}[/b] is now {status.value}.")
