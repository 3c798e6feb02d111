"""A deployment for tests: its settings, what it is fed, and what its state, outbox and Redis hold in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
from kafka import KafkaAdminClient

from lab.oracle import oracle
from streamer.city import city
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import scan
from streamer.engine.state.loading import load_profile
from streamer.engine.state.recovery import recover
from streamer.engine.state.store import MemoryStore, PartitionStore
from streamer.engine.state.stores import open_stores
from streamer.events import DAY_MS, Dislike, Event
from streamer.profile import Profile, Rules
from streamer.scoring import document
from streamer.scoring.document import Document
from streamer.settings import Settings
from streamer.sinks.address import RedisAddress
from streamer.sinks.keys import Keys

_REDIS_S = 10.0
NOW = 1_760_000_000_000


def settings_of(prefix: str, brokers: str, redis_url: str, data_dir: Path, **more: object) -> Settings:
    """Settings of a deployment of its own, whose clock is the events', and whose population is the constants."""
    values = {
        "brokers": brokers,
        "partitions": 4,
        "topic_prefix": prefix,
        "group": prefix + "workers",
        "publisher_group": prefix + "publishers",
        "population_group": prefix + "population",
        "redis_url": redis_url,
        "data_dir": data_dir,
        "checkpoint_interval": 0.5,
        "clock": "events",
        "population": False,
        "population_share": 1.0,
        **more,
    }
    return Settings(**values)  # type: ignore[arg-type]


def city_of(prefix: str, users: int = 20, days: int = 4) -> list[tuple[str, Event]]:
    """A city's events; user ids carry the prefix, as tests share Redis."""
    events = city.generate(users=users, days=days, seed=5, end_ms=NOW)
    return [(topic, msgspec.structs.replace(event, user_id=prefix + event.user_id)) for topic, event in events]


def served(settings: Settings, users: Iterable[str]) -> dict[str, Document]:
    """The documents that Redis has of these users."""
    with RedisAddress(settings.redis_url, _REDIS_S).connect() as client:
        found = {user: client.get(Keys(settings.redis_prefix).document(user)) for user in users}
    return {user: document.decode(raw) for user, raw in found.items() if raw is not None}


def wrong(settings: Settings, events: Iterable[tuple[str, Event]], watermark: int) -> dict[str, list[str]]:
    """Users whose document in Redis is not what the oracle computes, and why."""
    known = [event for _, event in events]
    truth = oracle.documents(settings, known, watermark)
    assert truth, "these events make no document, so they test nothing"
    there = served(settings, {event.user_id for event in known})
    checked = {user: oracle.disagreements(there.get(user), truth.get(user)) for user in truth.keys() | there.keys()}
    return {user: found for user, found in checked.items() if found}


# --- a story, and whether it was told right everywhere ------------------------------------------------------


class Story(NamedTuple):
    """Events, the watermark after them, and the oracle's documents."""

    events: Sequence[tuple[str, Event]]
    end: int
    truth: Mapping[str, Document]

    @property
    def users(self) -> set[str]:
        return {event.user_id for _, event in self.events}


@cache
def story_of(users: int, days: int, seed: int = 5) -> Story:
    """A city's events with many explicit ones among them, so that lists change all the time."""
    events = list(outspoken(city.generate(users=users, days=days, seed=seed, end_ms=NOW)))
    end = NOW + DAY_MS
    return Story(events, end, oracle.documents(Settings(clock="events"), [event for _, event in events], end))


def outspoken(events: Iterable[tuple[str, Event]]) -> Iterator[tuple[str, Event]]:
    """After every tenth event its user says no to a creator; every third time an older no is taken back."""
    for number, (topic, event) in enumerate(events):
        yield topic, event
        if number % 10 == 0:
            target = f"loud-{number % 70}"
            action = "undo" if number % 30 == 20 else "dislike"
            same_session = {"session_id": event.session_id, "device": event.device, "ts": event.ts}
            yield (
                "dislikes",
                Dislike(user_id=event.user_id, action=action, scope="creator", creator_id=target, **same_session),
            )


