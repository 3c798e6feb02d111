"""Fixtures for servers. Ask for them by name; every server is started once per run and shared by all tests.

    embedded_broker   broker of the `embedded` extra: .bootstrap, .partitions (4)          quick tier
    embedded_redis    Redis of the `embedded` extra, empty: .url, .start(), .stop()        quick tier
    kafka             real Apache Kafka: .bootstrap, .kill(), .start(), .stop()            tests/system
    redis_server      real Redis: .url, .flush(), .kill(), .start(), .stop()               tests/system
    source, outbox    how far workers and publishers of the fixture `settings` are
    prefix            a topic prefix no other test has: tests share brokers, never topics

A server that a test killed is started again before the next test. Tests share the real Redis: use user ids made from
`prefix`, or `.flush()` first. Tests under tests/system are marked `system`, those under tests/integration
`integration`. Without a real Kafka or Redis the system tests are skipped; with CI=true they fail.

Variables STREAMER_* of the machine are hidden from tests; STREAMER_TEST_KAFKA and STREAMER_TEST_REDIS, read before,
choose servers that run already (tests/backends).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest
from redis import Redis

from streamer.embedded import EmbeddedBroker, EmbeddedRedis
from streamer.settings import Settings
from streamer.sinks.keys import Keys
from tests.backends.choose import KAFKA_ADDRESS, REDIS_ADDRESS, Kafka, RealRedis, open_kafka, open_redis
from tests.backends.missing import go_without
from tests.backends.ports import NotHere
from tests.demo import Demo
from tests.processes import Progress

# A slow machine is no failure; and CI judges a change by the same examples every time, everybody else by new ones.
hypothesis.settings.register_profile("streamer", deadline=None, derandomize=os.environ.get("CI") == "true")
hypothesis.settings.load_profile("streamer")

T = TypeVar("T")
_TIERS = ("system", "integration")
_SYSTEM_HANGS_AFTER_S = 1200
_ADDRESS = {name: os.environ.get(name) for name in (KAFKA_ADDRESS, REDIS_ADDRESS)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        tier = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        if tier in _TIERS:
            item.add_marker(tier)
        if tier == "system" and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_SYSTEM_HANGS_AFTER_S))
    items[:] = _in_turn(items)
    items.sort(key=lambda item: item.get_closest_marker("slowest") is None)  # several processes then end together


def _in_turn(items: list[pytest.Item]) -> list[pytest.Item]:
    """Tests that mostly wait, spread evenly between modules of those that compute, so that no core idles."""
    waiting = [item for item in items if item.get_closest_marker("integration")]
    others = (item for item in items if not item.get_closest_marker("integration"))
    modules = [list(of_one) for _, of_one in groupby(others, key=lambda item: item.path)]
    found: list[pytest.Item] = []
    begun = 0
    for number, of_one in enumerate(modules, 1):
        due = len(waiting) * number // len(modules)
        found += waiting[begun:due] + of_one
        begun = due
    return found + waiting[begun:]


@pytest.fixture(scope="session", autouse=True)
def _hermetic() -> Iterator[None]:
    """Hides the machine's Streamer settings, so that a developer's own do not change what tests see."""
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name.startswith("STREAMER_"):
                environment.delenv(name)
        yield


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(scope="session")
def _one_embedded_redis() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as redis:
        yield redis


@pytest.fixture
def embedded_redis(_one_embedded_redis: EmbeddedRedis) -> EmbeddedRedis:
    _one_embedded_redis.start()
    _one_embedded_redis.flush()
    return _one_embedded_redis


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    with _real(open_kafka(_ADDRESS[KAFKA_ADDRESS])) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RealRedis]:
    with _real(open_redis(_ADDRESS[REDIS_ADDRESS])) as server:
        yield server


@pytest.fixture(autouse=True)
def _servers_up(request: pytest.FixtureRequest) -> None:
    """Starts again what an earlier test killed; Redis is nobody's."""
    for name in ("kafka", "redis_server"):
        if name in request.fixturenames:
            request.getfixturevalue(name).start()
    if "redis_server" in request.fixturenames:
        with Redis.from_url(request.getfixturevalue("redis_server").url) as client:
            client.delete(Keys().owner)


@pytest.fixture(autouse=True)
def _ours_to_kill(request: pytest.FixtureRequest) -> None:
    """Passes over a test that is marked ``kills`` where the server was somebody's own, reached by its address."""
    killed = request.node.get_closest_marker("kills")
    if killed is not None and not request.getfixturevalue(killed.args[0]).killable:
        pytest.skip(f"{killed.args[0]} is not ours to kill")


@pytest.fixture
def prefix() -> str:
    """Put before every topic name of a test; also good for user ids."""
    return f"t{uuid.uuid4().hex[:10]}-"


@pytest.fixture
def source(settings: Settings) -> Iterator[Progress]:
    """How far the workers of a deployment are; whoever asks for it has a fixture of its settings."""
    progress = Progress(settings, settings.group, (*settings.topics.sources, settings.topics.erasures))
    yield progress
    progress.close()


@pytest.fixture
def outbox(settings: Settings) -> Iterator[Progress]:
    """How far its publishers are."""
    progress = Progress(settings, settings.publisher_group, (settings.topics.avoid_lists,))
    yield progress
    progress.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All temporary files of a demo are in it."""
    made = tmp_path / "d"
    made.mkdir()
    return made


@pytest.fixture
def demos() -> Iterator[list[Demo]]:
    """To be added to: these are ended with the test."""
    started: list[Demo] = []
    yield started
    for demo in started:
        for process in demo.processes():
            process.kill()
        demo.process.wait()


@contextmanager
def _real(server: AbstractContextManager[T]) -> Iterator[T]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(server)
        except NotHere as missing:
            go_without(missing)
        yield running
