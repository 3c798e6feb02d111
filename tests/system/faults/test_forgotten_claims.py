"""A worker frozen for longer than brokers remember who owned what: here seconds, by default seven days and one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from streamer.engine.state.changelog import MARK_KEY
from streamer.events import CLAIM
from tests.backends.choose import Kafka
from tests.backends.forgetful import REMEMBERED_S, forgetful_kafka
from tests.deployment import records_of, saved_stores, story_of
from tests.processes import HANGS_AFTER_S, wait_for
from tests.system.faults.deployed import TAKEN_OVER, Deploy, Deployed

OWNERS = (CLAIM.encode(), MARK_KEY)
"""Keys of what owners say of themselves."""


@pytest.fixture(scope="module")
def kafka(kafka: Kafka) -> Iterator[Kafka]:
    """Instead of the one of all tests, which remembers for days."""
    with forgetful_kafka() as server:
        yield server


@pytest.mark.parametrize("all_away", [False, True], ids=["the other lives", "all were away"])
def test_a_zombie_woken_when_brokers_have_forgotten_it_changes_no_document(deploy: Deploy, all_away: bool) -> None:
    """
    zombie  ━━━━━━━━━┥ frozen before a write                                     ┝━ writes nothing, ends
    other             ┄┄┄ takes over ━━━ processes more ━━━━ lives, or ends
    brokers                                                  forget what is not renewed
    third                                                                  ┄┄┄ if the other has ended ━━━━━━━━━━━━━
    """
    deployment = deploy()
    story = story_of(100, 2)
    feed = deployment.feed(story, shares=3, rate=500)
    zombie, other = deployment.take_over_from_frozen(feed, "changes saved")
    if all_away:
        assert other.stop(HANGS_AFTER_S) == 0
    time.sleep(1.5 * REMEMBERED_S)  # the claims that nobody renews are forgotten
    if all_away:
        other = deployment.spawn("worker", deployment.at("third"))
        deployment.await_owner(other)
    wait_for("nothing is written any more", lambda: everything_told(deployment), other)
    before = written(deployment)
    os.kill(zombie.pid, signal.SIGCONT)
    assert zombie.wait(HANGS_AFTER_S) != 0, "it ends instead of writing"
    assert TAKEN_OVER in zombie.tail(200)
    assert written(deployment) == before
    feed.allow()
    deployment.finish(story, feed, other, None)


def everything_told(deployment: Deployed) -> bool:
    """The population has been told of all that users changed; to forget it, some of them are written again."""
    return not any(list(store.untold) for store in saved_stores(deployment.settings).values())


def written(deployment: Deployed) -> dict[str, int]:
    """How many records there are of the topics that an owner writes to.

    Left out are claims and marks: the living owner writes them anew when the zombie's end moves partitions to and fro.
    """
    names = deployment.settings.topics
    found = {name: records_of(deployment.settings, name) for name in (names.state, names.journal, names.avoid_lists)}
    return {name: sum(record.key not in OWNERS for record in records) for name, records in found.items()}
