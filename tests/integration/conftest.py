"""Fixtures of a deployment on the embedded broker and Redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.embedded import EmbeddedBroker, EmbeddedRedis
from streamer.settings import Settings
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
