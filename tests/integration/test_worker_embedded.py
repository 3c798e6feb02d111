"""Worker and publisher as processes of their own, on the embedded broker and Redis."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer

from streamer import agents
from streamer.engine.kafka.truncation import Truncation
from streamer.errors import BrokerUnavailable
from streamer.events import DAY_MS, Dislike, Feedback
from streamer.producing import SignalProducer, topics
from streamer.profile import Label
from streamer.settings import Settings
from tests.deployment import NOW, city_of, records_of, settings_of, wrong
from tests.processes import Progress, running, wait_for


def test_events_in_kafka_become_documents_in_redis_across_a_clean_restart(
    settings: Settings, source: Progress, outbox: Progress, prefix: str, tmp_path: Path
) -> None:
    events = city_of(prefix)
    half = len(events) // 2
    with SignalProducer(settings) as producer:
        for _, event in events[:half]:
            producer.send(event)
        producer.watermark(events[half - 1][1].ts)
    with running("worker", settings, tmp_path / "worker.log") as worker:
        wait_for("the first half is committed", source.done, worker)
    assert worker.exit_code == 0, worker.tail()
    with SignalProducer(settings) as producer:
        for _, event in events[half:]:
            producer.send(event)
        producer.watermark(NOW + DAY_MS)
    with (
        running("worker", settings, tmp_path / "worker.log") as worker,
        running("publisher", settings, tmp_path / "publisher.log") as publisher,
    ):
        wait_for("the second half is committed", source.done, worker)
        wait_for("every list is in Redis", outbox.done, publisher)
    assert (worker.exit_code, publisher.exit_code) == (0, 0), worker.tail() + publisher.tail()
    assert wrong(settings, events, NOW + DAY_MS) == {}


def test_bad_records_reach_the_rejects_topic_and_stop_nobody(
    settings: Settings, source: Progress, prefix: str, tmp_path: Path
) -> None:
    raw = KafkaProducer(bootstrap_servers=settings.brokers, api_version=(2, 3))
    bad = raw.send(settings.topics.plays, key=b"someone", value=b'{"user_id":"else","ts":1,"content_id":"c"}').get(10)
    user = prefix + "u"
    good = Dislike(user_id=user, ts=NOW, action="block", scope="creator", creator_id="c")
    raw.flush()
    raw.close()
    with SignalProducer(settings) as producer:
        producer.send(good)
        producer.watermark(NOW + 1)
    with running("worker", settings, tmp_path / "worker.log") as worker:
        wait_for("all is committed", source.done, worker)
    [reject] = records_of(settings, settings.topics.rejects)
    headers = {name: value.decode() for name, value in reject.headers}
    assert headers.pop("detail")
    assert headers == {
        "topic": settings.topics.plays,
        "partition": str(bad.partition),
        "offset": str(bad.offset),
        "code": "key_mismatch",
    }
    assert reject.value == b'{"user_id":"else","ts":1,"content_id":"c"}'
    written = records_of(settings, settings.topics.avoid_lists)
    assert [record.key.decode() for record in written if record.value is not None] == [user]


def test_labels_reach_their_topic_when_sessions_seal_and_only_if_they_are_on(
    settings: Settings, source: Progress, prefix: str, tmp_path: Path
) -> None:
    with_labels = settings.model_copy(update={"labels": True})
    user = prefix + "u"
    liked = Feedback(user_id=user, ts=NOW, kind="like", content_id="c", session_id="s")
    for chosen, expected in ((settings, 0), (with_labels, 1)):
        with SignalProducer(settings) as producer:
            producer.send(msgspec.structs.replace(liked, ts=liked.ts + expected * DAY_MS))
            producer.watermark(NOW + expected * DAY_MS + DAY_MS // 2)
        with running("worker", chosen, tmp_path / f"worker{expected}.log") as worker:
            wait_for("all is committed", source.done, worker)
        assert worker.exit_code == 0, worker.tail()
    [record] = records_of(settings, settings.topics.labels)
    label = msgspec.json.decode(record.value or b"", type=Label)
    assert (record.key, dict(record.headers)) == (user.encode(), {"label": f"{NOW + DAY_MS} 0 s".encode()})
    assert [(example.content_id, example.signals) for example in label.examples] == [("c", {"like": 0.7})]


def test_a_broker_that_cannot_delete_records_is_noted_once_and_never_matters(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    topics.create(settings)

    async def twice() -> None:
        truncation = Truncation(settings)
        await truncation.delete_before({0: 5})
        await truncation.delete_before({0: 6, 1: 7})

    asyncio.run(asyncio.wait_for(twice(), 20))
    [line] = [record.getMessage() for record in caplog.records if "old records" in record.getMessage()]
    assert line.startswith(settings.topics.journal)


def test_without_a_broker_worker_and_publisher_say_so(tmp_path: Path) -> None:
    nowhere = settings_of("", "127.0.0.1:1", "redis://127.0.0.1:1/0", tmp_path, broker_timeout=1.0)
    for run in (agents.run_worker, agents.run_publisher):
        with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1"):
            run(nowhere)
