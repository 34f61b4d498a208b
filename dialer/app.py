"""The wiring: the only place that knows every package. Builds a running engine out of settings and parts.

`running(parts)` opens the store, connects to Asterisk, puts engine, floor, gateway, recordings and chronicle together
and starts their tasks; leaving it takes everything down in the reverse order. What differs between production, demo
and tests is in `Parts`, and in nothing else.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import structlog
from prometheus_client import CollectorRegistry

import compliance
from accounts import floor as agent_rows
from accounts.async_store import AsyncStore
from accounts.facts import Facts
from accounts.model import Ruling
from accounts.rule_record import record_rules
from accounts.store import open_store
from agent_gateway.agent import AgentState
from agent_gateway.floor import Floor
from agent_gateway.server import GatewayServer, ServerSettings
from dialer import engine_status
from dialer.agent_directory import AgentDirectory
from dialer.ami.client import AmiClient, AmiSettings
from dialer.asterisk.instance import AMI_USER, Instance
from dialer.asterisk.settings import SipTrunk
from dialer.call_lines import CallLines
from dialer.call_summary import CallSummaries
from dialer.catalogue import StoreCatalogue
from dialer.chronicle import Chronicle
from dialer.clock_watch import ClockWatch, ask_chrony, store_clock
from dialer.coordinator import Coordinator
from dialer.engine import Engine
from dialer.engine_lock import EngineLock
from dialer.engine_status import EngineStatus
from dialer.holds import StandingHolds
from dialer.left_imports import finish_imports
from dialer.listeners import FinishedAttempt
from dialer.number_wall import NumberWall
from dialer.pacing_memory import PacingMemory
from dialer.room_watch import RoomWatch
from dialer.shared_state import MemoryState, SharedState
from dialer.shift_plan import ShiftPlan
from dialer.stop_switch import StopSwitch
from dialer.switch import AsteriskSwitch
from dialer.switch_events import WANTED_EVENTS
from dialer.timings import LoopWatch, StoreTimes, settled_memory, short_turns
from dialer.trunk_watch import TrunkWatch
from dialer.trunks import Trunk, TrunkLimits
from domain.clock import Clock, SystemClock
from domain.ids import AgentId, CampaignId
from domain.telephony import RecordingMode
from recordings.audio import Party
from recordings.capture import Capture
from recordings.catalogue import FinishedCall
from recordings.objects import FolderStore
from reports.attempt_lines import AttemptLog, RunLine

_log = structlog.get_logger(__name__)

STATUS_EVERY_S: Final = 1.0
NO_FIGURES: Final[Mapping[CampaignId, Mapping[str, int]]] = MappingProxyType({})
SHORT_BRIDGE_S: Final = 1.0
"""A bridge shorter than this need not have a voice in it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a recording should hold, so that it can be checked."""

    voices: frozenset[Party]
    tones: Mapping[Party, float] = field(default_factory=dict)


def voices_of(finished: FinishedAttempt) -> Expected:
    """In an ordinary recording both parties are heard, unless the call was over at once."""
    return Expected(frozenset(Party) if finished.record.talk_s >= SHORT_BRIDGE_S else frozenset())


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything an engine is put together from.

    Attributes:
        state_dir: where the store, the recordings and the status file live.
        database: path of a SQLite file, or an SQLAlchemy address.
        instance: a running Asterisk.
        trunks: the ways out, as Asterisk has them and as the carrier limits them.
        countries: what the number wall lets pass.
        live_trunks: trunks that may leave this machine.
        expected: what each recording should hold.
        attempt_log: where `attempts.jsonl` is written; None for nowhere.
        gateway: where agents' screens connect.
        name: the engine's, the same at each start and no other engine's.
        customer_packs: files of own rules beside those that ship.
        least_free_bytes: room that recordings must have before a recorded call is placed.
        redis: address of what several engines share; empty for an engine by itself.
        shifts: agents' planned hours.
    """

    state_dir: Path
    database: str | Path
    instance: Instance
    trunks: tuple[tuple[SipTrunk, TrunkLimits], ...]
    countries: frozenset[str]
    clock: Clock
    live_trunks: frozenset[str] = frozenset()
    expected: Callable[[FinishedAttempt], Expected] = voices_of
    attempt_log: Path | None = None
    gateway: ServerSettings = field(default_factory=ServerSettings)
    name: str = "engine"
    customer_packs: tuple[Path, ...] = ()
    least_free_bytes: int = 1
    redis: str = ""
    shifts: ShiftPlan = field(default_factory=ShiftPlan)


