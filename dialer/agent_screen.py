"""What an agent's terminal shows and what its keys mean: a frozen value and two pure functions.

`take` folds a message of the gateway into the screen; `press` folds a key into it and says what to ask the gateway for.
Drawing is in `dialer.agent_view`, the terminal itself in `dialer.agent_terminal`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from agent_gateway.agent import AgentState
from agent_gateway.disposition import NOTE_LIMIT, Need
from agent_gateway.protocol import (
    Bye,
    CallMessage,
    Choice,
    DialRequest,
    DispositionChoice,
    DispositionRequest,
    Done,
    ErrorMessage,
    HangUpRequest,
    HoldRequest,
    PauseRequest,
    ReadyRequest,
    Reply,
    Request,
    ResumeRequest,
    SignOutRequest,
    SkipRequest,
    StateMessage,
    Welcome,
)
from dialer.agent_client import LinkLost
from domain.money import MoneyError, parse

ENTER: Final = "enter"
ESCAPE: Final = "escape"
BACKSPACE: Final = "backspace"
LEFT: Final = "left"
"""`Screen.over` of an agent who quit without a gateway."""
_TEXT_LIMIT: Final = 60


class Field(StrEnum):
    """What the agent is typing."""

    AMOUNT = "amount, as 50.00"
    DAY = "day, as +7 or 2027-01-31"
    CALLBACK = "when, as +2h, +1d or 2027-01-31 14:30"
    NOTE = "note"


class Picking(StrEnum):
    """What a reason is being picked for."""

    PAUSE = "Pause for"
    SKIP = "Skip because"


@dataclass(frozen=True, slots=True)
class Form:
    """Questions that go with a disposition (None for a note alone), answered one after the other."""

    disposition: DispositionChoice | None
    fields: tuple[Field, ...]
    answers: tuple[str, ...] = ()
    text: str = ""
    problem: str = ""

    @property
    def field(self) -> Field:
        return self.fields[len(self.answers)]


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything an agent's terminal knows.

    Attributes:
        since: local monotonic seconds at which the present state began.
        note: typed during the call, sent with the disposition.
        picking: the list of reasons that is open: to pause, or to skip the account that is shown.
        leaving: sign-out was pressed once and waits for the second press.
        over: why the gateway said goodbye.
    """

    agent: str
    linked: bool = False
    welcome: Welcome | None = None
    state: StateMessage | None = None
    since: float = 0.0
    call: CallMessage | None = None
    note: str = ""
    form: Form | None = None
    picking: Picking | None = None
    leaving: bool = False
    notice: str = ""
    over: str | None = None

    @property
    def now(self) -> AgentState:
        return AgentState.OFFLINE if self.state is None else self.state.state

    @property
    def looks_at(self) -> str | None:
        """The attempt whose account is on the screen and waits for dial or skip."""
        shown = None if self.call is None or self.state is None else self.call.attempt
        return shown if self.now is AgentState.PREVIEW and self.state and shown == self.state.attempt else None

    @property
    def reasons(self) -> tuple[Choice, ...]:
        """What can be picked from the open list."""
        if self.welcome is None or self.picking is None:
            return ()
        return self.welcome.skip_reasons if self.picking is Picking.SKIP else self.welcome.pause_reasons

    def elapsed_s(self, now: float) -> float:
        return max(now - self.since, 0.0)


def take(screen: Screen, reply: Reply | LinkLost, now: float) -> Screen:
    """The screen after a message; `now` is local monotonic seconds."""
    match reply:
        case LinkLost():
            return replace(screen, linked=False, form=None, picking=None, leaving=False)
        case Welcome():
            return replace(screen, linked=True, welcome=reply, notice="")
        case StateMessage():
            return _take_state(screen, reply, now)
        case CallMessage():
            return replace(screen, call=reply)
        case Done():
            return screen
        case ErrorMessage():
            return replace(screen, notice=reply.message)
        case Bye():
            return replace(screen, over=reply.reason)
        case _:
            assert_never(reply)


