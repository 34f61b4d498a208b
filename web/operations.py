"""What operation needs, over HTTP, from inside the engine's process: /health, /ready, /metrics.

`/health` answers as long as the event loop turns; `/ready` says whether calls can be placed, with the reasons if not;
`/metrics` is for Prometheus. Loopback by default, no password, nothing of any person.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from dialer.app import App
from web.metrics import EngineCollector
from web.readiness import Readiness

_GOODBYE_S: Final = 2


@asynccontextmanager
async def serving(app: App, listener: socket.socket) -> AsyncIterator[str]:
    """Serve until left; yields the address. Closes the listener."""
    collector = EngineCollector(app)
    app.registry.register(collector)
    config = uvicorn.Config(
        application(app), lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=_GOODBYE_S
    )
    server = _Server(config)
    host, port = listener.getsockname()[:2]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await task
        app.registry.unregister(collector)


def application(app: App) -> FastAPI:
    """The routes, on a running engine."""
    api = FastAPI(title="Fairdial", docs_url=None, redoc_url=None, openapi_url=None)
    readiness = Readiness(app)

    @api.get("/health")
    async def health() -> dict[str, float | str]:
        watch = app.loop_watch
        return {
            "status": "alive",
            "loop_lag_ms": round(1000 * watch.last_s, 3),
            "loop_lag_worst_ms": round(1000 * watch.worst_s, 3),
        }

    @api.get("/ready")
    async def ready() -> JSONResponse:
        obstacles = await readiness.obstacles()
        body = {"ready": not obstacles, "reasons": obstacles, "tzdata": app.policy.tzdata}
        return JSONResponse(body, status_code=503 if obstacles else 200)

    @api.get("/metrics")
    async def metrics() -> Response:
        return exposition(app.registry)

    return api


def exposition(registry: CollectorRegistry) -> Response:
    """The registry in Prometheus' text format. Collected on the event loop, where nothing changes meanwhile."""
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Server(uvicorn.Server):
    """Leaves signals to the program it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
