"""What a run must reach to be called good: each goal with what was measured, what was wanted, whether it is met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.summary import Summary


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing wanted of a run.

    Attributes:
        name: the summary's field.
        measured: its value, as people read it.
        wanted: the bound, as people read it.
        met: whether it holds.
    """

    name: str
    measured: str
    wanted: str
    met: bool


def demo_goals(summary: Summary, planted: Mapping[str, int]) -> tuple[Goal, ...]:
    """The goals of the demo.

    Args:
        summary: what was measured.
        planted: accounts by the code they must be blocked with.
    """
    p99 = summary.connect_ms.p99
    return (
        Goal("attempts", str(summary.attempts), "at least 200", summary.attempts >= 200),
        Goal(
            "outcome_agreement",
            f"{summary.outcome_agreement:.1%}",
            "at least 95%",
            summary.outcome_agreement >= 0.95,
        ),
        Goal("connected", str(summary.connected), "at least 1", summary.connected >= 1),
        Goal("abandoned", str(summary.abandoned), "at least 1", summary.abandoned >= 1),
        Goal("connect_ms p99", milliseconds(p99), "at most 100 ms", p99 is not None and p99 <= 100),
        Goal(
            "recordings",
            str(summary.recordings),
            f"at least {summary.connected}, as connected",
            summary.recordings >= summary.connected,
        ),
        Goal("recordings_bad", str(summary.recordings_bad), "0", summary.recordings_bad == 0),
        Goal("duplicate_dials", str(summary.duplicate_dials), "0", summary.duplicate_dials == 0),
        Goal(
            "blocked",
            str(sum(summary.blocked.values())),
            f"{sum(planted.values())}, each by its code",
            dict(summary.blocked) == dict(planted),
        ),
    )


def milliseconds(value: float | None) -> str:
    """A span as people read it."""
    if value is None:
        return "not measured"
    return f"{value:.1f} ms" if value < 1000 else f"{value / 1000:.2f} s"
