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


def crashed(child: Child) -> bool:
    assert child.exit_code in (None, CRASHED), child.tail()
    return child.exit_code == CRASHED


@pytest.mark.timeout(240)
def test_a_crash_at_each_boundary_of_worker_and_publisher_in_turn_changes_no_document(deployment: Deployed) -> None:
    story = story_of(40, 5)
    feed = deployment.feed(story, shares=len(WORKER) + 1)
    for name in WORKER:
        worker = deployment.spawn_faulty("worker", "crash", name, "1")
        feed.allow()
        wait_for(f"a crash: {name}", lambda w=worker: crashed(w), None)
    for name in PUBLISHER:
        publisher = deployment.spawn_faulty("publisher", "crash", name, "1")
        wait_for(f"a crash: {name}", lambda p=publisher: crashed(p), None)
    feed.allow()
    deployment.finish(story, feed, deployment.spawn("worker"), None)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [*WORKER, *PUBLISHER])
def test_repeated_crashes_at_one_boundary_change_no_document(deployment: Deployed, name: str) -> None:
    """The same place, reached for the first time in a life, the second, the third, the fourth."""
    story = story_of(40, 5)
    lives = 4
    kind = BOUNDARIES[name].kind
    feed = deployment.feed(story, shares=lives + 1, rate=250)  # so that there are several checkpoints in a life
    steady = deployment.spawn("worker") if kind == "publisher" else deployment.spawn("publisher")
    for life in range(1, lives + 1):
        nth = 1 if name.endswith(("committed", "claimed")) else life  # there may be no second in a life
        child = deployment.spawn_faulty(kind, "crash", name, str(nth))
        feed.allow()
        wait_for(f"crash {life}: {name}", lambda c=child: crashed(c), None)
    feed.allow()
    if kind == "publisher":
        deployment.finish(story, feed, steady, None)
    else:
        deployment.finish(story, feed, deployment.spawn("worker"), steady)
