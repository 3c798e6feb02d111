"""What an operator sees: Prometheus metrics of workers, publishers and population agents.

Faust seam: none. Takes the place of Faust's monitor, which would count deliveries, not events.

What must hold for it to be right: a process has one registry of its own; whatever is left out, refused or lost is
counted in one of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_FRESHNESS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
_CHECKPOINT: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._of_workers()
        self._of_state()
        self._of_the_population()
        self._of_publishers()
        self.clock_off = self._gauge(
            "clock_off_seconds", "wall clock minus the time that brokers and the clock's own past confirm"
        )
        self.foreign = self._counter("foreign_records", "records of our topics that are not ours, passed over", "topic")
        self.offset_resets = self._counter(
            "offset_resets",
            "partitions read from their beginning, as what they were read to is lost or rewritten",
            "topic",
            "why",
        )
        self.stalled = self._gauge("stalled_partitions", "partitions of which nothing is read, for long")

    def _of_workers(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.events = counter("events", "events processed", "topic")
        self.late = counter("late_events", "events too late to be counted", "topic")
        self.erased = counter("erased_events", "events passed over because their user was erased", "topic")
        self.rejects = counter("rejected_events", "records sent to the rejects topic", "topic", "code")
        self.dropped = counter("dropped_evidence", "evidence beyond a cap; unsaved: events nobody could save", "cap")
        self.labels = counter("labels_written", "labels of sealed sessions handed to their topic")
        self.lists = counter("lists_changed", "avoid lists written to the outbox")
        self.watermark_lag = gauge("watermark_lag_seconds", "wall clock minus watermark", "partition")
        self.consumer_lag = gauge(
            "consumer_lag_records", "records at the broker and not yet fetched", "topic", "partition"
        )
        self.buffered = gauge("buffered_events", "events waiting for other topics", "partition")
        self.batch_events = self._histogram("batch_events", "events of a slice", (1, 3, 10, 30, 100, 300, 1000, 3000))

    def _of_state(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.dirty_users = gauge("dirty_users", "users changed since the last checkpoint", "partition")
        self.stuck_users = gauge("stuck_users", "users whose state cannot be processed", "partition")
        self.users = gauge("state_users", "users with state", "partition")
        self.state_bytes = gauge("state_bytes", "encoded state", "partition")
        self.checkpoint_seconds = self._histogram("checkpoint_seconds", "duration of a checkpoint", _CHECKPOINT)
        self.changelog_bytes = counter("changelog_bytes", "bytes handed to the changelog, before compression")
        self.journal_bytes = counter("journal_bytes", "bytes handed to the journal, before compression")
        self.recovery_seconds = gauge("recovery_seconds", "duration of the last recovery")

    def _of_the_population(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.delta_records = counter("population_deltas", "sums changed by sealed sessions, written by the worker")
        self.delta_bytes = counter("population_delta_bytes", "bytes of them, before compression")
        self.deltas_counted = counter("population_deltas_counted", "of them, what the population agent has counted")
        self.population_corrupt = counter("population_corrupt", "population records passed over as unreadable")
        self.population_snapshots = counter("population_snapshots", "snapshots met by a worker, by result", "result")
        self.population_version = gauge("population_version", "the snapshot in force; 0: the constants")
        self.population_age = gauge("population_age_seconds", "age of the snapshot in force")
        self.population_keys = gauge("population_keys", "tags and creators with totals of their own")
        self.population_seconds = gauge("population_round_seconds", "duration of the last round of the agent")
        self.default_lists = gauge("population_default_lists", "default lists that stand")
        self.hooks = gauge("population_flagged_creators", "creators flagged by the monitor", "flag")

    def _of_publishers(self) -> None:
        counter = self._counter
        self.rejects_seen = counter("rejects", "records read from the rejects topic", "topic", "code")
        self.redis_writes = counter("redis_writes", "avoid lists by what Redis did with them", "result")
        self.redis_errors = counter("redis_errors", "failed attempts to write to Redis")
        self.freshness = self._histogram("freshness_seconds", "event time to acknowledged by Redis", _FRESHNESS)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"streamer_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"streamer_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"streamer_{name}", text, registry=self.registry, buckets=buckets)

    def processed(self) -> int:
        """Records of all topics processed since the start."""
        samples = (sample for family in self.events.collect() for sample in family.samples)
        return round(sum(sample.value for sample in samples if sample.name.endswith("_total")))

    def serve(self, port: int) -> None:
        """Serves ``/metrics`` on this port; 0: not at all."""
        if port:
            start_http_server(port, registry=self.registry)
