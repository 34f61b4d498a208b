"""The switch on Asterisk: `domain.telephony.Telephony` on the AMI client, against the contexts of `asterisk_conf/`.

Only ids, numbers and words of the dialplan go out. Every order is sent at most once; a failure says whether it may have
been carried out. The number wall stands here: nothing that it refuses is ever written to Asterisk.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, assert_never

import structlog
from prometheus_client import CollectorRegistry, Counter

from dialer.ami.actions import Action, CoreShowChannels, Hangup, Originate, Redirect
from dialer.ami.client import AmiClient
from dialer.ami.errors import ActionRefusedError, AmiError
from dialer.ami.event_queue import ClientEvent, Connected, Disconnected, Received
from dialer.asterisk.settings import SipTrunk
from dialer.number_wall import NumberWall, RefusedNumberError
from dialer.switch_events import SwitchEvents
from domain.clock import Clock
from domain.ids import AgentId, AttemptId, LegId, channel_of, is_call_id
from domain.telephony import LinkDown, LinkUp, LiveChannel, Origination, SwitchEvent, TelephonyError, Treatment

_log = structlog.get_logger(__name__)

LIST_DEADLINE_S: Final = 10.0
AGENT_RINGS_S: Final = 30.0

_NO_SUCH_CHANNEL: Final = "no such channel"
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ASTERISK_ID: Final = re.compile(r"(?:[A-Za-z0-9_-]+-)?[0-9]+\.[0-9]+")


class AsteriskSwitch:
    """One Asterisk as a Telephony.

    Args:
        client: connected, or connecting; its events are consumed here and nowhere else.
        trunks: the ways out, by whose names channels are told from agents' legs.
        wall: what may be called at all.
        clock: the one the client has.
    """

    def __init__(
        self,
        client: AmiClient,
        *,
        trunks: Iterable[SipTrunk],
        wall: NumberWall,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._client = client
        self._trunks: Mapping[str, SipTrunk] = {trunk.name: trunk for trunk in trunks}
        self._wall = wall
        self._clock = clock
        self._translation = SwitchEvents(self._trunks)
        self._ending: set[asyncio.Task[None]] = set()
        self._anomalies = Counter(
            "dialer_switch_anomalies", "Events of Asterisk that made no sense and were passed over.", registry=registry
        )

    async def events(self) -> AsyncIterator[SwitchEvent]:
        """Events in Asterisk's order, with the comings and goings of the link; ends when the client is stopped."""
        source = self._client.events()
        while True:
            now = self._clock.monotonic()
            for event in self._translation.overdue(now):
                yield event
            for channel in self._translation.stuck(now):
                self._end_stuck(channel)
            try:
                async with asyncio.timeout(self._until_overdue()):
                    item = await anext(source)
            except TimeoutError:
                continue
            except StopAsyncIteration:
                return
            for event in self._translate(item):
                yield event

    def _end_stuck(self, channel: str) -> None:
        task = asyncio.create_task(self._hang_up_stuck(channel))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _hang_up_stuck(self, channel: str) -> None:
        _log.info("channel stayed after its far end had gone; hung up", channel=channel)
        try:
            await self._hang_up(channel)
        except TelephonyError as error:
            _log.warning("a stuck channel could not be hung up", channel=channel, error=str(error))

    def _until_overdue(self) -> float | None:
        due = self._translation.due_at
        return None if due is None else max(due - self._clock.monotonic(), 0.0)

    def _translate(self, item: ClientEvent) -> list[SwitchEvent]:
        match item:
            case Connected():
                return [LinkUp(item.at)]
            case Disconnected():
                self._translation.link_lost()
                return [LinkDown(item.at, item.reason.value)]
            case Received():
                known = self._translation.anomalies
                events = self._translation.take(item.message, item.at)
                self._anomalies.inc(self._translation.anomalies - known)
                return events
            case _:
                assert_never(item)

    # --- orders -----------------------------------------------------------------------------------------------------

    async def originate(self, order: Origination) -> None:
        """Place a call. Returns when Asterisk has queued it.

        Raises:
            TelephonyError: refused by the number wall or by Asterisk, not sent, or not answered in time.
        """
        action = self._originate(order)
        self._translation.expect_call(action.channel_id)
        await self._send_expected(action, action.channel_id)

    async def join(self, attempt: AttemptId, leg: LegId) -> None:
        """Send the person to the agent's leg; `Joined` follows."""
        _require_channel(leg)
        await self._redirect(attempt, "fd-connect", leg)

    async def hold(self, attempt: AttemptId) -> None:
        """Park the person; the dialplan bounds it."""
        await self._redirect(attempt, "fd-hold", "s")

    async def treat(self, attempt: AttemptId, treatment: Treatment) -> None:
        """Begin the treatment now."""
        await self._redirect(attempt, f"fd-treat-{treatment.value}", "s")

    async def hang_up(self, channel: AttemptId | LegId) -> None:
        """End a channel; one already gone is no error."""
        _require_channel(channel)
        await self._hang_up(self._translation.channel_of(channel))

    async def _hang_up(self, channel: str) -> None:
        try:
            await self._client.send(Hangup(channel))
        except AmiError as error:
            if not (isinstance(error, ActionRefusedError) and _NO_SUCH_CHANNEL in error.detail.lower()):
                raise _telephony_error(error) from error

    async def call_agent(self, agent: AgentId, leg: LegId) -> None:
        """Ring the agent's phone; `LegUp` or `LegEnded` follows."""
        _require_word("agent", agent)
        _require_id(leg)
        action = Originate(
            channel=f"PJSIP/{agent}",
            channel_id=leg,
            context="fd-leg",
            exten="s",
            timeout_ms=_milliseconds(AGENT_RINGS_S),
            variables={"FD_AGENT": agent},
        )
        self._translation.expect_leg(leg, agent)
        await self._send_expected(action, leg)

    async def live_channels(self) -> Sequence[LiveChannel]:
        """What exists now; also renews what the translation knows, so call it after every `LinkUp`."""
        with _as_telephony_errors():
            reply = await self._client.ask(CoreShowChannels(), LIST_DEADLINE_S)
        return self._translation.adopt(reply.items)

    # --- how ---------------------------------------------------------------------------------------------------------

    def _originate(self, order: Origination) -> Originate:
        _require_id(order.attempt)
        trunk = self._trunks.get(order.trunk)
        if trunk is None:
            raise TelephonyError(f"there is no trunk {order.trunk!r} in the settings", maybe_done=False)
        try:
            self._wall.check(order.to, trunk)
        except RefusedNumberError as error:
            raise TelephonyError(f"not called: {error}", maybe_done=False) from error
        if order.message:
            _require_word("message", order.message)
        return Originate(
            channel=f"PJSIP/{trunk.dialed(order.to)}@{trunk.name}",
            channel_id=channel_of(order.attempt, order.invite),
            context="fd-answered",
            exten="s",
            timeout_ms=_milliseconds(order.setup_timeout_s),
            caller_id=trunk.shown(order.caller_id),
            variables={
                "FD_ATTEMPT": order.attempt,
                "FD_AMD": "1" if order.detect_machine else "0",
                "FD_CONNECT_S": f"{order.connect_within_s:.3f}",
                "FD_TREATMENT": order.treatment.value,
                "FD_LATE_S": f"{order.late_agent_s:.3f}",
                "FD_MESSAGE": order.message,
                "FD_RECORDING": order.recording.value,
                "PJSIP_HEADER(add,P-Asserted-Identity)": f"<sip:{trunk.shown(order.caller_id)}@{trunk.host}>",
            },
        )

    async def _send_expected(self, action: Action, channel: str) -> None:
        """Send an originate under the channel's id, so that its OriginateResponse names the channel."""
        try:
            await self._client.send(action, action_id=channel)
        except AmiError as error:
            if not error.maybe_done:
                self._translation.forget(channel)
            raise _telephony_error(error) from error

    async def _redirect(self, attempt: AttemptId, context: str, exten: str) -> None:
        _require_id(attempt)
        with _as_telephony_errors():
            await self._client.send(Redirect(self._translation.channel_of(attempt), context, exten))


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)


def _require_id(text: str) -> None:
    if not is_call_id(text):
        raise TelephonyError("an attempt or leg id is 32 lower-case hex digits", maybe_done=False)


def _require_channel(text: str) -> None:
    """Our own id, or Asterisk's for a phone that called in; nothing else goes into an extension or a hang-up."""
    if not is_call_id(text) and _ASTERISK_ID.fullmatch(text) is None:
        raise TelephonyError("that is no channel's id", maybe_done=False)


def _require_word(what: str, text: str) -> None:
    if _WORD.fullmatch(text) is None:
        raise TelephonyError(f"the {what}'s name may hold letters, digits, dot, dash and underscore", maybe_done=False)


def _telephony_error(error: AmiError) -> TelephonyError:
    return TelephonyError(str(error), maybe_done=error.maybe_done)


@contextmanager
def _as_telephony_errors() -> Iterator[None]:
    try:
        yield
    except AmiError as error:
        raise _telephony_error(error) from error
