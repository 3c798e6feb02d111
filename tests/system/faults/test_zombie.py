"""A worker frozen past its timeout while another takes over, then woken: a zombie, which believes it still owns."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from streamer.embedded.child import Child
from tests.deployment import story_of
from tests.processes import wait_for
from tests.system.faults.deployed import Deploy

FROZEN = psutil.STATUS_STOPPED


def frozen(child: Child) -> bool:
    return bool(psutil.Process(child.pid).status() == FROZEN)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "boundary",
    [
        "changes saved",
        pytest.param("documents written", marks=pytest.mark.long),
        pytest.param("mark saved", marks=pytest.mark.long),
    ],
)
def test_a_zombie_woken_in_the_middle_of_a_write_changes_no_document(deploy: Deploy, boundary: str) -> None:
    """
    zombie  ━━━━━━━━━┥ frozen before a write                    ┝━ that write, then the news
    other             ┄┄┄ takes over ━━━ processes more, saves ━━━━━━━━━━━━━━━━━━━━━━━━━━
    """
    deployment = deploy()
    story = story_of(40, 5)
    feed = deployment.feed(story, shares=3)
    zombie = deployment.spawn_faulty("worker", "freeze", boundary, "3")
    feed.allow()
    wait_for("the first worker freezes", lambda: frozen(zombie), None)
    other = deployment.spawn("worker")
    deployment.await_owner(other)
    feed.allow()
    wait_for("it processes and saves more", deployment.source.done, other)
    os.kill(zombie.pid, signal.SIGCONT)
    feed.allow()
    wait_for("everything is produced", lambda: feed.finished, other)
    wait_for("all is committed", deployment.source.done, other)
    assert zombie.wait(30) != 0, "it ends instead of writing"
    assert "another worker has taken over" in zombie.tail(200)
    deployment.finish(story, None, other, None)
