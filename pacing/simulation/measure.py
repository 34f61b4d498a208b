"""What a simulated floor did, counted after the warm-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pacing.simulation.statistics import binomial_interval, lower_bound, quantile
from pacing.simulation.workload import DAY_S
from pacing.snapshot import AgentState

BLOCK_S: Final = 900.0
BLOCK_LEAST: Final = 40
"""A 15-minute block needs this many answers to be judged."""
_IDLE: Final = frozenset({AgentState.READY, AgentState.RESERVED})


@dataclass(slots=True)
class Measure:
    """Counters of one run; all of them only of the time from `begin` to `end`."""

    begin: float
    end: float
    talk_s: float = 0.0
    wrap_s: float = 0.0
    idle_s: float = 0.0
    paused_s: float = 0.0
    served: int = 0
    abandoned: int = 0
    released: int = 0
    blocks: dict[int, list[int]] = field(default_factory=dict)
    day_counts: dict[int, list[int]] = field(default_factory=dict)
    lines: int = 0
    line_s: float = 0.0
    line_at: float = 0.0
    agents: int = 0
    agent_s: float = 0.0
    agent_at: float = 0.0
    decision_s: list[float] = field(default_factory=list)

    def _within(self, since: float, until: float) -> float:
        return max(0.0, min(until, self.end) - max(since, self.begin))

    def span(self, state: AgentState, since: float, until: float) -> None:
        """An agent was in `state` from `since` to `until`."""
        seconds = self._within(since, until)
        if state is AgentState.TALKING:
            self.talk_s += seconds
        elif state is AgentState.WRAP_UP:
            self.wrap_s += seconds
        elif state in _IDLE:
            self.idle_s += seconds
        else:
            self.paused_s += seconds

    def line_out(self, now: float) -> None:
        """A line was dialed."""
        self._line_time(now)
        self.lines += 1

    def line_in(self, now: float) -> None:
        """A line ended or got an agent."""
        self._line_time(now)
        self.lines -= 1

    def _line_time(self, now: float) -> None:
        self.line_s += self.lines * self._within(self.line_at, now)
        self.line_at = now

    def staff(self, now: float, agents: int) -> None:
        """The number of agents signed in changed."""
        self.agent_s += self.agents * self._within(self.agent_at, now)
        self.agent_at, self.agents = now, agents

    def answer(self, now: float, *, abandoned: bool) -> None:
        """A live answer was served or abandoned."""
        if now < self.begin:
            return
        self.abandoned += abandoned
        self.served += not abandoned
        for counts, index in (
            (self.blocks, int(now // BLOCK_S)),
            (self.day_counts, int((now - self.begin) // DAY_S)),
        ):
            tally = counts.setdefault(index, [0, 0])
            tally[0] += 1
            tally[1] += abandoned

    def decided(self, seconds: float) -> None:
        """One decision took so long."""
        self.decision_s.append(seconds)

    def report(self) -> dict[str, object]:
        """The figures a study answers with."""
        self.staff(self.end, self.agents)
        self._line_time(self.end)
        times = sorted(self.decision_s)
        return {
            **report_of(
                talk_s=self.talk_s,
                wrap_s=self.wrap_s,
                idle_s=self.idle_s,
                paused_s=self.paused_s,
                served=self.served,
                abandoned=self.abandoned,
                line_s=self.line_s,
                agent_s=self.agent_s,
                blocks=[(n, lost) for n, lost in self.blocks.values()],
                days=[(n, lost) for _, (n, lost) in sorted(self.day_counts.items())],
            ),
            "released": self.released,
            "decisions": len(times),
            "decision_ms": {"p50": 1000 * quantile(times, 0.5), "p99": 1000 * quantile(times, 0.99)},
        }


def report_of(
    *,
    talk_s: float,
    wrap_s: float,
    idle_s: float,
    paused_s: float,
    served: int,
    abandoned: int,
    line_s: float,
    agent_s: float,
    blocks: Sequence[tuple[int, int]],
    days: Sequence[tuple[int, int]],
) -> dict[str, object]:
    """The figures of a run from its counts; `blocks` and `days` hold live answers and abandoned ones.

    What there was nothing to make of is None: the wait per call when nobody was served, the worst quarter of an hour
    when none had enough answers.
    """
    answered = served + abandoned
    signed_in = talk_s + wrap_s + idle_s + paused_s
    judged = [lower_bound(lost, n) for n, lost in blocks if n >= BLOCK_LEAST]
    return {
        "utilisation": (talk_s + wrap_s) / signed_in if signed_in else 0.0,
        "talk_share": talk_s / signed_in if signed_in else 0.0,
        "abandonment": abandoned / answered if answered else 0.0,
        "answered": answered,
        "abandoned": abandoned,
        "abandonment_ci95": list(binomial_interval(abandoned, answered)),
        "worst_15min": max(judged, default=None),
        "days": [lost / n for n, lost in days],
        "lines_per_agent": (line_s + talk_s) / agent_s if agent_s else 0.0,
        "idle_s_per_call": idle_s / served if served else None,
        "agent_hours": agent_s / 3600.0,
    }
