"""Topics on a real Kafka: made once, right, and what is wrong with foreign ones is found."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from streamer.errors import BrokerUnavailable, DeliveryError, TopicsError
from streamer.events import Play
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings, load
from tests.backends.choose import Kafka
from tests.backends.ports import free_port
from tests.deployment import make_topic

TS = 1_760_000_000_000


@pytest.fixture
def settings(kafka: Kafka, prefix: str) -> Settings:
    return load(brokers=kafka.bootstrap, topic_prefix=prefix, partitions=3)


def test_missing_topics_are_made_once_and_nothing_is_wrong_with_them(settings: Settings) -> None:
    assert len(topics.check(settings)) == 9
    assert sorted(topics.create(settings)) == sorted(topics.wanted(settings))
    assert topics.check(settings) == []
    assert topics.create(settings) == []


def test_two_who_make_them_at_once_both_succeed_and_each_topic_is_made_once(settings: Settings) -> None:
    with ThreadPoolExecutor() as pool:
        made = [name for names in pool.map(topics.create, [settings] * 3) for name in names]
    assert sorted(made) == sorted(topics.wanted(settings))


@pytest.mark.parametrize("optional", [False, True], ids=["plain", "with labels and population"])
def test_topics_have_the_policies_they_were_asked_for(settings: Settings, optional: bool) -> None:
    settings = settings.model_copy(update={"labels": optional, "population": optional})
    topics.create(settings)
    admin = KafkaAdminClient(bootstrap_servers=settings.brokers)
    wanted = topics.wanted(settings)
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in wanted]
    found = admin.describe_configs(asked)["topic"]
    counts = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(list(wanted))}
    admin.close()
    of_everybody = set(topics.of_one_partition(settings))
    assert counts == {topic: 1 if topic in of_everybody else 3 for topic in wanted}
    assert (settings.topics.labels in counts) is (counts.keys() >= of_everybody) is optional
    assert topics.check(settings) == []
    for topic, configs in wanted.items():
        assert {name: found[topic].get(name, {"value": "delete"})["value"] for name in configs} == configs
    assert wanted[settings.topics.state]["cleanup.policy"] == "compact"
    assert wanted[settings.topics.journal]["retention.ms"] == "-1"
    assert wanted[settings.topics.impressions]["retention.ms"] == str(7 * 86_400_000)


def test_each_missing_topic_is_told_with_what_to_run(settings: Settings) -> None:
    for topic in ("impressions", "plays", "dislikes", "feedback", "erasures", "rejects"):
        make_topic(settings, topic, 3)
    assert topics.check(settings) == [
        f"topic {settings.topic_prefix}{topic} does not exist: run  streamer topics create"
        for topic in ("avoid-lists", "streamer-state", "streamer-journal")
    ]


def test_unequal_partitions_are_found_and_never_papered_over(settings: Settings) -> None:
    make_topic(settings, "plays", 5)
    with pytest.raises(TopicsError) as refused:
        topics.create(settings)
    (problem,) = topics.check(settings)
    assert refused.value.problems == [problem]
    assert "unequal numbers of partitions" in problem
    assert f"{settings.topic_prefix}plays 5" in problem
    assert f"{settings.topic_prefix}impressions 3" in problem


def test_partitions_that_differ_from_the_setting_are_found(settings: Settings) -> None:
    topics.create(settings)
    (problem,) = topics.check(settings.model_copy(update={"partitions": 8}))
    assert problem == "topics have 3 partitions, the setting partitions says 8: set it to 3"


def test_wrong_policies_and_too_short_retention_are_all_found_at_once(settings: Settings) -> None:
    make_topic(settings, "impressions", 3, cleanup_policy="compact")
    make_topic(settings, "plays", 3, retention_ms="60000")
    make_topic(settings, "feedback", 3, retention_ms="-1")  # for ever: fine
    make_topic(settings, "streamer-state", 3)
    make_topic(settings, "streamer-journal", 3, retention_ms="86400000")
    with pytest.raises(TopicsError) as refused:
        topics.create(settings)
    named = {problem.split()[1].removeprefix(settings.topic_prefix): problem for problem in refused.value.problems}
    assert named.keys() == {"impressions", "plays", "streamer-state", "streamer-journal"}
    assert "cleanup.policy=compact" in named["impressions"] and "set it to delete" in named["impressions"]
    assert "keeps events for 60 s" in named["plays"] and "5400 s" in named["plays"]
    assert "open sessions with it" in named["streamer-journal"] and "to -1" in named["streamer-journal"]
    assert "cleanup.policy=delete" in named["streamer-state"] and "set it to compact" in named["streamer-state"]


def test_what_the_broker_refuses_is_told_per_topic(settings: Settings) -> None:
    with pytest.raises(TopicsError) as refused:
        topics.create(settings.model_copy(update={"replication": 3}))
    assert len(refused.value.problems) == 9
    assert all("replication" in problem for problem in refused.value.problems)


def test_nobody_answering_is_one_clear_error_within_the_timeout() -> None:
    settings = load(brokers=f"127.0.0.1:{free_port()}", broker_timeout=0.5)
    for ask in (topics.check, topics.create):
        with pytest.raises(BrokerUnavailable, match=r"no Kafka broker answered within 0\.5 s"):
            ask(settings)


def test_something_that_is_no_kafka_is_told(settings: Settings) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(BrokerUnavailable, match="does not answer as a Kafka broker should"):
            topics.check(settings.model_copy(update={"brokers": address, "broker_timeout": 1.0}))


def test_a_producer_names_all_missing_topics_at_once(settings: Settings) -> None:
    make_topic(settings, "plays", 3)
    with pytest.raises(TopicsError) as refused:
        SignalProducer(settings)
    assert len(refused.value.problems) == 4  # and made none of them
    assert len(topics.check(settings)) == 8


def test_events_reach_a_real_kafka_and_every_watermark_its_partition(settings: Settings) -> None:
    topics.create(settings)
    with SignalProducer(settings) as producer:
        for number in range(300):
            producer.impression(user_id=f"u{number}", ts=TS + number, content_id="c")
        producer.watermark(TS + 300)

    async def read() -> list[bytes]:
        consumer = AIOKafkaConsumer(
            settings.topics.impressions, bootstrap_servers=settings.brokers, auto_offset_reset="earliest"
        )
        async with consumer:
            return [(await consumer.getone()).value for _ in range(303)]

    values = asyncio.run(asyncio.wait_for(read(), 30))
    assert len(set(values)) == 301
    assert values.count(b'{"watermark":%d}' % (TS + 300)) == 3


@pytest.mark.kills("kafka")
def test_events_sent_while_the_broker_is_down_arrive_once_it_is_back(kafka: Kafka, settings: Settings) -> None:
    topics.create(settings)
    with SignalProducer(settings) as producer:
        producer.play(user_id="ann", ts=TS, content_id="before")
        producer.flush()
        kafka.kill()
        for number in range(50):
            producer.play(user_id="ann", ts=TS + number, content_id=f"c{number}")
        kafka.start()

    async def read() -> list[bytes]:
        consumer = AIOKafkaConsumer(
            settings.topics.plays, bootstrap_servers=settings.brokers, auto_offset_reset="earliest"
        )
        async with consumer:
            return [(await consumer.getone()).value for _ in range(51)]

    values = asyncio.run(asyncio.wait_for(read(), 60))
    assert [msgspec.json.decode(value, type=Play).content_id for value in values] == [
        "before",
        *(f"c{number}" for number in range(50)),  # none lost, none twice, none overtaken
    ]


@pytest.mark.kills("kafka")
def test_events_the_broker_never_takes_are_reported(kafka: Kafka, settings: Settings) -> None:
    topics.create(settings)
    producer = SignalProducer(settings, delivery_timeout=2.0)
    kafka.kill()
    producer.play(user_id="ann", ts=TS, content_id="c")
    with pytest.raises(DeliveryError, match="1 event was not taken"):
        producer.close()
