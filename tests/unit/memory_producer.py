"""A producer whose topics are lists, and whose broker can be away."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from aiokafka.structs import RecordMetadata, TopicPartition

from streamer.engine.kafka.producer import BatchProducer, NewRecord, Sent
from streamer.engine.kafka.records import Record


class MemoryProducer(BatchProducer):
    """Acks what it is sent at once, or, told to `fail`, never takes it."""

    def __init__(self) -> None:
        self.logs: defaultdict[str, list[Record]] = defaultdict(list)
        self.fail: Exception | None = None

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        await asyncio.sleep(0)
        if self.fail is not None:
            raise self.fail
        log = self.logs[topic]
        first = len(log)
        for group in groups:
            for key, value, headers in group:
                log.append(Record(len(log), key, value, 0, tuple(headers)))
        done: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        done.set_result(RecordMetadata(topic, partition, TopicPartition(topic, partition), first, 0, 0, 0))
        return [Sent(done, len(log) - first)] if len(log) > first else []
