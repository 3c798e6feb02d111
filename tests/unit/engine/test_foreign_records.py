"""Records that a stranger has put into our topics: passed over, wherever we read them back (I9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from itertools import product

import pytest

from streamer.agents.publisher import Publisher
from streamer.agents.rejects import RejectSampler
from streamer.engine.kafka.compacted import newest_values
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import Extent, Scanned, Scanner
from streamer.engine.metrics import Metrics
from streamer.engine.population.totals import TotalsTable
from streamer.engine.state.changelog import apply_record
from streamer.engine.state.outbox import apply_record as apply_outbox_record
from streamer.engine.state.recovery import recover_from
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
    publisher = Publisher(Settings(), Metrics(), "")
    list(publisher._updates([(0, foreign)]))
    publisher._observe_freshness([foreign])


def test_so_do_the_sampler_of_rejects_and_the_population_s_totals(foreign: Record) -> None:
    RejectSampler(Metrics(), ["plays"]).take(foreign)
    TotalsTable().count([foreign])
    TotalsTable().recover([foreign], 100)


def test_so_does_a_worker_that_recovers_the_outbox(foreign: Record) -> None:
    apply_outbox_record(MemoryStore(), foreign)


def test_whatever_it_names_itself_the_metric_of_rejects_has_no_label_but_those_known() -> None:
    metrics = Metrics()
    sampler = RejectSampler(metrics, ["plays"])
    for topic, code in ((b"plays", b"too_large"), (b"stranger-1", b"too_large"), (b"plays", b"code-1"), (b"", b"\xff")):
        sampler.take(Record(0, None, None, 0, (("topic", topic), ("code", code))))
    (family,) = metrics.rejects.collect()
    labels = {tuple(sample.labels.values()) for sample in family.samples}
    assert labels == {(topic, code) for topic in ("plays", "unknown") for code in ("too_large", "unknown")}


class Topic(Scanner):
    """Of one record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def scan(self, topic: str, begin: object) -> AsyncIterator[Scanned]:  # type: ignore[override]
        yield Scanned(0, [self._record], 1, 1)


def test_keys_of_figures_are_text(foreign: Record) -> None:
    for key in asyncio.run(newest_values(Topic(foreign), "default-lists")):
        key.decode()


class Topics:
    """All of which have one record of a stranger in their only partition."""

    async def extents(self, _topic: str, partitions: Iterable[int]) -> dict[int, Extent]:
        return dict.fromkeys(partitions, Extent(0, 1))

    async def scan(self, _topic: str, _begin: Mapping[int, int]) -> AsyncIterator[Scanned]:
        yield Scanned(0, [Record(0, b"\xff", b"x", 0)], 1, 1)


def test_a_recovery_counts_it_in_each_of_the_three_topics_that_it_reads() -> None:
    metrics, names = Metrics(), Settings().topics
    asyncio.run(recover_from(Topics(), names, {0: MemoryStore()}, metrics))
    counted = {
        topic: metrics.foreign.labels(topic)._value.get() for topic in (names.state, names.journal, names.avoid_lists)
    }
    assert counted == {names.state: 1, names.journal: 1, names.avoid_lists: 1}


def test_a_deadline_that_is_none_of_ours_is_no_deadline() -> None:
    store = MemoryStore()
    apply_record(store, Record(0, b"h|u1", b"x", 0, (("d", b"\xff" * 9),)))
    assert store.deadlines == {}


@pytest.mark.parametrize("delta", [b"", b"?", b"\xff\xff", b"\x94\x01\xa1\xff\x01\x90", b"\x90"])
def test_what_says_that_it_changes_the_population_and_is_none_of_ours_is_passed_over_whole(delta: bytes) -> None:
    store = MemoryStore()
    assert not apply_record(store, Record(0, b"h|u1", b"x", 0, (("p", delta), ("d", b"\0" * 8))))
    assert (list(store), store.deadlines, list(store.untold)) == ([], {}, [])
