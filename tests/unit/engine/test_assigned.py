"""A partition from its assignment on: what is held while it recovers, and what may be done once it has gone."""

from __future__ import annotations

import asyncio

import pytest
from faust.types import TP

from streamer.engine.kafka.records import Batch, Record
from streamer.engine.metrics import Metrics
from streamer.engine.partition.assigned import AssignedPartition, WorkerContext
from streamer.engine.partition.output import OutputWriter
from streamer.engine.state.store import MemoryStore
from streamer.events import DAY_MS, Impression, encode
from streamer.profile import Rules
from streamer.settings import Settings

NOW = 20_400 * DAY_MS


class Touched(Exception):
    """Something was written, read or said of a partition that is no longer ours."""


class Untouchable:
    def __getattr__(self, name: str) -> object:
        raise Touched(name)


def test_a_partition_that_has_gone_is_neither_processed_nor_saved_nor_written_again() -> None:
    settings = Settings()
    never = Untouchable()
    context = WorkerContext(settings, Rules(settings), Metrics(), never, never, never, never, never, *[lambda: 0] * 2)  # type: ignore[arg-type]
    assigned = AssignedPartition(0, context)
    assigned.recovered(MemoryStore(), 100)

    async def late() -> None:
        await assigned.checkpoint()
        await assigned.rewrite(7)
        await assigned.slice()

    with pytest.raises(Touched):
        asyncio.run(late())
    assigned.close()
    asyncio.run(late())


class Consumer:
    """Knows what is held, and that nothing is at the broker which was not delivered."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    def hold(self, tp: TP) -> None:
        self.held.add(tp.topic)

    def release(self, tp: TP) -> None:
        self.held.discard(tp.topic)

    def caught_up(self, _tp: TP) -> int:
        return NOW


def test_what_was_held_during_recovery_is_fetched_again_afterwards_erasures_too() -> None:
    settings, consumer, never = Settings(buffer_events=100, partitions=1), Consumer(), Untouchable()
    output = OutputWriter(never, settings.topics, Metrics())  # type: ignore[arg-type]
    context = WorkerContext(
        settings, Rules(settings), Metrics(), never, never, output, never, consumer, *[lambda: NOW] * 2
    )  # type: ignore[arg-type]
    assigned = AssignedPartition(0, context)
    event = encode(Impression(user_id="u", ts=NOW - 1000, content_id="c"))
    assigned.receive("impressions", Batch(Record(offset, b"u", event, NOW) for offset in range(101)))
    assert consumer.held == {*settings.topics.sources, settings.topics.erasures}
    assigned.recovered(MemoryStore(), 100)
    asyncio.run(assigned.slice())
    assert not consumer.held
