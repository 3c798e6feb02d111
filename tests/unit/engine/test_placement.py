"""Where a user's records stand: as Kafka's clients decide, and what becomes of those that stand elsewhere."""

from __future__ import annotations

import zlib

import pytest
from aiokafka.partitioner import murmur2 as of_aiokafka
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as of_kafka_python

from streamer.engine.kafka.records import Record
from streamer.engine.partition.placement import Placement
from streamer.engine.partition.processor import PartitionProcessor
from streamer.engine.partition.work import Output
from streamer.engine.state.store import MemoryStore
from streamer.events import Dislike, Erasure, Watermark, encode
from streamer.partitioning import Partitioner, murmur2, partition_of
from streamer.profile import Rules
from streamer.settings import Settings

NOW = 1_760_000_000_000
NAMES = ("impressions", "plays", "dislikes", "feedback", "erasures")


@given(st.binary(max_size=64))
def test_murmur2_is_that_of_the_clients(key: bytes) -> None:
    assert murmur2(key) == of_aiokafka(key) & 0xFFFFFFFF == of_kafka_python(key) & 0xFFFFFFFF


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(1, 1000))
def test_crc32_is_that_of_librdkafka(user: str, partitions: int) -> None:
    assert partition_of(user, partitions, "crc32") == zlib.crc32(user.encode()) % partitions


def processed(partition: int, records: list[tuple[str, bytes | None]], partitioner: Partitioner, count: int) -> Output:
    settings = Settings(partitions=count, partitioner=partitioner)
    processor = PartitionProcessor(
        partition, settings, Rules(settings), MemoryStore(), 100, Placement(partition, count, partitioner)
    )
    value = [encode(Dislike(user_id=user, ts=NOW, action="block", content_id="c")) for user, _ in records]
    log = [Record(n, key, value[n], NOW) for n, (_, key) in enumerate(records)]
    processor.receive("dislikes", log, NOW)
    return processor.process(NOW, dict.fromkeys(NAMES, NOW), 100)


@pytest.mark.parametrize("partitioner", ["murmur2", "crc32"])
def test_a_record_that_stands_elsewhere_is_rejected_and_says_where_it_belongs(partitioner: Partitioner) -> None:
    users = [f"u{n}" for n in range(40)]
    out = processed(1, [(user, user.encode()) for user in users], partitioner, 4)
    at_home = [user for user in users if partition_of(user, 4, partitioner) == 1]
    assert 0 < len(at_home) < 40
    assert [write.user for write in out.writes] == at_home
    assert {reject.code for reject in out.rejects} == {"wrong_partition"}
    assert len(out.rejects) == 40 - len(at_home)
    assert f"of 4 by partitioner={partitioner}" in out.rejects[0].detail


def test_a_record_without_key_is_rejected_also_beside_one_with_a_key() -> None:
    home = partition_of("ann", 4)
    out = processed(home, [("ann", b"ann"), ("ann", None), ("ann", b"ann")], "murmur2", 4)
    assert [reject.code for reject in out.rejects] == ["missing_key"]
    assert [write.user for write in out.writes] == ["ann"]
    assert processed(0, [("ann", None)], "murmur2", 1).rejects[0].code == "missing_key"


@pytest.mark.parametrize(("keyed", "code"), [(True, "wrong_partition"), (False, "missing_key")])
def test_a_record_that_is_rejected_moves_no_time(keyed: bool, code: str) -> None:
    """It would make punctual events of others late."""
    settings = Settings(partitions=4, clock="events")
    partition = (partition_of("ann", 4) + 1) % 4
    placed = Placement(partition, 4, "murmur2")
    processor = PartitionProcessor(partition, settings, Rules(settings), MemoryStore(), 10, placed)
    stray = Record(
        0, b"ann" if keyed else None, encode(Dislike(user_id="ann", ts=NOW, action="hide", content_id="c")), NOW
    )
    processor.receive("dislikes", [stray, Record(1, None, encode(Watermark(NOW - 9)), NOW)], NOW)
    for name in ("impressions", "plays", "feedback"):
        processor.receive(name, [Record(0, None, encode(Watermark(NOW)), NOW)], NOW)
    assert [reject.code for reject in processor.process(NOW, dict.fromkeys(NAMES, NOW), 100).rejects] == [code]
    assert processor.clock.watermark == NOW - 9


@pytest.mark.parametrize("home", [True, False], ids=["where the user belongs", "elsewhere"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_an_erasure_deletes_a_document_only_where_one_may_be(home: bool, known: bool) -> None:
    """Redis goes by the offsets of a user's outbox records: a needless one, farther on, would outrank the true ones."""
    partition = partition_of("ann", 4) if home else (partition_of("ann", 4) + 1) % 4
    settings = Settings(partitions=4)
    store = MemoryStore()
    if known:
        store.put("ann", "w", b"x")
    processor = PartitionProcessor(partition, settings, Rules(settings), store, 10, Placement(partition, 4, "murmur2"))
    processor.receive("erasures", [Record(0, b"ann", encode(Erasure("ann", 5)), 5)], 10)
    out = processor.process(10, {}, 100)
    assert [write.user for write in out.writes] == (["ann"] if home or known else [])
    assert [change.user for change in processor.take_changes()] == ["ann"]
