"""The summary of a run: what the engine says happened, held against what the carrier saw.

Nothing here takes the engine's word where the carrier knows better: an outcome agrees only if it fits both the truth of
the number and whether the carrier answered, and a person who was hung up on is abandoned whatever the engine called it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from domain.outcomes import Outcome
from reports.attempt_lines import AttemptFile, RecordingLine
from reports.joining import CarrierCall, Joined, Pair, join

_ANSWERED: Final = frozenset(
    {
        Outcome.CONVERSATION,
        Outcome.THIRD_PARTY,
        Outcome.WRONG_NUMBER,
        Outcome.ABANDONED,
        Outcome.LIVE_HANGUP,
        Outcome.MACHINE,
        Outcome.VOICEMAIL_LEFT,
        Outcome.MAILBOX_FULL,
        Outcome.FAX,
    }
)
"""Outcomes that there can be only after an answer."""
_RELEASED: Final = frozenset({Outcome.NO_ANSWER, Outcome.CANCELLED})
"""Outcomes of a number that would have answered, had it rung longer."""
NO_VERDICT: Final = "none"
"""Column of `amd_confusion` for answered calls that ended before detection had decided."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of a span in milliseconds, by nearest rank; None where nothing was measured, or where that one never ended."""

    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What `summary.json` holds.

    Attributes:
        attempts: attempts in the engine's file.
        outcomes: attempts by outcome.
        carrier_truth: INVITEs by what was at the other end.
        outcome_agreement: share of all attempts whose outcome agrees with the carrier; an attempt of which the carrier
            knows nothing does not agree.
        amd_confusion: calls the carrier answered, by truth ("human" or the behaviour) and verdict.
        connected: attempts in which person and agent were bridged before any treatment began.
        abandoned: people who answered and got no agent in time, those taken for machines among them; a person who hung
            up first is not.
        connect_ms: from the verdict to both in the bridge, over `connected`.
        answer_to_agent_ms: from the carrier's answer to the bridge, over all people who answered; who never got an
            agent counts with the time until the call ended.
        recordings: recordings in the object store.
        recordings_bad: recordings with findings, and those that should be there and are not.
        duplicate_dials: INVITEs beyond one an attempt, failover apart; INVITEs without an attempt among them.
        blocked: accounts that were never dialled, by the code of the reason.
    """

    attempts: int
    outcomes: Mapping[str, int]
    carrier_truth: Mapping[str, int]
    outcome_agreement: float
    amd_confusion: Mapping[str, Mapping[str, int]]
    connected: int
    abandoned: int
    connect_ms: Percentiles
    answer_to_agent_ms: Percentiles
    recordings: int
    recordings_bad: int
    duplicate_dials: int
    blocked: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One attempt on which the two files differ; ids only."""

    attempt: str
    truth: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the printed report shows beside the summary.

    Attributes:
        disagreements: the attempts behind an agreement below 1.
        bad_recordings: attempt and codes of every bad recording.
        unsent: attempts that were reserved and never given to the switch.
        orphans: INVITEs that no attempt accounts for.
        bad_lines: lines of the engine's file that could not be read.
    """

    disagreements: tuple[Disagreement, ...]
    bad_recordings: Mapping[str, tuple[str, ...]]
    unsent: int
    orphans: int
    bad_lines: int


def summarise(file: AttemptFile, calls: Sequence[CarrierCall]) -> tuple[Summary, Evidence]:
    """Join the two files and count.

    Args:
        file: the engine's.
        calls: the carrier's, INVITEs from the dialer only.
    """
    joined = join(file, calls)
    offset = file.calendar_offset
    disagreements = _disagreements(joined)
    bad = bad_recordings(file)
    reached = [pair for pair in joined.pairs if is_connected(pair)]
    summary = Summary(
        attempts=len(file.attempts),
        outcomes=_counted(line.outcome.value for line in file.attempts),
        carrier_truth=_counted(call.behaviour.value for call in calls),
        outcome_agreement=1 - len(disagreements) / len(joined.pairs) if joined.pairs else 0.0,
        amd_confusion=_confusion(joined.pairs),
        connected=len(reached),
        abandoned=sum(is_abandoned(pair) for pair in joined.pairs),
        connect_ms=percentiles([_ms(pair.attempt.verdict_at, pair.attempt.joined_at) for pair in reached]),
        answer_to_agent_ms=percentiles([_wait_ms(pair, offset) for pair in joined.pairs if _person_answered(pair)]),
        recordings=sum(line.path is not None for line in file.recordings.values()),
        recordings_bad=len(bad),
        duplicate_dials=joined.duplicate_dials,
        blocked=_blocked(file),
    )
    evidence = Evidence(
        disagreements,
        bad,
        unsent=sum(line.sent_at is None for line in file.attempts),
        orphans=len(joined.orphans),
        bad_lines=len(file.bad_lines),
    )
    return summary, evidence


def write_summary(summary: Summary, path: Path) -> None:
    """Write `summary.json`, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(asdict(summary), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(path)


def agrees(call: CarrierCall | None, outcome: Outcome) -> bool:
    """Whether an outcome fits what the carrier saw."""
    if call is None:
        return False
    if call.answered_at is not None:
        return outcome in _ANSWERED and outcome in call.expected
    if outcome in _ANSWERED:
        return False
    # It rang, and would have been answered later: released by the engine, whatever it would have been.
    if call.rang_at is not None and outcome in _RELEASED and call.expected & _ANSWERED:
        return True
    return outcome in call.expected


def is_connected(pair: Pair) -> bool:
    """Whether an agent came before the treatment began."""
    line = pair.attempt
    return line.joined_at is not None and (line.treated_at is None or line.joined_at <= line.treated_at)


def is_abandoned(pair: Pair) -> bool:
    """Whether a person answered and got no agent in time, and did not simply hang up first."""
    if not _person_answered(pair):
        return pair.attempt.outcome is Outcome.ABANDONED
    if is_connected(pair):
        return False
    return pair.attempt.treated_at is not None or pair.attempt.outcome is not Outcome.LIVE_HANGUP


def bad_recordings(file: AttemptFile) -> dict[str, tuple[str, ...]]:
    """Attempt and faults of every recording that is not as it should be."""
    bad: dict[str, tuple[str, ...]] = {}
    for attempt, line in file.recordings.items():
        faults = _faults(line)
        if faults:
            bad[attempt] = faults
    for attempt_line in file.attempts:
        if attempt_line.recording_expected and attempt_line.attempt not in file.recordings:
            bad[attempt_line.attempt] = ("never_made",)
    return bad


def _faults(line: RecordingLine) -> tuple[str, ...]:
    if line.findings:
        return line.findings
    if line.state == "void":
        return ()
    if line.path is None or line.sha256 is None or line.state not in {"checked", "sealed"}:
        return (line.state,)
    return ()


def percentiles(values: Sequence[float]) -> Percentiles:
    """50th and 99th percentile by nearest rank: a value that was measured, at least as large as that share of all."""
    ordered = sorted(values)

    def rank(share: float) -> float | None:
        value = ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.inf
        return round(value, 3) if math.isfinite(value) else None

    return Percentiles(rank(0.5), rank(0.99))


def _person_answered(pair: Pair) -> bool:
    return pair.call is not None and pair.call.is_person and pair.call.answered_at is not None


def _disagreements(joined: Joined) -> tuple[Disagreement, ...]:
    return tuple(
        Disagreement(
            pair.attempt.attempt, pair.call.behaviour.value if pair.call else "not at the carrier", pair.attempt.outcome
        )
        for pair in joined.pairs
        if not agrees(pair.call, pair.attempt.outcome)
    )


def _confusion(pairs: Sequence[Pair]) -> dict[str, dict[str, int]]:
    table: dict[str, Counter[str]] = {}
    for pair in pairs:
        call = pair.call
        if call is None or call.answered_at is None:
            continue
        truth = "human" if call.is_person else call.behaviour.value
        verdict = pair.attempt.verdict
        table.setdefault(truth, Counter())[verdict.value if verdict else NO_VERDICT] += 1
    return {truth: dict(sorted(row.items())) for truth, row in sorted(table.items())}


def _ms(since: datetime | None, until: datetime | None) -> float:
    """Milliseconds between two instants of one attempt; infinite where the engine did not write one down."""
    if since is None or until is None:
        return math.inf
    return (until - since) / timedelta(milliseconds=1)


def _wait_ms(pair: Pair, offset: timedelta) -> float:
    """How long a person waited from the carrier's answer: to the agent, or to the end without one."""
    call, line = pair.call, pair.attempt
    if call is None or call.answered_at is None:
        return math.inf
    if line.joined_at is not None:
        return _ms(call.answered_at, line.joined_at - offset)
    return _ms(call.answered_at, call.ended_at)


def _blocked(file: AttemptFile) -> dict[str, int]:
    """Accounts the gate kept from being dialled at all, each under its first code."""
    dialled = {line.account for line in file.attempts}
    first: dict[str, str] = {}
    for line in sorted(file.blocked, key=lambda each: each.at):
        if line.account not in dialled:
            first.setdefault(line.account, line.code.value)
    return _counted(first.values())


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
