"""A worker frozen for longer than brokers remember who owned what: here seconds, by default seven days and one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from streamer.events import CLAIM
from tests.backends.choose import Kafka
from tests.backends.kafka import KafkaServer
from tests.deployment import records_of, story_of
from tests.processes import HANGS_AFTER_S, wait_for
from tests.system.faults.deployed import Deploy, Deployed
from tests.system.faults.test_zombie import TAKEN_OVER, frozen

REMEMBERED_S = 8.0


@pytest.fixture(scope="module")
def kafka(kafka: Kafka) -> Iterator[Kafka]:
    """Instead of the one of all tests, which remembers for days."""
    remembered_ms = str(round(REMEMBERED_S * 1000))
    properties = {
        "transactional.id.expiration.ms": remembered_ms,
        "transaction.remove.expired.transaction.cleanup.interval.ms": "500",
        "producer.id.expiration.ms": remembered_ms,
        "producer.id.expiration.check.interval.ms": "500",
    }
    with KafkaServer(properties) as server:
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
    zombie = deployment.spawn_faulty("worker", "freeze", "changes saved", "3", settings=deployment.at("zombie"))
    deployment.await_owner(zombie)
    feed.allow()
    wait_for("the first worker freezes", lambda: frozen(zombie), None)
    other = deployment.spawn("worker", deployment.at("other"))
    deployment.await_owner(other)
    feed.allow()
    wait_for("it processes and saves more", deployment.source.done, other)
    if all_away:
        assert other.stop(HANGS_AFTER_S) == 0
    time.sleep(1.5 * REMEMBERED_S)  # the claims that nobody renews are forgotten
    if all_away:
        other = deployment.spawn("worker", deployment.at("third"))
        deployment.await_owner(other)
    wait_for("nothing is written any more", lambda: written(deployment) == written(deployment), other)
    before = written(deployment)
    os.kill(zombie.pid, signal.SIGCONT)
    assert zombie.wait(HANGS_AFTER_S) != 0, "it ends instead of writing"
    assert TAKEN_OVER in zombie.tail(200)
    assert written(deployment) == before
    feed.allow()
    deployment.finish(story, feed, other, None)


def written(deployment: Deployed) -> dict[str, int]:
    """How many records there are of the topics that an owner writes to, claims left out."""
    names = deployment.settings.topics
    found = {name: records_of(deployment.settings, name) for name in (names.state, names.journal, names.avoid_lists)}
    return {name: sum(record.key != CLAIM.encode() for record in records) for name, records in found.items()}
