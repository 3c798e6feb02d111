"""A source topic is not as it was left: made anew, as after an unclean election, or deleted before it was read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as Committed
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError

from streamer.errors import TopicsError
from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.deployment import served, settings_of
from tests.processes import Progress, running, wait_for


@pytest.fixture
def settings(kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Settings:
    more = {"partitions": 1, "clock": "wall", "allowed_lag": 1.0}
    found = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, **more)
    topics.create(found)
    return found


def say(settings: Settings, *names: str) -> set[str]:
    users = [settings.topic_prefix + name for name in names]
    now_ms = time.time_ns() // 1_000_000
    with SignalProducer(settings) as producer:
        for user in users:
            producer.send(Dislike(user_id=user, ts=now_ms, action="block", scope="creator", creator_id="k"))
    return set(users)


def admin_does(settings: Settings, what: Callable[[KafkaAdminClient], object]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=settings.brokers)
    try:
        what(admin)
    finally:
        admin.close()


def make_anew(settings: Settings) -> None:
    """Deletes the topic of dislikes and makes another of its name."""

    def is_gone(admin: KafkaAdminClient) -> bool:
        return settings.topics.dislikes not in admin.list_topics()

    def anew(admin: KafkaAdminClient) -> None:
        admin.delete_topics([settings.topics.dislikes])
        wait_for("it is gone", lambda: is_gone(admin), None)

    admin_does(settings, anew)

    def is_made() -> bool:
        try:
            return bool(topics.create(settings))
        except (KafkaError, TopicsError):
            return False

    wait_for("it is made anew", is_made, None)


def commit(settings: Settings, tp: TopicPartition, offset: int) -> None:
    """As a worker did that had read so far in a log which is gone; Kafka forgets commits of topics that are deleted."""
    group = Consumer({"bootstrap.servers": settings.brokers, "group.id": settings.group, "log_level": 0})
    group.commit(offsets=[Committed(tp.topic, tp.partition, offset)], asynchronous=False)
    group.close()


def test_in_a_log_that_ends_before_what_was_committed_everything_is_read_and_committed_lower(
    settings: Settings, source: Progress, tmp_path: Path
) -> None:
    dislikes = TopicPartition(settings.topics.dislikes, 0)
    with running("worker", settings, tmp_path / "worker1.log") as worker:
        before = say(settings, *(f"before{n}" for n in range(5)))
        wait_for("all is committed", source.done, worker)
    make_anew(settings)
    after = say(settings, "after0", "after1")
    commit(settings, dislikes, 5)
    with (
        running("worker", settings, tmp_path / "worker2.log") as worker,
        running("publisher", settings, tmp_path / "publisher.log"),
    ):
        wait_for("they are served", lambda: served(settings, before | after).keys() == before | after, worker)
        wait_for("what is read is committed", lambda: source.positions()[dislikes] == 2, worker)
    assert worker.log is not None
    assert f"{settings.topics.dislikes}[0] ends before offset 5" in worker.log.read_text()


def test_records_that_were_deleted_unread_are_told(settings: Settings, source: Progress, tmp_path: Path) -> None:
    with running("worker", settings, tmp_path / "worker1.log") as worker:
        say(settings, "read")
        wait_for("all is committed", source.done, worker)
    say(settings, "gone0", "gone1", "left")
    dislikes = TopicPartition(settings.topics.dislikes, 0)
    admin_does(settings, lambda admin: admin.delete_records({dislikes: 3}))
    with running("worker", settings, tmp_path / "worker2.log") as worker:
        wait_for("what is left is committed", source.done, worker)
    assert worker.log is not None
    assert f"{settings.topics.dislikes}[0]: offsets 1 to 2 were deleted before they were read" in worker.log.read_text()
