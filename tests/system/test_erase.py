"""`streamer erase` on real Kafka and Redis, whatever clients chose the partitions: what it confirms is so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner, Result

from streamer.cli.app import app
from streamer.embedded.child import Child
from streamer.events import Dislike, encode
from streamer.partitioning import partition_of
from streamer.producing import SignalProducer, topics
from streamer.scoring.document import decode
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.deployment import records_in, saved_documents, served, settings_of
from tests.processes import HANGS_AFTER_S, Progress, environment_of, start, wait_for

USERS = [
    user
    for user in (f"user{number}" for number in range(60))
    if partition_of(user, 4) != partition_of(user, 4, "crc32")
][:3]
"""Clients of the two kinds put them into different partitions."""
Client = Literal["consistent_random", "murmur2_random"]


@pytest.fixture
def settings(kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Settings:
    redis_server.flush()
    found = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, clock="wall", partitioner="crc32")
    topics.create(found)
    return found


class Deployment:
    """A worker and a publisher, and clients of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.children: list[Child] = []

    def run(self, kind: Literal["worker", "publisher"], settings: Settings) -> Child:
        log = settings.data_dir / f"{kind}{len(self.children)}.log"
        self.children.append(start(kind, settings, log))
        return self.children[-1]

    def block(self, creator: str, client: Client) -> int:
        """Every user blocks a creator, told by librdkafka; waits until it is saved and served; returns when (ms)."""
        producer = Producer({"bootstrap.servers": self.settings.brokers, "partitioner": client})
        ts = time.time_ns() // 1_000_000
        for user in USERS:
            event = Dislike(user_id=user, ts=ts, action="block", scope="creator", creator_id=creator)
            producer.produce(self.settings.topics.dislikes, encode(event), user.encode())
        producer.flush(HANGS_AFTER_S)
        self.settle(self.settings.topics.sources)
        return ts

    def settle(self, topics: tuple[str, ...]) -> None:
        """Waits until what these topics have is saved and served."""
        for group, read in (
            (self.settings.group, topics),
            (self.settings.publisher_group, (self.settings.topics.avoid_lists,)),
        ):
            progress = Progress(self.settings, group, read)
            wait_for("all is read", progress.done, None)
            progress.close()

    def erase(self, user: str, timeout: float) -> Result:
        environment = {**environment_of(self.settings), "COLUMNS": "1000"}
        return CliRunner().invoke(app, ["erase", user, "--timeout", str(timeout)], env=environment)


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    found = Deployment(settings)
    yield found
    for child in found.children:
        child.kill()


def known(settings: Settings) -> dict[str, tuple[str, ...]]:
    """What state and outbox have of users."""
    newest = {}
    for partition in range(settings.partitions):
        newest |= {(r.key, partition): r.value for r in records_in(settings, settings.topics.avoid_lists, [partition])}
    written = {(key or b"").decode(): decode(raw) for (key, _), raw in newest.items() if raw is not None}
    saved = saved_documents(settings)
    assert written.keys() == saved.keys()
    assert [written[user].avoid.creators for user in saved] == [found.avoid.creators for found in saved.values()]
    return {user: found.avoid.creators for user, found in saved.items()}


def creators_served(settings: Settings) -> dict[str, tuple[str, ...]]:
    return {user: found.avoid.creators for user, found in served(settings, USERS).items()}


def test_what_librdkafka_has_sent_is_erased_and_confirmed(deployment: Deployment) -> None:
    settings = deployment.settings
    deployment.run("worker", settings)
    deployment.run("publisher", settings)
    deployment.block("before", "consistent_random")
    assert known(settings) == dict.fromkeys(USERS, ("before",))
    for user in USERS[:2]:
        result = deployment.erase(user, HANGS_AFTER_S)
        assert (result.exit_code, "confirmed" in result.output) == (0, True), result.output
    assert known(settings) == creators_served(settings) == {USERS[2]: ("before",)}
    deployment.block("after", "consistent_random")
    after = {USERS[0]: ("after",), USERS[1]: ("after",), USERS[2]: ("after", "before")}
    assert known(settings) == creators_served(settings) == after


def test_an_erasure_that_comes_late_takes_what_is_not_newer_and_nothing_else(deployment: Deployment) -> None:
    settings = deployment.settings
    deployment.run("worker", settings)
    deployment.run("publisher", settings)
    until = deployment.block("before", "consistent_random")
    deployment.block("after", "consistent_random")
    with SignalProducer(settings) as producer:
        for user in USERS[:2]:
            producer.erase(user, until)
    deployment.settle((settings.topics.erasures,))
    left = {USERS[0]: ("after",), USERS[1]: ("after",), USERS[2]: ("after", "before")}
    assert known(settings) == creators_served(settings) == left


def test_a_user_with_halves_in_two_partitions_is_erased_in_both(deployment: Deployment) -> None:
    settings = deployment.settings
    deployment.run("publisher", settings)
    worker = deployment.run("worker", settings)
    deployment.block("before", "consistent_random")
    worker.stop(HANGS_AFTER_S)
    deployment.settings = settings = settings.model_copy(update={"partitioner": "murmur2"})
    worker = deployment.run("worker", settings)
    deployment.block("other half", "murmur2_random")
    for user in USERS:
        result = deployment.erase(user, HANGS_AFTER_S)
        assert (result.exit_code, "confirmed" in result.output) == (0, True), result.output
    assert known(settings) == creators_served(settings) == {}
    deployment.block("after", "murmur2_random")
    assert known(settings) == dict.fromkeys(USERS, ("after",))


def test_without_a_worker_nothing_is_confirmed_and_what_is_left_is_told(deployment: Deployment) -> None:
    settings = deployment.settings
    deployment.run("publisher", settings)
    worker = deployment.run("worker", settings)
    deployment.block("before", "consistent_random")
    worker.stop(HANGS_AFTER_S)
    result = deployment.erase(USERS[0], 1.0)
    assert result.exit_code == 1
    assert "no worker has erased the user in partitions 0, 1, 2, 3" in result.stderr
    home = partition_of(USERS[0], 4, "crc32")
    assert f"{settings.topics.avoid_lists}: still a document in partition {home}" in result.stderr
    assert "Redis still has the document" in result.stderr
