"""What a worker's producer knows of topics, on the embedded broker."""

from __future__ import annotations

import asyncio

from streamer.embedded import EmbeddedBroker
from streamer.engine.kafka.producer import BatchProducer
from streamer.settings import Settings


def test_a_topic_heard_of_at_start_is_not_taken_for_missing_when_the_broker_is_away() -> None:
    async def test() -> None:
        with EmbeddedBroker() as broker:
            settings = Settings(brokers=broker.bootstrap, partitions=broker.partitions, declare_topics=False)
            topic, producer = settings.topics.population, BatchProducer(settings)
            await producer.start([topic])
        assert await asyncio.wait_for(producer.partitions(topic), 5) == settings.partitions  # nobody is asked
        await producer.close()

    asyncio.run(test())
