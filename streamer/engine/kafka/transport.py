"""Batch transport: one Faust message for all that a fetch brought an agent, and commits that follow what is saved.

Faust seam: ``faust.transport.drivers.TRANSPORTS.aliases`` (URL scheme ``streamer+kafka://``) and subclasses of the
aiokafka driver's Transport and Consumer; its consumer thread is in ``engine/kafka/fetch_thread.py``.

Replaces:
- ``Consumer.getmany``, which makes a message, a future and several tasks of every record: here a message's value is
  a :class:`Delivery`, the records fetched of an agent's topics by partition.
- ``Consumer._add_gap`` and ``_new_offset``, which look for runs of consecutive acked offsets: nothing is acked here. A
  partition is committed to where :meth:`BatchConsumer.saved` says; alignment may leave half a batch unprocessed.
- ``Consumer.verify_event_path``, an alarm for partitions without messages or positions: ``engine/kafka/watchdog.py``.

What must hold for it to be right:
- ``saved`` is called only when the records are processed and saved (``engine/state/checkpoint.py``), or written (the
  publisher).
- Batches of a partition are delivered in offset order; after a seek back the same offsets may come twice.
- What is fetched and not delivered is sought back to: what a rebalance drops, also if nothing was committed yet.
- A ``Fetched`` is made together with the records it belongs to, so that "caught up" means: nothing at the broker when
  it was last asked (``engine/kafka/fetching.py``), nothing on the way to the agent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar, Final, TypeAlias, cast

from aiokafka import AIOKafkaProducer
from faust.exceptions import ConsumerNotStarted
from faust.streams import Stream
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message, StreamT

from streamer.engine.kafka import fetching, positions
from streamer.engine.kafka.connecting import bootstrap
from streamer.engine.kafka.connecting.worker_security import context_of
from streamer.engine.kafka.fetch_thread import BatchConsumerThread, FetchedRecords
from streamer.engine.kafka.records import Batch, Fetched
from streamer.engine.kafka.watchdog import Reading
from streamer.errors import TopicsError

log: Final = logging.getLogger(__name__)

SCHEME: Final = "streamer+kafka"
Delivery: TypeAlias = dict[TP, Batch]
"""What a fetch brought of one topic, or of those that are delivered together, by partition."""


class BatchConsumer(driver.Consumer):
    """Delivers what a fetch brought topic by topic; commits what is saved.

    Attributes:
        before_revoked: awaited while the partitions are still ours, so that a checkpoint can be written and committed.
        before_assigned: awaited before anything of the partitions is delivered; must return soon, as the group waits.
        fetch_interval_s: least time between two fetches of a broker, s; read when the consumer starts.
        together: topics that go to the same agent, and so into one message.
        committed_only: whether to leave out what a transaction has not committed; read when the consumer starts. For
            topics that others write; in our own a stranger's open transaction must hide nothing.
        count_reset: told of topics that are read from their beginning though they were read further, and why.
        count_unreadable: told of topics with records that cannot be read, and how many.
    """

    fetch_interval_s: float = fetching.FETCH_INTERVAL_S
    together: frozenset[str] = frozenset()
    committed_only: bool = False
    count_reset: Callable[[str, str], None] | None = None
    count_unreadable: Callable[[str, int], None] | None = None
    _ending: asyncio.Future[None] | None = None
    before_revoked: Callable[[set[TP]], Awaitable[None]] | None = None
    before_assigned: Callable[[set[TP]], Awaitable[None]] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._fetched: dict[TP, Fetched] = {}
        self._last_batch: dict[TP, Batch] = {}
        self._saved: dict[TP, int] = {}
        self._saved_to: dict[TP, int] = {}
        self._held: set[TP] = set()
        self._anew: set[TP] = set()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # --- reading ------------------------------------------------------------------------------------------

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """One message for each topic that had records, or for those that are delivered together.

        Records of an earlier generation are dropped: the rebalance between has sought back to what is committed.
        Others never are, even if their partition was held meanwhile, as the position is already past them.
        """
        records, _active = await self._wait_next_records(timeout)
        if self.should_stop:
            return
        if not self.flow_active:
            await self._seek_back()
            return
        if records is None or not isinstance(records, FetchedRecords):
            return
        if self._is_stale(records.generation):
            return
        deliveries: dict[str, Delivery] = {}
        for found, fetched in records.items():
            if fetched:
                tp = TP(found.topic, found.partition)
                batch = Batch(fetched)
                agent = "" if tp.topic in self.together else tp.topic
                self._last_batch[tp] = deliveries.setdefault(agent, {})[tp] = batch
        self._fetched.update(records.how_far)
        self._pass_over(records)
        for delivery in deliveries.values():
            if self._is_stale(records.generation):
                return
            yield self._message(delivery)

    def _is_stale(self, generation: int) -> bool:
        return not self.flow_active or bool(self.app.consumer_generation_id != generation)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        """Gives the fetch thread a copy, as the set changes while it waits."""
        return await super()._getmany(None if active_partitions is None else set(active_partitions), timeout)

    def _message(self, delivery: Delivery) -> tuple[TP, ConsumerMessage]:
        """In the name of one of its partitions; Faust would drop it if its offset were below where that one began."""
        tp, batch = next(iter(delivery.items()))
        last = batch[-1]
        message = ConsumerMessage(
            tp.topic,
            tp.partition,
            max(last.offset, self._read_offset[tp] or 0),
            last.timestamp / 1000.0,
            0,
            None,
            None,
            cast(bytes, delivery),
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )
        message.tracked = True  # by us: else Faust keeps account of it until it is acked
        return tp, message

    async def _seek_back(self) -> None:
        try:
            await asyncio.wait_for(self.perform_seek(), self.app.conf.broker_request_timeout)
        except Exception as error:  # noqa: BLE001 - as Faust does: what fails here is tried again at the next fetch
            self.log.warning("seek to the committed offsets failed, the next fetch repeats it: %r", error)

    def hold(self, tp: TP) -> None:
        """Stops fetching ``tp`` until :meth:`release`; what is already fetched still arrives."""
        self._held.add(tp)
        self._get_active_partitions().discard(tp)

    def release(self, tp: TP) -> None:
        """Fetches ``tp`` again."""
        if tp in self._held:
            self._held.discard(tp)
            if tp not in self._buffered_partitions:
                self._get_active_partitions().add(tp)

    def on_buffer_drop(self, tp: TP) -> None:
        """A stream queue has room again; a held partition stays held."""
        super().on_buffer_drop(tp)
        if tp in self._held:
            self._get_active_partitions().discard(tp)

    def fetched(self, tp: TP) -> Fetched | None:
        """How far ``tp`` is read; None before anything is known of it."""
        return self._fetched.get(tp)

    def caught_up(self, tp: TP) -> int | None:
        """When (ms since 1970) the broker had nothing of ``tp`` that the agent lacks; None: it has something."""
        fetched = self._fetched.get(tp)
        if fetched is None or fetched.highwater is None or fetched.position < fetched.highwater:
            return None
        batch = self._last_batch.get(tp)
        return fetched.seen_ms if batch is None or batch.taken else None

    def readings(self) -> dict[TP, Reading]:
        """How far every partition that is to be read is, for ``engine/kafka/watchdog.py``."""
        try:
            wanted = self.assignment() - self._held
        except ConsumerNotStarted:
            return {}
        return {tp: Reading(self._fetched.get(tp), self._saved_to.get(tp)) for tp in wanted}

    def out_of_range(self, topic: str, partition: int, position: int, begin: int) -> None:
        """The broker does not have a position, so the partition is read from its beginning; in the fetch thread."""
        why, words = positions.told(topic, partition, position, begin)
        log.error("%s", words)
        if self.count_reset is not None:
            self.count_reset(topic, why)
        if why == positions.REWRITTEN:
            self.loop.call_soon_threadsafe(self._rewritten, TP(topic, partition))

    def _rewritten(self, tp: TP) -> None:
        """What was committed and saved is of another log; who has received of that passes over the same offsets."""
        self._anew.add(tp)
        self._saved_to.pop(tp, None)
        if tp in self._last_batch:
            another = TopicsError([f"{tp.topic}[{tp.partition}] is another log than before: restart, to read it anew"])
            self._ending = asyncio.ensure_future(self.app.crash(another))

    # --- committing ---------------------------------------------------------------------------------------

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps need no bookkeeping, as nothing is acked."""

    def saved(self, tp: TP, offset: int) -> None:
        """Everything of ``tp`` before ``offset`` is processed and saved: the next commit may say so."""
        if offset > self._saved_to.get(tp, 0):
            self._saved[tp] = self._saved_to[tp] = offset
            self._acked[tp][:] = [offset - 1]

    def _pass_over(self, records: FetchedRecords) -> None:
        """Offsets without records (ends of transactions, what they gave up) are done when all before them is."""
        for tp, fetched in records.how_far.items():
            batch, saved_to = self._last_batch.get(tp), self._saved_to.get(tp, 0)
            if fetched.position > saved_to and (batch is None or saved_to > batch[-1].offset):
                self.saved(tp, fetched.position)

    def finished(self, delivery: Delivery) -> None:
        """All of a delivery is written to where it belongs."""
        for tp, batch in delivery.items():
            self.saved(tp, batch[-1].offset + 1)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        """Whether it is further than what was committed, which counts for nothing if it is of another log."""
        return tp in self._anew or super()._should_commit(tp, offset)

    def _new_offset(self, tp: TP) -> int | None:
        """Up to where ``tp`` is saved, if that was not asked for before."""
        self._acked[tp].clear()
        return self._saved.pop(tp, None)

    # --- rebalancing --------------------------------------------------------------------------------------

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Not Faust's alarm for what stalls: it knows a partition by messages of its own, and one that is about to be
        read from its beginning makes it crash the worker. Ours is ``engine/kafka/watchdog.py``."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Lets the engine save and commit while the partitions are still ours, then forgets them."""
        if self.before_revoked is not None:
            await self.before_revoked(revoked)
        self._held -= revoked
        self._anew -= revoked
        for tp in revoked:
            self._last_batch.pop(tp, None)
            self._saved.pop(tp, None)
            self._saved_to.pop(tp, None)
            self._fetched.pop(tp, None)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Lets the engine prepare for the partitions before they are delivered."""
        if self.before_assigned is not None:
            await self.before_assigned(assigned)
        await super().on_partitions_assigned(assigned, generation_id)


class StockProducer(driver.Producer):
    """Faust's own producer, which starts with the app though nothing is sent by it."""

    def _new_producer(self, transactional_id: str | None = None) -> AIOKafkaProducer:
        producer = super()._new_producer(transactional_id)
        conf = self.app.conf
        bootstrap.choose(producer.client, conf.broker_request_timeout, context_of(conf.broker_credentials))
        return producer


class BatchTransport(driver.Transport):
    """The aiokafka transport with :class:`BatchConsumer`."""

    Consumer: ClassVar[type[BatchConsumer]] = BatchConsumer
    Producer: ClassVar[type[StockProducer]] = StockProducer


async def deliveries(stream: StreamT[Delivery]) -> AsyncIterator[Delivery]:
    """What reaches a stream; nothing of it is acked, see :meth:`BatchConsumer.saved`."""
    async for event in cast("Stream[Delivery]", stream).noack().events():
        yield cast(Delivery, event.value)


def register() -> None:
    """Makes ``streamer+kafka://host:port`` a Faust broker URL. Repeating it changes nothing."""
    TRANSPORTS.aliases[SCHEME] = f"{__name__}:{BatchTransport.__qualname__}"


def broker_urls(brokers: str) -> list[str]:
    """Faust broker URLs of comma-separated bootstrap servers.

    >>> broker_urls("a:9092, b:9093")
    ['streamer+kafka://a:9092', 'streamer+kafka://b:9093']
    """
    return [f"{SCHEME}://{server.strip()}" for server in brokers.split(",") if server.strip()]
