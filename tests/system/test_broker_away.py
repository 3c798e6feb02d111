"""The broker goes away: processes that are told to stop do stop."""

from __future__ import annotations

import os
import signal

import pytest

from streamer.events import Dislike
from streamer.producing import SignalProducer
from streamer.settings import Settings
from tests.backends.choose import Kafka
from tests.deployment import NOW
from tests.processes import Progress, wait_for
from tests.system.conftest import Spawn

END_WITHIN_S = 60


def test_a_worker_and_a_publisher_whose_broker_is_gone_end_when_told_to(
    settings: Settings, source: Progress, outbox: Progress, kafka: Kafka, prefix: str, spawn: Spawn
) -> None:
    if not kafka.killable:
        pytest.skip("this broker is not ours to kill")
    worker, publisher = spawn("worker"), spawn("publisher")
    with SignalProducer(settings) as producer:
        producer.send(Dislike(user_id=prefix + "u", ts=NOW, action="block", scope="creator", creator_id="c"))
        producer.watermark(NOW)
    wait_for("the worker is up", lambda: source.done() and source.committed() > 0, worker)
    wait_for("the publisher is up", lambda: outbox.done() and outbox.committed() > 0, publisher)
    kafka.kill()
    for child in (worker, publisher):
        os.kill(child.pid, signal.SIGTERM)
    try:
        for child in (worker, publisher):
            child.wait(END_WITHIN_S)
    finally:
        kafka.start()
