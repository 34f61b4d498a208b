"""What SIPp as the carrier saw, read back from its log: the witness that no fault of ours can touch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_FIELDS: Final = 4


@dataclass(slots=True)
class FarEnd:
    """INVITEs and answers by called number (E.164)."""

    invites: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    invited_at: list[float] = field(default_factory=list)


def read(file: Path) -> FarEnd:
    """All lines written so far; one that is not whole yet is left for the next look."""
    seen = FarEnd()
    for line in file.read_text().splitlines():
        fields = line.split(";")
        if len(fields) != _FIELDS:
            continue
        instant, what, _call_id, number = fields
        if what == "invited":
            seen.invites["+" + number] += 1
            seen.invited_at.append(float(instant.split()[-1]))
        elif what == "answered":
            seen.answered["+" + number] += 1
    return seen
