"""The benchmark's table, and the page made of it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from benchmarks.pacing.cells import Cell

Result = dict[str, object]
Figure = tuple[float, float]

TARGET = 0.03
MOST = 0.05
"""A rival that abandons more than this when measured is not compared: it has no setting near the target."""
SLOPES = ((7, 1.6), (17, 1.4), (37, 1.0), (75, 0.8), (150, 0.6))
"""Points of utilisation that one point of abandonment buys near 3 %, by team size (measured on the standard floor)."""


def _figure(results: Sequence[Result], cell: Cell, column: str) -> Figure | None:
    for result in results:
        if result["cell"] == cell.name and result["column"] == column:
            return float(str(result["utilisation"])), float(str(result["abandonment"]))
    return None


def _own(results: Sequence[Result], cell: Cell) -> Figure | None:
    return _figure(results, cell, "free") or _figure(results, cell, "day")


def _at_target(figure: Figure, cell: Cell) -> float:
    """Utilisation as it would be at 3 % abandoned. What abandons less than 1 % is left as it is."""
    busy, lost = figure
    slope = next((slope for most, slope in SLOPES if cell.agents <= most), 0.3)
    return busy if lost < 0.01 else busy - slope * (lost - TARGET)


def _columns(results: Sequence[Result]) -> list[str]:
    seen: list[str] = []
    for result in results:
        if result["column"] not in {"day", "free", *seen}:
            seen.append(str(result["column"]))
    return seen


def _lead(results: Sequence[Result], cell: Cell, peers: Sequence[str]) -> float | None:
    own = _own(results, cell)
    rivals = [_at_target(found, cell) for name in peers if (found := _figure(results, cell, name)) and found[1] <= MOST]
    if own is None or not rivals:
        return None
    return 100 * (_at_target(own, cell) - max(rivals))


def _show(figure: Figure | None) -> str:
    return "–" if figure is None else f"{100 * figure[0]:.1f} ({100 * figure[1]:.1f})"


def _met(cell: Cell, figure: Figure) -> bool:
    return figure[0] >= cell.target - cell.gate and figure[1] <= 0.0315


def table(cells: Sequence[Cell], results: Sequence[Result]) -> str:
    """Utilisation and, in brackets, abandonment, both in percent."""
    peers = _columns(results)
    free = any(result["column"] == "free" for result in results)
    own = ["Fairdial, day held", *(["Fairdial"] if free else [])]
    head = ["agents | p | talk", "goal", "gate met", *own, *peers, "lead on best rival"]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * (len(head) + 2)]
    for cell in cells:
        day, lead = _figure(results, cell, "day"), _lead(results, cell, peers)
        if day is None:
            continue
        shown = [_show(day), *([_show(_figure(results, cell, "free"))] if free else [])]
        shown += [_show(_figure(results, cell, name)) for name in peers]
        met = _met(cell, _own(results, cell) or day)
        row = [cell.name, f"{100 * cell.target:.1f}", "yes" if met else "no", *shown]
        rows.append("| " + " | ".join([*row, "–" if lead is None else f"{lead:+.1f}"]) + " |")
    return "\n".join(rows)


def _summary(cells: Sequence[Cell], results: Sequence[Result]) -> str:
    own = [(cell, found) for cell in cells if (found := _own(results, cell))]
    met = sum(1 for cell, found in own if _met(cell, found))
    lines = [
        f"* Measured: {len(own)} of {len(cells)} floors.",
        f"* Gate (utilisation near the goal, at most 3.15 % abandoned): {met} of {len(own)} floors.",
    ]
    if leads := [lead for cell, _ in own if (lead := _lead(results, cell, _columns(results))) is not None]:
        lines.append(
            f"* Lead on the best rival of each floor: mean {mean(leads):+.1f} points, least {min(leads):+.1f}."
        )
    for peer in _columns(results):
        gaps = [
            100 * (_at_target(own, cell) - _at_target(found, cell))
            for cell in cells
            if (found := _figure(results, cell, peer)) and found[1] <= MOST and (own := _own(results, cell))
        ]
        if gaps:
            lines.append(
                f"* Against {peer}, both brought to 3 %: mean {sum(gaps) / len(gaps):+.1f} points on {len(gaps)} "
                f"floors, least {min(gaps):+.1f}, most {max(gaps):+.1f}."
            )
    return "\n".join(lines)


def page(cells: Sequence[Cell], results: Sequence[Result], size: str) -> str:
    """The reference page."""
    answers = [int(str(result["answered"])) for result in results]
    return f"""# Pacing results

Written by `python -m benchmarks.pacing {size} --publish`; not edited by hand. Utilisation is talk and wrap-up over
signed-in time; in brackets the share of live answers abandoned; both in percent. Seeds were not tuned on.

* **Fairdial, day held**: the engine's own decision code, every 8-hour day steered to end within 3 %.
* **Fairdial** (where it is shown): the same without the day's ledger, theta alone holding 3 % on average. The goals are
  those of a rule without a ledger, so the gate is judged by this column where there is one.
* Rivals stand at their best setting *in hindsight* on the same floor, which nobody who has to dial before the day is
  over can have. "Lead" and the sums compare at 3 %: what a rival abandoned more or less is counted at what abandonment
  buys on that floor (1.6 points of utilisation for each point with 5 agents, 1.4 with 10, 1.0 with 25).
* Each figure rests on {min(answers):,} to {max(answers):,} live answers: with 3,000, utilisation is sure to about 0.7
  points and abandonment to 0.3 (one standard error).
* Floor: talk lognormal (cv 1), wrap-up lognormal (20 s, cv 0.6), persons answer after 10 s on average, the others ring
  out, reach a machine or fail; detection 1.5 s; an agent must be there within 2 s; agents never pause; `~` drifts.

## Sums

{_summary(cells, results)}

## Table

{table(cells, results)}
"""
