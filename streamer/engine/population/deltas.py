"""What sealed sessions change in the population's sums, on its way to the topic ``population``.

Faust seam: none (``engine/kafka/producer.py``).

Deltas of all the worker's partitions are added up until one of them is saved: a popular tag is one record a
checkpoint, not one a user. Flushing those of partitions that are not saved yet is allowed, since a crash may repeat
deltas (spec §10); losing some is not, for users would never leave the bins they are counted in.

What must hold for it to be right: a checkpoint saves a partition only after :meth:`DeltaWriter.flush`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from streamer.engine.kafka.appending import append
from streamer.engine.kafka.compacted import PARTITION
from streamer.engine.kafka.ports import Producer
from streamer.engine.kafka.producer import NewRecord
from streamer.engine.metrics import Metrics
from streamer.population import Deltas


class DeltaWriter:
    """Collects a worker's deltas and writes them.

    Args:
        producer: started.
        topic: ``population``, its full name.
        metrics: where records and bytes are counted.

    Attributes:
        waiting: where users add what their seals change.
    """

    def __init__(self, producer: Producer, topic: str, metrics: Metrics) -> None:
        self._producer = producer
        self._topic: Final = topic
        self._metrics = metrics
        self.waiting: Final = Deltas()
        self._unacked: list[NewRecord] = []
        self._flushing = asyncio.Lock()

    def forget(self) -> None:
        """Drops what is not written: its partitions go unsaved, so whoever gets them tells it."""
        self.waiting.clear()
        self._unacked = []

    async def flush(self) -> None:
        """Writes everything added so far, and waits for the broker's acks.

        What a flush that failed was to write, the next one writes first: a partition must not be saved without it.
        """
        async with self._flushing:
            entries = [NewRecord(key, value) for key, value in self.waiting.take()]
            self._metrics.delta_records.inc(len(entries))
            self._metrics.delta_bytes.inc(sum(len(entry.key or b"") + len(entry.value or b"") for entry in entries))
            self._unacked += entries
            if self._unacked:
                await self._write(self._unacked)
                self._unacked = []

    async def _write(self, entries: Sequence[NewRecord]) -> None:
        groups = [[entry] for entry in entries]
        await append(self._producer, self._topic, PARTITION, groups, "delta_bytes", self._metrics)
