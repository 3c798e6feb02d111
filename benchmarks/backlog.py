"""W as a backlog in Kafka: produced once, processed as often as wanted."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.workload import Workload
from streamer.events import Event, Watermark, encode
from streamer.producing import topics
from streamer.settings import Settings

_SAMPLE: Final = 80
"""About so many users are compared with the oracle."""
_ACTIVE: Final = 0.37
PARTITION_BY_KEY: Final = -1


class Sample:
    """All events of some users, picked as they pass.

    Args:
        users: how many pass.
    """

    def __init__(self, users: int) -> None:
        self._every = max(1, round(users / _SAMPLE))
        self.events: dict[str, list[Event]] = {}

    def __len__(self) -> int:
        return len(self.events)

    def see(self, event: Event) -> None:
        """Keeps an event of a picked user."""
        if zlib.crc32(event.user_id.encode()) % self._every == 0:
            self.events.setdefault(event.user_id, []).append(event)


class Backlog:
    """The four source topics filled with W, as far as the final watermarks.

    Args:
        workload: of what size.
        settings: names the topics.
        watermarks: end with a watermark record on every partition (peers do not know them).

    Attributes:
        events: of each topic, without prefix.
        records: as the worker counts them, watermarks included.
        sample: users to compare with the oracle.
    """

    def __init__(self, workload: Workload, settings: Settings, *, watermarks: bool) -> None:
        self.workload = workload
        self.settings = settings
        self.events: Counter[str] = Counter()
        self.sample = Sample(round(workload.users * _ACTIVE))
        topics.create(settings)
        fill(settings, self._seen(workload.stream()))
        self.records = self.events.total()
        if watermarks:
            self.records += send_watermarks(settings, workload.sealed_ms)

    def _seen(self, stream: Iterable[tuple[str, Event]]) -> Iterator[tuple[str, Event]]:
        for topic, event in stream:
            self.events[topic] += 1
            self.sample.see(event)
            yield topic, event


def open_producer(settings: Settings, linger_ms: int = 20) -> Producer:
    """A producer that partitions as every Java client does, and takes little CPU from what is measured."""
    return Producer(
        {
            "bootstrap.servers": settings.brokers,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "batch.size": 256 * 1024,
            "linger.ms": linger_ms,
            "acks": "all",
            "max.in.flight.requests.per.connection": 1,
            "queue.buffering.max.messages": 500_000,
            "log_level": 0,
        }
    )


def open_consumer(brokers: str, group: str) -> Consumer:
    """A consumer that commits nothing."""
    return Consumer({"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False, "log_level": 0})


def open_admin(settings: Settings) -> AdminClient:
    """For topics and groups."""
    return AdminClient({"bootstrap.servers": settings.brokers, "log_level": 0})


def fill(settings: Settings, stream: Iterable[tuple[str, Event]]) -> None:
    """Produces events in this order, as fast as the broker takes them."""
    producer = open_producer(settings)
    for topic, event in stream:
        produce(producer, settings.topic_prefix + topic, encode(event), event.user_id.encode())
    flush(producer)


def produce(
    producer: Producer, topic: str, value: bytes | None, key: bytes | None, partition: int = PARTITION_BY_KEY
) -> None:
    """Gives a record to a producer, waiting while its queue is full."""
    while True:
        try:
            producer.produce(topic, value, key, partition)
        except BufferError:
            producer.poll(0.1)
        else:
            return


def send_watermarks(settings: Settings, ts: int) -> int:
    """A watermark on every partition of every source topic; returns how many."""
    producer = open_producer(settings)
    for topic in settings.topics.sources:
        for partition in range(settings.partitions):
            producer.produce(topic, encode(Watermark(ts)), partition=partition)
    flush(producer)
    return len(settings.topics.sources) * settings.partitions


def pour(source: Settings, target: Settings) -> None:
    """Copies the source topics of one deployment to another's, partition by partition, as fast as may be."""
    consumer = open_consumer(source.brokers, "pour")
    producer = open_producer(target)
    names = dict(zip(source.topics.sources, target.topics.sources, strict=True))
    tps = [TopicPartition(topic, p, 0) for topic in names for p in range(source.partitions)]
    left = sum(consumer.get_watermark_offsets(tp, timeout=10)[1] for tp in tps)
    consumer.assign(tps)
    while left:
        for record in consumer.consume(10_000, timeout=0.1):
            if record.error():
                raise RuntimeError(f"{record.topic()}[{record.partition()}]: {record.error()}")
            left -= 1
            target_topic = names[str(record.topic())]
            produce(producer, target_topic, record.value(), record.key(), record.partition() or 0)
    consumer.close()
    flush(producer)


def flush(producer: Producer) -> None:
    """Waits until the broker has everything.

    Raises:
        RuntimeError: it has not, after a minute.
    """
    left = producer.flush(60)
    if left:
        raise RuntimeError(f"the broker did not take {left} records within 60 s")


def make_topic(settings: Settings, topic: str) -> None:
    """A topic with as many partitions as the source topics."""
    admin = open_admin(settings)
    for made in admin.create_topics([NewTopic(topic, settings.partitions, 1)]).values():
        made.result(30)


@contextmanager
def committed(settings: Settings, group: str) -> Iterator[Callable[[], int]]:
    """How many records of the source topics a consumer group has committed, whenever asked."""
    consumer = open_consumer(settings.brokers, group)
    tps = [TopicPartition(topic, p) for topic in settings.topics.sources for p in range(settings.partitions)]
    try:
        yield lambda: sum(max(0, tp.offset) for tp in consumer.committed(tps, timeout=10))
    finally:
        consumer.close()
