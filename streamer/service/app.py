"""The service put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

import streamer
from streamer.service import explaining, health, lists, problems, sending
from streamer.service.backends import Backends
from streamer.service.bodies import BoundedBodies
from streamer.service.guard import Guard
from streamer.service.keys import ApiKeys
from streamer.settings import Settings

_ABOUT: Final = """Reads avoid lists, scores candidates, explains, and takes events.

Errors are `application/problem+json`; while Redis or Kafka is away the answer is 503 with `Retry-After`."""


def create(settings: Settings, keys: ApiKeys) -> FastAPI:
    """The application, which connects when it is first asked and disconnects when it ends.

    Args:
        settings: the deployment's.
        keys: of those who may call.
    """
    backends = Backends(settings)
    guard = Guard(keys, settings.service_rate)
    metrics = health.ServiceMetrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await backends.close()

    app = FastAPI(title="Streamer", version=streamer.__version__, description=_ABOUT, lifespan=lifespan)
    app.add_middleware(BoundedBodies)
    app.add_middleware(health.Measured, metrics=metrics)
    problems.install(app)
    app.include_router(health.router(backends, guard, metrics))
    app.include_router(lists.router(backends, guard))
    app.include_router(explaining.router(backends, guard))
    app.include_router(sending.router(backends, guard))
    return app
