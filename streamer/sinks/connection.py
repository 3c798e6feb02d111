"""Connections to Redis: what their errors are, what they mean, and closing them in the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Self, TypeAlias

import redis
import redis.asyncio
import redis.asyncio.sentinel
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
)

SyncClient: TypeAlias = redis.Redis | redis.RedisCluster
AsyncClient: TypeAlias = redis.asyncio.Redis | redis.asyncio.RedisCluster

CLIENT_ERRORS: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What a client raises when it gets no answer, or an error for one."""


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


async def close(client: AsyncClient) -> None:
    """Closes a client's connections, those to Sentinels too."""
    await client.aclose()
    pool = client.connection_pool if isinstance(client, redis.asyncio.Redis) else None
    if isinstance(pool, redis.asyncio.sentinel.SentinelConnectionPool):
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


async def leave_replica(client: AsyncClient, error: BaseException) -> None:
    """Drops all connections if the server said that it is a replica: the address may lead to another one by now.

    A failover behind one address (a DNS name, a virtual IP) leaves connections to the old primary open.
    """
    if _says(error, ReadOnlyError) and isinstance(client, redis.asyncio.Redis):
        await client.connection_pool.disconnect()


def advice(error: Exception) -> str:
    """What to do about a client's error."""
    return next(
        (what for kind, what in _ADVICE.items() if _says(error, kind)),
        "check that it runs, that redis_url is right, and that it is not overloaded",
    )


_CODES: Final = {NoPermissionError: "-NOPERM ", ReadOnlyError: "-READONLY ", OutOfMemoryError: "-OOM "}
"""How errors stand in the text of a script's error, of Redis before 7."""
_ADVICE: Final[dict[type[RedisError], str]] = {
    AuthenticationError: "check user and password in redis_url",
    NoPermissionError: "give its user the right to (docs/operations.md names all that are needed)",
    ReadOnlyError: "it is a replica; let redis_url lead to the primary, or wait for the failover to end",
    OutOfMemoryError: "it is full; raise its maxmemory",
    BusyLoadingError: "it is loading its data; wait until it is done",
}


def _says(error: BaseException, kind: type[RedisError]) -> bool:
    return isinstance(error, kind) or (kind in _CODES and _CODES[kind] in str(error))
