"""What the population agent knows is brought to other topics, where it counts from the beginning."""

from __future__ import annotations

import asyncio

from streamer.engine.kafka.compacted import newest_values
from streamer.engine.kafka.producer import BatchProducer, NewRecord
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import scanner
from streamer.engine.population.carrying_over import carry_over
from streamer.engine.population.totals import TotalsTable
from streamer.settings import Settings

COUNTED_TO = ("a", (7).to_bytes(8))


async def _carried(old: Settings, new: Settings, times: int) -> tuple[int, dict[str, dict[bytes, bytes]], list[Record]]:
    producer = BatchProducer(new)
    await producer.start()
    kept = (old.topics.totals, old.topics.snapshots, old.topics.default_lists, old.topics.creator_health)
    for topic in kept:
        records = [NewRecord(b"k", b"1", [COUNTED_TO]), NewRecord(b"gone", b"2"), NewRecord(b"gone", None)]
        for sent in await producer.send(topic, 0, [[record] for record in records]):
            await sent.end()
    async with scanner(new, "figures") as topics:
        for _ in range(times):
            count = await carry_over(topics, producer, old, new)
        names = (new.topics.totals, new.topics.snapshots, new.topics.default_lists, new.topics.creator_health)
        found = {name: await newest_values(topics, name) for name in names}
        totals = [record async for scanned in topics.scan(new.topics.totals, {0: 0}) for record in scanned.records]
    await producer.close()
    return count, found, totals


def test_figures_and_totals_are_carried_over_and_counted_from_the_beginning(settings: Settings) -> None:
    old = settings.model_copy(update={"topic_prefix": settings.topic_prefix + "old-", "population": True})
    new = settings.model_copy(update={"topic_prefix": settings.topic_prefix + "new-", "population": True})
    count, found, totals = asyncio.run(_carried(old, new, times=2))
    assert count == 1
    assert list(found.values()) == [{b"k": b"1"}] * 4
    assert [record.headers for record in totals if record.key == b"k"] == [()]
    table = TotalsTable()
    table.recover(totals, deltas_end=0)
    table.count([Record(0, b"k", b"x", 0)])
    assert table.next_offset == 1
