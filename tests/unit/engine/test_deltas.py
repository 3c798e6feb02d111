"""Deltas on their way out of a worker: added up over its partitions, and never passed over by a checkpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from streamer.engine.kafka.compacted import CompactedTopic
from streamer.engine.kafka.producer import NewRecord, Sent
from streamer.engine.metrics import Metrics
from streamer.engine.population.deltas import DeltaWriter
from streamer.population import Deltas, Key, Totals
from streamer.population.sums import TagSums
from streamer.testing.broker import MemoryBroker, MemoryProducer

GORE = Key("tag", "gore")


class Failing(MemoryProducer):
    """Never takes what it is sent while it is told to fail."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.fail: Exception | None = None
        super().__init__(self.broker)

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        if self.fail is not None:
            raise self.fail
        return await super().send(topic, partition, groups)


def one_user() -> Deltas:
    deltas = Deltas()
    deltas.add(GORE, TagSums(users=1))
    return deltas


def users_told(producer: Failing) -> int:
    totals = Totals()
    for record in producer.broker.logs["population"]:
        totals.take_in(record.key or b"", record.value or b"")
    return totals.tags["gore"].users if "gore" in totals.tags else 0


def test_the_users_of_many_slices_are_one_record() -> None:
    async def run() -> Failing:
        producer = Failing()
        writer = DeltaWriter(producer, "population", Metrics())
        for _ in range(100):
            writer.waiting.merge(one_user())
        await writer.flush()
        await writer.flush()
        return producer

    producer = asyncio.run(run())
    assert (len(producer.broker.logs["population"]), users_told(producer)) == (1, 100)


def test_checkpoints_of_several_partitions_at_once_all_wait_for_the_broker() -> None:
    async def run() -> list[int]:
        producer = Failing()
        writer = DeltaWriter(producer, "population", Metrics())
        writer.waiting.merge(one_user())

        async def checkpoint() -> int:
            await writer.flush()
            return users_told(producer)

        return await asyncio.gather(*(checkpoint() for _ in range(3)))

    assert asyncio.run(run()) == [1, 1, 1]


def test_after_a_flush_that_failed_no_checkpoint_passes_without_it() -> None:
    async def run() -> Failing:
        producer = Failing()
        writer = DeltaWriter(producer, "population", Metrics())
        writer.waiting.merge(one_user())
        producer.fail = ConnectionError()
        for _ in range(2):
            with pytest.raises(ConnectionError):
                await writer.flush()
        producer.fail = None
        writer.waiting.merge(one_user())
        await writer.flush()
        return producer

    assert users_told(asyncio.run(run())) == 2


def test_a_compacted_topic_is_sent_only_what_differs() -> None:
    async def run() -> list[tuple[bytes | None, bytes | None]]:
        producer = Failing()
        topic = CompactedTopic(producer, "lists", {b"old": b"1", b"same": b"1"})
        assert await topic.replace({b"same": b"1", b"new": b"1"}) == 2
        assert await topic.replace({b"same": b"2", b"new": b"1"}) == 1
        assert await topic.replace({b"same": b"2", b"new": b"1"}) == 0
        return [(record.key, record.value) for record in producer.broker.logs["lists"]]

    assert asyncio.run(run()) == [(b"new", b"1"), (b"old", None), (b"same", b"2")]
