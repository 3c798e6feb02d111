"""Kafka, simulated: topics of one partition, on which a schedule decides what arrives when.

As in Kafka, a batch arrives whole or not at all and those of one producer and topic in order; a topic refuses batches
of an older claim than the newest it has one of; commits of an older generation of the group are refused. Stricter than
Kafka, every group is a batch of its own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping, Sequence
from typing import Final, Self

from aiokafka.errors import ProducerFenced
from faust.types import TP

from streamer.engine.kafka.producer import NewRecord, Sent
from streamer.engine.kafka.records import Batch, Fetched, Record
from streamer.engine.kafka.scan import Extent, Scanned

WAITS: Final = object()
"""What a coroutine gives up its turn with when it waits for the broker; at other times it keeps it."""


class Pause:
    """Waits for one turn."""

    def __await__(self) -> Generator[object, None, None]:
        yield WAITS


class Log:
    """One topic.

    Attributes:
        records: those that are left, in offset order.
        begin: offset before which all are deleted.
        end: offset after the last.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.begin = 0
        self.end = 0

    def read(self, begin: int, most: int = 1 << 60) -> list[Record]:
        """Records from an offset on."""
        at = bisect_left(self.records, max(begin, self.begin), key=lambda record: record.offset)
        return self.records[at : at + most]

    def newest(self) -> dict[bytes | None, Record]:
        """The last record of each key."""
        return {record.key: record for record in self.records}

    def compact(self) -> None:
        """Only the last record of each key is left; tombstones stay."""
        self.records = sorted(self.newest().values())

    def remake(self) -> None:
        """The topic is deleted, and made anew under its name."""
        self.records = []
        self.begin = self.end = 0

    def delete_before(self, offset: int) -> None:
        """Deletes records before an offset."""
        self.begin = max(self.begin, min(offset, self.end))
        self.records = self.read(self.begin)


class Broker:
    """What outlives workers.

    Args:
        appends_time: records carry the time of their arrival (LogAppendTime), else that of their sender.

    Attributes:
        now_ms: the true time, which is the broker's, ms since 1970.
        fencing: batches of older claims are refused; off: a broken Kafka.
        committed: by topic, where the workers' group goes on from.
        generation: of that group.
        epoch: of the newest claim that anybody was given.
        told: takes a line of the trace.
    """

    def __init__(self, now_ms: int, *, appends_time: bool) -> None:
        self.logs: defaultdict[str, Log] = defaultdict(Log)
        self.now_ms = now_ms
        self.fencing = True
        self.committed: Counter[str] = Counter()
        self.generation = 0
        self.epoch = 0
        self.told: Callable[[str], None] = lambda _: None
        self._appends_time = appends_time
        self._newest_epoch: Counter[str] = Counter()

    def append(self, topic: str, entries: Iterable[NewRecord], timestamp: int | None = None) -> int:
        """Takes a batch; returns its first offset.

        Args:
            timestamp: the sender's, ms since 1970; None: it gives none.
        """
        log = self.logs[topic]
        first = log.end
        by_broker = self._appends_time or timestamp is None
        at = self.now_ms if by_broker or timestamp is None else timestamp
        for key, value, headers in entries:
            log.records.append(Record(log.end, key, value, at, tuple(headers), by_broker))
            log.end += 1
        return first

    def remake(self, topic: str) -> None:
        """Makes a topic anew; who has claimed it until now may not write to it any more."""
        self.logs[topic].remake()
        self._newest_epoch[topic] = self.epoch + 1

    def accepts(self, topic: str, epoch: int) -> bool:
        """Whether a batch of this claim is taken."""
        if epoch < self._newest_epoch[topic]:
            return not self.fencing
        self._newest_epoch[topic] = epoch
        return True


class UnderWay:
    """A batch on its way, which arrives at the latest when it has been waited for.

    Attributes:
        offset: of its first record; None: it is not there.
        refused: its claim is outdated.
    """

    def __init__(self, arrive: Callable[[], None], entries: Sequence[NewRecord]) -> None:
        self.entries = entries
        self.offset: int | None = None
        self.refused = False
        self._arrive = arrive

    def __await__(self) -> Generator[object, None, Self]:
        yield WAITS
        while self.offset is None and not self.refused:
            self._arrive()
        if self.refused:
            raise ProducerFenced
        return self


