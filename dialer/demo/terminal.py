"""The demo on a terminal: numbered steps, the live view while a campaign runs, the report at the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from rich.console import Console
from rich.rule import Rule

from dialer.app import App
from dialer.live_view import show
from dialer.live_watch import LiveWatch
from domain.clock import Clock


class TerminalReporter:
    """Says on a console what the demo does."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0
        self._view: asyncio.Task[None] | None = None

    def step(self, what: str) -> None:
        self._steps += 1
        self._console.print(Rule(f"[bold]{self._steps}. {what}[/bold]", align="left"))

    def say(self, what: str) -> None:
        self._console.print(f"   {what}", highlight=False)

    def watch(self, app: App, clock: Clock) -> None:
        """Show the running engine until `stop_watching`."""
        watch = LiveWatch(app.engine, app.floor, app.capture, app.registry, clock)
        self._view = asyncio.create_task(show(watch.take, self._console))

    async def stop_watching(self) -> None:
        """Leave the last picture standing."""
        if self._view is not None:
            self._view.cancel()
            with suppress(asyncio.CancelledError):
                await self._view
            self._view = None
