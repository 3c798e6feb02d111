"""Gives back to Redis what it has lost: lists that it had, as its markers tell, and has no more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import scan
from streamer.engine.metrics import Metrics
from streamer.engine.state.position import term_of
from streamer.errors import BrokerUnavailable, RedisShared, RedisUnavailable, StateCorrupt
from streamer.settings import Settings
from streamer.sinks.markers import Span
from streamer.sinks.redis import AvoidListWriter
from streamer.sinks.updates import Update

log: Final = logging.getLogger(__name__)


class Restoring:
    """Keeps the markers, and reads the outbox again where Redis has lost something of it, beside the publisher's work.

    Args:
        settings: the deployment's.
        metrics: where to count.
        writer: writes lists to Redis.
    """

    def __init__(self, settings: Settings, metrics: Metrics, writer: AvoidListWriter) -> None:
        self._settings = settings
        self._metrics = metrics
        self._writer = writer
        self._ends: dict[int, int] = {}
        self._terms: dict[int, int] = {}
        self._under_way: dict[int, asyncio.Task[None]] = {}

    def spans_of(self, records: Iterable[tuple[int, Record]]) -> dict[int, Span]:
        """What is to be noted with these records of the outbox, of any partitions, each partition's in order."""
        spans: dict[int, Span] = {}
        for partition, record in records:
            term = max(self._terms.get(partition, 0), term_of(record.headers))
            self._terms[partition] = term
            begin = spans[partition].begin if partition in spans else self._ends.get(partition, record.offset)
            spans[partition] = Span(min(begin, record.offset), record.offset + 1, term)
        return spans

    def written(self, spans: Mapping[int, Span], missing: Mapping[int, Span]) -> None:
        """Redis has these records.

        Args:
            missing: by partition what it turned out to have lost before them.
        """
        self._ends.update({partition: span.end for partition, span in spans.items()})
        self._begin(missing)

    async def look(self, positions: Mapping[int, int]) -> None:
        """Looks whether Redis still has what was written; to be called now and then.

        Args:
            positions: by partition where this process has begun to read, for those it has written nothing of yet.
        """
        self._ends = {partition: self._ends.get(partition, position) for partition, position in positions.items()}
        spans = {partition: Span(end, end, self._terms.get(partition, 0)) for partition, end in self._ends.items()}
        try:
            self._begin(await self._writer.look(spans))
        except RedisUnavailable as error:
            log.log(
                logging.WARNING if isinstance(error, RedisShared) else logging.DEBUG,
                "whether Redis has lost anything is asked again: %s", error,
            )  # fmt: skip

    async def close(self) -> None:
        """Gives up what is under way; the next publisher finds it missing."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget(self) -> None:
        """The partitions are another's from now on."""
        self._ends, self._terms = {}, {}

    def _begin(self, missing: Mapping[int, Span]) -> None:
        for partition, span in missing.items():
            if partition not in self._under_way:
                task = asyncio.create_task(self._restore(partition, span))
                self._under_way[partition] = task
                task.add_done_callback(partial(self._ended, partition))

    def _ended(self, partition: int, _task: asyncio.Task[None]) -> None:
        self._under_way.pop(partition)

    async def _restore(self, partition: int, lost: Span) -> None:
        """Writes again what a partition has from where Redis lost it on."""
        self._metrics.redis_losses.inc()
        log.warning(
            "Redis lacks lists of partition %d of the outbox, from offset %d on (new, emptied, or failed over to a "
            "replica that had not heard of them): they are written",
            partition,
            lost.begin,
        )
        term = 0
        try:
            async for scanned in scan(self._settings, self._settings.topics.avoid_lists, {partition: lost.begin}):
                updates = self._updates(partition, scanned.records)
                if scanned.records:
                    term = max(term, *(term_of(record.headers) for record in scanned.records))
                    span = Span(lost.begin, scanned.records[-1].offset + 1, term)
                    await self._writer.write(updates, {partition: span})
            await self._writer.look({partition: lost._replace(term=term)})
        except (BrokerUnavailable, RedisUnavailable) as error:
            log.warning("they are looked for again soon: %s", error)
        else:
            log.warning("lists of partition %d are in Redis again", partition)

    def _updates(self, partition: int, records: Iterable[Record]) -> list[Update]:
        found = []
        for record in records:
            try:
                found.append(Update.of(record, partition, self._settings.window_days))
            except StateCorrupt:  # it was told when it was first met
                continue
        return found
