"""Priors snapshots as a worker meets them: missing, good, broken, too new, old, or out of reach."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from streamer.cli.demo.deployment import sums
from streamer.embedded import EmbeddedBroker
from streamer.engine.kafka.compacted import PARTITION
from streamer.engine.metrics import Metrics
from streamer.engine.population.snapshots import KEY, STALE_AFTER, SnapshotFollower
from streamer.events import CLAIM
from streamer.producing.connection import open_producer
from streamer.profile import Rules
from streamer.scoring.priors import SCHEMA, Priors, encode
from streamer.settings import Settings
from tests.deployment import settings_of

NOW = 1_760_000_000_000
Write = Callable[..., None]


class Following:
    """A follower, and what it has told."""

    def __init__(self, settings: Settings) -> None:
        self.rules = Rules(settings)
        self.metrics = Metrics()
        self.now_ms = NOW
        self._follower = SnapshotFollower(self.rules, settings, self.metrics, lambda: self.now_ms)

    def refresh(self) -> Priors:
        asyncio.run(self._follower.refresh())
        return self.rules.priors

    def measured(self, name: str) -> float:
        return sums(generate_latest(self.metrics.registry).decode()).get(f"streamer_population_{name}", 0.0)


@pytest.fixture
def settings(embedded_broker: EmbeddedBroker, prefix: str, tmp_path: Path) -> Settings:
    partitions = embedded_broker.partitions
    more = {"partitions": partitions, "declare_topics": False, "population": True, "broker_timeout": 2.0}
    return settings_of(prefix, embedded_broker.bootstrap, "redis://nowhere", tmp_path, **more)


@pytest.fixture
def write(settings: Settings) -> Iterator[Write]:
    producer = open_producer(settings, delivery_timeout=10, auto_create=True)
    producer.partitions_for(settings.topics.snapshots)

    def write(*values: Priors | bytes | None, key: bytes = KEY) -> None:
        for value in values:
            raw = encode(value) if isinstance(value, Priors) else value
            producer.send(settings.topics.snapshots, raw, key, partition=PARTITION)
        producer.flush()

    yield write
    producer.close()


@pytest.fixture
def following(settings: Settings, write: Write) -> Following:
    return Following(settings)


def of(version: int, as_of: int = NOW, schema: int = SCHEMA) -> Priors:
    return Priors(schema=schema, version=version, as_of=as_of, start_rate=0.3)


def test_without_a_snapshot_the_constants_hold(following: Following) -> None:
    assert following.refresh() == Priors()
    assert following.measured("version") == 0


def test_the_newest_is_adopted_at_start_and_each_newer_one_later(following: Following, write: Write) -> None:
    write(None, key=CLAIM.encode())
    write(of(1), of(2))
    assert following.refresh() == of(2)
    write(of(3))
    assert following.refresh() == of(3)
    assert (following.measured("version"), following.measured("snapshots_total")) == (3, 2)


def test_one_that_lies_far_back_is_found(following: Following, write: Write) -> None:
    write(of(1))
    write(*[None] * 30, key=CLAIM.encode())
    assert following.refresh() == of(1)


@pytest.mark.parametrize(
    ("bad", "result"),
    [
        (b"{", "corrupt"),
        (b'{"schema":1,"version":9,"start_rate":7}', "corrupt"),
        (encode(of(9, schema=SCHEMA + 1)), "too_new"),
    ],
)
def test_what_cannot_be_read_leaves_the_one_before_in_force_and_is_told(
    following: Following, write: Write, caplog: pytest.LogCaptureFixture, bad: bytes, result: str
) -> None:
    write(of(1), bad)
    assert following.refresh() == of(1)
    assert following.refresh() == of(1)  # told once
    refused = [
        record for record in caplog.records if record.levelno == logging.ERROR and "stays in force" in record.msg
    ]
    counted = following.metrics.population_snapshots.labels(result)._value.get()
    assert (len(refused), counted) == (1, 1)
    write(of(10))
    assert following.refresh() == of(10)


def test_an_old_one_stays_in_force_and_a_warning_says_so_once(
    following: Following, write: Write, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    write(of(1))
    following.refresh()
    limit_ms = round(STALE_AFTER * settings.population_interval * 1000)
    for late_ms in (0, 1, 1000):
        following.now_ms = NOW + limit_ms + late_ms
        assert following.refresh() == of(1)
    assert [record.levelname for record in caplog.records if "s old and stays in force" in record.msg] == ["WARNING"]
    assert following.measured("age_seconds") == (limit_ms + 1000) / 1000


def test_an_unchanged_one_made_anew_is_young_and_disturbs_nobody(following: Following, write: Write) -> None:
    write(of(1))
    following.refresh()
    number = following.rules.snapshots.number
    following.now_ms = NOW + 60_000
    write(of(1, as_of=NOW + 60_000))
    following.refresh()
    assert (following.measured("age_seconds"), following.rules.snapshots.number) == (0, number)


def test_a_broker_that_is_away_leaves_it_in_force(
    settings: Settings, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = settings.model_copy(update={"brokers": "127.0.0.1:1"})
    assert Following(elsewhere).refresh() == Priors()
    assert "stays in force" in caplog.text
