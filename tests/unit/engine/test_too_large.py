"""What is larger than its topic takes is cut, or left out and counted, and everybody else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.producer.transaction_manager import PidAndEpoch
from aiokafka.structs import TopicPartition

from streamer.engine.kafka.appending import append
from streamer.engine.kafka.identities import Identities
from streamer.engine.kafka.producer import BatchProducer, NewRecord, Sent
from streamer.engine.kafka.sender import BUILDER_BYTES, Sender
from streamer.engine.metrics import Metrics
from streamer.engine.partition.output import OutputWriter, Pending
from streamer.engine.partition.work import Output, Write
from streamer.engine.state.changelog import JournalWriter
from streamer.engine.state.lookup import profile_in
from streamer.engine.state.store import MemoryStore, UserChange
from streamer.events import Dislike, Event, Play, encode
from streamer.profile import Rules
from streamer.scoring import document
from streamer.scoring.cutting import strongest_half
from streamer.scoring.document import Avoid, Document
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker, MemoryProducer
from streamer.testing.worker import MemoryWorker, finished

NOW = 1_760_000_000_000
TP = TopicPartition("state", 0)
SETTINGS = Settings(partitions=1)


class Refused:
    """A batch that the broker does not take."""

    def __await__(self) -> Generator[None, None, Any]:
        yield
        raise MessageSizeTooLargeError


class SmallTopics(MemoryProducer):
    """Topics take so many bytes of keys and values in a batch; what is sent together is one, as in Kafka.

    Attributes:
        most: by topic; others take everything.
    """

    most: dict[str, int]

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        batch = [entry for group in groups for entry in group]
        size = sum(len(entry.key or b"") + len(entry.value or b"") for entry in batch)
        if size > self.most.get(topic, size):
            return [Sent(Refused(), len(batch))]
        return await super().send(topic, partition, [batch])


def small(broker: MemoryBroker, **most: int) -> SmallTopics:
    producer = SmallTopics(broker)
    producer.most = most
    return producer


# --- appending ------------------------------------------------------------------------------------------------


def test_what_stands_in_a_batch_with_a_group_that_is_too_large_is_appended_all_the_same() -> None:
    broker, metrics = MemoryBroker(), Metrics()
    groups = [[NewRecord(b"a", b"1"), NewRecord(b"a", b"2")], [NewRecord(b"b", b"x" * 99)], [NewRecord(b"c", b"3")]]
    ends = finished(append(small(broker, t=50), "t", 0, groups, "state_bytes", metrics))
    assert ends == [2, None, 3]
    assert [record.value for record in broker.logs["t"]] == [b"1", b"2", b"3"]
    assert metrics.registry.get_sample_value("streamer_dropped_evidence_total", {"cap": "state_bytes"}) == 1


def test_of_journal_records_that_stand_in_another_order_no_offset_is_told_that_would_let_one_be_deleted() -> None:
    class OneByOne(SmallTopics):
        """The second batch arrives before what was in the first is sent again."""

        async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
            groups = list(groups)
            if len(groups) < 3:
                return await super().send(topic, partition, groups)
            late = await super().send(topic, partition, groups[2:])
            await late[0].done
            return [Sent(Refused(), 2), late[0]]

    producer = OneByOne(MemoryBroker())
    producer.most = {}
    changes = [UserChange(user, {}, None, user.encode()) for user in ("ann", "bob", "cid")]
    placed, end = finished(JournalWriter(producer, "j").write(0, changes))
    assert ([offset for _, offset in placed], end) == ([0, 0, 0], 3)


def test_a_batch_larger_than_any_is_refused_before_it_is_sent_and_what_is_around_it_is_sent() -> None:
    class Taking(AIOKafkaProducer):
        def __del__(self) -> None:
            """It was never started."""

        async def send_batch(self, batch: Any, _topic: str, *, partition: int) -> asyncio.Future[int]:
            done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            done.set_result(batch.record_count())
            return done

    async def sent() -> list[object]:
        producer = BatchProducer(Settings())
        producer._outputs = Sender(Taking(max_batch_size=BUILDER_BYTES), Identities(0))
        groups = [[NewRecord(b"a", b"1")], [NewRecord(b"b", b"x" * BUILDER_BYTES)], [NewRecord(b"c", b"2")]]
        batches = await producer.send("outbox", 0, groups)
        return await asyncio.gather(*(_result(batch.done) for batch in batches), return_exceptions=True)

    first, second, third = asyncio.run(sent())
    assert isinstance(second, MessageSizeTooLargeError)
    assert (first, third) == (1, 1)


async def _result(done: Awaitable[Any]) -> Any:
    return await done


@pytest.mark.parametrize("error", [None, MessageSizeTooLargeError()])
def test_a_batch_refused_for_its_size_takes_no_sequence_numbers(error: Exception | None) -> None:
    async def numbers() -> list[int]:
        identities, found = Identities(0), []
        for fails in (error, None, None):
            batch = SimpleNamespace(future=asyncio.get_running_loop().create_future(), record_count=5)
            identities._queued = {TP: [batch]}
            identities.handed_over(TP)
            found.append(identities.sequence_number(TP))
            identities.increment_sequence_number(TP, 5)
            batch.future.set_result(None) if fails is None else batch.future.set_exception(fails)
            batch.future.exception()
        return found

    assert asyncio.run(numbers()) == ([0, 5, 10] if error is None else [0, 0, 5])


def test_with_a_claim_the_own_id_is_another_as_nobody_knows_how_much_was_counted_under_the_one_before() -> None:
    async def numbers() -> tuple[bool, list[int]]:
        identities, claimed = Identities(0), TopicPartition("state", 0)
        identities.set_pid_and_epoch(7, 0)
        identities.claim([claimed], PidAndEpoch(8, 0))
        for tp in (claimed, TopicPartition("rejects", 0)):
            identities.sequence_number(tp)
            identities.increment_sequence_number(tp, 5)
        identities.begin_anew()
        return identities.has_pid(), [identities.sequence_number(tp) for tp in (claimed, TopicPartition("rejects", 0))]

    assert asyncio.run(numbers()) == (False, [5, 0])


# --- the whole job ----------------------------------------------------------------------------------------------


class Job:
    """A worker whose topics are small."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **most: int) -> None:
        names = SETTINGS.topics
        limits = {"state": names.state, "journal": names.journal, "avoid": names.avoid_lists}
        self.most = {limits[name]: size for name, size in most.items()}
        self.broker = MemoryBroker()
        monkeypatch.setattr("streamer.testing.worker.MemoryProducer", self._producer)
        self.restart()

    def _producer(self, broker: MemoryBroker) -> SmallTopics:
        producer = SmallTopics(broker)
        producer.most = self.most
        return producer

    def restart(self) -> None:
        self.worker = MemoryWorker(SETTINGS, Rules(SETTINGS), self.broker, MemoryStore(), lambda: NOW + 60_000, 100)

    def send(self, *events: Event) -> None:
        for event in events:
            topic = "plays" if isinstance(event, Play) else "dislikes"
            self.broker.append(topic, [NewRecord(event.user_id.encode(), encode(event))])
        self.worker.work()
        self.worker.checkpoint()

    def dropped(self, cap: str) -> float:
        registry = self.worker.context.metrics.registry
        return registry.get_sample_value("streamer_dropped_evidence_total", {"cap": cap}) or 0

    def written(self, user: str) -> Document | None:
        newest = [record.value for record in self.broker.logs["avoid-lists"] if record.key == user.encode()][-1]
        return None if newest is None else document.decode(newest)

    def saved(self, user: str) -> Document | None:
        self.restart()
        return profile_in(self.worker.store, user, Rules(SETTINGS)).document()


