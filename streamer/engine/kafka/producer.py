"""Record batches straight to a partition: many records, one Kafka append, one future.

Faust seam: none (``engine/kafka/identities.py``). ``app.producer`` sends one record a call (some 30 us each);
aiokafka's own ``create_batch``/``send_batch`` (public) puts a whole batch on the wire as it was built. Used for the
changelog, the outbox and rejects.

What must hold for it to be right: records given as one group go into one record batch, which Kafka appends whole or
not at all; batches of one partition are appended in the order they were sent. While the broker is away senders wait:
what was taken is sent once it is back, so nobody may give up meanwhile and go on.

Fencing. A worker that was frozen longer than its group waits (a paused machine, a long swap) still believes that it
owns its partitions when it is woken, and would write old state over that of the worker that took over. So the owner
of a partition writes with the producer id that Kafka gives to the transactional id ``topic/partition``, whose epoch
rises with every claim, whichever group's it is: after the owner's first batch a broker refuses those of an older
epoch (``ProducerFenced``). No transaction is ever begun: records are readable at once, and nothing waits for a commit.

Two connections carry it all: a checkpoint's large batches on one, so that they keep no document waiting on the other.
What comes while a request is under way goes together into the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.codec import has_zstd
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.producer.transaction_manager import PidAndEpoch
from aiokafka.structs import RecordMetadata, TopicPartition

from streamer.engine.kafka.identities import Identities
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


class NewRecord(NamedTuple):
    """One record to write."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Sent(NamedTuple):
    """A batch of ``size`` records on its way."""

    done: Awaitable[RecordMetadata]
    size: int

    async def end(self) -> int:
        """Waits for the broker's ack; returns the offset after the batch."""
        metadata = await self.done
        first: int = metadata.offset
        return first + self.size


class _Sender(NamedTuple):
    """One connection, and the ids it sends with."""

    producer: AIOKafkaProducer
    identities: Identities


class BatchProducer:
    """Sends record batches; start before use, close after."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outputs: _Sender | None = None
        self._checkpoints: _Sender | None = None
        self._of_checkpoints = {settings.topics.state, settings.topics.journal}
        self._turns: dict[tuple[str, int], asyncio.Lock] = {}

    async def start(self) -> None:
        """Connects.

        Raises:
            BrokerUnavailable: no broker answered in time.
        """
        self._outputs, self._checkpoints = await self._sender(), await self._sender()

    async def _sender(self) -> _Sender:
        producer = self._new(None)
        identities = Identities.of(producer)
        await self._connect(producer)
        return _Sender(producer, identities)

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
        senders = self._senders()
        self._outputs = self._checkpoints = None
        for sender in senders:
            with suppress(KafkaError):  # what could not be sent was reported to who sent it
                await sender.producer.stop()

    # --- fencing ------------------------------------------------------------------------------------------

    async def claim(self, partitions: Iterable[int], topics: Sequence[str]) -> None:
        """Makes this process the only one that can write to these partitions of these topics.

        What it claimed earlier stays claimed: once another process has claimed it too, it is refused.

        Raises:
            BrokerUnavailable: no broker answered in time, or it gives no producer id.
        """
        for sender in self._senders():
            await sender.producer.flush()
        await asyncio.gather(*(self._claim(partition, topics) for partition in partitions))

    async def _claim(self, partition: int, topics: Sequence[str]) -> None:
        identity = await self._identity(f"{topics[0]}/{partition}")
        for topic in topics:
            self._writer(topic).identities.claim([TopicPartition(topic, partition)], identity)
            for sent in await self.send(topic, partition, [[NewRecord(CLAIM.encode(), None)]]):
                await sent.done

    async def _identity(self, transactional_id: str) -> PidAndEpoch:
        """The producer id of this transactional id, with an epoch that fences whoever had it before."""
        claimant = self._new(transactional_id)
        try:
            await self._connect(claimant)
        except BrokerUnavailable:
            raise
        except KafkaError as error:
            raise BrokerUnavailable(
                f"the broker gives no producer id for the transactional id {transactional_id}: {error!r}. "
                "Allow Write and Describe on transactional ids that begin with the topic's name"
            ) from None
        else:
            return PidAndEpoch(claimant._txn_manager.producer_id, claimant._txn_manager.producer_epoch)
        finally:
            await claimant.stop()

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self._writer(topic).producer.partitions_for(topic))

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        """Sends groups of records in order, none of them split over two batches."""
        producer = self._writer(topic).producer
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
            writer = self._writer(topic).producer
            while True:
                try:
                    return Sent(await writer.send_batch(builder, topic, partition=partition), size)
                except KafkaTimeoutError:  # the batch before it still waits for the broker, this one was not taken
                    continue

    def _senders(self) -> list[_Sender]:
        return [sender for sender in (self._outputs, self._checkpoints) if sender is not None]

    def _writer(self, topic: str) -> _Sender:
        sender = self._checkpoints if topic in self._of_checkpoints else self._outputs
        if sender is None:
            raise RuntimeError("the producer is not started")
        return sender


def _weight(entry: NewRecord) -> int:
    headers = sum(len(name) + len(value) + 4 for name, value in entry.headers)
    return _RECORD_OVERHEAD + len(entry.key or b"") + len(entry.value or b"") + headers
