"""CPU per event at real-time pace without Kafka: batches of a thousand events, each of another user.

    python -m benchmarks.live_in_memory [--quick]

Live pace: a user's events come one a batch, so that events share none of a user's work, while what a batch itself costs
is shared by all of it. Target: docs/performance.md. `benchmarks.live` has the whole worker with a real Kafka, where a
fetch brings an event or two to a partition and most of what they cost is the fetch.

A third of the users have a history in W, which the worker has processed and saved. A batch, a quarter as large in quick
runs, is a second of event time; 18 visits for each of its events are under way, others begin, those of half an hour ago
are closed and those of an hour and a half ago sealed, all at the same rate. In the figure: decoding raw bytes,
alignment, joins, seals, forming and comparing documents, encoding those to be written and, every 5 s of event time,
taking what changed (journal, heads, tiles, written documents: encoded and put into the store in memory). Not in it:
what Kafka's client does to fetch and send.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Iterator
from typing import Final

from benchmarks.backlog import Sample
from benchmarks.feed import Feed
from benchmarks.harness import Bench, main
from benchmarks.workload import END_MS, Pair, Workload, moved
from lab.oracle import oracle
from streamer.engine.kafka.records import Record
from streamer.engine.partition.processor import PartitionProcessor
from streamer.engine.partition.work import Output
from streamer.engine.state.store import MemoryStore, UserChange
from streamer.events import DAY_MS
from streamer.profile import Rules
from streamer.scoring import document
from streamer.settings import Settings

TARGET_US: Final = 20.0
_BATCH: Final = 1_000
"""Events of a batch, which is a second's."""
_QUICK_BATCH: Final = 250
_SECOND_MS: Final = 1_000
_USERS: Final = 30
"""Per event of a batch: so many people are there at once, or were half an hour or an hour and a half ago."""
_HISTORY: Final = 6
"""Events a user has before, in the mean."""
_CHECKPOINT_S: Final = 5
_WARM_UP_S: Final = 5
_PAST_BATCH: Final = 5_000


def run(bench: Bench) -> None:
    """Takes the figures."""
    seconds = 20 if bench.options.quick else 60
    batch = _QUICK_BATCH if bench.options.quick else _BATCH
    took, written, saved = [], [], []
    for number in bench.runs():
        job = _Job(number, _WARM_UP_S + seconds, batch)
        job.live(_WARM_UP_S)
        events, writes, size = job.events, job.writes, job.saved
        cpu_s = job.live(seconds)
        events = job.events - events
        took.append(cpu_s / events * 1e6)
        written.append(100 * (job.writes - writes) / events)
        saved.append((job.saved - size) / events)
        bench.check(f"{len(job.sample)} users' documents in memory against the oracle", job.problems())
    bench.figure("CPU per event in memory, an event per user and batch", "us", took, TARGET_US)
    bench.figure("the same to its target", "x", [us / TARGET_US for us in took], 1.0)
    bench.figure("events that wrote a document", "%", written)
    bench.figure("state and journal saved, not packed", "B/event", saved)


class _Job:
    """The signals job of one partition, which has processed and saved the past.

    Args:
        seed: source of all chance in the present.
        span_s: how long the present lasts, s.
        batch: events of a batch.

    Attributes:
        events, writes, saved: how many so far, and bytes.
        sample: users to compare with the oracle.
    """

    def __init__(self, seed: int, span_s: int, batch: int) -> None:
        self._settings = settings = Settings(clock="wall")
        self._job = PartitionProcessor(0, settings, Rules(settings), MemoryStore(), settings.hot_users)
        self._feed = Feed(settings)
        self._documents: dict[str, bytes | None] = {}
        self.events = self.writes = self.saved = 0
        noon = END_MS // DAY_MS * DAY_MS + DAY_MS // 2
        users = _USERS * batch
        past = Workload(_HISTORY * users, users, noon - DAY_MS)
        self.sample = Sample(users)
        closed_after_ms = round(1000 * (settings.session_gap + settings.allowed_lag))
        sealed_after_ms = closed_after_ms + round(1000 * settings.grace)
        before, after = past.present(span_s * _SECOND_MS, batch, (closed_after_ms, sealed_after_ms), seed)
        for few in _cut([*past.stream(), *moved(before, noon)]):
            self._receive(self._records(few), few[-1][1].ts)
            self._account(self._process(few[-1][1].ts), self._job.take_changes())
        self._now_ms = noon
        self._waiting = iter(_one_a_user(moved(after, noon), batch))

    def live(self, seconds: int) -> float:
        """The next seconds of event time; returns the CPU seconds that they took."""
        gc.collect()
        gc.freeze()
        gc.disable()  # as good as: the worker's collector sets in after a million objects
        cpu_ns = 0
        for second in range(1, seconds + 1):
            few = self._records(next(self._waiting))
            self._now_ms += _SECOND_MS
            began = time.process_time_ns()
            self._receive(few, self._now_ms)
            out = self._process(self._now_ms)
            changes = self._job.take_changes() if second % _CHECKPOINT_S == 0 else []
            cpu_ns += time.process_time_ns() - began
            self._account(out, changes)
        gc.enable()
        return cpu_ns / 1e9

    def problems(self) -> list[str]:
        """What the documents written for the sample say and the oracle does not."""
        events = [event for own in self.sample.events.values() for event in own]
        truth = oracle.documents(self._settings, events, self._job.clock.watermark)
        found = [] if truth else ["the oracle finds no document in the sample: it shows nothing"]
        for user in self.sample.events:
            raw = self._documents.get(user)
            written = None if raw is None else document.decode(raw)
            found += [f"{user}: {problem}" for problem in oracle.disagreements(written, truth.get(user))]
        return found

    def _records(self, pairs: Iterable[Pair]) -> dict[str, list[Record]]:
        pairs = list(pairs)
        for _, event in pairs:
            self.sample.see(event)
        return self._feed.records(pairs)

    def _receive(self, few: dict[str, list[Record]], now_ms: int) -> None:
        for topic, records in few.items():
            self._job.receive(topic, records, now_ms)

    def _process(self, now_ms: int) -> Output:
        return self._job.process(now_ms, dict.fromkeys(self._feed.topics, now_ms), _PAST_BATCH)

    def _account(self, out: Output, changes: Iterable[UserChange]) -> None:
        self.events += out.events.total()
        self.writes += len(out.writes)
        self._documents.update((write.user, write.value) for write in out.writes)
        for change in changes:
            self.saved += sum(len(part or b"") for part in change.parts.values()) + len(change.journal or b"")


def _cut(pairs: list[Pair]) -> Iterator[list[Pair]]:
    return (pairs[at : at + _PAST_BATCH] for at in range(0, len(pairs), _PAST_BATCH))


def _one_a_user(pairs: Iterable[Pair], size: int) -> Iterator[list[Pair]]:
    """Batches with one event a user at most: the next one of a user waits for the next batch."""
    waiting = list(pairs)
    while waiting:
        batch: dict[str, Pair] = {}
        left: list[Pair] = []
        for at, pair in enumerate(waiting):
            if len(batch) == size:
                left += waiting[at:]
                break
            if pair[1].user_id in batch:
                left.append(pair)
            else:
                batch[pair[1].user_id] = pair
        yield list(batch.values())
        waiting = left


if __name__ == "__main__":
    main({"live in memory": run}, "live-in-memory")
