"""The way into every route: a key, its scope, its rate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from streamer.service.keys import ApiKeys, Caller, Scope
from streamer.service.problems import Problem

_BEARER: Final = HTTPBearer(auto_error=False, description="An API key; `streamer api-key` makes one.")
_REFUSED: Final = {"WWW-Authenticate": "Bearer"}


class Guard:
    """Lets callers in.

    Args:
        keys: theirs.
        rate: requests that each may send in a second.
    """

    def __init__(self, keys: ApiKeys, rate: int) -> None:
        self._keys = keys
        self._limit = RateLimitItemPerSecond(rate)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def needs(self, scope: Scope) -> Callable[..., Awaitable[Caller]]:
        """A dependency of routes: the caller, who has this scope."""

        async def caller(sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> Caller:
            if sent is None:
                raise Problem(HTTPStatus.UNAUTHORIZED, "send an API key:  Authorization: Bearer KEY", _REFUSED)
            found = self._keys.caller(sent.credentials)
            if found is None:
                raise Problem(HTTPStatus.UNAUTHORIZED, "this API key is not known", _REFUSED)
            if scope not in found.scopes:
                raise Problem(HTTPStatus.FORBIDDEN, f"this API key lacks the scope {scope!r}")
            if not self._limiter.hit(self._limit, found.name):
                detail = f"more than {self._limit.amount} requests in a second"
                raise Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": "1"})
            return found

        return caller
