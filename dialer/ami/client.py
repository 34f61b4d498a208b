"""The engine's AMI client: panoramisk's `Manager` with another codec and another contract of the connection.

It keeps one logged-in connection: connects, logs in, waits until Asterisk is fully booted, pings, and when the
connection goes it says why and connects again after a growing, random pause. Nothing is sent twice and nothing is kept
for the next connection: the owner reconciles. The parts of panoramisk that run are named in
docs/decisions/0003-ami-client-on-panoramisk.md.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from panoramisk import Manager
from panoramisk.actions import Action as PanoramiskAction
from prometheus_client import CollectorRegistry

from dialer.ami.actions import LIST_EVENTS, Action, Filter, Login, Ping, Repeat
from dialer.ami.codec import AmiCodec, AmiMessage
from dialer.ami.connection import AmiConnection, Closed, Reply
from dialer.ami.errors import (
    ActionRefusedError,
    AmiError,
    CloseReason,
    ConnectionClosedError,
    InvalidActionError,
    NotConnectedError,
)
from dialer.ami.event_queue import Connected, Disconnected, EventQueue, Received
from dialer.ami.metrics import AmiMetrics
from domain.clock import Clock

_log = structlog.get_logger(__name__)

Listener = Callable[["AmiClient", AmiMessage], None]

_BOOTED: Final = "FullyBooted"


@dataclass(frozen=True, slots=True)
class AmiSettings:
    """Where Asterisk is and how patient we are. Times are seconds.

    Attributes:
        wanted: names of the events to hand on; None for all.
        sheddable: wanted events that may be dropped when the queue is nearly full.
        filter_at_asterisk: ask Asterisk to send the wanted events only (the user needs the write class `system`;
            without it the codec alone filters).
        queue_limit: events that may wait for the consumer.
        deadline_s: for an action that names no deadline of its own.
        ping_interval_s: pause between two pings.
        ping_deadline_s: an unanswered ping means that the peer is dead.
        setup_deadline_s: for connecting, for the login and for Asterisk's word that it is booted, each.
        backoff_first_s, backoff_cap_s: the n-th pause is random between 0 and `first * 2**n`, at most `cap`.
    """

    username: str
    secret: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 5038
    wanted: frozenset[str] | None = None
    sheddable: frozenset[str] = frozenset()
    filter_at_asterisk: bool = False
    queue_limit: int = 20_000
    deadline_s: float = 5.0
    ping_interval_s: float = 2.0
    ping_deadline_s: float = 3.0
    setup_deadline_s: float = 5.0
    backoff_first_s: float = 0.2
    backoff_cap_s: float = 5.0


def backoff_s(attempt: int, first_s: float, cap_s: float, rng: random.Random) -> float:
    """Pause before reconnecting: exponential with full jitter, so that several engines do not come back in step."""
    return rng.uniform(0.0, min(cap_s, first_s * 2.0 ** min(attempt, 30)))


class AmiClient(Manager):  # type: ignore[misc]  # panoramisk has no types
    """One supervised connection to one Asterisk.

    Example:
        >>> client = AmiClient(settings, clock=clock, rng=random.Random(), registry=registry)
        >>> client.connect()
        >>> await client.wait_connected(10.0)
        >>> async for event in client.events(): ...
    """

    def __init__(self, settings: AmiSettings, *, clock: Clock, rng: random.Random, registry: CollectorRegistry) -> None:
        super().__init__(host=settings.host, port=settings.port, ssl=False, protocol_factory=self._new_connection)
        self.callbacks.clear()  # of the parent's own observer, see send_awaiting_actions
        self.patterns.clear()
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._metrics = AmiMetrics(registry)
        self._queue = EventQueue(settings.queue_limit, settings.sheddable, clock, self._metrics)
        self._wanted = None if settings.wanted is None else settings.wanted | LIST_EVENTS | {_BOOTED}
        self._supervisor: asyncio.Task[None] | None = None
        self._connection: AmiConnection | None = None
        self._booted: asyncio.Future[str]
        self._changed = asyncio.Event()
        self._stopping = False
        self._is_up = False
        self.last_close: Closed | None = None
        self.heard_at = clock.monotonic()
        """When Asterisk last said anything: an event, or the answer to a ping."""

    # --- life -----------------------------------------------------------------------------------------------------

    def connect(self) -> asyncio.Task[None]:
        """Begin to keep a connection; returns at once with the task that does it, until `stop`."""
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._supervise(), name="ami-client")
        return self._supervisor

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait until logged in.

        Raises:
            NotConnectedError: not within `timeout_s`, with the reason of the last attempt; at once when the secret is
                wrong.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not self.is_connected:
                    if self._stopping or (self.last_close and self.last_close.reason is CloseReason.AUTH_FAILED):
                        raise self._not_connected()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise self._not_connected() from None

    @property
    def is_connected(self) -> bool:
        """Whether an action can be sent now."""
        return self._is_up and self._connection is not None and not self._connection.closed.done()

    def close(self) -> None:
        """Give up the connection and keep none; `stop` also waits for the end."""
        self._stopping = True
        if self._connection is not None:
            self._connection.close(CloseReason.REQUESTED, "we were told to stop")
        self._changed.set()

    async def stop(self) -> None:
        """Close, wait for everything to end, and let the consumer of `events` finish."""
        self.close()
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
        self._queue.end()

    # --- orders and events --------------------------------------------------------------------------------------------

    async def send(self, action: Action, deadline_s: float | None = None, *, action_id: str = "") -> Reply:
        """Send an action at most once and wait for its answer.

        Args:
            action: what to do.
            deadline_s: for the answer; the settings' own when None.
            action_id: comes back in events that speak of the action, as OriginateResponse; must be unique. Made up when
                empty.

        Raises:
            AmiError: NotConnectedError, InvalidActionError, ActionRefusedError, ActionTimeoutError or
                ConnectionClosedError; `maybe_done` says whether Asterisk may have carried it out.
        """
        if self._connection is None or not self.is_connected:
            self._metrics.actions.labels(action.name, "NotConnectedError").inc()
            raise self._not_connected()
        deadline = self._settings.deadline_s if deadline_s is None else deadline_s
        return await self._request(self._connection, action, deadline, action_id)

    async def ask(self, action: Action, deadline_s: float) -> Reply:
        """Send a repeatable action, and again on the next connection if this one goes, until the deadline.

        Raises:
            InvalidActionError: the action may never be repeated.
            AmiError: as `send`, when the deadline passes.
        """
        if action.repeat is Repeat.NEVER_REPEATED:
            raise InvalidActionError(f"{action.name} may never be sent twice; use send()")
        until = self._clock.monotonic() + deadline_s
        while True:
            await self.wait_connected(max(until - self._clock.monotonic(), 0.0))
            try:
                return await self.send(action, max(until - self._clock.monotonic(), 0.0))
            except (ConnectionClosedError, NotConnectedError):
                continue

    def send_action(self, action: Action, as_list: bool | None = None, **kwargs: str) -> asyncio.Task[Reply]:  # noqa: ARG002
        """Panoramisk's way to send: only for our typed actions, which are checked, classed and have a deadline.

        Raises:
            InvalidActionError: for a plain dict.
        """
        if not isinstance(action, Action) or kwargs:
            raise InvalidActionError("send_action takes an action of dialer.ami.actions, nothing else; prefer send()")
        return asyncio.ensure_future(self.send(action))

    def events(self) -> EventQueue:
        """All events in the order they were read, with the comings and goings of the connection; for one consumer."""
        return self._queue

    def register_event(
        self, pattern: str, callback: Listener | None = None
    ) -> Callable[[Listener], Listener] | Listener:
        """Register an observer for events whose name matches `pattern` (`Bridge*`), called at once by the reader.

        For measuring and debugging; whoever must not miss or misorder anything consumes `events`. An observer that
        raises is counted and logged and harms nobody else.

        Raises:
            TypeError: for a coroutine function: its runs would overtake each other.
        """
        if callback is None:
            return lambda given: self._register(pattern, given)
        return self._register(pattern, callback)

    def _register(self, pattern: str, callback: Listener) -> Listener:
        if inspect.iscoroutinefunction(callback):
            raise TypeError("an observer must be a plain function; consume events() to await things in order")
        super().register_event(pattern, callback)
        return callback

    def dispatch(self, event: AmiMessage) -> list[str]:
        """Call the observers of an event; their errors stay with them. Returns the patterns that matched."""
        matches = [pattern for pattern, regexp in self.patterns if regexp.match(event.event_name)]
        for pattern in matches:
            for callback in self.callbacks[pattern]:
                try:
                    callback(self, event)
                except Exception as error:  # noqa: BLE001  # whatever a stranger's code raises must not cost the connection
                    self._metrics.listener_errors.inc()
                    _log.error("an AMI observer raised", event_kind=event.event_name, error=type(error).__name__)
        return matches

    # --- the connection ---------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        settings = self._settings
        attempt = 0
        try:
            while not self._stopping:
                began = self._clock.monotonic()
                closed = await self._live_once()
                _log.warning("no AMI connection", reason=closed.reason.value, detail=closed.detail)
                if self._clock.monotonic() - began > settings.backoff_cap_s:
                    attempt = 0
                if closed.reason is CloseReason.OVERRUN:
                    await self._queue.drained()
                await asyncio.sleep(backoff_s(attempt, settings.backoff_first_s, settings.backoff_cap_s, self._rng))
                attempt += 1
        finally:
            self._queue.end()

    async def _live_once(self) -> Closed:
        """Connect, log in, live until the connection closes."""
        connection = await self._open()
        if connection is None:
            return self._ended(Closed(CloseReason.CONNECT_FAILED, "nobody answers there; is Asterisk running?"))
        self._connection = connection
        pinger: asyncio.Task[None] | None = None
        try:
            if await self._log_in(connection):
                self._began(connection.greeting.result())
                pinger = asyncio.create_task(self._keep_pinging(connection), name="ami-ping")
            await asyncio.wait({connection.closed})
        finally:
            if pinger is not None:
                pinger.cancel()
                await asyncio.wait({pinger})
            connection.close(CloseReason.REQUESTED, "we were told to stop")
            self._ended(connection.closed.result())
        return connection.closed.result()

    def _began(self, version: str) -> None:
        # Only now, with the filters set: while they are being set, Asterisk keeps back events not yet asked for.
        self._is_up = True
        self.heard_at = self._clock.monotonic()
        self.last_close = None
        self._metrics.connected.set(1)
        self._queue.put_link(Connected(self._clock.monotonic(), version))
        self._changed.set()
        _log.info("AMI connection up", version=version)

    def _ended(self, closed: Closed) -> Closed:
        self.last_close = closed
        self._connection = None
        if self._is_up:
            self._is_up = False
            self._metrics.connected.set(0)
            self._queue.put_link(Disconnected(self._clock.monotonic(), closed.reason, closed.detail))
        self._changed.set()
        return closed

    async def _open(self) -> AmiConnection | None:
        """Let the parent open the transport; None when nobody answers in time."""
        try:
            async with asyncio.timeout(self._settings.setup_deadline_s):
                _, connection = await super().connect()
        except (OSError, TimeoutError):
            self._metrics.closes.labels(CloseReason.CONNECT_FAILED.value).inc()
            return None
        assert isinstance(connection, AmiConnection)  # noqa: S101  # made by our own factory
        return connection

    def connection_made(self, f: asyncio.Task[object]) -> None:
        """The parent's callback once the transport is open; `_live_once` does what is to be done."""

    def send_awaiting_actions(self, *_: object) -> None:
        """The parent's replay of unanswered actions on FullyBooted: nothing is ever sent again."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The parent's callback; the connection itself reports its close."""

    def _new_connection(self) -> AmiConnection:
        self._booted = asyncio.get_running_loop().create_future()
        return AmiConnection(AmiCodec(self._wanted), self._take_event, self._metrics)

    def _take_event(self, message: AmiMessage) -> bool:
        self.heard_at = self._clock.monotonic()
        if self.patterns:
            self.dispatch(message)
        if message.event_name == _BOOTED:
            if not self._booted.done():
                self._booted.set_result(_BOOTED)
            return True
        return self._queue.put(Received(self._clock.monotonic(), message))

    async def _log_in(self, connection: AmiConnection) -> bool:
        """Greeting, login, word of the boot, filters. False, and the connection closed, when one of them fails."""
        settings = self._settings
        if not await self._comes(connection, connection.greeting):
            connection.close(CloseReason.NOT_AMI, "the peer does not greet; check host and port")
            return False
        try:
            login = Login(settings.username, settings.secret)
            await self._request(connection, login, settings.setup_deadline_s)
            if not await self._comes(connection, self._booted):
                connection.close(CloseReason.NOT_BOOTED, "Asterisk does not say that it is fully booted")
            await self._set_filters(connection)
        except ActionRefusedError:
            connection.close(
                CloseReason.AUTH_FAILED,
                "Asterisk refuses our secret; stop and start it, so that it reads the present one",
            )
        except AmiError as error:
            connection.close(CloseReason.PEER_DEAD, str(error))
        return not connection.closed.done()

    async def _comes(self, connection: AmiConnection, news: asyncio.Future[str]) -> bool:
        """Whether the news comes before the deadline and the close."""
        either: set[asyncio.Future[Any]] = {news, connection.closed}
        await asyncio.wait(either, timeout=self._settings.setup_deadline_s, return_when=asyncio.FIRST_COMPLETED)
        return news.done()

    async def _set_filters(self, connection: AmiConnection) -> None:
        if not self._settings.filter_at_asterisk or self._settings.wanted is None:
            return
        try:
            for name in sorted(self._settings.wanted):
                await self._request(connection, Filter(name), self._settings.setup_deadline_s)
        except ActionRefusedError as error:
            _log.warning("Asterisk takes no event filter; events are filtered here", detail=error.detail)

    async def _keep_pinging(self, connection: AmiConnection) -> None:
        while True:
            await asyncio.sleep(self._settings.ping_interval_s)
            try:
                await self._request(connection, Ping(), self._settings.ping_deadline_s)
                self.heard_at = self._clock.monotonic()
            except ConnectionClosedError:
                return
            except AmiError as error:
                connection.close(CloseReason.PEER_DEAD, f"no answer to Ping: {error}")
                return

    async def _request(
        self, connection: AmiConnection, action: Action, deadline_s: float, action_id: str = ""
    ) -> Reply:
        began = self._clock.monotonic()
        result = "cancelled"
        try:
            reply = await connection.request(action, action_id or PanoramiskAction.action_id_generator(), deadline_s)
            result = "success"
        except AmiError as error:
            result = type(error).__name__
            raise
        finally:
            self._metrics.actions.labels(action.name, result).inc()
            self._metrics.action_seconds.labels(action.name).observe(self._clock.monotonic() - began)
        return reply

    def _not_connected(self) -> NotConnectedError:
        if self.last_close is None:
            return NotConnectedError("not connected to Asterisk yet")
        return NotConnectedError(f"not connected to Asterisk: {self.last_close.detail}", self.last_close.reason)
