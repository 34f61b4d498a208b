"""One connection to Asterisk, from its greeting to its close: matches answers to actions, hands events on.

The contract of the close: it happens once, with a reason; every action that waits gets an error that says whether it
was written; nothing is kept for a later connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from dialer.ami.actions import Action, encode
from dialer.ami.codec import AmiCodec, AmiMessage, Greeting
from dialer.ami.errors import ActionRefusedError, ActionTimeoutError, CloseReason, ConnectionClosedError
from dialer.ami.metrics import AmiMetrics

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """Asterisk's answer to an action.

    Attributes:
        response: the response itself.
        items: for list actions, the listed events in order.
    """

    response: AmiMessage
    items: tuple[AmiMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a connection ended, in an enum and in words."""

    reason: CloseReason
    detail: str


@dataclass(slots=True)
class _Waiting:
    action: Action
    answer: asyncio.Future[Reply]
    written: bool = False
    response: AmiMessage | None = None
    items: list[AmiMessage] = field(default_factory=list)


class AmiConnection(asyncio.Protocol):
    """The protocol object of one connection.

    Args:
        codec: a fresh codec.
        on_event: takes each event that answers no action; must not raise; False means there is no room for it.

    Attributes:
        greeting: resolved with the protocol version once the peer has greeted.
        closed: resolved once, when the connection is gone.
    """

    def __init__(self, codec: AmiCodec, on_event: Callable[[AmiMessage], bool], metrics: AmiMetrics) -> None:
        loop = asyncio.get_running_loop()
        self.greeting: asyncio.Future[str] = loop.create_future()
        self.closed: asyncio.Future[Closed] = loop.create_future()
        self._codec = codec
        self._on_event = on_event
        self._metrics = metrics
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[str, _Waiting] = {}
        self._may_write = asyncio.Event()

    # --- orders -----------------------------------------------------------------------------------------------------

    async def request(self, action: Action, action_id: str, deadline_s: float) -> Reply:
        """Send an action once and wait for its answer.

        Raises:
            InvalidActionError: it cannot be written; nothing was sent.
            ActionRefusedError: Asterisk said no.
            ActionTimeoutError: no answer in time.
            ConnectionClosedError: the connection went away before the answer.
        """
        payload = encode(action, action_id)
        if self.closed.done():
            raise self._closed_error(action.name, written=False)
        waiting = _Waiting(action, asyncio.get_running_loop().create_future())
        self._waiting[action_id] = waiting
        try:
            async with asyncio.timeout(deadline_s):
                await self._write(waiting, payload)
                return await waiting.answer
        except TimeoutError:
            raise ActionTimeoutError(
                f"{action.name}: no answer within {deadline_s:g} s"
                + ("" if waiting.written else " (Asterisk reads nothing; it was not sent)"),
                maybe_done=waiting.written,
            ) from None
        finally:
            self._waiting.pop(action_id, None)
            if waiting.answer.done() and not waiting.answer.cancelled():
                waiting.answer.exception()  # seen, whoever gave up waiting

    async def _write(self, waiting: _Waiting, payload: bytes) -> None:
        while not self._may_write.is_set():
            await self._may_write.wait()
        if waiting.answer.done():  # closed while the peer read nothing
            return
        assert self._transport is not None  # noqa: S101  # _may_write is set by connection_made
        waiting.written = True
        self._transport.write(payload)

    def close(self, reason: CloseReason, detail: str) -> None:
        """End the connection; the first reason counts."""
        if self.closed.done():
            return
        self.closed.set_result(Closed(reason, detail))
        self._metrics.closes.labels(reason.value).inc()
        for waiting in self._waiting.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(self._closed_error(waiting.action.name, written=waiting.written))
        self._may_write.set()
        if self._transport is not None:
            self._transport.abort()

    def _closed_error(self, action: str, *, written: bool) -> ConnectionClosedError:
        closed = self.closed.result()
        return ConnectionClosedError(
            f"{action}: the connection to Asterisk closed ({closed.detail}); "
            + ("it may have been carried out" if written else "it was not sent"),
            closed.reason,
            maybe_done=written,
        )

    # --- asyncio's side -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # narrows the type; TCP and TLS are both
        self._transport = transport
        if self.closed.done():
            transport.abort()
        self._may_write.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        detail = "the peer closed it" if exc is None else f"network error: {type(exc).__name__}"
        self.close(CloseReason.CONNECTION_BROKEN, detail)

    def data_received(self, data: bytes) -> None:
        codec = self._codec
        skipped, garbage, oversized = codec.skipped, codec.garbage, codec.oversized
        for item in codec.feed(data):
            if self.closed.done():
                break
            if isinstance(item, Greeting):
                self._take_greeting(item)
            else:
                self._take(item)
        if codec.skipped != skipped:
            self._metrics.events.labels("skipped").inc(codec.skipped - skipped)
        if codec.garbage != garbage or codec.oversized != oversized:
            self._metrics.dropped_blocks.labels("garbage").inc(codec.garbage - garbage)
            self._metrics.dropped_blocks.labels("oversized").inc(codec.oversized - oversized)
            _log.warning("part of the AMI stream was no message and was dropped")

    def _take_greeting(self, greeting: Greeting) -> None:
        if greeting.version is None:
            self.close(CloseReason.NOT_AMI, "the peer does not greet as an Asterisk manager; check host and port")
        elif not self.greeting.done():
            self.greeting.set_result(greeting.version)

    def _take(self, message: AmiMessage) -> None:
        waiting = self._waiting.get(message.reply_to)
        if "event" not in message:
            self._take_response(waiting, message)
        elif waiting is not None and self._take_listed(waiting, message):
            pass
        elif not self._on_event(message):
            self.close(CloseReason.OVERRUN, "events came faster than they were consumed and the queue is full")

    def _take_response(self, waiting: _Waiting | None, message: AmiMessage) -> None:
        if waiting is None or waiting.answer.done() or waiting.response is not None:
            self._metrics.orphan_responses.inc()
            _log.info("a response that nobody waits for", response=message.text("response"))
        elif not message.success:
            detail = message.text("message")
            waiting.answer.set_exception(
                ActionRefusedError(f"{waiting.action.name}: Asterisk refused: {detail!r}", detail)
            )
        elif waiting.action.listing is None:
            waiting.answer.set_result(Reply(message))
        else:
            waiting.response = message

    @staticmethod
    def _take_listed(waiting: _Waiting, message: AmiMessage) -> bool:
        listing, response = waiting.action.listing, waiting.response
        if listing is None or response is None:
            return False
        if message.event_name == listing.item:
            waiting.items.append(message)
        elif message.event_name == listing.end:
            if not waiting.answer.done():
                waiting.answer.set_result(Reply(response, tuple(waiting.items)))
        else:
            return False
        return True
