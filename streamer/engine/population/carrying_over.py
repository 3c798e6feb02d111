"""Brings what the population agent knows into topics under another prefix, while nothing runs.

Faust seam: none.

What must hold for it to be right: every delta of the old topics is in the totals already. The new topic of deltas is
another one, so the totals are written as if they had counted nothing of it.
"""

from __future__ import annotations

from streamer.engine.kafka.compacted import PARTITION, CompactedTopic, newest_values
from streamer.engine.kafka.producer import BatchProducer
from streamer.engine.kafka.scan import Scanner
from streamer.settings import Settings


async def carry_over(topics: Scanner, producer: BatchProducer, old: Settings, new: Settings) -> int:
    """Makes the new topics hold what the old ones do; returns how many totals that are. It may be done again."""
    names = [
        (each.totals, each.snapshots, each.default_lists, each.creator_health) for each in (old.topics, new.topics)
    ]
    await producer.claim([PARTITION], names[1])
    count = 0
    for there, here in zip(*names, strict=True):
        values = await newest_values(topics, there)
        await CompactedTopic(producer, here, await newest_values(topics, here)).replace(values)
        count = count or len(values)
    return count
