"""Bad input of every kind at once: invariants I1 and I9."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import msgspec
from kafka import KafkaProducer

from streamer.city.disorder import disorder
from streamer.events import REJECT_CODES, Event, Impression, encode
from streamer.partitioning import partition_of
from streamer.producing import SignalProducer
from streamer.settings import Settings
from tests.deployment import records_of, story_of
from tests.processes import wait_for
from tests.system.faults.deployed import Deployed

CULPRIT = "culprit"
EVERY = 100


class Bad(NamedTuple):
    """A record that must be rejected."""

    code: str
    value: bytes
    key: bytes | None = None
    strays: bool = False
    """It is sent to a partition that is not its user's."""


GOOD = b'{"user_id":"u","ts":1760000000000,"content_id":"c"}'
BAD = (
    Bad("malformed_json", b"{"),
    Bad("not_an_object", b"[1]"),
    Bad("missing_field", b'{"user_id":"u","ts":1}'),
    Bad("wrong_type", b'{"user_id":"u","ts":"1","content_id":"c"}'),
    Bad("out_of_range", b'{"user_id":"","ts":1,"content_id":"c"}'),
    Bad("unknown_value", b'{"user_id":"u","ts":1,"content_id":"c","media":"smell"}'),
    Bad("key_mismatch", b'{"user_id":"u","ts":1,"content_id":"c"}', b"v"),
    Bad("too_large", b" " * 65_537),
    Bad("missing_key", GOOD),
    Bad("wrong_partition", GOOD, b"u", strays=True),
    Bad("from_the_future", b'{"user_id":"u","ts":9999999999999,"content_id":"c"}'),
)
"""Records of the topic impressions; the last code, poison, is that of an event at which processing itself raises."""


def test_every_reject_code_is_tried() -> None:
    assert {bad.code for bad in BAD} | {"poison"} == set(REJECT_CODES)


def test_poison_duplicates_and_disorder_at_once_change_no_document_and_every_reject_is_there_once(
    deployment: Deployed,
) -> None:
    settings = deployment.settings
    story = story_of(40, 5)
    grace_ms = settings.grace * 1000
    arriving = list(disorder(sorted(story.events, key=lambda pair: pair[1].ts), grace_ms, duplicates=0.2, seed=3))
    worker = deployment.spawn_faulty("worker", "poison", CULPRIT)
    rejected = produce_with_dirt(settings, arriving, grace_ms, story.end)
    wait_for("all is committed", deployment.source.done, worker)
    deployment.finish(story, None, worker, None)
    assert sorted(rejects(settings)) == sorted(rejected)


def produce_with_dirt(
    settings: Settings, events: list[tuple[str, Event]], grace_ms: int, end: int
) -> list[tuple[str, str, str, str, bytes]]:
    """One record in a hundred is bad; returns origin, code and value of each."""
    dirty = KafkaProducer(bootstrap_servers=settings.brokers)
    topic = settings.topics.impressions
    bad = itertools.cycle((*BAD, None))
    rejected = []
    with SignalProducer(settings) as producer:
        for number, (_, event) in enumerate(events):
            producer.send(event)
            if number % EVERY:
                continue
            producer.flush()
            code, value, key, strays = next(bad) or Bad("poison", encode(culprit(event)), event.user_id.encode())
            elsewhere = (partition_of("u", settings.partitions) + 1) % settings.partitions if strays else None
            sent = dirty.send(topic, value, key=key, partition=elsewhere).get(30)
            rejected.append((topic, str(sent.partition), str(sent.offset), code, value))
            producer.watermark(event.ts - grace_ms)
        producer.watermark(end)
    dirty.close()
    assert len(rejected) >= len(events) // EVERY
    return rejected


def culprit(event: Event) -> Impression:
    """A valid event of the same user and time."""
    shown = Impression(user_id=event.user_id, ts=event.ts, content_id=CULPRIT, session_id=event.session_id)
    return msgspec.structs.replace(shown, visible_ms=9000)


def rejects(settings: Settings) -> list[tuple[str, str, str, str, bytes]]:
    """Origin, code and value of every record of the topic; each must say why."""
    found = []
    for record in records_of(settings, settings.topics.rejects):
        headers = {name: value.decode() for name, value in record.headers}
        assert headers["detail"], headers
        if headers["code"] == "poison":
            assert f"ZeroDivisionError: an event of {CULPRIT}" in headers["detail"]
        found.append((headers["topic"], headers["partition"], headers["offset"], headers["code"], record.value or b""))
    return found
