"""One partition while it is ours: from batches received to what may be committed.

Faust seam: ``BatchConsumer.hold``, ``caught_up`` and ``saved``, which takes the place of acking each message.

What must hold for it to be right: a slice (process, hand its output to the producer) and the instant at which a
checkpoint takes the changes exclude each other, so that a checkpoint knows every output behind the state it saves.
Otherwise slices go on while a checkpoint waits for the broker.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, Self

from faust.types import TP

from streamer.engine.kafka.ports import Consumer, Producer
from streamer.engine.kafka.records import Batch, size_of
from streamer.engine.metrics import Metrics
from streamer.engine.partition.gauges import PartitionGauges
from streamer.engine.partition.output import OutputWriter, Pending
from streamer.engine.partition.placement import Placement
from streamer.engine.partition.processor import PartitionProcessor
from streamer.engine.partition.work import Output
from streamer.engine.population.deltas import DeltaWriter
from streamer.engine.state import outbox
from streamer.engine.state.changelog import ChangelogWriter, JournalWriter
from streamer.engine.state.checkpoint import Checkpoint, Taken
from streamer.engine.state.lookup import profile_in
from streamer.engine.state.rewriting import rewrite
from streamer.engine.state.store import PartitionStore
from streamer.errors import OutboxReplaced
from streamer.population import Deltas
from streamer.population.telling import Source
from streamer.profile import Rules
from streamer.scoring.document import Document
from streamer.settings import Settings

_SLICE_EVENTS: Final = 5_000
"""Events of a slice. Large ones make a backlog cheaper: a user's document is formed once a slice, not once an event."""
_TURN_S: Final = 0.05
"""How long a slice keeps the event loop from its other work, s."""


class WorkerContext(NamedTuple):
    """What all partitions of a worker share.

    ``now_ms`` is the time that users' time follows, ``latest_ms`` what events from the future are held against.
    """

    settings: Settings
    rules: Rules
    metrics: Metrics
    changelog: ChangelogWriter
    journal: JournalWriter
    output: OutputWriter
    deltas: DeltaWriter
    consumer: Consumer
    now_ms: Callable[[], int]
    latest_ms: Callable[[], int]

    @classmethod
    def on(
        cls,
        settings: Settings,
        rules: Rules,
        metrics: Metrics,
        producer: Producer,
        consumer: Consumer,
        now_ms: Callable[[], int],
        latest_ms: Callable[[], int] | None = None,
    ) -> Self:
        """The job on a producer and a consumer, Kafka's or any other's."""
        topics = settings.topics
        return cls(
            settings,
            rules,
            metrics,
            ChangelogWriter(producer, topics.state, metrics),
            JournalWriter(producer, topics.journal, metrics),
            OutputWriter(producer, topics, metrics),
            DeltaWriter(producer, topics.population if settings.population else None, metrics),
            consumer,
            now_ms,
            now_ms if latest_ms is None else latest_ms,
        )


