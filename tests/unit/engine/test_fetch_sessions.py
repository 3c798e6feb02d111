"""Fetch sessions: what the broker is told, and what an answer that leaves things out says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, cast

import pytest
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v4, FetchRequest_v7, FetchRequest_v11

from streamer.engine.kafka.fetch_sessions import use_sessions

SESSION = 77
FAILED = 71


@dataclass
class State:
    position: int
    highwater: int | None = None
    timestamp: int | None = None
    has_valid_position: bool = True


@dataclass
class Broker:
    """One that keeps account of a session: answers name what has more than they were told of."""

    version: Any = FetchRequest_v11
    gives: int = SESSION
    fails: bool = False
    slows_down_ms: int = 0
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)
    _session: dict[tuple[str, int], int] = field(default_factory=dict)
    _told: dict[tuple[str, int], int] = field(default_factory=dict)

    def answer(self, built: Any) -> bytes:
        self.asked.append(built)
        if built.session_epoch == 0:
            self._session, self._told = {}, {}
        for topic, partitions in built.topics:
            self._session.update({(topic, row[0]): row[-3] for row in partitions})
        for topic, numbers in built.forgotten_topics_data:
            for number in numbers:
                del self._session[topic, number]
        named = [] if self.slows_down_ms else [key for key in self._session if self._told.get(key) != self.ends[key]]
        self._told.update({key: self.ends[key] for key in named})
        extra = (-1,) if built.API_VERSION >= 11 else ()
        rows = [(topic, [(number, 0, self.ends[topic, number], 0, 0, [], *extra, b"")]) for topic, number in named]
        answer = self.version.RESPONSE_TYPE(
            self.slows_down_ms, FAILED if self.fails else 0, self.gives, [] if self.fails else rows
        )
        return cast(bytes, answer.encode())


class Way:
    """A fetcher of partitions 0 and 1, whose requests go to a broker through what aiokafka would do with them."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.meanwhile: Callable[[], None] = lambda: None
        broker.ends = {("plays", 0): 5, ("plays", 1): 8}
        self.fetcher = Fetcher.__new__(Fetcher)
        self.fetcher._proc_fetch_request = self._fetch
        use_sessions(self.fetcher)
        self.assign()

    def assign(self) -> None:
        self.states = {("plays", 0): State(5), ("plays", 1): State(8)}
        self.assignment = cast(Assignment, _Assigned(self.states))

    async def _fetch(self, assignment: Assignment, _node: int, request: FetchRequest) -> bool:
        built = request.build(self.broker.version)
        raw = self.broker.answer(built)
        self.meanwhile()
        for topic, partitions in built.RESPONSE_TYPE.decode(BytesIO(raw)).topics:
            for number, _error, highwater, *_ in partitions:
                state = self.states[topic, number]
                if dict(offsets_of(request))[number] == state.position:
                    state.highwater, state.timestamp = highwater, 1
        return False

    def ask(self, *numbers: int) -> Any:
        """One request; returns what the broker was told."""
        rows = [(number, self.states["plays", number].position, 1 << 20) for number in numbers]
        request = FetchRequest(100, 1, 1 << 20, 0, [("plays", rows)])
        asyncio.run(self.fetcher._proc_fetch_request(self.assignment, 1, request))
        return self.broker.asked[-1]


class _Assigned:
    def __init__(self, states: dict[tuple[str, int], State]) -> None:
        self.state_value = states.get


def offsets_of(request: FetchRequest) -> list[tuple[int, int]]:
    return [(number, offset) for _, partitions in request.topics for number, offset, _ in partitions]


def named(built: Any) -> dict[int, int]:
    """Offsets by partition."""
    return {row[0]: row[-3] for _, partitions in built.topics for row in partitions}


