"""An App around a world in virtual time: the engine as operation sees it, with every metric it has in production."""

from __future__ import annotations

import random
from pathlib import Path

from prometheus_client import CollectorRegistry

import compliance
from accounts.async_store import AsyncStore
from dialer.ami.client import AmiClient, AmiSettings
from dialer.app import App
from dialer.catalogue import StoreCatalogue
from dialer.chronicle import Chronicle
from dialer.number_wall import NumberWall
from dialer.switch import AsteriskSwitch
from dialer.testing.world import World
from dialer.timings import LoopWatch, StoreTimes
from domain.clock import Clock
from recordings.capture import Capture
from recordings.objects import FolderStore


def app_of(world: World, folder: Path) -> App:
    """The world's engine as an App. Its Asterisk client is there for its metrics only: it never connects."""
    registry = CollectorRegistry()
    store = AsyncStore(world.store.store, timed=StoreTimes(registry).observe)
    chronicle = Chronicle(store, world.clock, None)
    catalogue = StoreCatalogue(store, world.clock, chronicle.recorded)
    capture = Capture(folder, folder, FolderStore(folder / "objects"), catalogue, world.clock)
    return App(
        engine=world.engine,
        floor=world.floor,
        store=store,
        capture=capture,
        chronicle=chronicle,
        client=_client(registry, world.clock),
        registry=registry,
        stop_switch=world.stop_switch,
        gateway_port=0,
        policy=compliance.load_policy(),
        loop_watch=LoopWatch(registry),
    )


def _client(registry: CollectorRegistry, clock: Clock) -> AmiClient:
    settings = AmiSettings(username="engine", secret="never sent", wanted=frozenset())  # noqa: S106  # no connection
    client = AmiClient(settings, clock=clock, rng=random.Random(1), registry=registry)  # noqa: S311
    AsteriskSwitch(client, trunks=(), wall=NumberWall(frozenset({"US"})), clock=clock, registry=registry)
    return client