class AssignedPartition:
    """A partition of this worker. Until :meth:`recovered` it only collects what arrives.

    Attributes:
        due: a slice may have something to do: something has arrived, is left over, or time has passed.
        is_leaving: it is about to go: what can be done by its next owner must not hold it up.
    """

    def __init__(self, partition: int, context: WorkerContext) -> None:
        self.partition = partition
        self.store: PartitionStore | None = None
        self.due = False
        self.is_leaving = False
        self._context = context
        self._topics = (*context.settings.topics.sources, context.settings.topics.erasures)
        self._gauges = PartitionGauges(partition, context.metrics, self._topics)
        self._processor: PartitionProcessor | None = None
        self._early: list[tuple[str, Batch]] = []
        self._early_bytes = 0
        self._held: set[str] = set()
        self._pending = Pending()
        self._slicing = asyncio.Lock()
        self._saving = asyncio.Lock()
        self._torn = False

    def recovered(self, store: PartitionStore, capacity: int) -> None:
        """The store is up to date: processing may begin."""
        context = self._context
        settings = context.settings
        placement = Placement(self.partition, settings.partitions, settings.partitioner)
        processor = PartitionProcessor(self.partition, settings, context.rules, store, capacity, placement)
        self._pending.outbox = store.outbox
        self.store = store
        for topic, batch in self._early:
            processor.receive(topic, batch, context.latest_ms())
        self._early = []
        self._processor = processor
        self._gauges.show(processor, context.consumer)
        self.due = True

    def close(self) -> None:
        """The partition goes: a checkpoint that still waits for its turn finds nothing to do."""
        self._gauges.hide()
        self._processor = self.store = None

    # --- what arrives ---------------------------------------------------------------------------------------

    def receive(self, topic: str, batch: Batch) -> None:
        """Takes a batch; its offsets are committed once they are processed and saved."""
        batch.taken = True
        if self._processor is not None:
            self._processor.receive(topic, batch, self._context.latest_ms())
            self.due = True
            self._hold(self._processor.too_far_ahead())
        else:
            self._early.append((topic, batch))
            self._early_bytes += sum(map(size_of, batch))
            settings = self._context.settings
            many = sum(len(early) for _, early in self._early) > settings.buffer_events
            if many or self._early_bytes > settings.buffer_bytes:
                self._hold(self._topics)

    def _hold(self, topics: Iterable[str]) -> None:
        for topic in topics:
            if topic not in self._held:
                self._held.add(topic)
                self._context.consumer.hold(TP(topic, self.partition))

    def _release(self, topics: Iterable[str]) -> None:
        for topic in topics:
            if topic in self._held:
                self._held.discard(topic)
                self._context.consumer.release(TP(topic, self.partition))

    # --- slices ---------------------------------------------------------------------------------------------

    async def slice(self, limit: int = _SLICE_EVENTS) -> Output:
        """Processes what alignment allows; it is due again if there is more to process at once.

        Args:
            limit: most events to take.
        """
        async with self._slicing:
            self.due = False
            processor = self._processor
            if processor is None:
                return Output()
            consumer = self._context.consumer
            caught_up = {topic: consumer.caught_up(TP(topic, self.partition)) for topic in self._topics}
            self._torn = True  # until its output is on its way, the state must not be saved
            out = await _taking_turns(processor.work(self._context.now_ms(), caught_up, limit))
            await self._context.output.write(self.partition, out, self._pending)
            self._torn = False
            if self._held:
                self._release(processor.wants_more())
            self.due |= out.more
        self._measure_slice(out)
        return out

    @property
    def is_whole(self) -> bool:
        """The store holds what a restart would recover, once a checkpoint is done."""
        return self._processor is not None and not self._torn

    @property
    def is_behind(self) -> bool:
        """More than a slice waits."""
        return self._processor is not None and self._processor.buffered > _SLICE_EVENTS

    @property
    def crowded(self) -> bool:
        """So many users have changed, or so much waits for the broker's ack, that all should be saved now."""
        if self._processor is None:
            return False
        return self._processor.users.crowded or self._pending.size > self._context.settings.buffer_bytes

    # --- checkpoints ----------------------------------------------------------------------------------------

    async def checkpoint(self) -> None:
        """Saves what changed and lets the source be committed, in the order of ``engine/state/checkpoint.py``."""
        context = self._context
        async with self._saving:
            taken = await Checkpoint(self.partition, self._take, context.changelog, context.journal).run()
        if taken is not None and self._processor is not None:
            self._measure_checkpoint(taken, self._processor)

    async def _take(self) -> Taken | None:
        async with self._slicing:
            processor, store = self._processor, self.store
            if processor is None or store is None or self._torn:
                return None
            untold = store.untold.take()
            return Taken(
                store,
                processor.take_changes(),
                processor.mark(),
                store.journal.begin,
                partial(self._settle, store, self._pending.take(), untold),
                partial(self._saved, processor.progress()),
                processor.users.refuse,
            )

    async def _settle(self, store: PartitionStore, written: Pending, untold: Sequence[tuple[int, Deltas]]) -> int:
        def newest(user: str) -> Document | None:
            return profile_in(store, user, self._context.rules).document()

        context = self._context
        try:
            end = await context.output.settle(self.partition, written, self._pending, newest)
        except OutboxReplaced:
            await outbox.disown(self.partition, store, context.changelog)
            raise
        self._pending.outbox = self._pending.outbox._replace(end=end)
        await context.deltas.tell(Source(self.partition, store.untold.lineage), untold)
        return end

    def _saved(self, progress: Mapping[str, int]) -> None:
        for topic, offset in progress.items():
            if offset >= 0:
                self._context.consumer.saved(TP(topic, self.partition), offset + 1)

    async def rewrite(self, begin: int) -> None:
        """Writes the whole state to the changelog, if its records before this offset, now gone, were part of it."""
        async with self._saving:
            processor, store = self._processor, self.store
            if processor is None or store is None or self.is_leaving or begin <= store.changelog_begin:
                return
            changelog = self._context.changelog
            await self._context.deltas.tell_all(self.partition, store.untold)
            await rewrite(self.partition, store, changelog, begin, processor.erasures.unsaved, lambda: self.is_leaving)

    # --- metrics --------------------------------------------------------------------------------------------

    def _measure_slice(self, out: Output) -> None:
        metrics = self._context.metrics
        for counts, metric in ((out.events, metrics.events), (out.late, metrics.late), (out.erased, metrics.erased)):
            for topic, count in counts.items():
                metric.labels(topic).inc(count)
        metrics.count_responses(out.responses, out.unfollowed)
        total = out.events.total()
        if total:
            metrics.batch_events.observe(total)

    def _measure_checkpoint(self, taken: Taken, processor: PartitionProcessor) -> None:
        metrics, changes = self._context.metrics, taken.changes
        self._gauges.saved(processor, len(changes))
        metrics.changelog_bytes.inc(sum(len(v or b"") for change in changes for v in change.parts.values()))
        metrics.journal_bytes.inc(sum(len(change.journal or b"") for change in changes))


async def _taking_turns(work: Generator[None, None, Output]) -> Output:
    turn_ends = time.monotonic() + _TURN_S
    while True:
        try:
            next(work)
        except StopIteration as done:
            out: Output = done.value
            return out
        if time.monotonic() >= turn_ends:
            await asyncio.sleep(0)
            turn_ends = time.monotonic() + _TURN_S
