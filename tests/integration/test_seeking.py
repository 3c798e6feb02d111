"""Where reading goes on after a rebalance has dropped what was fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka import KafkaProducer

from streamer.embedded import EmbeddedBroker
from streamer.engine.kafka.transport import BatchConsumerThread
from streamer.producing.connection import PROTOCOL

RECORDS = 40


class InThisThread(BatchConsumerThread):
    """The fetch thread's methods on a consumer of this thread."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    def _ensure_consumer(self) -> AIOKafkaConsumer:
        return self._consumer

    async def call_thread(self, call: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        return await call(*args, **kwargs)


async def read(consumer: AIOKafkaConsumer, partitions: set[TopicPartition]) -> dict[int, int]:
    """The first offset read of each partition, once something of each was read."""
    first: dict[int, int] = {}
    while len(first) < len(partitions):
        for tp, records in (await consumer.getmany(timeout_ms=100)).items():
            first.setdefault(tp.partition, records[0].offset)
    return first


def test_what_a_rebalance_drops_is_read_again_also_if_nothing_was_committed_yet(
    embedded_broker: EmbeddedBroker, prefix: str
) -> None:
    topic = prefix + "source"
    producer = KafkaProducer(bootstrap_servers=embedded_broker.bootstrap, api_version=PROTOCOL)
    for number in range(RECORDS):
        for partition in (0, 1):
            producer.send(topic, value=b"%d" % number, partition=partition)
    producer.flush(20)
    producer.close()

    async def seek() -> tuple[dict[int, int], dict[int, int]]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=embedded_broker.bootstrap,
            group_id=prefix + "group",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        async with consumer:
            committed, never = partitions = (TopicPartition(topic, 0), TopicPartition(topic, 1))
            consumer.assign(partitions)
            before = await read(consumer, set(partitions))
            await consumer.commit({committed: 7})
            assert await consumer.position(never) == RECORDS
            await InThisThread(consumer).seek_to_committed()
            return before, await read(consumer, set(partitions))

    assert asyncio.run(asyncio.wait_for(seek(), 60)) == ({0: 0, 1: 0}, {0: 7, 1: 0})
