"""What sealed sessions change in the population's sums, on its way to the topic ``population``.

Faust seam: none (``engine/kafka/producer.py``).

A popular tag is one entry a checkpoint, not one a user. Whatever is told twice is the same both times, byte for byte,
and says so (``streamer/population/telling.py``): so anybody who does not know whether it was told tells it.

What must hold for it to be right: what is told is in the changelog, for whoever crashes then tells it again from there
(``engine/state/untold.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from streamer.engine.kafka.appending import append
from streamer.engine.kafka.compacted import PARTITION
from streamer.engine.kafka.ports import Producer
from streamer.engine.kafka.producer import NewRecord
from streamer.engine.metrics import Metrics
from streamer.engine.state.untold import Untold
from streamer.population import Deltas
from streamer.population.telling import Source, tell


class DeltaWriter:
    """Tells the population.

    Args:
        producer: started.
        topic: ``population``, its full name; None: the population is off, and nobody is told.
        metrics: where records and bytes are counted.
    """

    def __init__(self, producer: Producer, topic: str | None, metrics: Metrics) -> None:
        self._producer = producer
        self._topic: Final = topic
        self._metrics = metrics

    async def tell(self, source: Source, untold: Iterable[tuple[int, Deltas]]) -> None:
        """Tells what checkpoints changed, oldest first, and waits for the broker's acks."""
        if self._topic is None:
            return
        records = [record for number, deltas in untold for record in tell(source, number, deltas)]
        if records:
            await self._write(self._topic, [NewRecord(key, value) for key, value in records])
            self._metrics.delta_records.inc(len(records))
            self._metrics.delta_bytes.inc(sum(len(key) + len(value) for key, value in records))

    async def tell_all(self, partition: int, untold: Untold) -> None:
        """Tells all that there is to tell of a partition, before its records in the changelog are replaced."""
        await self.tell(Source(partition, untold.lineage), untold)

    async def _write(self, topic: str, entries: Sequence[NewRecord]) -> None:
        groups = [[entry] for entry in entries]
        await append(self._producer, topic, PARTITION, groups, "delta_bytes", self._metrics)
