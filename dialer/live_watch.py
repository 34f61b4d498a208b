"""Takes the live view's snapshots from a running engine. The only place that knows where each number comes from."""

from __future__ import annotations

from collections import Counter

from prometheus_client import CollectorRegistry

from agent_gateway.floor import Floor
from dialer.campaign_loop import LoopStatus
from dialer.engine import Engine
from dialer.live_view import CampaignView, LiveSnapshot, TrunkView
from domain.clock import Clock
from domain.mode import Mode
from recordings.capture import Capture

_LAG = "dialer_ami_event_lag_seconds"


class LiveWatch:
    """Looks at a running engine; `take` is what `live_view.show` asks for.

    Args:
        engine: whose calls, campaigns, trunks and outcomes.
        floor: whose agents.
        capture: whose recordings.
        registry: where the switch's client counts its lag.
        clock: the engine's.
    """

    def __init__(
        self, engine: Engine, floor: Floor, capture: Capture, registry: CollectorRegistry, clock: Clock
    ) -> None:
        self._engine = engine
        self._floor = floor
        self._capture = capture
        self._clock = clock
        self._began = clock.monotonic()
        self._lag = LagMeter(registry)

    def take(self) -> LiveSnapshot:
        """The engine at this instant."""
        engine, capture = self._engine, self._capture
        return LiveSnapshot(
            now=self._clock.now(),
            running_s=self._clock.monotonic() - self._began,
            campaigns=tuple(campaign_view(status) for status in engine.status().values()),
            calls=Counter(call.record.state for call in engine.live()),
            agents=Counter(agent.state for agent in self._floor.snapshot().agents),
            outcomes=dict(engine.counters.by_outcome),
            link_up=engine.link_up,
            lag_ms=self._lag.mean_ms(),
            trunks=tuple(
                TrunkView(trunk.limits.name, trunk.in_use, trunk.limits.channels, trunk.words())
                for trunk in engine.trunks()
            ),
            recordings_waiting=capture.waiting,
            recordings_kept=len(capture.kept),
            notes=tuple(words for words in (engine.holds.everything() or engine.holds.warning(),) if words),
        )


def campaign_view(status: LoopStatus) -> CampaignView:
    """A loop's status as it is shown."""
    figures, predictive = status.figures, status.campaign.settings.mode is Mode.PREDICTIVE
    return CampaignView(
        name=status.campaign.name,
        mode=status.campaign.settings.mode.value,
        why=status.words,
        live=status.live_today,
        abandoned=status.abandoned_today,
        target=status.campaign.settings.target_abandonment,
        theta=figures.theta if predictive else None,
        q=figures.q,
        answer_p=figures.answer_p,
        calls_left=figures.calls_left,
        brake=figures.brake,
        alarm="FORECAST BROKEN: accepted chance halved" if figures.broken else "",
    )


class LagMeter:
    """How long the switch's events waited on average since the last look."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._sum = 0.0
        self._count = 0.0

    def mean_ms(self) -> float:
        """Mean over the events since the last call; 0 when there was none."""
        total = self._registry.get_sample_value(f"{_LAG}_sum") or 0.0
        count = self._registry.get_sample_value(f"{_LAG}_count") or 0.0
        waited, events = total - self._sum, count - self._count
        self._sum, self._count = total, count
        return 1000 * waited / events if events else 0.0