def _take_state(screen: Screen, state: StateMessage, now: float) -> Screen:
    timed_out = screen.form is not None and screen.form.disposition is not None and state.state != AgentState.WRAP_UP
    stays = screen.notice if state.state is AgentState.PREVIEW else ""  # why the one before was not dialed
    same_call = state.attempt is not None and (screen.state is None or screen.state.attempt == state.attempt)
    return replace(
        screen,
        state=state,
        since=now - state.elapsed_s,
        call=screen.call if state.attempt is not None else None,
        note=screen.note if same_call else "",
        form=screen.form if same_call and not timed_out else None,
        picking=None if screen.picking is Picking.SKIP and not same_call else screen.picking,
        notice="The wrap-up time is over; the call is recorded as a conversation." if timed_out else stays,
        leaving=False,
    )


# --- keys --------------------------------------------------------------------------------------------------------


def press(screen: Screen, key: str) -> tuple[Screen, Request | None]:
    """The screen after a key, and what to ask the gateway for.

    Args:
        screen: as it is.
        key: one character, or `enter`, `escape`, `backspace`.
    """
    if not screen.linked:
        return (replace(screen, over=LEFT) if key == "q" else screen), None
    if screen.form is not None:
        return _type(screen, screen.form, key)
    if screen.picking is not None:
        return _pick(screen, screen.picking, key)
    calm = replace(screen, leaving=False, notice="")
    match key, screen.now:
        case "q", _:
            asked_twice = SignOutRequest(type="sign_out") if screen.leaving else None
            return replace(calm, leaving=not screen.leaving), asked_twice
        case "r", _:
            return calm, ReadyRequest(type="ready")
        case "p", state if state is not AgentState.OFFLINE:
            return replace(calm, picking=Picking.PAUSE), None
        case "d", AgentState.PREVIEW if screen.looks_at is not None:
            return calm, DialRequest(type="dial", attempt=screen.looks_at)
        case "s", AgentState.PREVIEW if screen.looks_at is not None:
            return replace(calm, picking=Picking.SKIP), None
        case "h", AgentState.TALKING | AgentState.HOLD:
            return calm, HangUpRequest(type="hang_up")
        case "l", AgentState.TALKING:
            return calm, HoldRequest(type="hold")
        case "l", AgentState.HOLD:
            return calm, ResumeRequest(type="resume")
        case "n", AgentState.TALKING | AgentState.HOLD | AgentState.WRAP_UP:
            return replace(calm, form=Form(None, (Field.NOTE,), text=screen.note)), None
        case _, AgentState.WRAP_UP:
            return _dispose(calm, key)
        case _:
            return calm, None


def _pick(screen: Screen, picking: Picking, key: str) -> tuple[Screen, Request | None]:
    """A reason by its number; the second `s`, or Enter, skips without one. Any other key closes the list."""
    closed = replace(screen, picking=None)
    number = int(key) if key.isdecimal() else 0
    reason = screen.reasons[number - 1].code if 1 <= number <= len(screen.reasons) else None
    match picking:
        case Picking.PAUSE:
            return closed, None if reason is None else PauseRequest(type="pause", reason=reason)
        case Picking.SKIP:
            if screen.looks_at is None or (reason is None and key not in {"s", ENTER}):
                return closed, None
            return closed, SkipRequest(type="skip", attempt=screen.looks_at, reason=reason)
        case _:
            assert_never(picking)


def _dispose(screen: Screen, key: str) -> tuple[Screen, Request | None]:
    offered = () if screen.call is None else screen.call.dispositions
    chosen = next((choice for choice in offered if key in {choice.keys, choice.letter}), None)
    if chosen is None:
        return screen, None
    fields = tuple(field for need in chosen.needs for field in _FIELDS[need])
    form = Form(chosen, fields)
    return (replace(screen, form=form), None) if fields else (screen, _request(screen, form))


