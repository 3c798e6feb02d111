"""What somebody else has written to our topics stops nobody, and what a topic does not take is cut or told."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Sequence

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from streamer.engine.kafka.producer import NewRecord, Sent
from streamer.engine.kafka.records import Record
from streamer.engine.metrics import Metrics
from streamer.engine.partition.inbox import Inbox
from streamer.engine.partition.output import OutputWriter, Pending
from streamer.engine.partition.watermark import Lane
from streamer.engine.partition.work import Output, Reject
from streamer.engine.state import outbox
from streamer.engine.state.changelog import apply_record
from streamer.engine.state.recovery import JournalReplay
from streamer.engine.state.store import MemoryStore
from streamer.events import EventDecoder, Impression, encode
from streamer.settings import Settings

NOW = 1_760_000_000_000
STRANGE = [(b"u1", b"hello"), (b"\xff\xfe", None), (b"\xff|\xfe", b"x"), (None, b"x"), (b"", None), (b"u1", b"{}")]


@pytest.mark.parametrize(("key", "value"), STRANGE)
def test_a_strangers_record_in_the_outbox_is_passed_over(key: bytes | None, value: bytes | None) -> None:
    store = MemoryStore()
    assert not outbox.apply_record(store, Record(7, key, value, 0))
    assert not store.unsaved
    assert outbox.apply_record(store, Record(8, b"~claim", None, 0))


@pytest.mark.parametrize("key", [b"\xff\xfe", b"h|\xff", b"", None, b"nobody", b"|u1", b"h|"])
def test_a_strangers_record_in_the_state_is_passed_over(key: bytes | None) -> None:
    store = MemoryStore()
    assert not apply_record(store, Record(7, key, b"x", 0))
    assert not list(store)
    assert apply_record(store, Record(8, b"~claim", None, 0))


@pytest.mark.parametrize("key", [b"\xff\xfe", b"", None])
def test_a_strangers_record_in_the_journal_is_passed_over(key: bytes | None) -> None:
    assert not JournalReplay(MemoryStore()).apply(Record(7, key, None, 0))


def test_whatever_a_record_makes_decoding_raise_becomes_a_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox("impressions", "impressions", 0, Lane(), EventDecoder("impressions", 300_000))

    class Raises:
        def decode(self, *_: object) -> None:
            raise ZeroDivisionError

    value = encode(Impression(user_id="u", ts=NOW, content_id="c"))
    monkeypatch.setattr(inbox, "_decoder", Raises())
    (reject,) = inbox.receive([Record(0, b"u", value, NOW)], NOW)
    assert reject.code == "poison"
    assert "ZeroDivisionError" in reject.detail
    assert inbox.processed_to == 0


class SmallTopic:
    """A producer to a topic that takes records of so many bytes at most."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken: list[NewRecord] = []

    async def partitions(self, _topic: str) -> int:
        return 1

    async def send(self, _topic: str, _partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        sent = []
        for group in groups:
            done: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
            size = sum(len(each.key or b"") + len(each.value or b"") + _headers(each) for each in group)
            if size > self.most:
                done.set_exception(MessageSizeTooLargeError())
            else:
                self.taken += group
                done.set_result(RecordMetadata("t", 0, None, 0, 0, 0, 0))
            sent.append(Sent(done, len(group)))
        return sent


def _headers(record: NewRecord) -> int:
    return sum(len(name) + len(value) for name, value in record.headers)


def rejected(most: int, value: bytes, key: bytes = b"k") -> SmallTopic:
    topic = SmallTopic(most)
    writer = OutputWriter(topic, Settings().topics, Metrics())  # type: ignore[arg-type]
    reject = Reject("plays", 3, Record(41, key, value, NOW), "malformed_json", "no")

    async def write() -> None:
        pending = Pending()
        await writer.write(3, Output(rejects=[reject]), pending)
        await writer.settle(3, pending.take(), pending, lambda _: None)

    asyncio.run(write())
    return topic


@pytest.mark.parametrize(("most", "kept"), [(200_000, 100_000), (70_000, 65_536), (2_000, 1_024), (500, 0)])
def test_a_reject_is_cut_until_its_topic_takes_it_and_says_what_it_was(most: int, kept: int) -> None:
    value = b"x" * 100_000
    (record,) = rejected(most, value).taken
    assert record.value == value[:kept]
    detail = dict(record.headers)["detail"].decode()
    assert (hashlib.sha256(value).hexdigest() in detail) is (kept < len(value))


def test_a_key_is_cut_too() -> None:
    (record,) = rejected(3_000, b"x", b"k" * 10_000).taken
    assert len(record.key or b"") == 1_024
    assert b"10000 bytes" in dict(record.headers)["detail"]


def test_a_value_that_no_batch_holds_is_cut_before_it_is_sent() -> None:
    (record,) = rejected(1 << 30, b"x" * (20 << 20)).taken
    assert len(record.value or b"") == 8 << 20


def test_what_even_that_topic_does_not_take_is_stepped_over_and_told_with_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        assert rejected(10, b"x" * 100).taken == []
    assert "plays[3]@41 is stepped over" in caplog.text
