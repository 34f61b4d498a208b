"""What a running engine says of itself to other processes: one small file, replaced whole once a second.

It holds no personal data and is no record: when it is old, the engine is not running.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from accounts.model import Campaign
from domain.clock import SystemClock

NAME: Final = "engine.json"
STALE: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One look at the engine.

    Attributes:
        written_at: machine time, ISO 8601; None when no engine has run here.
        words: per campaign id, what its loop does.
        calls: live calls by state.
        agents: agents by state.
        trunks: what a person should know of each; empty where all is well.
        trouble: what hampers the engine without stopping it, in words; empty when nothing does.
        refused: why the last engine would not start, in words; empty where it did.
    """

    written_at: str | None = None
    link_up: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)
    agents: Mapping[str, int] = field(default_factory=dict)
    trunks: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    refused: str = ""

    def is_running(self) -> bool:
        if self.written_at is None:
            return False
        return SystemClock().now() - datetime.fromisoformat(self.written_at) < STALE

    def words_for(self, campaign: Campaign) -> str:
        """What a person should know about a campaign now."""
        if self.refused:
            return f"no engine is running: the last one would not start; {self.refused}"
        if not self.is_running():
            return "no engine is running; start one with `dialer run`"
        if not self.link_up:
            return "the engine has no connection to Asterisk; see `dialer doctor`"
        words = self.words.get(str(campaign.id), f"the engine leaves it alone: it is {campaign.status.value}")
        return f"{words} ({self.trouble})" if self.trouble else words


def read(state_dir: Path) -> EngineStatus:
    """The last status written in a state directory; an empty one when there is none or it cannot be read."""
    try:
        return EngineStatus(**json.loads((state_dir / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return EngineStatus()


def write(state_dir: Path, status: EngineStatus) -> None:
    """Replace the file at once, so that no reader sees half of it."""
    target = state_dir / NAME
    part = target.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(asdict(status)), encoding="utf-8")
    part.replace(target)
