"""The wall-clock watermark passes no event that reached the broker in time, however fetches and slices interleave.

The fetch side is modelled as aiokafka does it: one request under way, which names positions; the broker looks at some
later time, its answer is read later still; records are drained, then delivered batch by batch, then processed. What is
tested is real: `fetching.install`, `BatchConsumer.caught_up`, the inboxes, alignment and the clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import pytest
from aiokafka.consumer.fetcher import Fetcher
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streamer.engine.kafka import fetching
from streamer.engine.kafka.records import Batch, Fetched, Record
from streamer.engine.kafka.transport import BatchConsumer
from streamer.engine.partition.processor import PartitionProcessor
from streamer.events import DAY_MS, Dislike, encode
from streamer.settings import Settings
from tests.unit.memory_job import NAMES, MemoryJob

LAG_MS = 1_000
START = 20_400 * DAY_MS
TOPICS = ("dislikes", "feedback")
"""The two that have events; the others stay empty."""

Step = tuple[str, int, int]
STEPS = st.one_of(
    st.tuples(st.just("pass"), st.integers(1, 3 * LAG_MS), st.just(0)),
    st.tuples(st.just("append"), st.integers(0, len(TOPICS) - 1), st.integers(0, LAG_MS)),
    st.tuples(st.sampled_from(["ask", "look", "arrive", "drain"]), st.integers(1, 3), st.just(0)),
    st.tuples(st.sampled_from(["deliver", "process"]), st.integers(1, 3), st.just(0)),
    st.tuples(st.sampled_from(["hold", "release"]), st.integers(0, len(TOPICS) - 1), st.just(0)),
)


@dataclass
class Request:
    """One fetch: when it was asked for, from where, and what the broker found when it looked."""

    asked_ms: int
    positions: dict[str, int]
    found: dict[str, tuple[int, list[Record]]] | None = None


class Way:
    """From the broker to the processor of one partition, step by step."""

    def __init__(self, *, dated_when_read: bool = False) -> None:
        job = MemoryJob(Settings(allowed_lag=LAG_MS / 1000), START)
        self.processor: PartitionProcessor = job.processor
        self.consumer = BatchConsumer.__new__(BatchConsumer)
        self.consumer._fetched, self.consumer._last_batch = {}, {}
        self.now_ms = START
        self.dated_when_read = dated_when_read
        self.logs: dict[str, list[tuple[int, Record]]] = {name: [] for name in NAMES}
        self.state = {name: Fetched(0, None, None) for name in NAMES}
        self.request: Request | None = None
        self.buffered: dict[str, list[Record]] = {}
        self.queue: deque[tuple[str, Batch]] = deque()
        self.held: set[str] = set()

    def take(self, step: Step) -> None:
        """Does one step, if it can be done now."""
        what, a, b = step
        match what:
            case "pass":
                self.now_ms += a
            case "append":
                self.append(TOPICS[a], self.now_ms - b)
            case "hold":
                self.held.add(TOPICS[a])
            case "release":
                self.held.discard(TOPICS[a])
            case "ask" | "drain":
                getattr(self, what)()
            case _:
                getattr(self, what)(a)

    def append(self, name: str, ts: int) -> None:
        """An event reaches the broker, no later than the allowed lag after its ts; a topic is in the order of ts."""
        log = self.logs[name]
        ts = max(ts, log[-1][0] if log else 0)
        assert ts >= self.processor.clock.watermark, "it has come in time and is late all the same"
        value = encode(Dislike(user_id="u", ts=ts, action="dislike", content_id="c"))
        if name == "feedback":
            value = b'{"user_id":"u","ts":%d,"kind":"like","content_id":"c"}' % ts
        log.append((ts, Record(len(log), b"u", value, self.now_ms)))

    def ask(self) -> None:
        if self.request is None:
            free = {name: self.state[name].position for name in NAMES if name not in self.buffered}
            self.request = Request(self.now_ms, free)

    def look(self, most: int) -> None:
        if self.request is not None and self.request.found is None:
            at = self.request.positions
            self.request.found = {
                name: (len(self.logs[name]), [r for _, r in self.logs[name][begin : begin + most]])
                for name, begin in at.items()
            }

    def arrive(self, _: int) -> None:
        if self.request is not None and self.request.found is not None:
            seen_ms = self.now_ms if self.dated_when_read else self.request.asked_ms
            for name, (highwater, records) in self.request.found.items():
                self.state[name] = Fetched(self.request.positions[name], highwater, seen_ms)
                if records:
                    self.buffered[name] = records
            self.request = None

    def drain(self) -> None:
        """What the fetch thread hands over: batches of what is not held, and where that leaves every topic."""
        for name in self.buffered.keys() - self.held:
            batch = Batch(self.buffered.pop(name))
            self.state[name] = self.state[name]._replace(position=batch[-1].offset + 1)
            self.consumer._last_batch[TP(name, 0)] = batch
            self.queue.append((name, batch))
        self.consumer._fetched.update({TP(name, 0): state for name, state in self.state.items()})

    def deliver(self, most: int) -> None:
        for _ in range(min(most, len(self.queue))):
            name, batch = self.queue.popleft()
            batch.taken = True
            self.processor.receive(name, batch, self.now_ms)

    def process(self, limit: int) -> None:
        caught_up = {name: self.consumer.caught_up(TP(name, 0)) for name in NAMES}
        self.processor.process(self.now_ms, caught_up, limit)
        progress = self.processor.progress()
        for name, log in self.logs.items():
            for ts, record in log[progress[name] + 1 :]:
                assert ts >= self.processor.clock.watermark, f"{name}@{record.offset} is passed"

    def finish(self) -> None:
        """Nobody sends any more, and everything is fetched and processed."""
        self.held.clear()
        for _ in range(2 * sum(len(log) for log in self.logs.values()) + 2):
            self.ask()
            self.look(100)
            self.arrive(0)
            self.drain()
            self.deliver(100)
            self.process(100)


@given(st.lists(STEPS, max_size=80))
def test_the_watermark_passes_no_event_that_came_in_time_and_reaches_the_last_time_the_broker_had_no_more(
    steps: list[Step],
) -> None:
    way = Way()
    for step in steps:
        way.take(step)
    way.finish()
    assert way.processor.clock.watermark == way.now_ms - LAG_MS


SLOW_ANSWER: list[Step] = [
    ("ask", 1, 0),
    ("look", 1, 0),  # the broker has nothing
    ("append", 0, 0),  # an event comes at once
    ("pass", 3 * LAG_MS, 0),  # and the answer is read three seconds later
    ("arrive", 1, 0),
    ("drain", 1, 0),
    ("process", 1, 0),
]


def test_an_answer_read_late_does_not_make_events_late_that_came_meanwhile() -> None:
    way = Way()
    for step in SLOW_ANSWER:
        way.take(step)
    assert way.processor.clock.watermark == START - LAG_MS


def test_dated_when_it_is_read_such_an_answer_would() -> None:
    way = Way(dated_when_read=True)
    with pytest.raises(AssertionError, match="dislikes@0 is passed"):
        for step in SLOW_ANSWER:
            way.take(step)


def test_aiokafka_dates_an_answer_when_it_is_read_and_we_when_it_was_asked_for() -> None:
    """The seam itself: the real method, a client whose answer takes a while."""
    asked_ms = 5_000
    for wrapped, expected in ((False, None), (True, asked_ms)):
        state = SimpleNamespace(has_valid_position=True, position=7, highwater=None, lso=None, timestamp=None)
        passed_over = SimpleNamespace(has_valid_position=True, position=9, highwater=8, lso=None, timestamp=4_000)
        states = {("plays", 0): state, ("plays", 1): passed_over}
        fetcher = Fetcher.__new__(Fetcher)
        fetcher._client_rack, fetcher._rack_warning_logged, fetcher._records = None, False, {}
        fetcher._client = SimpleNamespace(send=_empty_answer)
        if wrapped:
            fetching.install(fetcher, fetching.Pace(0.0), lambda: asked_ms)
        assignment = SimpleNamespace(active=True, state_value=states.__getitem__)
        request = SimpleNamespace(topics=[("plays", [(0, 7, 1024), (1, 8, 1024)])])
        asyncio.run(cast(Fetcher, fetcher)._proc_fetch_request(assignment, 1, request))
        assert state.highwater == 7
        assert (state.timestamp == expected) is wrapped
        assert passed_over.timestamp == 4_000


async def _empty_answer(_node: int, _request: object) -> object:
    return SimpleNamespace(API_VERSION=4, topics=[("plays", [(0, 0, 7, 7, [], b""), (1, 0, 8, 8, [], b"")])])
