"""Readers of documents that are in memory: those of the serving tier in everything but where they fetch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from streamer.serving import AsyncAvoidListReader, AvoidListReader
from streamer.serving.cache import NearCache
from streamer.serving.lookup import Lookups
from streamer.sinks.keys import Keys

Redis: TypeAlias = Callable[[str], bytes | None]
"""What stands at a key; None: nothing."""


class MemoryReader(AvoidListReader):
    """An :class:`AvoidListReader` that needs no Redis and asks anew every time.

    Args:
        redis: what would stand at a key.
        clock: ms since 1970.
        explore: as that of :class:`AvoidListReader`.
    """

    def __init__(self, redis: Redis, clock: Callable[[], int], explore: float) -> None:
        self._redis = redis
        self._lookups = _lookups(clock, explore)

    def _fetch(self, keys: list[str]) -> list[bytes | None]:
        return [self._redis(key) for key in keys]


class AsyncMemoryReader(AsyncAvoidListReader):
    """The same on asyncio, an :class:`AsyncAvoidListReader`."""

    def __init__(self, redis: Redis, clock: Callable[[], int], explore: float) -> None:
        self._redis = redis
        self._lookups = _lookups(clock, explore)

    async def _fetch(self, keys: list[str]) -> list[bytes | None]:
        return [self._redis(key) for key in keys]


def _lookups(clock: Callable[[], int], explore: float) -> Lookups:
    return Lookups(
        on_unavailable="raise",
        explore=explore,
        clock=clock,
        cache=NearCache(0, 0, time.monotonic),
        defaults=NearCache(0, 0, time.monotonic),
        keys=Keys(),
    )
