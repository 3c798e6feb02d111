"""What the population agent knows is brought to other topics, where it counts from the beginning."""

from __future__ import annotations

import asyncio

from streamer.engine.kafka.compacted import newest_values
from streamer.engine.kafka.producer import BatchProducer, NewRecord
from streamer.engine.kafka.scan import scanner
from streamer.engine.population.carrying_over import carry_over
from streamer.engine.population.totals import TotalsTable
from streamer.engine.state.untold import Untold
from streamer.population import Deltas, Key
from streamer.population.sums import TagSums
from streamer.population.telling import Source, tell
from streamer.population.user_delta import UserDelta
from streamer.settings import Settings

GORE, NEWS = Key("tag", "gore"), Key("tag", "news")
CHANGELOG = Source(1, "one")


def _told(number: int, *keys: Key) -> list[NewRecord]:
    """What a checkpoint of a user who has these tags tells."""
    deltas = Deltas()
    for key in keys:
        deltas.add(key, TagSums(users=1))
    return [NewRecord(key, value) for key, value in tell(CHANGELOG, number, deltas)]


async def _send(producer: BatchProducer, topic: str, records: list[NewRecord]) -> None:
    for sent in await producer.send(topic, 0, [[record] for record in records]):
        await sent.end()


async def _carried(old: Settings, new: Settings, untold: Untold, times: int) -> tuple[int, TotalsTable, list[object]]:
    producer = BatchProducer(new)
    await producer.start()
    await _send(producer, old.topics.population, _told(1, GORE) + _told(2, GORE, NEWS))
    async with scanner(new, "figures") as topics:
        agent = TotalsTable(old.group)
        async for scanned in topics.scan(old.topics.population, {0: 0}):
            agent.count(scanned.records[:1])  # it has been stopped before the second
        for records in agent.take_changes():
            await _send(producer, old.topics.totals, records)
        figures = (old.topics.snapshots, old.topics.default_lists, old.topics.creator_health)
        for topic in figures:
            await _send(producer, topic, [NewRecord(b"k", b"1"), NewRecord(b"gone", b"2"), NewRecord(b"gone", None)])
        for _ in range(times):
            count = await carry_over(topics, producer, old, new, {1: untold})
        names = (new.topics.snapshots, new.topics.default_lists, new.topics.creator_health)
        found: list[object] = [await newest_values(topics, name) for name in names]
        table = TotalsTable(new.group)
        table.recover([r async for scanned in topics.scan(new.topics.totals, {0: 0}) for r in scanned.records], 0)
    await producer.close()
    return count, table, found


def test_totals_are_carried_over_with_what_was_not_counted_or_told_yet(settings: Settings) -> None:
    old = settings.model_copy(update={"topic_prefix": settings.topic_prefix + "old-", "population": True})
    new = settings.model_copy(update={"topic_prefix": settings.topic_prefix + "new-", "population": True})
    untold = Untold()
    untold.lineage, untold.told = CHANGELOG.lineage, 1
    untold.save({"ann": UserDelta(first=["gore", "news"])}, [])  # 2: told, and the worker crashed before it knew
    untold.save({"bob": UserDelta(first=["news"])}, [])
    count, table, found = asyncio.run(_carried(old, new, untold, times=2))
    assert count == 2
    assert {key.value: sums.users for key, sums in table.totals.items() if isinstance(sums, TagSums)} == {
        "gore": 2,
        "news": 2,
    }
    assert found == [{b"k": b"1"}] * 3
    assert table.mark is not None
    assert (table.mark.group, table.mark.deltas_end, table.mark.counted) == (new.group, 0, {})
