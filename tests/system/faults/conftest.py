"""The deployment of a fault case. Redis is emptied first: users have the same names in all of them.

Workers tell what their seals change in the population's sums. But where a case starts an agent that adds it up, nobody
does: so the constants stay in force, and documents can be compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from random import SystemRandom

import pytest

from streamer.producing import topics
from tests.backends.choose import Kafka, RealRedis
from tests.deployment import make_topic, settings_of
from tests.system.faults.deployed import Deploy, Deployed

DEAD_AFTER_S = 2.0
GRACE_S = 6 * 3600
"""Sessions stay open for a quarter of a day, so that most of what changes goes to the journal."""
_SEED = os.environ.get("STREAMER_TEST_SEED")


@pytest.fixture
def deploy(kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Iterator[Deploy]:
    """Makes a deployment whose topics exist, its changelog with these configs if need be, and ends it."""
    redis_server.flush()
    with ExitStack() as stack:

        def deployed(changelog: Mapping[str, str] | None = None, **settings: object) -> Deployed:
            given = {"worker_timeout": DEAD_AFTER_S, "checkpoint_interval": 0.2, "grace": GRACE_S, "population": True}
            given |= settings
            found = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, **given)
            if changelog is not None:
                make_topic(found, "streamer-state", found.partitions, **changelog)
            topics.create(found)
            made = Deployed(found, kafka, redis_server, tmp_path)
            stack.callback(made.close)
            return made

        yield deployed


@pytest.fixture
def deployment(deploy: Deploy, request: pytest.FixtureRequest) -> Deployed:
    """A deployment of the usual settings; its parameter, if there is one, is the kind of store."""
    return deploy(store=getattr(request, "param", "memory"))


@pytest.fixture
def seed() -> int:
    """Of a test's random choices; printed, so that a failure can be repeated with STREAMER_TEST_SEED."""
    chosen = int(_SEED) if _SEED else SystemRandom().randrange(1 << 32)
    print(f"STREAMER_TEST_SEED={chosen}")
    return chosen
