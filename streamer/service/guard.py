"""The way into every route: a key, its rate, its scope, in this order, and all of it before a body is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from streamer.service.keys import ApiKeys, Caller, Scope
from streamer.service.problems import Problem, problem

_BEARER: Final = HTTPBearer(auto_error=False, description="An API key; `streamer api-key` makes one.")
_CALLER: Final = "streamer_caller"
CONSOLE: Final = "/console"
_OPEN: Final = ("/livez", "/readyz", "/openapi.json", CONSOLE)
_REFUSED: Final = {"WWW-Authenticate": "Bearer"}


class Rates:
    """How many requests callers send.

    Args:
        most: that each may send in a second to this process.
    """

    def __init__(self, most: int) -> None:
        self._limit = RateLimitItemPerSecond(most)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def excess(self, name: str) -> str | None:
        """Counts one request; what to tell the caller if it is one too many."""
        if self._limiter.hit(self._limit, name):
            return None
        return f"more than {self._limit.amount} requests in a second"


class Guard:
    """ASGI middleware that lets callers in. Below ``/console`` people come with sessions: it has a gate of its own.

    Args:
        app: what comes behind it.
        keys: theirs.
        rates: of their requests.
    """

    def __init__(self, app: ASGIApp, keys: ApiKeys, rates: Rates) -> None:
        self._app = app
        self._keys = keys
        self._rates = rates

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_open(scope["path"]):
            key = _key_of(scope)
            caller = None if key is None else self._keys.caller(key)
            if caller is None:
                detail = "send an API key:  Authorization: Bearer KEY" if key is None else "this API key is not known"
                await problem(HTTPStatus.UNAUTHORIZED, detail, _REFUSED)(scope, receive, send)
                return
            if (excess := self._rates.excess(caller.name)) is not None:
                await problem(HTTPStatus.TOO_MANY_REQUESTS, excess, {"Retry-After": "1"})(scope, receive, send)
                return
            scope[_CALLER] = caller
        await self._app(scope, receive, send)


def needs(scope: Scope) -> Callable[..., Awaitable[None]]:
    """A dependency of routes: the caller's key has this scope."""

    async def has(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        caller: Caller = request.scope[_CALLER]
        if scope not in caller.scopes:
            raise Problem(HTTPStatus.FORBIDDEN, f"this API key lacks the scope {scope!r}")

    return has


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith(CONSOLE + "/")


def _key_of(scope: Connection) -> str | None:
    sent = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    kind, _, key = sent.decode("latin-1").partition(" ")
    return key.strip() if kind.lower() == "bearer" and key.strip() else None
