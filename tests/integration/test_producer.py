"""SignalProducer: what reaches the topics, what is refused before, and how losses are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

import msgspec
import numpy as np
import pytest
from kafka import KafkaConsumer, TopicPartition

from streamer.embedded import EmbeddedBroker
from streamer.errors import BrokerUnavailable, DeliveryError, InvalidEvent, SettingsError
from streamer.events import Dislike, Feedback, Impression, Play
from streamer.producing import SignalProducer
from streamer.producing.connection import PROTOCOL
from streamer.settings import Topics
from tests.backends.ports import free_port

TS = 1_760_000_000_000


@pytest.fixture
def producer(embedded_broker: EmbeddedBroker, prefix: str) -> Iterator[SignalProducer]:
    with SignalProducer(brokers=embedded_broker.bootstrap, topic_prefix=prefix) as producer:
        yield producer


def records(broker: EmbeddedBroker, topic: str) -> list[tuple[int, bytes | None, object]]:
    """Everything in a topic: partition, key, decoded value."""
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, api_version=PROTOCOL, auto_offset_reset="earliest")
    if topic not in consumer.topics():
        consumer.close()
        return []
    partitions = [TopicPartition(topic, number) for number in range(broker.partitions)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    wanted = sum(consumer.end_offsets(partitions).values())
    found: list[tuple[int, bytes | None, object]] = []
    while len(found) < wanted:
        for batch in consumer.poll(timeout_ms=1000).values():
            found += [(record.partition, record.key, json.loads(record.value)) for record in batch]
    consumer.close()
    return found


def test_each_kind_of_event_reaches_its_topic_keyed_by_user(
    producer: SignalProducer, embedded_broker: EmbeddedBroker, prefix: str
) -> None:
    producer.send(Impression(user_id="zoë", ts=TS, content_id="c1", tags=("Noir",)))
    producer.play(user_id="zoë", ts=TS, content_id="c1", played_s=12.5, duration_s=60)
    producer.dislike(user_id="zoë", ts=TS, action="dislike", scope="tag", tag="noir")
    producer.feedback(user_id="zoë", ts=TS, kind="like", content_id="c1")
    producer.erase("zoë", TS)
    producer.flush()
    topics, key = Topics(prefix), "zoë".encode()
    common = {"user_id": "zoë", "ts": TS}
    sent = {
        topics.impressions: common | {"content_id": "c1", "tags": ["Noir"]},
        topics.plays: common | {"content_id": "c1", "played_s": 12.5, "duration_s": 60.0},
        topics.dislikes: common | {"action": "dislike", "scope": "tag", "tag": "noir"},
        topics.feedback: common | {"kind": "like", "content_id": "c1"},
        topics.erasures: common,
    }
    found = {topic: records(embedded_broker, topic) for topic in sent}
    assert {topic: [(record[1], record[2]) for record in of_topic] for topic, of_topic in found.items()} == {
        topic: [(key, value)] * (embedded_broker.partitions if topic == topics.erasures else 1)
        for topic, value in sent.items()
    }
    erased = found.pop(topics.erasures)
    assert len({of_topic[0][0] for of_topic in found.values()}) == 1  # all of a user in one partition
    assert [record[0] for record in erased] == list(range(embedded_broker.partitions))  # whoever sent what where


def test_fields_may_be_numpys_numbers_and_any_collection(
    producer: SignalProducer, embedded_broker: EmbeddedBroker, prefix: str
) -> None:
    position, share = np.int64(3), np.float32(0.5)
    producer.impression(user_id="ann", ts=TS, content_id="c", position=position, visible_ratio=share, tags={"news"})
    producer.flush()
    ((_, _, sent),) = records(embedded_broker, Topics(prefix).impressions)
    assert sent == {
        "user_id": "ann", "ts": TS, "content_id": "c", "position": 3, "visible_ratio": 0.5, "tags": ["news"]
    }  # fmt: skip


def test_users_are_partitioned_by_murmur2_as_by_every_kafka_client(
    producer: SignalProducer, embedded_broker: EmbeddedBroker, prefix: str
) -> None:
    for user in ("21", "foobar", "a-little-bit-long-string", "abc"):
        producer.play(user_id=user, ts=TS, content_id="c")
    producer.flush()
    # Hashes as in Apache Kafka's own UtilsTest; partition = (hash & 0x7fffffff) % 4.
    java = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}
    assert {key: partition for partition, key, _ in records(embedded_broker, prefix + "plays")} == {
        key: (hashed & 0x7FFFFFFF) % 4 for key, hashed in java.items()
    }


def test_a_watermark_reaches_every_partition_of_every_source_topic(
    producer: SignalProducer, embedded_broker: EmbeddedBroker, prefix: str
) -> None:
    producer.watermark(TS)
    producer.flush()
    for topic in Topics(prefix).sources:
        assert sorted(records(embedded_broker, topic), key=lambda record: record[0]) == [
            (partition, None, {"watermark": TS}) for partition in range(4)
        ]


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("impression", {"user_id": "ann", "ts": TS}, "missing_field"),
        ("impression", {"user_id": "", "ts": TS, "content_id": "c"}, "out_of_range"),
        ("impression", {"user_id": "ann", "ts": TS, "content_id": "c", "visible_ratio": 1.5}, "out_of_range"),
        ("impression", {"user_id": "ann", "ts": "now", "content_id": "c"}, "wrong_type"),
        ("impression", {"user_id": "ann\ud800", "ts": TS, "content_id": "c"}, "wrong_type"),
        ("impression", {"user_id": "ann", "ts": object(), "content_id": "c"}, "wrong_type"),
        ("impression", {"user_id": "ann", "ts": TS, "content_id": "c", "vissible_ms": 9}, "unknown_value"),
        ("play", {"user_id": "ann", "ts": TS, "content_id": "c", "media": "hologram"}, "unknown_value"),
        ("play", {"user_id": "ann", "ts": 1 << 52, "content_id": "c"}, "from_the_future"),
        ("play", {"user_id": "ann", "ts": TS, "content_id": "c", "tags": ["x" * 200] * 400}, "too_large"),
        ("dislike", {"user_id": "ann", "ts": TS, "action": "dislike", "scope": "tag"}, "missing_field"),
        ("feedback", {"user_id": "ann", "ts": TS, "kind": "rating", "content_id": "c"}, "missing_field"),
        ("feedback", {"user_id": "ann", "ts": TS, "kind": "rating", "content_id": "c", "value": 6}, "out_of_range"),
    ],
)
def test_an_event_that_breaks_its_contract_is_refused_and_not_sent(
    producer: SignalProducer,
    embedded_broker: EmbeddedBroker,
    prefix: str,
    kind: str,
    fields: dict[str, object],
    code: str,
) -> None:
    with pytest.raises(InvalidEvent) as refused:
        getattr(producer, kind)(**fields)
    assert refused.value.code == code
    producer.flush()
    for topic in Topics(prefix).sources:
        assert records(embedded_broker, topic) == []


def test_a_struct_built_with_wrong_values_is_refused_too(producer: SignalProducer) -> None:
    with pytest.raises(InvalidEvent) as refused:
        producer.send(Play(user_id="ann", ts=TS, content_id="c", played_s=-1.0))
    assert refused.value.code == "out_of_range"
    with pytest.raises(InvalidEvent) as refused:
        producer.send(Dislike(user_id="ann", ts=TS, action=msgspec.UNSET, content_id="c"))  # type: ignore[arg-type]
    assert refused.value.code in ("missing_field", "wrong_type")
    with pytest.raises(InvalidEvent) as refused:
        producer.erase("ann", -1)
    assert refused.value.code == "out_of_range"
    with pytest.raises(InvalidEvent) as refused:
        producer.watermark(1 << 52)
    assert refused.value.code == "from_the_future"


def test_events_lost_when_the_broker_goes_away_are_told_with_number_and_cause(prefix: str) -> None:
    broker = EmbeddedBroker()
    producer = SignalProducer(brokers=broker.bootstrap, topic_prefix=prefix, delivery_timeout=2.0)
    producer.feedback(user_id="ann", ts=TS, kind="like", content_id="c0")
    producer.flush()
    broker.close()
    for number in range(3):
        producer.feedback(user_id="ann", ts=TS, kind="like", content_id=f"c{number}")
    with pytest.raises(DeliveryError, match=r"3 events were not taken by the broker, first because of: .+") as lost:
        producer.flush()
    assert lost.value.__cause__ is not None
    producer.flush()  # told once
    # By now kafka-python may have given its producer up for good.
    with pytest.raises(DeliveryError, match=r"1 event was not taken|can send nothing any more"):
        producer.feedback(user_id="ann", ts=TS, kind="like", content_id="c9")
        producer.close()
    with suppress(DeliveryError):
        producer.close()


def test_an_error_inside_the_with_block_is_not_hidden_by_lost_events(prefix: str) -> None:
    broker = EmbeddedBroker()
    with (
        pytest.raises(ZeroDivisionError) as raised,
        SignalProducer(brokers=broker.bootstrap, topic_prefix=prefix, delivery_timeout=2.0) as producer,
    ):
        broker.close()
        producer.send(Feedback(user_id="ann", ts=TS, kind="like", content_id="c"))
        _ = 1 / 0
    assert "1 event was not taken" in "".join(raised.value.__notes__)


def test_events_under_way_are_bounded(embedded_broker: EmbeddedBroker, prefix: str) -> None:
    with SignalProducer(brokers=embedded_broker.bootstrap, topic_prefix=prefix, max_pending=10) as producer:
        for number in range(200):
            producer.play(user_id=f"u{number}", ts=TS, content_id="c")
    assert len(records(embedded_broker, prefix + "plays")) == 200
    broker = EmbeddedBroker()
    producer = SignalProducer(brokers=broker.bootstrap, topic_prefix=prefix, max_pending=2, delivery_timeout=3.0)
    producer.flush()
    broker.close()
    with pytest.raises(DeliveryError):
        for number in range(10):
            producer.play(user_id=f"u{number}", ts=TS, content_id="c")
    with pytest.raises(DeliveryError):
        producer.close()


def test_nobody_answering_is_one_clear_error_within_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMER_BROKER_TIMEOUT", "0.5")
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(BrokerUnavailable, match=f"within 0.5 s .{address}: Connection refused.*STREAMER_BROKERS"):
        SignalProducer(brokers=address)


def test_settings_and_single_values_together_are_refused(embedded_broker: EmbeddedBroker) -> None:
    with pytest.raises(SettingsError, match="topic_prefix"):
        SignalProducer(brokers=embedded_broker.bootstrap, topic_prefix="no spaces")
