"""The deployment of a fault case. Redis is emptied first: users have the same names in all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from streamer.producing import topics
from tests.backends.choose import Kafka, RealRedis
from tests.deployment import settings_of
from tests.system.faults.deployed import Deploy, Deployed

DEAD_AFTER_S = 2.0


@pytest.fixture
def deploy(kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Iterator[Deploy]:
    """Makes a deployment whose topics exist, and ends it."""
    redis_server.flush()
    with ExitStack() as stack:

        def deployed(**settings: object) -> Deployed:
            given = {"worker_timeout": DEAD_AFTER_S, "checkpoint_interval": 0.2, **settings}
            found = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, **given)
            topics.create(found)
            made = Deployed(found, kafka, redis_server, tmp_path)
            stack.callback(made.close)
            return made

        yield deployed


@pytest.fixture
def deployment(deploy: Deploy) -> Deployed:
    """A deployment of the usual settings."""
    return deploy()
