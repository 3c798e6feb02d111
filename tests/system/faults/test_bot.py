"""Invariant I6: a bot that never stops does not grow its state, its document or the changelog without end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from lab.oracle import oracle
from streamer.engine.state.changelog import MARK_KEY
from streamer.events import DAY_MS, Event, Impression, Play, encode
from streamer.producing import SignalProducer
from streamer.settings import Settings
from tests.deployment import NOW, Story, newest_in_outbox, records_of
from tests.system.faults.deployed import Deploy

STATE_BYTES = 2 << 20
DOCUMENT_BYTES = 128 << 10
WATERMARK_EVERY = 5_000
DAY_S = 1800.0
"""What the longest day may take on a busy machine."""
CHANGELOG_BYTES_PER_EVENT = 400


def clicks(events: int) -> Iterator[tuple[str, Event]]:
    """One user's day without a pause, over ever new contents, creators and tags."""
    begin = NOW // DAY_MS * DAY_MS - DAY_MS
    for number in range(events):
        item = number // 2
        named = {
            "user_id": "bot",
            "ts": begin + number * DAY_MS // events,
            "content_id": f"content-{item}",
            "creator_id": f"creator-{item % 9973}",
            "tags": (f"tag-{item % 4999}", f"tag-{item % 101}"),
            "session_id": f"s{number * 24 // events}",
        }
        if number % 2:
            yield "plays", Play(**named, played_s=2.0, duration_s=600.0)
        else:
            yield "impressions", Impression(**named, visible_ms=3000, position=number % 7)


def produce(settings: Settings, events: list[tuple[str, Event]], end: int) -> None:
    """Sends them as fast as can be, which `SignalProducer` is not made for, and watermarks now and then."""
    fast = Producer({"bootstrap.servers": settings.brokers, "partitioner": "murmur2_random", "linger.ms": 20})
    with SignalProducer(settings) as watermarks:
        for number, (topic, event) in enumerate(events, 1):
            fast.produce(settings.topic_prefix + topic, encode(event), event.user_id.encode())
            if number % WATERMARK_EVERY == 0:
                assert fast.flush() == 0
                watermarks.watermark(event.ts)
        assert fast.flush() == 0
        watermarks.watermark(end)


@pytest.mark.timeout(2 * DAY_S)
@pytest.mark.parametrize("events", [30_000, pytest.param(1_000_000, marks=[pytest.mark.long, pytest.mark.slowest])])
def test_i6_a_bot_s_day_leaves_bounded_state_document_and_changelog(deploy: Deploy, events: int) -> None:
    deployment = deploy(checkpoint_interval=2.0, grace=3600)
    end = NOW + DAY_MS
    worker = deployment.spawn("worker")
    made = list(clicks(events))
    truth = oracle.documents(Settings(clock="events"), [event for _, event in made], end)
    produce(deployment.settings, made, end)
    deployment.finish(Story(made, end, truth), None, worker, None, timeout=DAY_S)
    stored = [r for r in records_of(deployment.settings, deployment.settings.topics.state) if r.key != MARK_KEY]
    newest = {record.key: len(record.value or b"") for record in stored}
    assert sum(newest.values()) < STATE_BYTES
    assert sum(len(record.value or b"") for record in stored) < CHANGELOG_BYTES_PER_EVENT * events + STATE_BYTES
    (document,) = newest_in_outbox(deployment.settings).values()
    assert len(document) < DOCUMENT_BYTES
    print(f"state {sum(newest.values())} B, changelog {sum(len(r.value or b'') for r in stored)} B")
