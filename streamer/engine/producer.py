"""Record batches straight to a partition: many records, one Kafka append, one future.

Faust seam: none. ``app.producer`` sends one record a call (some 30 us each); aiokafka's own
``create_batch``/``send_batch`` (public) puts a whole batch on the wire as it was built. Used for the changelog, the
outbox and rejects.

What must hold for it to be right: records given as one group go into one record batch, which Kafka appends whole or
not at all; batches of one partition are appended in the order they were sent. While the broker is away senders wait:
what was taken is sent once it is back, so nobody may give up meanwhile and go on.

Fencing. A worker that was frozen longer than its group waits (a paused machine, a long swap) still believes that it
owns its partitions when it is woken, and would write old state over that of the worker that took over. So the owner
of a partition writes with the producer id that Kafka gives to the transactional id ``group/partition``, whose epoch
rises with every claim: after the owner's first batch a broker refuses those of an older epoch (``ProducerFenced``).
No transaction is ever begun: records are readable at once, and nothing waits for a commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.codec import has_zstd
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from streamer.errors import BrokerUnavailable
from streamer.events import CLAIM
from streamer.settings import Settings

BATCH_BYTES: Final = 512 * 1024
"""Uncompressed size at which a batch is sent: half of a broker's default limit."""
_BUILDER_BYTES: Final = 16 << 20
_CODEC: Final = "zstd" if has_zstd() else None
"""aiokafka packs lz4 at its slowest level. Changelog batches of 420 KB, zstd against lz4: 261 against 35 MB/s, 23 % of
the size left against 27 %; of 46 KB: 160 against 46 MB/s, 27 % against 31 %; the outbox likewise. aiokafka has either
both codecs or none, so there is nothing to fall back on between zstd and plain bytes."""
_RECORD_OVERHEAD: Final = 40


class Entry(NamedTuple):
    """One record to write."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Sent(NamedTuple):
    """A batch of ``size`` records on its way."""

    done: asyncio.Future[RecordMetadata]
    size: int

    async def end(self) -> int:
        """Waits for the broker's ack; returns the offset after the batch."""
        metadata = await self.done
        first: int = metadata.offset
        return first + self.size


class BatchProducer:
    """Sends record batches; start before use, close after."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._owned: dict[tuple[str, int], AIOKafkaProducer] = {}
        self._turns: dict[tuple[str, int], asyncio.Lock] = {}

    async def start(self) -> None:
        """Connects.

        Raises:
            BrokerUnavailable: no broker answered in time.
        """
        self._producer = self._new(None)
        await self._connect(self._producer)

    def _new(self, transactional_id: str | None) -> AIOKafkaProducer:
        settings = self._settings
        return AIOKafkaProducer(
            bootstrap_servers=settings.brokers,
            acks="all",
            enable_idempotence=True,
            compression_type=_CODEC,
            max_batch_size=_BUILDER_BYTES,
            max_request_size=_BUILDER_BYTES,
            request_timeout_ms=round(max(settings.broker_timeout, 10.0) * 1000),
            transactional_id=transactional_id,
        )

    async def _connect(self, producer: AIOKafkaProducer) -> None:
        try:
            await producer.start()
        except KafkaConnectionError as error:
            raise BrokerUnavailable(
                f"no Kafka broker at {self._settings.brokers}: {error}. Start it, or set STREAMER_BROKERS"
            ) from None

    async def close(self) -> None:
        """Sends what is under way and disconnects."""
        await self.give_up()
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    # --- fencing ------------------------------------------------------------------------------------------

    async def claim(self, partitions: Iterable[int], topics: Sequence[str]) -> None:
        """Makes this process the only one that can write to these partitions of these topics.

        Raises:
            BrokerUnavailable: no broker answered in time, or it gives no producer id.
        """
        await self.give_up()
        await asyncio.gather(*(self._claim(partition, topics) for partition in partitions))

    async def _claim(self, partition: int, topics: Sequence[str]) -> None:
        name = f"{self._settings.group}/{topics[0]}/{partition}"
        producer = self._new(name)
        self._owned |= {(topic, partition): producer for topic in topics}
        await self._connect(producer)
        identity = producer._txn_manager
        named = asyncio.create_task(identity.wait_for_pid())
        await asyncio.wait({named, producer._sender.sender_task}, return_when=asyncio.FIRST_COMPLETED)
        if not identity.has_pid():
            named.cancel()
            raise BrokerUnavailable(
                f"the broker gives no producer id for the transactional id {name}: {producer._sender.sender_task}. "
                "Allow Write and Describe on transactional ids that begin with the group's name"
            )
        identity.transactional_id = None  # from here on a plain idempotent producer, of that id and epoch
        for topic in topics:
            for sent in await self.send(topic, partition, [[Entry(CLAIM.encode(), None)]]):
                await sent.done

    async def give_up(self) -> None:
        """Ends all claims."""
        owned, self._owned = set(self._owned.values()), {}
        for producer in owned:
            with suppress(KafkaError):  # what could not be sent was reported to who sent it
                await producer.stop()

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self._ensure().partitions_for(topic))

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[Entry]]) -> list[Sent]:
        """Sends groups of records in order, none of them split over two batches."""
        producer = self._writer(topic, partition)
        sent = []
        builder, size = producer.create_batch(), 0
        for group in groups:
            weight = sum(_weight(entry) for entry in group)
            if size and size + weight > BATCH_BYTES:
                sent.append(await self._send(builder, topic, partition))
                builder, size = producer.create_batch(), 0
            for key, value, headers in group:
                if builder.append(key=key, value=value, timestamp=None, headers=list(headers)) is None:
                    raise ValueError(f"a group of {weight} bytes for {topic} does not fit into one record batch")
            size += weight
        if size:
            sent.append(await self._send(builder, topic, partition))
        return sent

    async def _send(self, builder: BatchBuilder, topic: str, partition: int) -> Sent:
        size = builder.record_count()
        async with self._turns.setdefault((topic, partition), asyncio.Lock()):  # aiokafka lets waiting senders starve
            writer = self._writer(topic, partition)
            while True:
                try:
                    return Sent(await writer.send_batch(builder, topic, partition=partition), size)
                except KafkaTimeoutError:  # the batch before it still waits for the broker, this one was not taken
                    continue

    def _writer(self, topic: str, partition: int) -> AIOKafkaProducer:
        return self._owned.get((topic, partition)) or self._ensure()

    def _ensure(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("the producer is not started")
        return self._producer


def _weight(entry: Entry) -> int:
    headers = sum(len(name) + len(value) + 4 for name, value in entry.headers)
    return _RECORD_OVERHEAD + len(entry.key or b"") + len(entry.value or b"") + headers
