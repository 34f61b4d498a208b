"""A telephone switch in memory: the Telephony protocol, with a carrier and telephones behind it that follow a script.

It keeps the promises of the dialplan in `asterisk_conf/`: it owns the connect deadline, hangs up on machines by itself,
sends an agent's leg back to waiting when the person has gone, and holds a person whose agent was cut off. All delays
are timers of the running loop, so under `dialer.testing.virtual_time` an hour takes as long as its events.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domain.clock import Clock
from domain.ids import AgentId, AttemptId, LegId
from domain.outcomes import Verdict
from domain.phone import PhoneNumber
from domain.telephony import (
    Answered,
    Ended,
    Joined,
    Judged,
    KeyPressed,
    LegEnded,
    LegUp,
    LinkDown,
    LinkUp,
    LiveChannel,
    Origination,
    Parted,
    Rang,
    SwitchEvent,
    TelephonyError,
    Treated,
    Treatment,
)

NORMAL_CLEARING = 16
USER_BUSY = 17
NO_ANSWER = 19
MEDIA_LOST = 44
HOLD_LIMIT_S = 10.0
MESSAGE_S = 12.0


@dataclass(frozen=True, slots=True)
class Script:
    """What the far end of one call does.

    Attributes:
        post_dial_s: from the order to the first ringing.
        ring_s: from ringing to the answer or the refusal; None rings until somebody gives up.
        refusal: SIP status instead of an answer; with `rings` False it comes without any ringing.
        verdict: what the detector says of the answer.
        detect_s: how long it listens before saying so.
        patience_s: how long a person who is not talking to an agent stays on the line.
        talk_s: how long a person talks to an agent before hanging up.
        presses: a key pressed during a message.
        only_by: trunks by which it is like this; by any other the carrier answers 503 at once.
    """

    post_dial_s: float = 0.3
    ring_s: float | None = 4.0
    rings: bool = True
    refusal: int | None = None
    verdict: Verdict = Verdict.HUMAN
    detect_s: float = 1.5
    patience_s: float = 30.0
    talk_s: float = 20.0
    presses: str | None = None
    only_by: frozenset[str] | None = None


OVERLOADED = Script(post_dial_s=0.1, ring_s=0.0, rings=False, refusal=503)
"""A carrier that takes no call now."""


@dataclass(slots=True)
class Truth:
    """What really happened to a call, whoever heard of it."""

    rang: bool = False
    person: bool = False
    joined: set[AgentId] = field(default_factory=set)
    treated: bool = False
    cut_off: bool = False
    """Ended by an order of the engine, unjoined and untreated, after a person had answered."""
    ended: bool = False


class _Stage(StrEnum):
    DIALING = "dialing"
    RINGING = "ringing"
    UP = "up"
    BRIDGED = "bridged"


CAUSE_OF_STATUS = {486: USER_BUSY, 404: 1, 603: 21, 503: 34, 480: NO_ANSWER, 408: 18}


@dataclass(slots=True)
class _Call:
    order: Origination
    script: Script
    stage: _Stage = _Stage.DIALING
    judged: bool = False
    treated: bool = False
    leg: LegId | None = None
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


@dataclass(slots=True)
class _Leg:
    agent: AgentId
    up: bool = False
    attempt: AttemptId | None = None


class SimulatedSwitch:
    """Telephony in memory.

    Args:
        script_for: what the far end of a call to this number does; called once a call.
        clock: where `at` of events comes from.
        agent_answers_s: how long an agent's phone rings.
    """

    def __init__(self, script_for: Callable[[PhoneNumber], Script], clock: Clock, agent_answers_s: float = 0.2) -> None:
        self._script_for = script_for
        self._clock = clock
        self._agent_answers_s = agent_answers_s
        self._queue: asyncio.Queue[SwitchEvent] = asyncio.Queue()
        self._calls: dict[AttemptId, _Call] = {}
        self._legs: dict[LegId, _Leg] = {}
        self._linked = True
        self.truth: dict[AttemptId, Truth] = {}
        self._silent_since: float | None = None
        self.originated: list[Origination] = []
        """Every order that reached the switch, in order: the carrier's own list."""
        self._queue.put_nowait(LinkUp(clock.monotonic()))

    # --- the protocol ---------------------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[SwitchEvent]:
        while True:
            yield await self._queue.get()

    async def originate(self, order: Origination) -> None:
        self._require_link()
        if order.attempt in self._calls:
            raise TelephonyError("a channel with that id exists", maybe_done=False)
        self.originated.append(order)
        script = self._script_for(order.to)
        if script.only_by is not None and order.trunk not in script.only_by:
            script = OVERLOADED
        call = _Call(order, script)
        self._calls[order.attempt] = call
        self.truth[order.attempt] = Truth()
        self._after(call, call.script.post_dial_s, self._progress)
        self._after(call, order.setup_timeout_s, self._setup_timeout)

    async def join(self, attempt: AttemptId, leg: LegId) -> None:
        self._require_link()
        call, agent_leg = self._calls.get(attempt), self._legs.get(leg)
        if call is None or call.stage is not _Stage.UP:
            raise TelephonyError("no such call is waiting", maybe_done=False)
        if agent_leg is None or not agent_leg.up or agent_leg.attempt is not None:
            raise TelephonyError("no such leg is free", maybe_done=False)
        self._stop_timers(call)
        call.stage, call.leg, agent_leg.attempt = _Stage.BRIDGED, leg, attempt
        self.truth[attempt].joined.add(agent_leg.agent)
        self._emit(Joined(attempt, leg, self._now()))
        self._after(call, call.script.talk_s, self._person_hangs_up)

    async def hold(self, attempt: AttemptId) -> None:
        self._require_link()
        call = self._calls.get(attempt)
        if call is None:
            raise TelephonyError("no such call", maybe_done=False)
        self._stop_timers(call)
        self._part(call)
        self._hold(call)

    async def treat(self, attempt: AttemptId, treatment: Treatment) -> None:
        self._require_link()
        call = self._calls.get(attempt)
        if call is None or call.stage is not _Stage.UP:
            raise TelephonyError("no such call is waiting", maybe_done=False)
        self._stop_timers(call)
        self._treat(call, treatment)

    async def hang_up(self, channel: AttemptId | LegId) -> None:
        self._require_link()
        if (call := self._calls.get(AttemptId(channel))) is not None:
            ringing, truth = call.stage is _Stage.RINGING, self.truth[call.order.attempt]
            truth.cut_off = truth.person and not truth.joined and not truth.treated
            self._end(call, NO_ANSWER if ringing else NORMAL_CLEARING, None)
        elif LegId(channel) in self._legs:
            self.leg_gone(LegId(channel), NORMAL_CLEARING)

    async def call_agent(self, agent: AgentId, leg: LegId) -> None:
        self._require_link()
        self._legs[leg] = _Leg(agent)
        asyncio.get_running_loop().call_later(self._agent_answers_s, self._leg_up, leg)

    async def live_channels(self) -> Sequence[LiveChannel]:
        self._require_link()
        calls = [
            LiveChannel(id=a, agent=None, answered=c.stage in {_Stage.UP, _Stage.BRIDGED}, joined_with=c.leg)
            for a, c in self._calls.items()
        ]
        legs = [LiveChannel(id=i, agent=g.agent, answered=g.up, joined_with=g.attempt) for i, g in self._legs.items()]
        return [*calls, *legs]

    # --- what a test does to the world ------------------------------------------------------------------------------

    def cut_link(self) -> None:
        """The control connection goes; calls live on."""
        self._linked = False
        self._emit(LinkDown(self._now(), "cut"))

    def mend_link(self) -> None:
        self._linked = True
        self._queue.put_nowait(LinkUp(self._now()))

    def new_connection(self) -> None:
        """Another client listens from now on; what the earlier one has not heard, nobody will."""
        self._queue = asyncio.Queue()
        self.mend_link()

    def crash(self) -> None:
        """The switch's process dies: every channel is gone, unsaid."""
        self.cut_link()
        for call in self._calls.values():
            self._stop_timers(call)
            self.truth[call.order.attempt].ended = True
        self._calls.clear()
        self._legs.clear()

    def heard_at(self) -> float:
        """When the switch last said anything, answers to pings included."""
        return self._now() if self._silent_since is None else self._silent_since

    def fall_silent(self) -> None:
        """The connection stands, but the switch answers nothing and tells nothing until `speak_again`."""
        self._silent_since = self._now()

    def speak_again(self) -> None:
        self._silent_since = None

    def leg_gone(self, leg: LegId, cause: int = MEDIA_LOST) -> None:
        """The agent's leg ends; a person on it is held, as the dialplan does."""
        gone = self._legs.pop(leg)
        call = self._calls.get(gone.attempt) if gone.attempt else None
        if call is not None:
            self._stop_timers(call)
            call.stage, call.leg = _Stage.UP, None
            self._emit(Parted(call.order.attempt, leg, self._now()))
            self._hold(call)
        self._emit(LegEnded(leg, gone.agent, self._now(), cause))

    def press(self, source: AttemptId | LegId, key: str) -> None:
        self._emit(KeyPressed(source, self._now(), key))

    # --- the far end ------------------------------------------------------------------------------------------------

    def _progress(self, call: _Call) -> None:
        script = call.script
        if script.rings:
            call.stage = _Stage.RINGING
            self.truth[call.order.attempt].rang = True
            self._emit(Rang(call.order.attempt, self._now(), early_media=False))
        if script.ring_s is not None:
            self._after(call, script.ring_s, self._answer if script.refusal is None else self._refuse)

    def _refuse(self, call: _Call) -> None:
        status = call.script.refusal or 480
        self._end(call, CAUSE_OF_STATUS.get(status, 127), status)

    def _setup_timeout(self, call: _Call) -> None:
        if call.stage in {_Stage.DIALING, _Stage.RINGING}:
            self._end(call, NO_ANSWER, 480)

    def _answer(self, call: _Call) -> None:
        call.stage = _Stage.UP
        self._emit(Answered(call.order.attempt, self._now()))
        if call.order.detect_machine:
            self._after(call, call.script.detect_s, self._judge)
        else:
            self._judge(call)
        self._after(call, call.script.patience_s, self._person_hangs_up)

    def _judge(self, call: _Call) -> None:
        detecting = call.order.detect_machine
        verdict, cause = (call.script.verdict, "script") if detecting else (Verdict.UNCERTAIN, "off")
        self._emit(Judged(call.order.attempt, self._now(), verdict, cause))
        self.truth[call.order.attempt].person = not verdict.is_machine
        if verdict.is_machine:
            self._end(call, NORMAL_CLEARING, None)
        else:
            self._after(call, call.order.connect_within_s, self._deadline)

    def _deadline(self, call: _Call) -> None:
        self._treat(call, call.order.treatment)

    def _treat(self, call: _Call, treatment: Treatment) -> None:
        self._emit(Treated(call.order.attempt, self._now(), treatment))
        self.truth[call.order.attempt].treated = True
        lasts = {Treatment.LATE_AGENT: call.order.late_agent_s, Treatment.MESSAGE: MESSAGE_S, Treatment.HANGUP: 0.0}
        if treatment is Treatment.MESSAGE and call.script.presses:
            self._emit(KeyPressed(call.order.attempt, self._now(), call.script.presses))
        self._after(call, lasts[treatment], self._clear)

    def _hold(self, call: _Call) -> None:
        self._after(call, call.script.patience_s, self._person_hangs_up)
        self._after(call, HOLD_LIMIT_S, self._deadline)

    def _clear(self, call: _Call) -> None:
        self._end(call, NORMAL_CLEARING, None)

    def _person_hangs_up(self, call: _Call) -> None:
        self._end(call, NORMAL_CLEARING, None)

    def _leg_up(self, leg: LegId) -> None:
        if (agent_leg := self._legs.get(leg)) is not None:
            agent_leg.up = True
            self._emit(LegUp(leg, agent_leg.agent, self._now()))

    # --- plumbing -----------------------------------------------------------------------------------------------------

    def _part(self, call: _Call) -> None:
        if call.leg is None:
            return
        self._emit(Parted(call.order.attempt, call.leg, self._now()))
        if (agent_leg := self._legs.get(call.leg)) is not None:
            agent_leg.attempt = None
        call.leg, call.stage = None, _Stage.UP

    def _end(self, call: _Call, cause: int, sip_status: int | None) -> None:
        self._stop_timers(call)
        self._part(call)
        del self._calls[call.order.attempt]
        self.truth[call.order.attempt].ended = True
        ringing = call.stage is _Stage.RINGING
        self._emit(Ended(call.order.attempt, self._now(), cause, sip_status, ringing))

    def _after(self, call: _Call, seconds: float, step: Callable[[_Call], None]) -> None:
        call.timers.append(asyncio.get_running_loop().call_later(seconds, step, call))

    @staticmethod
    def _stop_timers(call: _Call) -> None:
        for timer in call.timers:
            timer.cancel()
        call.timers.clear()

    def _emit(self, event: SwitchEvent) -> None:
        if (self._linked and self._silent_since is None) or isinstance(event, LinkDown):
            self._queue.put_nowait(event)

    def _require_link(self) -> None:
        if not self._linked:
            raise TelephonyError("the control connection is down", maybe_done=False)

    def _now(self) -> float:
        return self._clock.monotonic()
