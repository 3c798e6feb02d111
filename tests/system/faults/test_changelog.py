"""What recovery reads is not what was written: compacted, truncated, made anew."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import PolicyViolationError

from streamer.embedded.child import Child
from streamer.engine.kafka.scan import scan
from streamer.events import DAY_MS
from streamer.producing import topics
from streamer.settings import Settings
from tests.deployment import records_of, story_of
from tests.processes import wait_for
from tests.system.faults.deployed import Deploy, Deployed

EAGER = {
    "cleanup_policy": "compact",
    "segment_ms": "50",
    "min_cleanable_dirty_ratio": "0.0",
    "max_compaction_lag_ms": "1",
    "delete_retention_ms": "0",
    "max_message_bytes": str(16 << 20),
}
"""A changelog compacted all the time, its tombstones gone at once."""
WRITTEN_AGAIN = "users are written to it again from the local state"


@pytest.mark.long
@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_a_changelog_compacted_while_workers_die_and_read_it_changes_no_document(deploy: Deploy, store: str) -> None:
    day = {} if store == "memory" else {"delete_retention_ms": str(DAY_MS)}  # state on disk needs the tombstones
    deployment = deploy(changelog={**EAGER, **day}, store=store)
    story = story_of(40, 5)
    feed = deployment.feed(story, shares=3)
    for _ in range(2):
        worker = deployment.spawn("worker")
        feed.allow()
        deployment.await_more(worker)
        worker.kill()
    worker = deployment.spawn("worker")
    wait_for("compaction has left gaps", lambda: has_gaps(deployment.settings), worker)
    worker.kill()
    feed.allow()
    deployment.finish(story, feed, deployment.spawn("worker"), None)


@pytest.mark.long  # that a store sees it is in test_recovery.py
@pytest.mark.parametrize(
    ("deployment", "lost"),
    [("memory", "truncated"), ("memory", "made anew"), ("rocksdb", "made anew")],
    indirect=["deployment"],
)
def test_a_lost_changelog_stalls_nobody_and_reading_the_source_again_makes_all_documents_right(
    deployment: Deployed, lost: str
) -> None:
    story = story_of(40, 5)
    feed = deployment.feed(story, shares=2)
    worker = deployment.spawn("worker")
    feed.allow()
    wait_for("the first half is committed", deployment.source.committed, worker)
    wait_for("all of it", deployment.source.done, worker)
    worker.kill()
    (truncate if lost == "truncated" else make_anew)(deployment.settings)
    read_source_again(deployment.settings)
    worker = deployment.spawn("worker")
    feed.allow()
    deployment.finish(story, feed, worker, None)


@pytest.mark.long  # what a store and the changelog hold then is in test_recovery.py
@pytest.mark.parametrize(
    ("store", "runs"), [("memory", True), ("rocksdb", False)], ids=["at work", "between two lives"]
)
def test_of_a_changelog_truncated_while_a_worker_has_it_all_nobody_is_lost_with_that_worker(
    deploy: Deploy, store: str, runs: bool
) -> None:
    """It writes everything to the changelog again, and then its disk or its memory may go."""
    deployment = deploy(store=store)
    story = story_of(40, 5)
    feed = deployment.feed(story, shares=3)

    def looks_often() -> Child:
        return deployment.spawn_faulty("worker", "poison", "nobody")

    worker = looks_often()
    feed.allow()
    deployment.await_more(worker)
    wait_for("the first third is committed", deployment.source.done, worker)
    if not runs:
        worker.kill()
    truncate(deployment.settings)
    if not runs:
        worker = looks_often()
    wait_for("all partitions are written again", lambda: worker.tail(500).count(WRITTEN_AGAIN) == 4, worker)
    feed.allow()
    deployment.await_more(worker)
    worker.kill()
    assert "are lost" not in worker.tail(500)
    shutil.rmtree(deployment.settings.data_dir / deployment.settings.group, ignore_errors=True)
    feed.allow()
    deployment.finish(story, feed, deployment.spawn("worker"), None)


def test_a_scan_whose_records_are_deleted_under_it_ends(deployment: Deployed) -> None:
    settings = deployment.settings
    with KafkaFiller(settings) as filler:
        filler.fill(batches=12, size=1 << 20)

    async def scanned() -> list[int]:
        offsets = []
        truncated = False
        async for found in scan(settings, settings.topics.state, {0: 0}):
            offsets += [record.offset for record in found.records]
            if not truncated:
                truncate(settings, keep=1)
                truncated = True
        return offsets

    offsets = asyncio.run(asyncio.wait_for(scanned(), 60))
    assert offsets == sorted(set(offsets))
    assert offsets[0] == 0 and offsets[-1] == 11


class KafkaFiller:
    """Writes large records of no meaning to the changelog."""

    def __init__(self, settings: Settings) -> None:
        from kafka import KafkaProducer

        self._topic = settings.topics.state
        self._producer = KafkaProducer(bootstrap_servers=settings.brokers, max_request_size=16 << 20)

    def fill(self, batches: int, size: int) -> None:
        for number in range(batches):
            self._producer.send(self._topic, b"\0" * size, key=b"%d" % number, partition=0).get(30)

    def __enter__(self) -> KafkaFiller:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close()


def has_gaps(settings: Settings) -> bool:
    there = records_of(settings, settings.topics.state)
    consumer = KafkaConsumer(bootstrap_servers=settings.brokers)
    ends = consumer.end_offsets([TopicPartition(settings.topics.state, p) for p in range(settings.partitions)])
    consumer.close()
    return len(there) < sum(ends.values())


def truncate(settings: Settings, keep: int = 0) -> None:
    """DeleteRecords: everything but the last few of each partition of the changelog."""
    tps = [TopicPartition(settings.topics.state, p) for p in range(settings.partitions)]
    consumer = KafkaConsumer(bootstrap_servers=settings.brokers)
    ends = consumer.end_offsets(tps)
    consumer.close()
    admin = KafkaAdminClient(bootstrap_servers=settings.brokers)
    set_policy(admin, settings, "compact,delete")  # of a topic only compacted a broker deletes nothing

    def is_deleted() -> bool:
        try:
            admin.delete_records({tp: max(0, end - keep) for tp, end in ends.items()})
        except PolicyViolationError:  # the new policy is not there yet, and nothing tells when it is
            return False
        return True

    wait_for("the records are deleted", is_deleted, None)
    set_policy(admin, settings, "compact")
    admin.close()


def set_policy(admin: KafkaAdminClient, settings: Settings, policy: str) -> None:
    topic = ConfigResource(ConfigResourceType.TOPIC, settings.topics.state, {"cleanup.policy": policy})
    admin.alter_configs([topic])


def make_anew(settings: Settings) -> None:
    admin = KafkaAdminClient(bootstrap_servers=settings.brokers)
    admin.delete_topics([settings.topics.state])
    wait_for("it is deleted", lambda: settings.topics.state not in admin.list_topics(), None)
    admin.close()
    topics.create(settings)


def read_source_again(settings: Settings) -> None:
    """Sets the group's offsets to the beginning, as `kafka-consumer-groups --reset-offsets` does."""
    consumer = KafkaConsumer(bootstrap_servers=settings.brokers, group_id=settings.group, enable_auto_commit=False)
    names = (*settings.topics.sources, settings.topics.erasures)
    beginning = {
        TopicPartition(topic, p): OffsetAndMetadata(0, "", -1) for topic in names for p in range(settings.partitions)
    }

    def is_set() -> bool:
        from kafka.errors import KafkaError

        try:
            consumer.commit(beginning)
        except KafkaError:  # the dead worker is still a member for a moment
            return False
        return True

    wait_for("the offsets are reset", is_set, None)
    consumer.close()
