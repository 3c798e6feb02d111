"""Claims on real Kafka: who may write to a partition, when several processes have claimed several."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka.errors import ProducerFenced

from streamer.engine.kafka.producer import BatchProducer, NewRecord
from streamer.producing import topics
from streamer.settings import Settings
from tests.backends.choose import Kafka
from tests.deployment import settings_of


@pytest.fixture
def settings(kafka: Kafka, prefix: str, tmp_path: Path) -> Settings:
    found = settings_of(prefix, kafka.bootstrap, "redis://nowhere:1/0", tmp_path)
    topics.create(found)
    return found


def test_what_another_has_claimed_stays_refused_though_one_claims_again_what_is_left(settings: Settings) -> None:
    names = settings.topics
    owned = (names.state, names.journal, names.avoid_lists)

    async def write(producer: BatchProducer, topic: str, partition: int) -> None:
        for sent in await producer.send(topic, partition, [[NewRecord(b"key", b"value")]]):
            await sent.done

    async def run() -> None:
        old, new = BatchProducer(settings), BatchProducer(settings)
        await asyncio.gather(old.start(), new.start())
        try:
            await old.claim([0, 1], owned)
            await new.claim([1], owned)
            await old.claim([0], owned)
            for topic in owned:
                await write(old, topic, 0)
                await write(new, topic, 1)
                with pytest.raises(ProducerFenced):
                    await write(old, topic, 1)
            await old.claim([1], owned)
            for topic in owned:
                await write(old, topic, 1)
                with pytest.raises(ProducerFenced):
                    await write(new, topic, 1)
        finally:
            await asyncio.gather(old.close(), new.close())

    asyncio.run(run())
