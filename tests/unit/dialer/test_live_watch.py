"""Where the live view's numbers come from."""

import pytest
from prometheus_client import CollectorRegistry

from dialer.ami.metrics import AmiMetrics
from dialer.live_watch import LagMeter

pytestmark = pytest.mark.unit


def test_without_events_the_lag_is_nothing() -> None:
    assert LagMeter(CollectorRegistry()).mean_ms() == 0.0


def test_the_lag_is_that_of_the_events_since_the_last_look() -> None:
    registry = CollectorRegistry()
    metrics, meter = AmiMetrics(registry), LagMeter(registry)
    metrics.lag_seconds.observe(0.002)
    metrics.lag_seconds.observe(0.004)
    assert meter.mean_ms() == pytest.approx(3.0)
    assert meter.mean_ms() == 0.0
    metrics.lag_seconds.observe(0.5)
    assert meter.mean_ms() == pytest.approx(500.0)
