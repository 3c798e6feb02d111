"""SIGTERM under load, on real Kafka: the worker saves, commits and leaves in time, and nothing is processed twice."""

from __future__ import annotations

import re
import time
import urllib.request
from pathlib import Path

import pytest

from streamer.producing import topics
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.backends.ports import free_port
from tests.deployment import NOW, city_of, settings_of, wrong
from tests.feeding import Feed
from tests.processes import HANGS_AFTER_S, Progress, running, start, wait_for

STOP_WITHIN_S = 10


def processed(port: int) -> int:
    """What a running worker's metrics say it has processed, watermarks included; 0 before it can be asked."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return 0
    return round(sum(float(value) for value in re.findall(r"^streamer_events_total\{.*\} (\S+)$", text, re.MULTILINE)))


@pytest.mark.parametrize("store", ["memory", pytest.param("rocksdb", marks=pytest.mark.long)])
def test_no_record_is_processed_twice_if_a_worker_is_told_to_stop_under_load(
    kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path, store: str
) -> None:
    port = free_port()
    settings: Settings = settings_of(
        prefix, kafka.bootstrap, redis_server.url, tmp_path, store=store, metrics_port=port, checkpoint_interval=1.0
    )
    topics.create(settings)
    source = Progress(settings, settings.group, (*settings.topics.sources, settings.topics.erasures))
    outbox = Progress(settings, settings.publisher_group, (settings.topics.avoid_lists,))
    events = city_of(prefix, users=300, days=9)
    end = NOW + 86_400_000
    feed = Feed(settings, events, end, rate=2_500)
    feed.start()
    feed.allow()
    counts = []
    for run in range(2):
        worker = start("worker", settings, tmp_path / f"worker{run}.log")
        try:
            wait_for("it is at work", lambda: processed(port) > 0, worker)
            began = time.monotonic()
            assert worker.stop(HANGS_AFTER_S) == 0, worker.tail()
            took = time.monotonic() - began
        finally:
            worker.kill()
        assert took < STOP_WITHIN_S
        [count] = re.findall(r"saved partitions .*; (\d+) records processed since the start", worker.tail(500))
        counts.append(int(count))
        assert source.committed() == sum(counts), "what was processed is committed, no less and no more"
        assert not feed.finished, "it was stopped under load"
        print(f"{store}: stopped in {took:.1f} s after {count} records")
    with (
        running("worker", settings, tmp_path / "last.log") as last,
        running("publisher", settings.model_copy(update={"metrics_port": 0}), tmp_path / "publisher.log") as publisher,
    ):
        wait_for("all is produced and committed", lambda: feed.finished and source.done(), last)
        assert processed(port) == source.committed() - sum(counts)
        wait_for("every list is in Redis", outbox.done, publisher)
    source.close()
    outbox.close()
    assert wrong(settings, events, end) == {}
