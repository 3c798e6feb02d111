"""How Streamer connects to Redis: which client a URL means, its timeouts, and what its errors mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Self, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, RedisError

from streamer.errors import RedisUnavailable, SettingsError

SyncClient: TypeAlias = redis.Redis | redis.RedisCluster
AsyncClient: TypeAlias = redis.asyncio.Redis | redis.asyncio.RedisCluster

CLIENT_ERRORS: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What a client raises when it gets no answer, or an error for one."""

_SCHEMES: Final = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")


class AsyncClosing(ABC):
    """Closed at the end of an ``async with``."""

    @abstractmethod
    async def close(self) -> None:
        """Closes its connections."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()


class RedisAddress:
    """Where Redis is, and how long to wait for it.

    Args:
        url: ``redis://``, ``rediss://`` (TLS) or ``unix://``; ``redis+cluster://`` or ``rediss+cluster://`` names one
            node of a Cluster, which names the others.
        timeout: s to wait for a connection, and for an answer.

    Raises:
        SettingsError: if the URL is none of these, or the timeout is not above 0.

    >>> str(RedisAddress("redis://:secret@cache:6379/0", timeout=1))
    'redis://***@cache:6379/0'
    """

    def __init__(self, url: str, timeout: float) -> None:
        problems = []
        scheme = url.partition("://")[0]
        if scheme not in _SCHEMES:
            problems.append(
                f"redis_url: must begin with one of {', '.join(s + '://' for s in _SCHEMES)}; got {scheme!r}"
            )
        if not timeout > 0:
            problems.append(f"redis_timeout: must be > 0 s, got {timeout}")
        if not problems:
            self.is_cluster: Final = scheme.endswith("+cluster")
            self._url = url.replace("+cluster", "", 1)
            self._timeout = timeout
            self._shown = _without_password(url)
            try:
                redis.ConnectionPool.from_url(self._url)
            except ValueError as error:
                problems.append(f"redis_url: {error}")
        if problems:
            raise SettingsError(problems)

    def connect(self) -> SyncClient:
        """A client. A Cluster is asked for its nodes at once; otherwise nothing is sent yet."""
        # A pooled connection that Redis has closed is replaced once; what is slow is not asked twice.
        retry = redis.retry.Retry(NoBackoff(), 1, (RedisConnectionError,))
        kind = redis.RedisCluster if self.is_cluster else redis.Redis
        return kind.from_url(self._url, socket_timeout=self._timeout, socket_connect_timeout=self._timeout, retry=retry)

    def connect_async(self) -> AsyncClient:
        """An asyncio client; nothing is sent yet."""
        retry = redis.asyncio.retry.Retry(NoBackoff(), 1, (RedisConnectionError,))
        kind = redis.asyncio.RedisCluster if self.is_cluster else redis.asyncio.Redis
        return kind.from_url(self._url, socket_timeout=self._timeout, socket_connect_timeout=self._timeout, retry=retry)

    def unavailable(self, error: Exception) -> RedisUnavailable:
        """What to raise for a client's error."""
        what = str(error) or type(error).__name__
        return RedisUnavailable(
            f"Redis at {self} did not do as asked within {self._timeout:g} s ({what}):"
            " check that it runs, that redis_url is right, and that it is not overloaded or full"
        )

    def __str__(self) -> str:
        return self._shown


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    _, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"***@{host}" if at else host, parts.path, "", ""))
