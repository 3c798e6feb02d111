"""Reads topics once, to the end they have now, outside any consumer group: for recovery and for tools.

Faust seam: the fetcher asks and unpacks as a worker's does (``engine/kafka/fetching.py``).

What must hold for it to be right: the end is taken before the first record is read; gaps left by compaction and
transactions count as read; where to begin is only where it still exists, else it is the log's start, before the read
(the topic was truncated, or made anew) and during it (``auto_offset_reset``). Nothing is waited for without a bound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

from streamer.engine.kafka import fetching
from streamer.engine.kafka.connecting import bootstrap
from streamer.engine.kafka.connecting.security import Security
from streamer.engine.kafka.connecting.worker_security import of_aiokafka
from streamer.engine.kafka.positions import METADATA_MAX_AGE_MS, look_up_leaders
from streamer.engine.kafka.records import Record
from streamer.errors import BrokerUnavailable
from streamer.settings import Settings

_FETCH_BYTES: Final = 8 << 20
_POLL_MS: Final = 200
_PATIENCE_S: Final = 60.0
"""Until a topic of which nothing comes, though it has more, is given up."""


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


class Extent(NamedTuple):
    """The offsets that a partition has now: from ``first``, to before ``end``."""

    first: int
    end: int

    def begin(self, wanted: int) -> int:
        """Where to begin reading."""
        return wanted if self.first <= wanted <= self.end else self.first


class Scanner:
    """Reads topics; get one from :func:`scanner`."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def extents(self, topic: str, partitions: Iterable[int]) -> dict[int, Extent]:
        """What there is of partitions, which must exist."""
        tps = [TopicPartition(topic, partition) for partition in partitions]
        self._consumer.assign(tps)  # else it does not ask who leads them
        ends = await self._consumer.end_offsets(tps)
        firsts = await self._consumer.beginning_offsets(tps)
        return {tp.partition: Extent(firsts[tp], ends[tp]) for tp in tps}

    async def scan(self, topic: str, begin: Mapping[int, int]) -> AsyncIterator[Scanned]:
        """The records that a topic has when this is called.

        Args:
            topic: its full name.
            begin: the partitions to read, which must exist, and the offset to begin each at.
        """
        consumer = self._consumer
        found = await self.extents(topic, begin)
        ends = {TopicPartition(topic, partition): extent.end for partition, extent in found.items()}
        at = {tp: found[tp.partition].begin(begin[tp.partition]) for tp in ends}
        total = _left(at, ends)
        for tp, offset in at.items():
            consumer.seek(tp, offset)
        still_s = 0.0
        while left := [tp for tp in ends if at[tp] < ends[tp]]:
            began, before = time.monotonic(), _left(at, ends)
            for tp, fetched in (await consumer.getmany(*left, timeout_ms=_POLL_MS)).items():
                at[tp] = fetched[-1].offset + 1
                records: Sequence[Record] = fetched
                if at[tp] > ends[tp]:
                    records = [record for record in records if record.offset < ends[tp]]
                yield Scanned(tp.partition, records, total - _left(at, ends), total)
            for tp in left:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_MS / 1000):
                        at[tp] = max(at[tp], await consumer.position(tp))
            still_s = still_s + time.monotonic() - began if _left(at, ends) == before else 0.0
            if still_s > _PATIENCE_S:
                raise KafkaTimeoutError(f"nothing of {topic} came for {_PATIENCE_S:g} s")


@asynccontextmanager
async def scanner(
    settings: Settings,
    reading: str,
    committed_only: bool = False,
    count_unreadable: Callable[[str, int], None] | None = None,
) -> AsyncIterator[Scanner]:
    """Connects to the broker.

    Args:
        settings: which brokers, and how long to wait for them.
        reading: what is going to be read, for errors.
        committed_only: whether a topic ends, for this, where the first open transaction begins.
        count_unreadable: told of topics with records that cannot be unpacked, and how many; they are stepped over.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``, or one stopped answering.
    """
    security = Security(settings)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.brokers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=_POLL_MS,
        request_timeout_ms=round(settings.broker_timeout * 1000),
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        isolation_level=fetching.READ_COMMITTED if committed_only else "read_uncommitted",
        **of_aiokafka(security),
    )
    bootstrap.choose(consumer._client, settings.broker_timeout, security.context)
    try:
        await consumer.start()
        fetching.install(consumer._fetcher, fetching.Pace(0), count_unreadable=count_unreadable)
        look_up_leaders(consumer._fetcher)
        yield Scanner(consumer)
    except KafkaError as error:
        raise BrokerUnavailable(
            f"the broker at {settings.brokers} did not let {reading} be read ({error}): check it, then try again"
        ) from error
    finally:
        await consumer.stop()


async def scan(settings: Settings, topic: str, begin: Mapping[int, int]) -> AsyncIterator[Scanned]:
    """One topic, read over a connection of its own; see :func:`scanner` and :meth:`Scanner.scan`."""
    async with scanner(settings, topic) as open_scanner:
        async for scanned in open_scanner.scan(topic, begin):
            yield scanned


def _left(at: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> int:
    return sum(max(0, ends[tp] - at[tp]) for tp in ends)
