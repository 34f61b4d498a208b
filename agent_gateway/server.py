"""The WebSocket server agents' screens connect to: who may, what they may ask, what they are told.

On loopback by default. A screen signs in with the agent's id and secret, then sends something at least every
`heartbeat_s`; after `expires_s` of silence the agent leaves the floor as soon as no conversation is cut by it. A
connection that breaks and comes back in that time finds the agent as it was. One screen an agent: a new one takes over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol, assert_never

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from agent_gateway.agent import Agent, AgentState, Cause
from agent_gateway.credentials import NOBODY, CredentialError, matches
from agent_gateway.disposition import DispositionError
from agent_gateway.floor import Floor
from agent_gateway.floor_events import AgentChanged, FloorEvent, NotDialed, OrderFailed
from agent_gateway.lifecycle import Refusal, Refused
from agent_gateway.protocol import (
    SIZE_LIMIT,
    Bye,
    CallMessage,
    Choice,
    DialRequest,
    DispositionRequest,
    Done,
    ErrorMessage,
    HangUpRequest,
    HeartbeatRequest,
    HoldRequest,
    Line,
    PauseRequest,
    ProtocolError,
    ReadyRequest,
    Reply,
    Request,
    ResumeRequest,
    SignInRequest,
    SignOutRequest,
    SkipRequest,
    StateMessage,
    Welcome,
    disposition_choices,
    read_request,
)
from domain.clock import Clock
from domain.ids import AgentId, AttemptId

_log = structlog.get_logger(__name__)
_OUTBOX_LIMIT: Final = 256
_HASHES_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """An agent who may sign in.

    Attributes:
        name: what people call the agent.
        secret_hash: made by `agent_gateway.credentials.hash_secret`.
        skills: what the agent can handle.
    """

    id: AgentId
    name: str
    secret_hash: str = field(repr=False)
    skills: frozenset[str] = frozenset()


class AgentDirectory(Protocol):
    """Who may sign in."""

    async def find(self, agent: AgentId) -> AgentRecord | None:
        """The agent, or None if there is no such agent or it may not sign in."""
        ...


@dataclass(frozen=True, slots=True)
class CallSummary:
    """What an agent needs to know of a call. Plain text throughout.

    Attributes:
        person: who is (probably) on the line.
        lines: facts as label and text, in the order to be read.
        say: what may or must be said, a sentence each.
    """

    person: str
    lines: tuple[tuple[str, str], ...] = ()
    say: tuple[str, ...] = ()


SummaryOf = Callable[[AttemptId], Awaitable[CallSummary | None]]
"""Where summaries come from; None when nothing is known of the attempt."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server listens.

    Attributes:
        host, port: where; port 0 takes a free one.
        heartbeat_s: how often a screen should send something.
        expires_s: silence after which the agent is taken for gone.
        sign_in_s: time a new connection has to sign in.
        summary_s: longest wait for an account's summary; the call is shown without it then.
        refusal_s: pause before a refused sign-in is answered.
        origins: web origins whose pages may connect; programs that send no Origin always may.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    heartbeat_s: float = 5.0
    expires_s: float = 20.0
    sign_in_s: float = 10.0
    summary_s: float = 2.0
    refusal_s: float = 1.0
    origins: tuple[str, ...] = ()


