"""Whose state it is: what a mark says, how the newest is found, and who is refused."""

from __future__ import annotations

import msgspec
import pytest

from streamer.engine.kafka.producer import NewRecord
from streamer.engine.state.changelog import MARK_KEY
from streamer.engine.state.ownership import hold_to, newest_marks
from streamer.engine.state.store import MARK_VERSION, Mark, decode_mark, encode_mark
from streamer.errors import StateForeign
from streamer.events import Dislike
from streamer.settings import Settings
from streamer.testing.broker import PARTITION, MemoryBroker, MemoryScanner
from streamer.testing.worker import finished
from tests.unit.memory_job import MemoryJob

NOW = 1_760_000_000_000
OURS = Settings(group="ours", partitions=4)


def mark_of(group: str = "ours", partitions: int = 4, watermark: int = 5) -> Mark:
    return Mark(MARK_VERSION, watermark, {}, 0, partitions=partitions, group=group)


def newest_in(broker: MemoryBroker) -> Mark | None:
    return finished(newest_marks(MemoryScanner(broker), "streamer-state", [PARTITION])).get(PARTITION)


def written(*records: tuple[bytes, bytes | None]) -> MemoryBroker:
    broker = MemoryBroker()
    broker.append("streamer-state", [NewRecord(key, value) for key, value in records])
    return broker


# --- what a mark says --------------------------------------------------------------------------------------------


def test_a_mark_from_before_it_named_its_group_is_read_and_anybodys() -> None:
    stored = bytes.fromhex("970205 81a5706c61797303 07 01 a26162 09".replace(" ", ""))
    mark = decode_mark(stored)
    assert mark == Mark(2, 5, {"plays": 3}, 7, 1, "ab", 9, partitions=0, group="")
    hold_to(OURS, [mark, None])


def test_a_reader_from_before_reads_a_mark_of_today() -> None:
    class Before(msgspec.Struct, array_like=True):
        version: int
        watermark: int
        newest: dict[str, int]
        outbox_end: int
        journal_begin: int = 0
        lineage: str = ""
        changelog_begin: int = 0

    assert msgspec.msgpack.decode(encode_mark(mark_of()), type=Before).watermark == 5


def test_a_checkpoint_says_whose_it_is_and_of_how_many_partitions() -> None:
    job = MemoryJob(Settings(group="ours"), NOW)
    job.produce("dislikes", Dislike(user_id="ann", ts=NOW, action="block", scope="creator", creator_id="c"))
    job.run()
    job.checkpoint()
    mark = newest_in(job.broker)
    assert mark is not None
    assert (mark.group, mark.partitions) == ("ours", 1)
    job.start()
    assert job.store.mark == mark


# --- the newest ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1_999, 2_000, 25_000])
def test_the_newest_mark_is_found_however_much_follows_it(after: int) -> None:
    marks = [(MARK_KEY, encode_mark(mark_of(watermark=watermark))) for watermark in (1, 2)]
    found = newest_in(written(*marks, *[(b"h|u", b"x")] * after))
    assert found == mark_of(watermark=2)


@pytest.mark.parametrize("records", [0, 5, 30_000])
def test_without_a_mark_there_is_none(records: int) -> None:
    assert newest_in(written(*[(b"h|u", b"x")] * records)) is None


# --- who is refused -------------------------------------------------------------------------------------------------


def test_another_group_is_refused_and_told_what_to_do() -> None:
    with pytest.raises(StateForeign) as refused:
        hold_to(OURS, [mark_of(), mark_of("theirs")])
    told = str(refused.value)
    assert "belong to group 'theirs'" in told
    assert "another topic_prefix" in told
    assert "former_group=theirs" in told
    assert "\n" not in told


def test_the_former_group_is_no_stranger_but_a_third_one_is() -> None:
    ours = OURS.model_copy(update={"former_group": "theirs"})
    hold_to(ours, [mark_of(), mark_of("theirs")])
    with pytest.raises(StateForeign):
        hold_to(ours, [mark_of("third")])


@pytest.mark.parametrize("before", [2, 8])
def test_another_number_of_partitions_is_refused_and_told_what_to_do(before: int) -> None:
    with pytest.raises(StateForeign) as refused:
        hold_to(OURS, [mark_of(partitions=before)])
    assert f"written for {before} partitions, the topics have 4" in str(refused.value)
    assert "anew under another topic_prefix" in str(refused.value)
