"""Records that a stranger has put into our topics: passed over, wherever we read them back (I9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import product

import pytest

from agents.publisher import Publisher
from agents.rejects import RejectSampler
from streamer.engine.kafka.compacted import newest_values
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import Scanned, Scanner
from streamer.engine.metrics import Metrics
from streamer.engine.population.totals import TotalsTable
from streamer.engine.state.outbox import apply_record
from streamer.engine.state.store import MemoryStore
from streamer.settings import Settings

KEYS = (None, b"", b"u1", b"\xff\xfe", b"snapshot", b"tag:\xff")
VALUES = (None, b"", b"hello", b"{}", b"\xff", b"[]", b"null")
HEADERS = ((), (("event_ts", b"soon"),), (("event_ts", b"9" * 5000),), (("at", b""),), (("code", b"\xff"),))


@pytest.fixture(params=list(product(KEYS, VALUES, HEADERS)), ids=lambda each: repr(each)[:40])
def foreign(request: pytest.FixtureRequest) -> Record:
    key, value, headers = request.param
    return Record(7, key, value, 0, headers)


def test_the_publisher_passes_it_over(foreign: Record) -> None:
    publisher = Publisher(Settings(), Metrics())
    list(publisher._updates([(0, foreign)]))
    publisher._observe_freshness([foreign])


def test_so_do_the_sampler_of_rejects_and_the_population_s_totals(foreign: Record) -> None:
    RejectSampler(Metrics()).take(foreign)
    TotalsTable().count([foreign])
    TotalsTable().recover([foreign], 100)


def test_so_does_a_worker_that_recovers_the_outbox(foreign: Record) -> None:
    apply_record(MemoryStore(), foreign)


class Topic(Scanner):
    """Of one record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def scan(self, topic: str, begin: object) -> AsyncIterator[Scanned]:  # type: ignore[override]
        yield Scanned(0, [self._record], 1, 1)


def test_keys_of_figures_are_text(foreign: Record) -> None:
    for key in asyncio.run(newest_values(Topic(foreign), "default-lists")):
        key.decode()
