"""Writes docs/reference/metrics.md, the page of all metrics: `python -m web.reference`. A test compares the two."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from prometheus_client.metrics_core import Metric

from dialer.testing import world
from dialer.testing.operated import app_of
from dialer.testing.world import Setup, World
from web.metrics import EngineCollector

PAGE: Final = Path(__file__).parent.parent / "docs" / "reference" / "metrics.md"
_HEAD: Final = """# Metrics

`dialer run` serves these at `/metrics`, in Prometheus' text format, on the address of `[web]` in `fairdial.toml`
(127.0.0.1 port 8780 unless changed). Labels are ids, states, outcomes and names of the settings, never anything of a
person. Written by `python -m web.reference`.

"""


def metrics() -> list[Metric]:
    """Every metric a running engine has, sorted by name."""

    async def look(running: World) -> list[Metric]:
        app = app_of(running, folder)
        app.registry.register(EngineCollector(app))
        return sorted(app.registry.collect(), key=lambda metric: metric.name)

    with TemporaryDirectory() as name:
        folder = Path(name)
        return world.run(Setup(folder, world.settings()), look)


def page() -> str:
    """The page as Markdown."""
    rows = [f"| `{exposed(metric)}` | {metric.type} | {metric.documentation} |" for metric in metrics()]
    return _HEAD + "\n".join(["| metric | type | meaning |", "|---|---|---|", *rows]) + "\n"


def exposed(metric: Metric) -> str:
    """The name under which Prometheus finds it; a histogram's samples add _bucket, _sum and _count."""
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
