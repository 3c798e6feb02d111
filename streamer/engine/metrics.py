"""What an operator sees: Prometheus metrics of workers, publishers and population agents.

Faust seam: none. Takes the place of Faust's monitor, which would count deliveries, not events.

What must hold for it to be right: a process has one registry of its own; whatever is left out, refused or lost is
counted in one of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server

from streamer import __version__
from streamer.errors import SettingsError

_FRESHNESS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
_SHOWINGS: Final = (0, 1, 2, 3, 5, 10, 20, 50, 100)
_LAST_SIMILAR: Final = (0, 60, 600, 3600, 6 * 3600, *(day * 86_400 for day in range(1, 8)))
_CHECKPOINT: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def _counter(name: str, text: str, *labels: str) -> Any:
    return partial(Counter, f"streamer_{name}", text, labels)


def _gauge(name: str, text: str, *labels: str) -> Any:
    return partial(Gauge, f"streamer_{name}", text, labels)


def _histogram(name: str, text: str, buckets: Sequence[float], *labels: str) -> Any:
    return partial(Histogram, f"streamer_{name}", text, labels, buckets=buckets)


class Metrics:
    """All metrics of one process, in a registry of their own.

    Below each attribute is declared as what it is once ``__init__`` has run; until then it holds a partial, because a
    metric must be told its registry when it is made, and every process (in tests every worker) has its own.
    """

    events: Counter = _counter("events", "events processed", "topic")
    late: Counter = _counter("late_events", "events too late to be counted", "topic")
    erased: Counter = _counter("erased_events", "events passed over because their user was erased", "topic")
    rejected: Counter = _counter("rejected_events", "records sent to the rejects topic", "topic", "code")
    rejects: Counter = _counter("rejects", "records read from the rejects topic", "topic", "code")
    dropped: Counter = _counter("dropped_evidence", "evidence beyond a cap; unsaved: events nobody could save", "cap")
    starts: Counter = _counter("starts", "items begun; unseen: no showing of it passed the gate", "exposure")
    labels: Counter = _counter("labels_written", "labels of sealed sessions handed to their topic")
    lists: Counter = _counter("lists_changed", "avoid lists written to the outbox")
    showings_after_no: Histogram = _histogram(
        "showings_after_no", "similar showings seen in the week after an explicit no", _SHOWINGS, "similar"
    )
    last_after_no: Histogram = _histogram(
        "last_showing_after_no_seconds", "from a no to the last of these; 0: none", _LAST_SIMILAR, "similar"
    )
    unfollowed: Counter = _counter("unfollowed_noes", "explicit noes beyond what a partition follows")
    watermark_lag: Gauge = _gauge("watermark_lag_seconds", "wall clock minus watermark", "partition")
    consumer_lag: Gauge = _gauge(
        "consumer_lag_records", "records at the broker and not yet fetched", "topic", "partition"
    )
    unanswered: Gauge = _gauge(
        "kafka_unanswered_seconds", "since the broker last said what it has", "topic", "partition"
    )
    build: Gauge = _gauge("build_info", "1; what runs, by version", "version")
    buffered: Gauge = _gauge("buffered_events", "events waiting for other topics", "partition")
    dirty_users: Gauge = _gauge("dirty_users", "users changed since the last checkpoint", "partition")
    stuck_users: Gauge = _gauge("stuck_users", "users whose state cannot be processed", "partition")
    users: Gauge = _gauge("state_users", "users with state", "partition")
    state_bytes: Gauge = _gauge("state_bytes", "encoded state", "partition")
    batch_events: Histogram = _histogram("batch_events", "events of a slice", (1, 3, 10, 30, 100, 300, 1000, 3000))
    checkpoint_seconds: Histogram = _histogram("checkpoint_seconds", "duration of a checkpoint", _CHECKPOINT)
    changelog_bytes: Counter = _counter("changelog_bytes", "bytes handed to the changelog, before compression")
    journal_bytes: Counter = _counter("journal_bytes", "bytes handed to the journal, before compression")
    delta_records: Counter = _counter(
        "population_deltas", "records of what seals change in sums, written by the worker"
    )
    delta_bytes: Counter = _counter("population_delta_bytes", "bytes of them, before compression")
    deltas_counted: Counter = _counter("population_deltas_counted", "of them, what the population agent has counted")
    deltas_repeated: Counter = _counter("population_deltas_repeated", "of them, what had been counted, passed over")
    redis_losses: Counter = _counter("redis_losses", "times Redis had lost lists, which were written again")
    population_corrupt: Counter = _counter("population_corrupt", "population records passed over as unreadable")
    population_snapshots: Counter = _counter("population_snapshots", "snapshots met by a worker, by result", "result")
    population_version: Gauge = _gauge("population_version", "the snapshot in force; 0: the constants")
    population_age: Gauge = _gauge("population_age_seconds", "age of the snapshot in force")
    population_keys: Gauge = _gauge("population_keys", "tags and creators with totals of their own")
    population_seconds: Gauge = _gauge("population_round_seconds", "duration of the last round of the agent")
    default_lists: Gauge = _gauge("population_default_lists", "default lists that stand")
    hooks: Gauge = _gauge("population_flagged_creators", "creators flagged by the monitor", "flag")
    clock_off: Gauge = _gauge(
        "clock_off_seconds", "wall clock minus the time that brokers and the clock's own past confirm"
    )
    foreign: Counter = _counter("foreign_records", "records of our topics that are not ours, passed over", "topic")
    unreadable: Counter = _counter("unreadable_records", "records that cannot be unpacked, stepped over", "topic")
    offset_resets: Counter = _counter(
        "offset_resets",
        "partitions read from their beginning, as what they were read to is lost or rewritten",
        "topic",
        "why",
    )
    stalled: Gauge = _gauge("stalled_partitions", "partitions of which nothing is read, for long")
    recovery_seconds: Gauge = _gauge("recovery_seconds", "duration of the last recovery")
    redis_writes: Counter = _counter("redis_writes", "avoid lists by what Redis did with them", "result")
    redis_errors: Counter = _counter("redis_errors", "failed attempts to write to Redis, by why", "reason")
    freshness: Histogram = _histogram("freshness_seconds", "event time to acknowledged by Redis", _FRESHNESS)

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for name, declared in vars(Metrics).items():
            if isinstance(declared, partial):
                setattr(self, name, declared(registry=self.registry))
        self.build.labels(__version__).set(1)
        ProcessCollector(registry=self.registry)

    def count_unreadable(self, topic: str, count: int) -> None:
        """Records of a topic cannot be unpacked, and were stepped over."""
        self.unreadable.labels(topic).inc(count)

    def count_responses(self, told: Iterable[tuple[str, int, int]], unfollowed: int) -> None:
        """What was shown after noes: similar in what, how often, ms to the last; and of how many that is not known."""
        for similar, showings, last_ms in told:
            self.showings_after_no.labels(similar).observe(showings)
            self.last_after_no.labels(similar).observe(last_ms / 1000)
        if unfollowed:
            self.unfollowed.inc(unfollowed)

    def processed(self) -> int:
        """Records of all topics processed since the start."""
        samples = (sample for family in self.events.collect() for sample in family.samples)
        return round(sum(sample.value for sample in samples if sample.name.endswith("_total")))

    def serve(self, host: str, port: int) -> None:
        """Serves ``/metrics`` on this address and port; 0: not at all.

        Raises:
            SettingsError: nobody can be served there.
        """
        if port:
            try:
                start_http_server(port, host, self.registry)
            except OSError as error:
                raise SettingsError([f"metrics_port: {host}:{port} cannot be used: {error.strerror}"]) from None
