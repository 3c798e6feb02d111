"""The publisher agent: brings every change of the outbox to Redis, and lets it be committed when Redis has it.

While Redis is away the position is kept and the outbox's partitions are held, so that nothing piles up and the other
agents of the app go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Final, cast

import faust
from faust.types import TP, StreamT

from streamer.agents.restoring import Restoring
from streamer.clock import wall_ms
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.transport import BatchConsumer, Delivery, deliveries
from streamer.engine.metrics import Metrics
from streamer.errors import RedisReason, RedisUnavailable, StateCorrupt
from streamer.settings import Settings
from streamer.sinks.address import RedisAddress
from streamer.sinks.keys import Keys
from streamer.sinks.redis import AvoidListWriter, Outbox
from streamer.sinks.trial import oddities
from streamer.sinks.updates import Update

log: Final = logging.getLogger(__name__)

_FETCH_INTERVAL_S: Final = 0.005
"""Lists change far less often than events come, so there is little to wait for."""
_DIGITS: Final = 20
_LOOK_S: Final = 5.0
"""How often Redis is asked whether it has lost anything, s, where no list changes."""


class Publisher:
    """Writes what comes of the outbox to Redis.

    Args:
        settings: the deployment's.
        metrics: where to count.
        owner: the outbox and its cluster (:func:`streamer.producing.outbox.outbox_of`).
    """

    def __init__(self, settings: Settings, metrics: Metrics, owner: str) -> None:
        self._settings = settings
        self._outbox_of = Outbox(settings.topics.avoid_lists, owner)
        self._metrics = metrics
        self._stop = asyncio.Event()
        self._odd_told = False
        self._writer: AvoidListWriter | None = None
        self._restoring: Restoring | None = None
        self._consumer: BatchConsumer | None = None

    async def start(self, consumer: BatchConsumer) -> None:
        """Opens Redis; a Redis that is away is waited for, not an error."""
        settings = self._settings
        self._writer = AvoidListWriter(
            settings.redis_url,
            timeout=settings.redis_timeout,
            clock=settings.clock,
            prefix=settings.redis_prefix,
            outbox=self._outbox_of,
        )
        self._restoring = Restoring(settings, self._metrics, self._writer)
        self._consumer = consumer
        consumer.before_revoked = self._before_revoked
        consumer.fetch_interval_s = _FETCH_INTERVAL_S

    async def stop(self) -> None:
        """Gives up waiting; commits what Redis has."""
        self._stop.set()
        if self._consumer is not None:
            await self._consumer.commit()
        if self._restoring is not None:
            await self._restoring.close()
        if self._writer is not None:
            await self._writer.close()

    async def publish(self, delivery: Delivery) -> bool:
        """Writes all of it, however long Redis is away. Returns False if told to stop before it was written."""
        records = [(tp.partition, record) for tp, batch in delivery.items() for record in batch]
        assert self._writer is not None
        assert self._restoring is not None
        spans = self._restoring.spans_of(records)
        try:
            written = await self._writer.write_until_done(
                list(self._updates(records)), self._stop, spans=spans, on_error=self._away
            )
        except RedisUnavailable:
            log.warning("stopped while Redis is away: %d records will be written by the next publisher", len(records))
            return False
        self._back()
        for result in ("applied", "stale", "coalesced", "reserved"):
            self._metrics.redis_writes.labels(result).inc(getattr(written, result))
        self._observe_freshness(record for _, record in records)
        self._restoring.written(spans, written.missing)
        return True

    async def look_for_losses(self) -> None:
        """Looks whether Redis still has what it was given; to be called now and then."""
        if not self._odd_told:
            await self._tell_oddities()
        if self._restoring is not None and self._consumer is not None:
            found = {tp.partition: await self._consumer.position(tp) for tp in self._outbox()}
            await self._restoring.look({partition: at for partition, at in found.items() if at is not None})

    async def _tell_oddities(self) -> None:
        """Says once what may lose lists some day."""
        settings = self._settings
        address, keys = RedisAddress(settings.redis_url, settings.redis_timeout), Keys(settings.redis_prefix)
        with contextlib.suppress(RedisUnavailable):
            for each in await asyncio.to_thread(lambda: list(oddities(address, keys, settings.topics.avoid_lists))):
                log.warning("Redis at %s: %s", address, each)
            self._odd_told = True

    def _updates(self, records: Iterable[tuple[int, Record]]) -> Iterable[Update]:
        for partition, record in records:
            try:
                yield Update.of(record, partition, self._settings.window_days)
            except StateCorrupt as error:
                self._metrics.redis_writes.labels("corrupt").inc()
                log.error("%s", error)

    def _observe_freshness(self, records: Iterable[Record]) -> None:
        now_ms = wall_ms()
        for record in records:
            for name, value in record.headers:
                if name == "event_ts" and len(value) < _DIGITS and value.isdigit():  # else it is a stranger's
                    self._metrics.freshness.observe(max(0, now_ms - int(value)) / 1000)

    def _outbox(self) -> list[TP]:
        assert self._consumer is not None
        return [tp for tp in self._consumer.assignment() if tp.topic == self._settings.topics.avoid_lists]

    def _away(self, reason: RedisReason) -> None:
        self._metrics.redis_errors.labels(reason).inc()
        assert self._consumer is not None
        for tp in self._outbox():
            self._consumer.hold(tp)

    def _back(self) -> None:
        assert self._consumer is not None
        for tp in self._outbox():
            self._consumer.release(tp)

    async def _before_revoked(self, _revoked: set[TP]) -> None:
        assert self._consumer is not None
        assert self._restoring is not None
        self._restoring.forget()
        await self._consumer.commit()


def install(app: faust.App, settings: Settings, metrics: Metrics, owner: str) -> Publisher:
    """Adds the agent to the app."""
    publisher = Publisher(settings, metrics, owner)

    async def publish(stream: StreamT[Delivery]) -> None:
        async for delivery in deliveries(stream):
            try:
                if await publisher.publish(delivery):
                    cast(BatchConsumer, app.consumer).finished(delivery)
            except Exception as error:
                await app.crash(error)  # else the agent restarts without this delivery
                raise

    app.agent(app.topic(settings.topics.avoid_lists), name="publisher")(publish)
    app.timer(_LOOK_S, name="losses")(publisher.look_for_losses)
    return publisher
