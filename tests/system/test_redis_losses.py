"""Redis loses what it was given, and nothing in it says so: the publisher notices, and gives it back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from streamer.embedded.child import Child
from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from tests.backends.choose import Kafka
from tests.backends.ports import wait_until
from tests.backends.proxy import Proxy
from tests.backends.redis import RedisServer
from tests.deployment import served, settings_of
from tests.processes import start, wait_for

USERS = [f"u{number}" for number in range(20)]


class Deployment:
    """A worker and a publisher, whose Redis is behind one address that may lead elsewhere."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.publisher = self.run_publisher()
        self._worker = start("worker", settings, settings.data_dir / "worker.log")

    def run_publisher(self) -> Child:
        return start("publisher", self.settings, self.settings.data_dir / "publisher.log")

    def block(self, creator: str) -> None:
        """Every user blocks a creator; returns when Redis has it of all."""
        with SignalProducer(self.settings) as producer:
            ts = time.time_ns() // 1_000_000
            for user in USERS:
                producer.send(Dislike(user_id=user, ts=ts, action="block", scope="creator", creator_id=creator))
        self.await_served(creator)

    def await_served(self, creator: str) -> None:
        wait_for(f"{creator} is on every list", lambda: self._has_all(creator), self.publisher)

    def close(self) -> None:
        self.publisher.kill()
        self._worker.kill()

    def _has_all(self, creator: str) -> bool:
        found = served(self.settings, USERS)
        return len(found) == len(USERS) and all(creator in each.avoid.creators for each in found.values())


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as found:
        yield found


@pytest.fixture
def proxy(redis: RedisServer) -> Iterator[Proxy]:
    with Proxy(redis.port) as found:
        yield found


@pytest.fixture
def deployment(kafka: Kafka, proxy: Proxy, prefix: str, tmp_path: Path) -> Iterator[Deployment]:
    settings = settings_of(prefix, kafka.bootstrap, f"redis://127.0.0.1:{proxy.port}/0", tmp_path, clock="wall")
    topics.create(settings)
    found = Deployment(settings)
    yield found
    found.close()


def test_an_emptied_redis_gets_all_lists_again_though_none_changes(deployment: Deployment, redis: RedisServer) -> None:
    deployment.block("loud")
    redis.flush()
    deployment.await_served("loud")


def test_a_promoted_replica_gets_what_it_had_not_heard_of(
    deployment: Deployment, redis: RedisServer, proxy: Proxy
) -> None:
    deployment.block("before")
    with RedisServer() as replica:
        with Redis.from_url(replica.url) as client:
            client.replicaof("127.0.0.1", redis.port)
            wait_until(lambda: client.dbsize() >= 2 * len(USERS), lambda: replica.running, 30, lambda: "")
            client.replicaof("NO", "ONE")
        deployment.block("unheard of")
        redis.kill()
        proxy.lead_to(replica.port)
        proxy.reset()
        deployment.await_served("unheard of")
        deployment.close()


def test_a_publisher_that_starts_finds_what_was_lost_while_none_ran(deployment: Deployment, redis: RedisServer) -> None:
    deployment.block("loud")
    deployment.publisher.stop()
    redis.flush()
    deployment.publisher = deployment.run_publisher()
    deployment.await_served("loud")
