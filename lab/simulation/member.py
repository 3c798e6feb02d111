"""One worker, simulated: from its claim to its end, with the engine's own partition, checkpoint and recovery.

Its work is coroutines that a schedule resumes await by await, so that it can end, or be overtaken, at each of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from functools import cache
from typing import Final

from lab.simulation.broker import WAITS, Broker, Consumer, Producer, Scanner
from streamer.engine.metrics import Metrics
from streamer.engine.partition.assigned import AssignedPartition, WorkerContext
from streamer.engine.state import outbox
from streamer.engine.state.recovery import recover_from
from streamer.engine.state.rewriting import rewrite
from streamer.engine.state.store import MemoryStore, PartitionStore
from streamer.engine.trusted_clock import TrustedClock
from streamer.profile import Rules
from streamer.settings import Settings

PARTITION: Final = 0
TO_THE_END: Final = 1 << 30
_metrics = cache(Metrics)


class Task:
    """A coroutine that is resumed when it is its turn."""

    def __init__(self, work: Coroutine[object, None, object]) -> None:
        self._work = work

    def go(self, turns: int) -> bool:
        """Lets it wait for the broker so many times; returns whether it has ended."""
        for _ in range(turns):
            try:
                while self._work.send(None) is not WAITS:
                    pass
            except StopIteration:
                return True
        return False

    def end(self) -> None:
        """It is never resumed again."""
        self._work.close()


class Process:
    """A process on a machine: what a worker keeps from one assignment to the next.

    Attributes:
        clock: what it takes for now.
    """

    def __init__(self, broker: Broker, off_ms: int = 0) -> None:
        self._off_ms = off_ms
        self._parked: PartitionStore | None = None
        self.clock = TrustedClock(lambda: broker.now_ms + self._off_ms, lambda: broker.now_ms)

    def leap(self, by_ms: int) -> None:
        """Its wall clock leaps, ms."""
        self._off_ms += by_ms

    def park(self, store: PartitionStore | None) -> None:
        """Its partition goes; the store is kept, if there is one to keep."""
        self._parked = store

    def take(self) -> PartitionStore:
        """The store for the partition that it gets: the one that was kept, or an empty one."""
        parked, self._parked = self._parked, None
        return MemoryStore() if parked is None else parked

    def restarted(self, broker: Broker) -> Process:
        """The process that takes its place: the machine's clock stays as wrong as it is."""
        return Process(broker, self._off_ms)


class Member:
    """A worker from one assignment to its end, as ``engine/worker.py`` leads it.

    Attributes:
        late: events that came too late, by topic without prefix.
    """

    def __init__(self, broker: Broker, settings: Settings, rules: Rules, process: Process) -> None:
        broker.generation += 1
        topics = settings.topics
        self.process = process
        self.late: Counter[str] = Counter()
        self.consumer = Consumer(broker, broker.generation, process.clock)
        self.producer = Producer(broker, (topics.state, topics.journal, topics.avoid_lists), process.clock.heard)
        self.topics = (topics.erasures, *topics.sources)
        self._broker = broker
        self._settings = settings
        clock = process.clock
        self._context = WorkerContext.on(settings, rules, _metrics(), self.producer, self.consumer, clock, clock.latest)
        self._assigned = AssignedPartition(PARTITION, self._context)
        self._recovering: Task | None = Task(self._recover())
        self._slicing: Task | None = None
        self._saving: Task | None = None

    async def _recover(self) -> None:
        await self.producer.claim()
        store = self.process.take()
        topics, now_ms = self._settings.topics, self.process.clock()
        cut = await recover_from(Scanner(self._broker), topics, {PARTITION: store}, now_ms=now_ms)
        for begin in cut.values():
            await rewrite(PARTITION, store, self._context.changelog, begin)
        await outbox.announce(PARTITION, store, self._context.changelog)
        self._assigned.recovered(store, self._settings.hot_users)

    @property
    def store(self) -> PartitionStore | None:
        """Its state, once recovered."""
        return self._assigned.store

    # --- turns ------------------------------------------------------------------------------------------------

    def fetch(self, topic: str, most: int) -> int:
        """Receives the next records of a topic."""
        batch = self.consumer.fetch(topic, most)
        if batch:
            self._assigned.receive(topic, batch)
        return len(batch)

    def slice(self, limit: int, turns: int) -> None:
        """Goes on with a slice, or begins one."""
        if self._is_recovering(turns):
            return
        if self._slicing is None:
            self._slicing = Task(self._slice(limit))
        if self._slicing.go(turns):
            self._slicing = None

    async def _slice(self, limit: int) -> None:
        out = await self._assigned.slice(limit)
        self.late += out.late

    def save(self, turns: int) -> None:
        """Goes on with a checkpoint, or begins one; not in the midst of a slice, as it would only wait for that."""
        if self._is_recovering(turns) or (self._saving is None and self._slicing is not None):
            return
        if self._saving is None:
            self._saving = Task(self._assigned.checkpoint())
        if self._saving.go(turns):
            self._saving = None

    def truncate(self) -> None:
        """Deletes what of the journal its newest mark does not need."""
        store = self.store
        if store is not None and store.mark is not None:
            self._broker.logs[self._settings.topics.journal].delete_before(store.mark.journal_begin)

    def _is_recovering(self, turns: int) -> bool:
        if self._recovering is not None and self._recovering.go(turns):
            self._recovering = None
        return self._recovering is not None

    # --- ends -------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Everything begun ends, and what is in memory is saved and committed."""
        if self._slicing is not None:
            self.slice(1, TO_THE_END)
        if self._saving is not None:
            self.save(TO_THE_END)
        self.save(TO_THE_END)
        self.consumer.commit()

    def let_go(self) -> None:
        """The partition goes to another worker, which this one knows of; its store is kept if it is whole."""
        if self._recovering is None:
            self.finish()
            self.process.park(self.store if self._assigned.is_whole else None)
        self.stop()

    def work_to_the_end(self) -> None:
        """Receives and processes until nothing is left, and saves that."""
        self.read_to_the_end()
        self.finish()
        self.truncate()

    def read_to_the_end(self) -> None:
        """Receives and processes until nothing is left."""
        while True:
            received = sum(self.fetch(topic, 1000) for topic in self.topics)
            self.slice(1000, TO_THE_END)
            if not received and not self._assigned.due and not any(map(self.consumer.is_behind, self.topics)):
                return

    def stop(self) -> None:
        """It ends as it is, as by kill -9."""
        for task in (self._recovering, self._slicing, self._saving):
            if task is not None:
                task.end()
        self._recovering = self._slicing = self._saving = None
        self._assigned.close()
