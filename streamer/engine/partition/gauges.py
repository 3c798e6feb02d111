"""How far a partition is behind, worked out whenever somebody looks: what stops shows.

Faust seam: none.

What must hold for it to be right: figures are worked out in the thread that serves metrics, which only
reads, and never the job's own clock, whose memory is the event loop's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from faust.types import TP

from streamer.clock import wall_ms
from streamer.engine.kafka.ports import Consumer
from streamer.engine.metrics import Metrics
from streamer.engine.partition.processor import PartitionProcessor


class PartitionGauges:
    """Lags of one partition that is processed here, until :meth:`hide`.

    Args:
        metrics: of the process.
        topics: those it is fed by.
        now_ms: the wall clock, ms since 1970.
    """

    def __init__(self, metrics: Metrics, topics: Sequence[str], now_ms: Callable[[], int] = wall_ms) -> None:
        self._metrics = metrics
        self._topics = topics
        self._now_ms = now_ms

    def show(self, partition: int, processor: PartitionProcessor, consumer: Consumer) -> None:
        """From now on a scrape tells of this partition."""
        metrics, name, began_ms = self._metrics, str(partition), self._now_ms()
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
            tp = TP(topic, partition)
            metrics.consumer_lag.labels(topic, name).set_function(partial(lag, tp))
            metrics.unanswered.labels(topic, name).set_function(partial(unanswered_s, tp))

    def hide(self, partition: int) -> None:
        """The partition is another's to tell of."""
        metrics, name = self._metrics, str(partition)
        held = (metrics.buffered, metrics.dirty_users, metrics.stuck_users, metrics.users, metrics.state_bytes)
        for gauge in (metrics.watermark_lag, *held):
            gauge.remove(name)
        for topic in self._topics:
            metrics.consumer_lag.remove(topic, name)
            metrics.unanswered.remove(topic, name)
