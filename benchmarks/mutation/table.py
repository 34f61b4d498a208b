"""The table of a mutation run: for each module how many changes were noticed, and every one that was not, with why."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.mutation.mutants import Mutant

_ACCEPTED = Path(__file__).with_name("accepted.toml")
_BEGIN, _END = "<!-- mutation: begin -->", "<!-- mutation: end -->"


def report(every: Sequence[Mutant], found: Mapping[str, str], target: Path | None) -> int:
    """Print the table, write it between the markers of a page; 1 where changes lived that nobody explained."""
    reasons = _reasons()
    by_module: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in every:
        by_module[mutant.module].append(mutant)
    lines = ["| module | changes | noticed | by time | lived | noticed, % |", "|---|---:|---:|---:|---:|---:|"]
    totals = [0, 0, 0, 0]
    for name, mine in by_module.items():
        asked = [each for each in mine if each.key in found]
        lived = sum(found[each.key] == "lived" for each in asked)
        late = sum(found[each.key] == "time" for each in asked)
        row = [len(asked), len(asked) - lived, late, lived]
        totals = [a + b for a, b in zip(totals, row, strict=True)]
        if asked:
            lines.append(_row(f"`{name.removeprefix('compliance.')}`", row))
    lines.append(_row("**all**", totals))
    lived_now = [each for each in every if found.get(each.key) == "lived"]
    lines += ["", "| lived | change | why it may |", "|---|---|---|"]
    unexplained = 0
    for each in lived_now:
        why = reasons.get(_name(each), "")
        unexplained += not why
        change = each.change.replace("|", "\\|")
        lines.append(f"| {_name(each)} | {each.kind}: {change} | {why or '**not explained**'} |")
    page = "\n".join(lines)
    print(page)
    unknown = len(every) - totals[0]
    print(f"\n{unknown} not asked yet, {unexplained} lived without an explanation")
    if target is not None:
        text = target.read_text("utf-8")
        head, tail = text.split(_BEGIN)[0], text.split(_END)[1]
        target.write_text(f"{head}{_BEGIN}\n{page}\n{_END}{tail}", "utf-8")
    return int(bool(unexplained or unknown))


def _row(name: str, row: Sequence[int]) -> str:
    share = 100 * row[1] / row[0] if row[0] else 100.0
    return f"| {name} | {' | '.join(map(str, row))} | {share:.1f} |"


def _name(mutant: Mutant) -> str:
    return f"`{mutant.module.removeprefix('compliance.')}:{mutant.line}` {mutant.owner or ''}".strip()


def _reasons() -> dict[str, str]:
    if not _ACCEPTED.exists():
        return {}
    return {str(row["where"]): str(row["why"]) for row in tomllib.loads(_ACCEPTED.read_text("utf-8")).get("lived", [])}
