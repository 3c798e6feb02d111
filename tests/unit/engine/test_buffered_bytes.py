"""What waits is bounded by bytes as well as by number, whatever kind of record it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.engine.kafka.records import Batch, Record
from streamer.engine.partition.inbox import Inbox
from streamer.engine.partition.output import OutputWriter, Pending
from streamer.engine.partition.watermark import Lane
from streamer.engine.partition.work import LabelWrite, Output, Reject
from streamer.engine.state.store import MemoryStore
from streamer.events import EventDecoder, Impression, encode
from streamer.events.tags import normal_tags, tags_that_count
from streamer.profile import Rules
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker
from streamer.testing.worker import MemoryWorker, finished

NOW = 1_760_000_000_000
LARGE = 60_000
SETTINGS = Settings(partitions=1, buffer_bytes=5 * LARGE)


def large(number: int, ts: int = NOW) -> bytes:
    return encode(Impression(user_id="u", ts=ts, content_id=f"c{number}"))[:-1] + b',"x":"' + b"x" * LARGE + b'"}'


def worker(broker: MemoryBroker) -> MemoryWorker:
    return MemoryWorker(SETTINGS, Rules(SETTINGS), broker, MemoryStore(), lambda: NOW + 60_000, 100)


def batch(begin: int, many: int, value: bytes | None = None) -> Batch:
    return Batch(Record(n, b"u", value or large(n), NOW) for n in range(begin, begin + many))


def held(job: MemoryWorker) -> set[str]:
    return job.consumer._held


def test_a_topic_of_large_events_is_held_long_before_it_has_many_and_fetched_again_when_they_are_processed() -> None:
    job = worker(MemoryBroker())
    job.assigned.receive("impressions", batch(0, 4))
    assert held(job) == set()
    job.assigned.receive("impressions", batch(4, 2))
    assert held(job) == {"impressions"}
    job.work()
    assert held(job) == set()


def test_so_are_all_topics_if_what_is_to_be_rejected_is_large_and_not_yet_on_its_way() -> None:
    job = worker(MemoryBroker())
    job.assigned.receive("plays", batch(0, 6, b"x" * LARGE))
    assert held(job) == {*SETTINGS.topics.sources, SETTINGS.topics.erasures}
    job.work()
    assert held(job) == set()


def test_and_while_a_partition_is_recovered_too() -> None:
    broker = MemoryBroker()
    job = worker(broker)
    job.assigned.close()
    job.assigned.receive("plays", batch(0, 6))
    assert held(job) == {*SETTINGS.topics.sources, SETTINGS.topics.erasures}


def test_what_waits_for_an_ack_is_saved_before_it_is_much() -> None:
    job = worker(MemoryBroker())
    assert not job.assigned.crowded
    job.assigned.receive("plays", batch(0, 6, b"x" * LARGE))
    job.slice()
    assert job.assigned.crowded
    job.checkpoint()
    assert not job.assigned.crowded


def test_labels_and_rejects_that_wait_for_an_ack_are_weighed() -> None:
    pending = Pending()
    context = worker(MemoryBroker()).context
    writer: OutputWriter = context.output
    reject = Reject("plays", 0, Record(0, b"key", b"value", NOW), "too_large", "")
    finished(writer.write(0, Output(rejects=[reject], labels=[LabelWrite("u", "n", b"label")]), pending))
    assert pending.size == len(b"keyvaluelabel")
    assert (pending.take().size, pending.size) == (0, 0)


@given(st.lists(st.lists(st.integers(1, 300), min_size=1, max_size=4), max_size=6), st.data())
def test_an_inbox_weighs_at_least_what_waits_in_it_and_nothing_once_it_is_empty(
    fetches: list[list[int]], data: st.DataObject
) -> None:
    inbox = Inbox("impressions", "impressions", 0, Lane(), EventDecoder("impressions", 300_000))
    offset = 0
    for sizes in fetches:
        values = [encode(Impression(user_id="u", ts=NOW, content_id="c")) + b" " * size for size in sizes]
        inbox.receive([Record(offset + n, b"u", value, NOW) for n, value in enumerate(values)], NOW)
        offset += len(sizes)
        for _ in range(data.draw(st.integers(0, len(inbox.waiting)))):
            inbox.waiting.popleft()
        inbox.taken()
        waiting = sum(len(record.value or b"") for _, _, record, _ in inbox.waiting)
        assert inbox.size >= waiting
        assert (inbox.size > 0) is (waiting > 0)


@given(st.lists(st.text(max_size=3) | st.sampled_from(["News", " news", "NEWS", "", " "]), max_size=60))
def test_tags_that_do_not_count_make_no_difference_to_normal_forms(tags: list[str]) -> None:
    assert normal_tags(tags_that_count(tuple(tags))) == normal_tags(tuple(tags))


@pytest.mark.parametrize("topic", ["impressions", "plays"])
def test_of_a_long_record_no_more_tags_are_kept_than_count(topic: str) -> None:
    tags = ",".join(f'"{number}"' for number in range(5_000))
    value = f'{{"user_id":"u","ts":{NOW},"content_id":"c","tags":[{tags}]}}'.encode()
    event = EventDecoder(topic, 0).decode(b"u", value, NOW)
    assert getattr(event, "tags", None) == tuple(map(str, range(16)))
