"""Record batches while the broker is away."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
from aiokafka.producer.message_accumulator import BatchBuilder

from streamer.engine.kafka.identities import Identities
from streamer.engine.kafka.producer import BatchProducer, NewRecord
from streamer.engine.kafka.sender import Sender
from streamer.settings import Settings


class Waiting(AIOKafkaProducer):
    """Has no room for a batch until it has been asked three times, as when the one before waits for the broker."""

    asked = 0

    def __del__(self) -> None:
        """It was never started, so there is nothing to warn of."""

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[str]:
        self.asked += 1
        if self.asked < 3:
            raise KafkaTimeoutError
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        done.set_result(f"{topic}[{partition}]: {batch.record_count()}")
        return done


def test_a_batch_waits_for_a_broker_that_is_away_longer_than_a_request_may_take() -> None:
    async def sent() -> list[object]:
        several, writer = BatchProducer(Settings()), Waiting()
        several._outputs = Sender(writer, Identities(0))
        sent = await several.send("outbox", 1, [[NewRecord(b"ann", b"1")], [NewRecord(b"bob", None)]])
        assert writer.asked == 3
        return [await batch.done for batch in sent]

    assert asyncio.run(sent()) == ["outbox[1]: 2"]
