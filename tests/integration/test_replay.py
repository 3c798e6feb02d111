"""A replay through the real producer into a broker."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from streamer.embedded import EmbeddedBroker
from streamer.events import EVENT_TYPES, EventDecoder, Watermark
from streamer.producing import SignalProducer
from streamer.replay.datasets import kuairand
from streamer.replay.replay import Replay
from streamer.settings import load
from tests.data import FIXTURES

LATER_THAN_ALL = 1 << 42


def test_a_replay_puts_every_event_on_its_topic_and_ends_every_partition_with_a_watermark(
    embedded_broker: EmbeddedBroker, prefix: str, tmp_path: Path
) -> None:
    settings = load(
        brokers=embedded_broker.bootstrap,
        partitions=embedded_broker.partitions,
        topic_prefix=prefix,
        declare_topics=False,
        data_dir=tmp_path,
    )
    source = FIXTURES / "kuairand"
    recording = list(kuairand.events(source))
    with SignalProducer(settings) as producer:
        done = Replay("kuairand", recording, producer, settings, source=source, as_is=True).run()
    assert done.delivered == len(recording)
    received = set()
    with closing(
        KafkaConsumer(bootstrap_servers=settings.brokers, enable_auto_commit=False, api_version=(2, 3))
    ) as consumer:
        for topic, name in zip(EVENT_TYPES, settings.topics.sources, strict=True):
            decoder = EventDecoder(topic, max_future_ms=0)
            partitions = [TopicPartition(name, n) for n in range(settings.partitions)]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            last: dict[int, object] = {}
            while any(consumer.position(each) < ends[each] for each in partitions):
                for records in consumer.poll(timeout_ms=1000).values():
                    for record in records:
                        event = decoder.decode(record.key, record.value, LATER_THAN_ALL)
                        last[record.partition] = event
                        if not isinstance(event, Watermark):
                            received.add((topic, event))
            settle_ms = (settings.session_gap + settings.grace + 1) * 1000
            assert last == {each.partition: Watermark(recording[-1][1].ts + settle_ms) for each in partitions}
    assert received == set(recording)
