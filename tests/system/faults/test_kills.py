"""Invariant I3: kill -9 at moments nobody chose."""

from __future__ import annotations

import time
from random import Random

import pytest

from tests.deployment import story_of
from tests.system.faults.deployed import Deployed

LIFE_S = 5.0


@pytest.mark.parametrize(
    ("deployment", "users", "days", "kills"),
    [
        ("rocksdb", 40, 5, 3),
        pytest.param("memory", 120, 12, 40, marks=[pytest.mark.long, pytest.mark.slowest]),
        pytest.param("rocksdb", 120, 12, 40, marks=[pytest.mark.long, pytest.mark.slowest]),
    ],
    ids=["few, rocksdb", "many", "many, rocksdb"],
    indirect=["deployment"],
)
def test_kill_9_of_workers_and_publishers_at_random_moments_of_a_run_changes_no_document(
    deployment: Deployed, seed: int, users: int, days: int, kills: int
) -> None:
    """Some die while joining the group, some while recovering, most at work; events come in all the time."""
    rng = Random(seed)
    story = story_of(users, days)
    feed = deployment.feed(story, rate=len(story.events) / (kills * LIFE_S))
    feed.allow()
    worker, publisher = deployment.spawn("worker"), deployment.spawn("publisher")
    for _ in range(kills):
        time.sleep(rng.uniform(0.5, 1.5 * LIFE_S))  # the moment, not a wait for anything
        assert worker.running, worker.tail()
        assert publisher.running, publisher.tail()
        fate = rng.choice(["worker", "publisher", "both"])
        if fate != "publisher":
            worker.kill()
            worker = deployment.spawn("worker")
        if fate != "worker":
            publisher.kill()
            publisher = deployment.spawn("publisher")
    deployment.finish(story, feed, worker, publisher)
