"""An automatic agent: works a shift at the gateway as a person's screen would, repeatable by seed.

Goes ready at once, dials or skips the account it is shown, talks for a while, hangs up or lets the other side do it,
says what became of the call, takes the next. It is no telephone: `dialer.testing.softphone` is the voice that goes with
it.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Final

from agent_gateway.agent import AgentState, Cause, Wish
from agent_gateway.disposition import Need
from agent_gateway.protocol import (
    CallMessage,
    DialRequest,
    DispositionChoice,
    DispositionRequest,
    HangUpRequest,
    ReadyRequest,
    Reply,
    Request,
    SkipRequest,
    StateMessage,
)
from dialer.agent_client import GatewayClient, LinkLost

_RETRY_READY_S: Final = 2.0
_COMMON: Final = MappingProxyType(
    {
        "promise": 15.0,
        "paid": 8.0,
        "callback": 12.0,
        "spoke": 25.0,
        "refuses": 10.0,
        "third_party": 12.0,
        "wrong_number": 6.0,
        "do_not_call": 4.0,
        "silence": 3.0,
        "attorney": 1.0,
        "dispute": 2.0,
        "cease": 2.0,
    }
)


@dataclass(frozen=True, slots=True)
class Habits:
    """How an automatic agent works. Talk, wrap-up and looking are lognormal.

    Attributes:
        talk_mean_s: mean time after which the agent hangs up, if the person has not.
        talk_cv: standard deviation of it, as a share of the mean.
        hangs_up: share of calls that the agent ends; in the others the person has to.
        wrap_mean_s: mean time until the disposition is given.
        says_nothing: share of calls left to the wrap-up's time-out.
        look_mean_s: mean time for which a previewed account is looked at.
        skips: share of previewed accounts that are skipped.
        dispositions: code to weight; codes the campaign does not have are left out.
    """

    talk_mean_s: float = 12.0
    talk_cv: float = 0.5
    hangs_up: float = 0.6
    wrap_mean_s: float = 2.0
    says_nothing: float = 0.02
    look_mean_s: float = 3.0
    skips: float = 0.1
    dispositions: Mapping[str, float] = field(default_factory=lambda: _COMMON)


class AutoAgent:
    """One automatic agent.

    Args:
        client: its connection to the gateway.
        seed: the same seed and the same calls give the same shift.
        habits: how it works.
        watch: hears everything the gateway says, for logs and counts.
    """

    def __init__(
        self,
        client: GatewayClient,
        seed: int,
        habits: Habits | None = None,
        watch: Callable[[Reply | LinkLost], None] | None = None,
    ) -> None:
        self._client = client
        self._random = random.Random(seed)  # noqa: S311  # a simulation, not a secret
        self._habits = habits or Habits()
        self._watch = watch
        self._call: CallMessage | None = None
        self._phase: tuple[AgentState, str | None, str | None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Work until the gateway says goodbye.

        Raises:
            SignInError: the gateway does not let this agent in.
        """
        try:
            async for reply in self._client.replies():
                if self._watch is not None:
                    self._watch(reply)
                match reply:
                    case CallMessage():
                        self._call = reply
                    case StateMessage():
                        self._enter(reply)
                    case LinkLost():
                        self._phase = None  # what was about to be said may be lost: plan again when the gateway is back
                    case _:
                        pass
        finally:
            self._stop_waiting()

    def _enter(self, now: StateMessage) -> None:
        phase = (now.state, now.reason, now.attempt)
        if phase == self._phase:
            return
        self._phase = phase
        self._stop_waiting()
        planned = self._plan(now)
        if planned is not None:
            self._next = asyncio.create_task(self._later(*planned))

    def _plan(self, now: StateMessage) -> tuple[float, Callable[[], Request | None]] | None:
        match now.state:
            case AgentState.PAUSED if now.wish is not Wish.READY:
                return 0.0, _ready
            case AgentState.OFFLINE if now.reason != Cause.SIGNED_OUT:
                return _RETRY_READY_S, _ready
            case AgentState.PREVIEW if now.attempt is not None:
                skips = self._random.random() < self._habits.skips
                answer = partial(_skip if skips else _dial, now.attempt)
                return self._lognormal(self._habits.look_mean_s), answer
            case AgentState.TALKING if self._random.random() < self._habits.hangs_up:
                return self._lognormal(self._habits.talk_mean_s), _hang_up
            case AgentState.WRAP_UP if self._random.random() >= self._habits.says_nothing:
                return self._lognormal(self._habits.wrap_mean_s), partial(self._disposition, now.calendar)
            case _:
                return None

    def _disposition(self, calendar: datetime) -> DispositionRequest | None:
        offered = () if self._call is None else self._call.dispositions
        weights = [self._habits.dispositions.get(choice.code, 0.0) for choice in offered]
        if not any(weights):
            return None
        (chosen,) = self._random.choices(offered, weights)
        return self._said(chosen, calendar)

    def _said(self, chosen: DispositionChoice, calendar: datetime) -> DispositionRequest:
        promises = Need.PROMISE in chosen.needs
        calls_back = Need.CALLBACK in chosen.needs
        return DispositionRequest(
            type="disposition",
            code=chosen.code,
            promise_amount=f"{self._random.randint(10, 200)}.00" if promises else None,
            promise_on=(calendar + timedelta(days=self._random.randint(1, 14))).date() if promises else None,
            callback_at=calendar + timedelta(hours=self._random.randint(2, 48)) if calls_back else None,
        )

    def _lognormal(self, mean_s: float) -> float:
        variance = math.log1p(self._habits.talk_cv**2)
        return self._random.lognormvariate(math.log(mean_s) - variance / 2, math.sqrt(variance))

    async def _later(self, seconds: float, request: Callable[[], Request | None]) -> None:
        await asyncio.sleep(seconds)
        made = request()
        if made is not None:
            await self._client.send(made)

    def _stop_waiting(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None


def _ready() -> ReadyRequest:
    return ReadyRequest(type="ready")


def _dial(attempt: str) -> DialRequest:
    return DialRequest(type="dial", attempt=attempt)


def _skip(attempt: str) -> SkipRequest:
    return SkipRequest(type="skip", attempt=attempt)


def _hang_up() -> HangUpRequest:
    return HangUpRequest(type="hang_up")
