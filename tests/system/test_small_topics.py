"""Topics that take less than what must be written: the broker refuses it, and the worker and everybody else go on."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import pytest

from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from streamer.producing.advice import advice
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.backends.ports import free_port
from tests.deployment import make_topic, saved_documents, served, settings_of
from tests.processes import Progress, measured, running, wait_for

MOST = 4_000
BLOCKS = 300


@pytest.fixture
def settings(kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Settings:
    more = {"partitions": 1, "clock": "wall", "metrics_port": free_port()}
    found = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, **more)
    for topic in ("avoid-lists", "streamer-state", "streamer-journal"):
        policy = "delete" if topic == "streamer-journal" else "compact"
        make_topic(found, topic, 1, cleanup_policy=policy, retention_ms="-1", max_message_bytes=str(MOST))
    topics.create(found)
    return found


def blocks(user: str, many: int) -> list[Dislike]:
    """Of creators whose names cannot be packed."""
    now_ms = time.time_ns() // 1_000_000 - many
    return [
        Dislike(user_id=user, ts=now_ms + number, action="block", scope="creator", creator_id=secrets.token_hex(32))
        for number in range(many)
    ]


def test_what_the_topics_do_not_take_is_cut_or_counted_and_the_worker_goes_on(
    settings: Settings, source: Progress, prefix: str, tmp_path: Path
) -> None:
    loud, ann, bob = (prefix + name for name in ("loud", "ann", "bob"))
    no_port = settings.model_copy(update={"metrics_port": 0})

    def dropped(cap: str) -> float:
        return measured(settings.metrics_port, "dropped_evidence_total", cap=cap)

    with (
        running("worker", settings, tmp_path / "worker.log") as worker,
        running("publisher", no_port, tmp_path / "publisher.log"),
        SignalProducer(settings) as producer,
    ):
        for event in blocks(ann, 1) + blocks(loud, BLOCKS):
            producer.send(event)
        producer.flush()
        wait_for("both are served", lambda: served(settings, [loud, ann]).keys() == {loud, ann}, worker)
        wait_for("all is committed", source.done, worker)
        assert dropped("document_bytes") > 0
        assert dropped("state_bytes") > 0
        for event in blocks(bob, 1) + blocks(loud, 1):
            producer.send(event)
        producer.flush()
        wait_for("so is who comes later", lambda: bob in served(settings, [bob]), worker)
        wait_for("all is committed", source.done, worker)
        found = served(settings, [loud, ann, bob])
        assert 0 < len(found[loud].entries) < BLOCKS
        assert len(found[ann].entries) == len(found[bob].entries) == 1
    assert worker.exit_code == 0, worker.tail()
    assert {ann, bob} <= saved_documents(settings).keys()


def test_check_says_which_topics_take_less_than_they_should(settings: Settings) -> None:
    assert not topics.check(settings)
    (line,) = (line for line in advice(settings) if "max.message.bytes" in line)
    assert settings.topics.avoid_lists in line
    assert settings.topics.labels not in line
