"""What has arrived of one topic of a partition, decoded, and not yet processed.

Faust seam: none; no I/O.

What must hold for it to be right: records arrive in offset order (those received before, as after a seek back, are
passed over), and leave from the front only; whoever takes some says so (:meth:`Inbox.taken`).
"""

from __future__ import annotations

import traceback
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from streamer.engine.kafka.records import Record
from streamer.engine.partition.watermark import Lane
from streamer.engine.partition.work import Reject
from streamer.errors import InvalidEvent
from streamer.events import LEAST_TS_MS, Erasure, Event, EventDecoder, Watermark

Arrival: TypeAlias = "tuple[int, Event | Erasure | Watermark, Record, Inbox]"
"""A decoded record that waits: event time (ms; not past when the broker appended it), what it says, the record, and its
inbox."""


_DETAIL: Final = 8_000


class Inbox:
    """One topic's records.

    Args:
        name: the topic without prefix.
        topic: its full name.
        partition: which of its partitions.
        lane: its place in the partition's clock.
        decoder: for its records.

    Attributes:
        waiting: what is not processed yet.
        received_to: offset of the last record received; -1: none.
        size: bytes of what waits, or more: what was received together counts until all of it is taken.
    """

    __slots__ = ("_decoder", "_partition", "_sizes", "lane", "name", "received_to", "size", "topic", "waiting")

    def __init__(self, name: str, topic: str, partition: int, lane: Lane, decoder: EventDecoder) -> None:
        self.name = name
        self.topic = topic
        self.lane = lane
        self.waiting: deque[Arrival] = deque()
        self.received_to = -1
        self.size = 0
        self._sizes: deque[tuple[int, int]] = deque()
        self._partition = partition
        self._decoder = decoder

    @property
    def processed_to(self) -> int:
        """Offset of the last record with nothing unprocessed before it; -1: none."""
        return self.waiting[0][2].offset - 1 if self.waiting else self.received_to

    def receive(self, records: Iterable[Record], now_ms: int) -> list[Reject]:
        """Takes records; returns those that are no events.

        Args:
            records: in offset order.
            now_ms: the wall clock, for events from the future; when the broker appended a record counts instead, if it
                says so: in a backlog that was long ago, and this worker's clock may be wrong.
        """
        rejects, size = [], 0
        decode, append = self._decoder.decode, self.waiting.append
        received_to, buffered_to = self.received_to, self.lane.buffered_to
        for record in records:
            if record.offset <= received_to:
                continue
            received_to = record.offset
            try:
                value = record.value
                event = decode(record.key, value, record.timestamp if record.appended else now_ms)
            except InvalidEvent as error:
                rejects.append(Reject(self.topic, self._partition, record, error.code, error.detail))
                continue
            except Exception:  # noqa: BLE001 - whatever a record makes raise must not stop the others (I9)
                rejects.append(Reject(self.topic, self._partition, record, "poison", traceback.format_exc()[-_DETAIL:]))
                continue
            if isinstance(event, Watermark):
                ts = event.watermark
            else:
                ts = event.ts
                if LEAST_TS_MS <= record.timestamp < ts:
                    ts = record.timestamp
            append((ts, event, record, self))
            size += len(value or b"")
            if ts > buffered_to:
                buffered_to = ts
        self.received_to, self.lane.buffered_to = received_to, buffered_to
        self.lane.waiting = len(self.waiting)
        if size:
            self.size += size
            self._sizes.append((received_to, size))
        return rejects

    def taken(self) -> None:
        """Something has left: ``size`` and the lane follow."""
        self.lane.waiting, done = len(self.waiting), self.processed_to
        while self._sizes and self._sizes[0][0] <= done:
            self.size -= self._sizes.popleft()[1]


class Buffer(NamedTuple):
    """How much may wait in an inbox: events, and their bytes."""

    events: int
    size: int

    def is_exceeded(self, inbox: Inbox) -> bool:
        """More than that waits."""
        return len(inbox.waiting) > self.events or inbox.size > self.size


def slice_end(inboxes: Sequence[Inbox], aligned_to: int, limit: int) -> int:
    """T, or about the time at which a slice is full, if more than that waits up to T: one time for all topics.

    Else the topic taken first would fill a slice alone, and a session be gone through again for each of the others.

    Args:
        inboxes: of all source topics.
        aligned_to: T, ms.
        limit: most events of a slice.
    """
    if sum(len(inbox.waiting) for inbox in inboxes) <= limit:
        return aligned_to
    waiting = [(inbox.waiting, bisect_right(inbox.waiting, aligned_to, key=_ts_of)) for inbox in inboxes]
    total = sum(count for _, count in waiting)
    if total <= limit:
        return aligned_to
    end = min(lane[count * limit // total][0] for lane, count in waiting if count)
    return max(end, min(lane[0][0] for lane, count in waiting if count))  # out of order or not, one can be taken


_ts_of: Final[Callable[[Arrival], int]] = itemgetter(0)
