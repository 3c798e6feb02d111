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
_OPEN: Final = ("/livez", "/readyz", "/openapi.json")
_REFUSED: Final = {"WWW-Authenticate": "Bearer"}


class Guard:
    """ASGI middleware that lets callers in.

    Args:
        app: what comes behind it.
        keys: theirs.
        rate: requests that each may send in a second to this process.
    """

    def __init__(self, app: ASGIApp, keys: ApiKeys, rate: int) -> None:
        self._app = app
        self._keys = keys
        self._limit = RateLimitItemPerSecond(rate)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in _OPEN:
            key = _key_of(scope)
            caller = None if key is None else self._keys.caller(key)
            if caller is None:
                detail = "send an API key:  Authorization: Bearer KEY" if key is None else "this API key is not known"
                await problem(HTTPStatus.UNAUTHORIZED, detail, _REFUSED)(scope, receive, send)
                return
            if not self._limiter.hit(self._limit, caller.name):
                detail = f"more than {self._limit.amount} requests in a second"
                await problem(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": "1"})(scope, receive, send)
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


def _key_of(scope: Connection) -> str | None:
    sent = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    kind, _, key = sent.decode("latin-1").partition(" ")
    return key.strip() if kind.lower() == "bearer" and key.strip() else None
