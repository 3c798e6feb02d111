"""The broker's disk is full, so it ends: who sends or reads waits, or says so in a line; with room, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.embedded.child import Child
from streamer.errors import StreamerError
from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from tests.backends.choose import RealRedis
from tests.backends.ports import NotHere
from tests.backends.small_disk import KafkaOnSmallDisk, SmallDisk
from tests.deployment import NOW, settings_of, story_of
from tests.processes import Kind, wait_for
from tests.system.faults.deployed import Deployed

MEGABYTES = 300


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        with SmallDisk(tmp_path / "disk", MEGABYTES) as found:
            yield found
    except NotHere as missing:
        pytest.skip(str(missing))


def still_there(deployment: Deployed, kind: Kind, child: Child) -> Child:
    """A process that runs on, or the next life of one that has ended with a line that says what is wrong."""
    if child.running:
        return child
    last = child.tail(3)
    assert "streamer.errors." in last or "streamer: " in last, child.tail()
    return deployment.spawn(kind)


def test_nothing_is_lost(disk: SmallDisk, redis_server: RealRedis, prefix: str, tmp_path: Path) -> None:
    redis_server.flush()
    story = story_of(users=10, days=3)
    with KafkaOnSmallDisk(disk, tmp_path / "metadata") as kafka:
        settings = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, worker_timeout=6.0)
        topics.create(settings)
        deployment = Deployed(settings, kafka, redis_server, tmp_path)
        try:
            worker, publisher = deployment.spawn("worker"), deployment.spawn("publisher")
            feed = deployment.feed(story, shares=2)
            feed.allow()
            wait_for("the first half is published", lambda: deployment.is_through(feed), worker)
            impatient = SignalProducer(settings, delivery_timeout=5.0)
            disk.fill()
            feed.allow()
            kafka.await_end()
            refused(impatient)
            with pytest.raises(StreamerError) as error:
                topics.check(settings.model_copy(update={"broker_timeout": 2.0}))
            assert len(str(error.value).splitlines()) == 1
            disk.free()
            kafka.start()
            worker = still_there(deployment, "worker", worker)
            publisher = still_there(deployment, "publisher", publisher)
            deployment.finish(story, feed, worker, publisher)
        finally:
            deployment.close()


def refused(producer: SignalProducer) -> None:
    """Whoever waits for less time than the broker is away is told, in a line, that an event was not taken."""
    event = Dislike(user_id="later", ts=NOW, action="block", scope="creator", creator_id="loud")
    with pytest.raises(StreamerError) as error:
        producer.send(event)
        producer.flush(10.0)
    assert "check the broker" in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    producer.close()  # what was told is not told again
