"""Which real server a test gets: one named by address, one started from this machine's programs, a container."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from redis import Redis

from tests.backends.kafka import KafkaServer
from tests.backends.ports import NotHere
from tests.backends.redis import RedisServer, binary

KAFKA_ADDRESS: Final = "STREAMER_TEST_KAFKA"
REDIS_ADDRESS: Final = "STREAMER_TEST_REDIS"


class Server(Protocol):
    """What every real server can do. One reached by address only (not `killable`) refuses to be stopped."""

    killable: bool

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Kafka(Server, Protocol):
    @property
    def bootstrap(self) -> str: ...


class RealRedis(Server, Protocol):
    @property
    def url(self) -> str: ...
    def flush(self) -> None: ...


class _NotOurs:
    killable = False

    def start(self) -> None:
        """It runs already."""

    def stop(self) -> None:
        raise NotHere("this server was not started here, so it is not stopped here: run without STREAMER_TEST_*")

    kill = stop


class KafkaAt(_NotOurs):
    """A Kafka somebody else runs."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap


class RedisAt(_NotOurs):
    """A Redis somebody else runs. Tests delete what is in it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def flush(self) -> None:
        with Redis.from_url(self.url) as client:
            client.flushall()


@contextmanager
def open_kafka(address: str | None = None) -> Iterator[Kafka]:
    """A running Kafka.

    Args:
        address: of one that runs already; None: one is started.

    Raises:
        NotHere: none can be had on this machine.
    """
    if address:
        yield KafkaAt(address)
    elif shutil.which("java") and shutil.which("mvn"):
        with KafkaServer() as server:
            yield server
    elif _engine_answers():
        from testcontainers.kafka import KafkaContainer

        with KafkaContainer().with_kraft() as container:
            yield KafkaAt(container.get_bootstrap_server())
    else:
        raise NotHere(f"no Kafka for the system tests: install Java 17 and Maven, or Docker, or set {KAFKA_ADDRESS}")


@contextmanager
def open_redis(address: str | None = None) -> Iterator[RealRedis]:
    """A running Redis.

    Args:
        address: of one that runs already; None: one is started.

    Raises:
        NotHere: none can be had on this machine.
    """
    if address:
        yield RedisAt(address)
    elif _starts_redis():
        with RedisServer() as server:
            yield server
    elif _engine_answers():
        from testcontainers.redis import RedisContainer

        with RedisContainer() as container:
            yield RedisAt(f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0")
    else:
        raise NotHere(f"no Redis for the system tests: install redis-server, or Docker, or set {REDIS_ADDRESS}")


def _starts_redis() -> bool:
    try:
        return bool(binary())
    except NotHere:
        return False


def _engine_answers() -> bool:
    if importlib.util.find_spec("testcontainers") is None or shutil.which("docker") is None:
        return False
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
