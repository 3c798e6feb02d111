"""Fixtures of a deployment on real Kafka and Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import pytest

from streamer.embedded.child import Child
from streamer.producing import topics
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.backends.missing import go_without
from tests.backends.ports import NotHere
from tests.backends.redis import KINDS, binary_of
from tests.backends.secured import SecuredKafka
from tests.deployment import settings_of
from tests.processes import start


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A Kafka that wants to know who comes, and allows what ACLs say."""
    try:
        found = SecuredKafka(tmp_path_factory.mktemp("secured"))
    except NotHere as missing:
        go_without(missing)
    with found.server:
        yield found


class Spawn(Protocol):
    """Starts a process that does not outlive its test."""

    def __call__(self, kind: Literal["worker", "publisher"]) -> Child: ...


@pytest.fixture
def settings(
    kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Settings:
    """A deployment whose topics exist; its parameter, if there is one, is the kind of store."""
    store = getattr(request, "param", "memory")
    redis_server.flush()  # users of other tests have the same names
    found = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, store=store)
    topics.create(found)
    return found


@pytest.fixture(scope="module", params=KINDS)
def redis_program(request: pytest.FixtureRequest) -> str:
    """Servers of several makers, one after another."""
    try:
        return binary_of(request.param)
    except NotHere as missing:
        go_without(missing)


@pytest.fixture
def spawn(settings: Settings, tmp_path: Path) -> Iterator[Spawn]:
    """Starts a worker or publisher, by default of these settings; what still runs in the end is killed."""
    children: list[Child] = []

    def spawned(kind: Literal["worker", "publisher"]) -> Child:
        children.append(start(kind, settings, tmp_path / f"{kind}{len(children)}.log"))
        return children[-1]

    yield spawned
    for child in children:
        child.kill()
