"""Are the outputs right? Ours against the oracle, the peers' counts against a plain recount."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from confluent_kafka import Message, TopicPartition

from benchmarks.backlog import open_consumer
from lab.oracle import oracle
from streamer.engine.state.changelog import MARK_KEY
from streamer.events import DAY_MS, Dislike, Event, Impression, Play
from streamer.scoring import document
from streamer.scoring.document import Document
from streamer.settings import Settings

T = TypeVar("T")
Counts = dict[tuple[str, str, int], list[int]]
"""By user, tag and day: shown, started, abandoned, disliked."""


def newest_values(
    brokers: str, topic: str, partitions: int, keep: Callable[[bytes, bytes], T | None]
) -> dict[bytes, T]:
    """What is kept of the newest value of every key that a topic has now.

    Args:
        keep: what to keep of a key and its value; None: nothing.
    """
    newest: dict[bytes, T] = {}
    for record in records_of(brokers, topic, partitions):
        key, value = record.key(), record.value()
        if key is None:
            raise RuntimeError(f"{record.topic()}[{record.partition()}]@{record.offset()}: no key")
        kept = None if value is None else keep(key, value)
        if kept is None:
            newest.pop(key, None)
        else:
            newest[key] = kept
    return newest


def records_of(brokers: str, topic: str, partitions: int) -> Iterator[Message]:
    """What a topic has now.

    Raises:
        RuntimeError: it cannot be read.
    """
    consumer = open_consumer(brokers, "outcome")
    try:
        tps = [TopicPartition(topic, partition, 0) for partition in range(partitions)]
        ends = {tp.partition: consumer.get_watermark_offsets(tp, timeout=10)[1] for tp in tps}
        consumer.assign(tps)
        while any(max(0, at.offset) < ends[at.partition] for at in consumer.position(tps)):
            for record in consumer.consume(1_000, timeout=0.1):
                if record.error():
                    raise RuntimeError(f"{topic}[{record.partition()}]@{record.offset()}: {record.error()}")
                yield record
    finally:
        consumer.close()


def state(settings: Settings) -> tuple[int, int]:
    """How many users have state in the changelog, and how many bytes it is, decoded and without keys."""
    sizes = newest_values(settings.brokers, settings.topics.state, settings.partitions, lambda _, value: len(value))
    sizes.pop(MARK_KEY, None)
    return len({key.partition(b"|")[2] for key in sizes}), sum(sizes.values())


def outbox(settings: Settings, users: Collection[str]) -> dict[str, Document]:
    """The newest documents of some users in the outbox."""
    wanted = {user.encode() for user in users}
    topic = settings.topics.avoid_lists
    found = newest_values(
        settings.brokers, topic, settings.partitions, lambda key, value: value if key in wanted else None
    )
    return {key.decode(): document.decode(value) for key, value in found.items()}


def disagreements(settings: Settings, sample: Mapping[str, Sequence[Event]], watermark: int) -> list[str]:
    """What the outbox says of some users that the oracle does not say, given all their events."""
    written = outbox(settings, sample)
    truth = oracle.documents(settings, [event for own in sample.values() for event in own], watermark)
    problems = [] if truth else ["the oracle finds no document in the sample: it shows nothing"]
    for user in sample:
        problems += [f"{user}: {found}" for found in oracle.disagreements(written.get(user), truth.get(user))]
    return problems


# --- the simple count that the peers do ----------------------------------------------------------------------


def recount(events: Iterable[Event]) -> Counts:
    """The simple count, plainly."""
    counts: Counts = {}
    for event in events:
        match event:
            case Impression(visible_ms=int(visible_ms), visible_ratio=ratio) if ratio >= 0.5 and visible_ms >= (
                2000 if event.media in (None, "video") else 1000
            ):
                columns = [0]
            case Play(ended=True):
                limit = 30.0 if event.duration_s is None else min(60.0, 2 * math.sqrt(event.duration_s))
                columns = [1, 2] if event.played_s is not None and event.played_s < limit else [1]
            case Dislike():
                columns = [3]
            case _:
                continue
        for tag in event.tags:
            count = counts.setdefault((event.user_id, tag, event.ts // DAY_MS), [0, 0, 0, 0])
            for column in columns:
                count[column] += 1
    return counts


def differences(found: Mapping[tuple[str, str, int], list[int]], expected: Counts) -> list[str]:
    """Counts of a peer that a plain recount does not give."""
    return [
        f"{key}: {found.get(key)}, must be {expected.get(key)}"
        for key in found.keys() | expected.keys()
        if found.get(key) != expected.get(key)
    ]


def list_differences(found: Mapping[str, list[str]], expected: Counts) -> list[str]:
    """Lists of a peer that do not follow from a plain recount; an empty list is as good as none."""
    days: dict[tuple[str, str], list[list[int]]] = {}
    for (user, tag, _), count in expected.items():
        days.setdefault((user, tag), []).append(count)
    lists: dict[str, list[str]] = {}
    for user, tag in sorted(days):
        shown, started, abandoned, disliked = (sum(count) for count in zip(*days[user, tag], strict=True))
        if disliked or (shown >= 10 and not started) or (abandoned >= 2 and 2 * abandoned >= started):
            lists.setdefault(user, []).append(tag)
    return [
        f"{user}: {found.get(user)}, must be {lists.get(user)}"
        for user in found.keys() | lists.keys()
        if (found.get(user) or []) != lists.get(user, [])
    ]
