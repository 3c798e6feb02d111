"""What takes part in a consumer group with an engine of its own: workers, and the population agent.

Faust seam: ``BatchConsumer``'s hooks for assignment and revocation.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka.errors import ProducerFenced
from faust.types import TP

from streamer.clock import wall_ms
from streamer.engine.kafka.producer import BatchProducer
from streamer.engine.kafka.transport import BatchConsumer
from streamer.engine.metrics import Metrics
from streamer.engine.trusted_clock import TrustedClock
from streamer.errors import BrokerUnavailable, TakenOver
from streamer.settings import Settings

log: Final = logging.getLogger(__name__)

_TRIED_AGAIN_S: Final = 60.0


class Member(ABC):
    """Holds what is assigned to this process, from its recovery until it is revoked.

    Args:
        settings: the deployment's settings.
        metrics: where to count.
        crash: told of an error that the process cannot survive.
        now_ms: the wall clock, ms since 1970; what is told the time goes by it as far as brokers confirm it.
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
        self._clock = TrustedClock(now_ms)
        self._producer = BatchProducer(settings, self._clock.heard)
        self._recovering: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def start(self, consumer: BatchConsumer) -> None:
        """Connects to the broker and listens for assignments.

        Raises:
            BrokerUnavailable: no broker answered in time.
            TopicsError: a topic that it writes to is not there.
        """
        await self._producer.start(self._written())
        self._join(consumer)
        consumer.before_revoked = self._before_revoked
        consumer.before_assigned = self._before_assigned
        self._renewing = asyncio.create_task(self._keep_claims())

    async def stop(self) -> None:
        """Saves and commits what it may, and disconnects."""
        await self._release()
        if self._renewing is not None:
            self._renewing.cancel()
        await self._producer.close()

    async def _keep_claims(self) -> None:
        """Renews what this process owns, before brokers forget that it does (``engine/kafka/claims.py``)."""
        wait_s, told = 0.0, ""
        while True:
            await asyncio.sleep(wait_s)
            try:
                wait_s = await self._producer.renewed_after_s()
                await self._producer.renew()
            except BrokerUnavailable as error:
                if str(error) != told:
                    log.warning("what this process owns is not claimed again, it is tried soon: %s", error)
                wait_s, told = min(wait_s, _TRIED_AGAIN_S), str(error)
            except Exception as error:
                await self._fail(error)
                raise
            else:
                log.debug("claimed again what this process owns")

    @abstractmethod
    def _written(self) -> list[str]:
        """The topics that this process writes to."""

    @abstractmethod
    def _join(self, consumer: BatchConsumer) -> None:
        """The producer is connected; this consumer is about to join its group."""

    @abstractmethod
    async def _before_assigned(self, tps: set[TP]) -> None:
        """These, and no others, are about to be this process's."""

    @abstractmethod
    async def _let_go(self) -> None:
        """Saves, commits and forgets what is assigned, while it is still ours."""

    def _measure_clock(self) -> None:
        self._metrics.clock_off.set(self._clock.off_ms / 1000)

    @abstractmethod
    async def _fail(self, error: Exception) -> None:
        """Ends the process, which cannot survive this error."""

    async def _before_revoked(self, _tps: set[TP]) -> None:
        await self._release()

    async def _release(self) -> None:
        self._producer.unclaim()
        await self._let_go()

    async def _end_recovery(self) -> None:
        """Ends a recovery under way: what it reads is another's from now on."""
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)
            self._recovering = None


def explained(error: Exception) -> Exception:
    """The error to end with: a refusal by the broker says too little."""
    if not isinstance(error, ProducerFenced):
        return error
    return TakenOver(
        "another process has taken over this one's partitions, or may have, because it gave no sign of life for "
        "worker_timeout: restart it. If this happens often, raise worker_timeout"
    )
