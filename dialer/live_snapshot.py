"""What the live view shows, taken from a running engine."""

from __future__ import annotations

from collections import Counter

from dialer.app import App
from dialer.live_view import CampaignView, LiveSnapshot, TrunkView
from domain.clock import Clock


class LiveSnapshots:
    """Takes snapshots of one engine; remembers when it began."""

    def __init__(self, app: App, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._began = clock.monotonic()

    def take(self) -> LiveSnapshot:
        """The engine at this instant."""
        app = self._app
        engine = app.engine
        return LiveSnapshot(
            now=self._clock.now(),
            running_s=self._clock.monotonic() - self._began,
            campaigns=tuple(
                CampaignView(
                    name=loop.campaign.name,
                    mode=loop.campaign.settings.mode.value,
                    why=loop.words,
                    live=loop.status().live_today,
                    abandoned=loop.status().abandoned_today,
                    target=loop.campaign.settings.target_abandonment,
                )
                for loop in engine.loops()
            ),
            calls=Counter(call.record.state for call in engine.live()),
            agents=Counter(view.state for view in app.floor.snapshot().agents),
            outcomes=dict(engine.counters.by_outcome),
            link_up=engine.link_up,
            lag_ms=app.client.lag_s * 1000,
            trunks=tuple(TrunkView(t.limits.name, t.in_use, t.limits.channels) for t in engine.trunks()),
            recordings_waiting=app.capture.waiting,
            recordings_kept=len(app.capture.kept),
        )
