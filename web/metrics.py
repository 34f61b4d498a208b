"""What the engine says of itself to Prometheus: read from the running engine whenever somebody asks.

Labels are ids, states, outcomes and names of the settings; never anything of a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent_gateway.agent import AgentState
from agent_gateway.floor_events import PreviewEnd
from dialer.app import App
from dialer.call import CallState
from dialer.campaign_loop import LoopStatus
from domain.outcomes import Outcome

_CAMPAIGN: Final = ("campaign",)


class EngineCollector(Collector):
    """The engine's metrics. States and outcomes are all there from the start, at zero."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        """The engine at this instant."""
        yield from self._engine()
        yield from self._calls_and_agents()
        yield from self._campaigns()
        yield from self._trunks()
        yield from self._recordings()

    def _engine(self) -> Iterator[Metric]:
        engine = self._app.engine
        yield _gauge("dialer_link_up", "1 while the engine and Asterisk agree on what calls there are.", engine.link_up)
        yield _gauge("dialer_draining", "1 once the engine was told to place no more calls.", engine.draining)
        yield _gauge(
            "dialer_stop_switch", "1 while `dialer stop --now` forbids dialing.", self._app.stop_switch.is_pulled()
        )
        yield _gauge(
            "dialer_outcomes_waiting",
            "Outcomes the account store has not taken yet; after a failure no call is placed meanwhile.",
            engine.writes_waiting,
        )
        yield _gauge(
            "dialer_chronicle_waiting",
            "What agents and callers said and the account store has not taken yet.",
            self._app.chronicle.waiting,
        )
        yield _counter("dialer_stray_events", "Events of Asterisk about calls nobody follows.", engine.counters.strays)

    def _calls_and_agents(self) -> Iterator[Metric]:
        engine = self._app.engine
        calls = Counter(call.record.state for call in engine.live())
        agents = Counter(agent.state for agent in self._app.floor.snapshot().agents)
        yield _by("dialer_calls", "Calls alive, by state.", "state", {s.value: calls[s] for s in CallState})
        yield _by("dialer_agents", "Agents, by state.", "state", {s.value: agents[s] for s in AgentState})
        previews = CounterMetricFamily(
            "dialer_previews_ended",
            "Accounts agents have looked at before a call, by how that ended.",
            labels=("result",),
        )
        for end in PreviewEnd:
            previews.add_metric((end.value,), engine.previews.counts[end])
        yield previews
        yield _counter("dialer_attempts_placed", "Attempts sent to Asterisk.", engine.counters.placed)
        ended = CounterMetricFamily("dialer_attempts_ended", "Attempts that ended, by outcome.", labels=("outcome",))
        for outcome in Outcome:
            ended.add_metric((outcome.value,), engine.counters.by_outcome.get(outcome, 0))
        yield ended

    def _campaigns(self) -> Iterator[Metric]:
        loops = list(self._app.engine.status().values())
        live = GaugeMetricFamily(
            "dialer_campaign_live_answers_today", "People who answered, in the campaign's day.", labels=_CAMPAIGN
        )
        abandoned = GaugeMetricFamily("dialer_campaign_abandoned_today", "Of these, calls abandoned.", labels=_CAMPAIGN)
        target = GaugeMetricFamily(
            "dialer_campaign_abandonment_target", "Highest share that may be abandoned.", labels=_CAMPAIGN
        )
        for loop in loops:
            label = (str(loop.campaign.id),)
            live.add_metric(label, loop.live_today)
            abandoned.add_metric(label, loop.abandoned_today)
            target.add_metric(label, loop.campaign.settings.target_abandonment)
        yield from (live, abandoned, target)
        yield from self._pacing(loops)

    def _pacing(self, loops: Iterable[LoopStatus]) -> Iterator[Metric]:
        lines = GaugeMetricFamily(
            "dialer_pacing_lines_to_add", "Lines the last pacing decision asked for.", labels=_CAMPAIGN
        )
        theta = GaugeMetricFamily(
            "dialer_pacing_theta", "Accepted chance that a new line's person meets no agent.", labels=_CAMPAIGN
        )
        q = GaugeMetricFamily(
            "dialer_pacing_q", "That chance for the last line added; absent when not modelled.", labels=_CAMPAIGN
        )
        bound = GaugeMetricFamily(
            "dialer_pacing_bound", "1 for each limit that held the last decision back.", labels=("campaign", "limit")
        )
        calibration = GaugeMetricFamily(
            "dialer_pacing_calibration",
            "Calls abandoned over calls forecast to be; absent while too little is known.",
            labels=_CAMPAIGN,
        )
        broken = GaugeMetricFamily(
            "dialer_pacing_forecast_broken",
            "1 while that is out of bounds and the accepted chance is halved.",
            labels=_CAMPAIGN,
        )
        alarms = CounterMetricFamily(
            "dialer_pacing_forecast_alarms", "How often it went out of bounds.", labels=_CAMPAIGN
        )
        for loop in loops:
            figures, name = loop.figures, (str(loop.campaign.id),)
            broken.add_metric(name, figures.broken)
            alarms.add_metric(name, figures.alarms)
            if figures.calibration is not None:
                calibration.add_metric(name, figures.calibration)
            if (decision := loop.decision) is None:
                continue
            label = (str(loop.campaign.id),)
            lines.add_metric(label, decision.lines_to_add)
            theta.add_metric(label, decision.theta)
            if decision.q is not None:
                q.add_metric(label, decision.q)
            for code in dict.fromkeys(cap.code.value for cap in decision.caps):
                bound.add_metric((*label, code), 1)
        yield from (lines, theta, q, bound, calibration, broken, alarms)

    def _trunks(self) -> Iterator[Metric]:
        trunks = self._app.engine.trunks()
        yield _by(
            "dialer_trunk_channels_in_use", "Channels in use.", "trunk", {t.limits.name: t.in_use for t in trunks}
        )
        yield _by(
            "dialer_trunk_channels", "Channels there are.", "trunk", {t.limits.name: t.limits.channels for t in trunks}
        )

    def _recordings(self) -> Iterator[Metric]:
        capture = self._app.capture
        yield _gauge("dialer_recordings_waiting", "Recordings not finished yet.", capture.waiting)
        yield _gauge("dialer_recordings_kept", "Raw audio in the spool that could not be stored.", len(capture.kept))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family
