"""`dialer agent`: an agent's terminal. One key per outcome; the same screen works over any terminal connection.

This is the thin part: the terminal's raw mode, the loop that waits for keys, messages and the next second, and the
command itself. What is shown and what keys mean is in `dialer.agent_screen` and `dialer.agent_view`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live

from agent_gateway.protocol import Bye, ProtocolError, Reply, StateMessage
from dialer.agent_client import Credentials, GatewayClient, LinkLost, SignInError
from dialer.agent_screen import BACKSPACE, ENTER, ESCAPE, Screen, press, take
from dialer.agent_view import draw, goodbye
from dialer.command_line import fail
from dialer.testing.auto_agent import AutoAgent
from domain.clock import Clock, SystemClock

_REDRAW_S: Final = 0.25
_SPECIAL: Final = {"\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\x08": BACKSPACE, "\x1b": ESCAPE}


def agent(
    name: Annotated[str, typer.Argument(help="Your sign-in name.")],
    url: Annotated[str, typer.Option(help="The gateway's address.")] = "ws://127.0.0.1:8765",
    secret_file: Annotated[Path | None, typer.Option(help="File that holds your secret.", exists=True)] = None,
    auto: Annotated[int | None, typer.Option(help="Work automatically, repeatable by this seed.")] = None,
) -> None:
    """Sign in as an agent: take calls, say what became of them.

    The secret comes from --secret-file, from the environment variable FAIRDIAL_AGENT_SECRET, or is asked for.
    """
    client = GatewayClient(url, Credentials(name, _secret(secret_file)))
    try:
        if auto is not None:
            asyncio.run(AutoAgent(client, auto, watch=_tell).run())
        else:
            if not sys.stdin.isatty():
                fail("dialer agent needs a terminal; for an automatic agent give --auto and a number")
            typer.echo(goodbye(asyncio.run(work(Screen(name), client, SystemClock()))))
    except (SignInError, ProtocolError) as error:
        fail(str(error))


def _secret(secret_file: Path | None) -> str:
    if secret_file is not None:
        return secret_file.read_text(encoding="utf-8").strip()
    return os.environ.get("FAIRDIAL_AGENT_SECRET") or str(typer.prompt("Secret", hide_input=True))


def _tell(reply: Reply | LinkLost) -> None:
    match reply:
        case StateMessage():
            typer.echo(f"{reply.state} {reply.reason or ''} {reply.attempt or ''}".rstrip())
        case LinkLost():
            typer.echo("gateway lost, trying again")
        case Bye():
            typer.echo(goodbye(reply.reason))
        case _:
            pass


def keys_of(typed: str) -> list[str]:
    """What was typed as keys; arrows and other sequences of a terminal are left out."""
    if typed.startswith("\x1b") and len(typed) > 1:
        return []
    return [_SPECIAL.get(char, char) for char in typed]


async def work(screen: Screen, client: GatewayClient, clock: Clock) -> str:
    """Show the screen until the gateway says goodbye; returns its reason."""
    news: asyncio.Queue[Reply | LinkLost | str] = asyncio.Queue()
    with Live(console=Console(), screen=True, auto_refresh=False) as live, _keys_into(news):
        listening = asyncio.create_task(_listen(client, news))
        try:
            while screen.over is None:
                live.update(draw(screen, clock.monotonic()), refresh=True)
                screen = await _next(screen, client, clock, news, listening)
        finally:
            listening.cancel()
    return screen.over


async def _next(
    screen: Screen,
    client: GatewayClient,
    clock: Clock,
    news: asyncio.Queue[Reply | LinkLost | str],
    listening: asyncio.Task[None],
) -> Screen:
    try:
        async with asyncio.timeout(_REDRAW_S):
            happened = await news.get()
    except TimeoutError:
        if listening.done():
            await listening  # raises why it ended
        return screen
    if not isinstance(happened, str):
        return take(screen, happened, clock.monotonic())
    screen, request = press(screen, happened)
    if request is not None:
        await client.send(request)
    return screen


async def _listen(client: GatewayClient, news: asyncio.Queue[Reply | LinkLost | str]) -> None:
    async for reply in client.replies():
        news.put_nowait(reply)


@contextlib.contextmanager
def _keys_into(news: asyncio.Queue[Reply | LinkLost | str]) -> Iterator[None]:
    """Put every key into the queue as it is pressed; the terminal is put back in order afterwards."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)

    def read() -> None:
        for key in keys_of(os.read(terminal, 256).decode(errors="ignore")):
            news.put_nowait(key)

    tty.setcbreak(terminal)
    loop = asyncio.get_running_loop()
    loop.add_reader(terminal, read)
    try:
        yield
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


if __name__ == "__main__":
    typer.run(agent)