def plays(user: str, many: int) -> list[Play]:
    return [Play(user_id=user, ts=NOW + n, content_id=f"c{n}", played_s=9.0, duration_s=90.0) for n in range(many)]


def blocks(user: str, many: int, begin: int = 0) -> list[Dislike]:
    return [
        Dislike(user_id=user, ts=NOW + number, action="block", scope="creator", creator_id=f"creator-{number:03}")
        for number in range(begin, begin + many)
    ]


def test_a_document_that_the_outbox_does_not_take_is_cut_to_its_strongest_entries(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job = Job(monkeypatch, avoid=8_000)
    job.send(*blocks("loud", 100), *blocks("ann", 1))
    loud, ann = job.written("loud"), job.written("ann")
    assert loud is not None
    assert ann is not None
    assert [entry.value for entry in ann.entries] == ["creator-000"]
    assert 5 < len(loud.entries) < 25
    assert loud.entries[0].value == "creator-099"  # the newest
    assert set(loud.avoid.creators) == {entry.value for entry in loud.entries}
    assert job.dropped("document_bytes") == 100 - len(loud.entries)
    assert "'loud'" in caplog.text


def test_a_document_of_which_not_one_entry_fits_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(monkeypatch, avoid=10)
    job.send(*blocks("ann", 3))
    job.send(*blocks("bob", 1))
    assert job.dropped("document_bytes") == 4
    assert job.broker.committed["dislikes"] == 4


def test_not_even_an_empty_document_is_lost_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    writer = OutputWriter(small(MemoryBroker(), **{SETTINGS.topics.avoid_lists: 10}), SETTINGS.topics, metrics)
    pending, empty = Pending(), strongest_half(Document(1, "ann", NOW, None, Avoid(), (), {}))
    finished(writer.write(0, Output(writes=[Write("ann", document.encode(empty), None)]), pending))
    assert finished(writer.settle(0, pending.take(), pending, lambda _: empty)) == 0
    assert metrics.registry.get_sample_value("streamer_dropped_evidence_total", {"cap": "document_bytes"}) == 1
    assert "'ann'" in caplog.text


def test_a_user_that_the_changelog_does_not_take_is_as_last_saved_after_a_restart_and_all_others_are_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = Job(monkeypatch)
    job.send(*blocks("loud", 3))
    job.most[SETTINGS.topics.state] = 2_000
    job.most[SETTINGS.topics.journal] = 2_000
    job.send(*blocks("loud", 100, begin=3), *blocks("ann", 1))
    assert job.dropped("state_bytes") + job.dropped("journal_bytes") >= 1
    assert len(job.written("loud").entries) == 103  # type: ignore[union-attr]
    saved = job.saved("loud")
    assert saved is not None
    assert len(saved.entries) == 3
    assert job.saved("ann") is not None


def test_what_the_changelog_did_not_take_goes_with_the_users_next_change(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(monkeypatch, state=2_000)
    job.send(*blocks("loud", 100))
    assert job.dropped("state_bytes") == 1
    job.most.clear()
    job.send(*blocks("loud", 1, begin=100))
    saved = job.saved("loud")
    assert saved is not None
    assert len(saved.entries) == 101


def test_a_journal_that_takes_nothing_is_not_read_from_its_beginning_again(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(monkeypatch)
    job.send(*plays("ann", 3))
    assert job.worker.store.mark is not None
    begun = len(job.broker.logs[SETTINGS.topics.journal])
    assert begun > 0
    job.most[SETTINGS.topics.journal] = 1
    job.send(*plays("bob", 3))
    assert job.dropped("journal_bytes") == 1
    assert job.worker.store.journal.end == begun
    assert [job.worker.store.journal._kept[user].first for user in ("ann", "bob")] == [0, begun]


def test_the_weaker_half_of_a_document_goes_first() -> None:
    job_document = document.decode(
        b'{"schema":1,"user_id":"u","as_of":1,"cohort":null,"avoid":{"creators":["a"],"tags":["t"],'
        b'"duration_max_seconds":60,"content_ids":[]},"entries":['
        + b",".join(
            [
                _entry("creator", '"a"', "hard", 0.0),
                _entry("tag", '"t"', "strong", 0.2),
                _entry("tag", '"s"', "soft", 0.6),
                _entry("duration", "60", "soft", 0.5),
            ]
        )
        + b'],"completion":{}}'
    )
    half = strongest_half(job_document)
    assert [entry.value for entry in half.entries] == ["a", "t"]
    assert (half.avoid.creators, half.avoid.tags, half.avoid.duration_max_seconds) == (("a",), ("t",), None)
    assert strongest_half(strongest_half(half)).entries == ()


def _entry(kind: str, value: str, tier: str, multiplier: float) -> bytes:
    return (
        f'{{"kind":"{kind}","value":{value},"context":null,"tier":"{tier}","multiplier":{multiplier},"log_odds":null,'
        '"reasons":[],"evidence":{},"since":1,"expires_at":null}'
    ).encode()
