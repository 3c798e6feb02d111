"""From aiokafka's fetcher, with what the engine puts into it, to a broker that keeps account of fetch sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v11

from streamer.engine.kafka import fetching

SESSION = 77
FAILED = 71
BEGIN_S = 100.0
Key = tuple[str, int]


@dataclass
class State:
    """What aiokafka knows of a partition."""

    position: int
    highwater: int | None = None
    lso: int | None = None
    timestamp: int | None = None
    has_valid_position: bool = True


@dataclass
class Broker:
    """One that keeps account of a session: answers name what has more than they were told of."""

    version: Any = FetchRequest_v11
    gives: int = SESSION
    fails: bool = False
    slows_down_ms: int = 0
    ends: dict[Key, int] = field(default_factory=lambda: {("plays", 0): 5, ("plays", 1): 8})
    records: bytes = b""
    asked: list[Any] = field(default_factory=list)
    _session: dict[Key, int] = field(default_factory=dict)
    _told: dict[Key, int] = field(default_factory=dict)

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
        rows = [
            (topic, [(number, 0, self.ends[topic, number], 0, 0, [], *extra, self.records)]) for topic, number in named
        ]
        answer = self.version.RESPONSE_TYPE(
            self.slows_down_ms, FAILED if self.fails else 0, self.gives, [] if self.fails else rows
        )
        return cast(bytes, answer.encode())


class Clock:
    """Moves while somebody sleeps, or is told to."""

    def __init__(self) -> None:
        self.s = BEGIN_S
        self.gives_up = False

    def now_s(self) -> float:
        return self.s

    def now_ms(self) -> int:
        return round(1000 * self.s)

    async def sleep(self, seconds: float) -> None:
        if self.gives_up:
            raise asyncio.CancelledError
        self.s += seconds


class Way:
    """A fetcher of partitions 0 and 1; all of it but the connection is real.

    Attributes:
        meanwhile: called when the broker has looked and its answer is under way.
    """

    def __init__(self, broker: Broker, interval_s: float = 0.0) -> None:
        self.broker = broker
        self.clock = Clock()
        self.meanwhile: Callable[[], None] = lambda: None
        self.fetcher = Fetcher.__new__(Fetcher)
        self.fetcher._client = SimpleNamespace(send=self._send)
        self.fetcher._client_rack, self.fetcher._rack_warning_logged = None, False
        self.fetcher._key_deserializer = self.fetcher._value_deserializer = None
        self.fetcher._check_crcs, self.fetcher._isolation_level, self.fetcher._prefetch_backoff = True, 0, 0.1
        self.fetcher._records = {}
        pace = fetching.Pace(interval_s, self.clock.now_s, self.clock.sleep)
        fetching.install(self.fetcher, pace, self.clock.now_ms)
        self.assign()

    def assign(self) -> None:
        self.states = {("plays", 0): State(5), ("plays", 1): State(8)}
        self.assignment = cast(Assignment, SimpleNamespace(active=True, state_value=self.states.get))

    async def _send(self, _node: int, request: FetchRequest) -> Any:
        built = request.build(self.broker.version)
        raw = self.broker.answer(built)
        await asyncio.sleep(0)
        self.meanwhile()
        return built.RESPONSE_TYPE.decode(BytesIO(raw))

    def fetch(self, *numbers: int) -> Coroutine[Any, Any, bool]:
        """What aiokafka makes a task of."""
        rows = [(number, self.states["plays", number].position, 1 << 20) for number in numbers]
        request = FetchRequest(100, 1, 1 << 20, 0, [("plays", rows)])
        return cast("Coroutine[Any, Any, bool]", self.fetcher._proc_fetch_request(self.assignment, 1, request))

    def ask(self, *numbers: int) -> Any:
        """One request; returns what the broker was told last."""
        asyncio.run(cast("Coroutine[Any, Any, bool]", self.fetch(*numbers)))
        return self.broker.asked[-1]

    def dates_ms(self) -> list[int | None]:
        """Of both partitions."""
        return [state.timestamp for state in self.states.values()]


def named(built: Any) -> dict[int, int]:
    """Offsets by partition that a request names."""
    return {row[0]: row[-3] for _, partitions in built.topics for row in partitions}
