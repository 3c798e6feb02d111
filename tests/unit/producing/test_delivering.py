"""Delivering: each event's own outcome, one deadline for all, and room that is given back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace

import pytest
from kafka import TopicPartition
from kafka.errors import BrokerResponseError, KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata

from streamer.errors import DeliveryError
from streamer.producing import delivering
from streamer.producing.deliveries import Deliveries
from streamer.producing.delivering import Record, deliver


class Kafka:
    """A KafkaProducer whose broker says of each record what it is told to."""

    def __init__(self, say: Callable[[Record, FutureProduceResult], None]) -> None:
        self._say = say
        self.known = True
        self.blocked_ms: list[float] = []
        self.sent: list[tuple[Record, FutureProduceResult]] = []

    def _wait_on_metadata(self, topic: str, max_wait_ms: float) -> None:
        self.blocked_ms.append(max_wait_ms)
        if not self.known:
            raise KafkaTimeoutError("no metadata")

    def send(self, topic: str, value: bytes, key: bytes, *, partition: int) -> FutureRecordMetadata:
        record = Record(topic, partition, key, value)
        result = FutureProduceResult(TopicPartition(topic, partition))
        future = FutureRecordMetadata(result, 0, 0, None, len(key), len(value), -1)
        self._say(record, result)
        self.sent.append((record, result))
        return future


def ack(_: Record, result: FutureProduceResult) -> None:
    result.success((5, -1, None))


def silent(_: Record, __: FutureProduceResult) -> None:
    pass


def events(*keys: str) -> list[list[Record]]:
    return [[Record("plays", 0, key.encode(), b"{}")] for key in keys]


def told(outcomes: Sequence[DeliveryError | None]) -> list[str]:
    return ["" if each is None else str(each) for each in outcomes]


def given(kafka: Kafka, of: list[list[Record]], seconds: float = 30.0, room: int = 100) -> list[str]:
    return told(deliver(kafka, Deliveries(room), of, time.monotonic() + seconds))  # type: ignore[arg-type]


def free(deliveries: Deliveries) -> int:
    """How many more it has room for."""
    found = 0
    while deliveries.has_room(0):
        found += 1
    return found


def test_a_failure_is_told_of_the_event_that_it_befell() -> None:
    def say(record: Record, result: FutureProduceResult) -> None:
        if record.key == b"large":
            raise MessageSizeTooLargeError("too large")
        if record.key == b"lost":
            result.failure(BrokerResponseError("not taken"))
        else:
            ack(record, result)

    ann, lost, ben, large, cat = given(Kafka(say), events("ann", "lost", "ben", "large", "cat"))
    assert (ann, ben, cat) == ("", "", "")
    assert "was not taken by the broker" in lost
    assert "not taken" in lost
    assert "was not sent" in large
    assert "too large" in large


def test_nothing_acked_ends_with_the_deadline_and_says_what_was_not_even_sent() -> None:
    kafka, deliveries = Kafka(silent), Deliveries(2)
    outcomes = told(deliver(kafka, deliveries, events("a", "b", "c", "d"), time.monotonic() + 0.2))  # type: ignore[arg-type]
    assert [record.key for record, _ in kafka.sent] == [b"a", b"b"]
    assert ["may take it yet" in each for each in outcomes] == [True, True, False, False]
    assert ["was not sent" in each for each in outcomes] == [False, False, True, True]
    assert max(kafka.blocked_ms) <= 200
    for _, result in kafka.sent:
        result.success((5, -1, None))
    assert free(deliveries) == 2


def test_sending_has_the_same_deadline_as_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(delivering, "time", SimpleNamespace(monotonic=lambda: clock.now))

    def slow(_: Record, __: FutureProduceResult) -> None:
        clock.now += 2

    kafka = Kafka(slow)
    outcomes = told(deliver(kafka, Deliveries(10), events("a", "b", "c", "d"), 103.0))  # type: ignore[arg-type]
    assert kafka.blocked_ms == [3000, 1000]
    assert ["was not sent" in each for each in outcomes] == [False, False, True, True]


def test_partitions_that_are_not_known_are_waited_for_no_longer_than_is_left() -> None:
    kafka, deliveries = Kafka(ack), Deliveries(1)
    kafka.known = False
    outcomes = told(deliver(kafka, deliveries, events("a", "b"), time.monotonic() + 5))  # type: ignore[arg-type]
    assert all("was not sent (KafkaTimeoutError: no metadata)" in each for each in outcomes)
    assert (kafka.sent, max(kafka.blocked_ms) <= 5000, free(deliveries)) == ([], True, 1)


def test_threads_get_their_own_errors() -> None:
    def say(record: Record, result: FutureProduceResult) -> None:
        if record.value == b"bad":
            result.failure(BrokerResponseError(record.key.decode()))
        else:
            ack(record, result)

    kafka, deliveries, ready = Kafka(say), Deliveries(3), Barrier(2)

    def of(caller: str, every: int) -> list[str]:
        records = [
            [Record("plays", 0, f"{caller}-{number}.".encode(), b"good" if number % every else b"bad")]
            for number in range(300)
        ]
        ready.wait(10)
        return told(deliver(kafka, deliveries, records, time.monotonic() + 30))  # type: ignore[arg-type]

    with ThreadPoolExecutor(2) as pool:
        ann, ben = pool.submit(of, "ann", 3), pool.submit(of, "ben", 7)
    for caller, every, outcomes in (("ann", 3, ann.result()), ("ben", 7, ben.result())):
        assert [number for number, each in enumerate(outcomes) if each] == list(range(0, 300, every))
        assert all(f"{caller}-{number}." in each for number, each in enumerate(outcomes) if each)
    deliveries.surface()  # nothing is left for others to be told
    assert free(deliveries) == 3


@pytest.mark.parametrize("error", [KafkaError("away"), BrokerResponseError("refused")])
def test_room_is_given_back_whatever_becomes_of_an_event(error: KafkaError) -> None:
    def fails(_: Record, result: FutureProduceResult) -> None:
        result.failure(error)

    def raises(_: Record, __: FutureProduceResult) -> None:
        raise error

    for say in (ack, fails, raises):
        assert len(given(Kafka(say), events("a", "b", "c"), room=1)) == 3


@pytest.mark.parametrize("error", [AssertionError("Unrecognized partition"), KeyboardInterrupt()])
def test_an_error_that_is_none_of_kafkas_is_raised_and_takes_no_room(error: BaseException) -> None:
    def raises(_: Record, __: FutureProduceResult) -> None:
        raise error

    deliveries = Deliveries(1)
    with pytest.raises(type(error)):
        deliver(Kafka(raises), deliveries, events("a"), time.monotonic() + 5)  # type: ignore[arg-type]
    assert free(deliveries) == 1


def test_an_event_of_many_records_is_delivered_only_with_each_of_them() -> None:
    def say(record: Record, result: FutureProduceResult) -> None:
        if (record.key, record.partition) == (b"ben", 2):
            result.failure(BrokerResponseError("partition 2"))
        else:
            ack(record, result)

    erasures = [[Record("erasures", partition, key, b"{}") for partition in range(4)] for key in (b"ann", b"ben")]
    kafka = Kafka(say)
    ann, ben = given(kafka, erasures)
    assert (ann, "partition 2" in ben) == ("", True)
    assert [record.partition for record, _ in kafka.sent] == [0, 1, 2, 3] * 2
