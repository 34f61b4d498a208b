"""Orders to the switch that nobody waits for, as tasks that are kept until they are done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Self

import structlog

from domain.ids import AgentId
from domain.telephony import TelephonyError

_log = structlog.get_logger(__name__)


class Orders:
    """Gives orders as tasks of one group; its context ends when all are done.

    Args:
        failed: hears whose order, and which, the switch did not carry out.
    """

    def __init__(self, failed: Callable[[AgentId, str], None]) -> None:
        self._failed = failed
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, trace)

    def give(
        self,
        agent: AgentId,
        name: str,
        order: Coroutine[None, None, None],
        undo: Callable[[], object] | None = None,
    ) -> None:
        """Carry out an order; `undo` is called if it has surely not been carried out."""
        self._group.create_task(self._carry_out(agent, name, order, undo))

    async def _carry_out(
        self, agent: AgentId, name: str, order: Coroutine[None, None, None], undo: Callable[[], object] | None
    ) -> None:
        try:
            await order
        except TelephonyError as error:
            _log.warning("order failed", agent=agent, order=name, error=str(error), maybe_done=error.maybe_done)
            self._failed(agent, name)
            if undo is not None and not error.maybe_done:
                undo()
