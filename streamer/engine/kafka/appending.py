"""Appends groups of records and waits for the broker; a group that its topic does not take, for its size, stops nobody.

Faust seam: none.

What must hold for it to be right: a broker refuses a batch as a whole, and of what else is in it nothing is there then;
so each group of such a batch is sent again by itself, after batches that were sent behind it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from streamer.engine.kafka.identities import TOO_LARGE
from streamer.engine.kafka.ports import Producer
from streamer.engine.kafka.producer import NewRecord
from streamer.engine.metrics import Metrics

log: Final = logging.getLogger(__name__)


async def append(
    producer: Producer,
    topic: str,
    partition: int,
    groups: Sequence[Sequence[NewRecord]],
    cap: str,
    metrics: Metrics | None = None,
) -> list[int | None]:
    """Returns of each group the offset after it, or None: the topic does not take it, which is told and counted.

    Args:
        producer: that sends them.
        topic: where to.
        partition: likewise.
        groups: of records, each appended whole or not at all.
        cap: what ``streamer_dropped_evidence_total`` calls what is not taken.
        metrics: where it is counted.
    """
    ends: list[int | None] = []
    for sent in await producer.send(topic, partition, groups):
        first, left = len(ends), sent.size
        batch: list[Sequence[NewRecord]] = []
        while left:
            batch.append(groups[first + len(batch)])
            left -= len(batch[-1])
        try:
            end = await sent.end()
        except TOO_LARGE:
            if len(batch) == 1:
                _tell(topic, partition, batch[0], cap, metrics)
                ends.append(None)
            for group in batch if len(batch) > 1 else ():
                ends += await append(producer, topic, partition, [group], cap, metrics)
            continue
        end -= sent.size
        for group in batch:
            end += len(group)
            ends.append(end)
    return ends


def _tell(topic: str, partition: int, group: Sequence[NewRecord], cap: str, metrics: Metrics | None) -> None:
    size = sum(len(entry.key or b"") + len(entry.value or b"") for entry in group)
    log.error("%s[%d] does not take %d bytes of %r: raise its max.message.bytes", topic, partition, size, group[-1].key)
    if metrics is not None:
        metrics.dropped.labels(cap).inc()
