"""SignalProducer.deliver on a broker: what it says is there is there, and a broken producer says that it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka.errors import TopicAuthorizationFailedError

from streamer.embedded import EmbeddedBroker
from streamer.errors import DeliveryError, InvalidEvent
from streamer.events import Erasure, Event, Play
from streamer.producing import SignalProducer
from streamer.settings import Topics
from tests.integration.test_producer import TS, records

DEADLINE_S = 30.0


def play(user: str) -> Play:
    return Play(user_id=user, ts=TS, content_id="c")


def test_events_and_erasures_are_in_kafka_when_it_returns(embedded_broker: EmbeddedBroker, prefix: str) -> None:
    topics = Topics(prefix)
    with SignalProducer(brokers=embedded_broker.bootstrap, topic_prefix=prefix) as producer:
        given: list[Event | Erasure] = [play("ann"), Erasure("ann", TS), play("ben")]
        assert producer.deliver(given, DEADLINE_S) == [None] * 3
        assert {key for _, key, _ in records(embedded_broker, topics.plays)} == {b"ann", b"ben"}
        erased = records(embedded_broker, topics.erasures)
        assert [partition for partition, _, _ in erased] == list(range(embedded_broker.partitions))
        with pytest.raises(InvalidEvent):
            producer.deliver([play("cat"), Erasure("cat", -1)], DEADLINE_S)
        assert len(records(embedded_broker, topics.plays)) == 2
        assert not producer.is_broken
    assert producer.is_broken


def test_callers_share_a_producer(embedded_broker: EmbeddedBroker, prefix: str) -> None:
    with (
        SignalProducer(brokers=embedded_broker.bootstrap, topic_prefix=prefix, max_pending=5) as producer,
        ThreadPoolExecutor(4) as pool,
    ):
        calls = [pool.submit(producer.deliver, [play(f"u{n}-{k}") for k in range(50)], DEADLINE_S) for n in range(4)]
        assert [call.result() for call in calls] == [[None] * 50] * 4
    assert len(records(embedded_broker, Topics(prefix).plays)) == 200


def test_a_broker_that_is_away_ends_the_call_with_its_deadline_and_is_no_others_error(prefix: str) -> None:
    broker = EmbeddedBroker()
    producer = SignalProducer(brokers=broker.bootstrap, topic_prefix=prefix, delivery_timeout=2.0)
    assert producer.deliver([play("ann")], DEADLINE_S) == [None]
    broker.close()
    ann, ben = producer.deliver([play("ann"), play("ben")], 0.5)
    assert "may take it yet" in str(ann)
    assert "may take it yet" in str(ben)
    producer.close()


def test_a_fatal_error_breaks_a_producer_for_good_and_the_next_one_is_whole(
    embedded_broker: EmbeddedBroker, prefix: str
) -> None:
    producer = SignalProducer(brokers=embedded_broker.bootstrap, topic_prefix=prefix)
    producer._kafka._transaction_manager.transition_to_fatal_error(TopicAuthorizationFailedError("plays"))
    assert producer.is_broken
    [refused] = producer.deliver([play("ann")], DEADLINE_S)
    assert "with a new one" in str(refused)
    with pytest.raises(DeliveryError, match="with a new one"):
        producer.send(play("ann"))
    producer.close()
    with SignalProducer(brokers=embedded_broker.bootstrap, topic_prefix=prefix) as another:
        assert another.deliver([play("ann")], DEADLINE_S) == [None]
    assert len(records(embedded_broker, Topics(prefix).plays)) == 1


def test_one_without_its_id_is_closed_without_waiting_for_what_it_will_never_send(
    embedded_broker: EmbeddedBroker, prefix: str
) -> None:
    producer = SignalProducer(brokers=embedded_broker.bootstrap, topic_prefix=prefix, linger=DEADLINE_S)
    producer.send(play("ann"))
    producer.flush()
    producer.send(play("ben"))
    producer._kafka._transaction_manager.reset_producer_id()  # as kafka-python does when a batch expires in a retry
    assert producer.is_broken
    with pytest.raises(DeliveryError, match="1 event was not taken by the broker, first because of"):
        producer.close(timeout=3600)
