"""Whether the engine can place calls now, and if not, why: for whoever starts, stops and watches processes."""

from __future__ import annotations

import asyncio
from typing import Final

from sqlalchemy import Connection, text

from accounts.errors import StoreError
from dialer.app import App

STORE_DEADLINE_S: Final = 2.0


class Readiness:
    """Looks at the engine's parts. At most one question waits at the store, however often this is asked."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._question: asyncio.Task[None] | None = None

    async def obstacles(self) -> list[str]:
        """Why no call can be placed, a sentence each; empty when the engine is ready."""
        engine = self._app.engine
        found = []
        if engine.draining:
            found.append("the engine is draining: it places no more calls and waits for those that are up")
        if not engine.link_up:
            found.append("there is no connection to Asterisk, or what it has is still being read")
        if clock := engine.holds.everything():
            found.append(clock)
        elif (held := self._held()) and len(held) == len(engine.status()):
            found.extend(held)
        if not found and not engine.may_dial():
            found.append("the account store has refused outcomes; they are kept and offered again")
        if (trouble := await self._store_trouble()) is not None:
            found.append(trouble)
        return found

    def _held(self) -> list[str]:
        """Running campaigns for which nothing may be dialed, and why."""
        engine = self._app.engine
        campaigns = [status.campaign for status in engine.status().values()]
        words = ((campaign.name, engine.holds.campaign(campaign.settings)) for campaign in campaigns)
        return [f"campaign {name}: {held}" for name, held in words if held]

    async def _store_trouble(self) -> str | None:
        if self._question is None or self._question.done():
            self._question = asyncio.create_task(self._app.store.read(_answers))
        try:
            async with asyncio.timeout(STORE_DEADLINE_S):
                await asyncio.shield(self._question)
        except TimeoutError:
            return f"the account store has not answered for {STORE_DEADLINE_S:.0f} s"
        except StoreError as error:
            return f"the account store does not work: {error}"
        return None


def _answers(tx: Connection) -> None:
    tx.execute(text("SELECT 1")).scalar_one()
