"""The population agent: deltas to the aggregator, and once an interval what follows from them to topics and Redis.

A process of its own, so that it can stall neither signals nor the publisher. While Redis is away, topics and workers
have the figures all the same; Redis gets the newest ones when it is back.
"""

from __future__ import annotations

import logging

import faust
from faust.types import StreamT

from streamer.engine.kafka.transport import BatchConsumer, Delivery, deliveries
from streamer.engine.metrics import Metrics
from streamer.engine.population.aggregator import Aggregator
from streamer.engine.population.announcement import Announcement
from streamer.errors import RedisUnavailable
from streamer.settings import Settings
from streamer.sinks.population import PopulationWriter, figures_of

log = logging.getLogger(__name__)


class PopulationAgent:
    """The aggregator, and Redis after it.

    Args:
        settings: the deployment's.
        metrics: where to count.
        aggregator: adds up.
        owner: the outbox and its cluster (:func:`streamer.producing.outbox.outbox_of`).
    """

    def __init__(self, settings: Settings, metrics: Metrics, aggregator: Aggregator, owner: str) -> None:
        self._owner = owner
        self._settings = settings
        self._metrics = metrics
        self._aggregator = aggregator
        self._writer: PopulationWriter | None = None

    async def start(self, consumer: BatchConsumer) -> None:
        """Opens Redis, which may be away, and Kafka, which may not."""
        settings = self._settings
        self._writer = PopulationWriter(
            settings.redis_url, timeout=settings.redis_timeout, prefix=settings.redis_prefix, owner=self._owner
        )
        await self._aggregator.start(consumer)

    async def stop(self) -> None:
        """Saves the totals."""
        await self._aggregator.stop()
        if self._writer is not None:
            await self._writer.close()

    async def round(self) -> None:
        """One round: totals saved, figures announced, Redis brought up to date."""
        announced = await self._aggregator.round()
        if announced is not None:
            await self._to_redis(announced)

    async def _to_redis(self, announced: Announcement) -> None:
        assert self._writer is not None
        try:
            written = await self._writer.write(figures_of(*announced))
        except RedisUnavailable as error:
            self._metrics.redis_errors.labels(error.reason).inc()
            log.warning("the population's figures wait for Redis until the next round: %s", error)
        else:
            if written is None:
                log.warning("Redis has newer figures of the population than this agent's, which are not written")
            self._metrics.redis_writes.labels("figures").inc(written or 0)


def install(
    app: faust.App, settings: Settings, metrics: Metrics, aggregator: Aggregator, owner: str
) -> PopulationAgent:
    """Adds the agent and its rounds to the app."""
    agent = PopulationAgent(settings, metrics, aggregator, owner)

    async def count(stream: StreamT[Delivery]) -> None:
        async for delivery in deliveries(stream):
            for tp, batch in delivery.items():
                await aggregator.receive(tp, batch)

    app.agent(app.topic(settings.topics.population), name="population")(count)
    app.timer(settings.population_interval, name="round")(agent.round)
    return agent
