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
    """The aggregator, and Redis after it."""

    def __init__(self, settings: Settings, metrics: Metrics, aggregator: Aggregator) -> None:
        self._settings = settings
        self._metrics = metrics
        self._aggregator = aggregator
        self._writer: PopulationWriter | None = None

    async def start(self, consumer: BatchConsumer) -> None:
        """Opens Redis, which may be away, and Kafka, which may not."""
        self._writer = PopulationWriter(self._settings.redis_url, timeout=self._settings.redis_timeout)
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
            self._metrics.redis_errors.inc()
            log.warning("the population's figures wait for Redis until the next round: %s", error)
        else:
            if written is None:
                log.warning("Redis has newer figures of the population than this agent's, which are not written")
            self._metrics.redis_writes.labels("figures").inc(written or 0)


def install(app: faust.App, settings: Settings, metrics: Metrics, aggregator: Aggregator) -> PopulationAgent:
    """Adds the agent and its rounds to the app."""
    agent = PopulationAgent(settings, metrics, aggregator)

    async def count(stream: StreamT[Delivery]) -> None:
        async for delivery in deliveries(stream):
            for tp, batch in delivery.items():
                await aggregator.receive(tp, batch)

    app.agent(app.topic(settings.topics.population), name="population")(count)
    app.timer(settings.population_interval, name="round")(agent.round)
    return agent