@pytest.mark.parametrize("version", [FetchRequest_v7, FetchRequest_v11])
def test_after_a_whole_request_only_what_is_read_from_another_offset_is_named(version: Any) -> None:
    way = Way(Broker(version))
    first = way.ask(0, 1)
    assert (first.session_id, first.session_epoch, named(first)) == (0, 0, {0: 5, 1: 8})
    way.states["plays", 1].position = 9
    second = way.ask(0, 1)
    assert (second.session_id, second.session_epoch, named(second)) == (SESSION, 1, {1: 9})
    third = way.ask(0, 1)
    assert (third.session_epoch, named(third)) == (2, {})


def test_a_partition_that_is_not_asked_for_is_forgotten_and_may_come_back() -> None:
    way = Way(Broker())
    way.ask(0, 1)
    assert way.ask(1).forgotten_topics_data == [("plays", [0])]
    assert named(way.ask(0, 1)) == {0: 5}


def test_a_partition_that_an_answer_leaves_out_was_seen_in_it() -> None:
    way = Way(Broker())
    way.ask(0, 1)
    assert way.states["plays", 0].timestamp == 1
    way.ask(0, 1)
    seen = way.states["plays", 0].timestamp
    assert seen is not None
    assert seen > 1


def test_an_answer_that_only_slows_the_reader_down_says_nothing_of_what_it_leaves_out() -> None:
    """With a quota exceeded a broker answers at once, empty, without having looked."""
    way = Way(Broker())
    way.ask(0, 1)
    way.broker.slows_down_ms = 500
    way.broker.ends["plays", 0] = 6
    assert way.ask(0, 1).session_epoch == 1
    assert (way.states["plays", 0].highwater, way.states["plays", 0].timestamp) == (5, 1)
    way.broker.slows_down_ms = 0
    assert way.ask(0, 1).session_epoch == 2
    assert way.states["plays", 0].highwater == 6


def test_what_was_read_from_elsewhere_meanwhile_is_asked_for_anew() -> None:
    """The broker takes the high watermark of an answer that was passed over for told."""
    way = Way(Broker())
    way.ask(0, 1)
    way.broker.ends["plays", 0] = 6
    way.meanwhile = lambda: setattr(way.states["plays", 0], "position", 3)
    way.ask(0, 1)
    assert way.states["plays", 0].highwater == 5
    way.meanwhile = lambda: None
    assert way.ask(0, 1).session_epoch == 0
    assert way.states["plays", 0].highwater == 6


def test_a_session_that_fails_begins_anew() -> None:
    way = Way(Broker())
    way.ask(0, 1)
    way.broker.fails = True
    way.ask(0, 1)
    way.broker.fails = False
    again = way.ask(0, 1)
    assert (again.session_id, again.session_epoch, named(again)) == (0, 0, {0: 5, 1: 8})


def test_a_session_ends_with_its_assignment() -> None:
    way = Way(Broker())
    way.ask(0, 1)
    way.assign()
    assert way.ask(0, 1).session_epoch == 0
    assert way.states["plays", 0].highwater == 5


def test_what_has_no_high_watermark_is_asked_for_anew() -> None:
    way = Way(Broker())
    way.ask(0, 1)
    way.states["plays", 0].highwater = None
    way.ask(0, 1)
    assert way.ask(0, 1).session_epoch == 0
    assert way.states["plays", 0].highwater == 5


def test_a_broker_that_gives_no_session_is_asked_for_everything_each_time() -> None:
    way = Way(Broker(gives=0))
    assert [(way.ask(0, 1).session_epoch, len(named(way.broker.asked[-1]))) for _ in range(3)] == [(0, 2)] * 3


def test_a_broker_that_knows_no_sessions_is_asked_as_ever() -> None:
    fetcher = Fetcher.__new__(Fetcher)
    built = []

    async def fetch(_assignment: Assignment, _node: int, request: FetchRequest) -> bool:
        built.append(request.build(FetchRequest_v4))
        return True

    fetcher._proc_fetch_request = fetch
    use_sessions(fetcher)
    request = FetchRequest(100, 1, 1 << 20, 0, [("plays", [(0, 5, 1 << 20)])])
    assert asyncio.run(fetcher._proc_fetch_request(cast(Assignment, _Assigned({})), 1, request))
    assert built == [request.build(FetchRequest_v4)]
