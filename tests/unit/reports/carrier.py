"""A carrier's call for the tests of the summary, with the shape the join asks for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.outcomes import Outcome


class Truth(StrEnum):
    HUMAN = "human"
    VOICEMAIL = "voicemail"
    BUSY = "busy"
    NO_ANSWER = "no_answer"


EXPECTED = {
    Truth.HUMAN: frozenset({Outcome.CONVERSATION, Outcome.THIRD_PARTY, Outcome.ABANDONED, Outcome.LIVE_HANGUP}),
    Truth.VOICEMAIL: frozenset({Outcome.MACHINE, Outcome.VOICEMAIL_LEFT}),
    Truth.BUSY: frozenset({Outcome.BUSY}),
    Truth.NO_ANSWER: frozenset({Outcome.NO_ANSWER, Outcome.CANCELLED}),
}


@dataclass(frozen=True, slots=True)
class Call:
    called: str
    behaviour: Truth
    invited_at: datetime
    call_id: str = ""
    rang_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def expected(self) -> frozenset[Outcome]:
        return EXPECTED[self.behaviour]

    @property
    def is_person(self) -> bool:
        return self.behaviour is Truth.HUMAN
