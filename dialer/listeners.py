"""Who is told of what the engine does. None of them may block: the engine tells and goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from accounts.model import Campaign, Claim, Refusal
from agent_gateway.floor_events import Disposed
from dialer.call import CallRecord
from domain.ids import AttemptId
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
from domain.telephony import InboundBegan, InboundEnded, Origination


@dataclass(frozen=True, slots=True)
class FinishedAttempt:
    """Everything known of an attempt that is over; instants in `record` are Clock.monotonic() seconds."""

    attempt: AttemptId
    campaign: Campaign
    account: str
    number: PhoneNumber
    order: Origination
    record: CallRecord
    outcome: Outcome
    reserved_at: datetime


class Journal(Protocol):
    """Told of each finished attempt and of each account that may not be called."""

    def attempt(self, finished: FinishedAttempt) -> None: ...
    def blocked(self, held: Claim, refusal: Refusal) -> None: ...


class Recordings(Protocol):
    """Where calls that were bridged, and are to be recorded, go."""

    def submit(self, finished: FinishedAttempt) -> None: ...


class People(Protocol):
    """What people said and asked for, written to the store elsewhere."""

    def disposed(self, disposed: Disposed) -> None: ...
    def opted_out(self, number: PhoneNumber, how: str) -> None: ...
    def called_in(self, began: InboundBegan, ended: InboundEnded) -> None: ...
