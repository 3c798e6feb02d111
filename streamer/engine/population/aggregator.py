"""The population agent's work: deltas in, totals saved, and once a round what follows from them announced.

Faust seam: ``BatchConsumer``'s hooks for assignment and revocation (``engine/member.py``), ``hold`` and ``saved``.
Replaces ``faust.Table``.

Whoever is assigned partition 0 of the deltas adds all of them up, for rates are of everybody; further processes of the
group stand by. A round, in this order::

    1. append the totals that changed, then the mark that says what is counted; wait (engine/population/totals.py)
    2. tell the consumer up to where the deltas are counted; Faust commits that
    3. write snapshot, default lists and flagged creators to their topics; wait      (engine/population/announcement.py)

What must hold for it to be right: the owner has claimed the topics it writes, so a process that was frozen while
another took over is refused at 1 and 3, and ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from faust.types import TP

from streamer.clock import wall_ms
from streamer.engine.kafka.appending import append
from streamer.engine.kafka.compacted import PARTITION, CompactedTopic, newest_values
from streamer.engine.kafka.producer import NewRecord
from streamer.engine.kafka.records import Batch, Record
from streamer.engine.kafka.scan import Scanner, scanner
from streamer.engine.kafka.transport import BatchConsumer
from streamer.engine.member import Member, explained
from streamer.engine.metrics import Metrics
from streamer.engine.population.announcement import Announcement, announce
from streamer.engine.population.snapshots import KEY
from streamer.engine.population.totals import TotalsTable
from streamer.engine.population.totals_mark import hold_to, newest_mark
from streamer.errors import UNREADABLE, StateCorrupt, StateForeign
from streamer.population import health
from streamer.scoring import document, priors
from streamer.settings import Settings

log: Final = logging.getLogger(__name__)


class Aggregator(Member):
    """Adds everybody up, while the deltas are assigned to this process. Takes what every member takes."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        crash: Callable[[BaseException], Awaitable[None]],
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        super().__init__(settings, metrics, crash, now_ms)
        self._deltas = TP(settings.topics.population, PARTITION)
        self._consumer: BatchConsumer | None = None
        self._table: TotalsTable | None = None
        self._early: list[Record] = []
        self._announced = Announcement()
        self._topics: list[CompactedTopic] = []
        self._turn = asyncio.Lock()

    def _written(self) -> list[str]:
        topics = self._settings.topics
        return [topics.totals, topics.snapshots, topics.default_lists, topics.creator_health]

    def _join(self, consumer: BatchConsumer) -> None:
        self._consumer = consumer

    async def receive(self, tp: TP, batch: Batch) -> None:
        """Counts a batch of deltas; it is committed by the next round."""
        batch.taken = True
        if tp != self._deltas:
            return
        if self._table is None:
            self._early += batch
            if self._consumer is not None:
                self._consumer.hold(tp)
            return
        try:
            self._count(self._table, batch)
        except Exception as error:
            await self._fail(error)
            raise

    def _count(self, table: TotalsTable, records: list[Record]) -> None:
        corrupt, repeated = table.corrupt, table.repeated
        table.count(records)
        self._metrics.deltas_counted.inc(len(records))
        self._metrics.deltas_repeated.inc(table.repeated - repeated)
        self._metrics.population_corrupt.inc(table.corrupt - corrupt)

    # --- a round ----------------------------------------------------------------------------------------------

    async def round(self) -> Announcement | None:
        """Saves the totals and announces what follows from them; None if this process stands by."""
        table = self._table
        if table is None:
            return None
        began = time.monotonic()
        try:
            async with self._turn:
                if self._table is not table:  # let go meanwhile
                    return None
                await self._save(table)
                await self._announce(table)
        except Exception as error:
            await self._fail(error)
            raise
        self._measure(table, time.monotonic() - began)
        return self._announced

    async def _save(self, table: TotalsTable) -> None:
        counted_to = table.next_offset
        for records in table.take_changes():
            await self._append(self._settings.topics.totals, records)
        if counted_to is not None and self._consumer is not None:
            self._consumer.saved(self._deltas, counted_to)

    async def _announce(self, table: TotalsTable) -> None:
        now_ms = max(self._clock(), self._announced.priors.as_of + 1)  # Redis goes by it (streamer/sinks/population.py)
        made = announce(table.totals, self._announced, now_ms, self._settings)
        lists, flagged = self._topics
        await lists.replace(made.lists)
        await flagged.replace(made.health)
        await self._append(self._settings.topics.snapshots, [NewRecord(KEY, priors.encode(made.priors))])
        if made.priors.version != self._announced.priors.version:
            named = len(made.priors.tags) + len(made.priors.creators)
            log.info("population snapshot %d: %d keys differ from the prior", made.priors.version, named)
        self._announced = made

    async def _append(self, topic: str, entries: Sequence[NewRecord]) -> None:
        await append(self._producer, topic, PARTITION, [[entry] for entry in entries], "total_bytes", self._metrics)

    def _measure(self, table: TotalsTable, took_s: float) -> None:
        self._measure_clock()
        metrics, made = self._metrics, self._announced
        metrics.population_seconds.set(took_s)
        metrics.population_version.set(made.priors.version)
        metrics.population_keys.set(len(table.totals))
        metrics.default_lists.set(len(made.lists))
        metrics.hooks.labels("hook").set(len(made.health))

    async def _fail(self, error: Exception) -> None:
        self._table = None
        await self._crash(explained(error))

    # --- assignment -------------------------------------------------------------------------------------------

    async def _before_assigned(self, tps: set[TP]) -> None:
        self._table, self._early = None, []
        if self._deltas in tps:
            self._recovering = asyncio.create_task(self._recover())
        else:
            log.info("another process adds the population up: standing by")

    async def _recover(self) -> None:
        topics = self._settings.topics
        table = TotalsTable(self._settings.group)
        try:
            async with scanner(self._settings, "the population's totals") as reading:
                hold_to(self._settings, await newest_mark(reading, topics.totals))
            await self._producer.claim(
                [PARTITION], (topics.totals, topics.snapshots, topics.default_lists, topics.creator_health)
            )
            count = self._metrics.count_unreadable
            async with scanner(self._settings, "the population's totals", count_unreadable=count) as reading:
                await self._recover_totals(reading, table)
                await self._recover_announced(reading)
            self._count(table, self._early)
        except Exception as error:
            if not isinstance(error, StateForeign):
                log.exception("recovery failed")
            await self._fail(error)
            return
        self._table, self._early = table, []
        if self._consumer is not None:
            self._consumer.release(self._deltas)
        log.info("recovered %d totals, snapshot %d", len(table.totals), self._announced.priors.version)

    async def _recover_totals(self, reading: Scanner, table: TotalsTable) -> None:
        deltas_end = (await reading.extents(self._settings.topics.population, [PARTITION]))[PARTITION].end
        found: list[Record] = []
        async for scanned in reading.scan(self._settings.topics.totals, {PARTITION: 0}):
            found += scanned.records
        table.recover(found, deltas_end)
        hold_to(self._settings, table.mark)

    async def _recover_announced(self, reading: Scanner) -> None:
        topics = self._settings.topics
        found = await announced(reading, self._settings)
        self._topics = [
            CompactedTopic(self._producer, topics.default_lists, dict(found.lists)),
            CompactedTopic(self._producer, topics.creator_health, dict(found.health)),
        ]
        self._announced = Announcement(
            found.priors, _readable(found.lists, document.decode), _readable(found.health, health.decode)
        )

    async def _let_go(self) -> None:
        """Saves and commits, while the deltas are still ours. What is not saved is read again by the next owner."""
        await self._end_recovery()
        table, self._table, self._early = self._table, None, []
        if table is None or self._consumer is None:
            return
        self._consumer.stop_flow()
        try:
            async with self._turn:
                await self._save(table)
        except Exception:
            log.exception("totals go unsaved, the deltas since the last round will be read again")
        else:
            await self._consumer.commit()


async def announced(topics: Scanner, settings: Settings) -> Announcement:
    """What the topics of the population hold, as it was written."""
    names = settings.topics
    newest = (await newest_values(topics, names.snapshots)).get(KEY)
    try:
        known = priors.DEFAULT if newest is None else priors.decode(newest)
    except StateCorrupt as error:
        log.error("the snapshot in the topic %s is passed over: %s", names.snapshots, error)
        known = priors.DEFAULT
    lists = await newest_values(topics, names.default_lists)
    return Announcement(known, lists, await newest_values(topics, names.creator_health))


def _readable(values: Mapping[bytes, bytes], decode: Callable[[bytes], object]) -> dict[bytes, bytes]:
    """The values that decode; the others are written anew."""
    found = {}
    for key, value in values.items():
        try:
            decode(value)
        except (*UNREADABLE, ValueError) as error:
            log.error("%r is written anew: it does not decode (%s)", key, error)
        else:
            found[key] = value
    return found
