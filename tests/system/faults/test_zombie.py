"""A worker frozen past its timeout while another takes over, then woken: a zombie, which believes it still owns."""

from __future__ import annotations

import os
import signal
import time
from random import Random

import pytest

from tests.deployment import story_of
from tests.processes import HANGS_AFTER_S, wait_for
from tests.system.faults.deployed import TAKEN_OVER, Deploy, Deployed

GIVEN_UP = "partitions go unsaved"
"""What a worker tells that may not save any more what it has processed."""


@pytest.mark.long
@pytest.mark.slowest
def test_workers_frozen_at_random_moments_and_woken_after_a_takeover_change_no_document(
    deployment: Deployed, seed: int
) -> None:
    """Woken, some find out by a refused write and end, some by a heartbeat and join again."""
    rng = Random(seed)
    cycles = 8
    story = story_of(120, 12)
    feed = deployment.feed(story, shares=2 * cycles + 1, rate=1_000)
    workers = [deployment.spawn("worker"), deployment.spawn("worker")]

    def supervised() -> bool:
        """Starts again who ended; also the rightful owner may, if a zombie is woken just before it claims."""
        for at, worker in enumerate(workers):
            if not worker.running:
                assert TAKEN_OVER in worker.tail(500)
                workers[at] = deployment.spawn("worker")
        return True

    def await_more() -> None:
        before = deployment.source.committed()
        wait_for("more is committed", lambda: supervised() and deployment.source.committed() > before, None)

    for _ in range(cycles):
        wait_for("they share", lambda: supervised() and all(map(deployment.owns_some, workers)), None)
        feed.allow()
        await_more()
        time.sleep(rng.uniform(0, 1))  # the moment, not a wait for anything
        supervised()
        frozen_at = rng.randrange(2)
        victim = workers[frozen_at]
        os.kill(victim.pid, signal.SIGSTOP)
        wait_for(
            "the other takes over", lambda at=frozen_at: supervised() and deployment.owns_all(workers[1 - at]), None
        )
        feed.allow()
        await_more()
        if victim.running:  # else it had ended just before it was to freeze
            os.kill(victim.pid, signal.SIGCONT)
    feed.allow()
    wait_for("everything is produced", lambda: supervised() and feed.finished, None)
    wait_for("all is committed", lambda: supervised() and deployment.source.done(), None)
    workers[0].stop(HANGS_AFTER_S)
    deployment.finish(story, None, workers[1], None)


@pytest.mark.parametrize(
    ("boundary", "store"),
    [
        ("changes saved", "memory"),
        *(
            pytest.param(boundary, store, marks=pytest.mark.long)
            for boundary, store in (
                ("documents written", "memory"),
                ("journal acked", "memory"),
                ("mark saved", "memory"),
                ("changes saved", "rocksdb"),
                ("local store written", "rocksdb"),
            )
        ),
    ],
)
def test_a_zombie_woken_in_the_middle_of_a_write_changes_no_document(deploy: Deploy, boundary: str, store: str) -> None:
    """
    zombie  ━━━━━━━━━┥ frozen before a write                    ┝━ that write, then the news
    other             ┄┄┄ takes over ━━━ processes more, saves ━━━━━━━━━━━━━━━━━━━━━━━━━━

    The write is refused, and the zombie ends; or it hears first that it is no member any more, gives the write up, and
    joins again with what the state has.
    """
    deployment = deploy(store=store)
    story = story_of(100, 2)
    feed = deployment.feed(story, shares=3, rate=500)
    zombie, other = deployment.take_over_from_frozen(feed, boundary)
    os.kill(zombie.pid, signal.SIGCONT)
    feed.allow()
    wait_for("everything is produced", lambda: feed.finished, other)
    wait_for("all is committed", deployment.source.done, other)
    if boundary != "local store written":  # the broker refuses nothing then
        wait_for("it ends, or gives up", lambda: not zombie.running or GIVEN_UP in zombie.tail(500), None)
        assert zombie.running or (zombie.exit_code != 0 and TAKEN_OVER in zombie.tail(200))
    zombie.stop(HANGS_AFTER_S)
    deployment.finish(story, None, other, None)
