"""Reads a topic once, to the end it has now, outside any consumer group: for recovery and for tools.

Faust seam: none.

What must hold for it to be right: the end is taken before the first record is read; gaps left by compaction and
transactions count as read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streamer.engine.records import Record
from streamer.errors import BrokerUnavailable
from streamer.settings import Settings

_FETCH_BYTES: Final = 8 << 20
_POLL_MS: Final = 200


class Scanned(NamedTuple):
    """Some records of one partition, in offset order.

    Attributes:
        partition: where they are from.
        records: what was read.
        done: offsets passed so far, over all partitions.
        total: offsets to pass in all.
    """

    partition: int
    records: Sequence[Record]
    done: int
    total: int


async def scan(settings: Settings, topic: str, begin: Mapping[int, int]) -> AsyncIterator[Scanned]:
    """The records that a topic has when this is called.

    Args:
        settings: which brokers, and how long to wait for them.
        topic: its full name.
        begin: the partitions to read, which must exist, and the offset to begin each at.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``, or one stopped answering.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.brokers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=_POLL_MS,
        request_timeout_ms=round(settings.broker_timeout * 1000),
    )
    try:
        await consumer.start()
        async for scanned in _scan(consumer, topic, begin):
            yield scanned
    except KafkaError as error:
        raise BrokerUnavailable(
            f"the broker at {settings.brokers} did not let {topic} be read ({error}): check it, then try again"
        ) from error
    finally:
        await consumer.stop()


async def _scan(consumer: AIOKafkaConsumer, topic: str, begin: Mapping[int, int]) -> AsyncIterator[Scanned]:
    tps = [TopicPartition(topic, partition) for partition in begin]
    consumer.assign(tps)
    ends = await consumer.end_offsets(tps)
    at = {tp: max(first, begin[tp.partition]) for tp, first in (await consumer.beginning_offsets(tps)).items()}
    total = _left(at, ends)
    for tp in tps:
        consumer.seek(tp, at[tp])
    while left := [tp for tp in tps if at[tp] < ends[tp]]:
        for tp, found in (await consumer.getmany(*left, timeout_ms=_POLL_MS)).items():
            at[tp] = found[-1].offset + 1
            records = [Record(r.offset, r.key, r.value, r.timestamp, r.headers) for r in found if r.offset < ends[tp]]
            yield Scanned(tp.partition, records, total - _left(at, ends), total)
        for tp in left:
            at[tp] = max(at[tp], await consumer.position(tp))


def _left(at: dict[TopicPartition, int], ends: dict[TopicPartition, int]) -> int:
    return sum(max(0, ends[tp] - at[tp]) for tp in ends)
