"""A worker in memory: the job's own partition, checkpoints and recovery, on a broker that is lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import TypeVar

from streamer.engine.metrics import Metrics
from streamer.engine.partition.assigned import AssignedPartition, WorkerContext
from streamer.engine.partition.work import Output
from streamer.engine.state import outbox
from streamer.engine.state.recovery import recover_from
from streamer.engine.state.rewriting import rewrite
from streamer.engine.state.store import PartitionStore
from streamer.profile import Rules
from streamer.settings import Settings
from streamer.testing.broker import PARTITION, MemoryBroker, MemoryConsumer, MemoryProducer, MemoryScanner

T = TypeVar("T")
_SLICE_EVENTS = 5_000


def finished(work: Coroutine[object, None, T], meanwhile: Callable[[], None] | None = None) -> T:
    """What a coroutine gives that waits for nothing outside memory. Needs no event loop, and may be called inside one.

    Args:
        work: the coroutine.
        meanwhile: done whenever it waits.
    """
    while True:
        try:
            work.send(None)
        except StopIteration as done:
            result: T = done.value
            return result
        if meanwhile is not None:
            meanwhile()


class MemoryWorker:
    """The life of one worker, from its recovery to its end.

    Args:
        settings: the deployment's; there is one partition, whatever they say.
        rules: compiled from them.
        broker: what earlier lives have left.
        store: local state, empty or of an earlier life.
        now_ms: the wall clock, ms since 1970.
        hot_users: users kept decoded.

    Attributes:
        assigned: its partition.
        context: what that works with.
        consumer: where it has its records from.
        late, erased: events passed over so far, by topic without prefix.
    """

    def __init__(
        self,
        settings: Settings,
        rules: Rules,
        broker: MemoryBroker,
        store: PartitionStore,
        now_ms: Callable[[], int],
        hot_users: int,
    ) -> None:
        settings = settings.model_copy(update={"partitions": 1})
        self.store = store
        self.late: Counter[str] = Counter()
        self.erased: Counter[str] = Counter()
        self._topics = (*settings.topics.sources, settings.topics.erasures)
        self._names = settings.topics
        self._broker = broker
        self.consumer = MemoryConsumer(broker, now_ms)
        self.context = WorkerContext.on(settings, rules, Metrics(), MemoryProducer(broker), self.consumer, now_ms)
        self.assigned = AssignedPartition(PARTITION, self.context)
        finished(self.recover(store))
        self.assigned.recovered(store, hot_users)

    async def recover(self, store: PartitionStore) -> None:
        """Brings a store up to date."""
        now_ms = self.context.now_ms()
        cut = await recover_from(MemoryScanner(self._broker), self._names, {PARTITION: store}, now_ms=now_ms)
        for begin in cut.values():
            await rewrite(PARTITION, store, self.context.changelog, begin)
        await outbox.announce(PARTITION, store, self.context.changelog)

    def fetch(self, topic: str, most: int) -> int:
        """Receives the next records of a topic; returns how many."""
        batch = self.consumer.fetch(topic, most)
        if batch:
            self.assigned.receive(topic, batch)
        return len(batch)

    def slice(self, limit: int = _SLICE_EVENTS) -> Output:
        """Processes what may be processed now."""
        out = finished(self.assigned.slice(limit))
        self.late += out.late
        self.erased += out.erased
        return out

    def work(self) -> None:
        """Receives and processes until nothing is left to do."""
        self.assigned.due = True  # time has passed
        while sum(self.fetch(topic, _SLICE_EVENTS) for topic in self._topics) or self.assigned.due:
            self.slice()

    def checkpoint(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Saves, commits what is saved, and deletes what of the journal is not needed any more."""
        finished(self.assigned.checkpoint(), meanwhile)
        if self.store.mark is not None:
            self._broker.delete_before(self._names.journal, self.store.mark.journal_begin)
