"""A deployment for tests: its settings, what it is fed, and what Redis serves in the end."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import redis

from streamer.events import Event
from streamer.scoring import document
from streamer.scoring.document import Document
from streamer.settings import Settings
from streamer.simulation import city, oracle
from streamer.sinks.keys import document_key

NOW = 1_760_000_000_000


def settings_of(prefix: str, brokers: str, redis_url: str, data_dir: Path, **more: object) -> Settings:
    """Settings of a deployment of its own, whose clock is the events'."""
    values = {
        "brokers": brokers,
        "partitions": 4,
        "topic_prefix": prefix,
        "group": prefix + "workers",
        "publisher_group": prefix + "publishers",
        "redis_url": redis_url,
        "data_dir": data_dir,
        "checkpoint_interval": 0.5,
        "clock": "events",
        **more,
    }
    return Settings(**values)  # type: ignore[arg-type]


def city_of(prefix: str, users: int = 20, days: int = 4) -> list[tuple[str, Event]]:
    """A city's events; user ids carry the prefix, as tests share Redis."""
    events = city.generate(users=users, days=days, seed=5, end_ms=NOW)
    return [(topic, msgspec.structs.replace(event, user_id=prefix + event.user_id)) for topic, event in events]


def served(settings: Settings, users: Iterable[str]) -> dict[str, Document]:
    """The documents that Redis has of these users."""
    with redis.Redis.from_url(settings.redis_url) as client:
        found = {user: client.get(document_key(user)) for user in users}
    return {user: document.decode(raw) for user, raw in found.items() if raw is not None}


def wrong(settings: Settings, events: Iterable[tuple[str, Event]], watermark: int) -> dict[str, list[str]]:
    """Users whose document in Redis is not what the oracle computes, and why."""
    known = [event for _, event in events]
    truth = oracle.documents(settings, known, watermark)
    assert truth, "these events make no document, so they test nothing"
    there = served(settings, {event.user_id for event in known})
    checked = {user: oracle.disagreements(there.get(user), truth.get(user)) for user in truth.keys() | there.keys()}
    return {user: found for user, found in checked.items() if found}
