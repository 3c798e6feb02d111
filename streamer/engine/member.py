"""What takes part in a consumer group with an engine of its own: workers, and the population agent.

Faust seam: ``BatchConsumer``'s hooks for assignment and revocation.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from faust.types import TP

from streamer.clock import wall_ms
from streamer.engine.kafka.producer import BatchProducer
from streamer.engine.kafka.transport import BatchConsumer
from streamer.engine.metrics import Metrics
from streamer.settings import Settings


class Member(ABC):
    """Holds what is assigned to this process, from its recovery until it is revoked.

    Args:
        settings: the deployment's settings.
        metrics: where to count.
        crash: told of an error that the process cannot survive.
        now_ms: the wall clock, ms since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        crash: Callable[[BaseException], Awaitable[None]],
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._crash = crash
        self._now_ms = now_ms
        self._producer = BatchProducer(settings)
        self._recovering: asyncio.Task[None] | None = None

    async def start(self, consumer: BatchConsumer) -> None:
        """Connects to the broker and listens for assignments.

        Raises:
            BrokerUnavailable: no broker answered in time.
        """
        await self._producer.start()
        self._join(consumer)
        consumer.before_revoked = self._before_revoked
        consumer.before_assigned = self._before_assigned

    async def stop(self) -> None:
        """Saves and commits what it may, and disconnects."""
        await self._let_go()
        await self._producer.close()

    @abstractmethod
    def _join(self, consumer: BatchConsumer) -> None:
        """The producer is connected; this consumer is about to join its group."""

    @abstractmethod
    async def _before_assigned(self, tps: set[TP]) -> None:
        """These, and no others, are about to be this process's."""

    @abstractmethod
    async def _let_go(self) -> None:
        """Saves, commits and forgets what is assigned, while it is still ours."""

    async def _before_revoked(self, _tps: set[TP]) -> None:
        await self._let_go()

    async def _end_recovery(self) -> None:
        """Ends a recovery under way: what it reads is another's from now on."""
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)
            self._recovering = None
