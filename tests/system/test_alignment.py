"""Topics far behind each other, on real Kafka: the documents stay the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.events import DAY_MS, Event
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.deployment import NOW, city_of, settings_of, wrong
from tests.processes import Progress, running, wait_for

END = NOW + DAY_MS


def produce(settings: Settings, events: list[tuple[str, Event]], watermark: int | None = None) -> None:
    with SignalProducer(settings) as producer:
        for i, (_, event) in enumerate(events):
            producer.send(event)
            if watermark is not None and i % 300 == 0:
                producer.watermark(event.ts)
        if watermark is not None:
            producer.watermark(watermark)


@pytest.mark.parametrize("behind", ["impressions", pytest.param("dislikes", marks=pytest.mark.long)])
def test_a_topic_whose_backlog_comes_days_behind_the_others_changes_no_document(
    kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path, behind: str
) -> None:
    """The others are held at `buffer_events` until the last topic's events arrive."""
    settings = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, buffer_events=200)
    topics.create(settings)
    source = Progress(settings, settings.group, (*settings.topics.sources, settings.topics.erasures))
    outbox = Progress(settings, settings.publisher_group, (settings.topics.avoid_lists,))
    events = city_of(prefix)
    with (
        running("worker", settings, tmp_path / "worker.log") as worker,
        running("publisher", settings, tmp_path / "publisher.log") as publisher,
    ):
        produce(settings, [pair for pair in events if pair[0] != behind])
        wait_for("the worker has its partitions", lambda: "recovered partitions" in worker.tail(200), worker)
        produce(settings, [pair for pair in events if pair[0] == behind], END)
        wait_for("all is committed", source.done, worker)
        wait_for("every list is in Redis", outbox.done, publisher)
    source.close()
    outbox.close()
    assert wrong(settings, events, END) == {}
