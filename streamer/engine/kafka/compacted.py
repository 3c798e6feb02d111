"""A small compacted topic of one partition, mirrored in memory by the one process that writes it.

Faust seam: none. Replaces ``faust.Table``/``GlobalTable`` where the whole content is formed anew every time: only what
differs from what the topic holds is written.

What must hold for it to be right: the process has claimed the partition (``engine/kafka/producer.py``), so nobody else
writes to it; a value counts as held only once the broker has acked it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streamer.engine.kafka.appending import append
from streamer.engine.kafka.ports import Producer, Reader
from streamer.engine.kafka.producer import NewRecord
from streamer.events import CLAIM

PARTITION: Final = 0
_CLAIM_KEY: Final = CLAIM.encode()


async def newest_values(topics: Reader, topic: str) -> dict[bytes, bytes]:
    """The newest value of every key that a topic of one partition has; keys that are no text are a stranger's."""
    found: dict[bytes, bytes] = {}
    async for scanned in topics.scan(topic, {PARTITION: 0}):
        for record in scanned.records:
            if record.key is None or record.key == _CLAIM_KEY or not _is_text(record.key):
                continue
            if record.value is None:
                found.pop(record.key, None)
            else:
                found[record.key] = record.value
    return found


def _is_text(key: bytes) -> bool:
    try:
        key.decode()
    except UnicodeDecodeError:
        return False
    return True


class CompactedTopic:
    """Writes a topic whose whole content is given every time.

    Attributes:
        held: what the topic has, by key.
    """

    def __init__(self, producer: Producer, topic: str, held: dict[bytes, bytes]) -> None:
        self._producer = producer
        self._topic = topic
        self.held = held

    async def replace(self, wanted: Mapping[bytes, bytes]) -> int:
        """Makes the topic hold exactly this, waits for the broker, and returns how many records that took.

        Raises:
            ProducerFenced: another process has claimed the partition since.
        """
        entries = [NewRecord(key, value) for key, value in wanted.items() if self.held.get(key) != value]
        entries += [NewRecord(key, None) for key in self.held if key not in wanted]
        ends = await append(self._producer, self._topic, PARTITION, [[entry] for entry in entries], "figure_bytes")
        taken = [entry for entry, end in zip(entries, ends, strict=True) if end is not None]
        refused = {entry.key for entry, end in zip(entries, ends, strict=True) if end is None}
        self.held = {key: value for key, value in wanted.items() if key not in refused}
        return len(taken)