def wrong_anywhere(
    settings: Settings, truth: Mapping[str, Document], users: Iterable[str], strangers: Collection[str] = ()
) -> dict[str, list[str]]:
    """What differs from the oracle: the saved state exactly, the outbox by the write rule, Redis from the outbox.

    Counts are in the state's documents, so an event counted twice is seen there whatever the write rule lets pass.

    Args:
        strangers: keys of records in our topics that no worker has written.
    """
    assert truth, "these events make no document, so they test nothing"
    known = set(users) | truth.keys()
    outbox = {user: raw for user, raw in newest_in_outbox(settings).items() if user not in strangers}
    saved = saved_documents(settings, strangers)
    with RedisAddress(settings.redis_url, _REDIS_S).connect() as client:
        cached = {user: client.get(Keys(settings.redis_prefix).document(user)) for user in known | outbox.keys()}
    found: dict[str, list[str]] = {}
    for user in sorted(known | outbox.keys() | saved.keys()):
        raw, true = outbox.get(user), truth.get(user)
        problems = [f"state: {line}" for line in oracle.same(saved.get(user), true)]
        written = None if raw is None else document.decode(raw)
        problems += [f"outbox: {line}" for line in oracle.disagreements(written, true)]
        if cached.get(user) != raw:
            problems.append("redis: not the bytes of the outbox")
        if problems:
            found[user] = problems
    return found


def newest_in_outbox(settings: Settings) -> dict[str, bytes]:
    """Every user's newest document in the topic; users whose newest record is a tombstone are left out."""

    records = records_of(settings, settings.topics.avoid_lists)
    newest = {(record.key or b"").decode(): record.value for record in records}
    return {user: raw for user, raw in newest.items() if raw is not None}


def records_of(settings: Settings, topic: str) -> list[Record]:
    """Everything that a topic keyed by user has, each partition in order."""
    return records_in(settings, topic, range(settings.partitions))


def records_in(settings: Settings, topic: str, partitions: Iterable[int]) -> list[Record]:
    """Everything that these partitions of a topic have, each in order."""

    async def read() -> list[Record]:
        begin = dict.fromkeys(partitions, 0)
        return [record async for scanned in scan(settings, topic, begin) for record in scanned.records]

    return asyncio.run(read())


def saved_documents(settings: Settings, strangers: Collection[str] = ()) -> dict[str, Document]:
    """The documents of the state that a worker started now would recover, had it nothing on disk."""
    return _documents(saved_profiles(settings, strangers).values())


def saved_profiles(settings: Settings, strangers: Collection[str] = ()) -> dict[str, Profile]:
    """Everybody in that state, but for those of whom strangers' records speak."""
    stores = {partition: MemoryStore() for partition in range(settings.partitions)}
    return asyncio.run(_recovered(settings, stores, strangers))


def saved_stores(settings: Settings) -> dict[int, PartitionStore]:
    """The state, by partition, that a worker started now would recover, had it nothing on disk."""
    stores: dict[int, PartitionStore] = {partition: MemoryStore() for partition in range(settings.partitions)}
    asyncio.run(recover(settings, stores))
    return stores


def local_documents(settings: Settings, strangers: Collection[str] = ()) -> dict[str, Document]:
    """The documents of the state on disk, brought up to date; no worker may hold it."""

    async def recovered() -> dict[str, Document]:
        stores = open_stores(settings)
        opened = await stores.open(range(settings.partitions))
        try:
            return _documents((await _recovered(settings, opened, strangers)).values())
        finally:
            stores.let_go(())

    return asyncio.run(recovered())


async def _recovered(
    settings: Settings, stores: Mapping[int, PartitionStore], strangers: Collection[str]
) -> dict[str, Profile]:
    await recover(settings, stores)
    rules = Rules(settings)
    known = ((store, user) for store in stores.values() for user in store if user not in strangers)
    found = (_as_saved(store, user, rules) for store, user in known)
    return {profile.user_id: profile for profile in found if not profile.empty}  # erased users stand everywhere


def _as_saved(store: PartitionStore, user: str, rules: Rules) -> Profile:
    """Time does not pass for it here: what was due by the watermark, its worker must have done."""
    profile = load_profile(user, rules, store.parts(user), store.journal.records(user))
    profile.watermark = -1 if store.mark is None else store.mark.watermark
    return profile


def _documents(profiles: Iterable[Profile]) -> dict[str, Document]:
    found = {profile.user_id: profile.document() for profile in profiles}
    return {user: computed for user, computed in found.items() if computed is not None}


def make_topic(settings: Settings, name: str, partitions: int, **configs: str) -> None:
    """Makes one topic of a deployment by hand, as someone else might have."""
    admin = KafkaAdminClient(bootstrap_servers=settings.brokers)
    named = {config.replace("_", "."): value for config, value in configs.items()}
    topic = settings.topic_prefix + name
    admin.create_topics(
        {topic: {"num_partitions": partitions, "replication_factor": 1, "configs": named}}, wait_for_metadata=True
    )
    admin.close()
