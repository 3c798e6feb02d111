"""The first bootstrap servers accept connections and say nothing, the last one is a broker: all start at once."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.cli.app import app
from streamer.embedded import EmbeddedBroker, EmbeddedRedis
from streamer.engine.kafka.producer import BatchProducer
from streamer.engine.kafka.scan import scanner
from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from tests.deployment import served, settings_of
from tests.processes import environment_of, running, wait_for

TIMEOUT_S = 60.0
AT_ONCE_S = 15.0


@pytest.fixture
def settings(
    embedded_broker: EmbeddedBroker, embedded_redis: EmbeddedRedis, prefix: str, tmp_path: Path
) -> Iterator[Settings]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        silent = [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, two)]
        brokers = ",".join([*silent, embedded_broker.bootstrap])
        given = {"declare_topics": False, "partitions": embedded_broker.partitions, "broker_timeout": TIMEOUT_S}
        yield settings_of(prefix, brokers, embedded_redis.url, tmp_path, clock="wall", **given)


def test_tools_producers_and_connections_start(settings: Settings) -> None:
    async def connect() -> None:
        producer = BatchProducer(settings)
        await producer.start()
        await producer.close()
        async with scanner(settings, "plays") as reading:
            await reading.extents(settings.topics.plays, [0])

    began = time.monotonic()
    assert CliRunner().invoke(app, ["topics", "check"], env=environment_of(settings)).exit_code == 0
    topics.check(settings)
    SignalProducer(settings).close()
    asyncio.run(connect())
    assert time.monotonic() - began < 2 * AT_ONCE_S


def test_worker_and_publisher_start(settings: Settings, tmp_path: Path) -> None:
    user, now_ms = settings.topic_prefix + "u", time.time_ns() // 1_000_000
    with SignalProducer(settings) as producer:
        producer.send(Dislike(user_id=user, ts=now_ms, action="block", scope="creator", creator_id="k"))
    began = time.monotonic()
    with (
        running("worker", settings, tmp_path / "worker.log") as worker,
        running("publisher", settings, tmp_path / "publisher.log"),
    ):
        wait_for("the block is served", lambda: bool(served(settings, [user])), worker)
        assert time.monotonic() - began < TIMEOUT_S
