"""A million records, half of them as nobody should send them: does each come out somewhere?

    python -m benchmarks.fuzz [--records 1000000] [--seed 1]

The records go through record batches (some of them damaged), the decoder, and a worker in memory, with its documents,
labels, rejects, checkpoints and, in the end, recovery. Printed is the ledger. The exit code is 1 if it does not add up,
if the worker's judgement of a record is not the decoder's, or if anything raised: what processing raises at would be
rejected as poison, and is a bug.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint
from aiokafka.structs import TopicPartition

from benchmarks.mutation import PARTITIONS, Producer, Sent, strangely_named
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.unpacking import Unpacked
from streamer.engine.metrics import Metrics
from streamer.engine.partition.output import OutputWriter, Pending
from streamer.engine.partition.placement import Placement
from streamer.engine.partition.processor import PartitionProcessor
from streamer.engine.partition.work import Output, Step, Stepped
from streamer.engine.state.changelog import ChangelogWriter, JournalWriter
from streamer.engine.state.lookup import profile_in
from streamer.engine.state.recovery import recover_from
from streamer.engine.state.store import MemoryStore
from streamer.errors import InvalidEvent
from streamer.events import CLAIM, DAY_MS, Erasure, EventDecoder, Watermark
from streamer.profile import Rules
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker, MemoryProducer, MemoryScanner
from streamer.testing.worker import finished

_SLICE: Final = 5_000
_CHECKPOINT_EVERY: Final = 20
_BEFORE_RECORDS: Final = 61
_FRAME: Final = 12
"""Bytes in which a record says how long it and its fields are."""
_BEGIN_MS: Final = 20_000 * DAY_MS
_AFTER_MS: Final = 60_000
"""How long after the newest of them records arrive."""
_NO_EVENT: Final = "watermarks, erasures"
_REJECTED: Final = "rejected: "
_MISPLACED: Final = ("missing_key", "wrong_partition")
"""What the decoder alone does not see."""
_DAMAGED: Final = 0.1
"""Share of batches in which a record is."""


_DELETED: Final = Record(0, CLAIM.encode(), None, 0)


class Ledger:
    """Where records went.

    Attributes:
        sent: how many there were.
        went: by where to, as the worker did it.
        judged: what the decoder alone says of them.
        raised: tracebacks of whatever raised.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.went: Counter[str] = Counter()
        self.judged: Counter[str] = Counter()
        self.raised: list[str] = []

    def problems(self) -> list[str]:
        """What does not add up; empty if all does."""
        found = [f"raised: {raised.strip().splitlines()[-1]}" for raised in self.raised]
        if self.sent != self.went.total():
            found.append(f"{self.sent} records were sent, and {self.went.total()} came out")
        misplaced = {_REJECTED + code for code in _MISPLACED}
        by_worker = {what for what in self.went if what.startswith(_REJECTED)} - misplaced
        return found + [
            f"{what}: {self.judged[what]} by the decoder, {self.went[what]} by the worker"
            for what in sorted(by_worker | set(self.judged))
            if self.went[what] != self.judged[what]
        ]

    def lines(self) -> Iterator[str]:
        """The ledger, to be printed."""
        yield f"{'sent':28} {self.sent:>10,}"
        for what, number in sorted(self.went.items(), key=lambda each: -each[1]):
            yield f"  {what:26} {number:>10,}"
        yield f"{'came out':28} {self.went.total():>10,}"


