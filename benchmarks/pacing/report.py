"""The benchmark's table, and the page made of it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.pacing.cells import Cell

Result = dict[str, object]


def _figure(results: Sequence[Result], cell: Cell, column: str) -> tuple[float, float] | None:
    for result in results:
        if result["cell"] == cell.name and result["column"] == column:
            return float(str(result["utilisation"])), float(str(result["abandonment"]))
    return None


def _columns(results: Sequence[Result]) -> list[str]:
    seen: list[str] = []
    for result in results:
        if result["column"] not in {"day", "free", *seen}:
            seen.append(str(result["column"]))
    return seen


def _show(figure: tuple[float, float] | None) -> str:
    return "–" if figure is None else f"{100 * figure[0]:.1f} ({100 * figure[1]:.1f})"


def table(cells: Sequence[Cell], results: Sequence[Result]) -> str:
    """Utilisation and, in brackets, abandonment, both in percent."""
    peers = _columns(results)
    head = ["agents | p | talk", "goal", "gate met", "Fairdial, day held", "Fairdial", *peers, "lead on best rival"]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * (len(head) + 2)]
    for cell in cells:
        day, free = _figure(results, cell, "day"), _figure(results, cell, "free")
        rivals = [found for name in peers if (found := _figure(results, cell, name)) and found[1] <= 0.0335]
        best = max((busy for busy, _ in rivals), default=None)
        own = free or day
        lead = "–" if best is None or own is None else f"{100 * (own[0] - best):+.1f}"
        met = "–" if day is None else "yes" if day[0] >= cell.target - cell.gate and day[1] <= 0.0315 else "no"
        peers_shown = [_show(_figure(results, cell, name)) for name in peers]
        rows.append(
            "| "
            + " | ".join([cell.name, f"{100 * cell.target:.1f}", met, _show(day), _show(free), *peers_shown, lead])
            + " |"
        )
    return "\n".join(rows)


def _summary(cells: Sequence[Cell], results: Sequence[Result]) -> str:
    lines = []
    day = [(cell, found) for cell in cells if (found := _figure(results, cell, "day"))]
    met = sum(1 for cell, (busy, lost) in day if busy >= cell.target - cell.gate and lost <= 0.0315)
    lines.append(f"* Gate (utilisation near the goal, at most 3.15 % abandoned, day held): {met} of {len(day)} floors.")
    for peer in _columns(results):
        gaps = [
            own[0] - found[0]
            for cell in cells
            if (found := _figure(results, cell, peer))
            and (own := _figure(results, cell, "free") or _figure(results, cell, "day"))
        ]
        if gaps:
            lines.append(
                f"* Against {peer}: mean {100 * sum(gaps) / len(gaps):+.1f} points, "
                f"worst floor {100 * min(gaps):+.1f}, best {100 * max(gaps):+.1f}."
            )
    return "\n".join(lines)


def page(cells: Sequence[Cell], results: Sequence[Result], size: str) -> str:
    """The reference page."""
    return f"""# Pacing results

Written by `python -m benchmarks.pacing {size} --publish`; not edited by hand. Utilisation is talk and wrap-up over
signed-in time; in brackets the share of live answers abandoned; both in percent. Seeds were not tuned on.

* **Fairdial, day held**: the engine's own decision code, every 8-hour day steered to end within 3 %.
* **Fairdial**: the same without the day's ledger, theta alone holding 3 % on average.
* Rivals stand at their best setting *in hindsight* on the same floor with at most 3.1 % abandoned, which nobody who
  has to dial before the day is over can have. "Lead" compares with the best of them that kept to 3.35 % when measured.
* Floor: talk lognormal (cv 1), wrap-up lognormal (20 s, cv 0.6), persons answer after 10 s on average, the others ring
  out, reach a machine or fail; detection 1.5 s; an agent must be there within 2 s; agents never pause; `~` drifts.

## Sums

{_summary(cells, results)}

## Table

{table(cells, results)}
"""
