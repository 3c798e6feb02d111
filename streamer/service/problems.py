"""Errors as ``application/problem+json`` (RFC 9457): what is wrong and what to do, never a traceback."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from streamer.errors import DeliveryError, InvalidEvent, RedisUnavailable, StateError, StreamerError, Unavailable

log: Final = logging.getLogger(__name__)

RETRY_AFTER_S: Final = 1
SHAPE: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_WHEN: Final = {
    400: "the body is no JSON",
    401: "no API key, or one that is not known",
    403: "the API key lacks the scope",
    404: "there is no such route",
    405: "no such method",
    408: "the body did not arrive in time",
    413: "the body is too large",
    422: "something in the request is not as documented",
    429: "too many requests",
    500: "an error of the service",
    503: "Redis or Kafka is away",
}
_CONTENT: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
RESPONSES: Final[dict[int | str, dict[str, object]]] = {
    status: {"description": when, "content": _CONTENT} for status, when in _WHEN.items()
}
"""What any route may answer, for OpenAPI; each has the shape :data:`SHAPE`, there ``Problem``."""


class Problem(HTTPException):
    """An answer that is no success, with its reason for the caller."""

    def __init__(self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: object) -> Response:
    """A problem as a response.

    Args:
        status: of HTTP.
        detail: one line for whoever called.
        headers: beside the usual ones.
        more: further members.
    """
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(orjson.dumps(body), status, headers, media_type="application/problem+json")


def sayable(text: str) -> str:
    """The text as UTF-8 has it: what callers send may have half a surrogate pair, and so may what is said of it."""
    return text.encode(errors="replace").decode()


def install(app: FastAPI) -> None:
    """Lets every error of the application end as a problem."""
    app.add_exception_handler(RequestValidationError, _of_validation)
    for kind in (HTTPException, StreamerError, Exception):
        app.add_exception_handler(kind, _of_any)


def told(request: Request, error: Exception) -> Problem:
    """What whoever called is told of any error; what else there is to it goes to the log."""
    if isinstance(error, HTTPException):
        return Problem(HTTPStatus(error.status_code), str(error.detail), dict(error.headers or {}))
    if isinstance(error, InvalidEvent):
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, sayable(error.detail))
    if isinstance(error, Unavailable | DeliveryError):
        log.warning("%s %s: %s", request.method, _route_of(request), error)
        what = "Redis" if isinstance(error, RedisUnavailable) else "Kafka"
        detail = f"{what} does not answer: try again in a moment"
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_AFTER_S)})
    if isinstance(error, StreamerError):
        kind = type(error).__name__  # what it says may name a user
        log.error("%s %s: %s", request.method, _route_of(request), kind)
        what = "what is stored cannot be read" if isinstance(error, StateError) else "this cannot be done"
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"{what} ({kind}):  streamer inspect USER  says more")
    log.error("unexpected", exc_info=error)
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "an error of the service: its log says which")


def places(error: RequestValidationError) -> list[dict[str, str]]:
    """Where a request is not as documented, and how."""
    found = [
        {"at": "/".join(str(step) for step in each["loc"]), "problem": each["msg"]} for each in error.errors()[:20]
    ]
    return found or [{"at": "body", "problem": "it is not as documented"}]


async def _of_any(request: Request, error: Exception) -> Response:
    found = told(request, error)
    more = {"code": error.code} if isinstance(error, InvalidEvent) else {}
    return problem(found.status_code, found.detail, dict(found.headers or {}), **more)


async def _of_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = places(error)
    detail = f"{found[0]['at']}: {found[0]['problem']}"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, sayable(detail), errors=found)


def _route_of(request: Request) -> str:
    """Never the path itself, which has users' ids."""
    return str(getattr(request.scope.get("route"), "path", "none"))
