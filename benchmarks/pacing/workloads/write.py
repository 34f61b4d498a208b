"""Writes the standard grid and the harder floors as files: `python -m benchmarks.pacing.workloads.write`."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.pacing.cells import FULL
from pacing.simulation.study import standard_document

HERE = Path(__file__).parent
MIXED_TALK = {
    "dist": "mixture",
    "parts": [
        {"weight": 0.3, "dist": "uniform", "low": 1, "high": 5},
        {"weight": 0.7, "dist": "lognormal", "mean": 84, "cv": 1.0},
    ],
}
TWO_KINDS_OF_WRAP = {
    "dist": "mixture",
    "parts": [
        {"weight": 0.6, "dist": "lognormal", "mean": 8, "cv": 0.4},
        {"weight": 0.4, "dist": "lognormal", "mean": 45, "cv": 0.4},
    ],
}
FAILING_ROUTE = [
    {"kind": "no_answer", "share": 0.65, "after": {"dist": "uniform", "low": 22, "high": 25}},
    {"kind": "machine", "share": 0.2, "after": {"dist": "lognormal", "mean": 14, "cv": 0.4, "max": 24}},
    {"kind": "failure", "share": 0.15, "after": {"dist": "uniform", "low": 1, "high": 4}},
]


def harder(n: int) -> dict[str, dict[str, object]]:
    """What changes on each harder floor of n agents."""

    def team(*steps: tuple[int, float, bool]) -> list[dict[str, object]]:
        return [{"from_s": at, "n": max(1, int(n * share)), "now": now} for at, share, now in steps]

    return {
        "bimodal": {"talk": MIXED_TALK, "wrap": TWO_KINDS_OF_WRAP},
        "p-steps": {
            "answer": {
                "p": 0.4,
                "steps": [{"from_s": at, "factor": factor} for at, factor in ((0, 1), (9000, 0.25), (18000, 1))],
            }
        },
        "shifts": {
            "agents": team(
                (0, 0.25, False), (1800, 1, False), (12600, 0.5, False), (16200, 1, False), (27000, 0.34, False)
            )
        },
        "pauses": {"pauses": {"per_agent_hour": 1.2, "mean_s": 300}},
        "slow-route": {"post_dial_delay_s": 6, "amd_s": 3.5, "other": FAILING_ROUTE},
        "mass-logout": {
            "agents": team((0, 1, False), (9000, 0.7, True), (12600, 1, False), (19800, 0.4, True), (21600, 1, False))
        },
        "detector": {"verdict_lag_s": 0.8, "amd_errors": {"human_as_machine": 0.01, "not_sure": 0.05}},
    }


def main() -> None:
    for cell in FULL:
        _write(standard_document(cell.agents, cell.p, cell.talk, drifting=cell.drifting))
    for n in (10, 25, 100):
        for name, changes in harder(n).items():
            _write({**standard_document(n, 0.25, 60), **changes, "name": f"hard-{name}-{n}"})


def _write(document: dict[str, object]) -> None:
    (HERE / f"{document['name']}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
