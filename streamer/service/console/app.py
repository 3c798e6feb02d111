"""The console put together: an application of its own below ``/console``, whose errors are pages."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from streamer.errors import StreamerError
from streamer.service.backends import Backends
from streamer.service.console import acts, login, pipeline, population, rejects, user
from streamer.service.console.gate import Gate
from streamer.service.console.pages import STATIC, Pages
from streamer.service.console.sessions import Sessions
from streamer.service.guard import Rates
from streamer.service.keys import ApiKeys
from streamer.service.problems import places, sayable, told
from streamer.service.saved import Saved


def create(backends: Backends, saved: Saved, keys: ApiKeys, rates: Rates) -> ASGIApp:
    """The application, to be mounted.

    Args:
        backends: Kafka and Redis.
        saved: what workers have saved.
        keys: of those who may log in.
        rates: of requests, shared with the rest of the service.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    pages, sessions = Pages(), Sessions()
    app.mount("/static", StaticFiles(directory=STATIC))
    app.include_router(login.router(pages, keys, sessions))
    app.include_router(user.router(pages, backends, saved))
    app.include_router(acts.router(backends))
    app.include_router(population.router(pages, backends))
    app.include_router(pipeline.router(pages, backends))
    app.include_router(rejects.router(pages, backends))
    _install_errors(app, pages)
    return Gate(app, sessions, rates)


def _install_errors(app: FastAPI, pages: Pages) -> None:
    async def of_any(request: Request, error: Exception) -> Response:
        found = told(request, error)
        answer = pages(request, "error", found.status_code, title=_title(found.status_code), detail=found.detail)
        answer.headers.update(found.headers or {})
        return answer

    async def of_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = places(error)[0]
        detail = sayable(f"{first['at'].rpartition('/')[2]}: {first['problem']}")
        return pages(request, "error", HTTPStatus.UNPROCESSABLE_ENTITY, title="This cannot be asked", detail=detail)

    app.add_exception_handler(RequestValidationError, of_validation)
    for kind in (HTTPException, StreamerError, Exception):
        app.add_exception_handler(kind, of_any)


def _title(status: int) -> str:
    titles = {
        400: "This cannot be read",
        403: "You may not do this",
        404: "There is no such page",
        405: "This cannot be done here",
        503: "Something is away",
    }
    return titles.get(status, "This did not work")
