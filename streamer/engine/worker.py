"""The engine of one worker: partitions come, are recovered, processed, saved, and go.

Faust seam: ``BatchConsumer``'s hooks for assignment and revocation; the agents hand it their events. Replaces what
Faust's Stream, Table and Recovery do an event at a time.

What must hold for it to be right:
- Everything runs on the app's event loop.
- An error that is not about one event crashes the app: nothing in memory is saved any more, and the restart continues
  from the last checkpoint.
- Partition p of all source topics is on the same worker: checked at every assignment.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from faust.types import TP

from streamer.clock import wall_ms
from streamer.engine.kafka.scan import scanner
from streamer.engine.kafka.transport import BatchConsumer, Delivery
from streamer.engine.kafka.truncation import Truncation
from streamer.engine.lateness import Lateness
from streamer.engine.member import Member, explained
from streamer.engine.metrics import Metrics
from streamer.engine.partition.assigned import AssignedPartition, WorkerContext
from streamer.engine.population.snapshots import SnapshotFollower
from streamer.engine.state import outbox, ownership
from streamer.engine.state.recovery import recover
from streamer.engine.state.rewriting import rewrite
from streamer.engine.state.stores import open_stores
from streamer.errors import BrokerUnavailable, StateForeign, TopicsError
from streamer.profile import Rules
from streamer.settings import Settings

log: Final = logging.getLogger(__name__)

_LEAST_HOT: Final = 100
_GC_THRESHOLDS: Final = (1_000_000, 50, 100)
"""State holds no reference cycles, so looking for them often finds nothing: without, 11.6 us an event, with 17.7
(docs/architecture.md)."""


class Engine(Member):
    """Processes all partitions assigned to this worker. Takes what every member takes."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        crash: Callable[[BaseException], Awaitable[None]],
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        super().__init__(settings, metrics, crash, now_ms)
        self._rules = Rules(settings)
        self._snapshots = SnapshotFollower(self._rules, settings, metrics, self._clock)
        self._consumer: BatchConsumer | None = None
        self._context: WorkerContext | None = None
        self._assigned: dict[int, AssignedPartition] = {}
        self._parted: list[AssignedPartition] = []
        """What it had when it stopped: freed with the process in one go, while a million objects would take seconds."""
        self._stores = open_stores(settings)
        self._truncation = Truncation(settings)
        self._lateness = Lateness(metrics)
        self._failing: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()
        self._paused = True
        self._failed = False
        self._stopping = False

    def _written(self) -> list[str]:
        topics, settings = self._settings.topics, self._settings
        always = [topics.state, topics.journal, topics.avoid_lists, topics.rejects]
        return always + [topics.labels] * settings.labels + [topics.population] * settings.population

    def _join(self, consumer: BatchConsumer) -> None:
        self._consumer = consumer
        self._context = WorkerContext.on(
            self._settings, self._rules, self._metrics, self._producer, consumer, self._clock, self._clock.latest
        )
        consumer.together = frozenset(self._settings.topics.sources)
        consumer.committed_only = True

    async def stop(self) -> None:
        """Saves and commits what it may, and disconnects. What is assigned from now on is another worker's to do."""
        self._stopping = True
        self._parted = list(self._assigned.values())
        await super().stop()

    # --- work -----------------------------------------------------------------------------------------------

    def receive(self, delivery: Delivery) -> None:
        """Takes what a stream delivered; it is committed once it is saved."""
        if self._failed:
            return
        try:
            for tp, batch in delivery.items():
                assigned = self._assigned.get(tp.partition)
                if assigned is not None:
                    assigned.receive(tp.topic, batch)
        except Exception as error:
            self._failing = asyncio.ensure_future(self._fail(error))  # else the agent restarts and the batch is lost
            raise
        self._wake.set()

    def tick(self) -> None:
        """Lets time pass, though nothing has arrived."""
        self._measure_clock()
        for assigned in self._assigned.values():
            assigned.due = True
        self._wake.set()

    async def run(self) -> None:
        """Processes what has arrived, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while not self._paused and (due := [a for a in self._assigned.values() if a.due]):
                for assigned in due:
                    await self._slice(assigned)
                if any(assigned.is_behind for assigned in due):
                    gc.freeze()  # what a backlog leaves is state: looking through it took 5 % of CPU and found nothing
                await asyncio.sleep(0)

    async def _slice(self, assigned: AssignedPartition) -> None:
        if self._paused:
            return
        try:
            await assigned.slice()
            if assigned.crowded:
                await self._checkpoint(assigned)
        except Exception as error:
            await self._fail(error)
            raise

    async def checkpoint(self) -> None:
        """Saves every partition and lets Faust commit what is saved."""
        if self._failed:
            return
        try:
            for assigned in list(self._assigned.values()):  # one by one: taking the changes of all would block slices
                if not self._paused:  # else they are being let go, which saves them
                    await self._checkpoint(assigned)
        except Exception as error:
            await self._fail(error)
            raise
        for cap, count in self._rules.dropped.items():
            self._metrics.dropped.labels(cap).inc(count)
        self._rules.dropped.clear()
        for exposure, count in self._rules.starts.items():
            self._metrics.starts.labels(exposure).inc(count)
        self._rules.starts.clear()

    async def follow_population(self) -> None:
        """Lets every user go by the newest snapshot of the population's rates, if they are on; called now and then."""
        if self._settings.population:
            await self._snapshots.refresh()

    async def report_late(self) -> None:
        """Says so when much of a topic is late; called once a minute."""
        self._lateness.report()

    async def truncate(self) -> None:
        """Deletes what of the journal is not needed any more; called now and then."""
        marks = {p: a.store.mark for p, a in self._assigned.items() if a.store is not None}
        begins = {p: mark.journal_begin for p, mark in marks.items() if mark is not None}
        if not self._failed:
            await self._truncation.delete_before(begins)

    async def keep_whole(self) -> None:
        """Writes the state again if somebody has deleted the changelog's beginning; called now and then."""
        stores = {p: a.store for p, a in self._assigned.items() if a.store is not None}
        if self._failed or not stores:
            return
        try:
            async with scanner(self._settings, "the changelog's beginning") as topics:
                extents = await topics.extents(self._settings.topics.state, stores)
        except BrokerUnavailable as error:
            log.info("%s", error)  # there is a next time
            return
        try:
            for partition, assigned in list(self._assigned.items()):
                if partition in extents:
                    await assigned.rewrite(extents[partition].first)
        except Exception as error:
            await self._fail(error)
            raise

    async def _checkpoint(self, assigned: AssignedPartition) -> None:
        with self._metrics.checkpoint_seconds.time():
            await assigned.checkpoint()

    async def _fail(self, error: Exception) -> None:
        if not self._failed:
            self._failed = self._paused = True
            await self._crash(explained(error))

    # --- assignment -------------------------------------------------------------------------------------------

    async def _before_assigned(self, tps: set[TP]) -> None:
        if self._stopping:  # a worker that leaves may be given the partitions of one that has just left
            return
        context = self._ensure()
        sources = (*self._settings.topics.sources, self._settings.topics.erasures)
        partitions = {tp.partition for tp in tps if tp.topic in sources}
        missing = [f"{topic}[{p}]" for p in sorted(partitions) for topic in sources if TP(topic, p) not in tps]
        if missing:
            await self._fail(
                TopicsError(
                    [
                        f"assigned without {', '.join(missing)}: source topics must exist and have equal partition "
                        "counts. Run  streamer topics check"
                    ]
                )
            )
            return
        self._assigned = {p: AssignedPartition(p, context) for p in sorted(partitions)}
        self._paused = self._failed
        if not partitions:
            await self._stores.open(())
        else:
            self._recovering = asyncio.create_task(self._recover(dict(self._assigned)))

    async def _recover(self, assigned: dict[int, AssignedPartition]) -> None:
        began = time.monotonic()
        topics = self._settings.topics
        try:
            is_former = await ownership.require(self._settings, assigned)
            await self._producer.claim(assigned, (topics.state, topics.journal, topics.avoid_lists))
            if is_former:
                await ownership.take_over(self._settings, assigned, self._ensure().changelog)
            await self.follow_population()
            stores = await self._stores.open(assigned)
            cut = await recover(self._settings, stores, self._metrics, self._clock())
            changelog = self._ensure().changelog
            for partition, begin in cut.items():
                await self._ensure().deltas.tell_all(partition, stores[partition].untold)
                await rewrite(partition, stores[partition], changelog, begin)
            for partition, store in stores.items():
                await outbox.announce(partition, store, changelog)
            capacity = max(_LEAST_HOT, self._settings.hot_users // len(assigned))
            for partition, store in stores.items():
                assigned[partition].recovered(store, capacity)
        except Exception as error:
            if not isinstance(error, StateForeign):
                log.exception("recovery failed")
            await self._fail(error)
            return
        took = time.monotonic() - began
        self._metrics.recovery_seconds.set(took)
        gc.freeze()  # what is recovered stays: the collector need not look at it again
        gc.set_threshold(*_GC_THRESHOLDS)
        users = sum(map(len, stores.values()))
        log.info("recovered partitions %s: %d users in %.1f s", sorted(assigned), users, took)
        self._wake.set()

    async def _let_go(self) -> None:
        """Saves, commits and forgets all partitions, while they are still ours. Unsaved ones are read again."""
        self._paused = True
        for assigned in self._assigned.values():
            assigned.is_leaving = True
        whole: set[int] = set()
        await self._end_recovery()
        consumer = self._consumer
        if self._assigned and not self._failed and consumer is not None:
            consumer.stop_flow()
            checkpoints = (self._checkpoint(assigned) for assigned in self._assigned.values())
            ended = await asyncio.gather(*checkpoints, return_exceptions=True)  # none may go on afterwards
            failed = next((error for error in ended if error is not None), None)
            if failed is not None:
                log.error(
                    "partitions go unsaved, what was processed since the last checkpoint will be read again",
                    exc_info=failed,
                )
            else:
                if not await consumer.commit():
                    await consumer.commit()
                log.info(
                    "saved partitions %s; %d records processed since the start",
                    sorted(self._assigned),
                    self._metrics.processed(),
                )
                whole = {p for p, a in self._assigned.items() if a.is_whole}
        for assigned in self._assigned.values():
            assigned.close()
        self._stores.let_go(whole)
        self._assigned = {}

    def _ensure(self) -> WorkerContext:
        if self._context is None:
            raise RuntimeError("the engine is not started")
        return self._context
