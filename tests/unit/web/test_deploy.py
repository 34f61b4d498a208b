"""Alerts and dashboard name only metrics the engine has."""

import json
import re
from pathlib import Path

import pytest

from web import reference

pytestmark = pytest.mark.unit

DEPLOY = Path(__file__).parents[3] / "deploy"
FILES = (DEPLOY / "prometheus" / "alerts.yml", DEPLOY / "grafana" / "fairdial.json")
PARTS = ("_bucket", "_sum", "_count")


@pytest.fixture(scope="module")
def known():
    return {
        name
        for metric in reference.metrics()
        for name in (
            [reference.exposed(metric)]
            if metric.type != "histogram"
            else [reference.exposed(metric) + part for part in PARTS]
        )
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_metric_named_there_exists(file, known):
    named = set(re.findall(r"\bdialer_\w+", file.read_text(encoding="utf-8")))
    assert named
    assert named - known == set()


def test_panels_have_places_of_their_own():
    panels = json.loads(FILES[1].read_text(encoding="utf-8"))["panels"]
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
    assert len({panel["id"] for panel in panels}) == len(panels)
