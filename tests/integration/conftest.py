"""Fixtures of a deployment on the embedded broker and Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.embedded import EmbeddedBroker, EmbeddedRedis
from streamer.settings import Settings
from tests.demo import Demo
from tests.deployment import settings_of


@pytest.fixture
def settings(embedded_broker: EmbeddedBroker, embedded_redis: EmbeddedRedis, prefix: str, tmp_path: Path) -> Settings:
    """A deployment; its topics appear on first use."""
    return settings_of(
        prefix,
        embedded_broker.bootstrap,
        embedded_redis.url,
        tmp_path,
        partitions=embedded_broker.partitions,
        declare_topics=False,
    )


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
