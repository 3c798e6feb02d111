"""A worker's own clock is wrong: it forgets nobody, and rejects nothing that brokers have just appended."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from aiokafka.structs import RecordMetadata, TopicPartition
from faust.types import TP

from streamer.engine.kafka.identities import Identities
from streamer.engine.kafka.producer import BatchProducer, NewRecord
from streamer.engine.kafka.records import Batch, Record
from streamer.engine.kafka.sender import Sender
from streamer.engine.kafka.transport import BatchConsumer
from streamer.engine.metrics import Metrics
from streamer.engine.partition.assigned import AssignedPartition
from streamer.engine.partition.processor import PartitionProcessor
from streamer.engine.state.store import MemoryStore
from streamer.engine.trusted_clock import TrustedClock
from streamer.engine.worker import Engine
from streamer.events import DAY_MS, Dislike, encode
from streamer.profile import Rules
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker, MemoryProducer
from tests.unit.engine.test_batch_producer import Waiting

NOW = 20_400 * DAY_MS
YEAR = 365 * DAY_MS
MINUTE = 60_000


class Wall:
    """A clock that somebody sets."""

    now_ms = NOW

    def __call__(self) -> int:
        return self.now_ms


class Consumer:
    """Has nothing more at the broker, as the fetch thread says by the same clock."""

    together: frozenset[str] = frozenset()

    def __init__(self, wall: Wall) -> None:
        self._wall = wall

    def caught_up(self, _tp: TP) -> int:
        return self._wall.now_ms

    def saved(self, tp: TP, offset: int) -> None: ...

    def fetched(self, tp: TP) -> None: ...


def engine_of(wall: Wall, settings: Settings) -> Engine:
    async def crash(error: BaseException) -> None:
        raise error

    engine = Engine(settings, Metrics(), crash, wall)
    engine._producer = MemoryProducer(MemoryBroker())
    engine._join(cast(BatchConsumer, Consumer(wall)))
    return engine


def block(ts: int) -> bytes:
    return encode(Dislike(user_id="u", ts=ts, action="block", scope="creator", creator_id="k"))


@pytest.mark.parametrize("told", [False, True], ids=["brokers say nothing", "brokers say when"])
def test_one_tick_of_a_wall_clock_in_2040_forgets_nobody(told: bool) -> None:
    async def run() -> None:
        wall = Wall()
        engine = engine_of(wall, Settings(partitions=1))
        store, partition = MemoryStore(), AssignedPartition(0, engine._ensure())
        partition.recovered(store, 100)
        engine._assigned = {0: partition}
        partition.receive("dislikes", Batch([Record(0, b"u", block(NOW), NOW)]))
        await partition.slice()
        await partition.checkpoint()
        assert list(store) == ["u"]
        if told:
            engine._clock.heard(NOW)
        wall.now_ms = NOW + 15 * YEAR
        engine.tick()
        await partition.slice()
        await partition.checkpoint()
        assert list(store) == ["u"]
        assert store.mark is not None and store.mark.watermark < NOW + MINUTE
        off_s = engine._metrics.registry.get_sample_value("streamer_clock_off_seconds")
        assert off_s == pytest.approx(15 * YEAR / 1000, abs=60)

    asyncio.run(run())


def test_a_wall_clock_ten_minutes_slow_rejects_no_live_block() -> None:
    """The broker does not say when it appended it (CreateTime), but when it appended a claim, just now."""
    settings, wall = Settings(max_future=300), Wall()
    wall.now_ms = NOW - 10 * MINUTE
    clock = engine_of(wall, settings)._clock
    clock.heard(NOW)
    processor = PartitionProcessor(0, settings, Rules(settings), MemoryStore(), 100)
    processor.receive("dislikes", [Record(0, b"u", block(NOW), -1)], clock.latest())
    out = processor.process(clock(), dict.fromkeys(("impressions", "plays", "dislikes", "feedback", "erasures")), 100)
    assert out.rejects == []


def test_what_partitions_share_is_the_worker_s_clock() -> None:
    engine = engine_of(Wall(), Settings())
    assert engine._ensure().now_ms is engine._clock
    assert isinstance(engine._clock, TrustedClock)


class Acking(Waiting):
    """Acks at once, with a timestamp of its own or without."""

    def __init__(self, timestamp_ms: int, timestamp_type: int) -> None:
        self._timestamp = timestamp_ms, timestamp_type

    async def send_batch(self, batch: object, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:  # type: ignore[override]
        done: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        tp = TopicPartition(topic, partition)
        done.set_result(RecordMetadata(topic, partition, tp, 0, *self._timestamp, 0))
        return done

    def create_batch(self) -> object:
        return Waiting.create_batch(Waiting())


@pytest.mark.parametrize(
    ("timestamp_ms", "timestamp_type", "heard"),
    [(NOW, 1, [NOW]), (NOW, 0, []), (0, 1, [])],
    ids=["by the broker", "by us", "the embedded broker, which knows no time"],
)
def test_an_ack_by_which_a_broker_dates_what_it_appended_is_heard(
    timestamp_ms: int, timestamp_type: int, heard: list[int]
) -> None:
    found: list[int] = []

    async def run() -> None:
        producer = BatchProducer(Settings(), found.append)
        producer._outputs = Sender(Acking(timestamp_ms, timestamp_type), Identities(0))
        for sent in await producer.send("outbox", 0, [[NewRecord(b"ann", b"1")]]):
            await sent.done
        await asyncio.sleep(0)

    asyncio.run(run())
    assert found == heard
