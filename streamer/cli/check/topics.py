"""What ``streamer check`` reads in Kafka's topics: whose the state is, and what was rejected of late."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from streamer.events import DAY_MS, REJECT_CODES

if TYPE_CHECKING:
    from streamer.engine.kafka.records import Record
    from streamer.engine.state.store import Mark
    from streamer.settings import Settings

_TAIL: Final = 1_000
"""Rejects looked at, over all partitions."""
_MISPLACED: Final = ("wrong_partition", "missing_key")


def state(settings: Settings) -> tuple[bool, str]:
    """Whether the state is this deployment's, and whose it is or what to do.

    Raises:
        BrokerUnavailable: the broker does not let it be read.
        StateCorrupt, StateTooNew: a mark cannot be read.
    """
    from streamer.engine.kafka.scan import scanner
    from streamer.engine.state.ownership import hold_to, newest_marks
    from streamer.errors import StateForeign

    async def read() -> dict[int, Mark]:
        async with scanner(settings, "the state's marks") as topics:
            return await newest_marks(topics, settings.topics.state, range(settings.partitions))

    marks = asyncio.run(read())
    try:
        hold_to(settings, marks.values())
    except StateForeign as error:
        return False, str(error)
    if not marks:
        return True, "none yet"
    groups = sorted({mark.group for mark in marks.values() if mark.group})
    owner = f"belongs to group {', '.join(groups)}" if groups else "does not say whose it is yet"
    return True, f"{owner}; saved in {len(marks)} of {settings.partitions} partitions"


def rejects(settings: Settings, now_ms: int) -> tuple[bool, str]:
    """Whether no record stood in a wrong partition in the day before ``now_ms``, and what was rejected then.

    Raises:
        BrokerUnavailable: the broker does not let it be read.
    """
    from streamer.producing.connection import connect

    topic = settings.topics.rejects
    with connect(settings) as cluster:
        partitions = cluster.partitions([topic])[topic]  # it may have others than the topics keyed by user
    records = asyncio.run(_newest_rejects(settings, topic, partitions))
    recent = [record for record in records if record.timestamp > now_ms - DAY_MS]
    known = {code.encode(): code for code in REJECT_CODES}
    codes = Counter(
        known.get(value, "unknown") for record in recent for name, value in record.headers if name == "code"
    )
    if not codes:
        return True, "none in the last day"
    counted = ", ".join(f"{count} {code}" for code, count in codes.most_common())
    at_least = "at least " if len(recent) == len(records) >= _TAIL else ""
    text = f"{at_least}{counted} in the last day (topic {topic})"
    if not any(code in codes for code in _MISPLACED):
        return True, text
    return False, (
        f"{text}: those records were not counted, as they do not stand in their users' partition. Key every record by "
        f"user_id, and let all producers choose partitions by partitioner={settings.partitioner}, or set partitioner "
        "to what they all use (murmur2: Java, kafkajs, librdkafka with murmur2_random; crc32: librdkafka's default)"
    )


async def _newest_rejects(settings: Settings, topic: str, partitions: int) -> list[Record]:
    from streamer.engine.kafka.scan import scanner

    async with scanner(settings, "what was rejected") as topics:
        extents = await topics.extents(topic, range(partitions))
        each = -(-_TAIL // len(extents))
        begin = {partition: max(extent.first, extent.end - each) for partition, extent in extents.items()}
        return [record async for scanned in topics.scan(topic, begin) for record in scanned.records]
