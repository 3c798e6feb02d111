"""The broker goes away: processes that are told to stop do stop, and metrics show how long it has been away."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from streamer.events import Dislike
from streamer.producing import SignalProducer
from streamer.settings import Settings
from tests.backends.choose import Kafka
from tests.backends.ports import free_port
from tests.deployment import NOW
from tests.processes import Progress, measured, running, wait_for
from tests.system.conftest import Spawn

END_WITHIN_S = 60


@pytest.mark.kills("kafka")
def test_a_worker_and_a_publisher_whose_broker_is_gone_end_when_told_to(
    settings: Settings, source: Progress, outbox: Progress, kafka: Kafka, prefix: str, spawn: Spawn
) -> None:
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


@pytest.mark.kills("kafka")
def test_a_scrape_shows_how_long_kafka_has_been_away_and_that_it_is_back(
    settings: Settings, source: Progress, kafka: Kafka, prefix: str, tmp_path: Path
) -> None:
    port = free_port()

    def unanswered_s() -> float:
        return measured(port, "kafka_unanswered_seconds", topic=settings.topics.plays, partition="0")

    with running("worker", settings.model_copy(update={"metrics_port": port}), tmp_path / "measured.log") as worker:
        with SignalProducer(settings) as producer:
            producer.send(Dislike(user_id=prefix + "u", ts=NOW, action="block", scope="creator", creator_id="c"))
            producer.watermark(NOW)
        wait_for("the worker is up", lambda: source.done() and source.committed() > 0, worker)
        wait_for("the broker answers", lambda: unanswered_s() < 2, worker)
        lag_s = measured(port, "watermark_lag_seconds", partition="0")
        kafka.kill()
        try:
            wait_for("the age has grown", lambda: unanswered_s() > 4, worker)
            assert measured(port, "watermark_lag_seconds", partition="0") > lag_s
        finally:
            kafka.start()
        wait_for("the broker answers again", lambda: unanswered_s() < 2, worker)
