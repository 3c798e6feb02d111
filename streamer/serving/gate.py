"""How many requests of a reader may be under way at once: the others wait, as long as for an answer.

A pool of the client alone would raise at once, or open as many connections as there are callers; and those that block
(redis-py's ``BlockingConnectionPool``) are for single servers, not for Sentinels and Clusters.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from streamer.errors import RedisUnavailable, SettingsError


class _Places:
    def __init__(self, size: int, timeout: float) -> None:
        if size < 1:
            raise SettingsError([f"pool: must be >= 1 connection, got {size}"])
        self._size = size
        self._timeout = timeout

    def _full(self) -> RedisUnavailable:
        return RedisUnavailable(
            f"all {self._size} connections of this reader were in use for {self._timeout:g} s: give it more (pool), "
            "or see why Redis is slow",
            "slow",
        )


class Gate(_Places):
    """For threads.

    Args:
        size: how many pass at once.
        timeout: s to wait.

    Raises:
        SettingsError: nobody could pass.
    """

    def __init__(self, size: int, timeout: float) -> None:
        super().__init__(size, timeout)
        self._free = threading.BoundedSemaphore(size)

    @contextmanager
    def passed(self) -> Iterator[None]:
        """One request.

        Raises:
            RedisUnavailable: none of the others ended in time.
        """
        if not self._free.acquire(timeout=self._timeout):
            raise self._full()
        try:
            yield
        finally:
            self._free.release()


class AsyncGate(_Places):
    """The same for tasks of one event loop."""

    def __init__(self, size: int, timeout: float) -> None:
        super().__init__(size, timeout)
        self._free = asyncio.BoundedSemaphore(size)

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """As :meth:`Gate.passed`."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._free.acquire()
        except TimeoutError:
            raise self._full() from None
        try:
            yield
        finally:
            self._free.release()
