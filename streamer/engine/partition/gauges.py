"""What metrics tell of a partition: how far it is behind, worked out whenever somebody looks, so that what stops shows.

Faust seam: none.

What must hold for it to be right: figures are worked out in the thread that serves metrics, which only reads, and never
the job's own clock, whose memory is the event loop's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from faust.types import TP
from prometheus_client import Gauge

from streamer.clock import wall_ms
from streamer.engine.kafka.ports import Consumer
from streamer.engine.metrics import Metrics
from streamer.engine.partition.processor import PartitionProcessor


class PartitionGauges:
    """Gauges of one partition, from :meth:`show` until :meth:`hide`.

    Args:
        partition: its number.
        metrics: of the process.
        topics: those it is fed by.
        now_ms: the wall clock, ms since 1970.
    """

    def __init__(
        self, partition: int, metrics: Metrics, topics: Sequence[str], now_ms: Callable[[], int] = wall_ms
    ) -> None:
        self._partition = partition
        self._metrics = metrics
        self._topics = topics
        self._now_ms = now_ms

    def show(self, processor: PartitionProcessor, consumer: Consumer) -> None:
        """From now on a scrape tells of this partition."""
        metrics, name, began_ms = self._metrics, str(self._partition), self._now_ms()
        metrics.watermark_lag.labels(name).set_function(
            lambda: (self._now_ms() - processor.clock.watermark) / 1000  # grows when nothing is processed
        )

        def lag(tp: TP) -> float:
            fetched = consumer.fetched(tp)
            return 0 if fetched is None or fetched.highwater is None else max(0, fetched.highwater - fetched.position)

        def unanswered_s(tp: TP) -> float:
            fetched = consumer.fetched(tp)
            seen_ms = began_ms if fetched is None or fetched.seen_ms is None else fetched.seen_ms
            return max(0, self._now_ms() - seen_ms) / 1000

        for topic in self._topics:
            tp = TP(topic, self._partition)
            metrics.consumer_lag.labels(topic, name).set_function(partial(lag, tp))
            metrics.unanswered.labels(topic, name).set_function(partial(unanswered_s, tp))

    def saved(self, processor: PartitionProcessor, changed: int) -> None:
        """A checkpoint took what so many users had changed."""
        found = changed, len(processor.users.stuck), processor.buffered, len(processor.store), processor.store.size
        for gauge, value in zip(self._of_checkpoints(), found, strict=True):
            gauge.labels(str(self._partition)).set(value)

    def _of_checkpoints(self) -> tuple[Gauge, ...]:
        metrics = self._metrics
        return metrics.dirty_users, metrics.stuck_users, metrics.buffered, metrics.users, metrics.state_bytes

    def hide(self) -> None:
        """The partition is another's to tell of."""
        metrics, name = self._metrics, str(self._partition)
        for gauge in (metrics.watermark_lag, *self._of_checkpoints()):
            gauge.remove(name)
        for topic in self._topics:
            metrics.consumer_lag.remove(topic, name)
            metrics.unanswered.remove(topic, name)
