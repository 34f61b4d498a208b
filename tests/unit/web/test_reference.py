"""The page of metrics says what the engine measures, and no label says who was called."""

import pytest

from web import reference

pytestmark = pytest.mark.unit

LABELS = {"state", "outcome", "campaign", "limit", "trunk", "kind", "reason", "action", "result", "fate", "le"}


def test_every_metric_is_on_the_page_and_no_other() -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page()


def test_labels_are_of_known_harmless_kinds_only() -> None:
    found = {label for metric in reference.metrics() for sample in metric.samples for label in sample.labels}
    assert found <= LABELS
