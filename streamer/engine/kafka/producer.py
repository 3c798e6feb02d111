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
rises with every claim, whichever group's it is: after the owner's first batch a broker refuses those of an older epoch
(``ProducerFenced``).
No transaction is ever begun: records are readable at once, and nothing waits for a commit. But a broker forgets who
claims what and then does nothing, so claims are renewed (``engine/kafka/claims.py``); and a process that finds that it
was frozen sends nothing more, whatever brokers remember (``engine/kafka/pulse.py``).

Two connections carry it all: a checkpoint's large batches on one, so that they keep no document waiting on the other.
What comes while a request is under way goes together into the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, KafkaTimeoutError, ProducerFenced, UnknownTopicOrPartitionError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.producer.transaction_manager import PidAndEpoch
from aiokafka.structs import RecordMetadata, TopicPartition

from streamer.engine.kafka import claims
from streamer.engine.kafka.identities import TOO_LARGE
from streamer.engine.kafka.pulse import Pulse
from streamer.engine.kafka.sender import BUILDER_BYTES, Sender, open_sender
from streamer.errors import TopicsError
from streamer.events import CLAIM, LEAST_TS_MS
from streamer.settings import Settings

BATCH_BYTES: Final = 512 * 1024
"""Uncompressed size at which a batch is sent: half of a broker's default limit."""
_RECORD_OVERHEAD: Final = 40
_BATCH_OVERHEAD: Final = 100
_BY_BROKER: Final = 1  # LogAppendTime
RENEWED_AFTER_S: Final = 3600.0
"""A claim is renewed this often, or four times within what brokers remember, if they say that that is less."""


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


class _Claim(NamedTuple):
    """What this process owns of a partition.

    Attributes:
        topics: in which it writes to it.
        identity: with which producer id and epoch.
    """

    topics: Sequence[str]
    identity: PidAndEpoch


