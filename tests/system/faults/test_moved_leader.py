"""Leaders move while a process is frozen: woken in a healthy cluster of three brokers, it works again soon.

Of topics that nothing was ever committed of it looks up where they begin, at whoever led them when it froze. A worker
ends instead, as it cannot know what others have done meanwhile, and its supervisor starts it again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamer.engine.kafka.positions import look_up_leaders
from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.backends.cluster import KafkaCluster
from tests.deployment import settings_of
from tests.processes import HANGS_AFTER_S, Kind, start, wait_for
from tests.supervised import Supervised
from tests.system.faults.deployed import TAKEN_OVER

DEAD_AFTER_S = 3.0
AGAIN_WITHIN_S = 45.0


@pytest.fixture(scope="module")
def cluster(kafka: Kafka) -> Iterator[KafkaCluster]:  # asked for the other one, as it is skipped where there is none
    with KafkaCluster() as brokers:
        yield brokers


@pytest.fixture
def settings(cluster: KafkaCluster, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Settings:
    redis_server.flush()
    of_three = {"partitions": 1, "replication": 3, "worker_timeout": DEAD_AFTER_S, "clock": "wall"}
    found = settings_of(prefix, cluster.bootstrap, redis_server.url, tmp_path, **of_three)
    topics.create(found)
    return found


def supervised(kind: Kind, settings: Settings, folder: Path) -> Supervised:
    """A process that is started again when it ends."""
    return Supervised(kind, lambda log: start(kind, settings, log), folder)


def serve(settings: Settings, user: str, *processes: Supervised) -> float:
    """A block is said and served; how long that takes, s."""

    def is_served() -> bool:
        for process in processes:
            ended = process.tend()
            assert not ended or TAKEN_OVER in ended
        return client.exists(f"avoid:{user}") == 1

    began, now_ms = time.monotonic(), time.time_ns() // 1_000_000
    with SignalProducer(settings) as producer:
        producer.send(Dislike(user_id=user, ts=now_ms, action="block", scope="creator", creator_id="k"))
    with redis.Redis.from_url(settings.redis_url) as client:
        wait_for(f"{user} is served", is_served, None)
    return time.monotonic() - began


@pytest.mark.parametrize(("kind", "quiet"), [("worker", "erasures"), ("publisher", "rejects")])
def test_woken_after_leaders_have_moved_a_process_works_again_soon(
    cluster: KafkaCluster, settings: Settings, tmp_path: Path, kind: Kind, quiet: str
) -> None:
    worker, publisher = (supervised(each, settings, tmp_path) for each in ("worker", "publisher"))
    try:
        serve(settings, "before", worker, publisher)
        frozen = worker if kind == "worker" else publisher
        frozen.freeze()
        try:
            cluster.move_leader(settings.topic_prefix + quiet, 0)
            time.sleep(15)  # longer than a request waits, so that no answer says who leads now
        finally:
            frozen.thaw()
        assert serve(settings, "after", worker, publisher) < AGAIN_WITHIN_S
        for process in (worker, publisher):
            assert process.child.stop(HANGS_AFTER_S) == 0, process.child.tail()
    finally:
        worker.child.kill()
        publisher.child.kill()


def test_where_a_partition_begins_is_found_though_its_leader_has_moved_unnoticed(
    cluster: KafkaCluster, settings: Settings
) -> None:
    topic = TopicPartition(settings.topics.rejects, 0)

    async def run() -> int:
        never_ms = 3_600_000
        async with AIOKafkaConsumer(bootstrap_servers=settings.brokers, metadata_max_age_ms=never_ms) as consumer:
            look_up_leaders(consumer._fetcher)
            await consumer._client.add_topic(topic.topic)
            while consumer._client.cluster.leader_for_partition(topic) == cluster.leader_of(*topic):
                await asyncio.to_thread(cluster.move_leader, *topic)
            consumer.assign([topic])
            async with asyncio.timeout(AGAIN_WITHIN_S):
                await consumer.seek_to_beginning(topic)
                found: int = await consumer.position(topic)
                return found

    assert asyncio.run(run()) == 0
