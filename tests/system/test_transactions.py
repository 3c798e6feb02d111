"""Events of transactional producers: what is given up is never read, and nothing counts as left when nothing is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streamer.events import Dislike, encode
from streamer.producing import topics
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.backends.ports import free_port
from tests.deployment import served, settings_of
from tests.processes import Progress, measured, running, wait_for

LAG_S = 1.0


@pytest.fixture
def settings(kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Settings:
    more = {"partitions": 1, "clock": "wall", "allowed_lag": LAG_S, "metrics_port": free_port()}
    found = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, **more)
    topics.create(found)
    return found


@contextmanager
def transactions(settings: Settings) -> Iterator[Producer]:
    producer = Producer(
        {"bootstrap.servers": settings.brokers, "transactional.id": settings.topic_prefix + "t", "log_level": 0}
    )
    producer.init_transactions(30)
    yield producer


def say(producer: Producer, settings: Settings, user: str) -> None:
    now_ms = time.time_ns() // 1_000_000
    block = Dislike(user_id=user, ts=now_ms, action="block", scope="creator", creator_id="k")
    producer.produce(settings.topics.dislikes, encode(block), user.encode())
    producer.flush(30)


def test_only_what_is_committed_counts_and_then_nothing_is_left(
    settings: Settings, source: Progress, prefix: str, tmp_path: Path
) -> None:
    users = {name: prefix + name for name in ("kept", "given-up", "kept-too", "alone")}
    no_port = settings.model_copy(update={"metrics_port": 0})

    def lag() -> float:
        return measured(settings.metrics_port, "consumer_lag_records")

    def watermark_lag() -> float:
        return measured(settings.metrics_port, "watermark_lag_seconds")

    with (
        running("worker", settings, tmp_path / "worker.log") as worker,
        running("publisher", no_port, tmp_path / "publisher.log"),
        transactions(settings) as producer,
    ):
        for name, ends in (("kept", True), ("given-up", False), ("kept-too", True)):
            producer.begin_transaction()
            say(producer, settings, users[name])
            if ends:
                producer.commit_transaction(30)
            else:
                producer.abort_transaction(30)
        both = {users["kept"], users["kept-too"]}
        wait_for("both are served", lambda: served(settings, users.values()).keys() == both, worker)
        wait_for("all is committed, ends of transactions too", source.done, worker)
        wait_for("nothing is behind", lambda: lag() == 0 and 0 < watermark_lag() < 10 * LAG_S, worker)
        producer.begin_transaction()
        say(producer, settings, users["alone"])
        time.sleep(5 * LAG_S)  # nothing of it may be read yet, and nobody is held up by it
        assert served(settings, users.values()).keys() == both
        assert lag() == 0
        assert 0 < watermark_lag() < 10 * LAG_S
        producer.abort_transaction(30)
        wait_for("all is committed, though nothing came", source.done, worker)
        assert served(settings, users.values()).keys() == both
    assert worker.exit_code == 0, worker.tail()
