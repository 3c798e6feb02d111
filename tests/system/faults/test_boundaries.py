"""A crash at every boundary between two writes."""

from __future__ import annotations

import pytest

from streamer.embedded.child import Child
from tests.deployment import story_of
from tests.processes import wait_for
from tests.system.faults.deployed import Deployed
from tests.system.faults.faulty import BOUNDARIES, CRASHED

WORKER = [name for name, boundary in BOUNDARIES.items() if boundary.kind == "worker"]
PUBLISHER = [name for name, boundary in BOUNDARIES.items() if boundary.kind == "publisher"]
ONCE_A_LIFE = ("partitions claimed", "recovered to disk", "source committed", "outbox committed")
"""There may be no second in a life."""


def worker_boundaries(store: str) -> list[str]:
    return [name for name in WORKER if store == "rocksdb" or not BOUNDARIES[name].on_disk]


def crashed(child: Child) -> bool:
    assert child.exit_code in (None, CRASHED), child.tail()
    return child.exit_code == CRASHED


def is_ready(child: Child, kind: str) -> bool:
    return kind == "publisher" or "recovered partitions" in child.tail(500)


@pytest.mark.parametrize("deployment", ["memory", pytest.param("rocksdb", marks=pytest.mark.long)], indirect=True)
def test_a_crash_at_each_boundary_of_worker_and_publisher_in_turn_changes_no_document(deployment: Deployed) -> None:
    story = story_of(100, 2)  # short and dense: most sessions are open when a checkpoint is made
    boundaries = worker_boundaries(deployment.settings.store)
    feed = deployment.feed(story, shares=len(boundaries) + 1)
    at_once = dict(zip(boundaries[-len(PUBLISHER) :], PUBLISHER, strict=True))  # by then there are documents
    for name in boundaries:
        lives = [(name, deployment.spawn_faulty("worker", "crash", name, "1"))]
        if name in at_once:
            lives.append((at_once[name], deployment.spawn_faulty("publisher", "crash", at_once[name], "1")))
        feed.allow()
        for boundary, child in lives:
            wait_for(f"a crash: {boundary}", lambda c=child: crashed(c), None)
    feed.allow()
    deployment.finish(story, feed, deployment.spawn("worker"), None)


@pytest.mark.long
@pytest.mark.parametrize(
    ("deployment", "name"),
    [
        *(("memory", name) for name in (*worker_boundaries("memory"), *PUBLISHER)),
        *(("rocksdb", name) for name in worker_boundaries("rocksdb")),
    ],
    indirect=["deployment"],
)
def test_repeated_crashes_at_one_boundary_change_no_document(deployment: Deployed, name: str) -> None:
    """The same place, reached for the first time in a life, the second, the third, the fourth."""
    story = story_of(100, 2)  # short and dense: most sessions are open when a checkpoint is made
    lives, shares = 4, 21
    kind = BOUNDARIES[name].kind
    feed = deployment.feed(story, shares=shares, rate=250)  # so that there are several checkpoints in a life
    steady = deployment.spawn("worker") if kind == "publisher" else deployment.spawn("publisher")
    for life in range(1, lives + 1):
        nth = 1 if name in ONCE_A_LIFE else life
        child = deployment.spawn_faulty(kind, "crash", name, str(nth))
        wait_for("it is at work", lambda c=child: crashed(c) or is_ready(c, kind), None)
        while not crashed(child):  # a busy machine passes a boundary once where an idle one does twice
            assert not feed.finished, f"{name} was not reached {nth} times in all that was fed"
            feed.allow()
            wait_for(f"crash {life}: {name}", lambda c=child: crashed(c) or deployment.is_through(feed), None)
    feed.allow(shares)  # whatever is left: a life may have ended before it was fed
    if kind == "publisher":
        deployment.finish(story, feed, steady, None)
    else:
        deployment.finish(story, feed, deployment.spawn("worker"), steady)