@dataclass(frozen=True, slots=True)
class App:
    """A running engine and its parts."""

    engine: Engine
    floor: Floor
    store: AsyncStore
    capture: Capture
    chronicle: Chronicle
    client: AmiClient
    registry: CollectorRegistry
    stop_switch: StopSwitch
    gateway_port: int
    policy: compliance.Policy
    loop_watch: LoopWatch

    async def settle(self) -> None:
        """Let calls end, then wait until every recording is finished and everything is written."""
        await self.engine.drain()
        await self.capture.drain()
        await self.chronicle.drain()


@asynccontextmanager
async def running(parts: Parts) -> AsyncIterator[App]:
    """Put an engine together and run it.

    Raises:
        StoreError: the account store cannot be opened, or another engine works on it.
        NotConnectedError: Asterisk does not answer, or refuses the secret.
        PolicyError: the rule packs or the zone data cannot be used.
    """
    policy = _policy(parts.state_dir, parts.customer_packs)
    _log.info("rules loaded")
    clock, registry = parts.clock, CollectorRegistry()

    def decide(facts: Facts) -> Ruling:
        return compliance.decide(facts, policy)

    async with AsyncExitStack() as stack:
        stack.enter_context(settled_memory())
        stack.enter_context(short_turns())
        store = AsyncStore(open_store(parts.database, clock.now()), timed=StoreTimes(registry).observe)
        stack.push_async_callback(store.aclose)
        store.store.lock_engine(parts.name)
        await store.write(record_rules, policy, parts.name, clock.now())
        _log.info("account store open")
        client = AmiClient(_ami_settings(parts.instance), clock=clock, rng=random.Random(), registry=registry)  # noqa: S311  # jitter
        client.connect()
        stack.push_async_callback(client.stop)
        await client.wait_connected(10.0)
        _log.info("switch connected")
        wall = NumberWall(parts.countries, parts.live_trunks)
        sip_trunks = [sip for sip, _ in parts.trunks]
        switch = AsteriskSwitch(client, trunks=sip_trunks, wall=wall, clock=clock, registry=registry)
        log = None if parts.attempt_log is None else AttemptLog(parts.attempt_log)
        if log is not None:
            stack.callback(log.close)
            log.write(RunLine(started_at=clock.now(), calendar_offset_s=_offset_s(clock)))
        chronicle = Chronicle(store, clock, log)
        capture = Capture(
            spool=parts.instance.place.recordings,
            staging=parts.state_dir / "recordings" / ".staging",
            store=FolderStore(parts.state_dir / "recordings"),
            catalogue=StoreCatalogue(store, clock, chronicle.recorded),
            clock=clock,
        )
        floor = await stack.enter_async_context(Floor(switch, clock, chronicle))
        for agent in await store.read(agent_rows.everyone):
            floor.enrol(agent.id, agent.skills)
        now = clock.monotonic()
        trunks = [(sip, Trunk(limits, now)) for sip, limits in parts.trunks]
        trunk_watch = TrunkWatch(client, trunks)
        await trunk_watch.look()
        lines = CallLines(parts.instance.place.call_lines, timedelta(seconds=_offset_s(clock)))
        stop_switch, lock = StopSwitch(parts.state_dir), EngineLock(partial(store.store.keep_engine_lock, parts.name))
        clock_watch = ClockWatch((ask_chrony, store_clock(store)), parts.live_trunks)
        await clock_watch.look()
        kept_in = parts.state_dir / "recordings"
        room_watch = RoomWatch((parts.instance.place.recordings, kept_in), parts.least_free_bytes)
        await room_watch.look()
        engine = Engine(
            store,
            switch,
            floor,
            [trunk for _, trunk in trunks],
            clock,
            stop_switch,
            decide,
            _Recordings(capture, parts.expected),
            chronicle,
            chronicle,
            parts.name,
            PacingMemory(parts.state_dir / "pacing"),
            heard_at=lambda: client.heard_at,
            holds=StandingHolds(clock_watch, policy, clock, room_watch, lambda: lock.trouble),
            lines=lines.told,
            shifts=parts.shifts,
        )
        directory = AgentDirectory(parts.state_dir, store)
        server = GatewayServer(
            floor, directory, CallSummaries(store, engine.previews.entry_of).of, clock, parts.gateway
        )
        port = await stack.enter_async_context(server.running())
        watch = LoopWatch(registry)
        app = App(engine, floor, store, capture, chronicle, client, registry, stop_switch, port, policy, watch)
        state = _shared_state(parts)
        stack.push_async_callback(state.aclose)
        coordinator = Coordinator(state, engine.leases, partial(_signed_in, floor), partial(_figures, engine))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        status = _write_status(parts.state_dir, engine, floor, coordinator)
        watches = (watch.run(), trunk_watch.run(), clock_watch.run(), room_watch.run(), lock.run())
        beside = (lines.keep_tidy(clock), finish_imports(store.store, clock))
        kept = (chronicle.run(), capture.run(), engine.run(), *watches, *beside, coordinator.run(), status)
        for work in kept:
            stack.callback(tasks.create_task(work).cancel)
        await engine.wait_linked()
        _log.info("reconciled")
        await capture.recover(engine.live_attempts())
        yield app


