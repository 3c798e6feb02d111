"""The service put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse

import streamer
from streamer.service import explaining, health, lists, problems, sending
from streamer.service.backends import Backends
from streamer.service.bodies import BoundedBodies
from streamer.service.console import app as console
from streamer.service.guard import CONSOLE, Guard, Rates
from streamer.service.keys import ApiKeys
from streamer.service.reading import schemas_of
from streamer.service.saved import Saved
from streamer.service.shapes import EventsRequest, ManyScoresRequest, ScoreRequest
from streamer.service.users import PathsAsSent
from streamer.settings import Settings

_ABOUT: Final = """Reads avoid lists, scores candidates, explains, and takes events.

Errors are `application/problem+json`; while Redis or Kafka is away the answer is 503 with `Retry-After`."""


def create(settings: Settings, keys: ApiKeys) -> FastAPI:
    """The application, which connects when it is first asked and disconnects when it ends.

    Args:
        settings: the deployment's.
        keys: of those who may call.
    """
    backends, metrics, rates = Backends(settings), health.ServiceMetrics(), Rates(settings.service_rate)
    saved = Saved(backends)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        backends.begin()
        yield
        await backends.close()

    app = FastAPI(
        title="Streamer",
        version=streamer.__version__,
        description=_ABOUT,
        lifespan=lifespan,
        responses=problems.RESPONSES,
        docs_url=None,  # their pages come from other hosts
        redoc_url=None,
        redirect_slashes=False,  # another path is another user
    )
    app.add_middleware(BoundedBodies)
    app.add_middleware(Guard, keys=keys, rates=rates)
    app.add_middleware(PathsAsSent)
    app.add_middleware(health.Measured, metrics=metrics)  # the last one is the first that a request meets
    app.state.ending = backends.ending
    problems.install(app)
    app.include_router(health.router(backends, metrics))
    app.include_router(lists.router(backends))
    app.include_router(explaining.router(backends, saved))
    app.include_router(sending.router(backends))
    app.mount(CONSOLE, console.create(backends, saved, keys, rates))

    @app.get(CONSOLE, include_in_schema=False)
    async def into_console() -> Response:
        return RedirectResponse(f"{CONSOLE}/", HTTPStatus.SEE_OTHER)

    app.openapi = partial(_with_problems, app.openapi)  # type: ignore[method-assign]
    return app


def _with_problems(made: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    found = made()
    found["components"]["schemas"] |= {
        "Problem": problems.SHAPE,
        **schemas_of(ScoreRequest, ManyScoresRequest, EventsRequest),
    }
    return found


def contract() -> str:
    """The service's OpenAPI document, as JSON text."""
    app = create(Settings.model_construct(), ApiKeys(()))
    return orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