class Fuzzed:
    """A partition's worker that is sent odd records.

    Args:
        seed: the same gives the same run.
    """

    def __init__(self, seed: int) -> None:
        self.ledger = Ledger()
        self._random = Random(seed)
        self._producer = Producer(seed, _BEGIN_MS)
        self._settings = settings = Settings(partitions=PARTITIONS, labels=True, population=True, population_share=1.0)
        self._rules, self._broker = Rules(settings), MemoryBroker()
        placement = Placement(0, PARTITIONS, settings.partitioner)
        self._worker = PartitionProcessor(0, settings, self._rules, MemoryStore(), 1_000, placement)
        self._step, self._worker.users.step = self._worker.users.step, self._counted  # type: ignore[method-assign]
        names = settings.topics
        topics = (*names.sources, names.erasures)
        self._decoders = {topic: EventDecoder(topic, round(settings.max_future * 1000)) for topic in topics}
        self._ends: Counter[str] = Counter()
        self._stepped = 0
        memory = MemoryProducer(self._broker)
        self._changelog, self._journal = ChangelogWriter(memory, names.state), JournalWriter(memory, names.journal)
        self._output, self._pending = OutputWriter(memory, names, Metrics()), Pending()

    def run(self, records: int) -> Ledger:
        """Sends so many records."""
        for number, (reached_ms, arriving) in enumerate(self._producer.records()):
            now_ms = reached_ms + _AFTER_MS
            sent = arriving[: records - self.ledger.sent]
            by_topic: dict[str, list[Sent]] = {}
            for record in sent:
                by_topic.setdefault(record.topic, []).append(record)
            for topic, together in by_topic.items():
                self._arrive(topic, together, now_ms)
            self._process(now_ms)
            if number % _CHECKPOINT_EVERY == 0:
                self._checkpoint()
            if self.ledger.sent >= records:
                break
        self._process(now_ms + DAY_MS)
        self._checkpoint()
        self._recover()
        return self.ledger

    # --- what arrives -------------------------------------------------------------------------------------------

    def _arrive(self, topic: str, together: Sequence[Sent], now_ms: int) -> None:
        self.ledger.sent += len(together)
        records = self._unpacked(topic, together)
        for record in records:
            self._judge(topic, record, now_ms)
        self._worker.receive(topic, records, now_ms)

    def _unpacked(self, topic: str, together: Sequence[Sent]) -> list[Record]:
        """What a consumer makes of the record batch that these are sent in."""
        builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 30)
        ends = []
        for number, each in enumerate(together):
            builder.append(number, each.timestamp, each.key, each.value, each.headers)
            ends.append(builder.size())
        raw = bytearray(builder.build())
        if any(each.strange for each in together):
            raw = bytearray(strangely_named(bytes(raw)))
        if self._random.random() < _DAMAGED:
            number = self._random.randrange(len(together))
            self._damage(raw, ends[number - 1] if number else _BEFORE_RECORDS, ends[number], number)
        begin = self._ends[topic]
        raw[:8] = begin.to_bytes(8)
        self._ends[topic] += len(together)
        answer = PartitionRecords(TopicPartition(topic, 0), MemoryRecords(bytes(raw)), [], begin, None, None, False, 0)
        return list(Unpacked(answer, bytes(raw), self._stepped_over))

    def _damage(self, raw: bytearray, begin: int, end: int, number: int) -> None:
        """Turns a bit of a record, but not so that it has another one's offset: to Kafka these are one."""
        at, bit = begin + self._random.randrange(min(_FRAME, end - begin)), 1 << self._random.randrange(8)
        raw[at] ^= bit
        if _offset(raw, begin) not in (number, None):
            raw[at] ^= bit

    def _stepped_over(self, begin: int, end: int, _why: str) -> None:
        self.ledger.went["stepped over"] += end - begin

    def _judge(self, topic: str, record: Record, now_ms: int) -> None:
        judged, latest_ms = self.ledger.judged, record.timestamp if record.appended else now_ms
        try:
            event = self._decoders[topic].decode(record.key, record.value, latest_ms)
        except InvalidEvent as error:
            judged[_REJECTED + error.code] += 1
        except Exception:  # noqa: BLE001 - that nothing raises is what is looked for
            self.ledger.raised.append(traceback.format_exc())
        else:
            judged[_NO_EVENT] += isinstance(event, Watermark | Erasure)

    # --- what is done -------------------------------------------------------------------------------------------

    def _counted(self, user: str, step: Step) -> Stepped:
        done = self._step(user, step)
        self._stepped += len(done.outcomes) + len(done.poisoned)
        self.ledger.went.update(fate.value for fate in done.outcomes)
        if done.poisoned:
            self.ledger.raised += set(done.poisoned.values())
        return done

    def _process(self, now_ms: int) -> None:
        caught_up = dict.fromkeys(self._decoders, now_ms)
        more = True
        while more:
            out = self._worker.process(now_ms, caught_up, _SLICE)
            self._book(out)
            finished(self._output.write(0, out, self._pending))
            more = out.more

    def _book(self, out: Output) -> None:
        went = self.ledger.went
        went.update(_REJECTED + reject.code for reject in out.rejects)
        went["of erased users"] += out.erased.total()
        misplaced = sum(reject.code in _MISPLACED for reject in out.rejects)
        went[_NO_EVENT] += out.events.total() - self._stepped - out.erased.total() - misplaced
        self._stepped = 0

    def _checkpoint(self) -> None:
        worker = self._worker
        changes = worker.take_changes()
        finished(self._output.settle(0, self._pending.take(), self._pending, self._newest))
        placed, end = finished(self._journal.write(0, changes))
        for user, offset in placed:
            worker.store.journal.place(user, offset)
        worker.store.journal.end = end
        finished(self._changelog.write(0, changes))
        finished(self._changelog.write_mark(0, worker.mark()))
        self._compact()

    def _compact(self) -> None:
        """Keeps of every topic what a recovery needs, and counts on: a million rejects are gigabytes."""
        names, logs = self._settings.topics, self._broker.logs
        needed = self._worker.store.journal.begin
        for topic in (names.rejects, names.labels, names.avoid_lists, names.journal, names.state):
            log = logs[topic]
            newest = {record.key: record.offset for record in log} if topic == names.state else {}
            first = len(log) if needed is None or topic != names.journal else needed
            for at, record in enumerate(log):
                if record is not _DELETED and newest.get(record.key) != at and at < first:
                    log[at] = _DELETED

    def _newest(self, user: str) -> Any:
        return profile_in(self._worker.store, user, self._rules).document()

    def _recover(self) -> None:
        """Whoever recovers what was saved has the same of everybody."""
        store = MemoryStore()
        finished(recover_from(MemoryScanner(self._broker), self._settings.topics, {0: store}))  # type: ignore[arg-type]
        for user in {*store, *self._worker.store}:
            saved = profile_in(store, user, self._rules).document()
            if saved != self._newest(user):
                self.ledger.raised.append(f"the state of {user!r} is another after a restart")


def _offset(raw: bytearray, begin: int) -> int | None:
    """Of a record, less that of the batch's first; None: it cannot be read."""
    try:
        _, at = decode_varint(raw, begin)
        _, at = decode_varint(raw, at + 1)
        found: int = decode_varint(raw, at)[0]
    except (ValueError, IndexError):
        return None
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="how many are sent")
    parser.add_argument("--seed", type=int, default=1, help="the same seed sends the same records")
    chosen = parser.parse_args(arguments)
    began_s = time.process_time()
    ledger = Fuzzed(chosen.seed).run(chosen.records)
    for line in ledger.lines():
        print(line)
    problems = ledger.problems()
    for problem in problems[:20]:
        print(problem, file=sys.stderr)
    if ledger.raised:
        print(ledger.raised[0], file=sys.stderr)
    print(f"{'does not add up' if problems else 'adds up'}; {time.process_time() - began_s:.0f} s of CPU")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