class Producer:
    """Sends batches in the name of a claim; see ``engine/kafka/ports.py``, as of the next two.

    Args:
        claimed: the topics that only its owner may write to.
        heard: told of every ack, with the broker's time.
    """

    def __init__(self, broker: Broker, claimed: Sequence[str], heard: Callable[[int], None]) -> None:
        self.epoch = 0
        self._broker = broker
        self._claimed = claimed
        self._heard = heard
        self._queues: defaultdict[str, deque[UnderWay]] = defaultdict(deque)

    async def claim(self) -> None:
        """Makes this the only producer that may write, as ``BatchProducer.claim``."""
        await Pause()
        self._broker.epoch += 1
        self.epoch = self._broker.epoch
        for topic in self._claimed:
            for sent in await self.send(topic, 0, [[NewRecord(b"~claim", None)]]):
                await sent.done

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        """Sends each group as a batch of its own."""
        await Pause()
        sent = []
        for group in groups:
            batch = UnderWay(lambda: self.arrive(topic), group)
            self._queues[topic].append(batch)
            sent.append(Sent(batch, len(group)))
        return sent

    async def partitions(self, _topic: str) -> int:
        """One."""
        return 1

    def under_way(self) -> list[str]:
        """The topics that something is under way to."""
        return [topic for topic, queue in self._queues.items() if queue]

    def arrive(self, topic: str) -> None:
        """The next batch of a topic arrives, or is refused."""
        batch = self._queues[topic].popleft()
        if topic in self._claimed and not self._broker.accepts(topic, self.epoch):
            batch.refused = True
            self._broker.told(f"      {topic} refuses a batch of claim {self.epoch}")
            return
        batch.offset = self._broker.append(topic, batch.entries)
        self._heard(self._broker.now_ms)
        keys = ", ".join(_word(key) + ("" if value is not None else " (none)") for key, value, _ in batch.entries)
        self._broker.told(f"      {topic}[{batch.offset}] of claim {self.epoch}: {keys}")


class Scanner:
    """Reads topics to their ends, record by record where a schedule wants it to stop."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def extents(self, topic: str, partitions: Iterable[int]) -> dict[int, Extent]:
        """What there is."""
        await Pause()
        log = self._broker.logs[topic]
        return {partition: Extent(log.begin, log.end) for partition in partitions}

    async def scan(self, topic: str, begin: Mapping[int, int]) -> AsyncIterator[Scanned]:
        """All records that there are now from there on, some at a time."""
        for partition, extent in (await self.extents(topic, begin)).items():
            records = [
                r for r in self._broker.logs[topic].read(extent.begin(begin[partition])) if r.offset < extent.end
            ]
            for at in range(0, len(records), 8):
                yield Scanned(partition, records[at : at + 8], at, len(records))
                await Pause()


class Consumer:
    """Fetches source topics, and commits in the name of a generation of the group.

    Attributes:
        begin: by topic, the offset that it began at.
        position: by topic, the offset of the next record to fetch.
    """

    def __init__(self, broker: Broker, generation: int, now_ms: Callable[[], int]) -> None:
        self.begin = Counter(broker.committed)
        self.position = Counter(broker.committed)
        self._broker = broker
        self._generation = generation
        self._now_ms = now_ms
        self._fetched: dict[str, Fetched] = {}
        self._held: set[str] = set()
        self._saved: dict[str, int] = {}

    def fetch(self, topic: str, most: int) -> Batch:
        """The next records of a topic; none while it is held."""
        if topic in self._held:
            return Batch(())
        log, at = self._broker.logs[topic], self.position[topic]
        batch = Batch(log.read(at, most))
        self.position[topic] = end = at + len(batch)
        self._fetched[topic] = Fetched(end, log.end, self._now_ms())
        return batch

    def hold(self, tp: TP) -> None:
        """Stops fetching a topic."""
        self._held.add(tp.topic)

    def release(self, tp: TP) -> None:
        """Fetches it again."""
        self._held.discard(tp.topic)

    def fetched(self, tp: TP) -> Fetched | None:
        """How far it was read when it was fetched last."""
        return self._fetched.get(tp.topic)

    def caught_up(self, tp: TP) -> int | None:
        """When it was fetched last, if nothing was left of it then."""
        fetched = self._fetched.get(tp.topic)
        if fetched is None or fetched.position != fetched.highwater:
            return None
        return fetched.seen_ms

    def saved(self, tp: TP, offset: int) -> None:
        """The next commit may say so."""
        self._saved[tp.topic] = offset

    def is_behind(self, topic: str) -> bool:
        """There is more of it at the broker."""
        return self.position[topic] < self._broker.logs[topic].end

    def commit(self) -> None:
        """Commits what is saved, if it is still of the group."""
        if self._generation == self._broker.generation:
            self._broker.committed |= Counter(self._saved)
        else:
            self._broker.told(f"      commit of generation {self._generation} is refused")


def _word(key: bytes | None) -> str:
    return "-" if key is None else key.decode(errors="replace")
