"""Kafka as the job sees it, in memory: topics of one partition, and the three ports on them.

Stricter than Kafka where that finds mistakes: every group is a batch of its own, nothing that is sent arrives before
somebody waits for it (so whoever does not wait loses it in a crash), and what may be committed is committed at once.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping, Sequence
from typing import Self

from faust.types import TP

from streamer.engine.kafka.producer import NewRecord, Sent
from streamer.engine.kafka.records import Batch, Fetched, Record
from streamer.engine.kafka.scan import Extent, Scanned

PARTITION = 0


class MemoryBroker:
    """What outlives a worker. Topics exist as soon as they are named.

    Attributes:
        logs: by topic, every record it ever had; a record's offset is its place.
        begins: by topic, the offset before which its records are deleted.
        committed: by topic, the offset that the worker's group goes on from.
        on_write: called whenever something has arrived, with the name of the topic, ``commit`` or ``truncation``.
    """

    def __init__(self) -> None:
        self.logs: defaultdict[str, list[Record]] = defaultdict(list)
        self.begins: defaultdict[str, int] = defaultdict(int)
        self.committed: defaultdict[str, int] = defaultdict(int)
        self.on_write: Callable[[str], None] = lambda _: None
        self._under_way: defaultdict[str, deque[UnderWay]] = defaultdict(deque)

    def append(self, topic: str, entries: Iterable[NewRecord]) -> None:
        """Takes a batch."""
        log = self.logs[topic]
        for key, value, headers in entries:
            log.append(Record(len(log), key, value, 0, tuple(headers)))
        self.on_write(topic)

    def delete_before(self, topic: str, offset: int) -> None:
        """Deletes a topic's records before an offset."""
        if offset > self.begins[topic]:
            self.begins[topic] = offset
            self.on_write("truncation")

    def commit(self, topic: str, offset: int) -> None:
        """Takes a commit of the worker's group."""
        self.committed[topic] = offset
        self.on_write("commit")

    # --- what is under way ----------------------------------------------------------------------------------

    def send(self, topic: str, entries: Sequence[NewRecord]) -> UnderWay:
        """A batch is on its way."""
        batch = UnderWay(self, topic, entries)
        self._under_way[topic].append(batch)
        return batch

    def under_way(self) -> dict[str, int]:
        """By topic, how many batches have not arrived."""
        return {topic: len(batches) for topic, batches in self._under_way.items() if batches}

    def arrive(self, topic: str) -> None:
        """The next batch of a topic arrives."""
        batch = self._under_way[topic].popleft()
        batch.offset = len(self.logs[topic])
        self.append(topic, batch.entries)

    def lose(self) -> None:
        """What is under way never arrives: its sender is gone."""
        self._under_way.clear()


class UnderWay:
    """A batch under way. It arrives when it is waited for, after all sent to its topic before it.

    Attributes:
        entries: its records.
        offset: of the first of them at the broker; None: not there yet.
    """

    def __init__(self, broker: MemoryBroker, topic: str, entries: Sequence[NewRecord]) -> None:
        self.entries = entries
        self.offset: int | None = None
        self._broker = broker
        self._topic = topic

    def __await__(self) -> Generator[None, None, Self]:
        yield  # whoever waits for a broker lets others have their turn
        while self.offset is None:
            self._broker.arrive(self._topic)
        return self


class MemoryProducer:
    """Appends to a broker in memory. See ``engine/kafka/ports.py``, as of the next two."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        """Sends each group as a batch of its own."""
        await asyncio.sleep(0)
        return [Sent(self._broker.send(topic, group), len(group)) for group in groups if group]

    async def partitions(self, _topic: str) -> int:
        """One."""
        return 1


class MemoryScanner:
    """Reads topics of a broker in memory."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    async def extents(self, topic: str, partitions: Iterable[int]) -> dict[int, Extent]:
        """What there is."""
        broker = self._broker
        return {partition: Extent(broker.begins[topic], len(broker.logs[topic])) for partition in partitions}

    async def scan(self, topic: str, begin: Mapping[int, int]) -> AsyncIterator[Scanned]:
        """All records from there on, at one go."""
        for partition, extent in (await self.extents(topic, begin)).items():
            records = self._broker.logs[topic][extent.begin(begin[partition]) :]
            if records:
                yield Scanned(partition, records, len(records), len(records))


class MemoryConsumer:
    """Fetches and commits topics of a broker in memory.

    Attributes:
        position: by topic, the offset of the next record to fetch.
    """

    def __init__(self, broker: MemoryBroker, now_ms: Callable[[], int]) -> None:
        self.position = defaultdict(int, broker.committed)
        self._broker = broker
        self._now_ms = now_ms
        self._held: set[str] = set()

    def fetch(self, topic: str, most: int) -> Batch:
        """The next records of a topic; none while it is held."""
        at = self.position[topic]
        batch = Batch(() if topic in self._held else self._broker.logs[topic][at : at + most])
        self.position[topic] += len(batch)
        return batch

    def hold(self, tp: TP) -> None:
        """Stops fetching a topic."""
        self._held.add(tp.topic)

    def release(self, tp: TP) -> None:
        """Fetches it again."""
        self._held.discard(tp.topic)

    def fetched(self, tp: TP) -> Fetched:
        """How far it is read: the broker is always being asked."""
        return Fetched(self.position[tp.topic], len(self._broker.logs[tp.topic]), self._now_ms())

    def caught_up(self, tp: TP) -> int | None:
        """Now, if it is read to its end."""
        position, end, now_ms = self.fetched(tp)
        return now_ms if position == end else None

    def saved(self, tp: TP, offset: int) -> None:
        """Commits it at once: sooner than this Faust could not."""
        if offset > self._broker.committed[tp.topic]:
            self._broker.commit(tp.topic, offset)
