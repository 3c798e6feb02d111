"""Redis dies under load, and loses everything: invariant I8."""

from __future__ import annotations

import time

import pytest
import redis

from tests.backends.ports import free_port
from tests.deployment import story_of
from tests.processes import measured, wait_for
from tests.system.faults.deployed import Deployed

AWAY_S = 60


@pytest.mark.parametrize(
    "away_s",
    [0, pytest.param(AWAY_S, marks=[pytest.mark.long, pytest.mark.slowest])],
    ids=["briefly", "a minute"],
)
@pytest.mark.kills("redis_server")
def test_while_redis_is_dead_workers_keep_up_and_a_rebuild_gives_the_same_bytes(
    deployment: Deployed, away_s: float
) -> None:
    story = story_of(40, 5)
    port = free_port()
    worker = deployment.spawn("worker", deployment.settings.model_copy(update={"metrics_port": port}))
    publisher = deployment.spawn("publisher")
    rounds = 5
    feed = deployment.feed(story, shares=rounds + 2)
    feed.allow()
    wait_for("the first lists are in Redis", lambda: deployment.outbox.committed() > 0, publisher)

    deployment.redis.kill()
    began = time.monotonic()
    behind = []
    for _ in range(rounds):
        before = measured(port, "events_total")
        feed.allow()
        wait_for("it processes", lambda at=before: measured(port, "events_total") > at, worker)
        wait_for("its lag is gone, though Redis is", deployment.source.done, worker)
        behind.append(deployment.outbox.lag())
    assert behind == sorted(behind) and behind[-1] > behind[0] > 0, "the publisher keeps its position meanwhile"
    time.sleep(max(0.0, began + away_s - time.monotonic()))  # the fault itself
    assert deployment.source.done()

    deployment.redis.start()
    feed.allow()
    wait_for("the publisher catches up", deployment.outbox.done, publisher)
    deployment.command("rebuild-redis")  # what Redis had before it died: it keeps nothing
    deployment.finish(story, feed, worker, publisher)
    full = contents(deployment)
    assert len(full) >= 2 * len(story.truth), "documents and guards"
    deployment.redis.flush()
    deployment.command("rebuild-redis")
    assert contents(deployment) == full
    deployment.compare(story)


def contents(deployment: Deployed) -> dict[bytes, bytes | None]:
    with redis.Redis.from_url(deployment.redis.url) as client:
        return {key: client.get(key) for key in client.scan_iter(match="*avoid:*")}
