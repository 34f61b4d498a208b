"""What the AMI client counts and measures, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class AmiMetrics:
    """The client's metrics in the given registry; one client per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connected = Gauge("dialer_ami_connected", "1 while logged in to Asterisk.", registry=registry)
        self.closes = Counter(
            "dialer_ami_closes", "Connections and attempts that ended, by reason.", ["reason"], registry=registry
        )
        self.actions = Counter(
            "dialer_ami_actions", "Actions by name and result.", ["action", "result"], registry=registry
        )
        self.action_seconds = Histogram(
            "dialer_ami_action_seconds",
            "From writing an action to its answer.",
            ["action"],
            buckets=_SHORT,
            registry=registry,
        )
        self.events = Counter(
            "dialer_ami_events",
            "Events by fate: queued, shed (queue nearly full), skipped (not wanted).",
            ["fate"],
            registry=registry,
        )
        self.dropped_blocks = Counter(
            "dialer_ami_dropped_blocks",
            "Blocks of the stream that were no message, by kind.",
            ["kind"],
            registry=registry,
        )
        self.orphan_responses = Counter(
            "dialer_ami_orphan_responses", "Responses that nobody waited for (any more).", registry=registry
        )
        self.listener_errors = Counter(
            "dialer_ami_listener_errors", "Errors raised by registered listeners.", registry=registry
        )
        self.lag_seconds = Histogram(
            "dialer_ami_event_lag_seconds",
            "From reading an event to its consumption.",
            buckets=_SHORT,
            registry=registry,
        )
        self.queue_depth = Gauge("dialer_ami_queue_depth", "Events waiting for the consumer.", registry=registry)
        self.queue_depth_max = Gauge("dialer_ami_queue_depth_max", "Most events that ever waited.", registry=registry)
