"""Processor time of processes, from /proc: what each part of a machine under load costs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Reading:
    """Processor seconds of each process so far, and when that was."""

    at: float
    used_s: Mapping[str, float]

    @classmethod
    def now(cls, pids: Mapping[str, int]) -> Self:
        return cls(time.monotonic(), {name: _used_s(pid) for name, pid in pids.items()})

    def shares_since(self, before: Reading) -> dict[str, float]:
        """Cores in use by each process on average since an earlier reading."""
        seconds = self.at - before.at
        return {name: (used - before.used_s[name]) / seconds for name, used in self.used_s.items()}


def _used_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
