"""The broker restarts, or is away for a while, under load."""

from __future__ import annotations

import time

import pytest

from tests.deployment import story_of
from tests.system.faults.deployed import Deployed

AWAY_S = 60


@pytest.mark.parametrize(
    ("ends", "away_s"),
    [
        ("kill", 0),
        pytest.param("stop", 0, marks=pytest.mark.long),
        pytest.param("stop", AWAY_S, marks=[pytest.mark.long, pytest.mark.slowest]),
        pytest.param("kill", AWAY_S, marks=[pytest.mark.long, pytest.mark.slowest]),
    ],
    ids=["crash", "restart", "stopped for a minute", "dead for a minute"],
)
@pytest.mark.kills("kafka")
def test_workers_and_publishers_outlive_a_broker_that_comes_back_and_change_no_document(
    deployment: Deployed, ends: str, away_s: float
) -> None:
    story = story_of(40, 5)
    feed = deployment.feed(story, rate=500)
    worker, publisher = deployment.spawn("worker"), deployment.spawn("publisher")
    feed.allow()
    deployment.await_more(worker, 500)
    (deployment.kafka.kill if ends == "kill" else deployment.kafka.stop)()
    time.sleep(away_s)  # the fault itself
    deployment.kafka.start()
    deployment.finish(story, feed, worker, publisher)