def _policy(state_dir: Path, customer: Sequence[Path] = ()) -> compliance.Policy:
    """The rules and the zone data; where they cannot be used, `campaign why` says so as long as no engine runs.

    Raises:
        PolicyError: a pack is wrong, or the zone data is missing or too old.
    """
    try:
        return compliance.load_policy(customer=customer, keep_in=state_dir / "cache")
    except compliance.PolicyError as error:
        state_dir.mkdir(parents=True, exist_ok=True)
        engine_status.write(state_dir, EngineStatus(refused=str(error)))
        raise


class _Recordings:
    """The engine's Recordings: says what each should hold and hands it to capture."""

    def __init__(self, capture: Capture, expected: Callable[[FinishedAttempt], Expected]) -> None:
        self._capture = capture
        self._expected = expected

    def submit(self, finished: FinishedAttempt) -> None:
        expected = self._expected(finished)
        announced = finished.order.recording is RecordingMode.ANNOUNCE_THEN_RECORD
        self._capture.submit(
            FinishedCall(
                finished.attempt,
                None if finished.record.unheard else finished.record.talk_s,
                None if finished.record.unheard else announced,
                expected.voices,
                expected.tones,
            )
        )


def _shared_state(parts: Parts) -> SharedState:
    if not parts.redis:
        return MemoryState(parts.clock)
    from dialer.redis_state import RedisState  # half a second of importing, for those who have several engines

    return RedisState(parts.redis)


def _signed_in(floor: Floor) -> list[AgentId]:
    return [agent.id for agent in floor.snapshot().agents if agent.state is not AgentState.OFFLINE]


def _figures(engine: Engine) -> dict[CampaignId, dict[str, int]]:
    """Live calls by campaign and state."""
    counts: dict[CampaignId, dict[str, int]] = {campaign: {} for campaign in engine.status()}
    for call in engine.live():
        of_campaign, state = counts.setdefault(call.campaign, {}), call.record.state.value
        of_campaign[state] = of_campaign.get(state, 0) + 1
    return counts


async def _write_status(state_dir: Path, engine: Engine, floor: Floor, coordinator: Coordinator) -> None:
    """Tell other processes what the engine does, once a second."""
    while True:
        status = status_of(engine, floor, coordinator.trouble, coordinator.figures)
        await asyncio.to_thread(engine_status.write, state_dir, status)
        await asyncio.sleep(STATUS_EVERY_S)


def status_of(
    engine: Engine, floor: Floor, trouble: str = "", others: Mapping[CampaignId, Mapping[str, int]] = NO_FIGURES
) -> EngineStatus:
    """The engine at this instant, for other processes.

    Args:
        others: live figures of campaigns that other engines dial for.
    """
    elsewhere = {
        str(campaign): f"engine {name} dials for it{_in_brackets(others.get(campaign, {}))}"
        for campaign, name in engine.leases.elsewhere().items()
    }
    unusable = {
        str(campaign): f"nothing is dialed, its settings cannot be used: {error}"
        for campaign, error in engine.unusable().items()
    }
    return EngineStatus(
        written_at=SystemClock().now().isoformat(),
        link_up=engine.link_up,
        words={str(campaign): status.sentences for campaign, status in engine.status().items()} | unusable | elsewhere,
        trouble="; ".join(words for words in (trouble, engine.holds.warning()) if words),
        calls=dict(Counter(call.record.state.value for call in engine.live())),
        trunks={trunk.limits.name: trunk.words() for trunk in engine.trunks()},
        agents=dict(Counter(view.state.value for view in floor.snapshot().agents)),
    )


def _in_brackets(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{count} {state}' for state, count in sorted(counts.items()))})" if counts else ""


def _ami_settings(instance: Instance) -> AmiSettings:
    return AmiSettings(username=AMI_USER, secret=instance.ami_secret, port=instance.ports.ami, wanted=WANTED_EVENTS)


def _offset_s(clock: Clock) -> float:
    return clock.offset.total_seconds() if isinstance(clock, SystemClock) else 0.0