class BatchProducer:
    """Sends record batches; start before use, close after.

    Args:
        settings: which brokers, and how long they and the group wait.
        heard: told at once of every ack by which a broker dates what it appended, ms since 1970.
    """

    def __init__(self, settings: Settings, heard: Callable[[int], None] | None = None) -> None:
        self._settings = settings
        self._heard = heard
        self._pulse = Pulse(settings.worker_timeout)
        self._claims: dict[int, _Claim] = {}
        self._claiming = asyncio.Lock()
        self._last: dict[tuple[str, int], asyncio.Future[RecordMetadata]] = {}
        self._outputs: Sender | None = None
        self._checkpoints: Sender | None = None
        self._of_checkpoints = {settings.topics.state, settings.topics.journal}
        self._turns: dict[tuple[str, int], asyncio.Lock] = {}

    async def start(self, topics: Iterable[str] = ()) -> None:
        """Connects.

        Args:
            topics: that will be written to. A client that has not heard of a topic when it writes to it for the first
                time takes a broker that is away for a topic that is not there.

        Raises:
            BrokerUnavailable: no broker answered in time.
            TopicsError: a topic is not there.
        """
        codec = self._settings.output_codec
        self._outputs = await open_sender(self._settings, self._pulse, None if codec == "none" else codec)
        self._checkpoints = await open_sender(self._settings, self._pulse)
        self._pulse.start()
        await asyncio.gather(*(self._hear_of(topic) for topic in topics))

    async def _hear_of(self, topic: str) -> None:
        try:
            await self.partitions(topic)
        except UnknownTopicOrPartitionError:
            raise TopicsError([f"topic {topic} does not exist: run  streamer topics create"]) from None

    async def close(self) -> None:
        """Sends what is under way and disconnects."""
        self._pulse.stop()
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
        async with self._claiming:
            self._claims = {}
            for sender in self._senders():
                await sender.producer.flush()
                sender.identities.begin_anew()
            self._pulse.revive()
            await asyncio.gather(*(self._claim(partition, topics) for partition in partitions))

    async def _claim(self, partition: int, topics: Sequence[str]) -> None:
        identity = await claims.take(self._coordination(), self._transactional_id(partition, topics))
        self._claims[partition] = claim = _Claim(topics, identity)
        await self._write_claim(partition, claim)

    def unclaim(self) -> None:
        """All partitions go: nothing is renewed any more, though whatever is still sent goes under the old claims."""
        self._claims = {}

    async def renew(self) -> None:
        """Claims again what this process owns, before a broker forgets it.

        Raises:
            ProducerFenced: another process owns some of it.
            BrokerUnavailable: no broker answered in time; what was claimed stays so, until it is forgotten.
        """
        for partition in list(self._claims):
            async with self._claiming:
                try:
                    await self._renew(partition)
                except ProducerFenced:
                    if partition in self._claims:  # else it was let go meanwhile, and is rightly another's
                        raise

    async def _renew(self, partition: int) -> None:
        claim = self._claims.get(partition)
        if claim is None:
            return
        self._pulse.ensure()
        name = self._transactional_id(partition, claim.topics)
        identity = await claims.renew(self._coordination(), name, claim.identity)
        if partition in self._claims:
            self._claims[partition] = renewed = _Claim(claim.topics, identity)
            await self._write_claim(partition, renewed)

    async def _write_claim(self, partition: int, claim: _Claim) -> None:
        """Brokers learn of the new epoch, and refuse older ones. It counts its batches from 0, so none is under way."""
        for topic in claim.topics:
            writer = self._writer(topic)
            async with self._turn(topic, partition):
                if (topic, partition) in self._last:
                    await asyncio.wait([self._last[topic, partition]])
                writer.identities.claim([TopicPartition(topic, partition)], claim.identity)
                builder = writer.producer.create_batch()
                builder.append(key=CLAIM.encode(), value=None, timestamp=None)
                sent = await self._hand_over(builder, topic, partition)
            await sent.done

    async def renewed_after_s(self) -> float:
        """How often to renew what is claimed, s."""
        remembered = await claims.remembered_s(self._coordination())
        return RENEWED_AFTER_S if remembered is None else min(RENEWED_AFTER_S, remembered / 4)

    def _transactional_id(self, partition: int, topics: Sequence[str]) -> str:
        return f"{topics[0]}/{partition}"

    def _coordination(self) -> AIOKafkaClient:
        return self._senders()[0].producer.client

    # --- sending ------------------------------------------------------------------------------------------

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self._writer(topic).producer.partitions_for(topic))

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        """Sends groups of records in order, none of them split over two batches.

        What is larger than a batch may be is refused as a broker refuses what is larger than its topic takes: whoever
        waits for it is told (``TOO_LARGE``).
        """
        producer = self._writer(topic).producer
        sent = []
        builder, size = producer.create_batch(), 0
        for group in groups:
            weight = sum(_weight(entry) for entry in group)
            if size and size + weight > BATCH_BYTES:
                sent.append(await self._send(builder, topic, partition))
                builder, size = producer.create_batch(), 0
            if weight > BUILDER_BYTES - _BATCH_OVERHEAD:
                sent.append(_refused(len(group)))
                continue
            for key, value, headers in group:
                if builder.append(key=key, value=value, timestamp=None, headers=list(headers)) is None:
                    raise RuntimeError(f"a record for {topic} does not fit where it was weighed to fit; report this")
            size += weight
        if size:
            sent.append(await self._send(builder, topic, partition))
        return sent

    async def _send(self, builder: BatchBuilder, topic: str, partition: int) -> Sent:
        async with self._turn(topic, partition):
            return await self._hand_over(builder, topic, partition)

    def _turn(self, topic: str, partition: int) -> asyncio.Lock:
        return self._turns.setdefault((topic, partition), asyncio.Lock())  # aiokafka lets waiting senders starve

    async def _hand_over(self, builder: BatchBuilder, topic: str, partition: int) -> Sent:
        size = builder.record_count()
        writer = self._writer(topic).producer
        while True:
            try:
                done = await writer.send_batch(builder, topic, partition=partition)
            except KafkaTimeoutError:  # the batch before it still waits for the broker, this one was not taken
                continue
            self._writer(topic).identities.handed_over(TopicPartition(topic, partition))
            self._last[topic, partition] = done
            if self._heard is not None:
                done.add_done_callback(self._listen)
            return Sent(done, size)

    def _listen(self, done: asyncio.Future[RecordMetadata]) -> None:
        acked: Any = None if done.cancelled() or done.exception() else done.result()
        is_dated = acked is not None and acked.timestamp_type == _BY_BROKER and acked.timestamp >= LEAST_TS_MS
        if self._heard is not None and is_dated:  # the embedded broker dates by 0
            self._heard(acked.timestamp)

    def _senders(self) -> list[Sender]:
        return [sender for sender in (self._outputs, self._checkpoints) if sender is not None]

    def _writer(self, topic: str) -> Sender:
        sender = self._checkpoints if topic in self._of_checkpoints else self._outputs
        if sender is None:
            raise RuntimeError("the producer is not started")
        return sender


def _refused(size: int) -> Sent:
    done: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
    done.set_exception(TOO_LARGE[0]())
    return Sent(done, size)


def _weight(entry: NewRecord) -> int:
    headers = sum(len(name) + len(value) + 4 for name, value in entry.headers)
    return _RECORD_OVERHEAD + len(entry.key or b"") + len(entry.value or b"") + headers
