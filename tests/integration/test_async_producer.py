"""The asyncio producer on the embedded broker: the same events and errors, and the loop goes on."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition

from streamer.embedded import EmbeddedBroker
from streamer.errors import InvalidEvent
from streamer.events import Dislike
from streamer.producing import AsyncSignalProducer
from streamer.producing.connection import PROTOCOL
from streamer.settings import Settings


def values(broker: EmbeddedBroker, topic: str) -> list[dict[str, object]]:
    with KafkaConsumer(bootstrap_servers=broker.bootstrap, api_version=PROTOCOL, consumer_timeout_ms=2000) as consumer:
        partitions = [TopicPartition(topic, number) for number in range(broker.partitions)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = sum(consumer.end_offsets(partitions).values())
        return [msgspec.json.decode(next(consumer).value) for _ in range(ends)]


def test_all_kinds_are_sent_and_what_happens_now_needs_no_ts(embedded_broker: EmbeddedBroker, prefix: str) -> None:
    settings = Settings(
        brokers=embedded_broker.bootstrap, topic_prefix=prefix, partitions=embedded_broker.partitions,
        declare_topics=False,
    )  # fmt: skip
    before = time.time_ns() // 1_000_000

    async def send() -> None:
        async with AsyncSignalProducer(settings) as producer:
            await producer.impression(user_id="ann", content_id="c1", position=0, visible_ms=2400)
            await producer.play(user_id="ann", content_id="c1", played_s=3.0)
            await producer.feedback(user_id="ann", content_id="c1", kind="like")
            await producer.dislike(user_id="ann", action="dislike", scope="tag", tag="true-crime")
            await producer.send(Dislike(user_id="ann", ts=before, action="block", scope="creator", creator_id="k"))
            with pytest.raises(InvalidEvent, match="no such field"):
                await producer.dislike(user_id="ann", action="dislike", what="?")  # type: ignore[call-arg]
            await producer.flush()

    asyncio.run(send())
    found = [value for topic in settings.topics.sources for value in values(embedded_broker, topic)]
    assert len(found) == 5
    assert all(before <= value["ts"] <= time.time_ns() // 1_000_000 for value in found)  # type: ignore[operator]
