"""Redis is there, and does not take lists: the publisher waits, says why, and loses nothing."""

from __future__ import annotations

import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner, Result

from streamer.cli.app import app
from streamer.embedded.child import Child
from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from tests.backends.choose import Kafka
from tests.backends.ports import free_port
from tests.backends.redis import RedisServer
from tests.deployment import served, settings_of
from tests.processes import environment_of, start, wait_for

USERS = [f"u{number}" for number in range(20)]
Mend = Callable[[], object]


class Deployment:
    """A worker, a publisher, and a Redis of their own, which is spoilt here."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.worker = start("worker", settings.model_copy(update={"metrics_port": 0}), settings.data_dir / "worker.log")
        self.publisher: Child = start("publisher", settings, settings.data_dir / "publisher.log")

    def block(self, creator: str) -> None:
        """Every user blocks a creator."""
        with SignalProducer(self.settings) as producer:
            ts = time.time_ns() // 1_000_000
            for user in USERS:
                producer.send(Dislike(user_id=user, ts=ts, action="block", scope="creator", creator_id=creator))

    def await_served(self, creator: str) -> None:
        def is_served() -> bool:
            found = served(self.settings, USERS)
            return len(found) == len(USERS) and all(creator in each.avoid.creators for each in found.values())

        wait_for(f"{creator} is on every list", is_served, self.publisher)

    def failures(self, reason: str) -> float:
        """How often the publisher has failed for this."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.settings.metrics_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        name = f'streamer_redis_errors_total{{reason="{reason}"}} '
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    def check(self) -> Result:
        """What `streamer check` says."""
        return CliRunner().invoke(app, ["check"], env={**environment_of(self.settings), "COLUMNS": "1000"})

    def close(self) -> None:
        for child in (self.worker, self.publisher):
            child.kill()


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    options = {"loading-process-events-interval-bytes": "1024", "rdbcompression": "no"}
    with RedisServer({**options, "enable-debug-command": "local", "enable-protected-configs": "local"}) as found:
        yield found


@pytest.fixture(scope="module")
def admin(redis: RedisServer) -> Iterator[Redis]:
    """A user whom nothing of this stops."""
    with Redis.from_url(redis.url) as client:
        client.execute_command("ACL", "SETUSER", "admin", "on", "nopass", "~*", "+@all")
    with Redis.from_url(redis.url, username="admin", password="x") as client:
        yield client


@pytest.fixture(scope="module")
def deployment(kafka: Kafka, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    settings = settings_of(
        f"refuses{os.getpid()}-",
        kafka.bootstrap,
        redis.url,
        Path(tmp_path_factory.mktemp("refuses")),
        clock="wall",
        redis_timeout=0.5,
        metrics_port=free_port(),
    )
    topics.create(settings)
    found = Deployment(settings)
    found.block("first")
    found.await_served("first")
    yield found
    found.close()


def full(admin: Redis) -> Mend:
    admin.config_set("maxmemory", "1")
    return lambda: admin.config_set("maxmemory", "0")


def denied(admin: Redis) -> Mend:
    admin.execute_command("ACL", "SETUSER", "default", "-evalsha")
    return lambda: admin.execute_command("ACL", "SETUSER", "default", "+evalsha")


def replica(admin: Redis) -> Mend:
    admin.replicaof("127.0.0.1", free_port())  # nobody is there
    return lambda: admin.replicaof("NO", "ONE")


def slow(admin: Redis) -> Mend:
    process = admin.info("server")["process_id"]
    os.kill(process, signal.SIGSTOP)
    return lambda: os.kill(process, signal.SIGCONT)


def loading(admin: Redis) -> Mend:
    admin.mset({f"filler:{number}": os.urandom(2048) for number in range(2000)})  # it answers after every kilobyte
    admin.config_set("key-load-delay", 20_000)  # us a key
    at = admin.connection_pool.connection_kwargs
    patient = Redis(host=at["host"], port=at["port"], username="admin", password="x", socket_timeout=None)
    reloading = threading.Thread(target=patient.execute_command, args=("DEBUG", "RELOAD"))
    reloading.start()

    def mend() -> None:
        admin.config_set("key-load-delay", 0)
        reloading.join()
        patient.close()
        admin.delete(*(f"filler:{number}" for number in range(2000)))

    return mend


def unsaved(admin: Redis) -> Mend:
    """Its last snapshot has failed, as on a full disk."""
    folder = admin.config_get("dir")["dir"]
    at = Path(folder) / "gone"
    at.mkdir()
    admin.config_set("dir", str(at))
    at.rmdir()
    admin.config_set("save", "3600 1000000")
    admin.bgsave()
    wait_for("it has failed", lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err", None)
    return lambda: (admin.config_set("save", ""), admin.config_set("dir", folder))


@pytest.mark.parametrize(
    ("spoil", "reason", "told"),
    [
        (full, "full", "raise its maxmemory"),
        (denied, "denied", "give its user the right"),
        (replica, "replica", "it is a replica"),
        (slow, "slow", "raise redis_timeout"),
        (loading, "loading", "it is loading its data"),
        (unsaved, "refused", "it cannot save to its disk"),
    ],
)
def test_the_publisher_waits_says_why_and_loses_nothing(
    deployment: Deployment, admin: Redis, spoil: Callable[[Redis], Mend], reason: str, told: str
) -> None:
    before = deployment.failures(reason)
    mend = spoil(admin)
    try:
        deployment.block(reason)
        wait_for("it counts why", lambda: deployment.failures(reason) > before, deployment.publisher)
        wait_for("it says why", lambda: told in deployment.publisher.tail(400), deployment.publisher)
        checked = deployment.check()
        assert checked.exit_code == 1
        assert told in checked.output
    finally:
        mend()
    deployment.await_served(reason)


def test_the_publisher_says_at_its_start_that_a_policy_drops_lists(deployment: Deployment, admin: Redis) -> None:
    admin.config_set("maxmemory", "500mb")
    admin.config_set("maxmemory-policy", "allkeys-lru")
    settings = deployment.settings.model_copy(update={"metrics_port": 0})
    second = start("publisher", settings, settings.data_dir / "second.log")
    try:
        wait_for("it says so", lambda: "maxmemory-policy is allkeys-lru" in second.tail(400), second)
    finally:
        second.kill()
        admin.config_set("maxmemory", "0")
