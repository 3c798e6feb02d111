"""The thread that fetches: how its consumer is made, and what a fetch hands to the app's thread.

Faust seam: the aiokafka driver's consumer thread, subclassed.

Replaces:
- ``ConsumerThread.getmany``, whose queue of methods wakes two tasks a call.
- ``seek_to_committed``, which leaves partitions without a commit where they are.
- what the consumer is made with: it waits less long for records (``engine/kafka/fetching.py``), bootstraps from servers
  that answer (``engine/kafka/connecting/bootstrap.py``), and may leave out what no transaction has committed.

What must hold for it to be right: a ``Fetched`` is made here, together with the records it belongs to. Nothing that the
app waits for waits without a bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import OffsetResetStrategy
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streamer.engine.kafka import fetching, positions
from streamer.engine.kafka.connecting import bootstrap
from streamer.engine.kafka.connecting.worker_security import context_of
from streamer.engine.kafka.records import Fetched, Record


class FetchedRecords(dict[TP, list[Record]]):
    """Fetched records, the group generation they were fetched in, and how far they leave every partition."""

    generation: int
    how_far: Mapping[TP, Fetched]


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The stock consumer thread, fetching with a short wait, at a measured pace, and telling how far that leaves it."""

    async def on_start(self) -> None:
        """Called by Faust in the thread, before anything is fetched."""
        await super().on_start()
        fetcher, consumer = self._ensure_consumer()._fetcher, cast(Any, self.consumer)
        out_of_range = positions.OutOfRange(consumer.out_of_range)
        pace = fetching.Pace(consumer.fetch_interval_s)
        fetching.install(fetcher, pace, out_of_range=out_of_range, count_unreadable=self._count_unreadable)
        positions.look_up_leaders(fetcher, out_of_range)

    def _count_unreadable(self, topic: str, count: int) -> None:
        told = cast(Any, self.consumer).count_unreadable
        if told is not None:
            told(topic, count)

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = fetching.FETCH_MAX_WAIT_MS
        if cast(Any, self.consumer).committed_only:
            consumer._isolation_level = fetching.READ_COMMITTED
        conf = self.app.conf
        bootstrap.choose(consumer._client, conf.broker_request_timeout, context_of(conf.broker_credentials))
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seeks to what is committed, and to the beginning of what never was, or there.

        aiokafka leaves both where they are, which is after records that were fetched and dropped during a rebalance.
        The beginning is not waited for: it is found once its leader is, and everything else goes on meanwhile.
        """
        committed = await super().seek_to_committed()
        left = [tp for tp, offset in committed.items() if not offset]  # None or 0
        if left:
            await self.call_thread(self._begin_at_the_beginning, left)
        return committed

    async def _begin_at_the_beginning(self, tps: list[TP]) -> None:
        self._ensure_consumer()._fetcher.request_offset_reset(tps, OffsetResetStrategy.EARLIEST)

    async def getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        """Called in the app's thread: fetches in this one."""
        consumer = self._ensure_consumer()
        active = cast("set[TP]", active_partitions)  # None, of a client that is no worker, is passed on as it is
        fetching = self._fetch_records(consumer, active, timeout, consumer._max_poll_records)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(fetching, self.thread_loop))

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> FetchedRecords:
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        result = FetchedRecords(cast("dict[TP, list[Record]]", records))
        result.generation = self.app.consumer_generation_id
        result.how_far = fetching.how_far(consumer)
        return result
