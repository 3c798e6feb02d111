"""Invariant I7: an erasure holds through crashes, and what comes after it counts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import msgspec
import pytest
import redis
from kafka import KafkaConsumer, TopicPartition

from lab.oracle import oracle
from streamer.engine.state.changelog import MARK_KEY
from streamer.engine.state.disk import DiskStore
from streamer.events import Event
from streamer.producing import SignalProducer
from streamer.settings import Settings
from tests.deployment import Story, newest_in_outbox, records_of, story_of
from tests.processes import wait_for
from tests.system.faults.deployed import Deployed
from tests.system.faults.test_boundaries import crashed, worker_boundaries

EVIDENCE = b"old-"
"""Creators of this name are in events before their user's erasure, and in no other."""


@pytest.mark.long
@pytest.mark.parametrize("deployment", ["memory", "rocksdb"], indirect=True)
def test_erasures_through_crashes_at_each_boundary_leave_nothing_of_before_and_all_of_after(
    deployment: Deployed,
) -> None:
    """
    events    ━━━━━━━━━━┥━━━━━━━━━━┥━━━━━━━━━━┥━━━
    erased              some       others     …
    worker    ━━━━━━━━━━━━━━━━✗━━━━━━━━━━━✗━━━━━━  each life ends at another boundary
    """
    settings = deployment.settings
    boundaries = worker_boundaries(settings.store)
    shares = len(boundaries) + 2
    told, erasures = erased_in_turn(story_of(40, 5), shares)
    feed = deployment.feed(told, shares)
    publisher = deployment.spawn("publisher")
    worker = deployment.spawn("worker")
    feed.allow()
    wait_for("the first events are there", lambda: deployment.source.committed() > 0, worker)
    wait_for("and processed", deployment.source.done, worker)
    worker.kill()
    assert EVIDENCE in b"".join(everything(settings)), "there is something to erase"
    *during, last = erasures
    for name, erasure in zip(boundaries, during, strict=True):
        erase(settings, *erasure)
        worker = deployment.spawn_faulty("worker", "crash", name, "1")
        feed.allow()
        wait_for(f"a crash: {name}", lambda w=worker: crashed(w), None)
    erase(settings, *last)
    worker = deployment.spawn_faulty("worker", "poison", "nobody")  # truncates the journal more often
    feed.allow()
    wait_for("everything is produced", lambda: feed.finished, worker)
    wait_for("all is committed", deployment.source.done, worker)
    wait_for("the journal is truncated", lambda: journal_is_empty(settings), worker)
    deployment.finish(told, None, worker, publisher)
    assert not [found for found in everything(settings) if EVIDENCE in found]


def erase(settings: Settings, ts: int, users: list[str]) -> None:
    with SignalProducer(settings) as producer:
        for user in users:
            producer.erase(user, ts)


def erased_in_turn(story: Story, shares: int) -> tuple[Story, list[tuple[int, list[str]]]]:
    """The story with old evidence named so, and who is erased before each share but the first, and up to when."""
    events: list[tuple[str, Event]] = []
    for topic, event in sorted(story.events, key=lambda pair: pair[1].ts):
        if not events or event.ts > events[-1][1].ts:
            events.append((topic, event))
    share = len(events) // shares + 1  # as `Feed` has it
    users = sorted(story.users)
    cuts = [events[at - 1][1].ts for at in range(share, len(events), share)]
    erasures = [(ts, users[number :: len(cuts) + 1]) for number, ts in enumerate(cuts)]
    until = {user: ts for ts, erased in erasures for user in erased}
    named = [
        (topic, msgspec.structs.replace(event, creator_id=f"{EVIDENCE.decode()}{event.creator_id}"))
        if event.creator_id is not None and event.ts <= until.get(event.user_id, -1)
        else (topic, event)
        for topic, event in events
    ]
    after = [event for _, event in named if event.ts > until.get(event.user_id, -1)]
    truth = oracle.documents(Settings(clock="events"), after, story.end)
    assert truth.keys() & until.keys(), "erased users have documents again"
    return Story(named, story.end, truth), erasures


def everything(settings: Settings) -> Iterator[bytes]:
    """What there is of anybody: the newest of each key of state and outbox, the whole journal, the disk, Redis."""
    state = {record.key: record.value for record in records_of(settings, settings.topics.state)}
    yield from (value for key, value in state.items() if key != MARK_KEY and value is not None)
    yield from (record.value or b"" for record in records_of(settings, settings.topics.journal))
    yield from newest_in_outbox(settings).values()
    for folder in (settings.data_dir / settings.group / "state" / settings.topics.state).glob("*"):
        store = DiskStore(folder)
        yield from (part for user in store for part in store.parts(user).values())
        store.close()
    with redis.Redis.from_url(settings.redis_url) as client:
        for key in client.scan_iter():
            kind = client.type(key)
            yield (
                b"".join(chain.from_iterable(client.hgetall(key).items()))
                if kind == b"hash"
                else client.get(key) or b""
            )


def journal_is_empty(settings: Settings) -> bool:
    tps = [TopicPartition(settings.topics.journal, p) for p in range(settings.partitions)]
    consumer = KafkaConsumer(bootstrap_servers=settings.brokers)
    try:
        begins, ends = consumer.beginning_offsets(tps), consumer.end_offsets(tps)
    finally:
        consumer.close()
    return bool(begins == ends)
