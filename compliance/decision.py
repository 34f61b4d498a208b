"""The answer of the gate: allow or block, with every reason, and the versions that make it repeatable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.reasons import Reason, ReasonCode


class Answer(StrEnum):
    ALLOW = "allow"
    BLOCK = "block"


class Flag(StrEnum):
    """What an allowed call must heed."""

    NO_PRERECORDED_FALLBACK = "NO_PRERECORDED_FALLBACK"
    """No recorded message may be played on this call, not even when it is abandoned."""
    ANNOUNCE_RECORDING = "ANNOUNCE_RECORDING"
    """A party may be where everyone must agree to a recording: announce first, inside the recording."""
    RESERVED_AGENT_ONLY = "RESERVED_AGENT_ONLY"
    """Allowed only because an agent is reserved before dialing."""
    CONCENTRATION = "CONCENTRATION"
    """Within the limits, but bunched in a way that can rebut the presumption of compliance."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the call may be placed.

    Attributes:
        id: of the facts.
        retry_at: when blocked, the earliest instant (UTC) at which these facts alone would allow; None where only a
            person or a new fact can lift the block. None when allowed.
        reasons: every rule that blocks, in the order of the gate; empty when allowed.
        counted: whether the call, if placed and connected, counts toward the frequency rules that apply to it.
        policy: name and version of the rules, as `us-2026.11`.
        policy_hash: SHA-256 over the packs and tables in force.
        tzdata: version of the time-zone data, as `2026f`.
    """

    id: str | None
    outcome: Answer
    retry_at: datetime | None
    reasons: tuple[Reason, ...]
    counted: bool
    flags: tuple[Flag, ...]
    policy: str
    policy_hash: str
    tzdata: str
    under_consent: bool = False
    """It relies on a direct consent to calls above the limits."""

    @property
    def allowed(self) -> bool:
        return self.outcome is Answer.ALLOW


__all__ = ["Answer", "Decision", "Flag", "Reason", "ReasonCode"]
