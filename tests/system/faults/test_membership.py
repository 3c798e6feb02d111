"""Workers join and leave, in order and not, while events come in."""

from __future__ import annotations

import itertools

import pytest

from tests.deployment import story_of
from tests.processes import HANGS_AFTER_S, wait_for
from tests.system.faults.deployed import Deploy

MINUTES = [pytest.mark.long, pytest.mark.slowest]


@pytest.mark.parametrize(
    ("rounds", "store", "folders"),
    [
        (1, "memory", ("data",) * 3),
        pytest.param(4, "memory", ("data",) * 3, marks=MINUTES),
        pytest.param(4, "rocksdb", ("data",) * 3, marks=MINUTES),
        pytest.param(4, "rocksdb", ("one", "two", "three"), marks=MINUTES),
    ],
    ids=["once", "four times", "rocksdb in one directory", "rocksdb in a directory each"],
)
def test_three_workers_that_join_leave_and_die_under_load_change_no_document(
    deploy: Deploy, rounds: int, store: str, folders: tuple[str, ...]
) -> None:
    """
    first   ━━━━━━━━━━━━━━━━━━┥ stopped
    second       ┝━━━━━━━━━━━━━━━━━┥ killed
    third               ┝━━━━━━━━━━━━━━━━━━━━━━━━━ is the next round's first

    On disk a partition that comes back to a directory finds there what it was when it left.
    """
    deployment = deploy(partitions=6, store=store)  # of four, Faust's assignor would give the third worker none
    story = story_of(120, 20) if rounds > 1 else story_of(40, 5)
    feed = deployment.feed(story, shares=4 * rounds + 1, rate=1_000)
    feed.allow()
    places = itertools.cycle(map(deployment.at, folders))
    publisher, first = deployment.spawn("publisher"), deployment.spawn("worker", next(places))
    deployment.await_owner(first)
    for _ in range(rounds):
        feed.allow()
        second = deployment.spawn("worker", next(places))
        wait_for("the second has partitions", lambda w=second: "recovered partitions" in w.tail(500), second)
        feed.allow()
        third = deployment.spawn("worker", next(places))
        wait_for("the third has partitions", lambda w=third: "recovered partitions" in w.tail(500), third)
        feed.allow()
        assert first.stop(HANGS_AFTER_S) == 0, first.tail()
        feed.allow()
        deployment.await_more(third)
        second.kill()
        deployment.await_owner(third)
        first = third
    deployment.finish(story, feed, first, publisher)
