"""What pacing decided, with every limit that held it back, in words a manager reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.ids import AttemptId
from domain.mode import Mode


class CapCode(StrEnum):
    """Every limit that can hold a decision back. The wallboard and the metrics group by it."""

    STALE = "stale"
    NO_AGENT = "no_agent"
    NO_READY_AGENT = "no_ready_agent"
    BAD_SNAPSHOT = "bad_snapshot"
    BRAKE = "brake"
    THETA = "theta"
    LEARNING = "learning"
    RATIO = "ratio"
    READY_AGENTS = "ready_agents"
    INBOUND = "inbound"
    MAX_LINES = "max_lines"
    CHANNELS = "channels"
    CALLS_PER_SECOND = "calls_per_second"
    CALLER_ID = "caller_id"
    ACCOUNTS = "accounts"


@dataclass(frozen=True, slots=True)
class Cap:
    """One limit that bound: without it more lines would have been dialed.

    Attributes:
        code: which limit.
        lines: how many new lines it allowed.
        words: the limit and the figures behind it, as a sentence.
    """

    code: CapCode
    lines: int
    words: str


@dataclass(frozen=True, slots=True)
class PacingDecision:
    """How many lines to add now, which to release, and why.

    Attributes:
        now: instant of the snapshot; a decision older than a second is not acted on.
        lines_to_add: how many new lines to dial. For the first `lines_to_add` candidates when candidates were given.
        reserve: whether each new line needs an agent reserved for it before it is dialed.
        release: ringing lines to hang up (past the legal ring time), oldest first.
        mode: the mode that was in force: predictive and power fall back to progressive under the brake.
        theta: accepted chance that a new line, if a person answers, meets no agent.
        q: that chance for the last line added (or for the first refused when none was); None when not modelled.
        caps: the limits that bound, the tightest first.
        words: the decision in one sentence.
    """

    now: float
    lines_to_add: int
    reserve: bool
    release: tuple[AttemptId, ...]
    mode: Mode
    theta: float
    q: float | None
    caps: tuple[Cap, ...]
    words: str

    def is_stale(self, now: float, limit_s: float = 1.0) -> bool:
        """Whether the floor may have changed too much to act on this."""
        return not 0.0 <= now - self.now <= limit_s
