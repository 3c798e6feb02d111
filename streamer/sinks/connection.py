"""Connections to Redis: what their errors are, what they mean, and closing them in the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias

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
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from streamer.errors import RedisReason

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


class Cause(NamedTuple):
    """Why Redis did not do as asked.

    Attributes:
        reason: in a word.
        advice: what to do.
    """

    reason: RedisReason
    advice: str


def cause_of(error: BaseException) -> Cause:
    """Why a client raised this."""
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return _SLOW
    found = (cause for kind, cause in _BY_KIND.items() if isinstance(error, kind))
    coded = (cause for code, cause in _BY_CODE.items() if _has_code(error, code))
    return next(found, None) or next(coded, None) or _AWAY


def _says(error: BaseException, kind: type[RedisError]) -> bool:
    return isinstance(error, kind) or any(
        cause is _BY_KIND[kind] and _has_code(error, code) for code, cause in _BY_CODE.items()
    )


def _has_code(error: BaseException, code: str) -> bool:
    """Whether it is a server's error with this code, be it in the text of a script's error, of Redis before 7."""
    return isinstance(error, ResponseError) and (str(error).startswith(f"{code} ") or f"-{code} " in str(error))


_SLOW: Final = Cause(
    "slow", "it is too slow or does not answer: check that it runs and is not overloaded, or raise redis_timeout"
)
_AWAY: Final = Cause("away", "check that it runs, that redis_url is right, and that it is not overloaded")
_DENIED: Final = Cause("denied", "give its user the right to (docs/connect.md names all that are needed)")
_REPLICA: Final = Cause(
    "replica", "it is a replica; let redis_url lead to the primary, or wait for the failover to end"
)
_FULL: Final = Cause("full", "it is full; raise its maxmemory")
_LOADING: Final = Cause("loading", "it is loading its data; wait until it is done")
_BY_KIND: Final[Mapping[type[RedisError], Cause]] = {
    AuthenticationError: Cause("denied", "check user and password in redis_url"),
    NoPermissionError: _DENIED,
    ReadOnlyError: _REPLICA,
    OutOfMemoryError: _FULL,
    BusyLoadingError: _LOADING,
}
_BY_CODE: Final[Mapping[str, Cause]] = {
    "NOPERM": _DENIED,
    "READONLY": _REPLICA,
    "OOM": _FULL,
    "LOADING": _LOADING,
    "MISCONF": Cause("refused", "it cannot save to its disk, and takes no writes until it can"),
    "NOREPLICAS": Cause("refused", "it takes no writes until enough replicas follow it (min-replicas-to-write)"),
    "WRONGTYPE": Cause("refused", "a stranger's value stands at a key of Streamer's; delete it, or set redis_prefix"),
    "BUSY": Cause("slow", "somebody's script blocks it; wait, or end it with SCRIPT KILL"),
    "CLUSTERDOWN": Cause("away", "slots of the Cluster have no primary; wait for the failover, or bring the node back"),
}