_FIELDS: Final[dict[Need, tuple[Field, ...]]] = {
    Need.PROMISE: (Field.AMOUNT, Field.DAY),
    Need.CALLBACK: (Field.CALLBACK,),
}


def _type(screen: Screen, form: Form, key: str) -> tuple[Screen, Request | None]:
    match key:
        case "escape":
            return replace(screen, form=None), None
        case "backspace":
            return replace(screen, form=replace(form, text=form.text[:-1], problem="")), None
        case "enter":
            return _answer(screen, form)
        case _ if len(key) == 1 and key.isprintable():
            limit = NOTE_LIMIT if form.field is Field.NOTE else _TEXT_LIMIT
            return replace(screen, form=replace(form, text=(form.text + key)[:limit], problem="")), None
        case _:
            return screen, None


def _answer(screen: Screen, form: Form) -> tuple[Screen, Request | None]:
    if form.field is Field.NOTE:
        return replace(screen, note=form.text.strip(), form=None), None
    try:
        _CHECKS[form.field](form.text, _calendar(screen))
    except ValueError as error:
        return replace(screen, form=replace(form, problem=str(error))), None
    answered = replace(form, answers=(*form.answers, form.text), text="")
    if len(answered.answers) < len(form.fields):
        return replace(screen, form=answered), None
    return replace(screen, form=None), _request(screen, answered)


def _request(screen: Screen, form: Form) -> DispositionRequest | None:
    if form.disposition is None:
        return None
    answers = dict(zip(form.fields, form.answers, strict=True))
    calendar = _calendar(screen)
    return DispositionRequest(
        type="disposition",
        code=form.disposition.code,
        promise_amount=answers.get(Field.AMOUNT),
        promise_on=day_of(answers[Field.DAY], calendar) if Field.DAY in answers else None,
        callback_at=instant_of(answers[Field.CALLBACK], calendar) if Field.CALLBACK in answers else None,
        note=screen.note,
    )


def _calendar(screen: Screen) -> datetime:
    if screen.state is None:
        raise ValueError("the gateway has not said what day it is yet")
    return screen.state.calendar


# --- what people type --------------------------------------------------------------------------------------------

_IN_DAYS: Final = re.compile(r"\+([0-9]{1,3})d?")
_IN_A_WHILE: Final = re.compile(r"\+([0-9]{1,4})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def amount_of(text: str, _calendar: datetime) -> str:
    """An amount as the protocol takes it.

    Raises:
        ValueError: not money, or nothing.
    """
    try:
        if parse(text).cents <= 0:
            raise ValueError("more than zero is needed")
    except MoneyError as error:
        raise ValueError(str(error)) from error
    return text


def day_of(text: str, calendar: datetime) -> date:
    """A day: `+7` from the calendar's today, or as 2027-01-31.

    Raises:
        ValueError: neither.
    """
    relative = _IN_DAYS.fullmatch(text.strip())
    if relative is not None:
        return (calendar + timedelta(days=int(relative[1]))).date()
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise ValueError("type +7 for in a week, or a day as 2027-01-31") from error


def instant_of(text: str, calendar: datetime) -> datetime:
    """An instant: `+90m`, `+2h`, `+1d` from the calendar's now, or day and time where the agent sits.

    Raises:
        ValueError: neither.
    """
    relative = _IN_A_WHILE.fullmatch(text.strip())
    if relative is not None:
        return calendar + timedelta(**{_UNITS[relative[2]]: int(relative[1])})
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M").astimezone()
    except ValueError as error:
        raise ValueError("type +2h, +1d, or a day and time as 2027-01-31 14:30") from error


_CHECKS: Final[dict[Field, Callable[[str, datetime], object]]] = {
    Field.AMOUNT: amount_of,
    Field.DAY: day_of,
    Field.CALLBACK: instant_of,
}
