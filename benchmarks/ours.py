"""Our worker over a backlog: from Kafka to outbox and changelog."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks import outcome
from benchmarks.backlog import Backlog, open_admin
from benchmarks.harness import Bench
from benchmarks.processes import ASK_S, Spent, Worker, life, progress_rate, rss_mb, wait_until
from streamer.producing import topics
from streamer.settings import Settings

_TIMEOUT_S: Final = 3600.0


@dataclass(frozen=True)
class Processed:
    """A backlog after a worker has processed all of it, saved, committed and stopped.

    Attributes:
        settings: the deployment's.
        spent: what it took.
        rss_mb: the worker's memory at the end.
        changelog, outbox: bytes it wrote there, as stored; the session journal is part of the changelog.
        users, state: users with state, and its bytes.
    """

    settings: Settings
    spent: Spent
    rss_mb: float
    changelog: int
    outbox: int
    users: int
    state: int


def idle_life(bench: Bench, *, population: bool = False) -> float:
    """CPU seconds of a worker that starts, has nothing to do, and stops."""
    settings = bench.settings(population=population)
    topics.create(settings)
    with life() as idle:
        worker = Worker(settings, bench.logs / f"{settings.group}.log")
        worker.wait_recovered()
        worker.stop()
    return idle.cpu_s


def process(bench: Bench, backlog: Backlog, idle_cpu_s: float) -> Processed:
    """Processes a backlog from nothing; whatever an earlier run wrote is deleted.

    Args:
        idle_cpu_s: from :func:`idle_life`, taken out of what is spent.
    """
    settings = _renewed(bench, backlog.settings)
    points: list[tuple[float, int]] = []
    with life() as whole:
        worker = Worker(settings, bench.logs / f"{settings.group}.log")
        try:
            done = partial(_done, worker, points, backlog.records)
            wait_until("all is processed", done, worker.child, _TIMEOUT_S, ASK_S)
            metrics, memory = worker.metrics(), rss_mb(worker.child)
        finally:
            worker.stop()
    events = backlog.events.total()
    spent = Spent(events, whole.cpu_s - idle_cpu_s, progress_rate(points))
    bench.say(f"ours: {spent.per_million:.1f} CPU s/M ({idle_cpu_s:.2f} CPU s of an idle life taken out)")
    bench.say(f"ours: {spent.rate:,.0f} events/s")
    bench.check("every event processed, none late or rejected", lost(metrics, backlog.records))
    wrong = outcome.disagreements(settings, backlog.sample.events, backlog.workload.sealed_ms)
    bench.check(f"{len(backlog.sample)} users' documents against the oracle", wrong)
    changelog, lists = changelog_bytes(bench, settings), stored_bytes(bench, settings, settings.topics.avoid_lists)
    done = Processed(settings, spent, memory, changelog, lists, *outcome.state(settings))
    bench.processed[settings.topic_prefix] = done
    return done


def processed_once(bench: Bench, backlog: Backlog) -> Processed:
    """A backlog processed in this session: the last time, or else now."""
    prefix = backlog.settings.topic_prefix
    if prefix not in bench.processed:
        process(bench, backlog, idle_life(bench))
    return bench.processed[prefix]


def stored_bytes(bench: Bench, settings: Settings, topic: str) -> int:
    """Bytes of a topic's log segments on the broker's disk, compressed as they are."""
    folders = [bench.kafka.data / f"{topic}-{partition}" for partition in range(settings.partitions)]
    return sum(file.stat().st_size for folder in folders for file in folder.glob("*.log"))


def changelog_bytes(bench: Bench, settings: Settings) -> int:
    """Bytes of what is needed to recover, the session journal included, as stored."""
    return sum(stored_bytes(bench, settings, topic) for topic in (settings.topics.state, settings.topics.journal))


def lost(metrics: Counter[str], records: int) -> list[str]:
    """What a worker's metrics say against having processed so many records."""
    never = ("streamer_late_events_total", "streamer_rejected_events_total", "streamer_stuck_users")
    problems = [f"{metrics[name]:.0f} {name}" for name in never if metrics[name]]
    counted = round(metrics["streamer_events_total"])
    return problems if counted == records else [*problems, f"{counted} of {records} records counted"]


def _done(worker: Worker, points: list[tuple[float, int]], records: int) -> bool:
    points.append((time.monotonic(), worker.processed()))
    return points[-1][1] >= records


def _renewed(bench: Bench, settings: Settings) -> Settings:
    """The same source topics with a new group, and without anything that a worker wrote before."""
    group = f"{settings.group}-{time.monotonic_ns()}"
    data_dir = bench.logs / group
    data_dir.mkdir()
    renewed = settings.model_copy(update={"group": group, "data_dir": data_dir})
    written = [settings.topics.state, settings.topics.journal, settings.topics.avoid_lists, settings.topics.rejects]
    if settings.population:
        written += topics.of_one_partition(settings)
    admin = open_admin(settings)
    for deleted in admin.delete_topics(written).values():
        deleted.result(30)
    deadline = time.monotonic() + 30
    while not admin.list_topics(timeout=10).topics.keys().isdisjoint(written):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{written} cannot be deleted")
        time.sleep(0.05)
    topics.create(renewed)
    return renewed
