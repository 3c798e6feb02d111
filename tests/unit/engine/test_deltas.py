"""Deltas on their way out of a worker: saved, added up by checkpoint, told until it is known that they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from streamer.engine.kafka.compacted import CompactedTopic
from streamer.engine.kafka.producer import NewRecord, Sent
from streamer.engine.kafka.records import Record
from streamer.engine.metrics import Metrics
from streamer.engine.population.deltas import DeltaWriter
from streamer.engine.population.totals import TotalsTable
from streamer.engine.state.untold import Untold
from streamer.errors import StateCorrupt, StateTooNew
from streamer.events import DAY_MS, Impression
from streamer.population import Deltas, Key
from streamer.population.sums import TagSums
from streamer.population.telling import Source
from streamer.population.user_delta import UserDelta
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker, MemoryProducer
from tests.unit.engine.test_partition import NOW
from tests.unit.memory_job import MemoryJob

GORE = Key("tag", "gore")


class Failing(MemoryProducer):
    """Never takes what it is sent while it is told to fail."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.fail: Exception | None = None
        super().__init__(self.broker)

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        if self.fail is not None:
            raise self.fail
        return await super().send(topic, partition, groups)


SOURCE = Source(3, "lineage")


def users(number: int) -> Deltas:
    deltas = Deltas()
    deltas.add(GORE, TagSums(users=number))
    return deltas


def one_user() -> UserDelta:
    return UserDelta(first=["gore"])


def users_told(producer: Failing) -> int:
    table = TotalsTable()
    table.count(producer.broker.logs["population"])
    return table.totals.tags["gore"].users if "gore" in table.totals.tags else 0


def test_what_is_told_again_after_it_failed_counts_once() -> None:
    async def run() -> Failing:
        producer = Failing()
        writer = DeltaWriter(producer, "population", Metrics())
        await writer.tell(SOURCE, [(1, users(1))])
        producer.fail = ConnectionError()
        with pytest.raises(ConnectionError):
            await writer.tell(SOURCE, [(2, users(10))])
        producer.fail = None
        await writer.tell(SOURCE, [(1, users(1)), (2, users(10))])
        return producer

    assert users_told(asyncio.run(run())) == 11


# --- what a changelog holds that is not told yet ----------------------------------------------------------------------


def checkpoint(untold: Untold, users: int) -> list[bytes]:
    """Saves so many users' deltas; gives what the changelog has of them."""
    return [saved for _, saved in untold.save({f"user {n}": one_user() for n in range(users)}, [])]


def told_users(taken: Iterable[tuple[int, Deltas]]) -> dict[int, int]:
    return {number: deltas.tags["gore"].users for number, deltas in taken}


def test_the_users_of_a_checkpoint_are_told_together_by_the_next() -> None:
    untold = Untold()
    checkpoint(untold, 100)
    assert told_users(untold.take()) == {1: 100}
    checkpoint(untold, 7)
    assert untold.told == 1
    assert told_users(untold.take()) == {2: 7}
    assert (untold.take(), untold.told) == ([], 2)


@pytest.mark.parametrize("kept_on_disk", [False, True])
def test_recovery_finds_what_no_mark_says_is_told_and_numbers_go_on(kept_on_disk: bool) -> None:
    before, after = Untold(), Untold()
    before.lineage = "lineage"
    first = checkpoint(before, 3)
    before.take()
    second = checkpoint(before, 2)
    for raw in first:
        after.found("u", raw)
    after.told_to(before.told)
    for raw in second:
        after.found("u", raw)
    if kept_on_disk:
        after, kept = Untold(), after
        after.load(kept.dump())
        after.told_to(kept.told)
    assert (after.lineage, told_users(after), after.next_number) == ("lineage", {2: 2}, 3)


@pytest.mark.parametrize("crashes", [False, True])
def test_i7_what_has_left_the_window_is_not_named_in_the_changelog_once_it_is_told(crashes: bool) -> None:
    """Neither beside the head of who stays nor beside the deletion of that of who goes."""
    settings = Settings(clock="events", population=True, population_share=1.0, window_days=30, half_life_days=15)
    job, begin = MemoryJob(settings, NOW), NOW - 50 * DAY_MS
    for user, day in (("stays", 0), ("goes", 0), ("stays", 20), ("stays", 40)):
        for second in (0, 10):
            ts, tags = begin + day * DAY_MS + 1000 * second, (f"tag-{day}",)
            shown = Impression(user_id=user, ts=ts, content_id=f"c{second}", visible_ms=5000, tags=tags)
            job.produce("impressions", shown)
    for day in (1, 21, 42):
        job.watermark(begin + day * DAY_MS)
        job.run()
        job.checkpoint()
    if crashes:
        job.start()
    assert {record.key for record in naming("tag-0", job)} == {b"h|stays", b"h|goes"}
    job.checkpoint()
    assert naming("tag-0", job) == []
    users = {tag: sums.users for tag, sums in job.population.tags.items() if sums.users}
    assert users == {"tag-20": 1, "tag-40": 1}


def naming(tag: str, job: MemoryJob) -> list[Record]:
    """The records of the changelog, compacted, that have a header in which a tag stands."""
    newest = {record.key: record for record in job.changelog}
    return [record for record in newest.values() if any(tag.encode() in value for _, value in record.headers)]


def test_nothing_is_dumped_where_there_is_nothing_and_rubbish_is_refused() -> None:
    untold = Untold()
    assert untold.dump() == b""
    untold.load(b"")
    with pytest.raises(StateCorrupt):
        untold.load(b"?")
    with pytest.raises(StateCorrupt):
        untold.found("u", b"?")
    with pytest.raises(StateTooNew, match="upgrade"):
        untold.found("u", b"\x94\x63\xa0\x01\x90")


def test_a_compacted_topic_is_sent_only_what_differs() -> None:
    async def run() -> list[tuple[bytes | None, bytes | None]]:
        producer = Failing()
        topic = CompactedTopic(producer, "lists", {b"old": b"1", b"same": b"1"})
        assert await topic.replace({b"same": b"1", b"new": b"1"}) == 2
        assert await topic.replace({b"same": b"2", b"new": b"1"}) == 1
        assert await topic.replace({b"same": b"2", b"new": b"1"}) == 0
        return [(record.key, record.value) for record in producer.broker.logs["lists"]]

    assert asyncio.run(run()) == [(b"new", b"1"), (b"old", None), (b"same", b"2")]
