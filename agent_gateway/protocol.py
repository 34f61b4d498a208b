"""The messages between an agent's screen and the gateway: JSON over WebSocket, version 1.

What comes in is checked here and nowhere else: unknown types, unknown fields, wrong types and over-long texts are
refused with a `ProtocolError` that becomes an `error` reply. What goes out is data: a screen shows texts as text, never
as markup. Described for people in `docs/reference/agent-protocol.md`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent_gateway.agent import Agent, AgentState, Wish
from agent_gateway.disposition import NOTE_LIMIT, Details, DispositionSet, Need
from domain.ids import AgentId
from domain.money import MoneyError, parse

VERSION: Final = 1
SIZE_LIMIT: Final = 16 * 1024
"""Bytes of one message that comes in."""
_ERROR_LIMIT: Final = 200

AgentName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,19}$")]
Attempt = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class ProtocolError(ValueError):
    """The message cannot be understood; the text goes back to whoever sent it."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Request(_Message):
    ref: Annotated[str, Field(max_length=40)] | None = None
    """Comes back in the reply, so that a screen knows which request it belongs to."""


# --- in ----------------------------------------------------------------------------------------------------------


class SignInRequest(_Request):
    type: Literal["sign_in"]
    version: Literal[1]
    agent: AgentName
    secret: Annotated[str, Field(min_length=1, max_length=256, repr=False)]


class ReadyRequest(_Request):
    type: Literal["ready"]


class PauseRequest(_Request):
    type: Literal["pause"]
    reason: Code


class DialRequest(_Request):
    """Call the account that is shown; `attempt` says which one the agent has seen."""

    type: Literal["dial"]
    attempt: Attempt


class SkipRequest(_Request):
    """Leave the account that is shown for later."""

    type: Literal["skip"]
    attempt: Attempt
    reason: Code | None = None


class HoldRequest(_Request):
    type: Literal["hold"]


class ResumeRequest(_Request):
    type: Literal["resume"]


class HangUpRequest(_Request):
    type: Literal["hang_up"]


class DispositionRequest(_Request):
    """What became of the call. Amounts are text ("50.00"): money is never a float."""

    type: Literal["disposition"]
    code: Code
    promise_amount: Annotated[str, Field(max_length=20)] | None = None
    promise_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    promise_on: date | None = None
    callback_at: AwareDatetime | None = None
    note: Annotated[str, Field(max_length=NOTE_LIMIT, repr=False)] = ""

    def details(self) -> Details:
        """The same as domain values.

        Raises:
            ProtocolError: the amount is not money.
        """
        try:
            amount = None if self.promise_amount is None else parse(self.promise_amount, self.promise_currency)
        except MoneyError as error:
            raise ProtocolError(f"promise_amount: {error}") from error
        return Details(amount, self.promise_on, self.callback_at, self.note)


class SignOutRequest(_Request):
    type: Literal["sign_out"]


class HeartbeatRequest(_Request):
    type: Literal["heartbeat"]


Request = (
    SignInRequest
    | ReadyRequest
    | PauseRequest
    | DialRequest
    | SkipRequest
    | HoldRequest
    | ResumeRequest
    | HangUpRequest
    | DispositionRequest
    | SignOutRequest
    | HeartbeatRequest
)
_REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(Annotated[Request, Field(discriminator="type")])


def read_request(frame: str | bytes) -> Request:
    """Check a frame that came in.

    Raises:
        ProtocolError: it is no request of this version.
    """
    if isinstance(frame, bytes):
        raise ProtocolError("text frames with JSON are expected, not binary ones")
    try:
        return _REQUESTS.validate_json(frame)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ProtocolError(f"{where or 'message'}: {first['msg']}"[:_ERROR_LIMIT]) from error


# --- out ---------------------------------------------------------------------------------------------------------


class Choice(_Message):
    """A code and what an agent reads."""

    code: str
    label: str


class Welcome(_Message):
    type: Literal["welcome"] = "welcome"
    version: Literal[1] = 1
    agent: AgentId
    name: str
    heartbeat_s: float
    """Send something at least this often."""
    pause_reasons: tuple[Choice, ...]
    skip_reasons: tuple[Choice, ...] = ()


class StateMessage(_Message):
    type: Literal["state"] = "state"
    state: AgentState
    reason: str | None
    elapsed_s: float
    """Seconds in this state so far."""
    phone_connected: bool
    wish: Wish
    wish_reason: str | None
    attempt: str | None
    calendar: AwareDatetime
    """What the gateway's calendar reads: "in a week" is counted from here, not from the screen's own clock."""

    @classmethod
    def of(cls, agent: Agent, now: float, calendar: datetime) -> StateMessage:
        """What a screen is told of an agent at `now` (monotonic seconds)."""
        return cls(
            state=agent.state,
            reason=agent.reason,
            elapsed_s=round(max(now - agent.since, 0.0), 3),
            phone_connected=agent.leg_up,
            wish=agent.wish,
            wish_reason=agent.wish_reason,
            attempt=agent.attempt,
            calendar=calendar,
        )


class Line(_Message):
    """One fact about the account, as label and text."""

    label: str
    text: str


class DispositionChoice(_Message):
    code: str
    keys: str
    letter: str | None
    label: str
    needs: tuple[Need, ...]


class CallMessage(_Message):
    """Who is (about to be) on the line, what may be said, and how the call can be disposed of.

    Comes first of all while the agent looks at the account and says whether to dial: `preview_s` is the time for that.
    """

    type: Literal["call"] = "call"
    attempt: str
    person: str
    lines: tuple[Line, ...]
    say: tuple[str, ...]
    preview_s: float
    wrap_up_s: float
    dispositions: tuple[DispositionChoice, ...]


class Done(_Message):
    """The request named by `ref` was carried out."""

    type: Literal["done"] = "done"
    ref: str | None


class ErrorMessage(_Message):
    """The request named by `ref` was not carried out; `code` is for programs, `message` for people."""

    type: Literal["error"] = "error"
    ref: str | None
    code: str
    message: str


class Bye(_Message):
    """The gateway closes the connection; `reason` is `signed_out`, `taken_over` or `expired`."""

    type: Literal["bye"] = "bye"
    reason: str


Reply = Welcome | StateMessage | CallMessage | Done | ErrorMessage | Bye
_REPLIES: Final[TypeAdapter[Reply]] = TypeAdapter(Annotated[Reply, Field(discriminator="type")])


def read_reply(frame: str | bytes) -> Reply:
    """What the gateway said; for clients.

    Raises:
        ProtocolError: it is no message of this version.
    """
    try:
        return _REPLIES.validate_json(frame)
    except ValidationError as error:
        raise ProtocolError("the gateway speaks another version; use the client of the same release") from error


def disposition_choices(dispositions: DispositionSet) -> tuple[DispositionChoice, ...]:
    """A campaign's dispositions as a screen shows them."""
    return tuple(
        DispositionChoice(
            code=item.code, keys=item.keys, letter=item.letter, label=item.label, needs=tuple(sorted(item.needs))
        )
        for item in dispositions.dispositions
    )