class _DismissedError(Exception):
    """Ends a session's tasks; carries what the screen is told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True, eq=False)
class _Session:
    record: AgentRecord
    connection: ServerConnection
    outbox: asyncio.Queue[Reply | Agent | Bye] = field(default_factory=lambda: asyncio.Queue(_OUTBOX_LIMIT))
    shown: AttemptId | None = None


class GatewayServer:
    """Screens on one side, the floor on the other."""

    def __init__(
        self,
        floor: Floor,
        directory: AgentDirectory,
        summary_of: SummaryOf,
        clock: Clock,
        settings: ServerSettings | None = None,
    ) -> None:
        self.settings: Final = settings or ServerSettings()
        self._floor = floor
        self._directory = directory
        self._summary_of = summary_of
        self._clock = clock
        self._sessions: dict[AgentId, _Session] = {}
        self._expiry: dict[AgentId, asyncio.TimerHandle] = {}
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """Listen until the context ends; gives the port."""
        changes = self._floor.subscribe()
        pump = asyncio.create_task(self._pump(changes), name="agent server")
        origins: list[Origin | None] = [None, *(Origin(origin) for origin in self.settings.origins)]
        try:
            # Messages are a few hundred bytes: compressing them costs more than sending them.
            host, port = self.settings.host, self.settings.port
            async with serve(self._serve, host, port, max_size=SIZE_LIMIT, origins=origins, compression=None) as server:
                yield _port_of(server)
        finally:
            pump.cancel()
            self._floor.unsubscribe(changes)
            for timer in self._expiry.values():
                timer.cancel()

    # --- one connection ---

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            record = await self._sign_in(connection)
            if record is not None:
                await self._session(_Session(record, connection))
        except ConnectionClosed:
            pass  # the screen went away; its agent's silence is being timed

    async def _sign_in(self, connection: ServerConnection) -> AgentRecord | None:
        request: Request | None = None
        problem = "send sign_in first"
        try:
            async with asyncio.timeout(self.settings.sign_in_s):
                request = read_request(await connection.recv())
        except TimeoutError:
            problem = "no sign_in came in time"
        except ProtocolError as error:
            problem = str(error)
        if not isinstance(request, SignInRequest):
            await self._refuse(connection, request, "not_signed_in", problem)
            return None
        record = await self._directory.find(AgentId(request.agent))
        if not await self._is_genuine(request, record) or record is None:
            await asyncio.sleep(self.settings.refusal_s)
            await self._refuse(connection, request, "wrong_credentials", "unknown agent or wrong secret")
            return None
        await _send(connection, self._welcome(record))
        await _send(connection, Done(ref=request.ref))
        return record

    async def _is_genuine(self, request: SignInRequest, record: AgentRecord | None) -> bool:
        stored = NOBODY if record is None else record.secret_hash
        async with self._hashing:
            try:
                return await asyncio.to_thread(matches, request.secret, stored)
            except CredentialError as error:
                _log.error("agent cannot sign in", agent=request.agent, error=str(error))
                return False

    async def _refuse(self, connection: ServerConnection, request: Request | None, code: str, message: str) -> None:
        _log.warning("agent sign-in refused", code=code)
        await _send(connection, ErrorMessage(ref=request.ref if request else None, code=code, message=message))

    def _welcome(self, record: AgentRecord) -> Welcome:
        return Welcome(
            agent=record.id,
            name=record.name,
            heartbeat_s=self.settings.heartbeat_s,
            pause_reasons=_choices(self._floor.settings.pause_reasons),
            skip_reasons=_choices(self._floor.settings.skip_reasons),
        )

    async def _session(self, session: _Session) -> None:
        agent = session.record.id
        before = self._sessions.get(agent)
        if before is not None:
            self._put(before, Bye(reason="taken_over"))
        self._sessions[agent] = session
        self._alive(agent)
        self._floor.sign_in(agent, session.record.skills)
        self._put(session, self._floor.agent(agent))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(session))
                group.create_task(self._write(session))
        except* _DismissedError as dismissed:
            _log.info("agent's screen dismissed", agent=agent, reason=str(dismissed.exceptions[0]))
        except* ConnectionClosed:
            _log.info("agent's screen disconnected", agent=agent)
        finally:
            if self._sessions.get(agent) is session:
                del self._sessions[agent]

    async def _read(self, session: _Session) -> None:
        while True:
            frame = await session.connection.recv()
            self._alive(session.record.id)
            try:
                request = read_request(frame)
            except ProtocolError as error:
                self._put(session, ErrorMessage(ref=None, code="bad_message", message=str(error)))
                continue
            self._put(session, self._answer(session.record.id, request))

    async def _write(self, session: _Session) -> None:
        while True:
            item = await session.outbox.get()
            if isinstance(item, Agent):
                await self._show(session, item)
                continue
            await _send(session.connection, item)
            if isinstance(item, Bye):
                await session.connection.close()
                raise _DismissedError(item.reason)

    async def _show(self, session: _Session, agent: Agent) -> None:
        await _send(session.connection, StateMessage.of(agent, self._clock.monotonic(), self._clock.now()))
        if agent.attempt is not None and agent.attempt != session.shown:
            terms = self._floor.terms_of(agent.attempt)
            summary = await self._summary(agent.attempt)
            call = CallMessage(
                attempt=agent.attempt,
                person=summary.person,
                lines=tuple(Line(label=label, text=text) for label, text in summary.lines),
                say=summary.say,
                preview_s=terms.preview_s,
                wrap_up_s=terms.wrap_up_s,
                dispositions=disposition_choices(terms.dispositions),
            )
            await _send(session.connection, call)
        session.shown = agent.attempt

    async def _summary(self, attempt: AttemptId) -> CallSummary:
        try:
            async with asyncio.timeout(self.settings.summary_s):
                return await self._summary_of(attempt) or CallSummary(person="")
        except TimeoutError:
            _log.warning("no account summary in time", attempt=attempt)
            return CallSummary(person="")

    # --- requests ---

    def _answer(self, agent: AgentId, request: Request) -> Reply:
        try:
            answer = self._ask_floor(agent, request)
        except (ProtocolError, DispositionError) as error:
            return ErrorMessage(ref=request.ref, code="bad_request", message=str(error))
        if isinstance(answer, Refused):
            stale = answer.why is Refusal.STALE
            why = "another account is shown by now" if stale else f"not possible while {answer.state.replace('_', ' ')}"
            return ErrorMessage(ref=request.ref, code="not_now", message=why)
        return Done(ref=request.ref)

    def _ask_floor(self, agent: AgentId, request: Request) -> Agent | Refused | None:
        match request:
            case SignInRequest():
                raise ProtocolError("this connection is signed in already")
            case ReadyRequest():
                return self._floor.ready(agent)
            case PauseRequest():
                if request.reason not in dict(self._floor.settings.pause_reasons):
                    raise ProtocolError("unknown pause reason; choose one of the welcome message's")
                return self._floor.pause(agent, request.reason)
            case DialRequest():
                return self._floor.dial(agent, AttemptId(request.attempt))
            case SkipRequest():
                if request.reason not in {None, *dict(self._floor.settings.skip_reasons)}:
                    raise ProtocolError("unknown reason to skip; choose one of the welcome message's, or none")
                return self._floor.skip(agent, AttemptId(request.attempt), request.reason)
            case HoldRequest():
                return self._floor.hold(agent)
            case ResumeRequest():
                return self._floor.resume(agent)
            case HangUpRequest():
                return self._floor.hang_up(agent)
            case DispositionRequest():
                return self._floor.dispose(agent, request.code, request.details())
            case SignOutRequest():
                return self._floor.sign_out(agent)
            case HeartbeatRequest():
                return None
            case _:
                assert_never(request)

    # --- the floor's news and the agents' silence ---

    async def _pump(self, changes: asyncio.Queue[FloorEvent]) -> None:
        while True:
            match await changes.get():
                case AgentChanged(_, after):
                    self._tell(after.id, after)
                    if after.state is AgentState.OFFLINE and after.reason == Cause.SIGNED_OUT:
                        self._tell(after.id, Bye(reason="signed_out"))
                case NotDialed(agent, words):
                    self._tell(agent, ErrorMessage(ref=None, code="not_dialed", message=words))
                case OrderFailed(agent, order):
                    text = f"the telephone switch did not carry out: {order.replace('_', ' ')}"
                    self._tell(agent, ErrorMessage(ref=None, code="order_failed", message=text))
                case _:
                    pass

    def _tell(self, agent: AgentId, item: Reply | Agent) -> None:
        session = self._sessions.get(agent)
        if session is not None:
            self._put(session, item)

    def _put(self, session: _Session, item: Reply | Agent) -> None:
        try:
            session.outbox.put_nowait(item)
        except asyncio.QueueFull:  # a screen that does not read; without its connection it can come back and catch up
            _log.warning("agent's screen is too slow", agent=session.record.id)
            session.connection.transport.abort()

    def _alive(self, agent: AgentId) -> None:
        timer = self._expiry.pop(agent, None)
        if timer is not None:
            timer.cancel()
        self._expiry[agent] = asyncio.get_running_loop().call_later(self.settings.expires_s, self._expire, agent)

    def _expire(self, agent: AgentId) -> None:
        del self._expiry[agent]
        if not self._floor.agent(agent).is_signed_in and agent not in self._sessions:
            return
        _log.warning("agent's screen is silent", agent=agent)
        self._tell(agent, Bye(reason="expired"))
        self._floor.heartbeat_lost(agent)


def _choices(reasons: tuple[tuple[str, str], ...]) -> tuple[Choice, ...]:
    return tuple(Choice(code=code, label=label) for code, label in reasons)


async def _send(connection: ServerConnection, message: Reply) -> None:
    await connection.send(message.model_dump_json())


def _port_of(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])
