"""Brings what the population agent knows into topics under another prefix, while nothing runs.

Faust seam: none.

What must hold for it to be right: the totals are brought up to date first, with the deltas that the agent has not
counted and with those that no worker has told yet. The new topic of deltas, and the changelogs that tell them, are
others, so the new totals have counted nothing of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from streamer.engine.kafka.compacted import PARTITION, CompactedTopic, newest_values
from streamer.engine.kafka.producer import BatchProducer
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import Scanner
from streamer.engine.population.totals import TotalsTable
from streamer.engine.population.totals_mark import KEY, VERSION, TotalsMark, encode_mark
from streamer.engine.state.untold import Untold
from streamer.population.deltas import encode_key
from streamer.population.telling import Source, tell
from streamer.settings import Settings


async def carry_over(
    topics: Scanner, producer: BatchProducer, old: Settings, new: Settings, untold: Mapping[int, Untold]
) -> int:
    """Makes the new topics hold what the old ones do; returns how many totals that are. It may be done again.

    Args:
        topics: reads both deployments' topics.
        producer: writes; started.
        old: settings of the deployment as it is.
        new: as it is to be; its topics exist.
        untold: by old partition, what the population may not have been told.

    Raises:
        StateCorrupt, StateTooNew: the old totals cannot be read.
    """
    names, wanted = new.topics, await _totals(topics, old, untold)
    await producer.claim([PARTITION], (names.totals, names.snapshots, names.default_lists, names.creator_health))
    count = len(wanted)
    wanted[KEY] = encode_mark(TotalsMark(VERSION, new.group, 0, {}))
    await CompactedTopic(producer, names.totals, await newest_values(topics, names.totals)).replace(wanted)
    for there, here in zip(_announced(old), _announced(new), strict=True):
        values = await newest_values(topics, there)
        await CompactedTopic(producer, here, await newest_values(topics, here)).replace(values)
    return count


def _announced(settings: Settings) -> tuple[str, str, str]:
    names = settings.topics
    return names.snapshots, names.default_lists, names.creator_health


async def _totals(topics: Scanner, old: Settings, untold: Mapping[int, Untold]) -> dict[bytes, bytes]:
    """The totals of all that has been saved."""
    names, table = old.topics, TotalsTable()
    end = (await topics.extents(names.population, [PARTITION]))[PARTITION].end
    saved: list[Record] = []
    async for scanned in topics.scan(names.totals, {PARTITION: 0}):
        saved += scanned.records
    table.recover(saved, end)
    async for scanned in topics.scan(names.population, {PARTITION: 0}):
        table.count(scanned.records)
    for partition, ours in untold.items():
        for number, deltas in ours:
            told = tell(Source(partition, ours.lineage), number, deltas)
            records = [Record(end + at, key, value, 0) for at, (key, value) in enumerate(told)]
            table.count(records)
            end += len(records)
    totals = table.totals
    return {encode_key(of): totals.record(of) for of, _ in totals.items() if not totals.is_over(of)}
