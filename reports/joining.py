"""Which INVITE at the carrier belongs to which attempt of the engine: two files that know nothing of each other.

By SIP Call-ID where the attempt names its own; else by the called number and time: an INVITE belongs to the attempt to
that number whose span, from sending to end, it falls into. Nothing is matched by hope: an INVITE that fits no attempt
stays an orphan, and an attempt without an INVITE stays without truth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from domain.outcomes import Outcome
from reports.attempt_lines import AttemptFile, AttemptLine

SLACK: Final = timedelta(seconds=1)
"""How far the two files' clocks and write orders may be apart."""


class CarrierCall(Protocol):
    """One INVITE as the carrier saw it. Instants are the machine's clock, in UTC."""

    @property
    def call_id(self) -> str:
        """SIP Call-ID."""
        ...

    @property
    def called(self) -> str:
        """The number, E.164 with plus."""
        ...

    @property
    def behaviour(self) -> StrEnum:
        """The truth: what was at the other end."""
        ...

    @property
    def expected(self) -> frozenset[Outcome]:
        """Outcomes that agree with this truth."""
        ...

    @property
    def is_person(self) -> bool:
        """Whether a human answers there."""
        ...

    @property
    def invited_at(self) -> datetime: ...

    @property
    def rang_at(self) -> datetime | None: ...

    @property
    def answered_at(self) -> datetime | None: ...

    @property
    def ended_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Pair:
    """An attempt and its INVITEs, in order; the last one decided what became of it."""

    attempt: AttemptLine
    calls: tuple[CarrierCall, ...]

    @property
    def call(self) -> CarrierCall | None:
        return self.calls[-1] if self.calls else None

    @property
    def surplus(self) -> int:
        """INVITEs beyond the one there should be, those sent on purpose over another trunk apart."""
        return max(0, len(self.calls) - 1 - self.attempt.failovers)


@dataclass(frozen=True, slots=True)
class Joined:
    """Both files, joined.

    Attributes:
        pairs: every attempt, in order of reservation.
        orphans: INVITEs that no attempt accounts for.
    """

    pairs: tuple[Pair, ...]
    orphans: tuple[CarrierCall, ...]

    @property
    def duplicate_dials(self) -> int:
        return len(self.orphans) + sum(pair.surplus for pair in self.pairs)


def join(file: AttemptFile, calls: Sequence[CarrierCall]) -> Joined:
    """Join the engine's attempts with the carrier's INVITEs from the dialer (calls to it are not among them)."""
    owner_of = {call_id: line.attempt for line in file.attempts for call_id in line.sip_call_ids}
    by_number: dict[str, list[AttemptLine]] = defaultdict(list)
    for line in file.attempts:
        if not line.sip_call_ids and line.sent_at is not None:
            by_number[line.number].append(line)
    matched: dict[str, list[CarrierCall]] = defaultdict(list)
    orphans: list[CarrierCall] = []
    for call in sorted(calls, key=lambda each: each.invited_at):
        owner = owner_of.get(call.call_id) or _by_time(call, by_number[call.called], file.calendar_offset)
        if owner is None:
            orphans.append(call)
        else:
            matched[owner].append(call)
    pairs = tuple(Pair(line, tuple(matched[line.attempt])) for line in file.attempts)
    return Joined(pairs, tuple(orphans))


def _by_time(call: CarrierCall, lines: Sequence[AttemptLine], offset: timedelta) -> str | None:
    """The latest attempt to this number that was sent before the INVITE came and had not ended yet."""
    at = call.invited_at + offset
    fitting = [
        line
        for line in lines
        if line.sent_at is not None
        and line.sent_at - SLACK <= at
        and (line.ended_at is None or at <= line.ended_at + SLACK)
    ]
    return max(fitting, key=lambda line: line.sent_at or line.reserved_at).attempt if fitting else None
