"""One of three brokers dies. For some seconds the others still name it: who asks then must be answered all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.producing import topics
from tests.backends.choose import Kafka
from tests.backends.cluster import KafkaCluster
from tests.deployment import settings_of

ASKED = 20
"""Times, each of another broker by chance."""


@pytest.mark.long
def test_while_a_broker_that_died_is_still_named_topics_are_checked_all_the_same(
    kafka: Kafka,  # asked for, as this is skipped where there is none
    prefix: str,
    tmp_path: Path,
) -> None:
    with KafkaCluster() as cluster:
        settings = settings_of(prefix, cluster.bootstrap, "redis://nowhere:1/0", tmp_path, replication=3)
        topics.create(settings)
        cluster.kill(1)
        assert [topics.check(settings) for _ in range(ASKED)] == [[]] * ASKED
